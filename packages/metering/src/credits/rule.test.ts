import { describe, expect, it } from 'vitest';
import { creditRules } from './rule.ts';
import type {
  RuleConfiguration,
  RulesConfiguration,
  TokensConfiguration,
  VersionsConfiguration,
} from './rule-configuration.ts';

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

  it('keep the version that they had before there were dates and other kinds', () => {
    const { version } = rulesOf({
      features: {
        b: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' } },
        a: { cost_plus: { markup: '0.25', credit_value_usd: '0.02', increment: '0.1' } },
        c: { fixed: { credits: '0.5' } },
      },
      default: { fixed: { credits: '5' } },
    });
    expect(version).toBe('f4ddfe48c3034542');
  });

  it('have another version and another id for every term that differs', () => {
    const plain = { fixed: { credits: '5' } };
    const others: readonly VersionsConfiguration[] = [
      plain,
      { fixed: { credits: '6' } },
      { cost_plus: { markup: '5' } },
      { cost_plus: { markup: '5', credit_value_usd: '1' } },
      { tokens: { input: '5' } },
      { tokens: { input: '5', per: '1' } },
      { tokens: { output: '5' } },
      { units: { image: '5' } },
      { units: { page: '5' } },
      { units: { page: '5' }, tokens: { input: '5' } },
      { ...plain, from: '2026-12-01' },
      [plain, { ...plain, from: '2026-12-01' }],
      { ...plain, minimum: '5' },
      { ...plain, increment: '5' },
      { ...plain, cap: '5' },
      { ...plain, feature_value: '5' },
      { ...plain, complexity: [{ calls: '5', factor: '5' }] },
      { ...plain, charge: 'always' },
      { ...plain, degraded: plain },
      { ...plain, degraded: { ...plain, model: 'small' } },
      { units: { document: '5' } },
      { units: { document: '5', letter: '5' } },
    ];
    const rules = others.map((rule) => rulesOf({ features: { a: rule } }));
    expect(new Set(rules.map(({ version }) => version)).size).toBe(others.length);
    const ids = rules.map((each) => each.ruleAt('a', Date.UTC(2027, 0) * 1000)?.id);
    // The second of two versions is the same rule as it would be alone.
    expect(new Set(ids).size).toBe(others.length - 1);
    expect(ids[10]).toMatch(/^a@2026-12-01T00:00:00\.000Z#[0-9a-f]{16}$/);
    expect(ids[11]).toBe(ids[10]);
  });

  it('have the same id where they are the same, whatever the other rules are', () => {
    const id = (rules: RulesConfiguration) => rulesOf(rules).ruleAt('a', 0)?.id;
    const short = { tokens: { input: '1', output: '4' } };
    const long = {
      tokens: {
        per: '1000',
        uncached_input: '1.0',
        cache_read: '1',
        cache_write: '1',
        output: '4',
        reasoning: '4',
      },
      increment: '1',
      minimum: '0',
      feature_value: '1',
      charge: 'success' as const,
    };
    const { version, ...of } = rulesOf({ features: { a: long }, default: long });
    expect(id({ features: { a: short } })).toBe(of.ruleAt('a', 0)?.id);
    expect(of.ruleAt('b', 0)?.id).not.toBe(of.ruleAt('a', 0)?.id);
    expect(rulesOf({ features: { a: short }, default: short }).version).toBe(version);
  });

  it('hold in half-open intervals, and before the first one the default rule does', () => {
    const rules = rulesOf({
      features: {
        a: [
          { from: '2026-12-01', fixed: { credits: '1' } },
          { from: '2026-12-01T12:00:00+02:00', fixed: { credits: '2' } },
        ],
      },
      default: { fixed: { credits: '9' } },
    });
    const creditsAt = (instant: string, offsetMicros = 0) => {
      const charging = rules.ruleAt('a', Date.parse(instant) * 1000 + offsetMicros)?.charging;
      return charging?.kind === 'fixed' ? charging.credits / 1_000_000n : null;
    };
    expect(creditsAt('2026-12-01T00:00:00Z', -1)).toBe(9n);
    expect(creditsAt('2026-12-01T00:00:00Z')).toBe(1n);
    expect(creditsAt('2026-12-01T10:00:00Z', -1)).toBe(1n);
    expect(creditsAt('2026-12-01T10:00:00Z')).toBe(2n);
  });

  it('cover the classes of tokens that are not named by those of the whole', () => {
    const creditsOf = (tokens: TokensConfiguration) => {
      const charging = rulesOf({ default: { tokens } }).ruleAt(null, 0)?.charging;
      return charging?.kind === 'usage' ? Object.values(charging.tokens?.credits ?? {}).map(Number) : [];
    };
    expect(creditsOf({ input: '0.000001', output: '0.000002' })).toEqual([1, 1, 1, 2, 2]);
    expect(creditsOf({ input: '0.000001', cache_read: '0', reasoning: '0.000003' })).toEqual([1, 0, 1, 0, 3]);
    expect(creditsOf({ uncached_input: '0.000001', cache_write: '0.000002' })).toEqual([1, 0, 2, 0, 0]);
  });

  it('round to whole credits unless they say otherwise; fixed ones of a fraction are what they are', () => {
    const incrementOf = (rule: RuleConfiguration) => rulesOf({ default: rule }).ruleAt(null, 0)?.increment;
    expect(incrementOf({ tokens: { input: '0.1' } })).toBe(1_000_000n);
    expect(incrementOf({ fixed: { credits: '20' } })).toBe(1_000_000n);
    expect(incrementOf({ fixed: { credits: '2.5' } })).toBe(100_000n);
    expect(incrementOf({ fixed: { credits: '0.000001' } })).toBe(1n);
    expect(incrementOf({ fixed: { credits: '0.5' }, increment: '0.2' })).toBe(200_000n);
    expect(incrementOf({ cost_plus: { markup: '0', increment: '0.2' } })).toBe(200_000n);
  });

  it('report what is wrong with terms and versions, at its place', () => {
    const parsed = creditRules({
      features: {
        a: [
          { fixed: { credits: '1' }, from: 'tomorrow' },
          { fixed: { credits: '1' }, from: '2026-02-30' },
          { fixed: { credits: '1' } },
        ],
        b: [
          { fixed: { credits: '1' }, from: '2026-12-02' },
          { fixed: { credits: '1' }, from: '2026-12-02T00:00:00Z' },
          { fixed: { credits: '1' }, from: '2026-12-01' },
        ],
        c: [],
        d: {},
        e: { fixed: { credits: '1' }, tokens: { input: '1' }, units: { image: '-1' } },
        f: { tokens: {}, units: {} },
        g: { tokens: { per: '0', input: 'x' } },
        h: { fixed: { credits: '1' }, minimum: '-1', increment: '0', cap: '0', feature_value: '0' },
        i: { fixed: { credits: '1' }, minimum: '2', cap: '1' },
        j: {
          fixed: { credits: '1' },
          complexity: [
            { calls: '0', factor: '0' },
            { calls: '2', factor: '1' },
            { calls: '2', factor: '1.0000000001' },
          ],
        },
        k: { cost_plus: { markup: '0', increment: '1' }, increment: '1' },
        l: { fixed: { credits: '1' }, degraded: { model: 'small' } },
        m: { units: { Document: '1', hour: '1', document: 'x' } },
      },
    });
    const problems = parsed.kind === 'problems' ? parsed.problems : [];
    expect(problems.map(({ path, expected, value }) => `${path}: ${expected}, found ${value}`)).toEqual([
      'features.a.0.from: an instant (2026-12-01T00:00:00Z), or a date, which begins at 00:00 UTC, found tomorrow',
      'features.a.1.from: an instant (2026-12-01T00:00:00Z), or a date, which begins at 00:00 UTC, found 2026-02-30',
      'features.a.2: given a `from`: only the first version may hold since ever, found none',
      'features.b.1.from: after that of the version before, found 2026-12-02T00:00:00Z',
      'features.b.2.from: after that of the version before, found 2026-12-01',
      'features.c: at least one version, found an empty list',
      'features.d: exactly one of fixed, cost_plus, and tokens or units or both of these, found none',
      'features.e.units.image: a decimal of 0 or more, with at most 6 decimal places, found -1',
      'features.e: exactly one of fixed, cost_plus, and tokens or units or both of these, found fixed and tokens and units',
      'features.f.tokens: credits for at least one of its kinds, found none',
      'features.f.units: credits for at least one of its kinds, found none',
      'features.g.tokens.per: a whole number from 1 to 1000000000, found 0',
      'features.g.tokens.input: a decimal of 0 or more, with at most 6 decimal places, found x',
      'features.h.minimum: a decimal of 0 or more, with at most 6 decimal places, found -1',
      'features.h.increment: a decimal above 0, with at most 6 decimal places, found 0',
      'features.h.cap: a decimal above 0, with at most 6 decimal places, found 0',
      'features.h.feature_value: a decimal above 0, with at most 9 decimal places, found 0',
      'features.i.cap: no less than the minimum, found 1',
      'features.j.complexity.0.calls: a whole number from 1 to 1000000000, found 0',
      'features.j.complexity.0.factor: a decimal above 0, with at most 9 decimal places, found 0',
      'features.j.complexity.2.factor: a decimal above 0, with at most 9 decimal places, found 1.0000000001',
      'features.j.complexity.2.calls: more than that of the step before, found 2',
      'features.k.increment: given once, beside cost_plus or in it, found 1',
      'features.l.degraded: exactly one of fixed, cost_plus, and tokens or units or both of these, found none',
      'features.m.units.document: a decimal of 0 or more, with at most 6 decimal places, found x',
      'features.m.units.Document: image, minute, second, page, request, web_search, or a unit of your own: lower case, and no other word for one of these, found Document',
      'features.m.units.hour: image, minute, second, page, request, web_search, or a unit of your own: lower case, and no other word for one of these, found hour',
    ]);
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
