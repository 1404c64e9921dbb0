import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { link, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';
import { exactColumns } from '../export/exact-columns.ts';
import { sqlText } from '../export/sql-text.ts';
import { contractViews } from './copy-engine.ts';
import { paced } from './interruptible.ts';
import type { Manifest, ParquetFile } from './manifest.ts';

/** A view with so many rows that each day has a file. */
interface DailyView {
  readonly view: string;
  readonly time: string;
  /** The column that the names of folders add (Hive layout). */
  readonly day: string;
  readonly orderBy: string;
  readonly totals: readonly string[];
}

const DAILY: readonly DailyView[] = [
  {
    view: 'usage',
    time: 'event_time',
    day: 'event_date',
    orderBy: 'event_time, usage_id',
    totals: ['input_tokens', 'output_tokens', 'cost_usd', 'credits'],
  },
  {
    view: 'credit_ledger',
    time: 'effective_at',
    day: 'effective_date',
    orderBy: 'effective_at, transfer_id, account',
    totals: ['credits'],
  },
];

/** As large as `usage`, and sums of it: whoever wants it has the database file. */
const NOT_AS_PARQUET: ReadonlySet<string> = new Set(['actions']);

const FORMAT = '(FORMAT parquet, COMPRESSION zstd)';
/** Fifty years. A sender may claim any time for a span, and each day is a file. */
const MAX_DAYS = 20_000;
const MICROS_OF_A_DAY = 86_400_000_000n;

export interface ParquetProgress {
  readonly doneRows: number;
  readonly totalRows: number;
}

/** The snapshot before, where days come from that have not changed since. */
export interface Predecessor {
  readonly path: string;
  readonly manifest: Manifest;
}

/**
 * Writes the views of a copy into Parquet files below `folder`: `usage` and `credit_ledger` one a day, the others one
 * each. A day whose rows are the same as in the snapshot before is the same file: a second name of it, no second copy.
 */
export async function writeParquet({
  connection,
  folder,
  before,
  signal,
  onProgress,
}: {
  readonly connection: DuckDBConnection;
  readonly folder: string;
  readonly before: Predecessor | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ParquetProgress) => void;
}): Promise<NonNullable<Manifest['parquet']>> {
  const files: ParquetFile[] = [];
  const shapes: Record<string, string> = {};
  const totals: NonNullable<Manifest['parquet']>['totals'] = {};
  let carriedOver = 0;

  const parts: { readonly daily: DailyView; readonly columns: string; readonly days: readonly Day[] }[] = [];
  for (const daily of DAILY) {
    const columns = await exactColumns(connection, `SELECT * FROM public.${daily.view}`);
    shapes[daily.view] = await shapeOf(connection, daily.view, columns);
    const { days, whole } = await paced(connection, signal, () => daysOf(connection, daily, columns));
    totals[daily.view] = whole;
    parts.push({ daily, columns, days });
  }
  const totalRows = parts.reduce((sum, { days }) => days.reduce((rows, day) => rows + day.rows, sum), 0);
  let doneRows = 0;
  for (const { daily, columns, days } of parts) {
    const { view } = daily;
    const isSameShape = before?.manifest.parquet?.shapes[view] === shapes[view];
    for (const day of days) {
      const file = join('parquet', view, `${daily.day}=${day.day}`, `${view}.parquet`);
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      const isCarried =
        before !== null && isSameShape && (await carryOver(before, { file, digest: day.digest }, path));
      if (isCarried) carriedOver++;
      else {
        const select = `SELECT ${columns} FROM public.${view} WHERE ${within(daily, day)} ORDER BY ${daily.orderBy}`;
        const rows = await paced(connection, signal, () => copyTo(connection, select, path));
        assert.equal(rows, day.rows, `the file of ${day.day} has all rows of ${view}`);
      }
      const { digest, totals } = day;
      files.push({
        file,
        view,
        day: day.day,
        rows: String(day.rows),
        bytes: await bytesOf(path),
        digest,
        totals,
      });
      doneRows += day.rows;
      onProgress({ doneRows, totalRows });
    }
  }

  const daily = new Set(DAILY.map(({ view }) => view));
  for (const view of await contractViews(connection)) {
    if (daily.has(view) || NOT_AS_PARQUET.has(view)) continue;
    const columns = await exactColumns(connection, `SELECT * FROM public."${view}"`);
    const file = join('parquet', `${view}.parquet`);
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    const select = `SELECT ${columns} FROM public."${view}"`;
    const rows = await paced(connection, signal, () => copyTo(connection, select, path));
    files.push({ file, view, rows: String(rows), bytes: await bytesOf(path) });
  }
  return { shapes, totals, carried_over: String(carriedOver), files };
}

interface Days {
  readonly days: readonly Day[];
  readonly whole: { readonly rows: string; readonly totals: Record<string, string | null> };
}

interface Day {
  readonly day: string;
  readonly rows: number;
  readonly digest: string;
  readonly totals: Record<string, string | null>;
}

/**
 * The days of a view and what decides whether they are as they were: a sum and an exclusive or of the hashes of whole
 * rows, every value of them. Whatever changes a day (late spans, corrections, other prices, another version of a view)
 * changes that, with odds of 2⁶⁴; nothing need be known of how the ledger keeps its rows.
 */
async function daysOf(
  connection: DuckDBConnection,
  { view, time, totals }: DailyView,
  columns: string,
): Promise<Days> {
  const sums = (of: string) => totals.map((column) => `sum(${of}${column}) AS ${column}`).join(', ');
  const texts = totals.map((column) => `${column}::VARCHAR`).join(', ');
  const result = await connection.runAndReadAll(
    `WITH days AS MATERIALIZED (
       SELECT
         strftime(r.${time}, '%Y-%m-%d') AS day,
         count(*) AS rows,
         sum(hash(r)::HUGEINT) || '-' || bit_xor(hash(r)) AS digest,
         ${sums('r.')}
       FROM (SELECT ${columns} FROM public.${view}) r GROUP BY 1
     )
     SELECT day, rows, digest, ${texts} FROM days
     UNION ALL SELECT NULL, rows, NULL, ${texts} FROM (SELECT coalesce(sum(rows), 0) AS rows, ${sums('')} FROM days)
     ORDER BY day NULLS FIRST`,
  );
  const [whole, ...days] = result.getRows();
  if (days.length > MAX_DAYS) {
    throw new SpanledgerError(
      'SL_SNAPSHOT_FAILED',
      `The view ${view} has rows of ${days.length} days, and at most ${MAX_DAYS} become files of their own; ` +
        'look for calls with impossible times, or set snapshots.parquet to false.',
    );
  }
  return {
    days: days.map(([day, rows, digest, ...sums]) => ({
      day: String(day),
      rows: Number(rows),
      digest: String(digest),
      totals: named(totals, sums),
    })),
    whole: { rows: String(whole?.[1]), totals: named(totals, whole?.slice(3) ?? []) },
  };
}

function named(names: readonly string[], values: readonly unknown[]): Record<string, string | null> {
  const value = (at: number) => values[at] ?? null;
  return Object.fromEntries(names.map((name, at) => [name, value(at) === null ? null : String(value(at))]));
}

/** What besides its rows makes a file: its columns, and the engine, whose hashes are its own. */
async function shapeOf(connection: DuckDBConnection, view: string, columns: string): Promise<string> {
  const described = await connection.runAndReadAll(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT ${columns} FROM public.${view})`,
  );
  const version = await connection.runAndReadAll('SELECT version()');
  const shape = JSON.stringify([FORMAT, described.getRows().map(String), version.getRows().map(String)]);
  return createHash('sha256').update(shape).digest('hex').slice(0, 32);
}

/** Whether the file of the snapshot before is now also this one. */
async function carryOver(
  { path, manifest }: Predecessor,
  { file, digest }: { readonly file: string; readonly digest: string },
  to: string,
): Promise<boolean> {
  const known = manifest.parquet?.files.find((one) => one.file === file);
  if (known === undefined || known.digest !== digest) return false;
  try {
    if ((await bytesOf(join(path, file))) !== known.bytes) return false;
    await link(join(path, file), to);
    return true;
  } catch {
    // It has gone meanwhile, or the file system gives files one name only: then it is written.
    return false;
  }
}

function within({ time }: DailyView, { day }: Day): string {
  const begin = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n;
  return `${time} >= make_timestamptz(${begin}::BIGINT) AND ${time} < make_timestamptz(${begin + MICROS_OF_A_DAY}::BIGINT)`;
}

async function copyTo(connection: DuckDBConnection, select: string, path: string): Promise<number> {
  const result = await connection.runAndReadAll(`COPY (${select}) TO ${sqlText(path)} ${FORMAT}`);
  return Number(result.getRows()[0]?.[0] ?? 0);
}

async function bytesOf(path: string): Promise<string> {
  return String((await stat(path)).size);
}
