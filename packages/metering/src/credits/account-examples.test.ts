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
  plansOf,
  START,
  subscribed,
  terms,
  usage,
} from '../../test/books.ts';
import type { Lot } from './lot.ts';
import { compareBurnOrder } from './lot.ts';
import { coveredByLots } from './margin.ts';
import type { PlanTerms } from './plan.ts';

const FEBRUARY = START + 31 * DAY;
const MARCH = FEBRUARY + 28 * DAY;

function booksOf(...plans: readonly PlanTerms[]): Books {
  return new Books(plansOf(...plans));
}

function subscribedBooks(plan: PlanTerms): Books {
  const books = booksOf(plan);
  books.apply(subscribed(START));
  return books;
}

function lotOf(books: Books, id: string, atMicros: number) {
  return books.account.balance(atMicros).lots.find((each) => each.lot.id === id);
}

describe('a hold', () => {
  it('of 80 on 100 that turns out to be 30 leaves 70: worked example 4', () => {
    const books = booksOf();
    books.apply(granted(lot('a', 100n)));
    books.apply(held('h', 80n, START + HOUR));
    expect(books.account.balance(START + HOUR)).toMatchObject({ available: 20n, held: 80n });
    books.apply(ended('h', 'settled', 30n, START + 2 * HOUR));
    const balance = books.account.balance(START + 2 * HOUR);
    expect(balance).toMatchObject({ available: 70n, held: 0n, total: { used: 30n } });
  });

  it('draws what it did not suffice for like other usage, and then what no lot covers', () => {
    const books = subscribedBooks(terms({ allowance: 100n, policy: 'charge' }));
    books.apply(held('h', 80n, START + HOUR));
    books.apply(ended('h', 'settled', 130n, START + 2 * HOUR));
    expect(books.account.balance(START + 2 * HOUR)).toMatchObject({
      available: 0n,
      held: 0n,
      periodUsage: { used: 130n, overage: 30n },
    });
  });

  it('for an action is captured by its usage, also when that is known only after its end', () => {
    const books = booksOf();
    books.apply(granted(lot('a', 100n)));
    books.apply(held('h', 80n, START + HOUR, { actionId: 'trace' }));
    books.use(usage(10n, START + 2 * HOUR, { actionId: 'trace' }));
    expect(books.account.balance(START + 2 * HOUR)).toMatchObject({ available: 20n, held: 70n });
    books.apply(ended('h', 'settled', 0n, START + 3 * HOUR));
    expect(books.account.balance(START + 3 * HOUR)).toMatchObject({ available: 90n, held: 0n });
    books.use(usage(5n, START + 2 * HOUR, { actionId: 'trace', recordedMicros: START + 4 * HOUR }));
    const captured = books.movements.filter(({ kind }) => kind === 'capture');
    expect(captured.map(({ amount, hold }) => [amount, hold])).toEqual([
      [10n, 'h'],
      [5n, 'h'],
    ]);
    expect(books.account.balance(START + 4 * HOUR)).toMatchObject({ available: 85n, held: 0n });
  });

  it('expires when no sign of life has moved its end, and is a plain debit when settled after that', () => {
    const books = booksOf();
    books.apply(granted(lot('a', 100n)));
    books.apply(held('h', 80n, START + HOUR, { expiresMicros: START + 2 * HOUR }));
    books.apply({
      ...base('beat', START + 1.5 * HOUR),
      kind: 'heartbeat',
      hold: 'h',
      expiresMicros: START + 3 * HOUR,
    });
    books.advance(START + 2 * HOUR);
    expect(books.account.balance(START + 2 * HOUR).held).toBe(80n);
    books.advance(START + 3 * HOUR);
    expect(books.account.balance(START + 3 * HOUR)).toMatchObject({ available: 100n, held: 0n });
    expect(books.account.hold('h')?.ended?.end).toBe('expired');
    books.apply(ended('h', 'settled', 30n, START + 4 * HOUR, true));
    expect(books.account.balance(START + 4 * HOUR)).toMatchObject({ available: 70n, total: { used: 30n } });
    expect(books.account.hold('h')?.ended).toMatchObject({ end: 'settled', isLate: true });
  });

  it('I16: ends once, holds never more than there is, and moves nothing out of available + held + used', () => {
    const amount = fc.bigInt({ min: 1n, max: 60n });
    const holds = fc.array(
      fc.record({ amount, actual: amount, ends: fc.constantFrom('settled', 'released') }),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(holds, (all) => {
        const books = booksOf();
        books.apply(granted(lot('a', 100n)));
        let atMicros = START;
        const total = () => {
          const { available, held: heldNow, total: sums } = books.account.balance(atMicros);
          expect(available >= 0n && heldNow >= 0n && available + heldNow <= 100n).toBe(true);
          return available + heldNow + sums.used - sums.overdraft;
        };
        all.forEach(({ amount: wanted }, index) => {
          atMicros += HOUR;
          books.apply(held(`h${index}`, wanted, atMicros));
          expect(total()).toBe(100n);
        });
        all.forEach(({ actual, ends }, index) => {
          atMicros += HOUR;
          const end = ends === 'settled' ? 'settled' : 'released';
          books.apply(ended(`h${index}`, end, end === 'settled' ? actual : 0n, atMicros));
          expect(total()).toBe(100n);
          // Told again, as a release: nothing is held for it any more, so nothing moves.
          const before = books.movements.length;
          books.apply(ended(`h${index}`, 'released', 0n, atMicros + 1));
          expect(books.movements.length).toBe(before);
        });
        expect(books.account.balance(atMicros).held).toBe(0n);
      }),
      { numRuns: 50 },
    );
  });
});

describe('usage', () => {
  it('burns what expires first: worked example 5', () => {
    const books = subscribedBooks(terms({ allowance: 100n }));
    books.apply(granted(lot('promo', 10n, { kind: 'promotional', expiresMicros: START + 10 * DAY })));
    books.use(usage(30n, START + DAY));
    expect(lotOf(books, 'promo', START + DAY)?.consumed).toBe(10n);
    expect(lotOf(books, 'allowance:1', START + DAY)?.consumed).toBe(20n);
  });

  it('I19: burns the same lots in whatever order they were granted', () => {
    const lots = fc.uniqueArray(
      fc.record({
        id: fc.string({ minLength: 1, maxLength: 3 }),
        kind: fc.constantFrom<Lot['kind']>('promotional', 'purchased', 'allowance', 'rollover', 'trial'),
        amount: fc.bigInt({ min: 1n, max: 20n }),
        priority: fc.nat(1),
        expires: fc.option(fc.integer({ min: 1, max: 3 })),
      }),
      { minLength: 2, maxLength: 8, selector: ({ id }) => id },
    );
    const granting = lots.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length }), fc.nat(80)),
    );
    fc.assert(
      fc.property(granting, ([one, other, amount]) => {
        const balances = [one, other].map((given) => {
          const books = booksOf();
          for (const { id, expires, ...each } of given) {
            const expiresMicros = expires === null ? null : START + expires * DAY;
            books.apply(granted(lot(id, each.amount, { ...each, expiresMicros })));
          }
          books.use(usage(BigInt(amount) + 1n, START + HOUR));
          return books.account.balance(START + HOUR);
        });
        expect(balances[0]).toEqual(balances[1]);
        const order = balances[0]?.lots.map((each) => each.lot) ?? [];
        expect(order).toEqual(order.toSorted(compareBurnOrder));
      }),
      { numRuns: 100 },
    );
  });

  it('that is late puts right an expiry and a rollover that were booked before', () => {
    const books = subscribedBooks(terms({ allowance: 100n, rollover: { upTo: 50n, periods: 1 } }));
    books.use(usage(30n, START + DAY));
    books.advance(FEBRUARY);
    expect(lotOf(books, 'rollover:1', FEBRUARY)?.lot.amount).toBe(50n);
    expect(lotOf(books, 'allowance:1', FEBRUARY)).toMatchObject({ expired: 20n, rolledOver: 50n });
    const before = books.movements.length;
    books.use(usage(40n, START + 2 * DAY, { recordedMicros: FEBRUARY + DAY }));
    expect(lotOf(books, 'rollover:1', FEBRUARY)?.lot.amount).toBe(30n);
    expect(lotOf(books, 'allowance:1', FEBRUARY)).toMatchObject({
      expired: 0n,
      rolledOver: 30n,
      consumed: 70n,
    });
    expect(
      books.movements.slice(before).map(({ kind, amount, isCorrection }) => [kind, amount, isCorrection]),
    ).toEqual([
      ['usage', 40n, false],
      ['rollover', 20n, true],
      ['expiry', 20n, true],
    ]);
    books.advance(MARCH);
    expect(lotOf(books, 'rollover:1', MARCH)).toMatchObject({ available: 0n, expired: 30n });
  });

  it('that is late for its closed period is booked now, with a link', () => {
    const books = subscribedBooks(terms({ allowance: 100n }));
    const recordedMicros = FEBRUARY + 5 * DAY;
    books.use(usage(40n, START + 2 * DAY, { recordedMicros }));
    expect(books.movements.at(-1)).toMatchObject({
      kind: 'usage',
      fromLot: 'allowance:2',
      effectiveMicros: recordedMicros,
      period: 2,
      belongsToPeriod: 1,
    });
  });

  it('that is taken back from a lot that has expired is gone, or lives on where the plan says so', () => {
    const given = [null, 30].map((restoredDays) => {
      const books = subscribedBooks(terms({ allowance: 100n, restoredDays }));
      books.use(usage(60n, START + DAY));
      const recordedMicros = FEBRUARY + 5 * DAY;
      books.use(usage(-20n, START + DAY, { recordedMicros }));
      books.advance(FEBRUARY + 6 * DAY);
      return books.account.balance(FEBRUARY + 6 * DAY);
    });
    expect(given.map(({ available, total }) => [available, total.expired])).toEqual([
      [100n, 60n],
      [120n, 40n],
    ]);
  });
});

describe('an allowance', () => {
  it('repays the overdraft first where the plan says so', () => {
    const books = subscribedBooks(terms({ allowance: 100n, policy: 'allow', repays: true }));
    books.use(usage(130n, START + DAY));
    books.advance(FEBRUARY);
    expect(books.account.balance(FEBRUARY)).toMatchObject({
      available: 70n,
      total: { used: 130n, overdraft: 0n },
    });
  });

  it('C13: that repays the overdraft covers it in its own period, and all periods add up to the total', () => {
    const books = subscribedBooks(terms({ allowance: 100n, policy: 'allow', repays: true }));
    books.use(usage(130n, START + DAY));
    books.use(usage(80n, FEBRUARY + DAY));
    const january = books.account.balance(FEBRUARY - 1).periodUsage;
    const february = books.account.balance(FEBRUARY + DAY).periodUsage;
    expect([january, february].map(coveredByLots)).toEqual([100n, 100n]);
    expect(february).toMatchObject({ used: 80n, overdraft: 10n - 30n });
    expect(coveredByLots(books.account.balance(FEBRUARY + DAY).total)).toBe(200n);
  });

  it('repays what was lent first, and names the period of it', () => {
    const books = subscribedBooks(terms({ allowance: 100n, policy: 'allow', repays: true }));
    books.use(usage(250n, START + DAY));
    books.use(usage(30n, FEBRUARY + DAY));
    books.advance(MARCH);
    const repayments = books.movements.filter(({ kind }) => kind === 'repayment');
    expect(
      repayments.map(({ period, belongsToPeriod, amount }) => [period, belongsToPeriod, amount]),
    ).toEqual([
      [2, 1, 100n],
      [3, 1, 50n],
      [3, 2, 30n],
    ]);
  });

  it('rolls over once, however many lots it came in', () => {
    const books = subscribedBooks(terms({ allowance: 100n, rollover: { upTo: 120n, periods: 1 } }));
    const extra = lot('extra', 50n, { kind: 'allowance', expiresMicros: FEBRUARY });
    books.apply(granted(extra));
    books.advance(FEBRUARY);
    expect(lotOf(books, 'rollover:1', FEBRUARY)?.lot.amount).toBe(120n);
    expect(books.account.balance(FEBRUARY).total.expired).toBe(30n);
  });
});

describe('periods', () => {
  it('begin with the trial, and go on with months of the plan', () => {
    const books = booksOf(terms({ allowance: 100n, trialCredits: 7n }));
    books.apply({
      ...base('subscribed', START + DAY),
      kind: 'subscribed',
      plan: 'pro',
      anchor: { day: 15, zone: 'UTC' },
      trialEndsMicros: START + 14 * DAY,
    });
    expect(
      books.account.balance(START + 2 * DAY).lots.map(({ lot: each }) => [each.kind, each.amount]),
    ).toEqual([['trial', 7n]]);
    books.advance(START + 14 * DAY);
    expect(books.account.balance(START + 14 * DAY)).toMatchObject({
      available: 100n,
      total: { expired: 7n },
    });
    expect(books.account.periodAt(START + 14 * DAY)?.bounds).toEqual({
      startMicros: START + 14 * DAY,
      endMicros: START + 45 * DAY,
    });
  });

  it('of a subscription from last month on take the place of the month that had no plan, usage included', () => {
    const books = booksOf(terms({ allowance: 100n, policy: 'charge' }));
    for (const day of [1, 10, 20, 31.5, 32]) books.use(usage(30n, START + day * DAY));
    expect(books.account.balance(START + 32 * DAY).total.overdraft).toBe(150n);
    books.apply(subscribed(START + 5 * DAY, START + 33 * DAY));
    const balance = books.account.balance(START + 33 * DAY);
    // Before the subscription 30; of the allowance of January 60, of that of February 60.
    expect(balance).toMatchObject({
      available: 40n,
      total: { overdraft: 30n, used: 150n, overage: 0n, expired: 40n },
    });
    expect(books.reopened().balance(START + 33 * DAY)).toEqual(balance);
    expect(books.account.periodAt(START + 32 * DAY)?.terms?.plan).toBe('pro');
  });

  it('go on as calendar months without a plan after a cancellation', () => {
    const books = subscribedBooks(terms({ allowance: 100n }));
    books.apply({ ...base('canceled', FEBRUARY, START + DAY), kind: 'canceled' });
    books.advance(FEBRUARY);
    expect(books.account.balance(FEBRUARY)).toMatchObject({ available: 0n, total: { expired: 100n } });
    expect(books.account.termsAt(FEBRUARY)).toBeNull();
    expect(books.account.periodAt(FEBRUARY)?.bounds).toEqual({ startMicros: FEBRUARY, endMicros: MARCH });
  });
});

describe('an account with more steps than are kept', () => {
  it('books usage that is later than all of them in the oldest, and is the same when it is opened', () => {
    const books = booksOf();
    books.apply(granted(lot('a', 1_000_000n)));
    for (let index = 0; index < 1_500; index++) {
      const atMicros = START + index * 1_000;
      books.apply(held(`h${index}`, 10n, atMicros));
      books.apply(ended(`h${index}`, 'settled', 3n, atMicros + 500));
    }
    expect(books.account.hold('h0')).toBeNull();
    expect(books.account.hold('h1499')?.ended?.actual).toBe(3n);
    const nowMicros = START + 2_000_000;
    books.use(usage(7n, START + 1, { recordedMicros: nowMicros }));
    const booked = books.movements.at(-1);
    expect(booked?.amount).toBe(7n);
    expect(booked?.effectiveMicros).toBeGreaterThan(START + 1);
    expect(books.account.balance(nowMicros)).toMatchObject({ available: 1_000_000n - 4_507n, held: 0n });
    expect(books.reopened().balance(nowMicros)).toEqual(books.account.balance(nowMicros));
  });
});
