import { describe, expect, it } from 'vitest';
import { marginOfCredits } from './margin.ts';
import type { Plans, PlanTerms } from './plan.ts';
import type { PlanConfiguration, PlansConfiguration } from './plan-configuration.ts';
import { plans } from './plans.ts';

function plansOf(configuration: PlansConfiguration): Plans {
  const parsed = plans(configuration);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.plans;
}

const TODAY = Date.UTC(2026, 10, 23) * 1000;

function termsOf(configuration: PlanConfiguration): PlanTerms {
  const terms = plansOf({ pro: configuration }).termsAt('pro', TODAY);
  if (terms === null) throw new Error('expected terms');
  return terms;
}

const PRO: PlanConfiguration = { fee_usd: '49', allowance: '20000' };

describe('plans', () => {
  it('have no more credits, and cost no more, than a ledger can hold', () => {
    const most = '999999999999.999999';
    expect(termsOf({ ...PRO, allowance: most }).allowance).toBe(10n ** 18n - 1n);
    expect(plans({ pro: { ...PRO, allowance: '1000000000000' } })).toEqual({
      kind: 'problems',
      problems: [
        { path: 'pro.allowance', expected: 'less than 1000000000000 credits', value: '1000000000000' },
      ],
    });
    expect(plans({ pro: { ...PRO, fee_usd: '100000000' } })).toMatchObject({
      problems: [{ path: 'pro.fee_usd', expected: 'less than 100000000 USD' }],
    });
  });

  it('come from decimal texts', () => {
    const terms = termsOf({
      fee_usd: '49',
      allowance: '20000',
      credit_value_usd: '0.0025',
      multiplier: '1.5',
      overage: { policy: 'charge', price_usd: '0.003', limit: '5000' },
      rollover: { up_to: '5000', periods: 2 },
      trial: { days: 14, credits: '500' },
      restored_days: 30,
      alerts: { thresholds: [100, 75, 75] },
    });
    expect(terms).toEqual({
      plan: 'pro',
      version: terms.version,
      fee: 49_000_000_000_000_000n,
      allowance: 20_000_000_000n,
      creditValue: { numerator: 2_500_000_000_000n, denominator: 1n },
      multiplier: { numerator: 3n, denominator: 2n },
      overage: {
        policy: 'charge',
        price: 3_000_000_000_000n,
        limit: 5_000_000_000n,
        repaysOverdraft: false,
      },
      rollover: { upTo: 5_000_000_000n, periods: 2 },
      trial: { days: 14, credits: 500_000_000n },
      restoredDays: 30,
      thresholds: [75, 100],
    });
  });

  it('that say little block at zero, roll nothing over and warn at 50, 80 and 100 percent', () => {
    expect(termsOf(PRO)).toMatchObject({
      multiplier: { numerator: 1n, denominator: 1n },
      overage: { policy: 'block', price: null, limit: null, repaysOverdraft: false },
      rollover: null,
      trial: null,
      restoredDays: null,
      thresholds: [50, 80, 100],
    });
  });

  it('value a credit at fee ÷ allowance, also where that is no finite decimal', () => {
    expect(termsOf(PRO).creditValue).toEqual({ numerator: 2_450_000_000_000n, denominator: 1n });
    expect(termsOf({ fee_usd: '1', allowance: '3' }).creditValue).toEqual({
      numerator: 1_000_000_000_000_000n,
      denominator: 3n,
    });
  });

  it('give no value to credits that are free, or where there are none', () => {
    expect(termsOf({ fee_usd: '0', allowance: '0' }).creditValue).toBeNull();
    expect(termsOf({ fee_usd: '0', allowance: '100' }).creditValue).toBeNull();
    expect(termsOf({ fee_usd: '10', allowance: '0' }).creditValue).toBeNull();
  });

  it('hold from their instant on, until the next version does', () => {
    const dated = plansOf({
      pro: [
        { ...PRO, from: '2026-01-01' },
        { ...PRO, fee_usd: '59', from: '2026-07-01T00:00:00+02:00' },
      ],
    });
    const feeAt = (instant: string) => dated.termsAt('pro', Date.parse(instant) * 1000)?.fee ?? null;
    expect(feeAt('2025-12-31T23:59:59Z')).toBeNull();
    expect(feeAt('2026-01-01T00:00:00Z')).toBe(49_000_000_000_000_000n);
    expect(feeAt('2026-06-30T21:59:59Z')).toBe(49_000_000_000_000_000n);
    expect(feeAt('2026-06-30T22:00:00Z')).toBe(59_000_000_000_000_000n);
    expect(dated.termsAt('constructor', TODAY)).toBeNull();
    expect(dated.names).toEqual(['pro']);
  });

  it('have one version for one content, however it is written', () => {
    const one = plansOf({ a: PRO, b: { fee_usd: '0', allowance: '0' } });
    const same = plansOf({
      b: { fee_usd: '0.0', allowance: '0e3' },
      a: [{ fee_usd: '49.00', allowance: '2e4' }],
    });
    const other = plansOf({ a: { ...PRO, fee_usd: '50' }, b: { fee_usd: '0', allowance: '0' } });
    expect(same.version).toBe(one.version);
    expect(same.termsAt('a', TODAY)?.version).toBe(one.termsAt('a', TODAY)?.version);
    expect(other.version).not.toBe(one.version);
    expect(other.termsAt('b', TODAY)?.version).toBe(one.termsAt('b', TODAY)?.version);
  });

  it('sell overage at a price of nine decimal places at most, so that no charge is rounded', () => {
    const pricedAt = (price_usd: string) =>
      plans({ a: { ...PRO, overage: { policy: 'charge', price_usd } } });
    const finest = pricedAt('0.000000001');
    const price = finest.kind === 'plans' ? finest.plans.termsAt('a', TODAY)?.overage.price : undefined;
    const overage = [{ credits: 1n, price: price ?? null }];
    const smallest = { covered: 0n, creditValue: null, overage };
    // A millionth of a credit at a billionth of a dollar.
    expect(marginOfCredits(smallest, { cost: null, unpricedCalls: 0 }).overageCharge).toBe(1n);
    expect(pricedAt('1.0000000010')).toMatchObject({ kind: 'plans' });
    expect(pricedAt('0.0000000011')).toEqual({
      kind: 'problems',
      problems: [
        {
          path: 'a.overage.price_usd',
          expected: expect.stringContaining('at most 9 decimal places'),
          value: '0.0000000011',
        },
      ],
    });
  });

  it('report all problems at once, each with path, expectation and value', () => {
    const parsed = plans({
      a: { fee_usd: '-1', allowance: 'many', overage: { policy: 'charge' } },
      b: {
        ...PRO,
        credit_value_usd: '0',
        multiplier: '0',
        overage: { policy: 'block', price_usd: '1', limit: '2' },
      },
      c: [
        PRO,
        PRO,
        { ...PRO, from: '2026-02-30' },
        { ...PRO, from: '2026-03-01' },
        { ...PRO, from: '2026-03-01' },
      ],
      d: { ...PRO, rollover: { up_to: '0' }, trial: { days: 1, credits: '0.0000001' } },
      e: { ...PRO, overage: { policy: 'charge', price_usd: 'x', repay: true } },
      f: [],
    });
    expect(parsed.kind === 'problems' && parsed.problems).toEqual([
      { path: 'a.fee_usd', expected: 'a decimal of 0 or more, with at most 15 decimal places', value: '-1' },
      {
        path: 'a.allowance',
        expected: 'a decimal of 0 or more, with at most 6 decimal places',
        value: 'many',
      },
      { path: 'a.overage.price_usd', expected: 'a price under the policy charge', value: 'nothing' },
      {
        path: 'b.credit_value_usd',
        expected: 'a decimal above 0, with at most 15 decimal places',
        value: '0',
      },
      { path: 'b.multiplier', expected: 'a decimal above 0, with at most 9 decimal places', value: '0' },
      { path: 'b.overage.price_usd', expected: 'nothing, but under the policy charge', value: '1' },
      { path: 'b.overage.limit', expected: 'nothing, but under the policy charge', value: '2' },
      {
        path: 'c.1.from',
        expected: 'an instant or a date: only the first version holds since ever',
        value: 'nothing',
      },
      { path: 'c.2.from', expected: 'an instant or a date', value: '2026-02-30' },
      { path: 'c.4.from', expected: 'later than that of the version before it', value: '2026-03-01' },
      { path: 'd.rollover.up_to', expected: 'a decimal above 0, with at most 6 decimal places', value: '0' },
      {
        path: 'd.trial.credits',
        expected: 'a decimal of 0 or more, with at most 6 decimal places',
        value: '0.0000001',
      },
      { path: 'e.overage.repay', expected: 'nothing, but under the policy allow', value: 'true' },
      {
        path: 'e.overage.price_usd',
        expected: 'a decimal of 0 or more, with at most 15 decimal places',
        value: 'x',
      },
      { path: 'f', expected: 'at least one version', value: 'none' },
    ]);
  });
});
