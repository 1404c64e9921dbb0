import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aDegradingRule, anAction, aPlan, ruleFor, rulesOf, someLeaves, usd } from '../../test/actions.ts';
import { rateAction } from './action.ts';
import { evaluate } from './evaluate.ts';
import { explain } from './explain.ts';

describe('the explanation of an action', () => {
  it('I22: evaluated again, gives its credits exactly, also after it was stored', () => {
    const statuses = new Set<string>();
    let degraded = 0;
    fc.assert(
      fc.property(aDegradingRule, someLeaves, aPlan, (rule, leaves, plan) => {
        const rules = ruleFor(rule);
        const explanation = explain(leaves, rules, plan);
        const charge = rateAction(leaves, rules, plan);
        statuses.add(explanation.status);
        if (explanation.isDegraded) degraded++;
        const stored: unknown = JSON.parse(JSON.stringify(explanation));
        expect(stored).toEqual(explanation);
        expect(evaluate(explanation)).toBe(charge.credits ?? 0n);
      }),
      { numRuns: 500 },
    );
    // Credits that are worth next to nothing can also come out of range.
    statuses.delete('not_charged:out_of_range');
    expect([...statuses].sort()).toEqual([
      'charged',
      'not_charged:failed',
      'not_charged:no_credit_value',
      'pending',
    ]);
    expect(degraded).toBeGreaterThan(0);
  });

  it('I24: has no number but counts', () => {
    fc.assert(
      fc.property(aDegradingRule, someLeaves, aPlan, (rule, leaves, plan) => {
        JSON.stringify(explain(leaves, ruleFor(rule), plan), (_key, value: unknown) => {
          if (typeof value === 'number') expect(Number.isSafeInteger(value)).toBe(true);
          return value;
        });
      }),
    );
  });

  it('tells every step from what was used to the credits', () => {
    const rules = rulesOf({
      features: {
        write: {
          cost_plus: { target_margin: '0.5' },
          feature_value: '1.5',
          complexity: [{ calls: '2', factor: '2' }],
          increment: '0.1',
          minimum: '1',
          cap: '9',
        },
      },
    });
    const plan = {
      creditValue: { numerator: usd('0.06'), denominator: 3n },
      multiplier: { numerator: 1n, denominator: 1n },
      version: 'pro-1',
    };
    const leaves = anAction({ cost: usd('0.033') }, { cost: null }, { cost: usd('0.011'), status: 'error' });
    const { rule, ...explanation } = explain(leaves, rules, plan);
    expect(rule).toMatch(/^write#[0-9a-f]{16}$/);
    expect(explanation).toEqual({
      status: 'charged',
      credits: '9',
      feature: 'write',
      isDegraded: false,
      rulesVersion: rules.version,
      planVersion: 'pro-1',
      leaves: [
        {
          key: leaves[0]?.key,
          isSuccessful: true,
          used: { kind: 'cost', usd: '0.033' },
          raw: '33/10',
          credits: '9',
        },
        { key: leaves[1]?.key, isSuccessful: true, used: null, raw: null, credits: null },
        {
          key: leaves[2]?.key,
          isSuccessful: false,
          used: { kind: 'cost', usd: '0.011' },
          raw: '11/10',
          credits: '0',
        },
      ],
      calculation: {
        charging: { kind: 'cost_plus', factor: '2/1', creditValueUsd: '1/50', creditValueOf: 'plan' },
        raw: '22/5',
        complexity: { calls: 2, factor: '2/1' },
        featureValue: '3/2',
        planMultiplier: '1/1',
        multiplied: '66/5',
        minimum: { credits: '1', isApplied: false },
        increment: '0.1',
        cap: { credits: '9', isApplied: true },
      },
    });
  });

  it('says that the smaller form was charged, and steps through that', () => {
    const rules = ruleFor({ fixed: { credits: '50' }, degraded: { fixed: { credits: '5' } } });
    expect(explain(anAction({}, { isDegraded: true }), rules, null)).toMatchObject({
      credits: '5',
      isDegraded: true,
      calculation: { charging: { kind: 'fixed', credits: '5' } },
    });
    expect(explain(anAction({}), rules, null)).toMatchObject({ credits: '50', isDegraded: false });
    const plain = ruleFor({ fixed: { credits: '50' } });
    expect(explain(anAction({ isDegraded: true }), plain, null)).toMatchObject({
      credits: '50',
      isDegraded: false,
    });
  });

  it('says why nothing is charged', () => {
    const failed = anAction({ status: 'error' });
    expect(explain(failed, ruleFor({ fixed: { credits: '5' } }), null)).toMatchObject({
      status: 'not_charged:failed',
      credits: '0',
      calculation: null,
    });
    expect(explain(anAction({}), rulesOf({}), null)).toMatchObject({
      status: 'not_charged:no_rule',
      rule: null,
    });
  });
});
