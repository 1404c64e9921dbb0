import type { DuckDBValue, Json } from '@duckdb/node-api';
import { toJson } from '../store/json-values.ts';
import type { ReaderSession, ResultColumn } from './session.ts';

/** JSON-safe: decimals and 64-bit integers are strings, instants ISO 8601 in UTC. */
export interface JsonAnswer {
  readonly columns: { name: string; type: string }[];
  readonly rows: Json[][];
}

/**
 * Answers one statement as a whole.
 *
 * @param params values for `$1`, `$2`, … in the statement
 * @throws {ReaderError} SL_QUERY_REFUSED, SL_QUERY_FAILED, SL_QUERY_LIMIT, SL_QUERY_BUSY
 */
export async function answerOf(
  session: ReaderSession,
  sql: string,
  params: readonly DuckDBValue[],
  signal: AbortSignal = new AbortController().signal,
): Promise<JsonAnswer> {
  const statement = await session.prepare(sql, signal).catch((error: unknown) => {
    session.noteUnprepared(error);
    throw error;
  });
  try {
    const rows: Json[][] = [];
    let columns: readonly ResultColumn[] = [];
    for await (const batch of statement.run(params, signal)) {
      columns = batch.columns;
      if (batch.chunk !== null) rows.push(...batch.chunk.convertRows(toJson));
    }
    return { columns: columns.map(({ name, type }) => ({ name, type: String(type) })), rows };
  } finally {
    await statement.close();
  }
}
