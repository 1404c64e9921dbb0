import { readFile } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type ContractRelation, readContract } from './contract.ts';
import { INFORMATION_SCHEMA_SHIM, SHIM_DATABASE, SYSTEM_SCHEMA } from './names.ts';
import { relationOid } from './oid.ts';
import { SETTINGS } from './settings.ts';
import { INFORMATION_SCHEMA, PG_CATALOG, type SystemRelation } from './system-relations.ts';
import { TYPE_TABLE, type TypeRow } from './type-table.ts';
import { typeOids } from './types.ts';

export interface CatalogueOptions {
  /** The database of the ledger as DuckDB has it attached; clients see it under the name `spanledger`. */
  readonly database: string;
  /** The roles that clients may be told of, the owner of the views beside them. */
  readonly roles: readonly string[];
}

/** Who owns everything, as far as clients are told. */
export const OWNER = 'spanledger';

/**
 * Makes what PostgreSQL's clients look for before they read anything: the system catalogue and `information_schema`
 * with the contract views in them, and the functions they call. It is an attached database in memory, made anew at
 * every start and never written after; sessions find it by {@link searchPath}.
 *
 * The contract views are read once, so they must be in place.
 */
export async function createCatalogue(
  connection: DuckDBConnection,
  options: CatalogueOptions,
): Promise<void> {
  const contract = await readContract(connection, options.database);
  await connection.run(`ATTACH ':memory:' AS ${SHIM_DATABASE}`);
  for (const schema of [SYSTEM_SCHEMA, INFORMATION_SCHEMA_SHIM, 'known']) {
    await connection.run(`CREATE SCHEMA ${SHIM_DATABASE}.${schema}`);
  }
  await connection.run(emptyRelations());
  await connection.run(knownFacts(contract, options));
  await connection.run(await script('relations.sql'));
  await connection.run(formatType());
  await connection.run(currentSetting());
  await connection.run(await script('functions.sql'));
}

/** What a session of a reader sets as its `search_path`: the contract views first, then the shim. */
export function searchPath(database: string): string {
  return `${database}.public,${SHIM_DATABASE}.${SYSTEM_SCHEMA}`;
}

function script(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8');
}

/** Types that DuckDB lacks or that mean something else there. All numbers of objects are 64 bits wide. */
const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  bool: 'BOOLEAN',
  int2: 'SMALLINT',
  int4: 'INTEGER',
  int8: 'BIGINT',
  float4: 'FLOAT',
  float8: 'DOUBLE',
  numeric: 'DECIMAL(38, 9)',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  oid: 'BIGINT',
  regproc: 'BIGINT',
  regtype: 'BIGINT',
  xid: 'BIGINT',
  int2vector: 'SMALLINT[]',
  oidvector: 'BIGINT[]',
  bytea: 'BLOB',
  interval: 'INTERVAL',
};

function duckDbType(type: string): string {
  return type.startsWith('_') ? `${duckDbType(type.slice(1))}[]` : (DUCKDB_TYPES[type] ?? 'VARCHAR');
}

const columnsOf = (columns: string): (readonly [name: string, type: string])[] =>
  columns.split(', ').map((column) => {
    const [name = '', type = ''] = column.split(' ');
    return [name, type];
  });

function emptyRelations(): string {
  const create = (schema: string) => (relation: SystemRelation) => {
    const columns = columnsOf(relation[2]).map(([name, type]) => `"${name}" ${duckDbType(type)}`);
    return `CREATE TABLE ${SHIM_DATABASE}.${schema}.${relation[0]} (${columns.join(', ')});`;
  };
  return [
    ...PG_CATALOG.map(create(SYSTEM_SCHEMA)),
    ...INFORMATION_SCHEMA.map(create(INFORMATION_SCHEMA_SHIM)),
  ].join('\n');
}

/** The facts from which `relations.sql` fills the catalogue, and what its functions look up. */
function knownFacts(contract: readonly ContractRelation[], { roles }: CatalogueOptions): string {
  const types = typeOids();
  const system = [
    ...PG_CATALOG.map((relation) => ({ schema: 'pg_catalog', relation })),
    ...INFORMATION_SCHEMA.map((relation) => ({ schema: 'information_schema', relation })),
  ];
  return [
    table('relation', 'schema, name, oid, comment, definition', [
      ...contract.map(({ name, comment, definition }) => [
        'public',
        name,
        relationOid(name),
        comment,
        definition,
      ]),
      ...system.map(({ schema, relation: [name, oid] }) => [schema, name, oid, null, null]),
    ]),
    table('attribute', 'relation, position, name, type, typmod, comment', [
      ...contract.flatMap(({ name, columns }) =>
        columns.map((column, at) => [
          relationOid(name),
          at + 1,
          column.name,
          column.type.oid,
          column.type.typmod,
          column.comment,
        ]),
      ),
      ...system.flatMap(({ relation: [, oid, columns] }) =>
        columnsOf(columns).map(([name, type], at) => [
          oid,
          at + 1,
          name,
          types.get(type) ?? types.get('text') ?? 25,
          -1,
          null,
        ]),
      ),
    ]),
    table(
      'type',
      'oid, name, spelling, length, category, preferred, array_oid, element, kind, functions',
      TYPE_TABLE.map(typeFacts),
    ),
    table(
      'setting',
      'name, value, kind',
      SETTINGS.map(({ name, value, kind }) => [name, value, kind]),
    ),
    table('role', 'name, oid', [
      [OWNER, 10],
      ...roles.filter((name) => name !== OWNER).map((name) => [name, relationOid(`role ${name}`)]),
    ]),
  ].join('\n');
}

function typeFacts([
  oid,
  name,
  spelling,
  length,
  category,
  array,
  element,
  kind,
  functions,
]: TypeRow): Cell[] {
  return [
    oid,
    name,
    spelling,
    length,
    category.charAt(0),
    category.endsWith('*'),
    array,
    element,
    kind,
    functions,
  ];
}

type Cell = string | number | boolean | null;

function table(name: string, columns: string, rows: readonly (readonly Cell[])[]): string {
  const values = rows.map((row) => `(${row.map(literal).join(', ')})`).join(',\n');
  return `CREATE TABLE ${SHIM_DATABASE}.known.${name} AS SELECT * FROM (VALUES ${values}) AS t(${columns});`;
}

function literal(cell: Cell): string {
  return typeof cell === 'string' ? `'${cell.replaceAll("'", "''")}'` : String(cell);
}

/**
 * `format_type` looks the name up in a constant: a subquery in its place would not be allowed everywhere that clients
 * call it. What the typmod means is told per type (PostgreSQL documentation, table 9.76).
 */
function formatType(): string {
  const spellings = TYPE_TABLE.flatMap(([oid, , spelling, , , array]) =>
    array === 0 ? [`${oid}: '${spelling}'`] : [`${oid}: '${spelling}'`, `${array}: '${spelling}[]'`],
  );
  return `CREATE MACRO ${SHIM_DATABASE}.${SYSTEM_SCHEMA}.format_type(type_oid, type_mod) AS CASE
    WHEN type_oid IS NULL THEN NULL
    WHEN type_oid::BIGINT = 0 THEN '-'
    WHEN coalesce(type_mod::INTEGER, -1) < 0 THEN coalesce(map_extract_value(MAP {${spellings.join(', ')}}, type_oid::BIGINT), '???')
    WHEN type_oid::BIGINT IN (1700, 1231) THEN printf('numeric(%d,%d)', ((type_mod::INTEGER - 4) >> 16) & 65535, (type_mod::INTEGER - 4) & 2047) || CASE WHEN type_oid::BIGINT = 1231 THEN '[]' ELSE '' END
    WHEN type_oid::BIGINT = 1043 THEN printf('character varying(%d)', type_mod::INTEGER - 4)
    WHEN type_oid::BIGINT = 1042 THEN printf('character(%d)', type_mod::INTEGER - 4)
    WHEN type_oid::BIGINT = 1114 THEN printf('timestamp(%d) without time zone', type_mod::INTEGER)
    WHEN type_oid::BIGINT = 1184 THEN printf('timestamp(%d) with time zone', type_mod::INTEGER)
    ELSE coalesce(map_extract_value(MAP {${spellings.join(', ')}}, type_oid::BIGINT), '???')
  END;`;
}

/** Also a constant: Grafana calls it among the arguments of a table function, where no subquery may be. */
function currentSetting(): string {
  const values = SETTINGS.map(({ name, value }) => `${literal(name.toLowerCase())}: ${literal(value)}`);
  const value = `map_extract_value(MAP {${values.join(', ')}}, lower(setting_name))`;
  return `CREATE MACRO ${SHIM_DATABASE}.${SYSTEM_SCHEMA}.current_setting(setting_name) AS ${value}, (setting_name, missing_ok) AS ${value};`;
}
