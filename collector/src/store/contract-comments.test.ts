import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CONTRACT_COMMENTS } from './contract-comments.ts';
import { openDatabase, STORE_DEFAULTS } from './open.ts';
import { aLedgerPath } from './testing/stores.ts';
import { viewsPage } from './views-page.ts';

const WHERE = 'Say what it means in collector/src/store/contract-comments.ts, then run npm run generate';

/** The columns of the views of a schema in a new ledger, each as `view.column`. */
async function columnsOf(schema: 'public' | 'customer'): Promise<string[]> {
  const instance = await openDatabase({
    ...STORE_DEFAULTS,
    memoryLimit: '512MB',
    path: await aLedgerPath(),
    create: true,
  });
  try {
    const connection = await instance.connect();
    const columns = await connection.runAndReadAll(
      `SELECT view_name || '.' || column_name FROM duckdb_views() JOIN duckdb_columns() USING (database_name, schema_name)
       WHERE schema_name = $1 AND view_name = table_name ORDER BY view_name, column_index`,
      [schema],
    );
    return columns.getRows().map(([name]) => String(name));
  } finally {
    instance.closeSync();
  }
}

const described = Object.entries(CONTRACT_COMMENTS).flatMap(([view, { columns }]) =>
  Object.keys(columns).map((column) => `${view}.${column}`),
);

describe('what views and columns mean', () => {
  it('is said of every one of them', async () => {
    const columns = await columnsOf('public');
    expect(columns.length).toBeGreaterThan(250);
    expect(
      columns.filter((column) => !described.includes(column)),
      WHERE,
    ).toEqual([]);
  });

  it('is said of nothing that is not there', async () => {
    const columns = await columnsOf('public');
    expect(
      described.filter((column) => !columns.includes(column)),
      'Take it out of collector/src/store/contract-comments.ts, then run npm run generate',
    ).toEqual([]);
  });

  it('holds for the views of customers too, which have no column of their own', async () => {
    const columns = await columnsOf('customer');
    expect(columns.length).toBeGreaterThan(80);
    expect(
      columns.filter((column) => !described.includes(column)),
      WHERE,
    ).toEqual([]);
  });

  it('is whole sentences, and a unit stands with every amount', () => {
    for (const [view, { meaning, columns }] of Object.entries(CONTRACT_COMMENTS)) {
      for (const text of [meaning, ...Object.values(columns)]) expect(text, view).toMatch(/[.…]$/);
      for (const [column, text] of Object.entries(columns)) {
        if (/usd/.test(column)) expect(text, `${view}.${column}`).toMatch(/USD/);
        if (/_ms$/.test(column)) expect(text, `${view}.${column}`).toMatch(/milliseconds/);
        if (/credits$/.test(column)) expect(text, `${view}.${column}`).toMatch(/[Cc]redits/);
      }
    }
  });

  it('stands in the committed page', async () => {
    const page = await readFile(new URL('../../views.md', import.meta.url), 'utf8');
    expect(page === (await viewsPage()), 'collector/views.md is old: run npm run generate').toBe(true);
  });
});
