import { readFile } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { CONTRACT_COMMENTS, type ContractComments } from '../../store/contract-comments.ts';
import { type ContractRelation, readContract } from './contract.ts';
import { INFORMATION_SCHEMA_SHIM, SHIM_DATABASE, SYSTEM_SCHEMA } from './names.ts';
import { relationOid } from './oid.ts';
import { SETTINGS } from './settings.ts';
import { INFORMATION_SCHEMA, PG_CATALOG, type SystemRelation } from './system-relations.ts';
import { TYPE_TABLE, type TypeRow } from './type-table.ts';

export interface CatalogueOptions {
  /** The database of the ledger as DuckDB has it attached; clients see it under the name `spanledger`. */
  readonly database: string;
  /** The roles that clients may be told of, the owner of the views beside them. */
  readonly roles: readonly string[];
  /** What the views and their columns mean; those of the ledger by default. */
  readonly comments?: ContractComments;
}

/** Who owns everything, as far as clients are told. */
export const OWNER = 'spanledger';

/** What stands in the place of the SELECT behind a view, which is about tables that are nobody else's. */
export const DEFINITION = ' -- Kept by Spanledger. What the view and its columns mean is in their comments.';

/**
 * Makes what PostgreSQL's clients look for before they read anything: the system catalogue and `information_schema`
 * with the contract views in them, and the functions they call. It is an attached database in memory, made anew at
 * every start and never written after; sessions find it by {@link searchPath}.
 *
 * The views of schema `customer` are described to customers alone, as those of `public`; all others are told of the views
 * that are in `public`. The contract views are read once, so they must be in place.
 */
export async function createCatalogue(
  connection: DuckDBConnection,
  { database, roles, comments = CONTRACT_COMMENTS }: CatalogueOptions,
): Promise<void> {
  const contract = await readContract(connection, database, comments);
  // One transaction, so that there is no catalogue with half of it.
  await connection.run(`ATTACH ':memory:' AS ${SHIM_DATABASE}`);
  await connection.run(
    ['BEGIN TRANSACTION', ...[SYSTEM_SCHEMA, INFORMATION_SCHEMA_SHIM, 'known'].map(schema)].join(';'),
  );
  await writeFacts(connection, contract, roles);
  await connection.run(
    [
      await script('session.sql'),
      relations(),
      await script('relations.sql'),
      formatType(),
      currentSetting(),
      await script('functions.sql'),
      'COMMIT;',
    ].join('\n'),
  );
}

const schema = (name: string) => `CREATE SCHEMA ${SHIM_DATABASE}.${name}`;

/** What a session of a reader sets as its `search_path`: the contract views first, then the shim. */
export function searchPath(database: string): string {
  return `${database}.public,${SHIM_DATABASE}.${SYSTEM_SCHEMA}`;
}

function script(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8');
}

/** Types that DuckDB lacks or that mean something else there. */
const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  bool: 'BOOLEAN',
  int2: 'SMALLINT',
  int4: 'INTEGER',
  int8: 'BIGINT',
  float4: 'FLOAT',
  float8: 'DOUBLE',
  numeric: 'DECIMAL(38, 9)',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  oid: 'UINTEGER',
  regproc: 'UINTEGER',
  regtype: 'UINTEGER',
  xid: 'BIGINT',
  int2vector: 'SMALLINT[]',
  oidvector: 'UINTEGER[]',
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

/** Of these not everybody is told all rows: `relations.sql` fills a table in `known` with them and whom each is for. */
const TOLD_IN_PART: ReadonlySet<string> = new Set('pg_class pg_attribute pg_description'.split(' '));

/** These are views in `relations.sql`, with the columns and types of an empty table in `known`. */
const SHAPED: ReadonlySet<string> = new Set('pg_views tables views columns'.split(' '));

/** These are the same for nobody: they are views in `relations.sql`. */
const TOLD_BY_SESSION: ReadonlySet<string> = new Set(
  'pg_authid pg_roles pg_user table_privileges role_table_grants enabled_roles'.split(' '),
);

/** All relations, without rows as yet. */
function relations(): string {
  const create =
    (schema: string) =>
    ([name, , columns]: SystemRelation) => {
      if (TOLD_BY_SESSION.has(name)) return '';
      const described = columnsOf(columns).map(([column, type]) => `"${column}" ${duckDbType(type)}`);
      if (!TOLD_IN_PART.has(name))
        return `CREATE TABLE ${SHIM_DATABASE}.${SHAPED.has(name) ? 'known' : schema}.${name} (${described.join(', ')});`;
      return `CREATE TABLE ${SHIM_DATABASE}.known.${name} (told_to VARCHAR, ${described.join(', ')});
        CREATE VIEW ${SHIM_DATABASE}.${schema}.${name} AS SELECT * EXCLUDE (told_to)
        FROM ${SHIM_DATABASE}.known.${name} WHERE ${SHIM_DATABASE}.${SYSTEM_SCHEMA}.is_told(told_to);`;
    };
  return [
    ...PG_CATALOG.map(create(SYSTEM_SCHEMA)),
    ...INFORMATION_SCHEMA.map(create(INFORMATION_SCHEMA_SHIM)),
  ].join('\n');
}

/** The facts from which `relations.sql` fills the catalogue, and what its functions look up. */
async function writeFacts(
  connection: DuckDBConnection,
  contract: readonly ContractRelation[],
  roles: readonly string[],
): Promise<void> {
  const system = [
    ...PG_CATALOG.map(([name, oid, columns]) => ({ schema: 'pg_catalog', name, oid, columns })),
    ...INFORMATION_SCHEMA.map(([name, oid, columns]) => ({
      schema: 'information_schema',
      name,
      oid,
      columns,
    })),
  ];
  const described = system.map(({ schema, name, oid, columns }) => ({
    told_to: null,
    schema,
    name,
    oid,
    columns: columnsOf(columns).length,
    comment: null,
    definition: '',
  }));
  await writeTable(connection, 'relation', RELATION, [
    ...contract.map(({ audience, name, comment, columns }) => ({
      told_to: audience,
      schema: 'public',
      name,
      oid: relationOid(name),
      columns: columns.length,
      comment,
      definition: DEFINITION,
    })),
    ...described,
  ]);
  await writeTable(
    connection,
    'system_relation',
    { oid: 'UINTEGER', columns: 'VARCHAR' },
    system.map(({ oid, columns }) => ({ oid, columns })),
  );
  await writeTable(
    connection,
    'contract_column',
    CONTRACT_COLUMN,
    contract.flatMap(({ audience, name: relation, columns }) =>
      columns.map(({ name, type, comment }, at) => ({
        told_to: audience,
        relation: relationOid(relation),
        position: at + 1,
        name,
        type: type.oid,
        typmod: type.typmod,
        comment,
      })),
    ),
  );
  await writeTable(connection, 'type', TYPE, TYPE_TABLE.map(typeFacts));
  await writeTable(connection, 'setting', { name: 'VARCHAR', value: 'VARCHAR', kind: 'VARCHAR' }, SETTINGS);
  await writeTable(connection, 'role', { name: 'VARCHAR', oid: 'UINTEGER' }, [
    { name: OWNER, oid: 10 },
    ...roles.filter((name) => name !== OWNER).map((name) => ({ name, oid: relationOid(`role ${name}`) })),
  ]);
}

const RELATION = {
  told_to: 'VARCHAR',
  schema: 'VARCHAR',
  name: 'VARCHAR',
  oid: 'UINTEGER',
  columns: 'SMALLINT',
  comment: 'VARCHAR',
  definition: 'VARCHAR',
};

const CONTRACT_COLUMN = {
  told_to: 'VARCHAR',
  relation: 'UINTEGER',
  position: 'SMALLINT',
  name: 'VARCHAR',
  type: 'UINTEGER',
  typmod: 'INTEGER',
  comment: 'VARCHAR',
};

const TYPE = {
  oid: 'UINTEGER',
  name: 'VARCHAR',
  spelling: 'VARCHAR',
  length: 'SMALLINT',
  category: 'VARCHAR',
  preferred: 'BOOLEAN',
  array_oid: 'UINTEGER',
  element: 'UINTEGER',
  kind: 'VARCHAR',
  functions: 'VARCHAR',
};

function typeFacts([
  oid,
  name,
  spelling,
  length,
  category,
  array_oid,
  element,
  kind,
  functions,
]: TypeRow): Readonly<Record<keyof typeof TYPE, string | number | boolean>> {
  return {
    oid,
    name,
    spelling,
    length,
    category: category.charAt(0),
    preferred: category.endsWith('*'),
    array_oid,
    element,
    kind,
    functions,
  };
}

/** As JSON: some thousand values written into the statement would take the parser a hundred times as long. */
async function writeTable<Column extends string>(
  connection: DuckDBConnection,
  name: string,
  columns: Readonly<Record<Column, string>>,
  rows: readonly Readonly<Record<Column, string | number | boolean | null>>[],
): Promise<void> {
  await connection.run(
    `CREATE TABLE ${SHIM_DATABASE}.known.${name} AS
     SELECT unnest(from_json($1::JSON, '[${JSON.stringify(columns)}]'), max_depth := 2)`,
    [JSON.stringify(rows)],
  );
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
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
