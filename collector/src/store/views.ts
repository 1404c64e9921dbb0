import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { declareRollups, rollupViews } from './rollup.ts';
import { ROLLUPS } from './rollups.ts';

const CONTRACT = new URL('./views.sql', import.meta.url);
const CUSTOMERS = new URL('./customer-views.sql', import.meta.url);

/**
 * Brings the rollups and all views to what this version says. Views that are made of the same text, and that nobody has
 * changed since, stay as they stand in the file: to make all of them takes 0.3 s of CPU, more than the rest of an opening.
 */
export async function bringViews(connection: DuckDBConnection): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  const areTablesNew = await declareRollups(connection, ROLLUPS);
  const text = `${await contractViewText()}${await readFile(CUSTOMERS, 'utf8')}`;
  const sha256 = createHash('sha256').update(text).digest('hex');
  const made = await connection.runAndReadAll('SELECT text_sha256, standing_sha256 FROM ledger.view_text');
  const [madeOf = null, stood = null] = made.getRows()[0] ?? [];
  const standing = !areTablesNew && madeOf === sha256 ? await standingViews(connection) : null;
  if (standing !== null && stood === null) {
    await connection.run('UPDATE ledger.view_text SET standing_sha256 = $1', [standing]);
  } else if (standing === null || stood !== standing) {
    await connection.run(text);
    await connection.run('DELETE FROM ledger.view_text');
    await connection.run('INSERT INTO ledger.view_text VALUES ($1, NULL)', [sha256]);
  }
  await connection.run('COMMIT');
}

/** The digest of the views as the engine tells them: in other words than they were made of once the file was closed. */
async function standingViews(connection: DuckDBConnection): Promise<string> {
  const views = await connection.runAndReadAll(
    `SELECT sha256(coalesce(string_agg(schema_name || '.' || view_name || ': ' || sql, ';' ORDER BY schema_name, view_name), ''))
     FROM duckdb_views() WHERE NOT internal`,
  );
  return String(views.getRows()[0]?.[0]);
}

/** Makes the views of schema `public`, and the rollups that they stand on, over tables that are there. */
export async function writeContractViews(connection: DuckDBConnection): Promise<void> {
  await connection.run(await contractViewText());
}

async function contractViewText(): Promise<string> {
  return `${rollupViews(ROLLUPS)}${await readFile(CONTRACT, 'utf8')}`;
}
