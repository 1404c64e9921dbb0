import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exists, openDatabase } from './open.ts';
import { aLedgerPath, optionsFor } from './testing/stores.ts';

async function open(path: string, create: boolean): Promise<DuckDBInstance> {
  const instance = await openDatabase({ ...optionsFor(path), create });
  onTestFinished(() => instance.closeSync());
  return instance;
}

async function run(instance: DuckDBInstance, ...statements: string[]): Promise<void> {
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
  }
}

async function answer(instance: DuckDBInstance, sql: string): Promise<unknown> {
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRows();
  connection.closeSync();
  return rows[0]?.[0];
}

/** Any DuckDB file, written without the code under test. */
async function aDatabase(...statements: string[]): Promise<string> {
  const path = await aLedgerPath();
  const instance = await DuckDBInstance.create(path);
  await run(instance, ...statements);
  instance.closeSync();
  return path;
}

describe('opening a ledger file', () => {
  it('creates it with every view of the contract', async () => {
    const instance = await open(await aLedgerPath(), true);
    const views = await answer(
      instance,
      "SELECT string_agg(view_name, ' ' ORDER BY view_name) FROM duckdb_views() WHERE schema_name = 'public'",
    );
    expect(views).toBe(
      'account_history actions alert_dead_letters alerts billing_periods budget_hourly budgets corrections credit_balances credit_holds credit_hourly credit_ledger credit_lots currency_rates customers dimension_values ingest_health margin_hourly pipeline_health price_changes price_history prices statements unpriced usage usage_hourly usage_quality_hourly webhook_deliveries',
    );
  });

  it('finds what an earlier opening left, and migrates no second time', async () => {
    const path = await aLedgerPath();
    const first = await openDatabase({ ...optionsFor(path), create: true });
    await run(first, "INSERT INTO ledger.word VALUES (1, 'kept')");
    first.closeSync();
    const second = await open(path, false);
    expect(await answer(second, 'SELECT word FROM ledger.word')).toBe('kept');
    expect(
      await answer(second, "SELECT string_agg(version, ' ' ORDER BY version) FROM main.schema_migration"),
    ).toBe('1 2 3 4 5 6 7 8 9 10 11 12 13');
  });

  it('leaves the views that are as it would make them', async () => {
    const path = await aLedgerPath();
    (await openDatabase({ ...optionsFor(path), create: true })).closeSync();
    const standing: unknown[] = [];
    for (let opening = 0; opening < 3; opening++) {
      const again = await openDatabase({ ...optionsFor(path), create: false });
      standing.push(await answer(again, 'SELECT standing_sha256 FROM ledger.view_text'));
      again.closeSync();
    }
    expect(standing[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(standing).toEqual([standing[0], standing[0], standing[0]]);
  });

  it.each([
    'CREATE OR REPLACE VIEW public.customers AS SELECT 1 AS nothing',
    'CREATE OR REPLACE VIEW customer.credit_balances AS SELECT 1 AS nothing',
    'CREATE OR REPLACE VIEW ledger.customer_hourly_keys AS SELECT 1 AS nothing',
    'DROP VIEW public.customers',
    "UPDATE ledger.view_text SET text_sha256 = 'of an earlier version'",
    'DELETE FROM ledger.view_text',
  ])('puts the views back after %s', async (change) => {
    const path = await aLedgerPath();
    (await openDatabase({ ...optionsFor(path), create: true })).closeSync();
    const second = await openDatabase({ ...optionsFor(path), create: false });
    const views = "SELECT string_agg(sql, ';' ORDER BY sql) FROM duckdb_views() WHERE NOT internal";
    const before = await answer(second, views);
    await run(second, change);
    second.closeSync();
    const third = await openDatabase({ ...optionsFor(path), create: false });
    expect(await answer(third, 'SELECT standing_sha256 FROM ledger.view_text')).toBeNull();
    expect(await answer(third, 'SELECT count(calls)::INTEGER FROM public.customers')).toBe(0);
    third.closeSync();
    expect(await answer(await open(path, false), views)).toBe(before);
  });

  it('does not create a missing file that was there before', async () => {
    const path = await aLedgerPath();
    await expect(open(path, false)).rejects.toMatchObject({
      code: 'SL_STORE_MISSING',
      message: expect.stringContaining('--new-ledger'),
    });
    expect(await exists(path)).toBe(false);
  });

  it('refuses a file with more migrations than it knows, and changes nothing', async () => {
    const path = await aDatabase(
      'CREATE TABLE main.schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)',
      "INSERT INTO main.schema_migration VALUES (9999, '9999_of_the_future.sql')",
    );
    const before = await readFile(path);
    await expect(open(path, true)).rejects.toMatchObject({
      code: 'SL_STORE_NEWER_SCHEMA',
      message: expect.stringContaining('9999'),
    });
    expect(await readFile(path)).toEqual(before);
  });

  it("refuses another program's database, names its tables, and changes nothing", async () => {
    const path = await aDatabase('CREATE TABLE holiday_photos (path VARCHAR)');
    const before = await readFile(path);
    await expect(open(path, true)).rejects.toMatchObject({
      code: 'SL_STORE_UNREADABLE',
      message: expect.stringContaining('main.holiday_photos'),
    });
    expect(await readFile(path)).toEqual(before);
  });

  it('refuses one without tables as well', async () => {
    const path = await aDatabase('CREATE VIEW greeting AS SELECT 1 AS hello');
    const before = await readFile(path);
    await expect(open(path, true)).rejects.toMatchObject({
      code: 'SL_STORE_UNREADABLE',
      message: expect.stringContaining('main.greeting'),
    });
    expect(await readFile(path)).toEqual(before);
  });

  it.each([
    ['text', Buffer.from('This is not a database.\n'.repeat(1000))],
    ['zeros', Buffer.alloc(100_000)],
    ['a file cut short', Buffer.from('DUCK')],
  ])('refuses %s and changes nothing', async (_what, bytes) => {
    const path = await aLedgerPath();
    await writeFile(path, bytes);
    await expect(open(path, true)).rejects.toMatchObject({
      code: 'SL_STORE_UNREADABLE',
      message: expect.stringContaining(path),
    });
    expect(await readFile(path)).toEqual(bytes);
  });

  it('refuses a folder in place of the file', async () => {
    const path = await aLedgerPath();
    await mkdir(path);
    await expect(open(path, true)).rejects.toMatchObject({ code: 'SL_STORE_UNREADABLE' });
  });

  it('can be opened after a refusal: nothing stays locked', async () => {
    const path = await aDatabase('CREATE TABLE holiday_photos (path VARCHAR)');
    await expect(open(path, true)).rejects.toMatchObject({ code: 'SL_STORE_UNREADABLE' });
    const instance = await DuckDBInstance.create(path);
    await run(instance, 'DROP TABLE holiday_photos');
    instance.closeSync();
    expect(await answer(await open(path, true), 'SELECT count(*)::INTEGER FROM public.usage')).toBe(0);
  });
});

describe('an open ledger file', () => {
  it('tells all instants in UTC, on every connection', async () => {
    const instance = await open(await aLedgerPath(), true);
    expect(
      await answer(instance, "SELECT make_timestamptz(0)::VARCHAR || ' ' || current_setting('TimeZone')"),
    ).toBe('1970-01-01 00:00:00+00 UTC');
  });

  it.each([
    ['raise the memory limit', "SET memory_limit = '100GB'"],
    ['let statements out again', 'SET enable_external_access = true'],
    ['unlock the settings', 'SET lock_configuration = false'],
    ['change settings for all', 'SET GLOBAL threads = 64'],
    ['put a setting back', 'RESET memory_limit'],
  ])('does not let a statement %s', async (_what, statement) => {
    const instance = await open(await aLedgerPath(), true);
    await expect(run(instance, statement)).rejects.toThrow(/locked|cannot|cannot be changed/i);
  });

  it('does not let a statement reach files or extensions', async () => {
    const path = await aLedgerPath();
    const instance = await open(path, true);
    const outside = join(path, '..', 'outside');
    await writeFile(`${outside}.csv`, 'secret\n1\n');
    for (const statement of [
      `FROM read_csv('${outside}.csv')`,
      `FROM '${outside}.csv'`,
      `FROM read_text('${outside}.csv')`,
      `FROM glob('${join(path, '..')}/*')`,
      `COPY (SELECT 1) TO '${outside}.out'`,
      `EXPORT DATABASE '${outside}.folder'`,
      `ATTACH '${outside}.duckdb'`,
      'INSTALL httpfs',
      `LOAD '${outside}.duckdb_extension'`,
    ]) {
      await expect(run(instance, statement), statement).rejects.toThrow(/disabled|permission/i);
    }
    for (const left of ['out', 'folder', 'duckdb'])
      expect(await exists(`${outside}.${left}`), left).toBe(false);
  });
});
