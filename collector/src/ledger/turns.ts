import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * How long the ledger works before whoever waits for an answer of this process gets a turn: checks before an action are
 * to be answered within milliseconds while spans are posted.
 */
const TURN_MS = 2;

/** Divides long work into turns of the event loop. */
export class Turns {
  #startMs = performance.now();

  /** True: it is time to `end` the turn. Costs nothing to ask, so that nobody need wait who need not. */
  get isOver(): boolean {
    return performance.now() - this.#startMs >= TURN_MS;
  }

  async end(): Promise<void> {
    await nextTurn();
    this.#startMs = performance.now();
  }
}
