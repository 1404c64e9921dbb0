import { type AccountFact, type AlertFact, alertsDue, type KnownCost } from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import type { Accounts } from './accounts.ts';

/** What is known of a customer's cost between two looks at all of it: nothing, so margins are not judged. */
const NO_COST: KnownCost = { cost: null, unpricedCalls: 0 };

export interface AlertsParts {
  readonly accounts: Accounts;
}

export interface BookedAlert extends AccountKey {
  readonly alert: AlertFact;
}

/**
 * Looks at accounts that something has happened to, and books the alerts that are due: each once for its period
 * (convention C19, invariant I26), because what has fired is among the facts of the account.
 */
export class Alerts {
  readonly #parts: AlertsParts;
  /** Of each account, what has fired in its latest period with any. */
  readonly #fired = new Map<string, { readonly period: number; readonly alerts: Set<string> }>();
  #booked: BookedAlert[] = [];

  constructor(parts: AlertsParts) {
    this.#parts = parts;
  }

  /** What has fired before, as it is among the facts of an account. */
  remember(key: AccountKey, facts: readonly AccountFact[]): void {
    for (const alert of facts) {
      if (alert.kind !== 'alert') continue;
      this.#firedIn(key, alert.period).add(alert.alert);
      // Whoever is told of alerts may have missed the last ones.
      this.#booked.push({ ...key, alert });
    }
  }

  /** What was booked since this was last asked; the first time, everything that was ever booked. */
  takeBooked(): readonly BookedAlert[] {
    const booked = this.#booked;
    this.#booked = [];
    return booked;
  }

  /** @param cost of the running period; without it only what depends on credits is judged */
  check(key: AccountKey, nowMicros: number, cost: KnownCost = NO_COST): void {
    const { accounts } = this.#parts;
    const account = accounts.find(key, nowMicros);
    const period = account?.periodAt(nowMicros) ?? null;
    // Whoever has no plan has no allowance that could run out, and nothing is sold to him.
    if (account === null || period === null || period.terms === null) return;
    const fired = this.#firedIn(key, period.period);
    for (const alert of alertsDue(account, cost, fired, nowMicros)) {
      fired.add(alert.alert);
      accounts.book(key, [alert], [], nowMicros);
      this.#booked.push({ ...key, alert });
    }
  }

  #firedIn({ tenant, customer }: AccountKey, period: number): Set<string> {
    const text = `${tenant}\u0000${customer}`;
    let fired = this.#fired.get(text);
    if (fired === undefined || fired.period < period) {
      fired = { period, alerts: new Set() };
      this.#fired.set(text, fired);
    }
    return fired.alerts;
  }
}
