/**
 * Keeps readers away from a ledger process that they may have ended, so that it can post what waits: a reader can never
 * stop the writer, not even one who sends the statement again that has ended the process, as dashboards do by
 * themselves. Nothing tells whose doing an end was; but reading is what can wait.
 */
export class ReadingPause {
  readonly #nowMs: () => number;
  /** Ends without a quiet time between them. */
  #ends = 0;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #openAtMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs a clock that only goes forward */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How much longer nobody may read, in milliseconds; 0: readers are let in. */
  get remainingMs(): number {
    return Math.max(0, this.#openAtMs - this.#nowMs());
  }

  /** The ledger process has ended. While nobody could read, that was not for what is read. */
  noteEnd(): void {
    if (this.remainingMs > 0) return;
    const now = this.#nowMs();
    if (now - this.#lastEndMs > FORGOTTEN_AFTER_MS) this.#ends = 0;
    this.#lastEndMs = now;
    this.#ends++;
    const pauses = this.#ends - FREE_ENDS;
    if (pauses > 0) this.#openAtMs = now + Math.min(FIRST_PAUSE_MS * 2 ** (pauses - 1), LONGEST_PAUSE_MS);
  }
}

/** A mistake, and the same once more: whoever made it should find out without all others being kept away. */
const FREE_ENDS = 2;
/** Enough to post what has come in while a process was started and ended a few times. */
const FIRST_PAUSE_MS = 60_000;
/** Posting has all but a few seconds in ten minutes then; a longer one would only keep honest readers away. */
const LONGEST_PAUSE_MS = 600_000;
/** After this long without an end, a new one is a new mistake. */
const FORGOTTEN_AFTER_MS = 1_800_000;
