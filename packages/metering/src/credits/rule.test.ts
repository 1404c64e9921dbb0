import { describe, expect, it } from 'vitest';
import { creditRules } from './rule.ts';
import type { RulesConfiguration } from './rule-configuration.ts';

function rulesOf(configuration: RulesConfiguration) {
  const parsed = creditRules(configuration);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.rules;
}

describe('credit rules', () => {
  it('come from decimal texts', () => {
    const rules = rulesOf({
      features: {
        translate: { fixed: { credits: '5' } },
        write: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' } },
        draw: { cost_plus: { markup: '0.25', credit_value_usd: '0.02', increment: '0.1' } },
      },
    });
    expect(rules.ruleAt('translate', 0)?.charging).toEqual({ kind: 'fixed', credits: 5_000_000n });
    expect(rules.ruleAt('write', 0)).toMatchObject({
      charging: {
        kind: 'cost_plus',
        factor: { numerator: 2n, denominator: 1n },
        creditValue: 10_000_000_000_000n,
      },
      increment: 1_000_000n,
      // One credit per 0.01 USD × 0.5: per 5 × 10¹² femto-dollars.
      incrementsPerQuantity: { numerator: 1n, denominator: 5_000_000_000_000n },
    });
    expect(rules.ruleAt('draw', 0)).toMatchObject({
      charging: {
        kind: 'cost_plus',
        factor: { numerator: 5n, denominator: 4n },
        creditValue: 20_000_000_000_000n,
      },
      increment: 100_000n,
      incrementsPerQuantity: { numerator: 1n, denominator: 1_600_000_000_000n },
    });
  });

  it('give unknown features, and calls without one, the default rule or none', () => {
    const fixed = { fixed: { credits: '1' } };
    const rules = rulesOf({ features: { known: { fixed: { credits: '2' } } }, default: fixed });
    expect(rules.ruleAt('unknown', 0)?.charging).toEqual({ kind: 'fixed', credits: 1_000_000n });
    expect(rules.ruleAt(null, 0)?.charging).toEqual({ kind: 'fixed', credits: 1_000_000n });
    expect(rulesOf({ features: { known: fixed } }).ruleAt('constructor', 0)).toBeNull();
    expect(rulesOf({}).ruleAt(null, 0)).toBeNull();
  });

  it('have one version for one content, however it is written', () => {
    const one = rulesOf({ features: { a: { fixed: { credits: '5' } }, b: { fixed: { credits: '1' } } } });
    const same = rulesOf({
      features: { b: { fixed: { credits: '1.0' } }, a: { fixed: { credits: '5e0' } } },
    });
    const other = rulesOf({ features: { a: { fixed: { credits: '6' } }, b: { fixed: { credits: '1' } } } });
    expect(one.version).toMatch(/^[0-9a-f]{16}$/);
    expect(same.version).toBe(one.version);
    expect(other.version).not.toBe(one.version);
  });

  it('report all problems at once, each with path, expectation and value', () => {
    const parsed = creditRules({
      features: {
        a: { fixed: { credits: '-1' } },
        b: { cost_plus: { target_margin: '1', credit_value_usd: '0', increment: '0.0000001' } },
        c: { cost_plus: { credit_value_usd: '0.01' } },
        d: { cost_plus: { target_margin: '0.5', markup: '0.5', credit_value_usd: 'NaN' } },
      },
      default: { fixed: { credits: 'five' } },
    });
    expect(parsed.kind === 'problems' && parsed.problems).toEqual([
      {
        path: 'features.a.fixed.credits',
        expected: 'a decimal of 0 or more, with at most 6 decimal places',
        value: '-1',
      },
      {
        path: 'features.b.cost_plus.target_margin',
        expected: 'a decimal from 0 to below 1, with at most 9 decimal places',
        value: '1',
      },
      {
        path: 'features.b.cost_plus.credit_value_usd',
        expected: 'a decimal above 0, with at most 15 decimal places',
        value: '0',
      },
      {
        path: 'features.b.cost_plus.increment',
        expected: 'a decimal above 0, with at most 6 decimal places',
        value: '0.0000001',
      },
      { path: 'features.c.cost_plus', expected: 'exactly one of target_margin and markup', value: 'neither' },
      { path: 'features.d.cost_plus', expected: 'exactly one of target_margin and markup', value: 'both' },
      {
        path: 'features.d.cost_plus.credit_value_usd',
        expected: 'a decimal above 0, with at most 15 decimal places',
        value: 'NaN',
      },
      {
        path: 'default.fixed.credits',
        expected: 'a decimal of 0 or more, with at most 6 decimal places',
        value: 'five',
      },
    ]);
  });
});
