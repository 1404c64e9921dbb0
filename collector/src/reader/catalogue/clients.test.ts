import { type DuckDBConnection, type DuckDBValue, listValue } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { openDatabase, STORE_DEFAULTS } from '../../store/open.ts';
import { aLedgerPath } from '../../store/testing/stores.ts';
import { createCatalogue, searchPath } from './catalogue.ts';
import { rewriteForDuckDb } from './rewrite.ts';
import { type ClientQuery, clientQueries, type Found, type Param } from './testing/client-queries.ts';

/** What a client of a real ledger gets, in a read-only transaction, one object for each row. */
type Ask = (sql: string, params?: readonly Param[]) => Promise<Record<string, unknown>[]>;

async function withLedger(work: (ask: Ask) => Promise<void>): Promise<void> {
  const instance = await openDatabase({
    ...STORE_DEFAULTS,
    memoryLimit: '512MB',
    path: await aLedgerPath(),
    create: true,
  });
  try {
    const connection = await instance.connect();
    await createCatalogue(connection, { database: 'spanledger', roles: ['analyst'] });
    await connection.run(`SET search_path = '${searchPath('spanledger')}'`);
    await work((sql, params = []) => ask(connection, sql, params));
  } finally {
    instance.closeSync();
  }
}

async function ask(connection: DuckDBConnection, sql: string, params: readonly Param[]) {
  await connection.run('BEGIN TRANSACTION READ ONLY');
  try {
    const statement = await connection.prepare(rewriteForDuckDb(sql));
    const values = params.map(
      (value): DuckDBValue => (Array.isArray(value) ? listValue([...value]) : asValue(value)),
    );
    if (values.length > 0) statement.bind(values);
    return (await statement.runAndReadAll()).getRowObjectsJson();
  } finally {
    await connection.run('ROLLBACK');
  }
}

function asValue(value: Param): DuckDBValue {
  return typeof value === 'string' ? value : Number(value);
}

function has(row: Record<string, unknown>, wanted: Found): boolean {
  const cells = Array.isArray(wanted) ? Object.values(row) : row;
  return Object.entries(wanted).every(([key, value]) =>
    isLike(Object.entries(cells).find(([name]) => name === key)?.[1], value),
  );
}

function isLike(cell: unknown, wanted: unknown): boolean {
  if (typeof wanted === 'string' && wanted.endsWith('…')) return String(cell).startsWith(wanted.slice(0, -1));
  // Numbers of 64 bits are texts in the engine's JSON, those of objects are not.
  if (typeof cell === 'number' && typeof wanted === 'string') return String(cell) === wanted;
  return JSON.stringify(cell) === JSON.stringify(wanted);
}

/** Why an answer is not what the client needs; undefined when it is. */
async function shortcoming(
  ask: Ask,
  query: ClientQuery,
  oids: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const fill = (text: string) =>
    text.replaceAll(/\{(usage|customers)\}/g, (_, view: string) => oids[view] ?? '?');
  try {
    const rows = await ask(fill(query.sql), query.params);
    if (query.finds.length === 0) return rows.length === 0 ? undefined : `found ${JSON.stringify(rows[0])}`;
    for (const found of query.finds) {
      const wanted: Found = JSON.parse(fill(JSON.stringify(found)));
      if (!rows.some((row) => has(row, wanted)))
        return `no row of ${rows.length} has ${JSON.stringify(wanted)}`;
    }
    return undefined;
  } catch (error) {
    return String(error);
  }
}

describe('the statements that clients send before anybody reads anything', () => {
  it('find in a real ledger what they are sent for', async () => {
    const queries = clientQueries();
    expect(new Set(queries.map(({ client }) => client))).toEqual(
      new Set([
        'dbeaver',
        'drivers',
        'grafana',
        'metabase',
        'npgsql',
        'pgjdbc',
        'psql',
        'psqlodbc',
        'sqlalchemy',
      ]),
    );
    await withLedger(async (ask) => {
      const [oids] = await ask(
        `SELECT 'usage'::regclass::oid AS usage, 'customers'::regclass::oid AS customers`,
      );
      const views = { usage: String(oids?.usage), customers: String(oids?.customers) };
      const wrong: string[] = [];
      for (const query of queries) {
        const why = await shortcoming(ask, query, views);
        if (why !== undefined) wrong.push(`${query.client}, ${query.name}: ${why}`);
      }
      expect(wrong).toEqual([]);
    });
  });
});
