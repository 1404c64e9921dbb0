import { type AccountFact, type AlertFact, alertsDue, type KnownCost } from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import type { Accounts } from './accounts.ts';

/** What is known of a customer's cost between two looks at all of it: nothing, so margins are not judged. */
const NO_COST: KnownCost = { cost: null, unpricedCalls: 0 };

export interface AlertsParts {
  readonly accounts: Accounts;
  /** Called once for each alert, after it was booked. */
  readonly onAlert: (key: AccountKey, alert: AlertFact) => void;
}

/**
 * Looks at accounts that something has happened to, and books the alerts that are due: each once for its period
 * (convention C19, invariant I26), because what has fired is among the facts of the account.
 */
export class Alerts {
  readonly #parts: AlertsParts;
  /** Of each account, what has fired in its latest period with any. */
  readonly #fired = new Map<string, { readonly period: number; readonly alerts: Set<string> }>();

  constructor(parts: AlertsParts) {
    this.#parts = parts;
  }

  /** What has fired before, as it is among the facts of an account. */
  remember(key: AccountKey, facts: readonly AccountFact[]): void {
    for (const fact of facts) if (fact.kind === 'alert') this.#firedIn(key, fact.period).add(fact.alert);
  }

  /** @param cost of the running period; without it only what depends on credits is judged */
  check(key: AccountKey, nowMicros: number, cost: KnownCost = NO_COST): void {
    const { accounts, onAlert } = this.#parts;
    const account = accounts.find(key, nowMicros);
    const period = account?.periodAt(nowMicros) ?? null;
    // Whoever has no plan has no allowance that could run out, and nothing is sold to him.
    if (account === null || period === null || period.terms === null) return;
    const fired = this.#firedIn(key, period.period);
    for (const alert of alertsDue(account, cost, fired, nowMicros)) {
      fired.add(alert.alert);
      accounts.book(key, [alert], [], nowMicros);
      onAlert(key, alert);
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
