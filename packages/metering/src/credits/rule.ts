import type { MicroCredits, Ratio, UsdFemto } from '../amount.ts';

/** How a call of a feature becomes credits. */
export type CreditRule =
  | { readonly kind: 'fixed'; readonly credits: MicroCredits }
  | {
      readonly kind: 'cost_plus';
      /** Credits = cost × factor ÷ credit value; factor = 1 / (1 − target margin) or 1 + markup (convention C5). */
      readonly factor: Ratio;
      /** What one credit is worth, in 10⁻¹⁵ USD. */
      readonly creditValue: UsdFemto;
      /** Credits are rounded up once, to a multiple of this (convention C4). */
      readonly increment: MicroCredits;
    };

/** Which rule a feature has. `version` names the whole set and is pinned on every charge. */
export interface CreditRules {
  readonly version: string;
  /** The rule for a feature, the default rule, or null: the feature burns no credits. */
  ruleFor(feature: string | null): CreditRule | null;
}
