import type { DuckDBConnection } from '@duckdb/node-api';
import { TableWriter } from './columns.ts';
import type { KeyTable } from './layout.ts';

/** Runs `work` while a temporary table holds the keys. */
export async function withKeys<Row, Result>(
  connection: DuckDBConnection,
  layout: KeyTable<Row>,
  keys: readonly Row[],
  work: () => Promise<Result>,
): Promise<Result> {
  await connection.run(`CREATE TEMP TABLE ${layout.table} (${layout.declaration})`);
  const table = await TableWriter.open(connection, layout);
  for (const key of keys) table.append(key);
  table.flush();
  table.close();
  const result = await work();
  await connection.run(`DROP TABLE temp.${layout.table}`);
  return result;
}
