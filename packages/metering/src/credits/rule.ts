import {
  CREDIT_SCALE,
  formatDecimal,
  type MicroCredits,
  parseDecimal,
  type Ratio,
  USD_SCALE,
  type UsdFemto,
} from '../amount.ts';
import { fingerprint } from '../fingerprint.ts';

/** How a call of a feature becomes credits. */
export type CreditRule = FixedRule | CostPlusRule;

export interface FixedRule {
  readonly kind: 'fixed';
  readonly credits: MicroCredits;
}

export interface CostPlusRule {
  readonly kind: 'cost_plus';
  /** Credits = cost × factor ÷ credit value; factor = 1 / (1 − target margin) or 1 + markup (convention C5). */
  readonly factor: Ratio;
  /** What one credit is worth, in 10⁻¹⁵ USD. */
  readonly creditValue: UsdFemto;
  /** Credits are rounded up once, to a multiple of this (convention C4). */
  readonly increment: MicroCredits;
  /** All of the above as one fraction in lowest terms, made once: increments per 10⁻¹⁵ USD of cost. */
  readonly incrementsPerCost: Ratio;
}

/** A cost-plus rule from its terms, each exact and positive. */
export function costPlusRule(
  terms: Pick<CostPlusRule, 'factor' | 'creditValue' | 'increment'>,
): CostPlusRule {
  const { factor, creditValue, increment } = terms;
  const incrementsPerCost = reduced(
    factor.numerator * MICRO_CREDITS_PER_CREDIT,
    factor.denominator * creditValue * increment,
  );
  return { kind: 'cost_plus', factor, creditValue, increment, incrementsPerCost };
}

const MICRO_CREDITS_PER_CREDIT = 10n ** BigInt(CREDIT_SCALE);

/** Which rule a feature has. `version` names the whole set and is pinned on every charge. */
export interface CreditRules {
  readonly version: string;
  /** The rule for a feature, the default rule, or null: the feature burns no credits. */
  ruleFor(feature: string | null): CreditRule | null;
}

/** One rule as it is written in the configuration. Amounts are decimal texts. */
export type RuleConfiguration =
  | { readonly fixed: FixedConfiguration }
  | { readonly cost_plus: CostPlusConfiguration };

export interface FixedConfiguration {
  readonly credits: string;
}

/** Either `target_margin` or `markup`; `increment` is one credit when left out. */
export interface CostPlusConfiguration {
  readonly target_margin?: string | undefined;
  readonly markup?: string | undefined;
  readonly credit_value_usd: string;
  readonly increment?: string | undefined;
}

export interface RulesConfiguration {
  readonly features?: { readonly [feature: string]: RuleConfiguration } | undefined;
  /** For features without a rule of their own, and for calls without a feature. */
  readonly default?: RuleConfiguration | undefined;
}

/** What is wrong with one value, in words that lead to the place and the repair. */
export interface RuleProblem {
  /** For instance `features.translate.cost_plus.increment`. */
  readonly path: string;
  readonly expected: string;
  readonly value: string;
}

export type ParsedRules =
  | { readonly kind: 'rules'; readonly rules: CreditRules }
  | { readonly kind: 'problems'; readonly problems: readonly RuleProblem[] };

/**
 * Credit rules from configuration whose shape is already validated. Values are checked here; all problems are
 * returned together, so that a configuration can be repaired in one go.
 */
export function creditRules(configuration: RulesConfiguration): ParsedRules {
  const problems: RuleProblem[] = [];
  const byFeature = new Map<string, CreditRule>();
  for (const [feature, rule] of Object.entries(configuration.features ?? {})) {
    const parsed = parseRule(rule, `features.${feature}`, problems);
    if (parsed !== null) byFeature.set(feature, parsed);
  }
  const fallback =
    configuration.default === undefined ? null : parseRule(configuration.default, 'default', problems);
  if (problems.length > 0) return { kind: 'problems', problems };
  const version = rulesVersion(byFeature, fallback);
  return {
    kind: 'rules',
    rules: {
      version,
      ruleFor: (feature) => (feature === null ? fallback : (byFeature.get(feature) ?? fallback)),
    },
  };
}

function parseRule(rule: RuleConfiguration, path: string, problems: RuleProblem[]): CreditRule | null {
  if ('fixed' in rule) {
    const credits = amount(rule.fixed.credits, CREDIT_SCALE, NOT_NEGATIVE, `${path}.fixed.credits`, problems);
    return credits === null ? null : { kind: 'fixed', credits };
  }
  return parseCostPlus(rule.cost_plus, `${path}.cost_plus`, problems);
}

function parseCostPlus(
  rule: CostPlusConfiguration,
  path: string,
  problems: RuleProblem[],
): CostPlusRule | null {
  const factor = parseFactor(rule, path, problems);
  const valuePath = `${path}.credit_value_usd`;
  const creditValue = amount(rule.credit_value_usd, USD_SCALE, POSITIVE, valuePath, problems);
  const increment = amount(rule.increment ?? '1', CREDIT_SCALE, POSITIVE, `${path}.increment`, problems);
  if (factor === null || creditValue === null || increment === null) return null;
  return costPlusRule({ factor, creditValue, increment });
}

/** Margins and markups are read to nine places: 10⁻⁹ of a price is far below any published margin. */
const FACTOR_SCALE = 9;
const ONE = 10n ** BigInt(FACTOR_SCALE);

function parseFactor(rule: CostPlusConfiguration, path: string, problems: RuleProblem[]): Ratio | null {
  const { target_margin: targetMargin, markup } = rule;
  if (targetMargin !== undefined && markup === undefined) {
    const margin = amount(targetMargin, FACTOR_SCALE, BELOW_ONE, `${path}.target_margin`, problems);
    return margin === null ? null : reduced(ONE, ONE - margin);
  }
  if (markup !== undefined && targetMargin === undefined) {
    const added = amount(markup, FACTOR_SCALE, NOT_NEGATIVE, `${path}.markup`, problems);
    return added === null ? null : reduced(ONE + added, ONE);
  }
  problems.push({
    path,
    expected: 'exactly one of target_margin and markup',
    value: markup === undefined ? 'neither' : 'both',
  });
  return null;
}

/** What an amount may be, and how to say so. */
interface Limit {
  readonly sentence: string;
  admits(value: bigint): boolean;
}

const POSITIVE: Limit = { sentence: 'a decimal above 0', admits: (value) => value > 0n };
const NOT_NEGATIVE: Limit = { sentence: 'a decimal of 0 or more', admits: (value) => value >= 0n };
const BELOW_ONE: Limit = {
  sentence: 'a decimal from 0 to below 1',
  admits: (value) => value >= 0n && value < ONE,
};

function amount(
  text: string,
  scale: number,
  limit: Limit,
  path: string,
  problems: RuleProblem[],
): bigint | null {
  const parsed = parseDecimal(text, scale);
  if (parsed.kind === 'decimal' && limit.admits(parsed.value)) return parsed.value;
  problems.push({ path, expected: `${limit.sentence}, with at most ${scale} decimal places`, value: text });
  return null;
}

/** Lowest terms: equal rules look equal, and the products stay small. */
function reduced(numerator: bigint, denominator: bigint): Ratio {
  let [larger, smaller] = [numerator, denominator];
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
  return { numerator: numerator / larger, denominator: denominator / larger };
}

/** Equal rules have equal versions, however they were written down and in whatever order. */
function rulesVersion(byFeature: ReadonlyMap<string, CreditRule>, fallback: CreditRule | null): string {
  const features = [...byFeature]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([feature, rule]) => [feature, canonicalRule(rule)]);
  return fingerprint(JSON.stringify([features, fallback === null ? null : canonicalRule(fallback)]));
}

function canonicalRule(rule: CreditRule): readonly string[] {
  switch (rule.kind) {
    case 'fixed':
      return ['fixed', formatDecimal(rule.credits, CREDIT_SCALE)];
    case 'cost_plus':
      return [
        'cost_plus',
        `${rule.factor.numerator}/${rule.factor.denominator}`,
        formatDecimal(rule.creditValue, USD_SCALE),
        formatDecimal(rule.increment, CREDIT_SCALE),
      ];
  }
}
