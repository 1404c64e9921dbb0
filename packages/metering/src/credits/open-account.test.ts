import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Books,
  base,
  DAY,
  ended,
  granted,
  HOUR,
  held,
  lot,
  nameOf,
  plansOf,
  post,
  START,
  subscribed,
  terms,
  usage,
} from '../../test/books.ts';
import type { Movement, UsageChange } from './account.ts';
import type { AccountFact } from './fact.ts';
import { type AccountHistory, openHistory } from './history.ts';
import type { LotKind } from './lot.ts';
import type { OveragePolicy, PlanTerms } from './plan.ts';

type Happening =
  | { readonly kind: 'use'; readonly amount: bigint; readonly delay: number; readonly action: number }
  | { readonly kind: 'correct'; readonly amount: bigint; readonly delay: number; readonly back: number }
  /** Long after, when its period may be closed and another plan holds. */
  | { readonly kind: 'correct_late'; readonly amount: bigint; readonly delay: number; readonly back: number }
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
  | { readonly kind: 'upgrade' }
  /** From the next period on. */
  | { readonly kind: 'change'; readonly plan: 'pro' | 'other' };

/** So late usage may be without missing the close of its period. */
const MAX_DELAY_HOURS = 70;

const amounts = fc.bigInt({ min: 1n, max: 60n });
const used: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('use' as const),
  amount: amounts,
  delay: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(MAX_DELAY_HOURS)),
  action: fc.nat(3),
});
const corrected: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('correct' as const),
  amount: amounts,
  delay: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(20)),
  back: fc.nat(4),
});
const correctedLate: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('correct_late' as const),
  amount: amounts,
  delay: fc.integer({ min: MAX_DELAY_HOURS + 1, max: 1400 }),
  back: fc.nat(20),
});
const holding: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant('hold' as const),
  amount: amounts,
  action: fc.nat(3),
  livesHours: fc.integer({ min: 1, max: 100 }),
});
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: used },
  { weight: 1, arbitrary: corrected },
  { weight: 3, arbitrary: correctedLate },
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
  { weight: 2, arbitrary: holding },
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
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      plan: fc.constantFrom('pro' as const, 'other' as const),
    }),
  },
);

interface Story {
  /** What happens, each so many hours after the one before. */
  readonly entries: readonly (readonly [hours: number, what: Happening])[];
  readonly plan: PlanTerms;
  readonly other: PlanTerms;
  readonly subscribes: boolean;
}

function storyOf(gap: fc.Arbitrary<number>, what: fc.Arbitrary<Happening>): fc.Arbitrary<Story> {
  return fc.record({
    entries: fc.array(fc.tuple(gap, what), { minLength: 1, maxLength: 40 }),
    subscribes: fc.boolean(),
    plan: planOf('pro'),
    other: planOf('other'),
  });
}

function planOf(plan: string): fc.Arbitrary<PlanTerms> {
  return fc
    .record({
      plan: fc.constant(plan),
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
    .map(terms);
}

/** Over years, so that much happens to lots between two usages; or within days, so that many usages share a step. */
const withinDays = storyOf(
  fc.nat(2),
  fc.oneof(
    { weight: 8, arbitrary: used },
    { weight: 3, arbitrary: corrected },
    { weight: 1, arbitrary: holding },
    happening,
  ),
);
/** Before anything of it is closed, a subscription may still begin amid it. */
const withinAPeriod = withinDays.map((given) => ({
  ...given,
  entries: given.entries.filter(([, { kind }]) => kind !== 'correct_late'),
}));
const story = fc.oneof(
  storyOf(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 300 })), happening),
  withinDays,
);

/** What happens at which instant: the same for all who tell it, however late usage arrives. */
interface Told {
  readonly facts: readonly AccountFact[];
  readonly changes: readonly Change[];
}

interface Change {
  readonly change: UsageChange;
  readonly delayMicros: number;
  /** It comes then, whatever else is late. */
  readonly isFixed?: boolean;
}

function tell({ entries, subscribes, plan }: Story): Told {
  const facts: AccountFact[] = [];
  const changes: Change[] = [];
  /** Of each usage what was not taken back. */
  const left = new Map<Change, bigint>();
  facts.push(subscribes ? subscribed(START) : granted(lot('first', 1n)));
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
        left.set(changes[changes.length - 1] ?? expect.fail('it was just added'), what.amount);
        return;
      case 'correct':
      case 'correct_late': {
        const earlier = changes[changes.length - 1 - what.back];
        const most = earlier === undefined ? 0n : (left.get(earlier) ?? 0n);
        if (earlier === undefined || most === 0n) return;
        const amount = what.amount > most ? most : what.amount;
        left.set(earlier, most - amount);
        const isFixed = what.kind === 'correct_late';
        const delayMicros = isFixed
          ? what.delay * HOUR
          : Math.min(MAX_DELAY_HOURS * HOUR, earlier.delayMicros + what.delay * HOUR);
        changes.push({ change: { ...earlier.change, amount: -amount }, delayMicros, isFixed });
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
      case 'change': {
        if (!subscribes) return;
        const day = new Date(atMicros / 1000);
        facts.push({
          ...base(`change:${index}`, Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1) * 1000, atMicros),
          kind: 'plan_changed',
          from: 'pro',
          to: what.plan,
          terms: null,
          extraFee: 0n,
        });
        return;
      }
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
  const books = new Books(plansOf(given.plan, given.other));
  const events = [
    ...facts.map((fact) => ({ atMicros: fact.recordedMicros, run: () => books.apply(fact) })),
    ...changes.map(({ change, delayMicros, isFixed }) => {
      const recordedMicros = change.eventMicros + (isFixed === true ? delayMicros : delayOf(delayMicros));
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
          expect(late.books.account.balance(atMicros)).toEqual(inOrder.books.account.balance(atMicros));
        }
        const hashes = ({ books }: typeof late) =>
          books.facts
            .filter(({ kind }) => kind === 'period_closed')
            .map((fact) => fact.kind === 'period_closed' && fact.hash);
        expect(hashes(late)).toEqual(hashes(inOrder));
        expect(hashes(late).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
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
            expect(books.reopened().balance(atMicros)).toEqual(books.account.balance(atMicros));
          },
        );
      }),
      { numRuns: 150 },
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
        expect(restarted.books.account.balance(once.endMicros)).toEqual(
          once.books.account.balance(once.endMicros),
        );
        expect(restarted.books.sums()).toEqual(once.books.sums());
      }),
      { numRuns: 150 },
    );
  });

  it('I7: books nothing when it is rebuilt from what it knows', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books } = live(given, (delay) => delay);
        expect(books.account.rebuild(books.facts, books.usageSums())).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('I1, I2: has what its movements add up to, each with two sides', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        expectSumsToBeBalance(books, endMicros);
      }),
      { numRuns: 200 },
    );
  });

  it('I3: every lot has between nothing and its amount at every instant, and its parts add up to it', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        expectLotsWithinBounds(books, endMicros);
      }),
      { numRuns: 300 },
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
      { numRuns: 100 },
    );
  });

  it('C17: gives back what was used to whatever paid for it, never more, and in the end all of it', () => {
    let given = 0;
    fc.assert(
      fc.property(story, (drawn) => {
        // What a settled hold debits is a fact, which nothing corrects.
        const unsettled = drawn.entries.map(
          ([hours, what]) => [hours, what.kind === 'end' ? { ...what, settles: false } : what] as const,
        );
        const { books, endMicros } = live(
          { ...drawn, entries: unsettled },
          (delay) => delay,
          (lived) => {
            for (const [name, amount] of paymentsOf(lived.movements)) {
              if (amount < 0n) expect.fail(`${name} has got back ${-amount} more than it has paid`);
            }
          },
        );
        for (const { change } of tell({ ...drawn, entries: unsettled }).changes) {
          books.use({ ...change, amount: -change.amount, recordedMicros: endMicros });
        }
        expect(paymentsOf(books.movements)).toEqual(new Map());
        const { total, lots } = books.account.balance(endMicros);
        expect(total).toMatchObject({ used: 0n, overage: 0n, overrun: 0n, overdraft: 0n });
        expect(lots.filter(({ consumed }) => consumed !== 0n)).toEqual([]);
        given += books.movements.filter(({ from, belongsToPeriod }) => {
          return from === 'used' && belongsToPeriod !== null;
        }).length;
      }),
      { numRuns: 200 },
    );
    expect(given).toBeGreaterThan(200);
  });

  it('I2: at the beginning of every step has what was effective by then, and what the steps before add up to', () => {
    let compared = 0;
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        const starts = stepStarts(books.movements);
        for (const start of starts) expect(sumsByTime(books, start)).toEqual(sumsByStep(books, start));
        compared += starts.length;
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(150);
  });

  it('I2, I3: has that, too, when a subscription from the past divides a step; in that step, of what was used in all', () => {
    let divided = 0;
    fc.assert(
      fc.property(withinAPeriod, fc.nat(80), (given, hours) => {
        const { books } = live({ ...given, subscribes: false }, (delay) => delay);
        const before = stepStarts(books.movements);
        const fromMicros = START + hours * HOUR + 7;
        const nowMicros = START + 20 * 24 * HOUR;
        books.apply(subscribed(fromMicros, nowMicros));
        const startMicros = before.findLast((start) => start < fromMicros) ?? Number.NEGATIVE_INFINITY;
        const endMicros = before.find((start) => start >= fromMicros) ?? Number.POSITIVE_INFINITY;
        expectLotsWithinBounds(books, nowMicros);
        const history = openHistory('acme', books.facts, books.usageSums(), books.asOfMicros);
        for (const start of stepStarts(books.movements)) {
          expectSumsToBeBalance(books, start, history);
          const [byTime, byStep] = [sumsByTime(books, start), sumsByStep(books, start)];
          if (start > startMicros && start < endMicros) {
            divided++;
            expect(byTime.get('used')).toBe(byStep.get('used'));
          } else expect(byTime).toEqual(byStep);
        }
      }),
      { numRuns: 300 },
    );
    expect(divided).toBeGreaterThan(0);
  });

  it('I2: says that it has forgotten what is closed; its history has it, as it was booked', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { books, endMicros } = live(given, (delay) => delay);
        books.advance(endMicros);
        const history = openHistory('acme', books.facts, books.usageSums(), books.asOfMicros);
        expect(history.balance(endMicros)).toEqual(books.account.balance(endMicros));
        const closedUntil = books.account.closedUntilMicros ?? Number.NEGATIVE_INFINITY;
        const periods = books.facts.filter((fact) => fact.kind === 'period_opened');
        const ends = periods.map(({ bounds }) => bounds.endMicros - 1).filter((end) => end < closedUntil);
        for (const atMicros of ends) {
          expect(() => books.account.balance(atMicros)).toThrow(/is forgotten/);
          expectSumsToBeBalance(books, atMicros, history);
        }
        expect(ends.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
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
          expect(sumOf(linked)).toBe(late.reduce((sum, { amount }) => sum + amount, 0n));
          expect(closed.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a lot that several share', () => {
  const charged = plansOf(terms({ allowance: 1n, policy: 'charge' }));
  const heldAt = START + HOUR;
  const nowMicros = START + 20 * DAY;

  it('I3: is held once, when a hold that has captured it turns out to hold something else', () => {
    const books = new Books(charged);
    books.apply(granted(lot('first', 1n)));
    books.apply(held('one', 1n, heldAt, { actionId: 'a' }));
    // There is nothing left to hold.
    books.apply(held('other', 1n, heldAt + 1));
    books.use(usage(1n, heldAt + 2, { actionId: 'a' }));
    books.use(usage(1n, heldAt + 3));
    expect(haveAt(books, 'first', heldAt + 2)).toEqual({ available: 0n, held: 0n });

    // An allowance from before, which burns first: `one` holds that, and `other` holds the lot.
    books.apply(subscribed(START + 7, nowMicros));
    expect(books.account.balance(nowMicros).lots.map(({ lot: { id }, held: now }) => [id, now])).toEqual([
      ['allowance:2', 0n],
      ['first', 1n],
    ]);
    expect(haveAt(books, 'first', heldAt)).toEqual({ available: 1n, held: 0n });
    // What was captured of the lot stands at its instant; till the last usage `other` does without.
    expect(haveAt(books, 'first', heldAt + 1)).toEqual({ available: 0n, held: 1n });
    expect(haveAt(books, 'first', heldAt + 2)).toEqual({ available: 0n, held: 0n });
    expect(haveAt(books, 'first', heldAt + 3)).toEqual({ available: 0n, held: 1n });
    expectLotsWithinBounds(books, nowMicros);
  });

  it('I3: is not available as well, when what a hold has captured of it turns out to be', () => {
    const books = new Books(charged);
    books.apply(granted(lot('first', 1n)));
    books.apply(held('one', 1n, heldAt, { actionId: 'a' }));
    books.use(usage(1n, heldAt + 1, { actionId: 'a' }));
    books.use(usage(1n, heldAt + 2));

    books.apply(subscribed(START + 7, nowMicros));
    expect(haveAt(books, 'first', heldAt - 1)).toEqual({ available: 1n, held: 0n });
    expect(haveAt(books, 'first', heldAt)).toEqual({ available: 0n, held: 1n });
    expect(haveAt(books, 'first', heldAt + 1)).toEqual({ available: 0n, held: 0n });
    expectLotsWithinBounds(books, nowMicros);
  });

  it('I3: gets nothing back at an instant at which it had all that is not held', () => {
    const books = new Books(charged);
    books.apply(granted(lot('later', 2n)));
    books.apply(held('one', 1n, heldAt));
    books.apply(granted(lot('sooner', 1n, { priority: -1 }), heldAt + 1));
    books.use(usage(1n, heldAt + 3));
    books.use(usage(1n, heldAt + 5));
    expect(haveAt(books, 'later', heldAt + 3)).toEqual({ available: 1n, held: 1n });

    books.use(usage(-1n, heldAt + 3, { recordedMicros: heldAt + 6 }));
    expect(haveAt(books, 'later', heldAt + 3)).toEqual({ available: 1n, held: 1n });
    expect(haveAt(books, 'later', heldAt + 5)).toEqual({ available: 1n, held: 1n });
    expectLotsWithinBounds(books, heldAt + 6);
  });

  function haveAt(books: Books, id: string, atMicros: number) {
    const then = courseOfLots(books).findLast(
      ({ lot: of, effectiveMicros }) => of === id && effectiveMicros <= atMicros,
    );
    return then === undefined ? undefined : { available: then.available, held: then.held };
  }
});

/** What has paid for the usage of each period, by all that was ever booked of it; what has come to nothing is left out. */
function paymentsOf(movements: readonly Movement[]): ReadonlyMap<string, bigint> {
  const payments = new Map<string, bigint>();
  const pay = (period: number | null, account: string, of: string | null, amount: bigint) => {
    const name = `period ${period}: ${of ?? account}`;
    const sum = (payments.get(name) ?? 0n) + amount;
    if (sum === 0n) payments.delete(name);
    else payments.set(name, sum);
  };
  for (const { kind, from, fromLot, to, toLot, amount, period, belongsToPeriod } of movements) {
    if (to === 'used') pay(belongsToPeriod ?? period, from, fromLot, amount);
    if (from === 'used') pay(belongsToPeriod ?? period, to, toLot, -amount);
    if (kind === 'repayment') {
      // What was lent is paid for by whatever repays it.
      pay(belongsToPeriod, from, fromLot, from === 'overdraft' ? -amount : amount);
      pay(belongsToPeriod, to, toLot, to === 'overdraft' ? -amount : amount);
    }
  }
  return payments;
}

function stepStarts(movements: readonly Movement[]): readonly number[] {
  return [...new Set(movements.map(({ stepMicros }) => stepMicros))].sort((one, other) => one - other);
}

function sumsByTime({ movements }: Books, untilMicros: number): Map<string, bigint> {
  return sumsOf(movements.filter(({ effectiveMicros }) => effectiveMicros < untilMicros));
}

function sumsByStep({ movements }: Books, untilMicros: number): Map<string, bigint> {
  return sumsOf(movements.filter(({ stepMicros }) => stepMicros < untilMicros));
}

function sumsOf(movements: readonly Movement[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const movement of movements) post(sums, movement);
  return new Map([...sums].filter(([, sum]) => sum !== 0n));
}

function sumOf(movements: readonly Movement[]): bigint {
  let sum = 0n;
  for (const { to, from, amount } of movements) {
    if (to === 'used') sum += amount;
    if (from === 'used') sum -= amount;
  }
  return sum;
}

/** Of all steps up to then. */
function expectSumsToBeBalance(
  books: Books,
  atMicros: number,
  account: AccountHistory = books.account,
): void {
  const movements = books.movements.filter(({ stepMicros }) => stepMicros <= atMicros);
  const sums = new Map<string, bigint>();
  for (const movement of movements) post(sums, movement);
  const balance = account.balance(atMicros);
  expect(balance.periodUsage.used).toBe(
    sumOf(movements.filter(({ period }) => period === balance.period?.period)),
  );
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
  const amountOf = amountsOf(books.movements);
  for (const { effectiveMicros, lot: id, available, held: heldThen } of courseOfLots(books)) {
    const amount = amountOf.get(id) ?? 0n;
    if (available < 0n || heldThen < 0n || available + heldThen > amount) {
      expect.fail(`${id} has ${available} available and ${heldThen} held of ${amount} at ${effectiveMicros}`);
    }
  }
  const { lots } = books.account.balance(atMicros);
  for (const { lot: given, ...parts } of lots) {
    const { consumed, expired, rolledOver, available, withdrawn } = parts;
    expect(consumed + expired + rolledOver + available + parts.held + withdrawn).toBe(given.amount);
    for (const part of Object.values(parts)) expect(part >= 0n).toBe(true);
  }
}

/** What each lot was granted, less what was taken back of it; or, where the account made it, all that ever went into it. */
function amountsOf(movements: readonly Movement[]): ReadonlyMap<string, bigint> {
  const granted = new Map<string, bigint>();
  const made = new Map<string, bigint>();
  const add = (amounts: Map<string, bigint>, of: string | null, amount: bigint) => {
    if (of !== null) amounts.set(of, (amounts.get(of) ?? 0n) + amount);
  };
  for (const { kind, fromLot, toLot, amount } of movements) {
    if (kind === 'rollover') add(made, toLot, amount);
    if (kind !== 'grant') continue;
    add(granted, toLot, amount);
    add(granted, fromLot, -amount);
  }
  return new Map([...made, ...granted]);
}

interface LotThen {
  readonly effectiveMicros: number;
  readonly lot: string;
  readonly available: bigint;
  readonly held: bigint;
}

/** What every lot has by effective time, after each instant at which anything moves. */
function courseOfLots({ movements }: Books): readonly LotThen[] {
  const course: LotThen[] = [];
  const sums = new Map<string, bigint>();
  const lots = new Set(movements.flatMap(({ fromLot, toLot }) => [fromLot, toLot]));
  const ordered = movements.toSorted((one, other) => one.effectiveMicros - other.effectiveMicros);
  ordered.forEach((movement, index) => {
    post(sums, movement);
    const { effectiveMicros } = movement;
    if (ordered[index + 1]?.effectiveMicros === effectiveMicros) return;
    for (const id of lots) {
      if (id === null) continue;
      const [available, heldThen] = [sums.get(nameOf('available', id)), sums.get(nameOf('held', id))];
      course.push({ effectiveMicros, lot: id, available: available ?? 0n, held: heldThen ?? 0n });
    }
  });
  return course;
}
