import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ExportedFile, Exporter, type ExportLimits } from './exporter.ts';
import { type ExportRequest, exportRequest } from './request.ts';

const LIMITS: ExportLimits = { timeoutMs: 60_000, maxConcurrent: 1, minFreeBytes: 0 };
const STATEMENTS: ExportRequest = exportRequest({ what: 'statements' }, { format: 'csv' });

/** @param rows what the view `statements` has; a query for its columns */
async function anExporter(rows: string, limits: Partial<ExportLimits> = {}) {
  const folder = join(await mkdtemp(join(tmpdir(), "spanledger's exports ")), 'exports');
  const instance = await DuckDBInstance.create(':memory:');
  onTestFinished(async () => {
    instance.closeSync();
    await rm(join(folder, '..'), { recursive: true, force: true });
  });
  const connection = await instance.connect();
  await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
  await connection.run(`CREATE SCHEMA public`);
  await connection.run(`CREATE VIEW public.statements AS ${rows}`);
  await connection.run(`SET allowed_directories = ['${folder.replaceAll("'", "''")}']`);
  await connection.run('SET enable_external_access = false');
  const exporter = new Exporter(instance, folder, { ...LIMITS, ...limits });
  await exporter.prepare();
  return { exporter, folder };
}

async function textOf({ file, release }: ExportedFile): Promise<string> {
  const text = await file.readFile('utf8');
  await release();
  return text;
}

const TWO_ROWS = `
  SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' AS period_start, 'b' AS customer, 12345678901234567890::HUGEINT AS tokens,
    0.000000000000001::DECIMAL(38, 15) AS cost_usd
  UNION ALL SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00', 'a', NULL, 12345678901.000001`;
const ENDLESS = `SELECT make_timestamptz(r) AS period_start, 'a' AS customer FROM range(1000000000000) t(r)`;

describe('an export', () => {
  it('I24: has every digit, times in UTC, NULL as nothing, and its rows in order', async () => {
    const { exporter, folder } = await anExporter(TWO_ROWS);
    const exported = await exporter.export(STATEMENTS);
    expect(exported.rows).toBe(2);
    expect(await readdir(folder), 'the file is in no folder').toEqual([]);
    const text = await textOf(exported);
    expect(Buffer.byteLength(text)).toBe(exported.sizeBytes);
    expect(text).toBe(
      'period_start,customer,tokens,cost_usd\n' +
        '2026-01-01T00:00:00.000000Z,a,,12345678901.000001000000000\n' +
        '2026-01-01T00:00:00.000000Z,b,12345678901234567890,0.000000000000001\n',
    );
  });

  it('is of the time that was asked for, the beginning included, the end not', async () => {
    const { exporter } = await anExporter(TWO_ROWS);
    const rows = async (from: string, to: string) => {
      const exported = await exporter.export(
        exportRequest({ what: 'statements' }, { format: 'parquet', from, to }),
      );
      await exported.release();
      return exported.rows;
    };
    expect(await rows('2026-01-01', '2026-01-01T00:00:00.000001Z')).toBe(2);
    expect(await rows('2025-01-01', '2026-01-01')).toBe(0);
  });

  it.each<[string, Partial<ExportLimits>, RegExp]>([
    ['takes too long', { timeoutMs: 300 }, /longer than 0\.3 s/],
    ['takes the disk', { minFreeBytes: Number.MAX_SAFE_INTEGER }, /the disk has less than/],
  ])('that %s is ended, and leaves nothing', async (_what, limits, complaint) => {
    const { exporter, folder } = await anExporter(ENDLESS, limits);
    await expect(exporter.export(STATEMENTS)).rejects.toMatchObject({
      code: 'SL_EXPORT_LIMIT',
      message: expect.stringMatching(complaint),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('waits for no other: more than are allowed at once are refused, until one is fetched', async () => {
    const { exporter } = await anExporter(TWO_ROWS);
    const first = await exporter.export(STATEMENTS);
    await expect(exporter.export(STATEMENTS)).rejects.toMatchObject({ code: 'SL_EXPORT_BUSY' });
    await first.release();
    await first.release();
    await (await exporter.export(STATEMENTS)).release();
  });

  it('clears away what a process that was killed has left', async () => {
    const { exporter, folder } = await anExporter(TWO_ROWS);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'half.csv'), 'x');
    await exporter.prepare();
    expect(await readdir(folder)).toEqual([]);
  });
});
