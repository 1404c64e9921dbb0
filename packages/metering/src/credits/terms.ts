import {
  CREDIT_SCALE,
  divideCeil,
  type MicroCredits,
  type Ratio,
  reduced,
  type UsdFemto,
} from '../amount.ts';
import type { TokenClass } from '../usage.ts';
import { ONE } from './ratio.ts';

/** What a rule counts, and how that becomes raw credits. */
export type Charging = FixedCharging | CostPlusCharging | UsageCharging;

/** So many credits for an action, whatever its calls used. */
export interface FixedCharging {
  readonly kind: 'fixed';
  readonly credits: MicroCredits;
}

/** Credits = cost × factor ÷ credit value; factor = 1 / (1 − target margin) or 1 + markup (convention C5). */
export interface CostPlusCharging {
  readonly kind: 'cost_plus';
  readonly factor: Ratio;
  /** What one credit is worth, in 10⁻¹⁵ USD; null: what it is worth in the customer's plan (C6). */
  readonly creditValue: UsdFemto | null;
}

/** Credits for tokens of each class, for what is counted by the piece, or for both. */
export interface UsageCharging {
  readonly kind: 'usage';
  readonly tokens: TokenRates | null;
  readonly units: UnitRates | null;
}

export interface TokenRates {
  /** The rates are for so many tokens. */
  readonly per: bigint;
  readonly credits: { readonly [Class in TokenClass]: MicroCredits };
}

/** Credits for one of each; 0 where the rule does not name it. */
export interface UnitRates extends PieceRates {
  /** By the names of units that only the app knows; those that are not in it are free. */
  readonly custom: ReadonlyMap<string, MicroCredits>;
}

export interface PieceRates {
  readonly image: MicroCredits;
  /** Each started minute of each call. */
  readonly minute: MicroCredits;
  readonly second: MicroCredits;
  readonly page: MicroCredits;
  readonly request: MicroCredits;
  readonly webSearch: MicroCredits;
}

export const PIECES: readonly (keyof PieceRates)[] = [
  'image',
  'minute',
  'second',
  'page',
  'request',
  'webSearch',
];

/** From so many successful calls on, the raw credits of an action are multiplied by the factor. */
export interface ComplexityStep {
  readonly calls: number;
  readonly factor: Ratio;
}

/** What a rule says, however it was written down: all that decides the credits of an action besides its calls and plan. */
export interface RuleTerms extends TermParts {
  /** Made once: increments (feature value included) per unit of what `quantityOf` measures, in lowest terms. */
  readonly incrementsPerQuantity: Ratio;
  /** Made once: the minimum in whole increments. */
  readonly minimumIncrements: bigint;
}

export interface TermParts {
  readonly charging: Charging;
  /** An action that is charged at all costs at least this; 0: no minimum. */
  readonly minimum: MicroCredits;
  /** Credits are rounded up once, to a multiple of this (convention C4). */
  readonly increment: MicroCredits;
  /** Never more than this, whatever the increment; null: no cap. */
  readonly cap: MicroCredits | null;
  readonly featureValue: Ratio;
  /** By number of calls, ascending; below the first step the factor is 1. */
  readonly complexity: readonly ComplexityStep[];
  /** True: an action without success is charged like any other (convention C8). */
  readonly chargesFailed: boolean;
}

export const MICRO_CREDITS_PER_CREDIT: bigint = 10n ** BigInt(CREDIT_SCALE);

/** The same for all rules that say no more than what they count. */
export const PLAIN_TERMS: Omit<TermParts, 'charging'> = {
  minimum: 0n,
  increment: MICRO_CREDITS_PER_CREDIT,
  cap: null,
  featureValue: ONE,
  complexity: [],
  chargesFailed: false,
};

/** Terms from their parts, each exact; increment, factors and values positive. */
export function ruleTerms(parts: TermParts): RuleTerms {
  const { numerator, denominator } = microCreditsPerQuantity(parts.charging);
  return {
    ...parts,
    incrementsPerQuantity: reduced(
      numerator * parts.featureValue.numerator,
      denominator * parts.featureValue.denominator * parts.increment,
    ),
    minimumIncrements: divideCeil(parts.minimum, parts.increment),
  };
}

/** Seconds and units of the app's own are counted in thousandths, so a quantity of usage is one of a rate ÷ `per`. */
export const THOUSANDTHS = 1000n;

/** What one unit of `quantityOf` is in raw micro-credits; under cost-plus without a value, times the plan's credit value. */
function microCreditsPerQuantity(charging: Charging): Ratio {
  switch (charging.kind) {
    case 'fixed':
      return ONE;
    case 'cost_plus':
      return {
        numerator: charging.factor.numerator * MICRO_CREDITS_PER_CREDIT,
        denominator: charging.factor.denominator * (charging.creditValue ?? 1n),
      };
    case 'usage':
      return { numerator: 1n, denominator: (charging.tokens?.per ?? 1n) * THOUSANDTHS };
  }
}
