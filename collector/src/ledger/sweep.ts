import type { AccountKey } from './account-store.ts';
import type { Accounts } from './accounts.ts';
import type { Alerts } from './alerts.ts';
import { Turns } from './turns.ts';

/** Periods, expiries and alerts are not later than this where nobody asks; whoever asks sees them at once. */
export const SWEEP_EVERY_MS = 60_000;

/**
 * Opened at a time. Of ten thousand periods that end at one midnight all are there within seconds, and whoever settles
 * or asks meanwhile waits for none of them: each of these is dealt with in turns of its own.
 */
const MAX_OPENED_AT_ONCE = 500;

export interface SweepParts {
  readonly accounts: Accounts;
  readonly alerts: Alerts;
  /** One has ended, or failed. */
  readonly onEnd: () => void;
}

/**
 * What becomes due by time alone. Accounts that are open are looked at for alerts too, because usage may have brought
 * them near; of all others only those are opened that something is due for.
 */
export class Sweep {
  readonly #parts: SweepParts;
  #lastMillis = 0;
  /** Null: none is going on. */
  #running: Promise<void> | null = null;
  #failure: { readonly cause: unknown } | null = null;
  #isEnding = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** Begins one where the last one is long enough ago. @throws what the last one has failed of */
  begin(nowMillis: number): void {
    if (this.#failure !== null) throw this.#failure.cause;
    if (nowMillis < this.nextMillis) return;
    this.#lastMillis = nowMillis;
    this.#running = this.#sweep(nowMillis * 1000)
      .catch((cause: unknown) => {
        this.#failure = { cause };
      })
      .finally(() => {
        this.#running = null;
        this.#parts.onEnd();
      });
  }

  /** When the next one is due; Infinity while one is going on. */
  get nextMillis(): number {
    return this.#running === null ? this.#lastMillis + SWEEP_EVERY_MS : Number.POSITIVE_INFINITY;
  }

  /** Ends the one that is going on early: what it has left is due at the next start as well. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    if (this.#failure !== null) throw this.#failure.cause;
  }

  async #sweep(nowMicros: number): Promise<void> {
    const { accounts } = this.#parts;
    await this.#lookAtAll([...accounts.openKeys()], nowMicros);
    const turns = new Turns();
    let due: AccountKey[] = [];
    for (const key of accounts.dueBy(nowMicros)) {
      if (this.#isEnding) return;
      if (turns.isOver) await turns.end();
      if (key === null) continue;
      due.push(key);
      if (due.length < MAX_OPENED_AT_ONCE) continue;
      await this.#openAll(due, nowMicros);
      due = [];
    }
    if (due.length > 0) await this.#openAll(due, nowMicros);
  }

  async #openAll(due: readonly AccountKey[], nowMicros: number): Promise<void> {
    await this.#parts.accounts.during(due, () => this.#lookAtAll(due, nowMicros));
  }

  async #lookAtAll(keys: readonly AccountKey[], nowMicros: number): Promise<void> {
    const { accounts, alerts } = this.#parts;
    const turns = new Turns();
    for (const key of keys) {
      if (this.#isEnding) return;
      // It may have been let go since.
      if (accounts.isReady(key)) alerts.check(key, nowMicros);
      if (turns.isOver) await turns.end();
    }
  }
}
