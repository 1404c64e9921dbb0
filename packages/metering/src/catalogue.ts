import type { Ratio } from './amount.ts';

/** The port behind which price lists live. Given the same book, the same query has the same answer for ever. */
export interface Catalogue {
  find(query: PriceQuery): PriceMatch;
}

export interface PriceQuery {
  /** Canonical provider name, or null when the span names none. */
  readonly provider: string | null;
  /** As the span has it; finding out what it means is the catalogue's business. */
  readonly model: string;
  /** Nobody but the caller's own configuration gave the name, as with Azure deployments: only an alias resolves it. */
  readonly isDeploymentName: boolean;
  /** End of the call, microseconds since the Unix epoch. */
  readonly atMicros: number;
  /** Whose prices: contracts may be for one tenant or one customer. */
  readonly tenant: string;
  readonly customer: string | null;
}

export type PriceMatch =
  | {
      readonly kind: 'found';
      readonly card: RateCard;
      readonly matchKind: MatchKind;
      /** The region that the model's name states (Bedrock), or its alias; null where the call itself may state it. */
      readonly region: string | null;
    }
  | {
      readonly kind: 'unpriced';
      readonly reason: UnpricedReason;
      /** What a person can do about it, for instance the candidates; null where the reason says all. */
      readonly detail: string | null;
    };

/** How the model string led to the card, strongest first. `fuzzy` only where the user asked for estimates. */
export type MatchKind = 'user_alias' | 'exact' | 'alias' | 'dated_snapshot' | 'library' | 'fuzzy';

/** Why a record has no cost. Stored as `unpriced:<reason>`; the words are API. */
export type UnpricedReason =
  | 'unknown_provider'
  | 'unknown_model'
  /** Only similar to what is known, or equally close to several models. */
  | 'fuzzy_match'
  | 'deployment_unmapped'
  | 'no_card_at_time'
  | 'missing_class_rate'
  | 'unknown_service_tier'
  | 'missing_usage'
  | 'invalid_usage'
  | 'unsupported_currency';

/**
 * The token classes that prices tell apart, in the order in which people read them; each token is in exactly one.
 * `input` is text that is neither cached nor written to a cache, `output` text that is no reasoning.
 */
export const PRICE_CLASSES = [
  'input',
  'input_audio',
  'input_image',
  'cache_read',
  'cache_read_audio',
  'cache_write_5m',
  'cache_write_1h',
  'cache_write_12h',
  'output',
  'reasoning',
  'output_audio',
  'output_image',
] as const;
export type PriceClass = (typeof PRICE_CLASSES)[number];

/** What is priced by the piece. */
export const PRICED_UNITS = ['request', 'web_search', 'image', 'second', 'page'] as const;
export type PricedUnit = (typeof PRICED_UNITS)[number];

/** Price per class, in 10⁻⁹ USD per million tokens (see `RATE_SCALE`); absent where the provider has none. */
export type Rates = { readonly [Class in PriceClass]?: bigint };

/**
 * Price of one, in 10⁻¹⁵ USD; of `second` that of an hour, as lists have it, so that dividing rounds only once. Cards of
 * the user's own may also price units of the user's own (`isCustomUnit`).
 */
export interface UnitPrices {
  readonly [unit: string]: bigint;
}

/** What a price list or a span may call otherwise, or mean something else by. */
const TAKEN_NAMES: ReadonlySet<string> = new Set([
  ...PRICE_CLASSES,
  ...PRICED_UNITS,
  ...['api_call', 'minute', 'hour', 'token', 'tokens'],
]);
/** Short, because the name is stored with every record; without what a path, a header or a terminal would read. */
const CUSTOM_UNIT = /^[a-z][a-z0-9_.-]{0,63}$/;

/** Whether a word may be the name of a unit that only the app knows. */
export function isCustomUnit(name: string): boolean {
  return CUSTOM_UNIT.test(name) && !TAKEN_NAMES.has(name);
}

export interface RateTable {
  /** Prices for requests up to the first tier. */
  readonly rates: Rates;
  /** Long-context tiers in ascending order; the last one reached reprices the whole request (convention C3). */
  readonly tiers: readonly RateTier[];
}

export interface RateTier {
  /** Compared with all input tokens of the request, cached and written ones included. */
  readonly threshold: number;
  /** `gt`: requests with more than the threshold; `gte`: from the threshold on. Providers differ. */
  readonly operator: 'gt' | 'gte';
  readonly rates: Rates;
}

/** The prices of one model that hold at one instant. */
export interface RateCard {
  /** Names whose list, which model and since when, and every entry that changed it: `openai/o3@2025-06-10`. */
  readonly id: string;
  /** Whose price list the card is from; several canonical providers may share one list. */
  readonly provider: string;
  readonly model: string;
  readonly standard: RateTable;
  /** By name as responses say it, in lower case. Prices of a tier are a table; a factor only where the provider says so. */
  readonly serviceTiers: ReadonlyMap<string, ServiceTier>;
  /** Factors by the region that serves the call, and by Anthropic's `inference_geo`. */
  readonly regions: Factors;
  readonly inferenceGeos: Factors;
  /** A contract's factor on the list price; null where the card is the list price or the contract gives rates. */
  readonly discount: Ratio | null;
  readonly units: UnitPrices;
  /** Cache writes without a rate of their own cost as much as input: providers without a write premium. */
  readonly cacheWritesAsInput: boolean;
  /** Image input without a rate of its own costs as much as text. */
  readonly imagesAsText: boolean;
  /** The source says that the model costs nothing. */
  readonly isFree: boolean;
  /** Computed from the cost of the owner's machines, not from a price list. */
  readonly isImputed: boolean;
}

export type ServiceTier =
  | ({ readonly kind: 'table' } & RateTable)
  | { readonly kind: 'factor'; readonly factor: Ratio };

export interface Factors {
  readonly byName: ReadonlyMap<string, Ratio>;
  /** For every name that is stated and not listed; null: the plain price. */
  readonly others: Ratio | null;
}

export const NO_FACTORS: Factors = { byName: new Map(), others: null };
