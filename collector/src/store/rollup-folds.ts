import { setTimeout as delay } from 'node:timers/promises';
import type { DuckDBInstance } from '@duckdb/node-api';
import { fold, type Rollup, tailRows } from './rollup.ts';

/**
 * A tail of so many rows is folded: adding it up takes a reader about 10 ms, each time. No time is set: a tail that does
 * not grow costs nobody more.
 */
export const FOLD_AT_ROWS = 16_384;

/** Rows of a portion: those of a commit under full load, so that after an upgrade each takes as long as then. */
export const FOLD_ROWS = 122_880;

/**
 * Keeps the tails of the rollups short, beside the writer: on connections of its own, in transactions that touch no
 * table of the writer's, so that no commit waits for a fold. Whatever fails or is killed leaves what is read as it is.
 */
export class RollupFolds {
  readonly #instance: DuckDBInstance;
  readonly #rollups: readonly Rollup[];
  readonly #onFailed: (error: unknown) => void;
  readonly #closing = new AbortController();
  #rows = 0;
  #running: Promise<void> | null = null;

  /** @param onFailed told when tails could not be folded; it is tried again when they have grown further */
  constructor(instance: DuckDBInstance, rollups: readonly Rollup[], onFailed: (error: unknown) => void) {
    this.#instance = instance;
    this.#rollups = rollups;
    this.#onFailed = onFailed;
  }

  /** So many rows have been added to the logs. */
  note(rows: number): void {
    this.#rows += rows;
    if (this.#rows >= FOLD_AT_ROWS) this.begin();
  }

  /** Looks whether there is anything to fold, and folds it. */
  begin(): void {
    if (this.#running !== null || this.#closing.signal.aborted) return;
    this.#rows = 0;
    this.#running = this.#foldLongTails()
      .catch(this.#onFailed)
      .finally(() => {
        this.#running = null;
      });
  }

  /** Resolves when no fold runs. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** No fold begins any more; resolves when the one that runs is over. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #foldLongTails(): Promise<void> {
    const { signal } = this.#closing;
    const connection = await this.#instance.connect();
    try {
      for (const rollup of this.#rollups) {
        while (!signal.aborted && (await tailRows(connection, rollup)) >= FOLD_AT_ROWS) {
          const startedAt = performance.now();
          await fold(connection, rollup, FOLD_ROWS);
          // At most half of the time, where there is much to catch up with: the engine's threads are the writer's, too.
          await delay(performance.now() - startedAt, null, { signal }).catch(() => {});
        }
      }
    } finally {
      connection.closeSync();
    }
  }
}
