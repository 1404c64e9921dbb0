import { describe, expect, it } from 'vitest';
import { aCard, aUsage } from '../../test/builders.ts';
import { parseDecimal } from '../amount.ts';
import type { Rating } from '../price.ts';
import type { UsageRecord } from '../usage.ts';
import { post } from './ledger.ts';
import { charge } from './rate.ts';
import { type CreditRules, creditRules } from './rule.ts';
import type { RuleConfiguration } from './rule-configuration.ts';

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

  it('is none where nobody says what a credit is worth', () => {
    const rules = rulesOf({ cost_plus: { target_margin: '0.5' } });
    expect(charge(aUsage(), costing('1'), rules)).toEqual({ kind: 'not_charged', reason: 'no_credit_value' });
  });

  it('of tokens that contradict each other waits', () => {
    const rules = rulesOf({ tokens: { input: '1', output: '4' } });
    expect(charge(aUsage(), UNPRICED, rules)).toMatchObject({ credits: 2_000_000n });
    expect(charge(aUsage({ usageStatus: 'invalid' }), UNPRICED, rules).kind).toBe('pending');
  });

  it('is none without a rule', () => {
    const rules: CreditRules = { version: 'v', ruleAt: () => null };
    expect(charge(aUsage(), costing('1'), rules)).toEqual({ kind: 'not_charged', reason: 'no_rule' });
  });

  it('is made to customers on trial', () => {
    expect(charge(aUsage({ usageClass: 'trial' }), costing('1'), fixed).kind).toBe('charged');
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
