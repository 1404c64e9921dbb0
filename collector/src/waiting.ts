import { comparePositions, type JournalPosition } from './journal/index.ts';

/** Bodies that became durable within this time count as equally old: tens of thousands of them wait under load. */
const MARK_EVERY_MS = 1000;

/**
 * How long what is durable and not committed has been waiting. It is kept by the main process, so that a ledger process
 * that is started again and again makes nothing younger. Times are of a clock that never goes back.
 */
export class Waiting {
  /** The oldest first: up to where the journal was durable, and since when its first body after the mark before is. */
  #marks: { end: JournalPosition; readonly sinceMs: number }[] = [];

  durable(end: JournalPosition, nowMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.sinceMs < MARK_EVERY_MS) last.end = end;
    else this.#marks.push({ end, sinceMs: nowMs });
  }

  /** @param lagBytes what waits now: a journal that was opened anew ends behind a header that nobody commits */
  committed(upTo: JournalPosition, lagBytes: number): void {
    this.#marks = lagBytes === 0 ? [] : this.#marks.filter(({ end }) => comparePositions(end, upTo) > 0);
  }

  /** Of the oldest, up to a second too long; 0: nothing waits. */
  ageMs(nowMs: number): number {
    const [oldest] = this.#marks;
    return oldest === undefined ? 0 : nowMs - oldest.sinceMs;
  }
}
