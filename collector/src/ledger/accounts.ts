import assert from 'node:assert/strict';
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
import { Turns } from './turns.ts';

export interface AccountsParts {
  readonly store: AccountStore;
  readonly plans: Plans;
  /** Something was booked that no usage brings with it: it waits for a commit. */
  readonly onBooked: () => void;
  /** So many stay open; more only while they are in use or wait for a commit. */
  readonly maxOpen?: number;
}

/** Some 20 kB each where customers have two years of periods: 400 MB. */
export const MAX_OPEN_ACCOUNTS = 20_000;

/** An account on which usage was booked. */
export interface UsedAccount {
  readonly key: AccountKey;
  /** The earliest instant of that usage. */
  readonly fromMicros: number;
}

/** While it lasts, no account that was opened for it is let go. */
export interface AccountVisit {
  /** Opens those that are not open; of what nobody has, nothing. */
  open(keys: Iterable<AccountKey>): Promise<void>;
  end(): void;
}

/**
 * The accounts of all customers. An account is a fold over everything that ever happened to it, so it is opened when it is
 * needed and not before:
 *
 * 1. `load` learns which accounts there are, and when each comes due.
 * 2. Whoever needs some begins a `visit` and opens them: from what is committed, all in one question.
 * 3. Then they are asked and booked on without waiting. What is booked is handed to the store; what they are is known at
 *    once.
 * 4. Beyond `maxOpen` those that were not used for longest are let go. Never one that a visit needs, and never one of
 *    which something is not committed: what is opened again would lack it.
 */
export class Accounts {
  readonly #store: AccountStore;
  /** Of every account that there is, when it comes due next; Infinity: never. About 100 bytes each. */
  readonly #dues = new Map<string, number>();
  /** Those that were used last come last, give or take a second chance. */
  readonly #open = new Map<string, Held>();
  readonly #opening = new Map<string, Promise<void>>();
  /** By account, how many visits need it. */
  readonly #visits = new Map<string, number>();
  readonly #maxOpen: number;
  #plans: Plans;

  readonly #onBooked: () => void;
  #onChanged: (key: AccountKey) => void = () => {};
  readonly #listeners: ((account: CustomerAccount, facts: readonly AccountFact[]) => void)[] = [];
  readonly #still = new Set<string>();
  #used = new Map<string, UsedAccount>();

  constructor({ store, plans, onBooked, maxOpen = MAX_OPEN_ACCOUNTS }: AccountsParts) {
    this.#store = store;
    this.#plans = plans;
    this.#onBooked = onBooked;
    this.#maxOpen = maxOpen;
  }

  /** Learns which accounts there are; opens none. */
  async load(): Promise<void> {
    for (const { dueAtMicros, ...key } of await this.#store.loadAccountDues()) {
      this.#dues.set(textOf(key), dueAtMicros ?? Number.POSITIVE_INFINITY);
    }
  }

  /** `listener` is told of every account to which something has happened; by time alone, when somebody looks at it. */
  onChanged(listener: (key: AccountKey) => void): void {
    this.#onChanged = listener;
  }

  /** From now on `listen` is shown each account that is opened, and what has happened to it. */
  onOpened(listen: (account: CustomerAccount, facts: readonly AccountFact[]) => void): void {
    this.#listeners.push(listen);
  }

  /** From now on periods open under these plans; those that have begun keep their terms. */
  usePlans(plans: Plans): void {
    this.#plans = plans;
  }

  get plans(): Plans {
    return this.#plans;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** As many wait for a commit as may stay open. */
  get isCrowded(): boolean {
    return this.#open.size - this.#maxOpen >= Math.max(this.#maxOpen, FEW_ACCOUNTS);
  }

  /** Whether anything was ever booked on it. */
  has(key: AccountKey): boolean {
    return this.#dues.has(textOf(key));
  }

  /** Whether it can be asked and booked on without opening it first; what nobody has is begun on the spot. */
  isReady(key: AccountKey): boolean {
    const text = textOf(key);
    return this.#open.has(text) || !this.#dues.has(text);
  }

  visit(): AccountVisit {
    let visited: string[] = [];
    return {
      open: async (keys) => {
        const missing: AccountKey[] = [];
        const waits = new Set<Promise<void>>();
        for (const key of keys) {
          const text = textOf(key);
          this.#visits.set(text, (this.#visits.get(text) ?? 0) + 1);
          visited.push(text);
          const held = this.#open.get(text);
          const opening = this.#opening.get(text);
          if (held !== undefined) held.isRecent = true;
          else if (opening !== undefined) waits.add(opening);
          else if (this.#dues.has(text)) {
            missing.push(key);
            this.#opening.set(text, NOTHING);
          }
        }
        if (missing.length > 0) waits.add(this.#read(missing));
        if (waits.size > 0) await Promise.all(waits);
      },
      end: () => {
        for (const text of visited) {
          const others = (this.#visits.get(text) ?? 1) - 1;
          if (others === 0) this.#visits.delete(text);
          else this.#visits.set(text, others);
        }
        visited = [];
        this.shrink();
      },
    };
  }

  /** Opens accounts for as long as the work takes. */
  async during<Result>(keys: Iterable<AccountKey>, work: () => Result | Promise<Result>): Promise<Result> {
    const visit = this.visit();
    try {
      await visit.open(keys);
      return await work();
    } finally {
      visit.end();
    }
  }

  /** The account as it is now, for whoever only looks at it; null: nothing was ever booked on it. */
  async look(key: AccountKey, nowMicros: number): Promise<CustomerAccount | null> {
    return await this.during([key], () => this.find(key, nowMicros));
  }

  /** Everything of these accounts is committed, or they would be open; and nobody books on them until they are. */
  async #read(keys: readonly AccountKey[]): Promise<void> {
    const opening = this.#openAll(keys);
    for (const key of keys) this.#opening.set(textOf(key), opening);
    try {
      await opening;
    } finally {
      for (const key of keys) this.#opening.delete(textOf(key));
    }
  }

  async #openAll(keys: readonly AccountKey[]): Promise<void> {
    const turns = new Turns();
    for (const { tenant, customer, facts, usage, asOfMicros } of await this.#store.loadAccounts(keys)) {
      const key = { tenant, customer };
      const account = openAccount(customer, facts, usage, asOfMicros ?? undefined);
      for (const listen of this.#listeners) listen(account, facts);
      this.#hold(key, account, this.#dues.get(textOf(key)) ?? null);
      if (turns.isOver) await turns.end();
    }
    const lost = keys.find((key) => !this.#open.has(textOf(key)));
    assert(lost === undefined, `of the account ${lost?.customer} the ledger file has nothing`);
  }

  #hold(key: AccountKey, account: CustomerAccount, dueMicros: number | null): Held {
    const text = textOf(key);
    const held = { key, text, account, dueMicros, lastBatch: 0, isRecent: true };
    this.#open.set(text, held);
    return held;
  }

  /** The account with everything that has come due by then; null: nothing was ever booked on it. */
  find(key: AccountKey, nowMicros: number): CustomerAccount | null {
    const held = this.#heldOf(key);
    if (held === null) return null;
    this.#advance(held, nowMicros, null);
    return held.account;
  }

  /** The account, begun where there is none yet. `firstMicros`: of usage that is about to be booked on it. */
  open(key: AccountKey, nowMicros: number, firstMicros: number | null = null): CustomerAccount {
    return this.#begun(key, nowMicros, firstMicros).account;
  }

  #begun(key: AccountKey, nowMicros: number, firstMicros: number | null): Held {
    const held = this.#heldOf(key) ?? this.#hold(key, openAccount(key.customer, [], []), null);
    held.isRecent = true;
    this.#advance(held, nowMicros, firstMicros);
    return held;
  }

  /** Null: there is no such account. One that is not open must never be taken for one that is empty. */
  #heldOf(key: AccountKey): Held | null {
    const text = textOf(key);
    const held = this.#open.get(text);
    if (held !== undefined) return held;
    assert(!this.#dues.has(text), `the account ${key.customer} is used and was not opened`);
    return null;
  }

  /** The terms that hold for an action of that time; null: the customer has no plan. */
  termsAt(key: AccountKey, atMicros: number, nowMicros: number): PlanTerms | null {
    return this.find(key, Math.max(atMicros, nowMicros))?.termsAt(atMicros) ?? null;
  }

  /** Books usage; the movements go into the ledger with the usage record that they are of. */
  use(key: AccountKey, change: UsageChange, nowMicros: number): readonly Booking[] {
    const held = this.#begun(key, Math.max(change.eventMicros, nowMicros), change.eventMicros);
    const atMicros = Math.min(change.eventMicros, change.recordedMicros);
    const used = this.#used.get(held.text);
    if (used === undefined || atMicros < used.fromMicros) {
      this.#used.set(held.text, { key, fromMicros: atMicros });
    }
    const movements = held.account.use(change);
    this.#note(held);
    this.#onChanged(key);
    return movements.map((movement) => ({ customer: key.customer, movement }));
  }

  /** Those on which usage was booked since this was last asked. */
  takeUsed(): Iterable<UsedAccount> {
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
    const held = this.#heldOf(key);
    assert(held !== null, `something was done to the account ${key.customer}, which is not open`);
    const posting: AccountPosting = {
      tenant: key.tenant,
      customer: key.customer,
      facts,
      movements,
      recordedAtMillis: Math.floor(nowMicros / 1000),
    };
    this.#store.book(posting);
    this.#note(held);
    this.#onBooked();
    this.#onChanged(key);
  }

  /** Something was booked: it is not let go before that is committed, and may come due at another time. */
  #note(held: Held): void {
    held.lastBatch = this.#store.openBatch;
    this.#noteDue(held);
  }

  #noteDue(held: Held): void {
    const { key, text, account } = held;
    const { nextDueMicros } = account;
    if (held.dueMicros === nextDueMicros) return;
    held.dueMicros = nextDueMicros;
    this.#dues.set(text, nextDueMicros);
    const dueAtMicros = Number.isFinite(nextDueMicros) ? nextDueMicros : null;
    this.#store.setAccountDue({ ...key, dueAtMicros });
  }

  /** Every account that there is. */
  *keys(): Generator<AccountKey> {
    for (const text of this.#dues.keys()) yield keyOf(text);
  }

  /** Those that are open. */
  *openKeys(): Generator<AccountKey> {
    for (const { key } of this.#open.values()) yield key;
  }

  /** Goes through all accounts; null stands for one that is not due by then. */
  *dueBy(nowMicros: number): Generator<AccountKey | null> {
    for (const [text, dueMicros] of this.#dues) yield dueMicros <= nowMicros ? keyOf(text) : null;
  }

  /** For the account no time passes until it is let go. */
  hold(key: AccountKey): void {
    this.#still.add(textOf(key));
  }

  letGo(key: AccountKey): void {
    this.#still.delete(textOf(key));
  }

  #advance(held: Held, nowMicros: number, firstMicros: number | null): void {
    const { key, text, account } = held;
    if (this.#still.size > 0 && this.#still.has(text)) return;
    const { facts, movements } = account.advance(nowMicros, this.#plans, firstMicros);
    this.book(key, facts, movements, nowMicros);
    // Where nothing was found to do at an instant, the next one is due all the same.
    if (held.dueMicros !== null) this.#noteDue(held);
  }

  /** Lets go of what is too much, as far as it may go. */
  shrink(): void {
    let excess = this.#open.size - this.#maxOpen;
    if (excess <= 0) return;
    // Those that may not go are behind all others then, so that nobody looks at them again and again.
    let looks = 2 * excess + SPARE_LOOKS;
    for (const [text, held] of this.#open) {
      if (excess === 0 || looks-- === 0) return;
      this.#open.delete(text);
      if (!held.isRecent && this.#mayGo(held)) excess--;
      else {
        held.isRecent = false;
        this.#open.set(text, held);
      }
    }
  }

  #mayGo({ text, lastBatch }: Held): boolean {
    return lastBatch <= this.#store.committedBatch && !this.#visits.has(text) && !this.#still.has(text);
  }
}

/** So few beyond the bound are no reason to commit. */
const FEW_ACCOUNTS = 1000;

/** How many that may not go are passed over at a time. */
const SPARE_LOOKS = 64;

/** Stands for an opening that begins in the same turn. */
const NOTHING = Promise.resolve();

interface Held {
  readonly key: AccountKey;
  readonly text: string;
  readonly account: CustomerAccount;
  /** As the store knows it; null: nothing was booked on it yet. */
  dueMicros: number | null;
  /** The batch in which something was booked on it last. */
  lastBatch: number;
  /** Used since it was last looked at for letting it go: it has a second chance. */
  isRecent: boolean;
}

/** No tenant's name has a control character. */
function textOf({ tenant, customer }: AccountKey): string {
  return `${tenant}\u0000${customer}`;
}

function keyOf(text: string): AccountKey {
  const end = text.indexOf('\u0000');
  return { tenant: text.slice(0, end), customer: text.slice(end + 1) };
}
