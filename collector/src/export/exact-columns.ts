import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * The columns of a SELECT, as text of another SELECT. Parquet has no integers of 128 bits, and DuckDB would make floats of
 * them: as decimals they stay exact.
 */
export async function exactColumns(connection: DuckDBConnection, select: string): Promise<string> {
  const described = await connection.runAndReadAll(`DESCRIBE ${select}`);
  return described
    .getRows()
    .map(([name, type]) => {
      const column = `"${String(name).replaceAll('"', '""')}"`;
      return String(type) === 'HUGEINT' ? `${column}::DECIMAL(38, 0) AS ${column}` : column;
    })
    .join(', ');
}
