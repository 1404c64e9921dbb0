import { SQLSTATE, SqlError } from '../errors.ts';
import { decodeText } from '../wire/body.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import { exactly, invalidText, outOfRange, type TypeCodec, unfit, type Value } from './codec.ts';

/** What most types have in common; each says the rest. */
type Scalar = Omit<TypeCodec, 'plainInArrays'> & { readonly plainInArrays?: boolean };

function scalar(codec: Scalar): TypeCodec {
  return { plainInArrays: false, ...codec };
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  t: true,
  tr: true,
  tru: true,
  true: true,
  y: true,
  ye: true,
  yes: true,
  on: true,
  1: true,
  f: false,
  fa: false,
  fal: false,
  fals: false,
  false: false,
  n: false,
  no: false,
  of: false,
  off: false,
  0: false,
};

export const bool = scalar({
  name: 'boolean',
  oid: 16,
  arrayOid: 1000,
  size: 1,
  plainInArrays: true,
  writeText: (out, value) => out.byte(asBoolean(value) ? 0x74 : 0x66),
  writeBinary: (out, value) => out.byte(asBoolean(value) ? 1 : 0),
  readText(text) {
    const value = Object.hasOwn(BOOLEANS, text.trim().toLowerCase())
      ? BOOLEANS[text.trim().toLowerCase()]
      : undefined;
    if (value === undefined) throw invalidText('boolean', text);
    return value;
  },
  readBinary: (bytes) => exactly(bytes, 1, 'boolean')[0] !== 0,
});

function asBoolean(value: Value): boolean {
  if (typeof value !== 'boolean') throw unfit('boolean', value);
  return value;
}

const INTEGER = /^\s*[+-]?\d+\s*$/;

/** Integers of up to four bytes are numbers, whatever they count. */
function smallInteger(
  name: string,
  oids: { readonly oid: number; readonly arrayOid: number; readonly size: number },
  range: { readonly min: number; readonly max: number },
): TypeCodec {
  const { size } = oids;
  const within = (value: Value): number => {
    if (typeof value !== 'number') throw unfit(name, value);
    if (!(Number.isInteger(value) && value >= range.min && value <= range.max))
      throw outOfRange(name, String(value));
    return value;
  };
  return scalar({
    name,
    ...oids,
    plainInArrays: true,
    writeText: (out, value) => out.ascii(String(within(value))),
    writeBinary: (out, value) => (size === 2 ? out.int16(within(value)) : out.uint32(within(value))),
    readText(text) {
      if (!INTEGER.test(text)) throw invalidText(name, text);
      const value = Number(text);
      if (!(value >= range.min && value <= range.max)) throw outOfRange(name, text);
      // Not -0, which no integer is.
      return value + 0;
    },
    readBinary(bytes) {
      exactly(bytes, size, name);
      if (size === 2) return bytes.readInt16BE();
      return range.min === 0 ? bytes.readUInt32BE() : bytes.readInt32BE();
    },
  });
}

export const int2 = smallInteger(
  'smallint',
  { oid: 21, arrayOid: 1005, size: 2 },
  { min: -0x8000, max: 0x7fff },
);
export const int4 = smallInteger(
  'integer',
  { oid: 23, arrayOid: 1007, size: 4 },
  { min: -0x8000_0000, max: 0x7fff_ffff },
);
const OBJECT_ID_RANGE = { min: 0, max: 0xffff_ffff };
export const oid = smallInteger('oid', { oid: 26, arrayOid: 1028, size: 4 }, OBJECT_ID_RANGE);
export const xid = smallInteger('xid', { oid: 28, arrayOid: 1011, size: 4 }, OBJECT_ID_RANGE);
export const cid = smallInteger('cid', { oid: 29, arrayOid: 1012, size: 4 }, OBJECT_ID_RANGE);

const INT8 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

export const int8 = scalar({
  name: 'bigint',
  oid: 20,
  arrayOid: 1016,
  size: 8,
  plainInArrays: true,
  writeText: (out, value) => out.ascii(String(asInteger('bigint', value))),
  writeBinary: (out, value) => out.int64(inInt8(BigInt(asInteger('bigint', value)), 'bigint')),
  readText(text) {
    if (!INTEGER.test(text)) throw invalidText('bigint', text);
    // Longer than any, so that nobody has a million digits read.
    if (text.trim().length > 1_000) throw outOfRange('bigint', `${text.slice(0, 20)}…`);
    return inInt8(BigInt(text.trim().replace(/^\+/, '')), 'bigint');
  },
  readBinary: (bytes) => exactly(bytes, 8, 'bigint').readBigInt64BE(),
});

function asInteger(type: string, value: Value): number | bigint {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
  throw unfit(type, value);
}

function inInt8(value: bigint, type: string): bigint {
  if (value < INT8.min || value > INT8.max) throw outOfRange(type, String(value));
  return value;
}

const FLOAT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  infinity: Infinity,
  '+infinity': Infinity,
  '-infinity': -Infinity,
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
};

function readFloat(type: string, text: string): number {
  if (FLOAT.test(text)) {
    const value = Number(text);
    const isZero = !/[1-9]/.test(text.replace(/[eE].*$/s, ''));
    if (!Number.isFinite(value) || (value === 0 && !isZero)) throw outOfRange(type, text);
    return value;
  }
  const word = text.trim().toLowerCase();
  const value = Object.hasOwn(NOT_FINITE, word) ? NOT_FINITE[word] : undefined;
  if (value === undefined) throw invalidText(type, text);
  return value;
}

/**
 * The fewest digits that read back as the same number, as PostgreSQL writes them: with an exponent of at least two
 * digits below 10⁻⁴ and from `exponentFrom` on.
 */
function writeFloat(value: number, shortest: number, exponentFrom: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(shortest);
  if (size >= 1e-4 && size < exponentFrom) return String(shortest);
  return shortest.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The number with the fewest digits that a float of four bytes cannot tell from this one. */
function shortestFloat4(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return Number(value.toPrecision(9));
}

export const float8 = scalar({
  name: 'double precision',
  oid: 701,
  arrayOid: 1022,
  size: 8,
  plainInArrays: true,
  writeText(out, value) {
    const number = asNumber('double precision', value);
    out.ascii(writeFloat(number, number, 1e15));
  },
  writeBinary: (out, value) => out.float64(asNumber('double precision', value)),
  readText: (text) => readFloat('double precision', text),
  readBinary: (bytes) => exactly(bytes, 8, 'double precision').readDoubleBE(),
});

export const float4 = scalar({
  name: 'real',
  oid: 700,
  arrayOid: 1021,
  size: 4,
  plainInArrays: true,
  writeText(out, value) {
    const number = Math.fround(asNumber('real', value));
    out.ascii(writeFloat(number, shortestFloat4(number), 1e6));
  },
  writeBinary: (out, value) => out.float32(asNumber('real', value)),
  readText(text) {
    const value = readFloat('real', text);
    const rounded = Math.fround(value);
    if (Number.isFinite(value) && (!Number.isFinite(rounded) || (rounded === 0 && value !== 0)))
      throw outOfRange('real', text);
    return rounded;
  },
  readBinary: (bytes) => exactly(bytes, 4, 'real').readFloatBE(),
});

function asNumber(type: string, value: Value): number {
  if (typeof value !== 'number') throw unfit(type, value);
  return value;
}

/** Types whose text and binary formats are the same characters. */
function textual(name: string, oidOfType: number, arrayOid: number, size = -1): TypeCodec {
  const write = (out: Outgoing, value: Value): void => out.text(asText(name, value));
  return scalar({
    name,
    oid: oidOfType,
    arrayOid,
    size,
    writeText: write,
    writeBinary: write,
    readText: (text) => text,
    readBinary: decodeText,
  });
}

function asText(type: string, value: Value): string {
  if (typeof value !== 'string') throw unfit(type, value);
  return value;
}

export const text = textual('text', 25, 1009);
export const varchar = textual('character varying', 1043, 1015);
export const bpchar = textual('character', 1042, 1014);
export const name = textual('name', 19, 1003, 64);
export const json = textual('json', 114, 199);
export const xml = textual('xml', 142, 143);
export const cstring = textual('cstring', 2275, 1263, -2);
/** A literal whose type nobody has decided yet. */
export const unknown = textual('unknown', 705, 0, -2);

/** One byte, and not the `char(n)` of SQL: the catalogue marks kinds of things with it. */
export const char = { ...textual('"char"', 18, 1002), size: 1 };

const JSONB_VERSION = 1;

export const jsonb = scalar({
  name: 'jsonb',
  oid: 3802,
  arrayOid: 3807,
  size: -1,
  writeText: (out, value) => out.text(asText('jsonb', value)),
  writeBinary(out, value) {
    out.byte(JSONB_VERSION);
    out.text(asText('jsonb', value));
  },
  readText: (value) => value,
  readBinary(bytes) {
    if (bytes[0] !== JSONB_VERSION)
      throw new SqlError(
        SQLSTATE.invalidBinaryRepresentation,
        `unsupported jsonb version number ${bytes[0]}`,
      );
    return decodeText(bytes.subarray(1));
  },
});

const UUID = /^\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?$/i;

export const uuid = scalar({
  name: 'uuid',
  oid: 2950,
  arrayOid: 2951,
  size: 16,
  plainInArrays: true,
  writeText: (out, value) => out.ascii(asUuid(value)),
  writeBinary: (out, value) => out.bytes(Buffer.from(asUuid(value).replaceAll('-', ''), 'hex')),
  readText(value) {
    const isBraced = value.startsWith('{') === value.endsWith('}');
    if (!UUID.test(value) || !isBraced) throw invalidText('uuid', value);
    return dashed(value.replace(/[{}-]/g, '').toLowerCase());
  },
  readBinary: (bytes) => dashed(exactly(bytes, 16, 'uuid').toString('hex')),
});

function asUuid(value: Value): string {
  if (typeof value !== 'string' || value.length !== 36) throw unfit('uuid', value);
  return value;
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const bytea = scalar({
  name: 'bytea',
  oid: 17,
  arrayOid: 1001,
  size: -1,
  writeText(out, value) {
    const bytes = asBytes(value);
    out.ascii(`\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`);
  },
  writeBinary: (out, value) => out.bytes(asBytes(value)),
  readText(value) {
    if (!value.startsWith('\\x')) return unescapeBytes(value);
    const hex = value.slice(2).replace(/\s/g, '');
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) throw invalidText('bytea', value);
    return Buffer.from(hex, 'hex');
  },
  // A copy: the message it came in is not kept for it.
  readBinary: (bytes) => Buffer.from(bytes),
});

function asBytes(value: Value): Uint8Array {
  if (!(value instanceof Uint8Array)) throw unfit('bytea', value);
  return value;
}

/** The older text format: bytes as they are, `\\` for a backslash, `\ooo` in octal for anything. */
function unescapeBytes(value: string): Buffer {
  const bytes: Buffer[] = [];
  for (const [part] of value.matchAll(/[^\\]+|\\\\|\\[0-3][0-7]{2}|\\/g)) {
    if (part === '\\') throw invalidText('bytea', value);
    if (part === '\\\\') bytes.push(Buffer.from('\\'));
    else if (part.startsWith('\\')) bytes.push(Buffer.from([Number.parseInt(part.slice(1), 8)]));
    else bytes.push(Buffer.from(part));
  }
  return Buffer.concat(bytes);
}

/**
 * Types that name an object of the catalogue: its name as text, its oid in binary. Only who has the catalogue knows
 * both, so a backend gives a string when it is to be read, and a number when it is to be used.
 */
function objectName(typeName: string, oidOfType: number, arrayOid: number): TypeCodec {
  return scalar({
    name: typeName,
    oid: oidOfType,
    arrayOid,
    size: 4,
    writeText: (out, value) =>
      typeof value === 'string' ? out.text(value) : oid.writeText(out, value, NO_ZONE),
    writeBinary: oid.writeBinary,
    readText: (value) => (INTEGER.test(value) ? oid.readText(value, NO_ZONE) : value),
    readBinary: oid.readBinary,
  });
}

/** Object ids have no time. */
const NO_ZONE = { name: 'UTC', offsetSeconds: () => 0 };

export const OBJECT_NAMES: readonly TypeCodec[] = [
  objectName('regproc', 24, 1008),
  objectName('regprocedure', 2202, 2207),
  objectName('regoper', 2203, 2208),
  objectName('regoperator', 2204, 2209),
  objectName('regclass', 2205, 2210),
  objectName('regtype', 2206, 2211),
  objectName('regconfig', 3734, 3735),
  objectName('regdictionary', 3769, 3770),
  objectName('regnamespace', 4089, 4090),
  objectName('regrole', 4096, 4097),
];
