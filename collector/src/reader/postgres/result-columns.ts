import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Column, Value } from '@spanledger/pgwire';
import { toJson } from '../../store/json-values.ts';
import { postgresTypeOf } from '../catalogue/index.ts';
import { nullsOf } from '../nulls.ts';

/**
 * The columns of a result as PostgreSQL's clients get them: each as `postgresTypeOf` tells its type. Those that results
 * are made of by the hundred thousand are read from the engine's memory; the rest goes through the values of its client
 * library. Decimals become text digit by digit.
 */
export function resultColumns(chunk: DuckDBDataChunk, types: readonly DuckDBType[]): Column[] {
  return types.map((type, index) => {
    const read = readerOf(type);
    return read === null ? convertedColumn(chunk, index, type) : plainColumn(chunk, index, read);
  });
}

/** How the values of a type are read from the memory of a column. */
interface Reader {
  readonly bytes: number;
  readonly from: (memory: Memory) => (row: number) => Value;
}

/** One column of a chunk as the engine has it. It is read at once, since the engine may use it again. */
interface Memory {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly rows: number;
}

function plainColumn(chunk: DuckDBDataChunk, index: number, { bytes, from }: Reader): (Value | null)[] {
  const { rowCount } = chunk;
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
  const isNull = nullsOf(vector, rowCount);
  const { buffer, byteOffset } = duckdb.vector_get_data(vector, rowCount * bytes);
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError('the memory of the engine is an ArrayBuffer');
  const at = from({ buffer, offset: byteOffset, rows: rowCount });
  const values = new Array<Value | null>(rowCount);
  for (let row = 0; row < rowCount; row++) {
    values[row] = isNull(row) ? null : at(row);
  }
  return values;
}

type Numbers = new (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
) => { readonly [row: number]: number; readonly BYTES_PER_ELEMENT: number };

function numbers(View: Numbers & { readonly BYTES_PER_ELEMENT: number }): Reader {
  return {
    bytes: View.BYTES_PER_ELEMENT,
    from({ buffer, offset, rows }) {
      const view = new View(buffer, offset, rows);
      return (row) => view[row] ?? 0;
    },
  };
}

const BOOLEAN: Reader = {
  bytes: 1,
  from({ buffer, offset, rows }) {
    const view = new Uint8Array(buffer, offset, rows);
    return (row) => view[row] !== 0;
  },
};

/** 64 bits: a number where it is safe, which is several times as fast. */
const INT64: Reader = { bytes: 8, from: integers64 };

function integers64({ buffer, offset, rows }: Memory): (row: number) => number | bigint {
  const halves = new Int32Array(buffer, offset, rows * 2);
  const whole = new BigInt64Array(buffer, offset, rows);
  return (row) => {
    const number = (halves[row * 2 + 1] ?? 0) * 0x1_0000_0000 + ((halves[row * 2] ?? 0) >>> 0);
    return Number.isSafeInteger(number) ? number : (whole[row] ?? 0n);
  };
}

const UINT64: Reader = {
  bytes: 8,
  from({ buffer, offset, rows }) {
    const view = new BigUint64Array(buffer, offset, rows);
    return (row) => view[row] ?? 0n;
  },
};

function integers128({ buffer, offset, rows }: Memory): (row: number) => number | bigint {
  const low = new BigUint64Array(buffer, offset, rows * 2);
  const high = new BigInt64Array(buffer, offset, rows * 2);
  const words = new Int32Array(buffer, offset, rows * 4);
  return (row) => {
    const at = row * 4;
    const second = words[at + 1] ?? 0;
    // Small and not negative, as nearly all are.
    if (words[at + 3] === 0 && words[at + 2] === 0 && second >= 0 && second < 0x20_0000)
      return second * 0x1_0000_0000 + ((words[at] ?? 0) >>> 0);
    return ((high[row * 2 + 1] ?? 0n) << 64n) | (low[row * 2] ?? 0n);
  };
}

const INT128: Reader = {
  bytes: 16,
  from(memory) {
    const at = integers128(memory);
    return (row) => BigInt(at(row));
  },
};

const UINT128: Reader = {
  bytes: 16,
  from({ buffer, offset, rows }) {
    const words = new BigUint64Array(buffer, offset, rows * 2);
    return (row) => ((words[row * 2 + 1] ?? 0n) << 64n) | (words[row * 2] ?? 0n);
  },
};

/** As wide as its digits need. */
function decimals(width: number, scale: number): Reader {
  const text =
    (units: (memory: Memory) => (row: number) => number | bigint) =>
    (memory: Memory): ((row: number) => Value) => {
      const at = units(memory);
      return (row) => decimalText(at(row), scale);
    };
  if (width <= 4)
    return {
      bytes: 2,
      from: text(({ buffer, offset, rows }) => small(new Int16Array(buffer, offset, rows))),
    };
  if (width <= 9)
    return {
      bytes: 4,
      from: text(({ buffer, offset, rows }) => small(new Int32Array(buffer, offset, rows))),
    };
  if (width <= 18) return { bytes: 8, from: text(integers64) };
  return { bytes: 16, from: text(integers128) };
}

function small(view: Int16Array | Int32Array): (row: number) => number {
  return (row) => view[row] ?? 0;
}

/** @param units how many of the smallest units, `scale` digits after the point */
export function decimalText(units: number | bigint, scale: number): string {
  if (scale === 0) return String(units);
  const isNegative = units < 0;
  const digits = String(isNegative ? -units : units).padStart(scale + 1, '0');
  const text = `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return isNegative ? `-${text}` : text;
}

const STRING_BYTES = 16;
const INLINE_BYTES = 12;

/** Headers of sixteen bytes: a length, then the text itself where it is short, else where it stands. */
function strings<T extends Value>(read: (bytes: Buffer) => T): Reader {
  return {
    bytes: STRING_BYTES,
    from({ buffer, offset, rows }) {
      const words = new Uint32Array(buffer, offset, rows * 4);
      const pointers = new BigUint64Array(buffer, offset, rows * 2);
      // Getting at a text that stands elsewhere takes a microsecond, and rows repeat names.
      const known = new Map<bigint, { readonly length: number; readonly value: T }>();
      return (row) => {
        const length = words[row * 4] ?? 0;
        const header = offset + row * STRING_BYTES;
        if (length <= INLINE_BYTES) return read(Buffer.from(buffer, header + 4, length));
        const pointer = pointers[row * 2 + 1] ?? 0n;
        const before = known.get(pointer);
        if (before?.length === length) return before.value;
        const bytes = duckdb.get_data_from_pointer(buffer, header + 8, length);
        const value = read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
        known.set(pointer, { length, value });
        return value;
      };
    },
  };
}

const TEXT = strings((bytes) => bytes.toString('utf8'));
const BLOB = strings((bytes) => Uint8Array.from(bytes));

/** The engine's largest numbers are its infinities. */
const MAX_DAYS = 0x7fff_ffff;
const MAX_MICROS = 0x7fff_ffff_ffff_ffffn;

const DATE: Reader = {
  bytes: 4,
  from({ buffer, offset, rows }) {
    const days = new Int32Array(buffer, offset, rows);
    return (row) => {
      const value = days[row] ?? 0;
      return Math.abs(value) === MAX_DAYS ? infinite(value > 0) : value;
    };
  },
};

/** Instants and times of day: microseconds are `multiplier / divisor` of their units. */
function instants(multiplier: bigint, divisor: bigint): Reader {
  return {
    bytes: 8,
    from({ buffer, offset, rows }) {
      const units = new BigInt64Array(buffer, offset, rows);
      return (row) => {
        const value = units[row] ?? 0n;
        if (value === MAX_MICROS || value === -MAX_MICROS) return infinite(value > 0n);
        return divisor === 1n ? value * multiplier : floored(value, divisor);
      };
    },
  };
}

function infinite(isLater: boolean): 'infinity' | '-infinity' {
  return isLater ? 'infinity' : '-infinity';
}

function floored(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
}

const MICROS = instants(1n, 1n);

/** Null: by way of the values of the client library. */
function readerOf(type: DuckDBType): Reader | null {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return BOOLEAN;
    case DuckDBTypeId.TINYINT:
      return numbers(Int8Array);
    case DuckDBTypeId.UTINYINT:
      return numbers(Uint8Array);
    case DuckDBTypeId.SMALLINT:
      return numbers(Int16Array);
    case DuckDBTypeId.USMALLINT:
      return numbers(Uint16Array);
    case DuckDBTypeId.INTEGER:
      return numbers(Int32Array);
    case DuckDBTypeId.UINTEGER:
      return numbers(Uint32Array);
    case DuckDBTypeId.BIGINT:
      return INT64;
    case DuckDBTypeId.UBIGINT:
      return UINT64;
    case DuckDBTypeId.HUGEINT:
      return INT128;
    case DuckDBTypeId.UHUGEINT:
      return UINT128;
    case DuckDBTypeId.FLOAT:
      return numbers(Float32Array);
    case DuckDBTypeId.DOUBLE:
      return numbers(Float64Array);
    case DuckDBTypeId.DECIMAL:
      return decimals(type.width, type.scale);
    case DuckDBTypeId.DATE:
      return DATE;
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return MICROS;
    case DuckDBTypeId.TIMESTAMP_MS:
      return instants(1_000n, 1n);
    case DuckDBTypeId.TIMESTAMP_S:
      return instants(1_000_000n, 1n);
    case DuckDBTypeId.TIME_NS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return instants(1n, 1_000n);
    case DuckDBTypeId.VARCHAR:
      return TEXT;
    case DuckDBTypeId.BLOB:
      return BLOB;
    default:
      return null;
  }
}

const JSON_OID = 114;

function convertedColumn(chunk: DuckDBDataChunk, index: number, type: DuckDBType): (Value | null)[] {
  const isJson = postgresTypeOf(type).oid === JSON_OID;
  return chunk
    .getColumnValues(index)
    .map((value) => (isJson ? jsonText(value, type) : converted(value, type)));
}

/** A structure: its decimals and 64-bit integers are texts, which no reader of JSON rounds. */
function jsonText(value: DuckDBValue, type: DuckDBType): string | null {
  const json = toJson(value, type, toJson);
  return json === null ? null : JSON.stringify(json);
}

/** A value of the client library, such as those in a list, as `postgresTypeOf` has its type. */
function converted(value: DuckDBValue, type: DuckDBType): Value | null {
  if (value === null) return null;
  if (typeof value !== 'object') return value;
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) {
    const itemType = 'valueType' in type ? type.valueType : null;
    if (itemType === null) throw new TypeError(`a list of type ${type}`);
    return value.items.map((item) => converted(item, itemType));
  }
  if (value instanceof DuckDBDateValue) return value.isFinite ? value.days : infinite(value.days > 0);
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue)
    return value.isFinite ? value.micros : infinite(value.micros > 0n);
  if (value instanceof DuckDBTimestampSecondsValue)
    return value.isFinite ? value.seconds * 1_000_000n : infinite(value.seconds > 0n);
  if (value instanceof DuckDBTimestampMillisecondsValue)
    return value.isFinite ? value.millis * 1_000n : infinite(value.millis > 0n);
  if (value instanceof DuckDBTimestampNanosecondsValue)
    return value.isFinite ? floored(value.nanos, 1_000n) : infinite(value.nanos > 0n);
  if (value instanceof DuckDBTimeNSValue) return value.nanos / 1_000n;
  if (value instanceof DuckDBTimeValue) return value.micros;
  if (value instanceof DuckDBTimeTZValue) return { micros: value.micros, offsetSeconds: value.offset };
  if (value instanceof DuckDBIntervalValue)
    return { months: value.months, days: value.days, micros: value.micros };
  if (value instanceof DuckDBBlobValue) return Uint8Array.from(value.bytes);
  // Decimals, UUIDs, bits: their text is what clients are to see.
  return value.toString();
}
