import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Words } from './words.ts';

/**
 * The reverse of `columns.ts`, for reading millions of rows: each column of a chunk is one view of the engine's own
 * memory, and a value is made of it when somebody asks. A view is good until the next chunk is loaded.
 */

const STRING_BYTES = 16;
const INLINE_BYTES = 12;

abstract class ReadColumn<Value> {
  /** A bit for each row, 0 for NULL; null when no row is NULL, which the engine does not write down. */
  private validity: Uint8Array | null = null;

  /** @param index of the column in the chunk */
  load(chunk: DuckDBDataChunk, index: number): void {
    const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
    const { rowCount } = chunk;
    this.validity = duckdb.vector_get_validity(vector, Math.ceil(rowCount / 64) * 8) ?? null;
    this.take(duckdb.vector_get_data(vector, rowCount * this.width), rowCount);
  }

  /** The value of a row that is not NULL. */
  abstract at(row: number): Value;

  orNull(row: number): Value | null {
    return this.isNull(row) ? null : this.at(row);
  }

  isNull(row: number): boolean {
    return this.validity !== null && ((this.validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
  }

  /** Bytes of a value. */
  protected abstract readonly width: number;
  protected abstract take(bytes: Uint8Array, rows: number): void;
}

/** BIGINT and instants as microseconds; safe integers, as they were written. */
export class IntegerReader extends ReadColumn<number> {
  protected readonly width = 8;
  private words: Int32Array = new Int32Array(0);

  at(row: number): number {
    const { words } = this;
    return (words[row * 2 + 1] ?? 0) * 0x1_0000_0000 + ((words[row * 2] ?? 0) >>> 0);
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.words = new Int32Array(buffer, byteOffset, rows * 2);
  }
}

/** BIGINT of any size. */
export class BigIntReader extends ReadColumn<bigint> {
  protected readonly width = 8;
  private units: BigInt64Array = new BigInt64Array(0);

  at(row: number): bigint {
    return this.units[row] ?? 0n;
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.units = new BigInt64Array(buffer, byteOffset, rows);
  }
}

/** DECIMAL of up to 18 digits, as a count of its smallest unit. */
export class Decimal64Reader extends ReadColumn<bigint> {
  protected readonly width = 8;
  private units: BigInt64Array = new BigInt64Array(0);

  at(row: number): bigint {
    return this.units[row] ?? 0n;
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.units = new BigInt64Array(buffer, byteOffset, rows);
  }
}

/** DECIMAL of up to 38 digits, as a count of its smallest unit. */
export class Decimal128Reader extends ReadColumn<bigint> {
  protected readonly width = 16;
  private words: BigInt64Array = new BigInt64Array(0);

  at(row: number): bigint {
    const low = BigInt.asUintN(64, this.words[row * 2] ?? 0n);
    const high = this.words[row * 2 + 1] ?? 0n;
    return high === 0n ? low : (high << 64n) | low;
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.words = new BigInt64Array(buffer, byteOffset, rows * 2);
  }
}

/** Four hex digits for every 16 bits: an id is four or eight look-ups. */
const HEX = Array.from({ length: 0x1_0000 }, (_, bits) => bits.toString(16).padStart(4, '0'));

/** UBIGINT and UHUGEINT as lowercase hex text. */
export class HexReader extends ReadColumn<string> {
  protected readonly width: 8 | 16;
  private parts: Uint16Array = new Uint16Array(0);

  constructor(width: 8 | 16) {
    super();
    this.width = width;
  }

  at(row: number): string {
    const { parts } = this;
    const length = this.width / 2;
    let hex = '';
    // The engine's integers are little-endian, hex text is big-endian.
    for (let part = (row + 1) * length - 1; part >= row * length; part--) hex += HEX[parts[part] ?? 0];
    return hex;
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.parts = new Uint16Array(buffer, byteOffset, (rows * this.width) / 2);
  }
}

/** INTEGER: a word by its code; none for code 0. */
export class WordReader extends ReadColumn<string | null> {
  protected readonly width = 4;
  private readonly words: Words;
  private codes: Int32Array = new Int32Array(0);

  constructor(words: Words) {
    super();
    this.words = words;
  }

  at(row: number): string | null {
    const code = this.codes[row] ?? 0;
    return code === 0 ? null : this.words.wordOf(code);
  }

  /** @throws where there is none */
  required(row: number): string {
    const word = this.orNull(row);
    if (word === null) throw new Error('a word is missing where the ledger always has one');
    return word;
  }

  protected take({ buffer, byteOffset }: Uint8Array, rows: number): void {
    this.codes = new Int32Array(buffer, byteOffset, rows);
  }
}

/**
 * VARCHAR. Each text of more than 12 bytes stands elsewhere in memory and takes a call of a microsecond or two: ask
 * for a text once, not for every row that has it.
 */
export class TextReader extends ReadColumn<string> {
  protected readonly width = STRING_BYTES;
  private view = new DataView(new ArrayBuffer(0));
  private buffer: ArrayBuffer = new ArrayBuffer(0);

  at(row: number): string {
    const header = row * STRING_BYTES;
    const length = this.view.getUint32(header, true);
    const { buffer } = this;
    const start = this.view.byteOffset + header;
    if (length <= INLINE_BYTES) return Buffer.from(buffer, start + 4, length).toString('utf8');
    const bytes = duckdb.get_data_from_pointer(buffer, start + 8, length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
  }

  protected take({ buffer, byteOffset, byteLength }: Uint8Array, _rows: number): void {
    if (!(buffer instanceof ArrayBuffer)) throw new Error('the memory of the engine is an ArrayBuffer');
    this.buffer = buffer;
    this.view = new DataView(buffer, byteOffset, byteLength);
  }
}
