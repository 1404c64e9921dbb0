import assert from 'node:assert/strict';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { sqlText } from '../export/sql-text.ts';
import { interruptible, paced } from './interruptible.ts';
import { tablesBehindViews } from './tables-behind.ts';

/** What a snapshot says of itself, besides what the ledger says. */
export interface SnapshotLabel {
  readonly name: string;
  /** Of the Spanledger that made it. */
  readonly version: string;
  readonly nowMillis: () => number;
}

export interface CopyProgress {
  readonly doneRows: number;
  readonly totalRows: number;
}

/** While it is written, the copy is a second database of the ledger's engine, under this name. */
const COPY = 'snapshot_copy';

/**
 * Rows that one statement copies: four row groups, two seconds of work. Between statements others come to their turn,
 * progress is told, and what the statement held in memory is on disk.
 */
const ROWS_AT_ONCE = 4 * 122_880;

/** Columns that no view shows and that are nothing for other people's eyes: what is told from the address of a webhook. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = { webhook_delivery: ['endpoint'] };

export interface Copying {
  readonly ledger: DuckDBInstance;
  /** Where the copy is to be. */
  readonly file: string;
  readonly label: SnapshotLabel;
  /** Ends it with its reason; then the file is worthless. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CopyProgress) => void;
}

/**
 * Copies the tables behind the contract into a new file, from one transaction: all of them, and the journal position,
 * are of the same commit. The writer goes on meanwhile; it sees nothing of this and waits for nothing of it.
 */
export async function copyTables({ ledger, file, label, signal, onProgress }: Copying): Promise<void> {
  const connection = await ledger.connect();
  try {
    await connection.run(`DETACH DATABASE IF EXISTS ${COPY}`);
    await connection.run(`ATTACH ${sqlText(file)} AS ${COPY}`);
    try {
      const tables = await tablesBehindViews(connection);
      await connection.run('BEGIN TRANSACTION');
      await connection.run(`CREATE SCHEMA ${COPY}.ledger`);
      // First of all reads: from here on the transaction sees one state of the ledger.
      await labelCopy(connection, label);
      const sizes = await sizesOf(connection, tables);
      const totalRows = sizes.reduce((sum, { rows }) => sum + rows, 0);
      let doneRows = 0;
      for (const size of sizes) {
        await copyTable(connection, size, signal, (rows) => {
          doneRows += rows;
          onProgress({ doneRows, totalRows });
        });
      }
      await interruptible(connection, signal, () => connection.run('COMMIT'));
      await connection.run(`CHECKPOINT ${COPY}`);
    } catch (error) {
      // It may be that the transaction has not begun, or is over; the reason is what counts.
      await connection.run('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      await connection.run(`DETACH ${COPY}`);
    }
  } finally {
    connection.closeSync();
  }
}

async function copyTable(
  connection: DuckDBConnection,
  { table, rows, end }: TableSize,
  signal: AbortSignal,
  onRows: (rows: number) => void,
): Promise<void> {
  const columns = columnsOf(table);
  const from = `ledger.${quoted(table)}`;
  await connection.run(`CREATE TABLE ${COPY}.${from} AS SELECT ${columns} FROM ${from} LIMIT 0`);
  let copied = 0;
  for (let begin = 0; begin < end; begin += ROWS_AT_ONCE) {
    const { rowsChanged } = await paced(connection, signal, () =>
      connection.run(
        `INSERT INTO ${COPY}.${from} SELECT ${columns} FROM ${from}
         WHERE rowid >= ${begin} AND rowid < ${begin + ROWS_AT_ONCE}`,
      ),
    );
    copied += rowsChanged;
    onRows(rowsChanged);
  }
  assert.equal(copied, rows, `the copy has all rows of ${table}`);
}

async function labelCopy(
  connection: DuckDBConnection,
  { name, version, nowMillis }: SnapshotLabel,
): Promise<void> {
  await connection.run(
    `CREATE TABLE ${COPY}.ledger.snapshot AS
     SELECT
       ${sqlText(name)} AS name,
       make_timestamptz(${nowMillis()}::BIGINT * 1000) AS taken_at,
       (SELECT segment FROM ledger.journal_position) AS journal_segment,
       (SELECT "offset" FROM ledger.journal_position) AS journal_offset,
       (SELECT command FROM ledger.command_position) AS command_number,
       (SELECT max(last_commit_at) FROM ledger.ingest_hour) AS last_commit_at,
       (SELECT max(version) FROM main.schema_migration) AS schema_version,
       ${sqlText(version)} AS spanledger_version,
       version() AS duckdb_version`,
  );
}

interface TableSize {
  readonly table: string;
  readonly rows: number;
  /** Above all row ids: they have gaps where rows were deleted. */
  readonly end: number;
}

async function sizesOf(connection: DuckDBConnection, tables: readonly string[]): Promise<TableSize[]> {
  const sizes: TableSize[] = [];
  for (const table of tables) {
    const [row] = (
      await connection.runAndReadAll(
        `SELECT count(*), coalesce(max(rowid) + 1, 0) FROM ledger.${quoted(table)}`,
      )
    ).getRows();
    sizes.push({ table, rows: Number(row?.[0] ?? 0), end: Number(row?.[1] ?? 0) });
  }
  return sizes;
}

function columnsOf(table: string): string {
  const names = LEFT_OUT[table];
  return names === undefined ? '*' : `* EXCLUDE (${names.map(quoted).join(', ')})`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
