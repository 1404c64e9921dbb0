import type { DuckDBConnection, DuckDBInstance, Json } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';
import { toJson } from './json-values.ts';

export interface QueryLimits {
  /** More rows than this end the query: a client that wants millions of rows should aggregate or page. */
  readonly maxRows: number;
  readonly timeoutMs: number;
  /** Queries at once. Each holds a thread of the libuv pool, which commits need too. */
  readonly maxConcurrent: number;
}

export const QUERY_LIMITS: QueryLimits = { maxRows: 100_000, timeoutMs: 30_000, maxConcurrent: 4 };

/** JSON-safe: decimals and 64-bit integers are strings, instants ISO 8601 in UTC. */
export interface QueryResult {
  readonly columns: { name: string; type: string }[];
  readonly rows: Json[][];
}

export type QueryParam = string | number | boolean | null;

/**
 * Runs statements of our own on the ledger, each in a read-only transaction on a connection of its own and within
 * limits, so that none of them can hold up the writer. What others ask goes through `reader/`.
 */
export class QueryRunner {
  private readonly instance: DuckDBInstance;
  private readonly limits: QueryLimits;
  private running = 0;

  constructor(instance: DuckDBInstance, limits: QueryLimits = QUERY_LIMITS) {
    this.instance = instance;
    this.limits = limits;
  }

  /**
   * @param params values for `$1`, `$2`, … in the statement
   * @throws {SpanledgerError} SL_QUERY_FAILED (a mistake in it), SL_QUERY_LIMIT (rows or time), SL_QUERY_BUSY (as many
   *   queries as allowed are running)
   */
  async query(sql: string, params: readonly QueryParam[] = []): Promise<QueryResult> {
    if (this.running >= this.limits.maxConcurrent) {
      throw new SpanledgerError(
        'SL_QUERY_BUSY',
        `${this.running} queries are running already, the most at once is ${this.limits.maxConcurrent}; try again shortly.`,
      );
    }
    this.running++;
    const connection = await this.instance.connect();
    try {
      await connection.run(`SET search_path = 'public'`);
      return await this.runReadOnly(connection, sql, params);
    } finally {
      this.running--;
      connection.closeSync();
    }
  }

  private tookTooLong(cause?: unknown): SpanledgerError {
    return new SpanledgerError(
      'SL_QUERY_LIMIT',
      `The query ran longer than ${this.limits.timeoutMs / 1000} s and was ended. Narrow it to a shorter time range, or read usage_hourly.`,
      { cause },
    );
  }

  private async runReadOnly(
    connection: DuckDBConnection,
    sql: string,
    params: readonly QueryParam[],
  ): Promise<QueryResult> {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      connection.interrupt();
    }, this.limits.timeoutMs);
    try {
      await connection.run('BEGIN TRANSACTION READ ONLY');
      const statement = await connection.prepare(sql);
      if (params.length > 0) statement.bind([...params]);
      const result = await statement.stream();
      const columns = result
        .columnNames()
        .map((name, index) => ({ name, type: String(result.columnType(index)) }));
      const rows: Json[][] = [];
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        rows.push(...chunk.convertRows(toJson));
        if (rows.length > this.limits.maxRows) {
          throw new SpanledgerError(
            'SL_QUERY_LIMIT',
            `The result has more than ${this.limits.maxRows} rows. Aggregate, add a LIMIT, or page through it.`,
          );
        }
      }
      // An interrupted stream may simply end: what came so far is not the answer.
      if (timedOut) throw this.tookTooLong();
      return { columns, rows };
    } catch (error) {
      if (error instanceof SpanledgerError) throw error;
      if (timedOut) throw this.tookTooLong(error);
      throw new SpanledgerError('SL_QUERY_FAILED', error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
