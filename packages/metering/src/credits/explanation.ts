import type { SpanKey, TokenClass, TokenClasses } from '../usage.ts';
import type { NotChargedReason } from './rate.ts';
import type { RatioText } from './ratio.ts';
import type { PieceRates } from './terms.ts';

/**
 * Why an action burned what it burned: plain data, to be stored or sent as JSON. Amounts are decimal texts, exact
 * quotients are `numerator/denominator`. `evaluate` computes the credits again from nothing else (invariant I22).
 */
export interface Explanation {
  readonly status: 'charged' | 'pending' | `not_charged:${NotChargedReason}`;
  /** Null while nothing of it is known. */
  readonly credits: string | null;
  readonly feature: string | null;
  /** The id of the rule; null: there was none. */
  readonly rule: string | null;
  /** By what the rule says of the smaller form of the feature, because a call says that the action took it. */
  readonly isDegraded: boolean;
  /** Of the whole set of rules. */
  readonly rulesVersion: string;
  /** Of the plan's terms; null: no plan. */
  readonly planVersion: string | null;
  /** In the order in which they bear their shares. */
  readonly leaves: readonly ExplainedLeaf[];
  /** Null: it is not charged. */
  readonly calculation: Calculation | null;
}

export interface ExplainedLeaf {
  readonly key: SpanKey;
  readonly isSuccessful: boolean;
  /** What the rule counts of it; null: not known yet, or the rule counts nothing of single calls. */
  readonly used: ExplainedUse | null;
  /** Raw credits of it alone; null where `used` is. */
  readonly raw: RatioText | null;
  /** What it bears of the action's credits; null while it waits. */
  readonly credits: string | null;
}

export type ExplainedUse =
  | { readonly kind: 'cost'; readonly usd: string }
  | {
      readonly kind: 'usage';
      readonly tokens: TokenClasses | null;
      readonly units: ExplainedUnits | null;
    };

/** How many of each; seconds as a quotient. */
export interface ExplainedUnits extends Readonly<Record<keyof PieceRates, RatioText>> {
  /** A unit that only the app knows; null: none was counted. */
  readonly custom: { readonly unit: string; readonly count: RatioText } | null;
}

/** The steps from what the calls used to credits, in their order (convention C4). */
export interface Calculation {
  readonly charging: ExplainedCharging;
  /** The sum over the calls that are known. */
  readonly raw: RatioText;
  /** How many calls succeeded, and the factor that follows from it. */
  readonly complexity: { readonly calls: number; readonly factor: RatioText };
  readonly featureValue: RatioText;
  readonly planMultiplier: RatioText;
  readonly multiplied: RatioText;
  readonly minimum: { readonly credits: string; readonly isApplied: boolean };
  readonly increment: string;
  readonly cap: { readonly credits: string; readonly isApplied: boolean } | null;
}

export type ExplainedCharging =
  | { readonly kind: 'fixed'; readonly credits: string }
  | {
      readonly kind: 'cost_plus';
      readonly factor: RatioText;
      /** USD per credit, and who says so. */
      readonly creditValueUsd: RatioText;
      readonly creditValueOf: 'rule' | 'plan';
    }
  | {
      readonly kind: 'usage';
      readonly tokens: {
        readonly per: string;
        readonly credits: { readonly [Class in TokenClass]: string };
      } | null;
      readonly units: ExplainedUnitRates | null;
    };

export interface ExplainedUnitRates extends Readonly<Record<keyof PieceRates, string>> {
  /** By unit; those that are not in it are free. */
  readonly custom: readonly { readonly unit: string; readonly credits: string }[];
}
