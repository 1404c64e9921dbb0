import { SQLSTATE, SqlError } from '../errors.ts';
import type { Format } from '../wire/requests.ts';
import { arrayOf, vectorOf } from './array.ts';
import { type TypeCodec, unfit, type Value } from './codec.ts';
import { date, time, timestamp, timestamptz, timetz } from './datetime.ts';
import { interval } from './interval.ts';
import { numeric } from './numeric.ts';
import {
  bool,
  bpchar,
  bytea,
  char,
  cid,
  cstring,
  float4,
  float8,
  int2,
  int4,
  int8,
  json,
  jsonb,
  name,
  OBJECT_NAMES,
  oid,
  text,
  unknown,
  uuid,
  varchar,
  xid,
  xml,
} from './scalars.ts';

/** Every type that is known, with its arrays. Their oids never change: clients have them built in. */
const SCALARS: readonly TypeCodec[] = [
  bool,
  bytea,
  char,
  name,
  int8,
  int2,
  int4,
  text,
  oid,
  xid,
  cid,
  json,
  xml,
  float4,
  float8,
  unknown,
  bpchar,
  varchar,
  date,
  time,
  timestamp,
  timestamptz,
  interval,
  timetz,
  numeric,
  cstring,
  uuid,
  jsonb,
  ...OBJECT_NAMES,
  vectorOf(int2, { name: 'int2vector', oid: 22, arrayOid: 1006 }),
  vectorOf(oid, { name: 'oidvector', oid: 30, arrayOid: 1013 }),
];

const VECTORS = new Set(['int2vector', 'oidvector']);

/** All types there are codecs for. */
export const TYPES: readonly TypeCodec[] = [
  ...SCALARS,
  // Arrays of arrays of the catalogue would read as nested arrays; nobody has them.
  ...SCALARS.filter(({ arrayOid, name: typeName }) => arrayOid !== 0 && !VECTORS.has(typeName)).map(arrayOf),
];

const BY_OID: ReadonlyMap<number, TypeCodec> = new Map(TYPES.map((codec) => [codec.oid, codec]));

/** The oids of the types that results are usually made of. */
export const OID = {
  bool: bool.oid,
  bytea: bytea.oid,
  char: char.oid,
  name: name.oid,
  int2: int2.oid,
  int4: int4.oid,
  int8: int8.oid,
  text: text.oid,
  oid: oid.oid,
  json: json.oid,
  jsonb: jsonb.oid,
  float4: float4.oid,
  float8: float8.oid,
  unknown: unknown.oid,
  bpchar: bpchar.oid,
  varchar: varchar.oid,
  date: date.oid,
  time: time.oid,
  timetz: timetz.oid,
  timestamp: timestamp.oid,
  timestamptz: timestamptz.oid,
  interval: interval.oid,
  numeric: numeric.oid,
  uuid: uuid.oid,
} as const;

/** Bytes of a value of the type, as RowDescription tells; -1 when they differ, or nobody knows. */
export function sizeOfType(typeOid: number): number {
  return BY_OID.get(typeOid)?.size ?? -1;
}

/**
 * The codec of a type. A type that is not known here is text that its backend has written; nobody could say what it is
 * in binary, so it has no binary format.
 */
export function codecOf(typeOid: number, format: Format): TypeCodec {
  const codec = BY_OID.get(typeOid);
  if (codec !== undefined) return codec;
  if (format === 'text') return OPAQUE;
  throw new SqlError(SQLSTATE.featureNotSupported, `type ${typeOid} has no binary format`);
}

const OPAQUE: TypeCodec = {
  ...text,
  writeText(out, value: Value) {
    if (typeof value !== 'string') throw unfit('of an unknown oid', value);
    out.text(value);
  },
};
