import { decideSubscribe, type Plans, plans } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import { commitAt } from '../store/testing/stores.ts';
import { Accounts } from './accounts.ts';
import { Alerts, type AlertsLook } from './alerts.ts';
import type { LedgerStore } from './store.ts';
import { NOON } from './testing/journal.ts';

const NOON_MICROS = NOON * 1000;
const DAY_MICROS = 86_400_000_000;
const CREDIT = 1_000_000n;
const ACME = { tenant: 'default', customer: 'cus_acme' } as const;

function plansOf(): Plans {
  const parsed = plans({ pro: { fee_usd: '20', allowance: '1000', overage: { policy: 'block' } } });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.plans;
}

/** A process that has opened the accounts of a store. */
async function aProcess(store: LedgerStore) {
  const accounts = new Accounts({ store, plans: plansOf(), onBooked: () => {} });
  const alerts = new Alerts({ accounts });
  await accounts.load();
  await accounts.visit().open([ACME]);
  /** Uses credits; nobody looks yet. */
  function book(credits: bigint, eventMicros: number, nowMicros: number): void {
    const change = { amount: credits * CREDIT, eventMicros, recordedMicros: nowMicros, actionId: null };
    const movements = accounts.use(ACME, change, nowMicros).map(({ movement }) => movement);
    // What comes with usage goes into the ledger with its record; here there is none.
    store.book({ ...ACME, facts: [], movements, recordedAtMillis: nowMicros / 1000 });
  }
  /** Says what has fired by it. */
  function look(nowMicros: number, known: AlertsLook = {}): readonly string[] {
    alerts.check(ACME, nowMicros, known);
    return alerts.takeBooked().map(({ alert }) => alert.alert);
  }
  return {
    accounts,
    book,
    look,
    use(credits: bigint, atMicros: number, cost?: bigint): readonly string[] {
      book(credits, atMicros, atMicros);
      return look(atMicros, cost === undefined ? {} : { cost: { cost, unpricedCalls: 0 } });
    },
    useLate(credits: bigint, eventMicros: number, nowMicros: number): readonly string[] {
      book(credits, eventMicros, nowMicros);
      return look(nowMicros, { usedFromMicros: eventMicros });
    },
  };
}

async function aSubscriber(store: LedgerStore) {
  const process = await aProcess(store);
  const account = process.accounts.open(ACME, NOON_MICROS);
  const decided = decideSubscribe(
    account,
    {
      id: 'c1',
      actor: null,
      reason: null,
      plan: 'pro',
      startMicros: null,
      zone: 'UTC',
      anchorDay: null,
      withTrial: false,
    },
    plansOf(),
    NOON_MICROS,
  );
  if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
  for (const fact of decided.facts) {
    const applied = account.apply(fact);
    if (applied.needsUsage) throw new Error('nothing was used before');
    process.accounts.book(ACME, decided.facts, applied.movements, NOON_MICROS);
  }
  return process;
}

it('I26: each level fires once, by whichever process, and again in the next period', async () => {
  const store = new MemoryStore();
  const first = await aSubscriber(store);
  expect(first.use(499n, NOON_MICROS + 1)).toEqual([]);
  expect(first.use(1n, NOON_MICROS + 2)).toEqual(['threshold:50']);
  expect(first.use(100n, NOON_MICROS + 3)).toEqual([]);
  expect(first.use(400n, NOON_MICROS + 4)).toEqual(['threshold:80', 'threshold:100']);
  await commitAt(store, 1);

  const second = await aProcess(store);
  const told = await store.loadAlerts(NOON);
  expect(
    told.map(({ alert }) => alert.alert),
    'whoever is told of alerts may have missed them',
  ).toEqual(['threshold:50', 'threshold:80', 'threshold:100']);
  expect(second.use(50n, NOON_MICROS + 5)).toEqual([]);
  expect(second.use(900n, NOON_MICROS + 35 * DAY_MICROS)).toEqual(
    expect.arrayContaining(['threshold:50', 'threshold:80']),
  );
});

describe('usage that comes when its period has ended', () => {
  const END = Date.UTC(2026, 11, 22) * 1000;
  const LAST_SECOND = END - 1_000_000;
  const NEXT_PERIOD = ['threshold:50', 'threshold:80', 'threshold:100'];

  it('C19: reaches the levels of that period, once, by whichever process; those of the next one are its own', async () => {
    const store = new MemoryStore();
    const first = await aSubscriber(store);
    expect(first.use(400n, NOON_MICROS + 1)).toEqual([]);
    expect(first.use(10n, END + 1), 'the next period has begun').toEqual([]);
    expect(first.useLate(450n, LAST_SECOND, END + 2)).toEqual(['threshold:50', 'threshold:80']);
    expect(first.useLate(1n, LAST_SECOND, END + 3)).toEqual([]);
    await commitAt(store, 1);

    const second = await aProcess(store);
    expect(second.useLate(1n, LAST_SECOND, END + 4)).toEqual([]);
    expect(second.useLate(300n, LAST_SECOND, END + 5)).toEqual(['threshold:100']);
    expect(second.use(1000n, END + 6)).toEqual(NEXT_PERIOD);
    await commitAt(store, 2);
    const told = await store.loadAlerts(NOON);
    expect(told.map(({ alert }) => `${alert.period} ${alert.alert}`)).toEqual([
      ...NEXT_PERIOD.map((level) => `1 ${level}`),
      ...NEXT_PERIOD.map((level) => `2 ${level}`),
    ]);
    expect(told[0]?.alert.detail).toMatchObject({ used: '850', allowance: '1000' });
  });

  it('C16: reaches those of the running period when its own is closed', async () => {
    const store = new MemoryStore();
    const process = await aSubscriber(store);
    expect(process.use(400n, NOON_MICROS + 1)).toEqual([]);
    const closed = END + 4 * DAY_MICROS;
    expect(process.useLate(500n, LAST_SECOND, closed)).toContain('threshold:50');
    await commitAt(store, 1);
    const told = await store.loadAlerts(NOON);
    expect(new Set(told.map(({ alert }) => alert.period))).toEqual(new Set([2]));
  });

  it('is looked at as far back as there was any, and by whoever looks at all of it', async () => {
    const process = await aSubscriber(new MemoryStore());
    process.book(900n, LAST_SECOND, END + 1);
    expect(process.look(END + 2, { usedFromMicros: END }), 'nothing was used before').toEqual([]);
    expect(process.look(END + 2, { usedFromMicros: LAST_SECOND })).toEqual(['threshold:50', 'threshold:80']);
    process.book(200n, LAST_SECOND, END + 3);
    expect(process.look(END + 4)).toEqual(['threshold:100']);
  });
});

it('a margin below zero fires once its cost is known', async () => {
  const process = await aSubscriber(new MemoryStore());
  // A credit is worth 2 cents: 10 credits are worth 20 cents.
  const cents = (count: bigint) => count * 10n ** 13n;
  expect(process.use(10n, NOON_MICROS + 1)).toEqual([]);
  expect(process.use(1n, NOON_MICROS + 2, cents(21n))).toEqual([]);
  expect(process.use(1n, NOON_MICROS + 3, cents(25n))).toEqual(['negative_margin']);
  expect(process.use(1n, NOON_MICROS + 4, cents(99n))).toEqual([]);
});

it('nothing fires for whoever has no plan', async () => {
  const process = await aProcess(new MemoryStore());
  expect(process.use(1_000_000n, NOON_MICROS, 10n ** 18n)).toEqual([]);
});
