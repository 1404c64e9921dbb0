import assert from 'node:assert/strict';
import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDecimalType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Words } from './words.ts';

/**
 * Rows go into DuckDB as columns: each value is written into a typed array that is copied into the engine's
 * vector in one call per column and chunk. Per-value calls into the engine cost 0.1-0.4 µs each and would be most
 * of the work of a row.
 */

/** Rows of one chunk: a quarter of DuckDB's vector size, as writing one is not divided into turns. */
const CHUNK_ROWS = duckdb.vector_size() / 4;
/** `duckdb_string_t` of the public C header. */
const STRING_BYTES = 16;
/** Texts up to this length stand in the header itself. */
const INLINE_BYTES = 12;
const SHORT_TEXT = 64;

/** One column of the chunk being filled. `flush` copies it into the engine's vector. */
abstract class Column {
  private readonly validity = new Uint8Array(CHUNK_ROWS / 8).fill(0xff);
  private hasNulls = false;

  /** Whether the bytes of this column are what the engine has in a column of that type. */
  abstract fits(type: DuckDBType): boolean;
  abstract flush(vector: duckdb.Vector, rows: number): void;

  setNull(row: number): void {
    this.hasNulls = true;
    this.validity[row >> 3] = (this.validity[row >> 3] ?? 0xff) & ~(1 << (row & 7));
  }

  protected flushFixed(vector: duckdb.Vector, bytes: ArrayBuffer, width: number, rows: number): void {
    duckdb.copy_data_to_vector(vector, 0, bytes, 0, rows * width);
    this.flushValidity(vector);
  }

  protected flushValidity(vector: duckdb.Vector): void {
    if (!this.hasNulls) return;
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.validity.buffer, 0, this.validity.byteLength);
    this.validity.fill(0xff);
    this.hasNulls = false;
  }
}

/** BIGINT and TIMESTAMPTZ (microseconds) from safe integers. */
export class IntegerColumn extends Column {
  private readonly words = new Int32Array(CHUNK_ROWS * 2);

  set(row: number, value: number | null): void {
    if (value === null) {
      this.setNull(row);
      return;
    }
    // Two 32-bit words instead of a BigInt: the high word is a floor, so that negative numbers come out right.
    this.words[row * 2] = value | 0;
    this.words[row * 2 + 1] = value >= 0 && value <= 0x7fff_ffff ? 0 : Math.floor(value / 0x1_0000_0000);
  }

  fits(type: DuckDBType): boolean {
    return type.typeId === DuckDBTypeId.BIGINT || type.typeId === DuckDBTypeId.TIMESTAMP_TZ;
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.flushFixed(vector, this.words.buffer, 8, rows);
  }
}

const MAX_UNITS = 10n ** 18n - 1n;

/** DECIMAL stored as INT64 (up to 18 digits), from a count of the smallest unit. */
export class Decimal64Column extends Column {
  private readonly units = new BigInt64Array(CHUNK_ROWS);

  set(row: number, value: bigint | null): void {
    if (value === null) {
      this.setNull(row);
      return;
    }
    // The array would take it and wrap it around.
    if (value > MAX_UNITS || value < -MAX_UNITS) throw new RangeError(`${value} has more than 18 digits`);
    this.units[row] = value;
  }

  fits(type: DuckDBType): boolean {
    return type instanceof DuckDBDecimalType && type.width > 9 && type.width <= 18;
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.flushFixed(vector, this.units.buffer, 8, rows);
  }
}

/** DECIMAL stored as INT128 (up to 38 digits), from a count of the smallest unit. */
export class Decimal128Column extends Column {
  private readonly words = new BigInt64Array(CHUNK_ROWS * 2);

  set(row: number, value: bigint | null): void {
    if (value === null) {
      this.setNull(row);
      return;
    }
    this.words[row * 2] = BigInt.asIntN(64, value);
    this.words[row * 2 + 1] = value >> 64n;
  }

  fits(type: DuckDBType): boolean {
    return type instanceof DuckDBDecimalType && type.width > 18;
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.flushFixed(vector, this.words.buffer, 16, rows);
  }
}

/** UBIGINT (16 hex digits) and UHUGEINT (32 hex digits) from lowercase hex text. */
export class HexColumn extends Column {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly width: number;

  constructor(width: 8 | 16) {
    super();
    this.width = width;
    this.bytes = new Uint8Array(CHUNK_ROWS * width);
  }

  set(row: number, hex: string | null): void {
    if (hex === null) {
      this.setNull(row);
      return;
    }
    // The engine's integers are little-endian, hex text is big-endian: written back to front.
    let at = (row + 1) * this.width - 1;
    for (let i = 0; i < this.width * 2; i += 2) {
      this.bytes[at--] = (hexDigit(hex.charCodeAt(i)) << 4) | hexDigit(hex.charCodeAt(i + 1));
    }
  }

  fits(type: DuckDBType): boolean {
    return type.typeId === (this.width === 8 ? DuckDBTypeId.UBIGINT : DuckDBTypeId.UHUGEINT);
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.flushFixed(vector, this.bytes.buffer, this.width, rows);
  }
}

/**
 * VARCHAR. The texts of a chunk are written one after the other into one buffer, which the engine takes as one long
 * string; the 16-byte string headers of the rows then point into it (`duckdb_string_t` of the public C header: length,
 * and the text itself up to 12 bytes, else its first 4 bytes and a pointer). A call into the engine for each text took
 * 0.4 µs instead of less than 0.1.
 */
export class TextColumn extends Column {
  private readonly headers = new DataView(new ArrayBuffer(CHUNK_ROWS * STRING_BYTES));
  private readonly headerBytes = Buffer.from(this.headers.buffer);
  private texts = Buffer.allocUnsafe(16 * 1024);
  private used = 0;

  set(row: number, text: string | null): void {
    if (text === null) {
      this.setNull(row);
      return;
    }
    const length = this.write(text);
    const { headerBytes, texts, used } = this;
    const header = row * STRING_BYTES;
    this.headers.setUint32(header, length, true);
    if (length <= INLINE_BYTES) {
      for (let i = 0; i < INLINE_BYTES; i++)
        headerBytes[header + 4 + i] = i < length ? (texts[used + i] ?? 0) : 0;
    } else {
      for (let i = 0; i < 4; i++) headerBytes[header + 4 + i] = texts[used + i] ?? 0;
      // Where it stands in the buffer, until the address of the buffer is known.
      this.headers.setUint32(header + 8, used, true);
      this.headers.setUint32(header + 12, 0, true);
      this.used += length;
    }
  }

  fits(type: DuckDBType): boolean {
    return type.typeId === DuckDBTypeId.VARCHAR;
  }

  flush(vector: duckdb.Vector, rows: number): void {
    if (this.used > 0) this.pointInto(vector, rows);
    this.flushFixed(vector, this.headers.buffer, STRING_BYTES, rows);
    this.headerBytes.fill(0);
    this.used = 0;
  }

  /** Gives the buffer to the vector, which keeps it as long as itself, and turns offsets into addresses. */
  private pointInto(vector: duckdb.Vector, rows: number): void {
    // Longer than a header holds, so that the engine stores it elsewhere and tells the address.
    const length = Math.max(this.used, INLINE_BYTES + 1);
    duckdb.vector_assign_string_element_len(vector, 0, this.texts.subarray(0, length));
    const address = Buffer.from(duckdb.vector_get_data(vector, STRING_BYTES)).readBigUInt64LE(8);
    for (let header = 0; header < rows * STRING_BYTES; header += STRING_BYTES) {
      if (this.headers.getUint32(header, true) <= INLINE_BYTES) continue;
      this.headers.setBigUint64(header + 8, address + this.headers.getBigUint64(header + 8, true), true);
    }
  }

  /** Writes the text behind the others as UTF-8 and returns its length in bytes. */
  private write(text: string): number {
    // Three bytes is the most that UTF-8 needs for a UTF-16 unit.
    this.reserve(text.length * 3);
    const { texts, used } = this;
    if (text.length <= SHORT_TEXT) {
      // Names and ids are short and ASCII: a loop takes less time than a call out of JavaScript.
      let i = 0;
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f || code === 0) break;
        texts[used + i] = code;
      }
      if (i === text.length) return i;
    }
    // PostgreSQL's protocol, and so most readers, cannot carry a NUL in a text.
    return texts.write(text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text, used, 'utf8');
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.texts.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.used + bytes));
    this.texts.copy(larger, 0, 0, this.used);
    this.texts = larger;
  }
}

/** INTEGER from 32-bit integers; every row has one. */
export class CodeColumn extends Column {
  private readonly codes = new Int32Array(CHUNK_ROWS);

  set(row: number, code: number): void {
    this.codes[row] = code;
  }

  fits(type: DuckDBType): boolean {
    return type.typeId === DuckDBTypeId.INTEGER;
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.flushFixed(vector, this.codes.buffer, 4, rows);
  }
}

/** INTEGER: the code of a word that recurs; 0 for NULL. */
export class WordColumn extends Column {
  private readonly words: Words;
  private readonly codes = new CodeColumn();
  /** Most columns say the same word many times in a row. */
  private lastWord: string | null = null;
  private lastCode = 0;

  constructor(words: Words) {
    super();
    this.words = words;
  }

  set(row: number, word: string | null): void {
    if (word !== this.lastWord) {
      this.lastCode = word === null ? 0 : this.words.codeOf(word);
      this.lastWord = word;
    }
    this.codes.set(row, this.lastCode);
  }

  fits(type: DuckDBType): boolean {
    return this.codes.fits(type);
  }

  flush(vector: duckdb.Vector, rows: number): void {
    this.codes.flush(vector, rows);
  }
}

/** How a row of type `Row` becomes the columns of a table, in the table's column order. */
export interface TableLayout<Row> {
  readonly catalog?: string;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly Column[];
  set(row: number, value: Row): void;
}

/** Appends rows to one table. They become visible with the connection's transaction, never before. */
export class TableWriter<Row> {
  /** The appender's own buffer is handed to the engine at least this often, so that no flush blocks for long. */
  private static readonly FLUSH_ROWS = 4 * 1024;

  private readonly layout: TableLayout<Row>;
  private readonly appender: DuckDBAppender;
  private readonly types: readonly DuckDBType[];
  private rows = 0;
  private rowsSinceFlush = 0;

  private constructor(layout: TableLayout<Row>, appender: DuckDBAppender) {
    this.layout = layout;
    this.appender = appender;
    this.types = layout.columns.map((_, index) => appender.columnType(index));
  }

  static async open<Row>(connection: DuckDBConnection, layout: TableLayout<Row>): Promise<TableWriter<Row>> {
    const appender = await connection.createAppender(layout.table, layout.schema, layout.catalog);
    assert.equal(layout.columns.length, appender.columnCount, `columns of ${layout.table}`);
    for (const [index, column] of layout.columns.entries()) {
      const type = appender.columnType(index);
      assert(column.fits(type), `column ${index} of ${layout.table} is ${type}, not what its writer writes`);
    }
    return new TableWriter(layout, appender);
  }

  append(value: Row): void {
    this.layout.set(this.rows++, value);
    if (this.rows === CHUNK_ROWS) this.writeChunk();
  }

  /** Hands everything appended so far to the transaction; false: there was nothing. */
  flush(): boolean {
    if (this.rows > 0) this.writeChunk();
    if (this.rowsSinceFlush === 0) return false;
    this.flushAppender();
    return true;
  }

  close(): void {
    this.appender.closeSync();
  }

  private writeChunk(): void {
    const chunk = DuckDBDataChunk.create(this.types, this.rows);
    this.layout.columns.forEach((column, index) => {
      column.flush(duckdb.data_chunk_get_vector(chunk.chunk, index), this.rows);
    });
    this.appender.appendDataChunk(chunk);
    this.rowsSinceFlush += this.rows;
    this.rows = 0;
    if (this.rowsSinceFlush >= TableWriter.FLUSH_ROWS) this.flushAppender();
  }

  private flushAppender(): void {
    this.appender.flushSync();
    this.rowsSinceFlush = 0;
  }
}

function hexDigit(charCode: number): number {
  // '0'-'9' are 48-57, 'a'-'f' are 97-102.
  return charCode <= 57 ? charCode - 48 : charCode - 87;
}
