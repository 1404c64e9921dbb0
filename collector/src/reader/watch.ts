import type { DuckDBConnection } from '@duckdb/node-api';
import { pastLimit, type ReaderError } from './errors.ts';
import type { MemoryFence } from './memory-fence.ts';

/** An interrupt that comes between two steps of a statement is forgotten by the engine. */
const AGAIN_AFTER_MS = 50;

/**
 * How much longer than its time limit a statement may take to notice the interrupt. Most do within 10 ms; one within a
 * step over long values, or in planning, notices when that is over, and the step may take minutes and gigabytes.
 */
export const OVERDUE_AFTER_MS = 5000;

export interface WatchOptions {
  readonly timeoutMs: number;
  /** Ends it, too. */
  readonly signal: AbortSignal;
  /** The engine still works on the statement, long after its time. */
  readonly onOverdue: () => void;
  readonly overdueAfterMs?: number;
  readonly fence?: MemoryFence;
}

/** Interrupts what runs on a connection when its time is over or its reader has gone, until it is over. */
export class Watch {
  readonly #connection: DuckDBConnection;
  readonly #options: WatchOptions;
  readonly #timer: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;
  #overdue: NodeJS.Timeout | undefined;
  #end: 'timeout' | 'cancel' | 'memory' | null = null;
  #steps = 0;
  readonly startedAtMs = performance.now();

  constructor(connection: DuckDBConnection, options: WatchOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#timer = setTimeout(this.#onTimeout, options.timeoutMs);
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal.aborted) this.#stopIt('cancel');
  }

  /** What the engine does for the statement. Between such steps it is its reader who lets it wait. */
  async step<Result>(work: Promise<Result>): Promise<Result> {
    const { fence } = this.#options;
    if (this.#steps++ === 0) fence?.add(this);
    try {
      return await work;
    } finally {
      if (--this.#steps === 0) fence?.delete(this);
    }
  }

  endForMemory(): void {
    this.#stopIt('memory');
  }

  readonly #onAbort = () => this.#stopIt('cancel');

  readonly #onTimeout = () => {
    this.#stopIt('timeout');
    const { onOverdue, overdueAfterMs = OVERDUE_AFTER_MS } = this.#options;
    // From here, not from the start: where this process was held up, the interrupt came late.
    this.#overdue = setTimeout(() => {
      if (this.#steps > 0) onOverdue();
    }, overdueAfterMs);
  };

  #stopIt(end: 'timeout' | 'cancel' | 'memory'): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#connection.interrupt();
    this.#again = setInterval(() => this.#connection.interrupt(), AGAIN_AFTER_MS);
  }

  /**
   * Why it was ended, if it was: an interrupted stream may simply stop, and what came so far is not the answer.
   *
   * @throws {ReaderError} SL_QUERY_LIMIT
   */
  expectGoingOn(cause?: unknown): void {
    const error = this.#reason(cause);
    if (error !== null) throw error;
  }

  #reason(cause: unknown): ReaderError | null {
    switch (this.#end) {
      case null:
        return null;
      case 'cancel':
        return pastLimit('queryCanceled', 'The query was cancelled.', { cause });
      case 'memory':
        return pastLimit(
          'outOfMemory',
          'The queries that run need more memory than readers may use, and this one has run for longest. Narrow it.',
          { cause },
        );
      case 'timeout':
        return pastLimit(
          'queryCanceled',
          `The query ran longer than ${this.#options.timeoutMs / 1000} s and was ended. Narrow it to a shorter time range, or read usage_hourly.`,
          { cause },
        );
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#again);
    clearTimeout(this.#overdue);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
  }
}
