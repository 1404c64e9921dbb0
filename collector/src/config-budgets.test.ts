import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const ANYTHING = {
  customer: null,
  feature: null,
  environment: null,
  usageClass: null,
  provider: null,
  model: null,
  tenant: null,
};

function problemsOf(yaml: string): string {
  try {
    readConfig(yaml, {});
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the configuration is taken, and should not be');
}

describe('budgets in the configuration', () => {
  it('are none where none are written', () => {
    expect(readConfig(null, {}).budgets).toEqual([]);
  });

  it('count any usage that they do not leave out, and are exact to 10⁻¹⁵ USD', () => {
    const yaml = `
budgets:
  - {name: everything, usd_per_month: 2500}
  - {name: tiny, usd_per_month: 1.000000000000001, customer: cus_acme, feature: search, environment: production}
  - {name: tests, usd_per_month: "0.000000000000001", usage_class: test, provider: openai, model: gpt-4o, tenant: default}
`;
    expect(readConfig(yaml, {}).budgets).toEqual([
      { name: 'everything', amount: 2500n * 10n ** 15n, scope: ANYTHING },
      {
        name: 'tiny',
        amount: 10n ** 15n + 1n,
        scope: { ...ANYTHING, customer: 'cus_acme', feature: 'search', environment: 'production' },
      },
      {
        name: 'tests',
        amount: 1n,
        scope: { ...ANYTHING, usageClass: 'test', provider: 'openai', model: 'gpt-4o', tenant: 'default' },
      },
    ]);
  });

  it('tell all their problems at once, with the path, what is expected and what was found', () => {
    const problems = problemsOf(`
budgets:
  - {name: same, usd_per_month: cheap}
  - {name: other, usd_per_month: 0}
  - {name: same, usd_per_month: 5}
  - {name: far, usd_per_month: 100000000}
  - {name: debt, usd_per_month: -1}
  - {name: dust, usd_per_month: 1.0000000000000001}
`);
    const amount = 'must be an amount of USD above 0 and below 100000000, of at most 15 decimal places';
    expect(problems.split('\n').slice(1)).toEqual([
      `  budgets.0.usd_per_month: ${amount}, found "cheap"`,
      `  budgets.1.usd_per_month: ${amount}, found "0"`,
      '  budgets.2.name: must be a name of its own: budgets.0 has it already, found "same"',
      `  budgets.3.usd_per_month: ${amount}, found "100000000"`,
      `  budgets.4.usd_per_month: ${amount}, found "-1"`,
      `  budgets.5.usd_per_month: ${amount}, found "1.0000000000000001"`,
    ]);
  });

  it.each([
    ['budgets.0', '{name: x}'],
    ['budgets.0.name', '{name: "", usd_per_month: 1}'],
    ['budgets.0.team', '{name: x, usd_per_month: 1, team: search}'],
    ['budgets.0.usage_class', '{name: x, usd_per_month: 1, usage_class: paying}'],
    ['budgets.0.customer', '{name: x, usd_per_month: 1, customer: ""}'],
  ])('are refused at %s: %s', (path, budget) => {
    expect(problemsOf(`budgets: [${budget}]`)).toContain(`  ${path}: `);
  });

  it('are a hundred at most', () => {
    const some = (count: number) =>
      `budgets: [${Array.from({ length: count }, (_, index) => `{name: b${index}, usd_per_month: 1}`).join(', ')}]`;
    expect(readConfig(some(100), {}).budgets).toHaveLength(100);
    expect(problemsOf(some(101))).toContain('  budgets: ');
  });
});
