import type { KnownCost } from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import type { Accounts } from './accounts.ts';
import type { Alerts } from './alerts.ts';

/** Opened and looked at in one go. */
const MAX_AT_ONCE = 500;

export interface CostOfAccount extends AccountKey {
  /** Of the running period. */
  readonly cost: KnownCost;
}

export interface MarginWatchParts {
  readonly accounts: Accounts;
  readonly alerts: Alerts;
}

/**
 * Looks for alerts that depend on what running periods have cost, now and then. Opening all accounts for it would take
 * as long as a whole start: an account that is not open is looked at only where its cost has changed since the last look.
 * What was used under an earlier process and not looked at any more is looked at when the customer uses something again.
 */
export class MarginWatch {
  readonly #parts: MarginWatchParts;
  /** Null: nobody has looked yet. */
  #seen: ReadonlyMap<string, bigint | null> | null = null;

  constructor(parts: MarginWatchParts) {
    this.#parts = parts;
  }

  /** @param costs of all running periods under a plan */
  async look(costs: readonly CostOfAccount[], nowMicros: number): Promise<void> {
    const { accounts, alerts } = this.#parts;
    const before = this.#seen;
    const wanted = costs.filter((account) => {
      const hasChanged = before !== null && before.get(textOf(account)) !== account.cost.cost;
      return hasChanged || accounts.isReady(account);
    });
    for (let at = 0; at < wanted.length; at += MAX_AT_ONCE) {
      const some = wanted.slice(at, at + MAX_AT_ONCE);
      await accounts.during(some, () => {
        for (const { cost, ...key } of some) alerts.check(key, nowMicros, { cost });
      });
    }
    this.#seen = new Map(costs.map((account) => [textOf(account), account.cost.cost]));
  }
}

function textOf({ tenant, customer }: AccountKey): string {
  return `${tenant}\u0000${customer}`;
}
