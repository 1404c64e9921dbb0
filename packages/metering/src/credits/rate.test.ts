import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCard, aUsage } from '../../test/builders.ts';
import { parseDecimal } from '../amount.ts';
import type { Rating } from '../price.ts';
import type { UsageRecord } from '../usage.ts';
import { post } from './ledger.ts';
import { charge, costPlusCredits } from './rate.ts';
import { type CreditRules, costPlusRule, creditRules, type RuleConfiguration } from './rule.ts';

function rulesOf(rule: RuleConfiguration): CreditRules {
  const parsed = creditRules({ default: rule });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.rules;
}

function usd(text: string): bigint {
  const parsed = parseDecimal(text, 15);
  if (parsed.kind === 'rejected') throw new Error(parsed.reason);
  return parsed.value;
}

function costing(text: string): Rating {
  return {
    kind: 'priced',
    status: 'priced',
    cost: usd(text),
    card: aCard(),
    matchKind: 'exact',
    lines: [],
    note: null,
  };
}

const UNPRICED: Rating = {
  kind: 'unpriced',
  status: 'unpriced:unknown_model',
  reason: 'unknown_model',
  note: null,
  lines: [],
};
const fixed = rulesOf({ fixed: { credits: '25' } });
const marginHalf = rulesOf({ cost_plus: { target_margin: '0.5', credit_value_usd: '0.02' } });
const markupHalf = rulesOf({ cost_plus: { markup: '0.5', credit_value_usd: '0.02' } });

describe('a charge', () => {
  it('of a fixed rule is its credits, whatever the call cost', () => {
    expect(charge(aUsage(), costing('9.99'), fixed)).toEqual({
      kind: 'charged',
      credits: 25_000_000n,
      ruleVersion: fixed.version,
    });
  });

  it('of a cost-plus rule reaches the target margin', () => {
    // Worked example 2: 0.033 / 0.5 / 0.02 = 3.3, rounded up once to 4.
    expect(charge(aUsage(), costing('0.033'), marginHalf)).toMatchObject({ credits: 4_000_000n });
  });

  it('of a markup is smaller than that of the same margin', () => {
    expect(charge(aUsage(), costing('0.033'), markupHalf)).toMatchObject({ credits: 3_000_000n });
  });

  it('that is exact is not rounded up', () => {
    expect(charge(aUsage(), costing('0.03'), marginHalf)).toMatchObject({ credits: 3_000_000n });
    expect(charge(aUsage(), costing('0.030000000000001'), marginHalf)).toMatchObject({ credits: 4_000_000n });
  });

  it('without a price is fixed all the same, and pending under cost-plus', () => {
    expect(charge(aUsage(), UNPRICED, fixed)).toMatchObject({ kind: 'charged', credits: 25_000_000n });
    expect(charge(aUsage(), UNPRICED, marginHalf)).toEqual({ kind: 'pending', reason: 'unpriced' });
  });

  it.each<[string, Partial<UsageRecord>]>([
    ['failed', { status: 'error' }],
    ['internal', { usageClass: 'internal' }],
    ['internal', { usageClass: 'test' }],
    ['internal', { usageClass: 'demo' }],
    ['internal', { usageClass: 'admin' }],
    ['unattributed', { customer: null }],
    ['not_billed', { billingRole: 'container' }],
    ['not_billed', { billingRole: 'pending' }],
  ])('is none when %s', (reason, usage) => {
    const charged = charge(aUsage(usage), costing('1'), fixed);
    expect(charged).toEqual({ kind: 'not_charged', reason });
    expect(post(aUsage(usage), charged)).toBeNull();
  });

  it('is none without a rule', () => {
    const rules: CreditRules = { version: 'v', ruleFor: () => null };
    expect(charge(aUsage(), costing('1'), rules)).toEqual({ kind: 'not_charged', reason: 'no_rule' });
  });

  it('is made to customers on trial', () => {
    expect(charge(aUsage({ usageClass: 'trial' }), costing('1'), fixed).kind).toBe('charged');
  });
});

describe('cost-plus credits', () => {
  const rules = fc
    .record({
      factor: fc.record({
        numerator: fc.bigInt({ min: 1n, max: 10n ** 9n }),
        denominator: fc.bigInt({ min: 1n, max: 10n ** 9n }),
      }),
      creditValue: fc.bigInt({ min: 1n, max: 10n ** 17n }),
      increment: fc.bigInt({ min: 1n, max: 10n ** 8n }),
    })
    .map(costPlusRule);
  const costs = fc.bigInt({ min: 0n, max: 10n ** 20n });

  it('are at least the raw credits and exceed them by less than one increment', () => {
    fc.assert(
      fc.property(costs, rules, (cost, rule) => {
        const credits = costPlusCredits(cost, rule);
        const numerator = cost * rule.factor.numerator * 1_000_000n;
        const denominator = rule.factor.denominator * rule.creditValue;
        expect(credits % rule.increment).toBe(0n);
        expect(credits * denominator >= numerator).toBe(true);
        expect((credits - rule.increment) * denominator < numerator).toBe(true);
      }),
    );
  });

  it('never realise less than the target margin', () => {
    const margins = fc.integer({ min: 0, max: 999 });
    const values = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(costs, margins, values, (cost, margin, value) => {
        const rule = rulesOf({
          cost_plus: { target_margin: String(margin / 1000), credit_value_usd: `${value}e-5` },
        }).ruleFor(null);
        if (rule?.kind !== 'cost_plus') throw new Error('expected a cost-plus rule');
        // Revenue × (1 − margin) ≥ cost, in whole numbers.
        const revenueTimesMillion = costPlusCredits(cost, rule) * rule.creditValue;
        expect(revenueTimesMillion * BigInt(1000 - margin) >= cost * 1000n * 1_000_000n).toBe(true);
      }),
    );
  });
});

describe('a transfer', () => {
  it('moves what was charged from overdraft to used, at the time of the call', () => {
    const usage = aUsage();
    expect(post(usage, charge(usage, costing('0.033'), marginHalf))).toEqual({
      customer: 'acme',
      from: 'overdraft',
      to: 'used',
      amount: 4_000_000n,
      effectiveAtMicros: usage.eventTimeMicros,
      kind: 'usage',
    });
  });

  it('does not exist for a charge of zero', () => {
    const usage = aUsage();
    expect(post(usage, charge(usage, costing('0'), marginHalf))).toBeNull();
  });
});
