import {
  type AccountFact,
  type Decided,
  decideAuthorise,
  decideRelease,
  decideSettle,
  decideSubscribe,
  decideTopUp,
  NO_PLANS,
  type Plans,
  plans,
} from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import type { DuckDbStore } from '../store/store.ts';
import { aPosting } from '../store/testing/postings.ts';
import { afterCrash, aStore, commitAt } from '../store/testing/stores.ts';
import { Accounts } from './accounts.ts';
import { type Command, type CommandJournal, type CommandOutcome, Commands } from './commands.ts';
import { factOf, factText } from './fact-text.ts';
import { MemoryCommandJournal } from './memory-command-journal.ts';
import type { LedgerStore } from './store.ts';
import { NOON } from './testing/journal.ts';

const NOON_MICROS = NOON * 1000;
/** The commands of a test have been done by then. */
const SOON_MICROS = NOON_MICROS + 1_000_000;
const CREDIT = 1_000_000n;
const HOUR_MICROS = 3_600_000_000;
const ACME = { tenant: 'default', customer: 'cus_acme' } as const;

const PRO = plansOf();

function plansOf(): Plans {
  const parsed = plans({ pro: { fee_usd: '20', allowance: '1000' } });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.plans;
}

let ids = 0;

/** One process that does commands. */
class Bench {
  readonly store: LedgerStore;
  readonly journal: CommandJournal;
  readonly accounts: Accounts;
  readonly commands: Commands;
  readonly troubles: string[] = [];

  constructor(store: LedgerStore, journal: CommandJournal, known: Plans, nowMillis: number) {
    this.store = store;
    this.journal = journal;
    this.accounts = new Accounts({ store, plans: known, onBooked: () => {} });
    this.commands = new Commands({
      accounts: this.accounts,
      store,
      journal,
      nowMillis: () => nowMillis,
      newId: () => `c${++ids}`,
      factText,
      factOf,
      whenCommitted: async () => {},
      exclusively: (work) => work(),
      onChange: () => {},
      onTrouble: (detail) => this.troubles.push(detail),
    });
  }

  static async open(
    store: LedgerStore = new MemoryStore(),
    journal: CommandJournal = new MemoryCommandJournal(),
    { plans: known = NO_PLANS, nowMillis = NOON } = {},
  ): Promise<Bench> {
    const bench = new Bench(store, journal, known, nowMillis);
    await bench.accounts.load();
    await bench.commands.load();
    await bench.accounts.visit().open([ACME]);
    return bench;
  }

  balance() {
    const account = this.accounts.find(ACME, SOON_MICROS);
    if (account === null) throw new Error('nothing was ever booked on the account');
    return account.balance(SOON_MICROS);
  }
}

type Decide = (...given: Parameters<Command['decide']>) => Decided;

function aCommand(decide: Decide, named: Partial<Command> = {}): Command {
  return {
    ...ACME,
    key: null,
    fingerprint: 'the request',
    actor: 'ops@example.com',
    decide,
    answer: (account, facts, nowMicros) => ({
      status: 201,
      body: {
        facts: facts.map(({ id }) => id),
        available: String(account.balance(nowMicros).available),
      },
    }),
    ...named,
  };
}

const BY_HAND = { actor: 'ops@example.com', reason: 'sold' };

function aTopUp(credits: bigint, named: Partial<Command> = {}): Command {
  return aCommand(
    (_account, id, nowMicros) =>
      decideTopUp(
        { ...BY_HAND, id, amount: credits * CREDIT, paidUsd: 0n, expiresMicros: null, priority: null },
        nowMicros,
      ),
    named,
  );
}

function aHold(hold: string, credits: bigint, named: Partial<Command> = {}): Command {
  return aCommand(
    (account, id, nowMicros) =>
      decideAuthorise(
        account,
        {
          ...BY_HAND,
          id,
          hold,
          amount: credits * CREDIT,
          expiresMicros: nowMicros + HOUR_MICROS,
          feature: null,
          actionId: null,
        },
        nowMicros,
      ),
    named,
  );
}

function anEnd(hold: string, actual: bigint | null): Command {
  return aCommand((account, id, nowMicros) =>
    actual === null
      ? decideRelease(account, { ...BY_HAND, id, hold }, nowMicros)
      : decideSettle(account, { ...BY_HAND, id, hold, actual: actual * CREDIT }, nowMicros),
  );
}

function aSubscription(startMicros: number, named: Partial<Command> = {}): Command {
  return aCommand(
    (account, id, nowMicros) =>
      decideSubscribe(
        account,
        { ...BY_HAND, id, plan: 'pro', startMicros, zone: 'UTC', anchorDay: null, withTrial: false },
        PRO,
        nowMicros,
      ),
    named,
  );
}

function done(outcome: CommandOutcome) {
  if (outcome.kind !== 'answered') throw new Error(`it was not done: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** What was done to the account, open batch included. */
function factsIn({ store }: Bench): Promise<readonly AccountFact[]> {
  return store.loadFacts(ACME);
}

describe('a command with a key', () => {
  it('is answered again and done once, now and by the next process', async () => {
    const bench = await Bench.open();
    const first = done(await bench.commands.run(aTopUp(100n, { key: 'k1' })));
    expect(first).toMatchObject({ status: 201, body: { available: '100000000' }, isRepeated: false });
    const again = { ...first, isRepeated: true };
    expect(await bench.commands.run(aTopUp(100n, { key: 'k1' }))).toEqual(again);
    await commitAt(bench.store, 1);
    const next = await Bench.open(bench.store, bench.journal);
    expect(await next.commands.run(aTopUp(100n, { key: 'k1' }))).toEqual(again);
    expect(next.balance().available).toBe(100n * CREDIT);
  });

  it('is not answered again before the first is on disk', async () => {
    const disk = Promise.withResolvers<void>();
    const journal = new MemoryCommandJournal();
    const slow: CommandJournal = {
      append: async (text) => {
        await disk.promise;
        await journal.append(text);
      },
      read: () => journal.read(),
      committed: async () => {},
    };
    const { commands } = await Bench.open(new MemoryStore(), slow);
    const written: number[] = [];
    const answers = [1, 2].map(async () => {
      const outcome = done(await commands.run(aTopUp(100n, { key: 'k1' })));
      written.push(journal.texts.length);
      return outcome;
    });
    disk.resolve();
    const [first, second] = await Promise.all(answers);
    expect(second).toEqual({ ...first, isRepeated: true });
    expect(written).toEqual([1, 1]);
  });

  it('is refused for another request, and is free for another tenant', async () => {
    const bench = await Bench.open();
    await bench.commands.run(aTopUp(100n, { key: 'k1' }));
    const other = { key: 'k1', fingerprint: 'another request' };
    expect(await bench.commands.run(aTopUp(7n, other))).toEqual({ kind: 'key_reused' });
    expect(bench.balance().available).toBe(100n * CREDIT);
    done(await bench.commands.run(aTopUp(7n, { ...other, tenant: 'other' })));
  });

  it('is forgotten after a day', async () => {
    const bench = await Bench.open();
    await bench.commands.run(aTopUp(100n, { key: 'k1' }));
    await commitAt(bench.store, 1);
    const tomorrow = NOON + 24 * 3_600_000 + 1;
    const journal = new MemoryCommandJournal();
    const next = await Bench.open(bench.store, journal, { nowMillis: tomorrow });
    expect(done(await next.commands.run(aTopUp(100n, { key: 'k1' }))).isRepeated).toBe(false);
  });
});

describe('a command that is refused', () => {
  it('changes nothing, and may be tried again under its key', async () => {
    const journal = new MemoryCommandJournal();
    const bench = await Bench.open(new MemoryStore(), journal);
    await bench.commands.run(aTopUp(10n));
    // Without a plan nothing is denied: only the end of a hold that there is not.
    const before = { facts: await factsIn(bench), texts: [...journal.texts], balance: bench.balance() };
    const unknown = { ...anEnd('h1', 3n), key: 'k1' };
    expect(await bench.commands.run(unknown)).toMatchObject({ kind: 'refused', code: 'HOLD_UNKNOWN' });
    expect({ facts: await factsIn(bench), texts: journal.texts, balance: bench.balance() }).toEqual(before);
    await bench.commands.run(aHold('h1', 5n));
    expect(done(await bench.commands.run(unknown)).isRepeated).toBe(false);
  });
});

/** Each gives a store, and what a crash at this instant leaves of it. */
const stores = [
  [
    'memory',
    async () => {
      const store = new MemoryStore();
      const crash = async () => {
        store.crash();
        return store;
      };
      return { store, crash };
    },
  ],
  [
    'DuckDB',
    async () => {
      const { store, path } = await aStore();
      const crash = async (): Promise<DuckDbStore> =>
        (await aStore({ path: await afterCrash(path), create: false })).store;
      return { store, crash };
    },
  ],
] as const;

describe.each(stores)('commands, with the ledger in %s', (_name, open) => {
  it('I8: are done once when the process is killed after they were written down and before they were committed', async () => {
    const { store, crash } = await open();
    const journal = new MemoryCommandJournal();
    const bench = await Bench.open(store, journal, { plans: PRO });
    await bench.commands.run(aSubscription(NOON_MICROS));
    await bench.commands.run(aTopUp(100n));
    await commitAt(store, 1);
    const topUp = done(await bench.commands.run(aTopUp(7n, { key: 'k1' })));
    await bench.commands.run(aHold('h1', 40n));
    await bench.commands.run(aHold('h2', 30n));
    await bench.commands.run(anEnd('h1', 25n));
    const before = bench.balance();
    expect(before).toMatchObject({ available: 1_052n * CREDIT, held: 30n * CREDIT });

    const second = await Bench.open(await crash(), journal, { plans: PRO });
    expect(second.balance()).toEqual(before);
    await commitAt(second.store, 2);
    const third = await Bench.open(second.store, journal, { plans: PRO });
    expect(third.balance(), 'what is committed is not done again').toEqual(before);
    expect(await third.commands.run(aTopUp(7n, { key: 'k1' }))).toEqual({ ...topUp, isRepeated: true });
    expect([...second.troubles, ...third.troubles]).toEqual([]);
    const facts = await factsIn(third);
    expect(new Set(facts.map(({ id }) => id)).size).toBe(facts.length);
  });

  it('I8: are done once, too, when a re-rating was committed in between', async () => {
    const { store, crash } = await open();
    const journal = new MemoryCommandJournal();
    store.post(aPosting({ customer: 'cus_globex' }));
    await commitAt(store, 1);
    const bench = await Bench.open(store, journal, { plans: PRO });
    await bench.commands.run(aTopUp(7n, { key: 'k1' }));
    const all = { fromMicros: 0, toMicros: Number.MAX_SAFE_INTEGER, model: null, scope: 'all' } as const;
    const { usages } = await store.ratedUsage.page(all, 10);
    const reratings = usages.map((rated) => ({ rated, rating: rated.rating, leaf: null, bookings: [] }));
    expect(reratings).toHaveLength(1);
    await store.rerate({ jobs: [], reratings, tally: null, nowMillis: NOON });
    const before = bench.balance();
    const second = await Bench.open(await crash(), journal, { plans: PRO });
    expect(second.balance()).toEqual(before);
    expect(second.balance().available).toBe(7n * CREDIT);
  });

  it('tell of those that the journal has lost, and do the others', async () => {
    const { store } = await open();
    const journal = new MemoryCommandJournal();
    const first = await Bench.open(new MemoryStore(), journal);
    for (const credits of [1n, 10n, 100n]) await first.commands.run(aTopUp(credits));
    journal.texts.splice(1, 1);
    const bench = await Bench.open(store, journal);
    expect(bench.balance().available).toBe(101n * CREDIT);
    expect(bench.troubles).toEqual(['1 commands before number 3 are lost']);
  });
});

describe('holds', () => {
  it('I16: are never more than there is, however many are asked for at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 0n, max: 1500n }),
        fc.array(fc.bigInt({ min: 1n, max: 20n }), { minLength: 500, maxLength: 500 }),
        async (topUp, amounts) => {
          const bench = await Bench.open(new MemoryStore(), new MemoryCommandJournal(), { plans: PRO });
          await bench.commands.run(aSubscription(NOON_MICROS));
          if (topUp > 0n) await bench.commands.run(aTopUp(topUp));
          const all = (1000n + topUp) * CREDIT;
          const asked = amounts.map((amount, index) => ({ hold: `h${index}`, amount }));
          const outcomes = await Promise.all(
            asked.map(({ hold, amount }) => bench.commands.run(aHold(hold, amount))),
          );
          const given = asked.filter((_each, index) => outcomes[index]?.kind === 'answered');
          const held = given.reduce((sum, { amount }) => sum + amount, 0n) * CREDIT;
          expect(bench.balance()).toMatchObject({ held, available: all - held });
          expect(held).toBeLessThanOrEqual(all);
          // What was refused did not fit; the smallest of it least of all.
          const refused = asked.filter((each) => !given.includes(each)).map(({ amount }) => amount * CREDIT);
          for (const amount of refused) expect(amount).toBeGreaterThan(all - held);
          expect(refused.length).toBeGreaterThan(0);

          // Each ends once, one way or the other, though all of it is said twice.
          const ends = given.flatMap(({ hold, amount }, index) => {
            const end = anEnd(hold, index % 2 === 0 ? amount : null);
            return [bench.commands.run(end), bench.commands.run(end)];
          });
          const repeated = (await Promise.all(ends)).map((outcome) => done(outcome).isRepeated);
          expect(repeated).toEqual(given.flatMap(() => [false, true]));
          const used =
            given.filter((_each, index) => index % 2 === 0).reduce((sum, { amount }) => sum + amount, 0n) *
            CREDIT;
          expect(bench.balance()).toMatchObject({ held: 0n, available: all - used, total: { used } });
        },
      ),
      { numRuns: 5 },
    );
  });
});

describe('a command that takes effect amid usage', () => {
  const dayBefore = NOON_MICROS - 24 * HOUR_MICROS;

  async function aUsedAccount(): Promise<Bench> {
    const bench = await Bench.open(new MemoryStore(), new MemoryCommandJournal(), { plans: PRO });
    const { store, accounts } = bench;
    for (const [hours, credits] of [
      [30, 5n],
      [12, 8n],
    ] as const) {
      const eventMicros = NOON_MICROS - hours * HOUR_MICROS;
      const change = { amount: credits * CREDIT, eventMicros, recordedMicros: eventMicros, actionId: null };
      const bookings = accounts.use(ACME, change, NOON_MICROS);
      store.post({
        ...aPosting({ spanId: hours.toString(16).padStart(16, '0'), eventTimeMicros: eventMicros }),
        bookings,
      });
    }
    return bench;
  }

  it('counts the usage after it by what it has brought, and that before as it was', async () => {
    const bench = await aUsedAccount();
    expect(bench.balance()).toMatchObject({ available: 0n, total: { used: 13n * CREDIT } });
    done(await bench.commands.run(aSubscription(dayBefore)));
    expect(bench.balance()).toMatchObject({
      available: 992n * CREDIT,
      total: { used: 13n * CREDIT, overdraft: 5n * CREDIT },
    });
    await commitAt(bench.store, 1);
    const next = await Bench.open(bench.store, bench.journal, { plans: PRO });
    expect(next.balance(), 'I7').toEqual(bench.balance());
  });

  it('is done once though it is said twice while the account is counted', async () => {
    const bench = await aUsedAccount();
    const command = aSubscription(dayBefore, { key: 'k1' });
    const [first, second, topUp] = await Promise.all([
      bench.commands.run(command),
      bench.commands.run(command),
      bench.commands.run(aTopUp(1n)),
    ]);
    expect(second).toEqual({ ...done(first), isRepeated: true });
    expect(done(topUp).body).toMatchObject({ available: String(993n * CREDIT) });
  });
});
