import { type MicroCredits, type Ratio, reduced } from '../amount.ts';
import { isCustomUnit } from '../catalogue.ts';
import type {
  ComplexityConfiguration,
  CostPlusConfiguration,
  TermsConfiguration,
  TokensConfiguration,
  UnitsConfiguration,
} from './rule-configuration.ts';
import {
  type Charging,
  type ComplexityStep,
  type CostPlusCharging,
  MICRO_CREDITS_PER_CREDIT,
  PLAIN_TERMS,
  type RuleTerms,
  ruleTerms,
  type TokenRates,
  type UnitRates,
} from './terms.ts';
import {
  FACTOR_ONE,
  FACTOR_SCALE,
  type Limit,
  NOT_NEGATIVE,
  POSITIVE,
  type RuleProblem,
  writtenAmount,
  writtenCount,
  writtenCredits,
  writtenFactor,
  writtenUsd,
} from './written.ts';

/** What a rule says; null where something in it is wrong, with every problem noted. */
export function parseTerms(
  written: TermsConfiguration,
  path: string,
  problems: RuleProblem[],
): RuleTerms | null {
  const before = problems.length;
  const charging = parseCharging(written, path, problems);
  const { increment: incrementText, cap: capText, minimum: minimumText, feature_value: valueText } = written;
  const minimum = given(minimumText, (text) => credits(text, NOT_NEGATIVE, `${path}.minimum`, problems));
  const ownIncrement = given(incrementText, (text) => credits(text, POSITIVE, `${path}.increment`, problems));
  const oldIncrement = given(written.cost_plus?.increment, (text) =>
    credits(text, POSITIVE, `${path}.cost_plus.increment`, problems),
  );
  if (incrementText !== undefined && written.cost_plus?.increment !== undefined) {
    const expected = 'given once, beside cost_plus or in it';
    problems.push({ path: `${path}.increment`, expected, value: incrementText });
  }
  const cap = given(capText, (text) => credits(text, POSITIVE, `${path}.cap`, problems));
  if (capText !== undefined && cap !== null && minimum !== null && cap < minimum) {
    problems.push({ path: `${path}.cap`, expected: 'no less than the minimum', value: capText });
  }
  const featureValue = given(valueText, (text) => writtenFactor(text, `${path}.feature_value`, problems));
  const complexity = parseComplexity(written.complexity ?? [], `${path}.complexity`, problems);
  if (charging === null || problems.length > before) return null;
  return ruleTerms({
    charging,
    minimum: minimum ?? PLAIN_TERMS.minimum,
    increment: ownIncrement ?? oldIncrement ?? defaultIncrement(charging),
    cap,
    featureValue: featureValue ?? PLAIN_TERMS.featureValue,
    complexity,
    chargesFailed: written.charge === 'always',
  });
}

function given<Value>(text: string | undefined, parse: (text: string) => Value | null): Value | null {
  return text === undefined ? null : parse(text);
}

function credits(text: string, limit: Limit, path: string, problems: RuleProblem[]): MicroCredits | null {
  return writtenCredits(text, limit, path, problems);
}

/** One credit; or, so that a fixed rule of 0.25 credits charges these, its own last decimal place. */
export function defaultIncrement(charging: Charging): MicroCredits {
  let increment = MICRO_CREDITS_PER_CREDIT;
  if (charging.kind === 'fixed') while (charging.credits % increment !== 0n) increment /= 10n;
  return increment;
}

function parseCharging(written: TermsConfiguration, path: string, problems: RuleProblem[]): Charging | null {
  const { fixed, cost_plus: costPlus, tokens, units } = written;
  const parsed = [
    fixed && parseFixed(fixed.credits, `${path}.fixed.credits`, problems),
    costPlus && parseCostPlus(costPlus, `${path}.cost_plus`, problems),
    (tokens ?? units) && parseUsage(written, path, problems),
  ].filter((charging) => charging !== undefined);
  const [charging = null] = parsed;
  if (parsed.length === 1) return charging;
  const named = (['fixed', 'cost_plus', 'tokens', 'units'] as const).filter((name) => written[name]);
  problems.push({
    path,
    expected: 'exactly one of fixed, cost_plus, and tokens or units or both of these',
    value: named.length === 0 ? 'none' : named.join(' and '),
  });
  return null;
}

function parseFixed(text: string, path: string, problems: RuleProblem[]): Charging | null {
  const parsed = credits(text, NOT_NEGATIVE, path, problems);
  return parsed === null ? null : { kind: 'fixed', credits: parsed };
}

function parseCostPlus(
  rule: CostPlusConfiguration,
  path: string,
  problems: RuleProblem[],
): CostPlusCharging | null {
  const factor = parseCostFactor(rule, path, problems);
  const { credit_value_usd: valueText } = rule;
  const creditValue = given(valueText, (text) =>
    writtenUsd(text, POSITIVE, `${path}.credit_value_usd`, problems),
  );
  return factor === null ? null : { kind: 'cost_plus', factor, creditValue };
}

const BELOW_ONE: Limit = {
  sentence: 'a decimal from 0 to below 1',
  admits: (value) => value >= 0n && value < FACTOR_ONE,
};

function parseCostFactor(rule: CostPlusConfiguration, path: string, problems: RuleProblem[]): Ratio | null {
  const { target_margin: targetMargin, markup } = rule;
  if (targetMargin !== undefined && markup === undefined) {
    const margin = writtenAmount(targetMargin, FACTOR_SCALE, BELOW_ONE, `${path}.target_margin`, problems);
    return margin === null ? null : reduced(FACTOR_ONE, FACTOR_ONE - margin);
  }
  if (markup !== undefined && targetMargin === undefined) {
    const added = writtenAmount(markup, FACTOR_SCALE, NOT_NEGATIVE, `${path}.markup`, problems);
    return added === null ? null : reduced(FACTOR_ONE + added, FACTOR_ONE);
  }
  problems.push({
    path,
    expected: 'exactly one of target_margin and markup',
    value: markup === undefined ? 'neither' : 'both',
  });
  return null;
}

function parseUsage(
  { tokens, units }: TermsConfiguration,
  path: string,
  problems: RuleProblem[],
): Charging | null {
  const before = problems.length;
  const tokenRates = tokens === undefined ? null : parseTokens(tokens, `${path}.tokens`, problems);
  const unitRates = units === undefined ? null : parseUnits(units, `${path}.units`, problems);
  return problems.length > before ? null : { kind: 'usage', tokens: tokenRates, units: unitRates };
}

/** What most price lists quote for. */
const TOKENS_PER_RATE = '1000';

function parseTokens(tokens: TokensConfiguration, path: string, problems: RuleProblem[]): TokenRates | null {
  const { per: perText, ...rates } = tokens;
  const per = writtenCount(perText ?? TOKENS_PER_RATE, `${path}.per`, problems);
  const parsed = parseRates(rates, path, problems);
  const { input = 0n, output = 0n } = parsed;
  if (per === null) return null;
  return {
    per: BigInt(per),
    credits: {
      uncachedInput: parsed.uncached_input ?? input,
      cacheRead: parsed.cache_read ?? input,
      cacheWrite: parsed.cache_write ?? input,
      visibleOutput: output,
      reasoning: parsed.reasoning ?? output,
    },
  };
}

function parseUnits(units: UnitsConfiguration, path: string, problems: RuleProblem[]): UnitRates {
  const {
    image = 0n,
    minute = 0n,
    second = 0n,
    page = 0n,
    request = 0n,
    web_search: webSearch = 0n,
    ...others
  } = parseRates(units, path, problems);
  const custom = new Map<string, MicroCredits>();
  for (const [unit, rate = 0n] of Object.entries(others)) {
    if (isCustomUnit(unit)) custom.set(unit, rate);
    else problems.push({ path: `${path}.${unit}`, expected: CUSTOM_UNIT_EXPECTED, value: unit });
  }
  return { image, minute, second, page, request, webSearch, custom };
}

const CUSTOM_UNIT_EXPECTED =
  'image, minute, second, page, request, web_search, or a unit of your own: lower case, and no other word for one of these';

/** Credits by name, of those that are given and right. */
function parseRates<Name extends string>(
  written: { readonly [Each in Name]?: string | undefined },
  path: string,
  problems: RuleProblem[],
): { readonly [Each in Name]?: MicroCredits } {
  const rates: { [Each in Name]?: MicroCredits } = {};
  let named = 0;
  for (const name in written) {
    const text = written[name];
    if (text === undefined) continue;
    named++;
    const rate = credits(text, NOT_NEGATIVE, `${path}.${name}`, problems);
    if (rate !== null) rates[name] = rate;
  }
  if (named === 0) problems.push({ path, expected: 'credits for at least one of its kinds', value: 'none' });
  return rates;
}

function parseComplexity(
  steps: readonly ComplexityConfiguration[],
  path: string,
  problems: RuleProblem[],
): readonly ComplexityStep[] {
  const parsed: ComplexityStep[] = [];
  let lastCalls = 0;
  for (const [index, step] of steps.entries()) {
    const at = `${path}.${index}`;
    const calls = writtenCount(step.calls, `${at}.calls`, problems);
    const factor = writtenFactor(step.factor, `${at}.factor`, problems);
    if (calls !== null && calls <= lastCalls) {
      problems.push({
        path: `${at}.calls`,
        expected: 'more than that of the step before',
        value: step.calls,
      });
    }
    lastCalls = calls ?? lastCalls;
    if (calls !== null && factor !== null) parsed.push({ calls, factor });
  }
  return parsed;
}
