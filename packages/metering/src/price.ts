import type { UsdFemto } from './amount.ts';
import type { Catalogue, MatchKind, UnpricedReason } from './catalogue.ts';
import type { TokenClasses, UsageRecord } from './usage.ts';

/** What a call cost, or why that is not known. Never a silent zero. */
export type Rating =
  | {
      readonly kind: 'priced';
      /** Exact, in 10⁻¹⁵ USD. */
      readonly cost: UsdFemto;
      readonly cardId: string;
      readonly matchKind: MatchKind;
      readonly lines: readonly CostLine[];
    }
  | { readonly kind: 'unpriced'; readonly reason: UnpricedReason };

export interface CostLine {
  readonly tokenClass: keyof TokenClasses;
  readonly tokens: number;
  /** 10⁻⁹ USD per million tokens. */
  readonly rate: bigint;
  readonly cost: UsdFemto;
}

/** Prices each token class at the rate card valid when the call ended. */
export declare function price(usage: UsageRecord, catalogue: Catalogue): Rating;
