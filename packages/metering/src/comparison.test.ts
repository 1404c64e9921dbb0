import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Comparison,
  formatRevenue,
  marginOf,
  type RatedAmounts,
  type Sums,
  Tally,
} from './comparison.ts';

const FEMTO = 10n ** 15n;

function sums(changes: Partial<Sums>): Sums {
  return { unpricedCalls: 0, cost: 0n, credits: 0n, revenue: 0n, creditsWithoutValue: 0n, ...changes };
}

function aTally(): Tally<'model'> {
  return new Tally({ model: new Map<string | null, Comparison>() }, ['model']);
}

const amounts = fc.record({
  cost: fc.option(fc.bigInt(0n, 10n ** 20n)),
  credits: fc.option(fc.bigInt(0n, 10n ** 12n)),
  creditValue: fc.option(fc.bigInt(1n, 10n ** 16n)),
});

describe('a comparison of two ratings', () => {
  it('adds up: the total is the sum of its groups', () => {
    const call = fc.record({
      model: fc.option(fc.constantFrom('a', 'b')),
      recorded: amounts,
      again: amounts,
    });
    fc.assert(
      fc.property(fc.array(call, { minLength: 1 }), (calls) => {
        const tally = aTally();
        for (const { model, recorded, again } of calls) tally.add({ model }, recorded, again, true);
        const groups = [...tally.by.model.values()];
        const summed = (read: (comparison: Comparison) => bigint) =>
          groups.reduce((total, group) => total + read(group), 0n);
        expect(tally.total.calls).toBe(calls.length);
        for (const read of [
          ({ recorded }: Comparison) => recorded.cost,
          ({ again }: Comparison) => again.credits,
          ({ again }: Comparison) => again.revenue,
          ({ recorded }: Comparison) => BigInt(recorded.unpricedCalls),
        ]) {
          expect(read(tally.total)).toBe(summed(read));
        }
      }),
    );
  });

  it('counts what has no cost beside the cost of the rest, and never as 0', () => {
    const tally = aTally();
    const priced: RatedAmounts = { cost: 2n * FEMTO, credits: null, creditValue: null };
    tally.add({ model: null }, priced, { ...priced, cost: null }, true);
    expect(tally.total).toMatchObject({
      recorded: { cost: 2n * FEMTO, unpricedCalls: 0 },
      again: { cost: 0n, unpricedCalls: 1 },
    });
  });
});

describe('a margin', () => {
  it('is (revenue - cost) / revenue', () => {
    expect(marginOf(sums({ cost: FEMTO, revenue: 4n * FEMTO * 1_000_000n }))).toBe('0.75');
    expect(marginOf(sums({ cost: 3n * FEMTO, revenue: 2n * FEMTO * 1_000_000n }))).toBe('-0.5');
  });

  it('is unknown without revenue, or while some credits have no value', () => {
    expect(marginOf(sums({ cost: FEMTO }))).toBeNull();
    expect(marginOf(sums({ revenue: FEMTO, creditsWithoutValue: 1n }))).toBeNull();
  });
});

it('revenue is shown in USD, exactly', () => {
  // 2.4 credits of a tenth of a cent.
  expect(formatRevenue(2_400_000n * (FEMTO / 1000n))).toBe('0.0024');
});
