import { readFileSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase, STORE_DEFAULTS } from '../../store/open.ts';
import { aLedgerPath } from '../../store/testing/stores.ts';
import { CATALOGUE_FUNCTIONS, CATALOGUE_TABLE_FUNCTIONS, isCatalogueRelation } from './allowed.ts';
import { createCatalogue, searchPath } from './catalogue.ts';
import { relationOid } from './oid.ts';
import { rewriteForDuckDb } from './rewrite.ts';
import { INFORMATION_SCHEMA, PG_CATALOG } from './system-relations.ts';

/** A session of a reader over two small views, one of them with comments. */
async function aSession(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  onTestFinished(() => instance.closeSync());
  return sessionOn(instance);
}

async function sessionOn(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect();
  await connection.run(`
    CREATE SCHEMA public;
    CREATE VIEW public.spend AS SELECT 'a' AS customer, 1::DECIMAL(38, 15) AS cost_usd, ['x'] AS tags;
    CREATE VIEW public."Odd ""name" AS SELECT 1 AS "a b";
    CREATE SCHEMA customer;
    CREATE VIEW customer.spend AS SELECT customer FROM public.spend WHERE customer = getvariable('spanledger_customer');`);
  await createCatalogue(connection, {
    database: 'memory',
    roles: ['analyst', 'acme-portal', 'globex-portal'],
    comments: { spend: { meaning: 'What was spent.', columns: { cost_usd: 'USD, exact.' } } },
  });
  await connection.run(`SET search_path = '${searchPath('memory')}'`);
  return connection;
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(rewriteForDuckDb(sql))).getRowsJson();
}

async function valuesOf(connection: DuckDBConnection, values: string): Promise<unknown[] | undefined> {
  return (await rowsOf(connection, `SELECT ${values}`))[0];
}

describe('the catalogue', () => {
  it('knows the contract views with their types, precision and comments', async () => {
    const session = await aSession();
    expect(
      await rowsOf(
        session,
        `SELECT attname, pg_catalog.format_type(atttypid, atttypmod), col_description(attrelid, attnum)
         FROM pg_catalog.pg_attribute WHERE attrelid = 'public.spend'::regclass ORDER BY attnum`,
      ),
    ).toEqual([
      ['customer', 'text', null],
      ['cost_usd', 'numeric(38,15)', 'USD, exact.'],
      ['tags', 'text[]', null],
    ]);
    expect(await valuesOf(session, `obj_description('spend'::regclass::oid, 'pg_class')`)).toEqual([
      'What was spent.',
    ]);
    expect(
      await rowsOf(
        session,
        `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`,
      ),
    ).toEqual([['Odd "name'], ['spend']]);
  });

  it('joins by its numbers: every attribute has its relation and its type, every relation its schema and its owner', async () => {
    const session = await aSession();
    const [counts] = await rowsOf(
      session,
      `SELECT (SELECT count(*) FROM pg_attribute),
         (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_type t ON t.oid = atttypid
          JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_roles r ON r.oid = relowner)`,
    );
    expect(counts?.[1]).toBe(counts?.[0]);
    expect(Number(counts?.[0])).toBeGreaterThan(1_000);
  });

  it('has each number once, and the same at every start', async () => {
    const session = await aSession();
    expect(await rowsOf(session, 'SELECT oid FROM pg_class GROUP BY oid HAVING count(*) > 1')).toEqual([]);
    expect(await rowsOf(session, 'SELECT oid FROM pg_type GROUP BY oid HAVING count(*) > 1')).toEqual([]);
    expect(relationOid('usage')).toBe(240_381_608);
  });

  it('describes all of its own relations, with the columns they have', async () => {
    const session = await aSession();
    const [described] = await rowsOf(
      session,
      `SELECT count(*) FROM duckdb_columns() d JOIN pg_class c ON c.relname = d.table_name JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = d.column_name AND a.attnum = d.column_index
       WHERE d.database_name = 'pgcompat' AND d.schema_name IN ('pg', 'information')`,
    );
    const columns = [...PG_CATALOG, ...INFORMATION_SCHEMA].reduce(
      (sum, [, , names]) => sum + names.split(', ').length,
      0,
    );
    expect(described).toEqual([String(columns)]);
  });
});

describe('the functions of PostgreSQL', () => {
  /** For what reads alone and sets nothing. */
  let instance: DuckDBInstance;
  let shared: DuckDBConnection;
  beforeAll(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    shared = await sessionOn(instance);
  });
  afterAll(() => instance.closeSync());

  it.each([
    [
      "'abc' ~ 'b', 'abc' !~ 'b', 'abc' ~* 'B', 'abc' !~* 'B', 'abc' ~ '^b'",
      [true, false, true, false, false],
    ],
    ["E'a\\nb' ~ 'a.b', 'abc' OPERATOR(pg_catalog.~) 'c'", [true, true]],
    [
      "quote_ident('usage'), quote_ident('User'), quote_ident('select'), quote_literal('it''s')",
      ['usage', '"User"', '"select"', "'it''s'"],
    ],
    [`parse_ident('public."a b".C')`, [['public', 'a b', 'c']]],
    [
      'array_lower(ARRAY[4,5], 1), array_upper(ARRAY[4,5], 1), array_upper(ARRAY[]::int[], 1)',
      [1, '2', null],
    ],
    ['current_database(), current_schema(), current_schemas(false)', ['spanledger', 'public', ['public']]],
    ["current_setting('server_version_num')::int / 100, current_setting('nothing', true)", [1500, null]],
    [
      "to_regclass('spend') IS NOT NULL, to_regclass('nothing'), 1259::regclass, '1259'::regclass",
      [true, null, 'pg_class', 1259],
    ],
    [
      "'int4'::regtype, 'timestamp with time zone'::regtype::oid, 25::regtype, to_regtype('text[]')",
      [23, 1184, 'text', 1009],
    ],
    [
      'format_type(1043, 14), format_type(1231, NULL), format_type(0, NULL), format_type(NULL, 1)',
      ['character varying(10)', 'numeric[]', '-', null],
    ],
    [
      "to_char(TIMESTAMP '2026-11-02 15:04:05', 'YYYY-MM-DD HH24:MI:SS'), to_char(DATE '2026-11-02', 'Mon DD, YY')",
      ['2026-11-02 15:04:05', 'Nov 02, 26'],
    ],
    ["json_build_object('a', 1, 'b', 'c')", ['{"a":1,"b":"c"}']],
    [
      "has_table_privilege('spend', 'SELECT'), has_table_privilege('analyst', 'spend', 'select, insert')",
      [true, false],
    ],
    [
      'pg_size_pretty(10239), pg_size_pretty(10240), pg_size_pretty(1500000000)',
      ['10239 bytes', '10 kB', '1431 MB'],
    ],
    ["'{a,b}'::text[], 'a' = ANY ('{a,b}'), 'c' <> ALL ('{a,b}'::text[])", [['a', 'b'], true, true]],
    ['pg_advisory_unlock_all()', ['']],
    ["'cost_usd' LIKE 'cost\\_usd', 'cost-usd' LIKE 'cost\\_usd'", [true, false]],
    ['width_bucket(5, 0, 10, 2), pg_encoding_to_char(6), pg_is_in_recovery()', [2, 'UTF8', false]],
  ])('%s', async (values, expected) => {
    expect(await valuesOf(shared, values)).toEqual(expected);
  });

  it('tell a session whose it is', async () => {
    const session = await aSession();
    await session.run(`SET VARIABLE session_role = 'analyst'`);
    expect(await valuesOf(session, 'current_user, session_user, user')).toEqual([
      'analyst',
      'analyst',
      'analyst',
    ]);
  });

  it('mean the columns of the statement they are called in, even where what they look up has columns of such names', async () => {
    const session = await aSession();
    expect(
      await rowsOf(
        session,
        `SELECT oid::regclass, pg_table_is_visible(oid), pg_get_userbyid(relowner) AS name FROM pg_class WHERE relname = 'spend'`,
      ),
    ).toEqual([['spend', true, 'spanledger']]);
  });
});

describe('what a guard is told', () => {
  it('names every function of the shim, and no other', async () => {
    const session = await aSession();
    const macros = await rowsOf(
      session,
      `SELECT DISTINCT function_name, function_type FROM duckdb_functions() WHERE database_name = 'pgcompat'`,
    );
    expect(macros.length).toBeGreaterThan(120);
    for (const [name, type] of macros) {
      expect(CATALOGUE_FUNCTIONS, String(name)).toContain(name);
      expect(CATALOGUE_TABLE_FUNCTIONS.has(String(name)), String(name)).toBe(type === 'table_macro');
    }
  });

  it('knows the relations of the shim by the names that a rewritten statement has', () => {
    expect(isCatalogueRelation('', '', 'pg_class')).toBe(true);
    expect(isCatalogueRelation('pgcompat', 'information', 'columns')).toBe(true);
    expect(isCatalogueRelation('', '', 'columns')).toBe(false);
    expect(isCatalogueRelation('', 'ledger', 'pg_class')).toBe(false);
    expect(isCatalogueRelation('pgcompat', 'known', 'relation_name')).toBe(false);
    expect(isCatalogueRelation('system', 'pg_catalog', 'pg_class')).toBe(false);
  });

  it('is safe for the contract views: none calls a function that means something else with the shim in the search path', async () => {
    const views = readFileSync(new URL('../../store/views.sql', import.meta.url), 'utf8');
    const session = await aSession();
    const shadowed = await rowsOf(
      session,
      `SELECT DISTINCT function_name FROM duckdb_functions() WHERE database_name = 'pgcompat'
       INTERSECT SELECT function_name FROM duckdb_functions() WHERE database_name = 'system'`,
    );
    expect(shadowed.length).toBeGreaterThan(20);
    for (const [name] of shadowed) expect(views).not.toMatch(new RegExp(`\\b${String(name)}\\(`));
  });
});

describe('a ledger whose settings are locked', () => {
  it('gets its catalogue all the same, and every contract view is in it', async () => {
    const instance = await openDatabase({
      ...STORE_DEFAULTS,
      memoryLimit: '512MB',
      path: await aLedgerPath(),
      create: true,
    });
    onTestFinished(() => instance.closeSync());
    const connection = await instance.connect();
    await createCatalogue(connection, { database: 'spanledger', roles: [] });
    const views = await rowsOf(
      connection,
      `SELECT view_name FROM duckdb_views() WHERE database_name = 'spanledger' AND schema_name = 'public' ORDER BY 1`,
    );
    await connection.run(`SET search_path = '${searchPath('spanledger')}'`);
    expect(
      await rowsOf(connection, `SELECT relname FROM pg_class WHERE relnamespace = 2200 ORDER BY 1`),
    ).toEqual(views);
    expect(views.length).toBeGreaterThan(15);
    // What is told to clients as the number of an object must be one.
    expect(
      await rowsOf(
        connection,
        `SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name IN ('public', 'customer') AND data_type LIKE 'UINTEGER%'`,
      ),
    ).toEqual([]);
  });
});
