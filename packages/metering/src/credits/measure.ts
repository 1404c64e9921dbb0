import { divideCeil, type MicroCredits, type Ratio, type UsdFemto } from '../amount.ts';
import type { ConsumedUnits, CustomUnits, TokenClasses } from '../usage.ts';
import { ONE } from './ratio.ts';
import {
  type ComplexityStep,
  type RuleTerms,
  THOUSANDTHS,
  type TokenRates,
  type UnitRates,
  type UsageCharging,
} from './terms.ts';

/** What a call used, as far as rules may count it. */
export interface MeasuredUsage {
  /** Null: not priced. */
  readonly cost: UsdFemto | null;
  /** Null: not known, or counts that contradict each other. */
  readonly tokens: TokenClasses | null;
  /** Null: nothing was counted but the call itself. */
  readonly units: ConsumedUnits | null;
}

/** What a plan adds to a rule (conventions C4, C6). */
export interface ActionTerms {
  /** 10⁻¹⁵ USD per credit; null: the plan tells none. */
  readonly creditValue: Ratio | null;
  readonly multiplier: Ratio;
  /** Of the plan's terms; null: no plan. */
  readonly version: string | null;
}

/**
 * How much of what the rule counts a call used, in the smallest unit of the rule, so that quantities of several calls
 * can be added: micro-credits under `fixed`, 10⁻¹⁵ USD under `cost_plus`; under `usage` raw micro-credits × `per` × 1000.
 * Null: not known (yet).
 */
export function quantityOf({ charging }: RuleTerms, usage: MeasuredUsage): bigint | null {
  switch (charging.kind) {
    case 'fixed':
      return charging.credits;
    case 'cost_plus':
      return usage.cost;
    case 'usage':
      return isCounted(charging, usage) ? usedQuantity(charging, usage) : null;
  }
}

/** Whether that is known, without computing it. */
export function isMeasured({ charging }: RuleTerms, usage: MeasuredUsage): boolean {
  switch (charging.kind) {
    case 'fixed':
      return true;
    case 'cost_plus':
      return usage.cost !== null;
    case 'usage':
      return isCounted(charging, usage);
  }
}

/** Under a rule for tokens, a call without any count is one of which nothing is known. */
function isCounted({ tokens }: UsageCharging, usage: MeasuredUsage): boolean {
  return tokens === null || usage.tokens !== null || usage.units !== null;
}

function usedQuantity({ tokens, units }: UsageCharging, usage: MeasuredUsage): bigint {
  let quantity = 0n;
  if (tokens !== null && usage.tokens !== null) {
    quantity += tokenQuantity(tokens, usage.tokens) * THOUSANDTHS;
  }
  if (units !== null) quantity += unitQuantity(units, usage.units) * (tokens?.per ?? 1n);
  return quantity;
}

function tokenQuantity({ credits }: TokenRates, tokens: TokenClasses): bigint {
  return (
    BigInt(tokens.uncachedInput) * credits.uncachedInput +
    BigInt(tokens.cacheRead) * credits.cacheRead +
    BigInt(tokens.cacheWrite) * credits.cacheWrite +
    BigInt(tokens.visibleOutput) * credits.visibleOutput +
    BigInt(tokens.reasoning) * credits.reasoning
  );
}

/** In thousandths of a micro-credit. A call is one request unless it says how many it was. */
function unitQuantity(rates: UnitRates, units: ConsumedUnits | null): bigint {
  const pieces =
    BigInt(units?.requests ?? 1) * rates.request +
    BigInt(units?.webSearches ?? 0) * rates.webSearch +
    BigInt(units?.images ?? 0) * rates.image +
    BigInt(units?.pages ?? 0) * rates.page +
    BigInt(startedMinutes(units)) * rates.minute;
  return (
    pieces * THOUSANDTHS +
    BigInt(units?.milliseconds ?? 0) * rates.second +
    customQuantity(rates, units?.custom ?? null)
  );
}

function customQuantity({ custom: rates }: UnitRates, counted: CustomUnits | null): bigint {
  return counted === null ? 0n : BigInt(counted.thousandths) * (rates.get(counted.unit) ?? 0n);
}

const MILLIS_PER_MINUTE = 60_000;

export function startedMinutes(units: ConsumedUnits | null): number {
  return Math.ceil((units?.milliseconds ?? 0) / MILLIS_PER_MINUTE);
}

/**
 * Increments per unit of quantity, once the plan is known; null where a credit has no value by which a cost could become
 * credits.
 */
export function incrementsPerQuantity(terms: RuleTerms, plan: ActionTerms | null): Ratio | null {
  const { charging } = terms;
  let scale = terms.incrementsPerQuantity;
  if (charging.kind === 'cost_plus' && charging.creditValue === null) {
    const value = plan?.creditValue ?? null;
    if (value === null || value.numerator === 0n) return null;
    scale = times(scale, { numerator: value.denominator, denominator: value.numerator });
  }
  return plan === null ? scale : times(scale, plan.multiplier);
}

/** Not in lowest terms: one division by a longer number takes less than finding the common divisor. */
function times(one: Ratio, other: Ratio): Ratio {
  if (other.numerator === other.denominator) return one;
  return {
    numerator: one.numerator * other.numerator,
    denominator: one.denominator * other.denominator,
  };
}

/**
 * What a quantity costs: × complexity × feature value × plan multiplier, at least the minimum, rounded up once to the
 * increment, at most the cap (convention C4).
 */
export function creditsFor(
  terms: RuleTerms,
  scale: Ratio,
  quantity: bigint,
  successfulCalls: number,
): MicroCredits {
  const { complexity, increment, minimumIncrements, cap } = terms;
  const { numerator, denominator } =
    complexity.length === 0 ? scale : times(scale, complexityFactor(complexity, successfulCalls));
  let increments = divideCeil(quantity * numerator, denominator);
  if (increments < minimumIncrements) increments = minimumIncrements;
  const credits = increments * increment;
  return cap !== null && credits > cap ? cap : credits;
}

/** The factor of the highest step that is reached; 1 below the first. */
export function complexityFactor(steps: readonly ComplexityStep[], successfulCalls: number): Ratio {
  return steps.findLast(({ calls }) => calls <= successfulCalls)?.factor ?? ONE;
}
