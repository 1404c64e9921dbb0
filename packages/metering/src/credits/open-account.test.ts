import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MicroCredits } from '../amount.ts';
import type { AccountName, CustomerAccount, Movement, UsageChange, UsageSum } from './account.ts';
import { closingText } from './closing.ts';
import type { AccountFact, HoldEndedFact } from './fact.ts';
import type { Lot, LotKind } from './lot.ts';
import { openAccount } from './open-account.ts';
import { DEFAULT_ANCHOR } from './period.ts';
import type { OveragePolicy, Plans, PlanTerms } from './plan.ts';

const HOUR = 3_600_000_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1) * 1000;
const CREDIT = 1_000_000n;

interface TermsOptions {
  readonly allowance?: MicroCredits;
  readonly policy?: OveragePolicy;
  readonly rollover?: { readonly upTo: MicroCredits | null; readonly periods: number } | null;
  readonly repays?: boolean;
  readonly restoredDays?: number | null;
  readonly plan?: string;
  readonly trialCredits?: MicroCredits;
}

function terms(options: TermsOptions = {}): PlanTerms {
  return {
    plan: options.plan ?? 'pro',
    version: 'v1',
    fee: 0n,
    allowance: options.allowance ?? 100n,
    creditValue: null,
    multiplier: { numerator: 1n, denominator: 1n },
    overage: {
      policy: options.policy ?? 'block',
      price: null,
      limit: null,
      repaysOverdraft: options.repays ?? false,
    },
    rollover: options.rollover ?? null,
    trial: options.trialCredits === undefined ? null : { days: 14, credits: options.trialCredits },
    restoredDays: options.restoredDays ?? null,
    thresholds: [],
  };
}

function plansOf(...all: readonly PlanTerms[]): Plans {
  return {
    version: 'p1',
    termsAt: (plan) => all.find((candidate) => candidate.plan === plan) ?? null,
    names: all.map(({ plan }) => plan),
  };
}

function base(id: string, atMicros: number, recordedMicros = atMicros) {
  return { id, atMicros, recordedMicros, actor: null, reason: null };
}

function subscribed(atMicros: number, recordedMicros = atMicros): AccountFact {
  return {
    ...base(`subscribed:${atMicros}`, atMicros, recordedMicros),
    kind: 'subscribed',
    plan: 'pro',
    anchor: DEFAULT_ANCHOR,
    trialEndsMicros: null,
  };
}

function lot(id: string, amount: MicroCredits, options: Partial<Lot> = {}): Lot {
  return {
    id,
    kind: 'purchased',
    amount,
    priority: 0,
    effectiveMicros: START,
    expiresMicros: null,
    source: id,
    paidUsd: null,
    ...options,
  };
}

function granted(given: Lot, atMicros = START): AccountFact {
  return { ...base(`granted:${given.id}`, atMicros), kind: 'granted', lot: given };
}

function held(
  hold: string,
  amount: MicroCredits,
  atMicros: number,
  options: { expiresMicros?: number; actionId?: string } = {},
): AccountFact {
  return {
    ...base(`hold:${hold}`, atMicros),
    kind: 'hold',
    hold,
    amount,
    expiresMicros: options.expiresMicros ?? atMicros + 365 * DAY,
    feature: null,
    actionId: options.actionId ?? null,
  };
}

function ended(
  hold: string,
  end: HoldEndedFact['end'],
  actual: MicroCredits,
  atMicros: number,
  isLate = false,
): AccountFact {
  return { ...base(`end:${hold}:${atMicros}`, atMicros), kind: 'hold_ended', hold, end, actual, isLate };
}

function usage(amount: MicroCredits, eventMicros: number, options: Partial<UsageChange> = {}): UsageChange {
  return { amount, eventMicros, recordedMicros: eventMicros, actionId: null, ...options };
}

/** What a ledger does with an account: it books all that the account returns, and can open it again from that. */
class Books {
  account: CustomerAccount;
  readonly facts: AccountFact[] = [];
  readonly movements: Movement[] = [];
  readonly plans: Plans;

  constructor(plans: Plans) {
    this.plans = plans;
    this.account = openAccount('acme', [], []);
  }

  advance(nowMicros: number): void {
    const { facts, movements } = this.account.advance(nowMicros, this.plans);
    this.facts.push(...facts);
    this.book(movements);
  }

  apply(fact: AccountFact): void {
    this.advance(fact.recordedMicros);
    this.facts.push(fact);
    const applied = this.account.apply(fact);
    this.book(applied.needsUsage ? this.account.rebuild(this.facts, this.fineUsage()) : applied.movements);
    this.advance(fact.recordedMicros);
  }

  use(change: UsageChange): void {
    this.advance(change.recordedMicros);
    this.book(this.account.use(change));
  }

  reopened(): CustomerAccount {
    const steps = this.movements.map(({ stepMicros }) => stepMicros);
    return openAccount('acme', this.facts, this.usageSums(), Math.max(...steps));
  }

  usageSums(): UsageSum[] {
    return this.#usageBy(
      ({ stepMicros, hold, belongsToPeriod }) => `${stepMicros} ${hold} ${belongsToPeriod}`,
    );
  }

  fineUsage(): UsageSum[] {
    return this.#usageBy(
      ({ effectiveMicros, hold, belongsToPeriod }) => `${effectiveMicros} ${hold} ${belongsToPeriod}`,
    );
  }

  #usageBy(keyOf: (movement: Movement) => string): UsageSum[] {
    const sums = new Map<string, UsageSum>();
    for (const movement of this.movements) {
      if (movement.kind !== 'usage' && movement.kind !== 'capture') continue;
      const { hold, belongsToPeriod } = movement;
      const key = keyOf(movement);
      const known = sums.get(key);
      const amount = movement.to === 'used' ? movement.amount : -movement.amount;
      sums.set(key, {
        hold,
        belongsToPeriod,
        amount: (known?.amount ?? 0n) + amount,
        effectiveMicros: Math.max(known?.effectiveMicros ?? 0, movement.effectiveMicros),
      });
    }
    return [...sums.values()];
  }

  private book(movements: readonly Movement[]): void {
    this.movements.push(...movements);
  }

  /** By account, and lot where it has one, at the end. */
  sums(): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const movement of this.movements) post(sums, movement);
    return sums;
  }
}

function nameOf(account: AccountName, of: string | null): string {
  return of === null ? account : `${account} ${of}`;
}

function post(sums: Map<string, bigint>, movement: Movement): void {
  const from = nameOf(movement.from, movement.fromLot);
  const to = nameOf(movement.to, movement.toLot);
  sums.set(from, (sums.get(from) ?? 0n) - movement.amount);
  sums.set(to, (sums.get(to) ?? 0n) + movement.amount);
}

/** What two accounts have to have in common to be the same; instants at which they were asked are left out. */
function stateOf(account: CustomerAccount, atMicros: number) {
  return account.balance(atMicros);
}

type Happening =
  | { readonly kind: 'use'; readonly amount: bigint; readonly delay: number; readonly action: number }
  | { readonly kind: 'correct'; readonly amount: bigint; readonly delay: number; readonly back: number }
  | {
      readonly kind: 'grant';
      readonly lot: LotKind;
      readonly amount: bigint;
      readonly priority: number;
      readonly livesHours: number | null;
    }
  | { readonly kind: 'withdraw'; readonly amount: bigint }
  | { readonly kind: 'hold'; readonly amount: bigint; readonly action: number; readonly livesHours: number }
  | { readonly kind: 'end'; readonly hold: number; readonly actual: bigint; readonly settles: boolean }
  | { readonly kind: 'upgrade' };

const amounts = fc.bigInt({ min: 1n, max: 60n });
const used: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('use' as const),
  amount: amounts,
  delay: fc.integer({ min: 0, max: 70 }),
  action: fc.nat(3),
});
const corrected: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('correct' as const),
  amount: amounts,
  delay: fc.integer({ min: 0, max: 20 }),
  back: fc.nat(30),
});
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: used },
  { weight: 1, arbitrary: corrected },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      lot: fc.constantFrom<LotKind>('promotional', 'purchased'),
      amount: amounts,
      priority: fc.nat(2),
      livesHours: fc.option(fc.integer({ min: 1, max: 1500 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), amount: amounts }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      amount: amounts,
      action: fc.nat(3),
      livesHours: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      hold: fc.nat(5),
      actual: amounts,
      settles: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('upgrade' as const) }) },
);

interface Story {
  /** What happens, each so many hours after the one before. */
  readonly entries: readonly (readonly [hours: number, what: Happening])[];
  readonly plan: PlanTerms;
  readonly subscribes: boolean;
}

function storyOf(gap: fc.Arbitrary<number>, what: fc.Arbitrary<Happening>): fc.Arbitrary<Story> {
  return fc.record({
    entries: fc.array(fc.tuple(gap, what), { minLength: 1, maxLength: 40 }),
    subscribes: fc.boolean(),
    plan: fc
      .record({
        allowance: fc.bigInt({ min: 0n, max: 120n }),
        policy: fc.constantFrom<OveragePolicy>('charge', 'block', 'allow', 'degrade'),
        rollover: fc.option(
          fc.record({
            upTo: fc.option(fc.bigInt({ min: 1n, max: 50n })),
            periods: fc.integer({ min: 1, max: 2 }),
          }),
        ),
        repays: fc.boolean(),
        restoredDays: fc.option(fc.constant(30)),
      })
      .map(terms),
  });
}

/** Over years, so that much happens to lots between two usages; or within days, so that many usages share a step. */
const story = fc.oneof(
  storyOf(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 300 })), happening),
  storyOf(
    fc.nat(2),
    fc.oneof({ weight: 2, arbitrary: used }, { weight: 1, arbitrary: corrected }, happening),
  ),
);

/** What happens at which instant: the same for all who tell it, however late usage arrives. */
interface Told {
  readonly facts: readonly AccountFact[];
  readonly changes: readonly { readonly change: UsageChange; readonly delayMicros: number }[];
}

function tell({ entries, subscribes, plan }: Story): Told {
  const facts: AccountFact[] = [];
  const changes: { change: UsageChange; delayMicros: number }[] = [];
  if (subscribes) facts.push(subscribed(START));
  let atMicros = START;
  const openHolds: string[] = [];
  entries.forEach(([hours, what], index) => {
    // A microsecond apart at least, so that each order of telling is one of time.
    atMicros += hours * HOUR + 1;
    switch (what.kind) {
      case 'use':
        changes.push({
          change: usage(what.amount, atMicros, { actionId: `a${what.action}` }),
          delayMicros: what.delay * HOUR,
        });
        return;
      case 'correct': {
        const earlier = changes[changes.length - 1 - what.back];
        if (earlier === undefined || earlier.change.amount <= 0n) return;
        const amount = what.amount > earlier.change.amount ? -earlier.change.amount : -what.amount;
        changes.push({
          change: { ...earlier.change, amount },
          delayMicros: Math.min(70 * HOUR, earlier.delayMicros + what.delay * HOUR),
        });
        return;
      }
      case 'grant':
        facts.push(
          granted(
            lot(`lot:${index}`, what.amount, {
              kind: what.lot,
              priority: what.priority,
              effectiveMicros: atMicros,
              expiresMicros: what.livesHours === null ? null : atMicros + what.livesHours * HOUR,
            }),
            atMicros,
          ),
        );
        return;
      case 'withdraw':
        facts.push({ ...base(`withdrawn:${index}`, atMicros), kind: 'withdrawn', amount: what.amount });
        return;
      case 'hold':
        openHolds.push(`h${index}`);
        facts.push(
          held(`h${index}`, what.amount, atMicros, {
            expiresMicros: atMicros + what.livesHours * HOUR,
            ...(what.action === 0 ? {} : { actionId: `a${what.action}` }),
          }),
        );
        return;
      case 'end': {
        const hold = openHolds.splice(what.hold, 1)[0];
        if (hold === undefined) return;
        const begun = facts.find((fact) => fact.kind === 'hold' && fact.hold === hold);
        if (begun?.kind !== 'hold' || begun.expiresMicros <= atMicros) return;
        const actual = what.settles && begun.actionId === null ? what.actual : 0n;
        facts.push(ended(hold, what.settles ? 'settled' : 'released', actual, atMicros));
        return;
      }
      case 'upgrade':
        if (!subscribes) return;
        facts.push({
          ...base(`upgrade:${index}`, atMicros),
          kind: 'plan_changed',
          from: 'pro',
          to: 'pro',
          terms: { ...plan, overage: { ...plan.overage, policy: 'charge' } },
          extraFee: 0n,
        });
        return;
    }
  });
  return { facts, changes };
}

/** Lives through a story: facts when they happen, usage as late as `delayOf` says. */
function live(
  given: Story,
  delayOf: (delayMicros: number) => number,
  between?: (books: Books) => void,
): { books: Books; endMicros: number } {
  const { facts, changes } = tell(given);
  const books = new Books(plansOf(given.plan));
  books.advance(START);
  const events = [
    ...facts.map((fact) => ({ atMicros: fact.recordedMicros, run: () => books.apply(fact) })),
    ...changes.map(({ change, delayMicros }) => {
      const recordedMicros = change.eventMicros + delayOf(delayMicros);
      return { atMicros: recordedMicros, run: () => books.use({ ...change, recordedMicros }) };
    }),
  ].sort((one, other) => one.atMicros - other.atMicros);
  for (const event of events) {
    event.run();
    between?.(books);
  }
  const endMicros = START + 45 * 300 * HOUR;
  return { books, endMicros };
}

describe('an account', () => {
  it('I6: is the same in the end in whatever order usage arrives before its period closes', () => {
    fc.assert(
      fc.property(story, (given) => {
        const inOrder = live(given, () => 0);
        const late = live(given, (delay) => delay);
        for (const atMicros of [START + 40 * 300 * HOUR, START + 45 * 300 * HOUR]) {
          inOrder.books.advance(atMicros);
          late.books.advance(atMicros);
          expect(stateOf(late.books.account, atMicros)).toEqual(stateOf(inOrder.books.account, atMicros));
        }
        const hashes = ({ books }: typeof late) =>
          books.facts
            .filter(({ kind }) => kind === 'period_closed')
            .map((fact) => fact.kind === 'period_closed' && fact.hash);
        expect(hashes(late)).toEqual(hashes(inOrder));
        expect(hashes(late).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I7: opened from facts and sums of usage is the one that lived, at every point of its life', () => {
    fc.assert(
      fc.property(story, (given) => {
        live(
          given,
          (delay) => delay,
          (books) => {
            const atMicros = START + 100 * 300 * HOUR;
            if (books.movements.length === 0) return;
            expect(stateOf(books.reopened(), atMicros)).toEqual(stateOf(books.account, atMicros));
          },
        );
      }),
      { numRuns: 150 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I7: goes on in the same way after it was opened again', () => {
    fc.assert(
      fc.property(story, fc.nat(40), (given, restartAfter) => {
        let count = 0;
        const once = live(given, (delay) => delay);
        const restarted = live(
          given,
          (delay) => delay,
          (books) => {
            if (count++ === restartAfter && books.movements.length > 0) books.account = books.reopened();
          },
        );
        once.books.advance(once.endMicros);
        restarted.books.advance(once.endMicros);
        expect(stateOf(restarted.books.account, once.endMicros)).toEqual(
          stateOf(once.books.account, once.endMicros),
        );
        expect(restarted.books.sums()).toEqual(once.books.sums());
      }),
      { numRuns: 150 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I7: books nothing when it is rebuilt from what it knows', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books } = live(given, (delay) => delay);
        expect(books.account.rebuild(books.facts, books.usageSums())).toEqual([]);
      }),
      { numRuns: 150 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I1, I2: has what its movements add up to, each with two sides', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        expectSumsToBeBalance(books, endMicros);
      }),
      { numRuns: 200 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I3: every lot has between nothing and its amount at every instant, and its parts add up to it', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        expectLotsWithinBounds(books, endMicros);
      }),
      { numRuns: 300 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I4: granted − used from lots − expired − held = available, after everything that happens', () => {
    fc.assert(
      fc.property(story, (given) => {
        live(
          given,
          (delay) => delay,
          (books) => {
            const { total, available, held: heldNow } = books.account.balance(START + 100 * 300 * HOUR);
            const fromLots = total.used - total.overage - total.overrun - total.overdraft;
            expect(total.granted - fromLots - total.expired - heldNow).toBe(available);
          },
        );
      }),
      { numRuns: 100 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });

  it('I20: closed periods never change, and their hashes are a chain', () => {
    fc.assert(
      fc.property(
        story,
        fc.array(fc.record({ amount: amounts, back: fc.nat(3000) }), { maxLength: 10 }),
        (given, lates) => {
          const { books, endMicros } = live(given, (delay) => delay);
          books.advance(endMicros);
          const closed = books.facts.filter((fact) => fact.kind === 'period_closed');
          const before = [...books.movements];
          for (const { amount, back } of lates) {
            books.use(usage(amount, endMicros - back * HOUR, { recordedMicros: endMicros }));
          }
          const closedNumbers = new Set(closed.map(({ period }) => period));
          const later = books.movements.slice(before.length);
          expect(later.filter(({ period }) => period !== null && closedNumbers.has(period))).toEqual([]);
          const linked = later.filter(({ belongsToPeriod }) => belongsToPeriod !== null);
          const late = lates.filter(
            ({ back }) => endMicros - back * HOUR < (books.account.closedUntilMicros ?? 0),
          );
          expect(sumOf(linked)).toBe(
            late
              .filter(({ back }) => endMicros - back * HOUR >= START - 31 * DAY)
              .reduce((sum, { amount }) => sum + amount, 0n),
          );
          expect(closed.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 100 * Number(process.env.MORE_RUNS ?? 1) },
    );
  });
});

function sumOf(movements: readonly Movement[]): bigint {
  let sum = 0n;
  for (const { to, from, amount } of movements) {
    if (to === 'used') sum += amount;
    if (from === 'used') sum -= amount;
  }
  return sum;
}

function expectSumsToBeBalance(books: Books, atMicros: number): void {
  const sums = books.sums();
  const balance = books.account.balance(atMicros);
  for (const { lot: given, available, held: heldNow } of balance.lots) {
    expect(sums.get(nameOf('available', given.id)) ?? 0n).toBe(available);
    expect(sums.get(nameOf('held', given.id)) ?? 0n).toBe(heldNow);
  }
  expect(sums.get('used') ?? 0n).toBe(balance.total.used);
  expect(sums.get('expired') ?? 0n).toBe(balance.total.expired);
  expect(-(sums.get('issued') ?? 0n)).toBe(balance.total.granted);
  expect(-(sums.get('overage') ?? 0n)).toBe(balance.total.overage);
  expect(-(sums.get('overrun') ?? 0n)).toBe(balance.total.overrun);
  expect(-(sums.get('overdraft') ?? 0n)).toBe(balance.total.overdraft);
  expect([...sums.values()].reduce((sum, value) => sum + value, 0n)).toBe(0n);
  for (const { amount } of books.movements) expect(amount > 0n).toBe(true);
}

function expectLotsWithinBounds(books: Books, atMicros: number): void {
  const amountOf = new Map<string, bigint>();
  for (const movement of books.movements) {
    if (movement.toLot === null || (movement.kind !== 'grant' && movement.kind !== 'rollover')) continue;
    amountOf.set(movement.toLot, (amountOf.get(movement.toLot) ?? 0n) + movement.amount);
  }
  const sums = new Map<string, bigint>();
  const ordered = books.movements.toSorted((one, other) => one.effectiveMicros - other.effectiveMicros);
  ordered.forEach((movement, index) => {
    post(sums, movement);
    if (ordered[index + 1]?.effectiveMicros === movement.effectiveMicros) return;
    for (const [account, sum] of sums) {
      const id = /^(?:available|held) (.*)$/.exec(account)?.[1];
      if (id === undefined) continue;
      if (sum < 0n || sum > (amountOf.get(id) ?? 0n)) {
        expect.fail(`${account} has ${sum} of ${amountOf.get(id)} at ${movement.effectiveMicros}`);
      }
    }
  });
  const { lots } = books.account.balance(atMicros);
  for (const { lot: given, ...parts } of lots) {
    const { consumed, expired, rolledOver, available, withdrawn } = parts;
    expect(consumed + expired + rolledOver + available + parts.held + withdrawn).toBe(given.amount);
    for (const part of Object.values(parts)) expect(part >= 0n).toBe(true);
  }
}

void closingText;
void CREDIT;
