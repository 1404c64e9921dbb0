import {
  type AccountFact,
  type Decided,
  decideAuthorise,
  decideRelease,
  decideSettle,
  decideTopUp,
  NO_PLANS,
} from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import { aStore } from '../store/testing/stores.ts';
import { Accounts } from './accounts.ts';
import { type Command, type CommandOutcome, Commands } from './commands.ts';
import { factOf, factText } from './fact-text.ts';
import { MemoryCommandJournal } from './memory-command-journal.ts';
import type { LedgerStore } from './store.ts';
import { NOON } from './testing/journal.ts';

const CREDIT = 1_000_000n;
const DAY_MILLIS = 86_400_000;
const ACME = { tenant: 'default', customer: 'cus_acme' } as const;
const BASE = { actor: 'app', reason: null };

class Bench {
  readonly accounts: Accounts;
  readonly store: LedgerStore;
  readonly #commands: Commands;
  #nowMillis = NOON;
  #ids = 0;

  constructor(store: LedgerStore) {
    this.store = store;
    this.accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
    this.#commands = new Commands({
      accounts: this.accounts,
      store,
      journal: new MemoryCommandJournal(),
      nowMillis: () => this.#nowMillis,
      newId: () => `c${++this.#ids}`,
      factText,
      factOf,
      whenCommitted: async () => {},
      exclusively: (work) => work(),
      onChange: () => {},
      onTrouble: () => {},
    });
  }

  get account() {
    const account = this.accounts.find(ACME, this.#nowMillis * 1000);
    if (account === null) throw new Error('expected an account');
    return account;
  }

  /** A millisecond on: each command has an instant of its own. */
  get balance() {
    return this.account.balance((this.#nowMillis + 1) * 1000);
  }

  pass(days: number): void {
    this.#nowMillis += days * DAY_MILLIS;
  }

  topUp(credits: bigint): Promise<CommandOutcome> {
    const more = { amount: credits * CREDIT, paidUsd: 0n, expiresMicros: null, priority: null };
    return this.#run((_account, id, nowMicros) => decideTopUp({ ...BASE, id, ...more }, nowMicros));
  }

  authorise(hold: string, credits: bigint): Promise<CommandOutcome> {
    return this.#run((account, id, nowMicros) => {
      const expiresMicros = nowMicros + 3_600_000_000;
      const more = { hold, amount: credits * CREDIT, expiresMicros, feature: null, actionId: null };
      return decideAuthorise(account, { ...BASE, id, ...more }, nowMicros);
    }, hold);
  }

  settle(hold: string, credits: bigint): Promise<CommandOutcome> {
    return this.#run(
      (account, id, nowMicros) =>
        decideSettle(account, { ...BASE, id, hold, actual: credits * CREDIT }, nowMicros),
      hold,
    );
  }

  release(hold: string): Promise<CommandOutcome> {
    return this.#run(
      (account, id, nowMicros) => decideRelease(account, { ...BASE, id, hold }, nowMicros),
      hold,
    );
  }

  /** Answers with what was decided, and where the hold stands then. */
  #run(
    decide: (...given: Parameters<Command['decide']>) => Decided,
    hold: string | null = null,
  ): Promise<CommandOutcome> {
    return this.#commands.run({
      ...ACME,
      key: null,
      fingerprint: '',
      actor: null,
      decide,
      answer: (account, facts) => ({
        status: 200,
        body: {
          facts: facts.map(({ id }: AccountFact) => id),
          end: hold === null ? null : (account.hold(hold)?.ended?.end ?? 'open'),
          actual: hold === null ? null : String(account.hold(hold)?.ended?.actual ?? null),
        },
      }),
    });
  }
}

const STORES: readonly (readonly [string, () => Promise<LedgerStore>])[] = [
  ['in memory', async () => new MemoryStore()],
  ['in DuckDB', async () => (await aStore()).store],
];

describe.each(STORES)('a hold that the account has forgotten, %s', (_name, open) => {
  /** Three holds have ended, each in its way, in a period that is closed by now. */
  async function longAfter(): Promise<{ bench: Bench; settled: CommandOutcome; released: CommandOutcome }> {
    const bench = new Bench(await open());
    await bench.topUp(500n);
    for (const hold of ['5n', 'h"2', 'h3']) await bench.authorise(hold, 80n);
    const settled = await bench.settle('5n', 30n);
    const released = await bench.release('h"2');
    bench.pass(1);
    expect(bench.account.hold('h3')?.ended?.end).toBe('expired');
    bench.pass(60);
    for (const hold of ['5n', 'h"2', 'h3']) expect(bench.account.hold(hold)).toBeNull();
    expect(bench.balance.available).toBe(470n * CREDIT);
    return { bench, settled, released };
  }

  it('I16: repeats the first answer when it is settled or released again', async () => {
    const { bench, settled, released } = await longAfter();
    expect(settled).toMatchObject({ body: { end: 'settled', actual: '30000000' }, isRepeated: false });
    expect(await bench.settle('5n', 50n)).toEqual({ ...settled, isRepeated: true });
    expect(await bench.release('h"2')).toEqual({ ...released, isRepeated: true });
    expect(await bench.release('5n')).toMatchObject({ kind: 'refused', code: 'HOLD_ENDED' });
    expect(bench.balance).toMatchObject({ available: 470n * CREDIT, held: 0n, promised: 0n });
  });

  it('I16: is settled late once, also by two at the same time, and answers for that from then on', async () => {
    const { bench } = await longAfter();
    const [first, second] = await Promise.all([bench.settle('h3', 40n), bench.settle('h3', 45n)]);
    expect(first).toMatchObject({ body: { end: 'settled', actual: '40000000' }, isRepeated: false });
    expect(second).toEqual({ ...first, isRepeated: true });
    expect(bench.balance).toMatchObject({ available: 430n * CREDIT, total: { used: 70n * CREDIT } });
    bench.pass(60);
    expect(bench.account.hold('h3')).toBeNull();
    expect(await bench.settle('h3', 1n)).toEqual(second);
    expect(bench.balance.available).toBe(430n * CREDIT);
  });

  it('I16: holds nothing a second time when it is authorised again, whatever was forgotten', async () => {
    const { bench } = await longAfter();
    // As it was asked for then, it is answered as what it has become.
    expect(await bench.authorise('5n', 80n)).toMatchObject({ body: { end: 'settled' }, isRepeated: true });
    const [one, other] = await Promise.all([bench.authorise('h"2', 80n), bench.authorise('h"2', 80n)]);
    expect(one).toMatchObject({ body: { end: 'released' }, isRepeated: true });
    expect(other).toEqual(one);
    expect(await bench.authorise('h3', 81n)).toMatchObject({ kind: 'refused', code: 'HOLD_EXISTS' });
    expect(bench.balance).toMatchObject({ available: 470n * CREDIT, held: 0n });
    bench.pass(60);
    expect(await bench.authorise('h3', 80n)).toMatchObject({ body: { end: 'expired' }, isRepeated: true });
    expect(bench.balance).toMatchObject({ available: 470n * CREDIT, held: 0n });
  });

  it('leaves all other ids free, also one that only looks like it', async () => {
    const { bench } = await longAfter();
    // Two ids that the account cannot tell apart once it has forgotten the one.
    const [once, twin] = ['hold-15349', 'hold-136568'] as const;
    await bench.authorise(once, 80n);
    await bench.release(once);
    bench.pass(60);
    expect(bench.account.mayHaveForgotten(twin)).toBe(true);
    expect(await bench.authorise(twin, 80n)).toMatchObject({ body: { end: 'open' }, isRepeated: false });
    expect(await bench.authorise('h5', 80n)).toMatchObject({ body: { end: 'open' }, isRepeated: false });
    expect(bench.balance).toMatchObject({ held: 160n * CREDIT });
    expect(await bench.settle(twin, 10n)).toMatchObject({ body: { end: 'settled' } });
  });

  it('is not confused with one that never was', async () => {
    const { bench } = await longAfter();
    expect(await bench.settle('h4', 1n)).toMatchObject({ kind: 'refused', code: 'HOLD_UNKNOWN' });
    expect(await bench.release('n')).toMatchObject({ kind: 'refused', code: 'HOLD_UNKNOWN' });
  });
});
