import type { DuckDBConnection } from '@duckdb/node-api';
import { pastLimit, type ReaderError } from './errors.ts';

/** An interrupt that comes between two steps of a statement is forgotten by the engine. */
const AGAIN_AFTER_MS = 50;

/** Interrupts what runs on a connection when its time is over or its reader has gone, until it is over. */
export class Watch {
  readonly #connection: DuckDBConnection;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;
  #end: 'timeout' | 'cancel' | null = null;

  constructor(connection: DuckDBConnection, timeoutMs: number, signal: AbortSignal) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#timer = setTimeout(() => this.#stopIt('timeout'), timeoutMs);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#stopIt('cancel');
  }

  readonly #onAbort = () => this.#stopIt('cancel');

  #stopIt(end: 'timeout' | 'cancel'): void {
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
      case 'timeout':
        return pastLimit(
          'queryCanceled',
          `The query ran longer than ${this.#timeoutMs / 1000} s and was ended. Narrow it to a shorter time range, or read usage_hourly.`,
          { cause },
        );
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#again);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
