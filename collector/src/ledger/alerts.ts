import {
  type AccountFact,
  type AlertFact,
  alertsDue,
  type CustomerAccount,
  type KnownCost,
  lateAlertsDue,
} from '@spanledger/metering';
import type { AccountKey, BookedAlert } from './account-store.ts';
import type { Accounts } from './accounts.ts';

/** What is known of a customer's cost between two looks at all of it: nothing, so margins are not judged. */
const NO_COST: KnownCost = { cost: null, unpricedCalls: 0 };

/** Whoever is told of alerts may have missed the last ones: those of a day are told again at the next start. */
export const ALERTS_TOLD_AGAIN_MS = 24 * 3_600_000;

export interface AlertsParts {
  readonly accounts: Accounts;
}

/** What whoever looks at an account knows of it. */
export interface AlertsLook {
  /** Of the running period; without it only what depends on credits is judged. */
  readonly cost?: KnownCost;
  /** Nothing was used before this that was not looked at. Without it all periods that are not closed are looked at. */
  readonly usedFromMicros?: number;
}

/**
 * Looks at accounts that something has happened to, and books the alerts that are due: each once for its period
 * (convention C19, invariant I26), because what has fired is among the facts of the account.
 */
export class Alerts {
  readonly #parts: AlertsParts;
  /** Of each account that is open, what has fired in each period that is not closed. */
  readonly #fired = new WeakMap<CustomerAccount, Map<number, Set<string>>>();
  #booked: BookedAlert[] = [];

  constructor(parts: AlertsParts) {
    this.#parts = parts;
    parts.accounts.onOpened((account, facts) => this.#remember(account, facts));
  }

  /** What has fired before, as it is among the facts of an account that is opened. */
  #remember(account: CustomerAccount, facts: readonly AccountFact[]): void {
    let closed = 0;
    for (const fact of facts) if (fact.kind === 'period_closed') closed = Math.max(closed, fact.period);
    for (const fact of facts) {
      if (fact.kind === 'alert' && fact.period > closed) this.#firedIn(account, fact.period).add(fact.alert);
    }
  }

  /** What was booked since this was last asked. */
  takeBooked(): readonly BookedAlert[] {
    const booked = this.#booked;
    this.#booked = [];
    return booked;
  }

  /** Of an account that is open: of the running period, and of those before it that are not closed. */
  check(
    key: AccountKey,
    nowMicros: number,
    { cost = NO_COST, usedFromMicros = Number.NEGATIVE_INFINITY }: AlertsLook = {},
  ): void {
    const account = this.#parts.accounts.find(key, nowMicros);
    if (account === null) return;
    const ended = account.endedPeriods(nowMicros);
    for (const late of ended.filter(({ endMicros }) => endMicros > usedFromMicros)) {
      const fired = this.#firedIn(account, late.number);
      this.#book(key, fired, lateAlertsDue(account, late, fired, nowMicros), nowMicros);
    }
    const period = account.periodAt(nowMicros);
    const [oldest] = ended;
    this.#forgetBefore(account, oldest?.number ?? period?.period ?? 0);
    // Whoever has no plan has no allowance that could run out, and nothing is sold to him.
    if (period === null || period.terms === null) return;
    const fired = this.#firedIn(account, period.period);
    this.#book(key, fired, alertsDue(account, cost, fired, nowMicros), nowMicros);
  }

  #book(key: AccountKey, fired: Set<string>, alerts: readonly AlertFact[], nowMicros: number): void {
    for (const alert of alerts) {
      fired.add(alert.alert);
      this.#parts.accounts.book(key, [alert], [], nowMicros);
      this.#booked.push({ ...key, alert });
    }
  }

  /** Nothing fires in a period that is closed. */
  #forgetBefore(account: CustomerAccount, oldest: number): void {
    const periods = this.#fired.get(account);
    for (const period of periods?.keys() ?? []) if (period < oldest) periods?.delete(period);
  }

  #firedIn(account: CustomerAccount, period: number): Set<string> {
    const periods = this.#fired.get(account) ?? new Map<number, Set<string>>();
    this.#fired.set(account, periods);
    const fired = periods.get(period) ?? new Set<string>();
    periods.set(period, fired);
    return fired;
  }
}
