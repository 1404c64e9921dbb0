import type { DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement } from '@duckdb/node-api';
import { type ExaminedStatement, examine, PARSE } from './examine.ts';
import type { Reach } from './reach.ts';
import { becomeReader, type Reader, type Surroundings } from './roles.ts';

interface Prepared {
  readonly parse: DuckDBPreparedStatement;
  readonly begin: DuckDBPreparedStatement;
  readonly rollback: DuckDBPreparedStatement;
}

/** A connection of one reader, for one statement at a time: a new one would break off the rows of the last. */
export class ReadingConnection {
  readonly duckdb: DuckDBConnection;
  readonly #prepared: Prepared;
  /** The end of the last transaction and what follows it, for which nobody waits but who uses the connection next. */
  #ending: Promise<void> = Promise.resolve();

  private constructor(duckdb: DuckDBConnection, prepared: Prepared) {
    this.duckdb = duckdb;
    this.#prepared = prepared;
  }

  static async open(
    instance: DuckDBInstance,
    reader: Reader,
    surroundings: Surroundings,
  ): Promise<ReadingConnection> {
    const connection = await instance.connect();
    try {
      await becomeReader(connection, reader, surroundings);
      return new ReadingConnection(connection, {
        parse: await connection.prepare(PARSE),
        begin: await connection.prepare('BEGIN TRANSACTION READ ONLY'),
        rollback: await connection.prepare('ROLLBACK'),
      });
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }

  examine(sql: string, reach: Reach): Promise<ExaminedStatement> {
    return examine(this.#prepared.parse, sql, reach);
  }

  /** From here on the connection sees one state of the ledger. */
  async begin(): Promise<void> {
    await this.#prepared.begin.run();
  }

  /** Also ends a stream of which rows are left. */
  end(): void {
    // There is nothing to end when the beginning itself was interrupted.
    this.#ending = this.#prepared.rollback.run().then(
      () => {},
      () => {},
    );
  }

  /**
   * Lets go of a statement that was prepared on it, once nothing runs on it any more. What a statement has last run is
   * destroyed with it, and that reads of the connection (DuckDB 1.5: the log of a hash join) what the next statement
   * replaces: beside a ROLLBACK on another thread it has ended the process.
   */
  release(prepared: DuckDBPreparedStatement): void {
    this.#ending = this.#ending.then(() => prepared.destroySync());
  }

  /** Resolves when nothing runs on it any more. */
  idle(): Promise<void> {
    return this.#ending;
  }

  async close(): Promise<void> {
    await this.#ending;
    for (const prepared of Object.values(this.#prepared)) prepared.destroySync();
    this.duckdb.closeSync();
  }
}
