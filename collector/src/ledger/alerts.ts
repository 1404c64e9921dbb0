import { type AccountFact, alertsDue, type CustomerAccount, type KnownCost } from '@spanledger/metering';
import type { AccountKey, BookedAlert } from './account-store.ts';
import type { Accounts } from './accounts.ts';

/** What is known of a customer's cost between two looks at all of it: nothing, so margins are not judged. */
const NO_COST: KnownCost = { cost: null, unpricedCalls: 0 };

/** Whoever is told of alerts may have missed the last ones: those of a day are told again at the next start. */
export const ALERTS_TOLD_AGAIN_MS = 24 * 3_600_000;

export interface AlertsParts {
  readonly accounts: Accounts;
}

/**
 * Looks at accounts that something has happened to, and books the alerts that are due: each once for its period
 * (convention C19, invariant I26), because what has fired is among the facts of the account.
 */
export class Alerts {
  readonly #parts: AlertsParts;
  /** Of each account that is open, what has fired in its latest period with any. */
  readonly #fired = new WeakMap<CustomerAccount, { readonly period: number; readonly alerts: Set<string> }>();
  #booked: BookedAlert[] = [];

  constructor(parts: AlertsParts) {
    this.#parts = parts;
    parts.accounts.onOpened((account, facts) => this.#remember(account, facts));
  }

  /** What has fired before, as it is among the facts of an account that is opened. */
  #remember(account: CustomerAccount, facts: readonly AccountFact[]): void {
    for (const fact of facts) {
      if (fact.kind === 'alert') this.#firedIn(account, fact.period).add(fact.alert);
    }
  }

  /** What was booked since this was last asked. */
  takeBooked(): readonly BookedAlert[] {
    const booked = this.#booked;
    this.#booked = [];
    return booked;
  }

  /**
   * Of an account that is open.
   *
   * @param cost of the running period; without it only what depends on credits is judged
   */
  check(key: AccountKey, nowMicros: number, cost: KnownCost = NO_COST): void {
    const { accounts } = this.#parts;
    const account = accounts.find(key, nowMicros);
    const period = account?.periodAt(nowMicros) ?? null;
    // Whoever has no plan has no allowance that could run out, and nothing is sold to him.
    if (account === null || period === null || period.terms === null) return;
    const fired = this.#firedIn(account, period.period);
    for (const alert of alertsDue(account, cost, fired, nowMicros)) {
      fired.add(alert.alert);
      accounts.book(key, [alert], [], nowMicros);
      this.#booked.push({ ...key, alert });
    }
  }

  #firedIn(account: CustomerAccount, period: number): Set<string> {
    let fired = this.#fired.get(account);
    if (fired === undefined || fired.period < period) {
      fired = { period, alerts: new Set() };
      this.#fired.set(account, fired);
    }
    return fired.alerts;
  }
}
