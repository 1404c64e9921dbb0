import { OID } from '../../packages/pgwire/src/index.ts';

/** Clients tell types by number, by name, or as the standard calls them. */
const STANDARD: Readonly<Record<string, string>> = {
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  boolean: 'bool',
  'double precision': 'float8',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  _text: 'text[]',
  _varchar: 'varchar[]',
};
const BY_OID = new Map<number, string>([
  ...Object.entries(OID).map(([name, oid]): [number, string] => [oid, name]),
  [1009, 'text[]'],
  [1015, 'varchar[]'],
]);

/** A type as PostgreSQL's catalogue names it, without its size. */
export function typeName(told: string | number): string {
  const name = typeof told === 'number' ? (BY_OID.get(told) ?? String(told)) : told.toLowerCase();
  const plain = name.replace(/\(.*?\)/, '');
  return STANDARD[plain] ?? plain;
}
