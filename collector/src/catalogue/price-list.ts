import { waitForUpdate } from '@pydantic/genai-prices';
import { divideHalfEven, parseDecimal, RATE_SCALE, type RateCard, type Rates } from '@spanledger/metering';

/**
 * The default price list: the data of the npm package `@pydantic/genai-prices` (MIT), read once at start. Only the
 * data: its calculator works in floats and its matchers accept too much (see `match.ts`).
 */
export interface PriceList {
  /** Identifier of the provider in the list, not an OpenTelemetry name. */
  readonly provider: string;
  readonly models: readonly ListedModel[];
  /** Lists to look in when this one does not know a model: Azure sells OpenAI's models at OpenAI's prices. */
  readonly fallbacks: readonly string[];
}

export interface ListedModel {
  readonly id: string;
  readonly match: Clause;
  readonly prices: ListedPrices;
}

/** `unsupported`: the price depends on something that is not metered. `none`: the list names the model only. */
export type ListedPrices =
  | { readonly kind: 'cards'; readonly cards: readonly DatedCard[] }
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'none' };

/** A card and the half-open time `[validFrom, validTo)` in which it holds; microseconds since the Unix epoch. */
export interface DatedCard {
  readonly card: RateCard;
  readonly validFromMicros: number;
  /** Null: until further notice. */
  readonly validToMicros: number | null;
}

/** The list's condition on a model name. */
export type Clause =
  | { readonly or: readonly Clause[] }
  | { readonly and: readonly Clause[] }
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string };

/** Pinned in package.json; a test holds the two together. */
export const PRICE_LIST_PACKAGE = '@pydantic/genai-prices@0.1.8';

/**
 * Undated prices hold from here. The list does not say since when they do, and no gen-ai span is older; a call before
 * this instant has a wrong clock, and a wrong clock must not pick a price.
 */
export const UNDATED_FROM_MICROS = Date.UTC(2023, 0, 1) * 1000;

/** All lists of the package, in its order. */
export async function loadPriceLists(): Promise<readonly PriceList[]> {
  const providers = (await waitForUpdate()) ?? [];
  return providers.map((provider) => ({
    provider: provider.id,
    fallbacks: provider.fallback_model_providers ?? [],
    models: provider.models.map((model) => ({
      id: model.id,
      match: model.match,
      prices: readPrices(provider.id, model.id, model.prices),
    })),
  }));
}

/** The package's price entry: US dollars per million tokens (or other units) by class, some of them in tiers. */
interface ListedPrice {
  readonly [unit: string]: number | TieredPrice | undefined;
}
interface TieredPrice {
  readonly base: number;
  readonly tiers: readonly { readonly start: number; readonly price: number }[];
}
interface ConditionalEntry {
  readonly constraint?: { readonly type: string; readonly start_date?: string };
  readonly prices: ListedPrice;
}

/** Exported for tests: how one model of the package becomes dated cards. */
export function readPrices(
  provider: string,
  model: string,
  listed: ListedPrice | readonly ConditionalEntry[],
): ListedPrices {
  const entries: readonly ConditionalEntry[] = isConditional(listed) ? listed : [{ prices: listed }];
  // Hours of the day are published with weekdays, holidays and start instants that the list cannot express, so what
  // it says about them is wrong more often than not. No price is better than such a price.
  if (entries.some(({ constraint }) => constraint !== undefined && constraint.type !== 'start_date')) {
    return { kind: 'unsupported' };
  }
  if (entries.some(({ prices }) => 'requests_kcount' in prices)) return { kind: 'unsupported' };
  if (!entries.every(({ prices }) => isPricedByToken(prices))) {
    const empty = entries.every(({ prices }) => Object.keys(prices).length === 0);
    if (!empty) return { kind: 'unsupported' };
    // An empty entry means "free" only where the id says so; elsewhere it means that nobody filled it in.
    if (!model.endsWith(':free')) return { kind: 'none' };
  }

  const starts = entries.map((entry) => startMicros(entry));
  const cards = entries.map((entry, index) => {
    const validFromMicros = starts[index] ?? UNDATED_FROM_MICROS;
    return {
      card: rateCard(cardId(provider, model, entry), provider, model, entry.prices),
      validFromMicros,
      validToMicros: starts[index + 1] ?? null,
    };
  });
  return { kind: 'cards', cards };
}

function isConditional(
  listed: ListedPrice | readonly ConditionalEntry[],
): listed is readonly ConditionalEntry[] {
  return Array.isArray(listed);
}

function isPricedByToken(prices: ListedPrice): boolean {
  return prices.input_mtok !== undefined || prices.output_mtok !== undefined;
}

/** The list gives a date; providers change prices at midnight UTC unless they say otherwise. */
function startMicros({ constraint }: ConditionalEntry): number {
  if (constraint?.start_date === undefined) return UNDATED_FROM_MICROS;
  return Date.parse(`${constraint.start_date}T00:00:00Z`) * 1000;
}

function cardId(provider: string, model: string, { constraint }: ConditionalEntry): string {
  const name = `${provider}/${model}`;
  return constraint?.start_date === undefined ? name : `${name}@${constraint.start_date}`;
}

function rateCard(id: string, provider: string, model: string, prices: ListedPrice): RateCard {
  const starts = new Set<number>();
  for (const price of Object.values(prices)) {
    if (typeof price === 'object') for (const tier of price.tiers) starts.add(tier.start);
  }
  const free = Object.keys(prices).length === 0;
  const tiers = [...starts]
    .sort((left, right) => left - right)
    .map((start) => ({ inputTokensAbove: start, rates: ratesAbove(prices, start, free) }));
  return { id, provider, model, rates: ratesAbove(prices, -1, free), tiers };
}

/** The rates of a request whose input is just above `threshold`; classes without tiers keep their one price. */
function ratesAbove(prices: ListedPrice, threshold: number, free: boolean): Rates {
  const rate = (unit: string): bigint | null => {
    if (free) return 0n;
    const price = prices[unit];
    if (price === undefined) return null;
    if (typeof price === 'number') return exactRate(price);
    let reached = price.base;
    // Tiers of the list are not promised to be in order.
    for (const tier of [...price.tiers].sort((left, right) => left.start - right.start)) {
      if (tier.start <= threshold) reached = tier.price;
    }
    return exactRate(reached);
  };
  return {
    uncachedInput: rate('input_mtok'),
    cacheRead: rate('cache_read_mtok'),
    cacheWrite: rate('cache_write_mtok'),
    visibleOutput: rate('output_mtok'),
    reasoning: rate('output_reasoning_mtok'),
  };
}

/** Enough places for the shortest text of any double that is a price. */
const LITERAL_SCALE = 30;
const LITERAL_TO_RATE = 10n ** BigInt(LITERAL_SCALE - RATE_SCALE);

/**
 * A JSON number as exact units of 10⁻⁹ USD per million. Its shortest decimal text is what the author wrote, except
 * for a few that went through float arithmetic (0.18000000000000002); rounding half-even at nine places heals those.
 * Throws RangeError for what is no price: a damaged list must not be half loaded.
 */
export function exactRate(price: number): bigint {
  const parsed = parseDecimal(String(price), LITERAL_SCALE);
  if (parsed.kind === 'rejected' || parsed.value < 0n) {
    throw new RangeError(`expected a price of 0 or more in USD per million tokens, got ${price}`);
  }
  return divideHalfEven(parsed.value, LITERAL_TO_RATE);
}
