import {
  type AccountFact,
  decideSubscribe,
  decideTopUp,
  type Movement,
  NO_PLANS,
  type Plans,
  type PlansConfiguration,
  plans,
} from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import { DuckDbStore } from '../store/store.ts';
import { aStore, commitAt, optionsFor } from '../store/testing/stores.ts';
import type { AccountKey, HeldAccount } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { Alerts } from './alerts.ts';
import type { LedgerStore } from './store.ts';
import { Sweep } from './sweep.ts';
import { NOON } from './testing/journal.ts';

const NOON_MICROS = NOON * 1000;
const HOUR_MICROS = 3_600_000_000;
const DAY_MICROS = 24 * HOUR_MICROS;
const CREDIT = 1_000_000n;
const TOLD = { actor: 'ops@example.com', reason: 'sold' };

const PRO = plansOf({
  pro: { fee_usd: '20', allowance: '100', overage: { policy: 'allow' }, rollover: { periods: 2 } },
});

function plansOf(written: PlansConfiguration): Plans {
  const parsed = plans(written);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.plans;
}

function keyOf(customer: string): AccountKey {
  return { tenant: 'default', customer };
}

function accountsOver(store: LedgerStore, maxOpen: number, known: Plans = NO_PLANS): Accounts {
  return new Accounts({ store, plans: known, onBooked: () => {}, maxOpen });
}

/** So many credits are granted at that time, for an hour. */
function topUp(accounts: Accounts, key: AccountKey, credits: bigint, atMicros: number, id = 'c1'): void {
  const expiresMicros = atMicros + HOUR_MICROS;
  const told = { ...TOLD, id, amount: credits * CREDIT, paidUsd: 0n, expiresMicros, priority: null };
  const decided = decideTopUp(told, atMicros);
  if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
  apply(accounts, key, decided.facts, atMicros);
}

function subscribe(accounts: Accounts, key: AccountKey, atMicros: number, id: string): void {
  const account = accounts.open(key, atMicros);
  const told = {
    ...TOLD,
    id,
    plan: 'pro',
    startMicros: null,
    zone: 'UTC',
    anchorDay: null,
    withTrial: false,
  };
  const decided = decideSubscribe(account, told, PRO, atMicros);
  // Who has a plan already keeps it.
  if (decided.kind === 'facts') apply(accounts, key, decided.facts, atMicros);
}

function apply(accounts: Accounts, key: AccountKey, facts: readonly AccountFact[], atMicros: number): void {
  const account = accounts.open(key, atMicros);
  for (const fact of facts) {
    const applied = account.apply(fact);
    // Only what lies amid usage needs it: that is for those who do commands.
    if (applied.needsUsage) return;
    accounts.book(key, [fact], applied.movements, atMicros);
  }
  accounts.find(key, atMicros);
}

function use(
  store: LedgerStore,
  accounts: Accounts,
  key: AccountKey,
  credits: bigint,
  atMicros: number,
): void {
  const change = {
    amount: credits * CREDIT,
    eventMicros: atMicros,
    recordedMicros: atMicros,
    actionId: null,
  };
  const movements = accounts.use(key, change, atMicros).map(({ movement }) => movement);
  // What comes with usage goes into the ledger with its record; here there is none.
  store.book({ ...key, facts: [], movements, recordedAtMillis: Math.floor(atMicros / 1000) });
}

async function available(accounts: Accounts, key: AccountKey, atMicros: number): Promise<bigint | null> {
  return (await accounts.look(key, atMicros))?.balance(atMicros).available ?? null;
}

describe('an account that is not open', () => {
  it('is never taken for an empty one', async () => {
    const store = new MemoryStore();
    topUp(accountsOver(store, 10), keyOf('cus_acme'), 5n, NOON_MICROS);
    await commitAt(store, 1);

    const next = accountsOver(store, 10);
    await next.load();
    const acme = keyOf('cus_acme');
    expect(next.has(acme)).toBe(true);
    expect(next.size).toBe(0);
    expect(() => next.find(acme, NOON_MICROS)).toThrow('was not opened');
    expect(() => next.termsAt(acme, NOON_MICROS, NOON_MICROS)).toThrow('was not opened');
    const change = { amount: CREDIT, eventMicros: NOON_MICROS, recordedMicros: NOON_MICROS, actionId: null };
    expect(() => next.use(acme, change, NOON_MICROS)).toThrow('was not opened');
    expect(next.find(keyOf('cus_new'), NOON_MICROS), 'nobody has it').toBeNull();
    expect(await available(next, acme, NOON_MICROS)).toBe(5n * CREDIT);
  });

  it('is read once, however many ask for it at the same time', async () => {
    class CountingStore extends MemoryStore {
      readonly asked: string[] = [];
      override loadAccounts(keys: readonly AccountKey[]): Promise<readonly HeldAccount[]> {
        this.asked.push(...keys.map(({ customer }) => customer));
        return super.loadAccounts(keys);
      }
    }
    const store = new CountingStore();
    const before = accountsOver(store, 10);
    for (const customer of ['a', 'b', 'c']) topUp(before, keyOf(customer), 5n, NOON_MICROS);
    await commitAt(store, 1);

    const next = accountsOver(store, 10);
    await next.load();
    const [one, other] = [next.visit(), next.visit()];
    await Promise.all([
      one.open([keyOf('a'), keyOf('b'), keyOf('a')]),
      other.open([keyOf('b'), keyOf('c')]),
      available(next, keyOf('a'), NOON_MICROS),
    ]);
    expect(store.asked.toSorted()).toEqual(['a', 'b', 'c']);
  });
});

describe('letting go of accounts', () => {
  it('keeps those that are visited or wait for a commit, whatever the bound', async () => {
    const store = new MemoryStore();
    const accounts = accountsOver(store, 0);
    topUp(accounts, keyOf('booked'), 5n, NOON_MICROS);
    topUp(accounts, keyOf('visited'), 7n, NOON_MICROS);
    accounts.shrink();
    expect(accounts.size, 'nothing is committed').toBe(2);
    expect(await available(accounts, keyOf('booked'), NOON_MICROS)).toBe(5n * CREDIT);

    const visit = accounts.visit();
    await visit.open([keyOf('visited')]);
    await commitAt(store, 1);
    accounts.shrink();
    expect([...accounts.openKeys()]).toEqual([keyOf('visited')]);
    visit.end();
    expect(accounts.size).toBe(0);
    expect(await available(accounts, keyOf('booked'), NOON_MICROS)).toBe(5n * CREDIT);
  });

  it('lets those go first that nobody has used for longest', async () => {
    const store = new MemoryStore();
    const accounts = accountsOver(store, 2);
    for (const customer of ['a', 'b']) topUp(accounts, keyOf(customer), 5n, NOON_MICROS);
    await commitAt(store, 1);
    topUp(accounts, keyOf('c'), 5n, NOON_MICROS);
    await commitAt(store, 2);
    accounts.shrink();
    expect([...accounts.openKeys()].map(({ customer }) => customer)).toEqual(['b', 'c']);
    await accounts.look(keyOf('b'), NOON_MICROS);
    await accounts.look(keyOf('a'), NOON_MICROS);
    expect([...accounts.openKeys()].map(({ customer }) => customer).toSorted()).toEqual(['a', 'b']);
  });

  it('loses nothing of what is booked while a commit runs in DuckDB', async () => {
    const { store } = await aStore();
    const accounts = accountsOver(store, 0);
    const acme = keyOf('cus_acme');
    topUp(accounts, acme, 5n, NOON_MICROS, 'c1');
    const first = commitAt(store, 1);
    topUp(accounts, acme, 7n, NOON_MICROS, 'c2');
    accounts.shrink();
    expect(accounts.size, 'neither is committed').toBe(1);
    await first;
    accounts.shrink();
    expect(accounts.size, 'the second is not').toBe(1);
    expect(await available(accounts, acme, NOON_MICROS)).toBe(12n * CREDIT);
    await commitAt(store, 2);
    accounts.shrink();
    accounts.shrink();
    expect(accounts.size).toBe(0);
    // Another commit runs while it is read.
    topUp(accounts, keyOf('cus_globex'), 1n, NOON_MICROS);
    const third = commitAt(store, 3);
    accounts.shrink();
    accounts.shrink();
    expect([...accounts.openKeys()], 'it is not committed yet').toEqual([keyOf('cus_globex')]);
    expect(await available(accounts, acme, NOON_MICROS)).toBe(12n * CREDIT);
    await third;
  });
});

type Step =
  | { readonly kind: 'subscribe'; readonly customer: string }
  | { readonly kind: 'look'; readonly customer: string }
  | { readonly kind: 'top_up'; readonly customer: string; readonly credits: bigint }
  | { readonly kind: 'use'; readonly customer: string; readonly credits: bigint; readonly agoHours: number }
  | { readonly kind: 'pass'; readonly hours: number }
  | { readonly kind: 'commit' };

const customer = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const credits = fc.bigInt({ min: 1n, max: 60n });
const agoHours = fc.constantFrom(0, 0, 1, 30, 24 * 20);
const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({ kind: fc.constant('subscribe'), customer }),
  fc.record({ kind: fc.constant('look'), customer }),
  fc.record({ kind: fc.constant('top_up'), customer, credits }),
  fc.record({ kind: fc.constant('use'), customer, credits, agoHours }),
  fc.record({ kind: fc.constant('use'), customer, credits, agoHours }),
  fc.record({ kind: fc.constant('pass'), hours: fc.constantFrom(0, 1, 2, 24 * 5, 24 * 40) }),
  fc.record({ kind: fc.constant('commit') }),
);

/** What the ledger has of a story in the end, and how often an account was opened from it. */
async function told(steps: readonly Step[], maxOpen: number) {
  const store = new MemoryStore();
  const accounts = accountsOver(store, maxOpen, PRO);
  let reopened = 0;
  accounts.onOpened(() => {
    reopened += 1;
  });
  let nowMicros = NOON_MICROS;
  let commits = 0;
  for (const [index, each] of steps.entries()) {
    nowMicros += 1000;
    if (each.kind === 'pass') nowMicros += each.hours * HOUR_MICROS;
    else if (each.kind === 'commit') await commitAt(store, ++commits);
    else {
      const key = keyOf(each.customer);
      await accounts.during([key], () => {
        accounts.find(key, nowMicros);
        switch (each.kind) {
          case 'subscribe':
            return subscribe(accounts, key, nowMicros, `c${index}`);
          case 'top_up':
            return topUp(accounts, key, each.credits, nowMicros, `c${index}`);
          case 'use':
            return use(store, accounts, key, each.credits, nowMicros - each.agoHours * HOUR_MICROS);
          case 'look':
            return;
        }
      });
    }
    accounts.shrink();
  }
  await commitAt(store, ++commits);
  const balances = [];
  for (const key of accounts.keys()) {
    balances.push([key.customer, (await accounts.look(key, nowMicros))?.balance(nowMicros)]);
  }
  await commitAt(store, ++commits);
  return { reopened, balances, facts: factsIn(store), early: await bookedEarly(store) };
}

/** Of whom something is booked by time alone before it is said to be due. */
async function bookedEarly(store: MemoryStore): Promise<readonly string[]> {
  let booked = 0;
  const onBooked = () => {
    booked += 1;
  };
  const accounts = new Accounts({ store, plans: PRO, onBooked });
  await accounts.load();
  const early = [];
  for (const { dueAtMicros, ...key } of await store.loadAccountDues()) {
    if (dueAtMicros === null) continue;
    const before = booked;
    await accounts.look(key, dueAtMicros - 1);
    if (booked > before) early.push(key.customer);
  }
  return early;
}

function factsIn(store: MemoryStore): readonly (readonly [customer: string, fact: AccountFact])[] {
  const facts = store.accountPostings.flatMap(({ customer, facts }) =>
    facts.map((fact) => [customer, fact] as const),
  );
  return facts.toSorted(([one], [other]) => (one < other ? -1 : one === other ? 0 : 1));
}

describe('an account that is opened again', () => {
  it('equals the one that was kept open, however few are kept', async () => {
    let reopened = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
        fc.integer({ min: 0, max: 4 }),
        async (steps, maxOpen) => {
          const few = await told(steps, maxOpen);
          const all = await told(steps, Number.POSITIVE_INFINITY);
          reopened += few.reopened;
          expect(all.reopened).toBe(0);
          expect(few.balances).toEqual(all.balances);
          expect([few.early, all.early], 'booked before anything was said to be due').toEqual([[], []]);
          expect(few.facts, 'periods and their hashes are among them').toEqual(all.facts);
        },
      ),
      { numRuns: 150 },
    );
    // There was enough to go wrong.
    expect(reopened).toBeGreaterThan(1000);
  });
});

describe('a restart', () => {
  const COUNT = 20_000;
  const DUE = 700;

  /** Each has credits that expire: a few within the hour, the others a year from now. */
  async function aLargeLedger(): Promise<string> {
    const { store, path, close } = await aStore();
    for (let index = 0; index < COUNT; index++) {
      const key = keyOf(`cus_${index}`);
      const expiresMicros = NOON_MICROS + (index < DUE ? HOUR_MICROS : 365 * DAY_MICROS);
      store.book({ ...key, ...aGrant(expiresMicros), recordedAtMillis: NOON });
      store.setAccountDue({ ...key, dueAtMicros: expiresMicros });
    }
    await commitAt(store, 1);
    await close();
    return path;
  }

  it('opens no account of 20,000 but those that are due', async () => {
    const store = await DuckDbStore.open({ ...optionsFor(await aLargeLedger()), create: false });
    try {
      const accounts = accountsOver(store, 100);
      let opened = 0;
      accounts.onOpened(() => {
        opened += 1;
      });
      await accounts.load();
      expect(opened).toBe(0);
      expect([...accounts.keys()]).toHaveLength(COUNT);

      const sweep = aSweep(accounts);
      await sweep.until(NOON);
      expect(opened).toBe(0);
      await sweep.until(NOON + 3_600_000);
      expect(opened).toBe(DUE);
      expect(accounts.size, 'they wait for a commit').toBe(DUE);
      await commitAt(store, 2);
      accounts.shrink();
      accounts.shrink();
      expect(accounts.size).toBe(100);

      const again = accountsOver(store, 100);
      await again.load();
      const due = [...again.dueBy(NOON_MICROS + HOUR_MICROS)].filter((key) => key !== null);
      expect(due, 'what was due is done').toEqual([]);
      expect(await available(accounts, keyOf('cus_3'), NOON_MICROS + HOUR_MICROS)).toBe(0n);
      expect(await available(accounts, keyOf('cus_19999'), NOON_MICROS + HOUR_MICROS)).toBe(9n * CREDIT);
    } finally {
      await store.close();
    }
  });

  function aSweep(accounts: Accounts) {
    let ended = Promise.withResolvers<void>();
    const sweep = new Sweep({ accounts, alerts: new Alerts({ accounts }), onEnd: () => ended.resolve() });
    return {
      async until(nowMillis: number): Promise<void> {
        ended = Promise.withResolvers();
        sweep.begin(nowMillis);
        await ended.promise;
      },
    };
  }

  function aGrant(expiresMicros: number): {
    readonly facts: readonly AccountFact[];
    readonly movements: readonly Movement[];
  } {
    const lone = accountsOver(new MemoryStore(), 1).open(keyOf('x'), NOON_MICROS);
    const told = { ...TOLD, id: 'c1', amount: 9n * CREDIT, paidUsd: 0n, expiresMicros, priority: null };
    const decided = decideTopUp(told, NOON_MICROS);
    if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
    const movements: Movement[] = [];
    const facts: AccountFact[] = [];
    for (const fact of decided.facts) {
      const applied = lone.apply(fact);
      if (applied.needsUsage) throw new Error('nothing was used before');
      facts.push(fact);
      movements.push(...applied.movements);
    }
    const lived = lone.advance(NOON_MICROS, NO_PLANS);
    return { facts: [...facts, ...lived.facts], movements: [...movements, ...lived.movements] };
  }
});
