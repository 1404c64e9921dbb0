import { type DuckDBValue, listValue } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { openDatabase, STORE_DEFAULTS } from '../../store/open.ts';
import { aLedgerPath } from '../../store/testing/stores.ts';
import { answerOf } from '../answer.ts';
import { Readers } from '../readers.ts';
import { CATALOGUE_FUNCTIONS, CATALOGUE_SCHEMAS, CATALOGUE_TABLE_FUNCTIONS } from './allowed.ts';
import { createCatalogue } from './catalogue.ts';
import { rewriteForDuckDb } from './rewrite.ts';
import { type ClientQuery, clientQueries, type Found, type Param } from './testing/client-queries.ts';

/** What a client of a real ledger gets, through the guard, one object for each row. */
type Ask = (sql: string, params?: readonly Param[]) => Promise<Record<string, unknown>[]>;

async function withLedger(work: (ask: Ask) => Promise<void>): Promise<void> {
  const instance = await openDatabase({
    ...STORE_DEFAULTS,
    memoryLimit: '512MB',
    path: await aLedgerPath(),
    create: true,
  });
  try {
    await createCatalogue(await instance.connect(), { database: 'spanledger', roles: ['analyst'] });
    const readers = await Readers.open(instance, {
      catalogue: {
        schemas: CATALOGUE_SCHEMAS,
        functions: CATALOGUE_FUNCTIONS,
        tableFunctions: CATALOGUE_TABLE_FUNCTIONS,
      },
    });
    const session = readers.openSession(
      { role: 'analyst' },
      { client: { user: 'spanledger', processId: 1 } },
    );
    await work(async (sql, params = []) => {
      const values = params.map(
        (value): DuckDBValue => (Array.isArray(value) ? listValue([...value]) : asValue(value)),
      );
      const { columns, rows } = await answerOf(session, rewriteForDuckDb(sql), values);
      return rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])));
    });
    await session.close();
  } finally {
    instance.closeSync();
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
