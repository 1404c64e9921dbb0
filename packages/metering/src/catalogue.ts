import type { TokenClasses } from './usage.ts';

/** The port behind which price lists live. Given the same book, the same query has the same answer for ever. */
export interface Catalogue {
  find(query: PriceQuery): PriceMatch;
}

export interface PriceQuery {
  /** Canonical provider name, or null when the span names none. */
  readonly provider: string | null;
  readonly model: string;
  /** End of the call, microseconds since the Unix epoch. */
  readonly atMicros: number;
}

export type PriceMatch =
  | { readonly kind: 'found'; readonly card: RateCard; readonly matchKind: MatchKind }
  | { readonly kind: 'unpriced'; readonly reason: UnpricedReason };

/** How the model string led to the card, strongest first. */
export type MatchKind = 'exact' | 'alias' | 'dated_snapshot' | 'library';

/** Why a record has no cost. Stored as `unpriced:<reason>`; the words are API. */
export type UnpricedReason =
  | 'unknown_provider'
  | 'unknown_model'
  | 'fuzzy_match'
  | 'no_card_at_time'
  | 'missing_class_rate'
  /** The model is known, but its price depends on what is not metered yet: hour of the day, fee per request, pages. */
  | 'unsupported_price'
  | 'missing_usage'
  | 'invalid_usage';

/** The prices of one model that hold at one instant. */
export interface RateCard {
  /** Stable within one version of the book, for instance `openai/o3@2025-06-10`: whose list, which model, since when. */
  readonly id: string;
  /** Whose price list the card is from; several canonical providers may share one list. */
  readonly provider: string;
  readonly model: string;
  /** Prices for requests up to the first tier. */
  readonly rates: Rates;
  /** Long-context tiers in ascending order; the last one reached reprices the whole request (convention C3). */
  readonly tiers: readonly RateTier[];
}

export interface RateTier {
  /** The tier applies when all input tokens of the request, cached ones included, are more than this. */
  readonly inputTokensAbove: number;
  readonly rates: Rates;
}

/** Price per class, in 10⁻⁹ USD per million tokens (see `RATE_SCALE`); null where the provider has none. */
export type Rates = { readonly [Class in keyof TokenClasses]: bigint | null };
