import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anAction, aPlan, aRule, credits, NO_UNITS, ruleFor, someTokens, usd } from '../../test/actions.ts';
import { NO_TOKENS } from '../../test/builders.ts';
import { MAX_CREDITS } from '../amount.ts';
import { OUT_OF_RANGE, rateAction } from './action.ts';
import { estimateCredits } from './estimate.ts';
import type { ActionTerms } from './measure.ts';
import type { RuleConfiguration } from './rule-configuration.ts';
import type { RuleTerms } from './terms.ts';

function termsOf(rule: RuleConfiguration): RuleTerms {
  const terms = ruleFor(rule).ruleAt(null, 0);
  if (terms === null) throw new Error('expected a rule');
  return terms;
}

/** By which little money is more credits than there can be. */
const HARDLY_WORTH_ANYTHING: ActionTerms = {
  creditValue: { numerator: 1n, denominator: 1000n },
  multiplier: { numerator: 1n, denominator: 1n },
  version: 'plan-1',
};

describe('an estimate', () => {
  it('is what the action burns that turns out as expected', () => {
    const cost = fc.bigInt({ min: 0n, max: 10n ** 15n });
    let known = 0;
    fc.assert(
      fc.property(aRule(), someTokens, cost, aPlan, (rule, tokens, expectedCost, plan) => {
        const [terms, leaves] = [termsOf(rule), anAction({ tokens, cost: expectedCost })];
        const estimate = estimateCredits(terms, { tokens, cost: expectedCost }, plan);
        if (estimate.kind === 'unknown') {
          expect(estimate.reason).toBe('no_credit_value');
          return;
        }
        known++;
        const { credits: burned, shares } = rateAction(leaves, ruleFor(rule), plan);
        if (estimate.credits > MAX_CREDITS)
          expect(shares.map(({ charge }) => charge)).toEqual([OUT_OF_RANGE]);
        else expect(estimate.credits).toBe(burned);
      }),
      { examples: [[{ cost_plus: { markup: '0' } }, NO_TOKENS, 10n ** 10n, HARDLY_WORTH_ANYTHING]] },
    );
    expect(known).toBeGreaterThan(20);
  });

  it('is told where it is more than there can be, so that the action is denied, not taken for free', () => {
    const rule = { cost_plus: { markup: '0' } };
    const most = { cost: 10n ** 9n - 1n };
    expect(estimateCredits(termsOf(rule), most, HARDLY_WORTH_ANYTHING)).toEqual({
      kind: 'credits',
      credits: credits('999999999000'),
    });
    expect(estimateCredits(termsOf(rule), { cost: 10n ** 9n }, HARDLY_WORTH_ANYTHING)).toEqual({
      kind: 'credits',
      credits: MAX_CREDITS + 1n,
    });
  });

  it('counts the calls that are expected, for complexity and as requests', () => {
    const terms = termsOf({ units: { request: '2' }, complexity: [{ calls: '3', factor: '1.5' }] });
    expect(estimateCredits(terms, {}, null)).toEqual({ kind: 'credits', credits: credits('2') });
    expect(estimateCredits(terms, { calls: 3 }, null)).toEqual({ kind: 'credits', credits: credits('9') });
  });

  it("counts units of the app's own", () => {
    const units = { ...NO_UNITS, custom: { unit: 'document', thousandths: 1500 } };
    expect(estimateCredits(termsOf({ units: { document: '2' } }), { units }, null)).toEqual({
      kind: 'credits',
      credits: credits('3'),
    });
  });

  it('is not made of nothing: it says what it needs to know', () => {
    const costPlus = { cost_plus: { markup: '0', credit_value_usd: '1' } };
    expect(estimateCredits(termsOf(costPlus), { tokens: NO_TOKENS }, null)).toEqual({
      kind: 'unknown',
      reason: 'no_cost',
    });
    expect(estimateCredits(termsOf({ tokens: { input: '1' } }), { cost: usd('1') }, null)).toEqual({
      kind: 'unknown',
      reason: 'no_tokens',
    });
    expect(estimateCredits(termsOf({ cost_plus: { markup: '0' } }), { cost: usd('1') }, null)).toEqual({
      kind: 'unknown',
      reason: 'no_credit_value',
    });
  });

  it('can be made of what a rule offers instead', () => {
    const { degraded } =
      ruleFor({ fixed: { credits: '25' }, degraded: { model: 'small', fixed: { credits: '5' } } }).ruleAt(
        null,
        0,
      ) ?? {};
    expect(degraded?.model).toBe('small');
    expect(degraded && estimateCredits(degraded.terms, {}, null)).toEqual({
      kind: 'credits',
      credits: credits('5'),
    });
  });
});
