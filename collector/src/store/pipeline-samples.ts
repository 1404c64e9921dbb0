import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** Counts of a run of the main process since its start. It outlives ledger processes, whose ends are among them. */
export interface MainCounts {
  /** Which run: another one counts from 0. */
  readonly run: string;
  readonly requests: number;
  readonly requestsRefused: number;
  readonly requestsDeferred: number;
  readonly rejectedSpans: number;
  readonly ledgerRestarts: number;
  readonly readerKills: number;
}

/** How the service fares at an instant. */
export interface PipelineSample {
  readonly atMillis: number;
  readonly main: MainCounts;
  /** Of readers, since the sample before. */
  readonly statements: { readonly all: number; readonly failed: number; readonly ended: number };
  readonly journalLagBytes: number;
  readonly journalWaitingMs: number;
  readonly journalKeptBytes: number;
  readonly databaseBytes: number;
  readonly ledgerMemoryBytes: number;
  readonly receiverMemoryBytes: number;
  readonly isReadingPaused: boolean;
}

/**
 * Samples in the ledger file, over a connection of their own: each is a small transaction beside the long one of the
 * ledger's writer, whose tables are others, so neither waits for nor fails the other. One call at a time.
 */
export class PipelineSamples {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async open(instance: DuckDBInstance): Promise<PipelineSamples> {
    return new PipelineSamples(await instance.connect());
  }

  /** Adds a sample, and notes in the same transaction what is counted in it: a crash counts nothing twice. */
  async add(sample: PipelineSample): Promise<void> {
    const connection = this.#connection;
    await connection.run('BEGIN TRANSACTION');
    try {
      await this.#insert(sample, countsSince(await this.#counted(), sample.main));
      await this.#note(sample.main);
      await connection.run('COMMIT');
    } catch (error) {
      // After an error of the engine's the transaction may be over already.
      await connection.run('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  /** Deletes the samples from before. */
  async forget(beforeMillis: number): Promise<void> {
    await this.#connection.run(
      'DELETE FROM ledger.pipeline_sample WHERE sampled_at < make_timestamptz($1::BIGINT * 1000)',
      [BigInt(beforeMillis)],
    );
  }

  /** The instance stays open. */
  close(): void {
    this.#connection.closeSync();
  }

  async #counted(): Promise<MainCounts | null> {
    const rows = await this.#connection.runAndReadAll(
      `SELECT receiver, requests, requests_refused, requests_deferred, rejected_spans, ledger_restarts, reader_kills
       FROM ledger.pipeline_counted`,
    );
    const [row] = rows.getRows();
    if (row === undefined) return null;
    const [run, ...counts] = row;
    const [requests = 0, requestsRefused = 0, requestsDeferred = 0, rejectedSpans = 0, ...ends] =
      counts.map(Number);
    const [ledgerRestarts = 0, readerKills = 0] = ends;
    return {
      run: String(run),
      requests,
      requestsRefused,
      requestsDeferred,
      rejectedSpans,
      ledgerRestarts,
      readerKills,
    };
  }

  async #insert(sample: PipelineSample, since: MainCounts): Promise<void> {
    await this.#connection.run(
      `INSERT INTO ledger.pipeline_sample
         (sampled_at, journal_lag_bytes, journal_waiting_seconds, journal_kept_bytes, requests, requests_refused,
          requests_deferred, rejected_spans, ledger_restarts, reader_kills, statements, statements_failed,
          statements_ended, database_bytes, ledger_memory_bytes, receiver_memory_bytes, reading_paused)
       VALUES (make_timestamptz($1::BIGINT * 1000), $2, $3::DOUBLE, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
      [
        BigInt(sample.atMillis),
        BigInt(sample.journalLagBytes),
        sample.journalWaitingMs / 1000,
        BigInt(sample.journalKeptBytes),
        BigInt(since.requests),
        BigInt(since.requestsRefused),
        BigInt(since.requestsDeferred),
        BigInt(since.rejectedSpans),
        BigInt(since.ledgerRestarts),
        BigInt(since.readerKills),
        BigInt(sample.statements.all),
        BigInt(sample.statements.failed),
        BigInt(sample.statements.ended),
        BigInt(sample.databaseBytes),
        BigInt(sample.ledgerMemoryBytes),
        BigInt(sample.receiverMemoryBytes),
        sample.isReadingPaused,
      ],
    );
  }

  async #note(main: MainCounts): Promise<void> {
    await this.#connection.run('DELETE FROM ledger.pipeline_counted');
    await this.#connection.run(
      `INSERT INTO ledger.pipeline_counted
         (receiver, requests, requests_refused, requests_deferred, rejected_spans, ledger_restarts, reader_kills)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        main.run,
        BigInt(main.requests),
        BigInt(main.requestsRefused),
        BigInt(main.requestsDeferred),
        BigInt(main.rejectedSpans),
        BigInt(main.ledgerRestarts),
        BigInt(main.readerKills),
      ],
    );
  }
}

/** What has been counted since: all that a run has counted of which nothing was noted yet. Never below zero. */
function countsSince(before: MainCounts | null, now: MainCounts): MainCounts {
  if (before === null || before.run !== now.run) return now;
  return {
    run: now.run,
    requests: Math.max(0, now.requests - before.requests),
    requestsRefused: Math.max(0, now.requestsRefused - before.requestsRefused),
    requestsDeferred: Math.max(0, now.requestsDeferred - before.requestsDeferred),
    rejectedSpans: Math.max(0, now.rejectedSpans - before.rejectedSpans),
    ledgerRestarts: Math.max(0, now.ledgerRestarts - before.ledgerRestarts),
    readerKills: Math.max(0, now.readerKills - before.readerKills),
  };
}
