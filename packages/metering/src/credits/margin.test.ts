import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aLot, anAccount, aPeriod, credits, micros, terms, usedLot } from '../../test/accounts.ts';
import type { PlanChangeFact } from './fact.ts';
import { type KnownCost, marginOfCredits, periodMargin } from './margin.ts';
import { marginJson } from './statement-json.ts';

const NOW = micros('2026-11-11T10:00:00Z');
const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };
const DOLLAR = 10n ** 15n;
const NO_OVERAGE = { overage: [] };
const FREE: KnownCost = { cost: 0n, unpricedCalls: 0 };

function costing(cost: bigint, unpricedCalls = 0): KnownCost {
  return { cost, unpricedCalls };
}

describe('the margin of credits', () => {
  it('is that of worked example 2: 4 credits of 0.02 USD for 0.033 USD', () => {
    const margin = marginOfCredits(
      { covered: credits('4'), creditValue: { numerator: DOLLAR / 50n, denominator: 1n }, ...NO_OVERAGE },
      costing((DOLLAR * 33n) / 1000n),
    );
    expect(margin.revenueValue).toBe((DOLLAR * 8n) / 100n);
    expect(margin.margin).toEqual({ numerator: 47n, denominator: 80n });
    expect(margin.markup).toEqual({ numerator: 47n, denominator: 33n });
  });

  it('adds overage at its own price', () => {
    const margin = marginOfCredits(
      {
        covered: credits('100'),
        creditValue: { numerator: DOLLAR, denominator: 3n },
        overage: [{ credits: credits('0.5'), price: DOLLAR }],
      },
      FREE,
    );
    expect(margin).toMatchObject({
      coveredValue: 33_333_333_333_333_333n,
      overageCharge: DOLLAR / 2n,
      revenueValue: 33_833_333_333_333_333n,
      margin: { numerator: 1n, denominator: 1n },
      markup: null,
    });
  });

  it('below zero says so', () => {
    const creditValue = { numerator: DOLLAR, denominator: 1n };
    const loss = marginOfCredits({ covered: credits('1'), creditValue, ...NO_OVERAGE }, costing(DOLLAR * 3n));
    expect(loss.margin).toEqual({ numerator: -2n, denominator: 1n });
    expect(loss.markup).toEqual({ numerator: -2n, denominator: 3n });
  });

  it('I21: is not known where a part of it is not, and never 0 instead', () => {
    const covered = { covered: credits('1'), creditValue: null, ...NO_OVERAGE };
    expect(marginOfCredits(covered, FREE)).toMatchObject({
      coveredValue: null,
      revenueValue: null,
      margin: null,
    });
    const unsold = {
      covered: 0n,
      creditValue: { numerator: DOLLAR, denominator: 1n },
      overage: [{ credits: 1n, price: null }],
    };
    expect(marginOfCredits(unsold, FREE)).toMatchObject({ overageCharge: null, revenueValue: null });
    const unpriced = { ...unsold, covered: credits('1'), overage: [{ credits: 0n, price: null }] };
    expect(marginOfCredits(unpriced, { cost: null, unpricedCalls: 7 })).toMatchObject({
      revenueValue: DOLLAR,
      cost: null,
      unpricedCalls: 7,
      margin: null,
      markup: null,
    });
  });

  it('has the same sign as revenue − cost, as margin and as markup', () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 24n });
    fc.assert(
      fc.property(amount, amount, amount, amount, (covered, numerator, denominator, cost) => {
        const creditValue = { numerator, denominator };
        const { revenueValue, margin, markup } = marginOfCredits(
          { covered, creditValue, ...NO_OVERAGE },
          costing(cost),
        );
        if (revenueValue === null) throw new Error('expected a revenue value');
        fc.pre(revenueValue > 0n);
        for (const found of [margin, markup]) {
          if (found === null) throw new Error('expected a quotient');
          expect(found.numerator > 0n).toBe(revenueValue > cost);
          expect(found.numerator === 0n).toBe(revenueValue === cost);
        }
      }),
    );
  });
});

describe('the margin of a period', () => {
  const lot = aLot('period:1', {
    amount: credits('20000'),
    effectiveMicros: NOVEMBER.startMicros,
    expiresMicros: NOVEMBER.endMicros,
  });

  it('earns the fee by the share of the allowance that was used', () => {
    const account = anAccount({
      period: aPeriod(NOVEMBER),
      lots: [usedLot(lot, credits('5000'))],
      usage: { used: credits('5000') },
    });
    const margin = periodMargin(account.balance(NOW), [], costing(DOLLAR * 5n, 2));
    expect(marginJson(margin)).toEqual({
      revenue_value_usd: '12.25',
      covered_value_usd: '12.25',
      overage_charge_usd: '0',
      fee_usd: '49',
      fee_earned_usd: '12.25',
      fee_unused_usd: '36.75',
      cost_usd: '5',
      unpriced_calls: 2,
      margin: '0.591837',
      markup: '1.45',
    });
  });

  it('counts the prorated fee of an upgrade, and its price for all overage of the period', () => {
    const dear = terms({ overage: { policy: 'charge', price_usd: '0.01' } });
    const cheap = terms({ overage: { policy: 'charge', price_usd: '0.005' } }, 'business');
    const upgrade: PlanChangeFact = {
      kind: 'plan_changed',
      id: 'up',
      atMicros: NOW,
      recordedMicros: NOW,
      actor: null,
      reason: null,
      from: 'pro',
      to: 'business',
      terms: cheap,
      extraFee: DOLLAR * 20n,
    };
    const account = anAccount({
      period: aPeriod(NOVEMBER, dear),
      lots: [usedLot(lot, credits('20000'))],
      usage: { used: credits('20100'), overage: credits('100') },
    });
    const before = periodMargin(account.balance(NOW), [], FREE);
    const after = periodMargin(account.balance(NOW), [upgrade], FREE);
    expect(before).toMatchObject({ overageCharge: DOLLAR, fee: { fee: DOLLAR * 49n, unused: 0n } });
    expect(after).toMatchObject({ overageCharge: DOLLAR / 2n, fee: { fee: DOLLAR * 69n } });
  });

  it('C17: charges and gives back overage of a closed period at the price of that one', () => {
    const dear = terms({ overage: { policy: 'charge', price_usd: '0.05' } });
    const cheap = terms({ overage: { policy: 'charge', price_usd: '0.01' } }, 'small');
    const october = { startMicros: micros('2026-10-01T00:00Z'), endMicros: NOVEMBER.startMicros };
    const givenBack = { period: aPeriod(october, dear), overage: -credits('100') };
    const inNovember = (planTerms: typeof dear, overage: bigint) =>
      anAccount({
        period: aPeriod(NOVEMBER, planTerms, { period: 2 }),
        usage: { used: overage, overage },
        lateOverage: [givenBack],
      });
    const charging = periodMargin(inNovember(cheap, -credits('40')).balance(NOW), [], FREE);
    // 60 of its own at 0.01 USD, 100 given back at 0.05 USD.
    expect(charging.overageCharge).toBe((DOLLAR * 60n) / 100n - DOLLAR * 5n);
    const blocking = periodMargin(inNovember(terms({}, 'small'), -credits('100')).balance(NOW), [], FREE);
    expect(blocking.overageCharge).toBe(-DOLLAR * 5n);
  });

  it('counts what was repaid in it as covered, and what was lent not', () => {
    const account = anAccount({
      period: aPeriod(NOVEMBER),
      usage: { used: credits('1'), overdraft: credits('1') - credits('10') },
    });
    const margin = periodMargin(account.balance(NOW), [], costing(DOLLAR / 500n));
    // 10 credits at 49 / 20,000 USD.
    expect(margin.coveredValue).toBe((DOLLAR * 49n) / 2000n);
  });

  it('has no fee in a trial, and none without a plan', () => {
    const trial = anAccount({ period: aPeriod(NOVEMBER, terms(), { isTrial: true }) });
    const none = anAccount({ period: aPeriod(NOVEMBER, null), usage: { used: 5n, overdraft: 5n } });
    for (const account of [trial, none]) {
      expect(periodMargin(account.balance(NOW), [], FREE).fee).toEqual({ fee: 0n, earned: 0n, unused: 0n });
    }
    expect(periodMargin(none.balance(NOW), [], costing(1n)).revenueValue).toBeNull();
  });
});
