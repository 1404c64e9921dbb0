import fc from 'fast-check';
import type { ActionLeaf } from '../src/credits/action.ts';
import type { ActionTerms } from '../src/credits/measure.ts';
import { type CreditRules, creditRules } from '../src/credits/rule.ts';
import type {
  RuleConfiguration,
  RulesConfiguration,
  TermsConfiguration,
} from '../src/credits/rule-configuration.ts';
import { parseDecimal } from '../src/index.ts';
import { NO_TOKENS, NOON_MICROS } from './builders.ts';

/** A call of the feature `write` that succeeded and used nothing. */
export function aLeaf(parts: Partial<ActionLeaf> = {}): ActionLeaf {
  const { status = 'ok' } = parts;
  return {
    key: aKey(1),
    eventTimeMicros: NOON_MICROS,
    feature: 'write',
    status,
    outcome: status,
    isDegraded: false,
    cost: 0n,
    tokens: NO_TOKENS,
    units: null,
    ...parts,
  };
}

export function aKey(number: number): ActionLeaf['key'] {
  const hex = number.toString(16);
  return `${hex.padStart(32, '0')}/${hex.padStart(16, '0')}`;
}

/** Nothing counted beside tokens. */
export const NO_UNITS = {
  requests: null,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

/** The calls of one action, a second apart, all of which succeeded where nothing else is said. */
export function anAction(...calls: readonly Partial<ActionLeaf>[]): readonly ActionLeaf[] {
  return calls.map((call, index) =>
    aLeaf({ key: aKey(index + 1), eventTimeMicros: NOON_MICROS + index * 1_000_000, ...call }),
  );
}

export function usd(text: string): bigint {
  return parsed(text, 15);
}

export function credits(text: string): bigint {
  return parsed(text, 6);
}

function parsed(text: string, scale: number): bigint {
  const amount = parseDecimal(text, scale);
  if (amount.kind === 'rejected') throw new Error(`${text}: ${amount.reason}`);
  return amount.value;
}

export function rulesOf(configuration: RulesConfiguration): CreditRules {
  const rules = creditRules(configuration);
  if (rules.kind === 'problems') throw new Error(JSON.stringify(rules.problems));
  return rules.rules;
}

/** Rules under which every feature has this one. */
export function ruleFor(rule: RuleConfiguration): CreditRules {
  return rulesOf({ default: rule });
}

/** A decimal text of at most so many places, from 0 or from the smallest step on. */
export function aDecimal(places: number, { min, max }: { min: number; max: number }): fc.Arbitrary<string> {
  const step = 10 ** -places;
  return fc
    .integer({ min: Math.round(min / step), max: Math.round(max / step) })
    .map((count) => `${count}e-${places}`);
}

const aCredit = aDecimal(3, { min: 0, max: 100 });

export const aCostPlus: fc.Arbitrary<TermsConfiguration> = fc
  .tuple(
    fc.oneof(
      aDecimal(3, { min: 0, max: 0.999 }).map((margin) => ({ target_margin: margin })),
      aDecimal(3, { min: 0, max: 5 }).map((markup) => ({ markup })),
    ),
    fc.option(aDecimal(5, { min: 0.00001, max: 1 }), { nil: undefined }),
  )
  .map(([factor, value]) => ({ cost_plus: { ...factor, credit_value_usd: value } }));

export const aTokenRule: fc.Arbitrary<TermsConfiguration> = fc
  .record({
    per: fc.constantFrom('1', '7', '1000', '1000000'),
    input: aCredit,
    cache_read: fc.option(aCredit, { nil: undefined }),
    output: aCredit,
    reasoning: fc.option(aCredit, { nil: undefined }),
  })
  .map((tokens) => ({ tokens }));

const aUnitRule: fc.Arbitrary<TermsConfiguration> = fc
  .record({
    image: aCredit,
    minute: aCredit,
    second: aCredit,
    page: aCredit,
    request: aCredit,
    web_search: aCredit,
    document: fc.option(aCredit, { nil: undefined }),
  })
  .map((units) => ({ units }));

const aCharging: fc.Arbitrary<TermsConfiguration> = fc.oneof(
  aCredit.map((amount) => ({ fixed: { credits: amount } })),
  aCostPlus,
  aTokenRule,
  aUnitRule,
  fc.tuple(aTokenRule, aUnitRule).map(([tokens, units]) => ({ ...tokens, ...units })),
);

const aComplexity = fc
  .uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 })
  .chain((calls) =>
    fc.tuple(
      ...calls
        .toSorted((one, other) => one - other)
        .map((count) =>
          aDecimal(2, { min: 0.01, max: 3 }).map((factor) => ({ calls: String(count), factor })),
        ),
    ),
  );

/** A rule of any kind with any terms; by `without` the terms that it must not have. */
export function aRule({
  charging = aCharging,
  without = [],
}: {
  readonly charging?: fc.Arbitrary<TermsConfiguration>;
  readonly without?: readonly (keyof TermsConfiguration)[];
} = {}): fc.Arbitrary<TermsConfiguration> {
  return fc
    .tuple(
      charging,
      fc.record(
        {
          minimum: aDecimal(1, { min: 0, max: 5 }),
          increment: fc.constantFrom('1', '0.1', '0.25', '0.000001', '7'),
          cap: aDecimal(1, { min: 5, max: 200 }),
          feature_value: aDecimal(2, { min: 0.01, max: 3 }),
          complexity: aComplexity,
          charge: fc.constantFrom<'success' | 'always'>('success', 'always'),
        },
        { requiredKeys: [] },
      ),
    )
    .map(([counted, terms]) => {
      const rule: TermsConfiguration = { ...terms, ...counted };
      return Object.fromEntries(
        Object.entries(rule).filter(([name]) => !without.some((excluded) => excluded === name)),
      );
    });
}

/** One that may say what the smaller form of the feature takes. */
export const aDegradingRule: fc.Arbitrary<RuleConfiguration> = fc
  .tuple(aRule(), fc.option(aRule(), { nil: undefined, freq: 3 }))
  .map(([rule, degraded]) => ({ ...rule, degraded }));

const aCount = fc.integer({ min: 0, max: 100_000 });
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { freq: 4 });

export const someTokens = fc.record({
  uncachedInput: aCount,
  cacheRead: aCount,
  cacheWrite: aCount,
  visibleOutput: aCount,
  reasoning: aCount,
});

const someUnits = fc.record({
  requests: maybe(fc.integer({ min: 0, max: 5 })),
  webSearches: maybe(fc.integer({ min: 0, max: 5 })),
  images: maybe(fc.integer({ min: 0, max: 5 })),
  milliseconds: maybe(fc.integer({ min: 0, max: 300_000 })),
  pages: maybe(fc.integer({ min: 0, max: 50 })),
  custom: maybe(
    fc.record({
      unit: fc.constantFrom('document', 'letter'),
      thousandths: fc.integer({ min: 0, max: 50_000 }),
    }),
  ),
});

const aStatus = fc.constantFrom<'ok' | 'error'>('ok', 'ok', 'error');

/** One to six calls, some of which failed, have no price or no counts, or ended at the same time. */
export const someLeaves: fc.Arbitrary<readonly ActionLeaf[]> = fc
  .array(
    fc.record({
      eventTimeMicros: fc.integer({ min: NOON_MICROS, max: NOON_MICROS + 4 }),
      feature: fc.constantFrom('write', 'read', null),
      status: aStatus,
      outcome: aStatus,
      // Seldom, because one of many is enough.
      isDegraded: fc.integer({ min: 0, max: 7 }).map((draw) => draw === 7),
      cost: maybe(fc.bigInt({ min: 0n, max: 10n ** 15n })),
      tokens: maybe(someTokens),
      units: maybe(someUnits),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((leaves) => leaves.map((leaf, index) => ({ ...leaf, key: aKey(index + 1) })));

/** A plan that may say nothing of the value of a credit; or no plan. */
export const aPlan: fc.Arbitrary<ActionTerms | null> = fc.option(
  fc.record({
    creditValue: maybe(
      fc.record({
        numerator: fc.bigInt({ min: 1n, max: 10n ** 17n }),
        denominator: fc.bigInt({ min: 1n, max: 100_000n }),
      }),
    ),
    multiplier: fc.record({
      numerator: fc.bigInt({ min: 1n, max: 30n }),
      denominator: fc.bigInt({ min: 1n, max: 10n }),
    }),
    version: fc.constant('plan-1'),
  }),
  { freq: 3 },
);
