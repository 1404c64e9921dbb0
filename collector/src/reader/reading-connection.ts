import type { DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement } from '@duckdb/node-api';
import { type ExaminedStatement, examine, PARSE } from './examine.ts';
import type { Reach } from './reach.ts';
import { becomeReader, type Reader, type Surroundings } from './roles.ts';

/** A connection of one reader, for one statement at a time: a new one would break off the rows of the last. */
export class ReadingConnection {
  readonly duckdb: DuckDBConnection;
  readonly #parse: DuckDBPreparedStatement;

  private constructor(duckdb: DuckDBConnection, parse: DuckDBPreparedStatement) {
    this.duckdb = duckdb;
    this.#parse = parse;
  }

  static async open(
    instance: DuckDBInstance,
    reader: Reader,
    surroundings: Surroundings,
  ): Promise<ReadingConnection> {
    const connection = await instance.connect();
    try {
      await becomeReader(connection, reader, surroundings);
      return new ReadingConnection(connection, await connection.prepare(PARSE));
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }

  examine(sql: string, reach: Reach): Promise<ExaminedStatement> {
    return examine(this.#parse, sql, reach);
  }

  close(): void {
    this.#parse.destroySync();
    this.duckdb.closeSync();
  }
}
