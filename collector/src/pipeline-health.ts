import { stat } from 'node:fs/promises';
import type { ReceiverState } from './messages.ts';
import type { StatementCounts } from './reader/statement-counts.ts';
import type { MainCounts, PipelineSample } from './store/pipeline-samples.ts';

/** What somebody wants to know who looks at a month, and the month before to compare it with its last days. */
const KEEP_DAYS = 35;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A timer may be early by as much as the clock was set meanwhile; that is still the minute it was for. */
const EARLY_MS = 500;

/** Where samples go. */
export interface SampleStore {
  add(sample: PipelineSample): Promise<void>;
  forget(beforeMillis: number): Promise<void>;
}

export interface PipelineHealthParts {
  readonly samples: SampleStore;
  /** Of readers, since this process started. */
  readonly statements: StatementCounts;
  readonly databaseBytes: () => Promise<number>;
  readonly memoryBytes: () => number;
  readonly isReadingPaused: () => boolean;
  readonly nowMillis: () => number;
  /** Resolves after the time, or throws when the signal says that it is over. */
  readonly wait: (millis: number, signal: AbortSignal) => Promise<void>;
  /** A sample could not be written: what it would have counted is in the next one. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Writes down how the service fares: once the main process has told of itself for the first time, then at every full
 * minute, whether anything happens or not, and a last time at the end. So the shortest run has a sample, and every
 * restart is in one.
 */
export class PipelineHealth {
  readonly #parts: PipelineHealthParts;
  readonly #firstTold = Promise.withResolvers<void>();
  readonly #stopping = new AbortController();
  #main: ReceiverState | null = null;
  #running: Promise<void> | null = null;
  /** What of the statements is in samples already. */
  #sampled: PipelineSample['statements'] = { all: 0, failed: 0, ended: 0 };
  #forgottenAtMillis = Number.NEGATIVE_INFINITY;

  constructor(parts: PipelineHealthParts) {
    this.#parts = parts;
    this.#stopping.signal.addEventListener('abort', () => this.#firstTold.resolve(), { once: true });
  }

  /** What the main process tells of itself, every second. */
  hear(state: ReceiverState): void {
    this.#main = state;
    this.#firstTold.resolve();
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Takes the last sample. Nothing is written once it has resolved. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#sample();
  }

  async #run(): Promise<void> {
    const { nowMillis, wait } = this.#parts;
    const { signal } = this.#stopping;
    await this.#firstTold.promise;
    while (!signal.aborted) {
      await this.#sample();
      const now = nowMillis();
      const nextMinute = Math.floor((now + EARLY_MS) / MINUTE_MS) + 1;
      try {
        await wait(nextMinute * MINUTE_MS - now, signal);
      } catch {
        return;
      }
    }
  }

  async #sample(): Promise<void> {
    const main = this.#main;
    // Of a main process that has said nothing there is nothing to say.
    if (main === null) return;
    const { samples, nowMillis, onFailed } = this.#parts;
    try {
      const atMillis = nowMillis();
      const { all, failed, ended } = this.#parts.statements;
      await samples.add({
        atMillis,
        main: countsOf(main),
        statements: {
          all: all - this.#sampled.all,
          failed: failed - this.#sampled.failed,
          ended: ended - this.#sampled.ended,
        },
        journalLagBytes: main.journalLagBytes,
        journalWaitingMs: main.journalWaitingMs,
        journalKeptBytes: main.journalKeptBytes,
        databaseBytes: await this.#parts.databaseBytes(),
        ledgerMemoryBytes: this.#parts.memoryBytes(),
        receiverMemoryBytes: main.residentBytes,
        isReadingPaused: this.#parts.isReadingPaused(),
      });
      this.#sampled = { all, failed, ended };
      if (atMillis - this.#forgottenAtMillis < DAY_MS) return;
      await samples.forget(atMillis - KEEP_DAYS * DAY_MS);
      this.#forgottenAtMillis = atMillis;
    } catch (error) {
      onFailed(error);
    }
  }
}

function countsOf(main: ReceiverState): MainCounts {
  return {
    run: main.run,
    requests: main.requests,
    requestsRefused: main.requestsRefused,
    requestsDeferred: main.requestsDeferred,
    rejectedSpans: main.rejectedSpans,
    ledgerRestarts: main.ledgerRestarts,
    // Nothing but statements of readers is ended in these ways.
    readerKills: main.ledgerEnds.memory + main.ledgerEnds.overdue,
  };
}

/** What the ledger file and its write-ahead log take on disk. Their sizes alone are looked at: nothing is opened. */
export async function databaseBytes(path: string): Promise<number> {
  const sizes = await Promise.all([path, `${path}.wal`].map(sizeIfThere));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function sizeIfThere(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    // There is no log right after it was folded into the file.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
