import {
  type AccountFact,
  type CustomerAccount,
  type Movement,
  openAccount,
  type Plans,
  type PlanTerms,
  type UsageChange,
} from '@spanledger/metering';
import type { AccountKey, AccountPosting, AccountStore } from './account-store.ts';
import type { Booking } from './store.ts';

export interface AccountsParts {
  readonly store: AccountStore;
  readonly plans: Plans;
  /** Something was booked that no usage brings with it: it waits for a commit. */
  readonly onBooked: () => void;
}

/** All accounts, in memory: what is booked on them is handed to the store, what they are is known at once. */
export class Accounts {
  readonly #store: AccountStore;
  readonly #accounts = new Map<string, Held>();
  #plans: Plans;

  readonly #onBooked: () => void;
  #onChanged: (key: AccountKey) => void = () => {};
  readonly #still = new Set<string>();
  #used = new Map<string, AccountKey>();

  constructor({ store, plans, onBooked }: AccountsParts) {
    this.#store = store;
    this.#plans = plans;
    this.#onBooked = onBooked;
  }

  /** Opens every account that the ledger holds. `onFacts` is shown what has happened to each. */
  async load(onFacts: (key: AccountKey, facts: readonly AccountFact[]) => void): Promise<void> {
    for (const { tenant, customer, facts, usage, asOfMicros } of await this.#store.loadAccounts()) {
      const key = { tenant, customer };
      const account = openAccount(customer, facts, usage, asOfMicros ?? undefined);
      this.#accounts.set(textOf(key), { key, account });
      onFacts(key, facts);
    }
  }

  /** `listener` is told of every account to which something has happened; by time alone, when somebody looks at it. */
  onChanged(listener: (key: AccountKey) => void): void {
    this.#onChanged = listener;
  }

  /** From now on periods open under these plans; those that have begun keep their terms. */
  usePlans(plans: Plans): void {
    this.#plans = plans;
  }

  get plans(): Plans {
    return this.#plans;
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** The account with everything that has come due by then; null: nothing was ever booked on it. */
  find(key: AccountKey, nowMicros: number): CustomerAccount | null {
    const held = this.#accounts.get(textOf(key));
    if (held === undefined) return null;
    this.#advance(held, nowMicros, null);
    return held.account;
  }

  /** The account, opened where there is none yet. `firstMicros`: of usage that is about to be booked on it. */
  open(key: AccountKey, nowMicros: number, firstMicros: number | null = null): CustomerAccount {
    let held = this.#accounts.get(textOf(key));
    if (held === undefined) {
      held = { key, account: openAccount(key.customer, [], []) };
      this.#accounts.set(textOf(key), held);
    }
    this.#advance(held, nowMicros, firstMicros);
    return held.account;
  }

  /** The terms that hold for an action of that time; null: the customer has no plan. */
  termsAt(key: AccountKey, atMicros: number, nowMicros: number): PlanTerms | null {
    return this.find(key, Math.max(atMicros, nowMicros))?.termsAt(atMicros) ?? null;
  }

  /** Books usage; the movements go into the ledger with the usage record that they are of. */
  use(key: AccountKey, change: UsageChange, nowMicros: number): readonly Booking[] {
    const account = this.open(key, Math.max(change.eventMicros, nowMicros), change.eventMicros);
    this.#used.set(textOf(key), key);
    const movements = account.use(change);
    this.#onChanged(key);
    return movements.map((movement) => ({ customer: key.customer, movement }));
  }

  /** Those on which usage was booked since this was last asked. */
  takeUsed(): Iterable<AccountKey> {
    const used = this.#used.values();
    this.#used = new Map();
    return used;
  }

  /** Something was done to the account, and what it moved. */
  book(
    key: AccountKey,
    facts: readonly AccountFact[],
    movements: readonly Movement[],
    nowMicros: number,
  ): void {
    if (facts.length + movements.length === 0) return;
    const posting: AccountPosting = {
      tenant: key.tenant,
      customer: key.customer,
      facts,
      movements,
      recordedAtMillis: Math.floor(nowMicros / 1000),
    };
    this.#store.book(posting);
    this.#onBooked();
    this.#onChanged(key);
  }

  /** Every account with everything that has come due by then. */
  *advanceAll(nowMicros: number): Generator<readonly [AccountKey, CustomerAccount]> {
    for (const held of this.#accounts.values()) {
      this.#advance(held, nowMicros, null);
      yield [held.key, held.account];
    }
  }

  /** For the account no time passes until it is let go. */
  hold(key: AccountKey): void {
    this.#still.add(textOf(key));
  }

  letGo(key: AccountKey): void {
    this.#still.delete(textOf(key));
  }

  #advance({ key, account }: Held, nowMicros: number, firstMicros: number | null): void {
    if (this.#still.size > 0 && this.#still.has(textOf(key))) return;
    const { facts, movements } = account.advance(nowMicros, this.#plans, firstMicros);
    this.book(key, facts, movements, nowMicros);
  }
}

interface Held {
  readonly key: AccountKey;
  readonly account: CustomerAccount;
}

/** No tenant's name has a control character. */
function textOf({ tenant, customer }: AccountKey): string {
  return `${tenant}\u0000${customer}`;
}
