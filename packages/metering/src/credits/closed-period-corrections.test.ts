import { describe, expect, it } from 'vitest';
import {
  Books,
  base,
  DAY,
  granted,
  HOUR,
  lot,
  plansOf,
  START,
  subscribed,
  terms,
  usage,
} from '../../test/books.ts';
import type { AccountFact } from './fact.ts';
import type { OveragePolicy, PlanTerms } from './plan.ts';

const FEBRUARY = START + 31 * DAY;
const MARCH = FEBRUARY + 28 * DAY;
/** January is closed, and February runs. */
const JANUARY_CLOSED = FEBRUARY + 5 * DAY;
/** Both are. */
const FEBRUARY_CLOSED = MARCH + 5 * DAY;

function booksOf(...plans: readonly PlanTerms[]): Books {
  const books = new Books(plansOf(...plans));
  books.apply(subscribed(START));
  return books;
}

/** Of usage of the second day of January, told at some time. */
function january(amount: bigint, recordedMicros = START + DAY) {
  return usage(amount, START + DAY, { recordedMicros });
}

function changeTo(plan: string, atMicros: number): AccountFact {
  return {
    ...base(`change:${plan}`, atMicros, START + 2 * DAY),
    kind: 'plan_changed',
    from: 'pro',
    to: plan,
    terms: null,
    extraFee: 0n,
  };
}

function lotOf(books: Books, id: string, atMicros: number) {
  return books.account.balance(atMicros).lots.find((each) => each.lot.id === id);
}

/** A new process knows the same of it. */
function expectReopened(books: Books, atMicros: number): void {
  expect(books.reopened().balance(atMicros)).toEqual(books.account.balance(atMicros));
}

describe('a correction of a closed period', () => {
  const POLICIES: readonly (readonly [OveragePolicy, 'overage' | 'overrun' | 'overdraft'])[] = [
    ['charge', 'overage'],
    ['block', 'overrun'],
    ['degrade', 'overrun'],
    ['allow', 'overdraft'],
  ];

  it.each(POLICIES)(
    'C17: under the policy %s, first takes back what no lot had covered then',
    (policy, uncovered) => {
      const books = booksOf(terms({ allowance: 100n, policy }));
      books.use(january(120n));
      books.use(january(-12n, JANUARY_CLOSED));
      expect(books.account.balance(JANUARY_CLOSED).total).toMatchObject({ used: 108n, [uncovered]: 8n });
      books.use(january(-96n, JANUARY_CLOSED + HOUR));
      const balance = books.account.balance(JANUARY_CLOSED + HOUR);
      expect(balance).toMatchObject({ available: 100n, total: { used: 12n, [uncovered]: 0n, expired: 88n } });
      expectReopened(books, JANUARY_CLOSED + HOUR);
    },
  );

  it.each(POLICIES)(
    'C17: takes it back from where it was, when the plan of the running period has the policy %s',
    (policy) => {
      const books = booksOf(
        terms({ allowance: 100n, policy: 'charge' }),
        terms({ plan: 'small', allowance: 10n, policy }),
      );
      books.use(january(120n));
      books.apply(changeTo('small', FEBRUARY));
      books.use(usage(25n, FEBRUARY + DAY));
      const before = books.account.balance(JANUARY_CLOSED).total;
      books.use(january(-20n, JANUARY_CLOSED));
      expect(books.account.balance(JANUARY_CLOSED).total).toEqual({
        ...before,
        used: before.used - 20n,
        overage: before.overage - 20n,
      });
      expect(books.account.balance(JANUARY_CLOSED).lateOverage).toMatchObject([
        { period: { period: 1 }, overage: -20n },
      ]);
      expectReopened(books, JANUARY_CLOSED);
    },
  );

  it('goes back to the lots that the period took from, not to those that were used since', () => {
    const books = booksOf(terms({ allowance: 100n }));
    books.use(january(60n));
    books.use(usage(30n, FEBRUARY + DAY));
    books.use(january(-54n, JANUARY_CLOSED));
    expect(books.account.balance(JANUARY_CLOSED)).toMatchObject({ available: 70n, total: { used: 36n } });
    expect(lotOf(books, 'allowance:1', JANUARY_CLOSED)).toMatchObject({ consumed: 6n, expired: 94n });
    expect(lotOf(books, 'allowance:2', JANUARY_CLOSED)).toMatchObject({ consumed: 30n, available: 70n });
    expectReopened(books, JANUARY_CLOSED);
  });

  it('goes back to a lot that is still valid only as far as the period took from it', () => {
    const books = booksOf(terms({ allowance: 100n }));
    books.apply(granted(lot('topup', 200n), START + HOUR));
    books.use(january(150n));
    books.use(usage(130n, FEBRUARY + DAY));
    expect(lotOf(books, 'topup', FEBRUARY + DAY)).toMatchObject({ consumed: 80n, available: 120n });
    books.use(january(-70n, JANUARY_CLOSED));
    expect(lotOf(books, 'topup', JANUARY_CLOSED)).toMatchObject({ consumed: 30n, available: 170n });
    expect(lotOf(books, 'allowance:1', JANUARY_CLOSED)).toMatchObject({ consumed: 80n, expired: 20n });
  });

  it('of late usage goes back to what paid for it in the later period', () => {
    const books = booksOf(terms({ allowance: 100n }));
    books.use(january(60n));
    books.use(january(15n, JANUARY_CLOSED));
    expect(lotOf(books, 'allowance:2', JANUARY_CLOSED)?.consumed).toBe(15n);
    books.use(january(-15n, JANUARY_CLOSED + HOUR));
    expect(lotOf(books, 'allowance:2', JANUARY_CLOSED + HOUR)?.consumed).toBe(0n);
    expect(lotOf(books, 'allowance:1', JANUARY_CLOSED + HOUR)?.consumed).toBe(60n);
  });

  it('C16: late usage that no lot covers is borne by the terms it was used under', () => {
    const books = booksOf(
      terms({ allowance: 100n, policy: 'block' }),
      terms({ plan: 'small', allowance: 10n, policy: 'charge' }),
    );
    books.use(january(100n));
    books.apply(changeTo('small', FEBRUARY));
    books.use(january(25n, JANUARY_CLOSED));
    const { total } = books.account.balance(JANUARY_CLOSED);
    expect(total).toMatchObject({ used: 125n, overrun: 15n, overage: 0n });
  });

  it('of what was lent and repaid goes back to the lot that repaid it', () => {
    const books = booksOf(terms({ allowance: 100n, policy: 'allow', repays: true }));
    books.use(january(130n));
    books.advance(JANUARY_CLOSED);
    expect(books.account.balance(JANUARY_CLOSED)).toMatchObject({ available: 70n, total: { overdraft: 0n } });
    books.use(january(-40n, JANUARY_CLOSED));
    expect(books.account.balance(JANUARY_CLOSED)).toMatchObject({
      available: 100n,
      total: { used: 90n, overdraft: 0n, expired: 10n },
    });
    expectReopened(books, JANUARY_CLOSED);
  });

  it('knows years later what paid for the usage, also after a restart', () => {
    const books = booksOf(terms({ allowance: 100n, policy: 'charge' }));
    const yearsLater = START + 800 * DAY;
    books.use(january(120n));
    for (let day = 40; day < 800; day += 10) books.use(usage(60n, START + day * DAY));
    books.advance(yearsLater);
    const before = books.account.balance(yearsLater);
    books.account = books.reopened();
    books.use(january(-120n, yearsLater));
    const after = books.account.balance(yearsLater);
    expect(after.total).toEqual({
      ...before.total,
      used: before.total.used - 120n,
      overage: before.total.overage - 20n,
      expired: before.total.expired + 100n,
    });
    expect(after.available).toBe(before.available);
  });

  it('C17: twice, after two closes, takes nothing back twice', () => {
    const books = booksOf(terms({ allowance: 100n, policy: 'charge' }));
    books.use(january(120n));
    books.use(usage(110n, FEBRUARY + DAY));
    books.use(january(-20n, JANUARY_CLOSED));
    books.use(january(-20n, FEBRUARY_CLOSED));
    expect(books.account.balance(FEBRUARY_CLOSED).total).toMatchObject({ used: 190n, overage: 10n });
    expect(lotOf(books, 'allowance:1', FEBRUARY_CLOSED)).toMatchObject({ consumed: 80n, expired: 20n });
  });
});
