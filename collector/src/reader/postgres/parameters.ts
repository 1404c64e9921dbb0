import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  FLOAT,
  INTEGER,
  INTERVAL,
  LIST,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  TIMETZ,
  VARCHAR,
} from '@duckdb/node-api';
import { OID, TYPES, type Value } from '@spanledger/pgwire';
import { postgresTypeOf } from '../catalogue/index.ts';
import { mistake } from '../errors.ts';

/**
 * What one parameter is, as clients are told and send it, and as the engine takes it. A client may say what it sends;
 * otherwise the engine tells what the statement expects; where both are silent it is text, as in PostgreSQL.
 */
export interface Parameter {
  /** The type that the client is told of, and sends values of. */
  readonly oid: number;
  /** Types to cast the parameter to, the first one first, so that the statement means what the client does. */
  readonly casts: readonly string[];
}

/** @param expected by the engine; null where the statement leaves it open */
export function parameterOf(expected: DuckDBType | null, clientOid: number): Parameter {
  if (clientOid === 0 || clientOid === OID.unknown) {
    return expected === null
      ? { oid: OID.text, casts: ['VARCHAR'] }
      : { oid: postgresTypeOf(expected).oid, casts: [] };
  }
  const sent = typeSent(clientOid);
  if (expected === null) return { oid: clientOid, casts: [String(sent)] };
  const isSame = expected.typeId === sent.typeId && sent.typeId !== DuckDBTypeId.LIST;
  // A decimal is bound with the digits it has; the engine finds what it is compared with.
  if (isSame || clientOid === OID.numeric) return { oid: clientOid, casts: [] };
  // Text may stand for anything, as a literal does.
  const isText = sent.typeId === DuckDBTypeId.VARCHAR;
  return { oid: clientOid, casts: isText ? ['VARCHAR', String(expected)] : [String(sent)] };
}

/** A value and what the engine is to take it for. */
export interface BoundValue {
  readonly value: DuckDBValue;
  readonly type: DuckDBType;
}

/**
 * @param value as `Value` of pgwire has it for the type
 * @throws {ReaderError} 22003 for a number that the engine has no type for
 */
export function boundValue(oid: number, value: Value | null): BoundValue {
  if (oid === OID.numeric) return value === null ? { value, type: MONEY } : decimalValue(String(value));
  const type = typeSent(oid);
  return { value: value === null ? null : engineValue(type, value), type };
}

/** Decimals of which nothing else is known: as exact as the ledger's own amounts of money. */
const MONEY = DECIMAL(38, 15);

const BY_OID: ReadonlyMap<number, DuckDBType> = new Map<number, DuckDBType>([
  [OID.bool, BOOLEAN],
  [OID.int2, SMALLINT],
  [OID.int4, INTEGER],
  [OID.int8, BIGINT],
  [OID.oid, BIGINT],
  [OID.float4, FLOAT],
  [OID.float8, DOUBLE],
  [OID.numeric, MONEY],
  [OID.date, DATE],
  [OID.time, TIME],
  [OID.timetz, TIMETZ],
  [OID.timestamp, TIMESTAMP],
  [OID.timestamptz, TIMESTAMPTZ],
  [OID.interval, INTERVAL],
  [OID.bytea, BLOB],
]);

const ELEMENT_OF: ReadonlyMap<number, number> = new Map(
  TYPES.filter(({ arrayOid }) => arrayOid !== 0).map(({ arrayOid, oid }) => [arrayOid, oid]),
);

/** Some value of the type, in SQL. */
export function sampleOf(oid: number): string {
  const type = typeSent(oid);
  return `CAST('${SAMPLES.get(type.typeId) ?? ''}' AS ${type})`;
}

const SAMPLES: ReadonlyMap<DuckDBTypeId, string> = new Map([
  [DuckDBTypeId.BOOLEAN, 'true'],
  [DuckDBTypeId.SMALLINT, '1'],
  [DuckDBTypeId.INTEGER, '1'],
  [DuckDBTypeId.BIGINT, '1'],
  [DuckDBTypeId.FLOAT, '1'],
  [DuckDBTypeId.DOUBLE, '1'],
  [DuckDBTypeId.DECIMAL, '1'],
  [DuckDBTypeId.DATE, '2000-01-01'],
  [DuckDBTypeId.TIME, '00:00:00'],
  [DuckDBTypeId.TIME_TZ, '00:00:00+00'],
  [DuckDBTypeId.TIMESTAMP, '2000-01-01 00:00:00'],
  [DuckDBTypeId.TIMESTAMP_TZ, '2000-01-01 00:00:00+00'],
  [DuckDBTypeId.INTERVAL, '1 day'],
  [DuckDBTypeId.LIST, '[]'],
]);

/** What the values of a client's type are to the engine: text, unless there is something better. */
function typeSent(oid: number): DuckDBType {
  const element = ELEMENT_OF.get(oid);
  if (element !== undefined) return LIST(typeSent(element));
  return BY_OID.get(oid) ?? VARCHAR;
}

function engineValue(type: DuckDBType, value: Value): DuckDBValue {
  switch (type.typeId) {
    case DuckDBTypeId.LIST: {
      if (!Array.isArray(value)) throw new TypeError(`a list cannot be ${typeof value}`);
      const items: readonly (Value | null)[] = value;
      return new DuckDBListValue(
        items.map((item) => (item === null ? null : engineValue(type.valueType, item))),
      );
    }
    case DuckDBTypeId.BOOLEAN:
      return value === true;
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return Number(value);
    case DuckDBTypeId.BIGINT:
      return typeof value === 'bigint' ? value : BigInt(Number(value));
    case DuckDBTypeId.DECIMAL:
      return decimalOf(String(value), type.scale);
    case DuckDBTypeId.DATE:
      return value === 'infinity'
        ? DuckDBDateValue.PosInf
        : value === '-infinity'
          ? DuckDBDateValue.NegInf
          : new DuckDBDateValue(Number(value));
    case DuckDBTypeId.TIME:
      return new DuckDBTimeValue(micros(value));
    case DuckDBTypeId.TIMESTAMP:
      return value === 'infinity'
        ? DuckDBTimestampValue.PosInf
        : value === '-infinity'
          ? DuckDBTimestampValue.NegInf
          : new DuckDBTimestampValue(micros(value));
    case DuckDBTypeId.TIMESTAMP_TZ:
      return value === 'infinity'
        ? DuckDBTimestampTZValue.PosInf
        : value === '-infinity'
          ? DuckDBTimestampTZValue.NegInf
          : new DuckDBTimestampTZValue(micros(value));
    case DuckDBTypeId.TIME_TZ:
      return typeof value === 'object' && 'offsetSeconds' in value
        ? DuckDBTimeTZValue.fromMicrosAndOffset(value.micros, value.offsetSeconds)
        : String(value);
    case DuckDBTypeId.INTERVAL:
      return typeof value === 'object' && 'months' in value
        ? new DuckDBIntervalValue(value.months, value.days, value.micros)
        : String(value);
    case DuckDBTypeId.BLOB:
      return value instanceof Uint8Array ? new DuckDBBlobValue(value) : String(value);
    default:
      return String(value);
  }
}

function micros(value: Value): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

const MAX_DIGITS = 38;

/** With exactly the digits that came. What is no number is a float to the engine as well. */
function decimalValue(text: string): BoundValue {
  if (!/^-?\d/.test(text)) return { value: Number(text), type: DOUBLE };
  const scale = text.includes('.') ? text.length - text.indexOf('.') - 1 : 0;
  const value = decimalOf(text, scale);
  return { value, type: DECIMAL(value.width, scale) };
}

function decimalOf(text: string, scale: number): DuckDBDecimalValue {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const digits = (whole + fraction.padEnd(scale, '0')).replace(/^0+(?=\d)/, '');
  const width = Math.max(digits.length, scale, 1);
  if (fraction.length > scale || width > MAX_DIGITS || !/^\d+$/.test(digits)) {
    throw mistake(
      'numericValueOutOfRange',
      `A parameter is ${text.slice(0, 50)}; numbers may have ${MAX_DIGITS} digits, ${scale} of them after the point here.`,
    );
  }
  return new DuckDBDecimalValue(BigInt(text.startsWith('-') ? `-${digits}` : digits), width, scale);
}
