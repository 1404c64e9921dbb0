import { waitForUpdate } from '@pydantic/genai-prices';
import {
  divideHalfEven,
  NO_FACTORS,
  type PriceClass,
  parseDecimal,
  RATE_SCALE,
  type RateCard,
  type Rates,
  type RateTier,
  type UnitPrices,
  USD_SCALE,
} from '@spanledger/metering';
import { type Choice, changeWithin, type Hours, type Timeline } from './timeline.ts';

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
  /** Empty where the list names the model only. */
  readonly prices: Timeline;
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
  readonly constraint?: {
    readonly type: string;
    readonly start_date?: string;
    readonly start_time?: string;
    readonly end_time?: string;
  };
  readonly prices: ListedPrice;
}

/** Exported for tests: what one model of the package costs over time. */
export function readPrices(
  provider: string,
  model: string,
  listed: ListedPrice | readonly ConditionalEntry[],
): Timeline {
  const all: readonly ConditionalEntry[] = isConditional(listed) ? listed : [{ prices: listed }];
  // Hours have a day on which they began, which the list does not say: for all the time before they would be wrong.
  const isUndated = all[1] !== undefined && hoursOf(all[1].constraint) !== null;
  const entries = isUndated ? all.filter(({ constraint }) => constraint?.start_date !== undefined) : all;
  let timeline: Timeline = [];
  let since = { fromMicros: UNDATED_FROM_MICROS, toMicros: null };
  for (const { constraint, prices } of entries) {
    const fromMicros = startMicros(constraint?.start_date);
    const hours = hoursOf(constraint);
    // The list puts hours after the price that they are an exception to, so they hold as long as that does.
    if (hours === null) since = { fromMicros, toMicros: null };
    const id = cardId(provider, model, constraint);
    const card = rateCard(id, provider, model, prices);
    if (card === null) continue;
    const choice: Choice = { kind: 'card', hours: hours === null ? [] : [hours], card };
    timeline = changeWithin(timeline, since, (choices) => (hours === null ? [choice] : [choice, ...choices]));
  }
  return timeline;
}

function isConditional(
  listed: ListedPrice | readonly ConditionalEntry[],
): listed is readonly ConditionalEntry[] {
  return Array.isArray(listed);
}

/** The list gives a date; providers change prices at midnight UTC unless they say otherwise. */
function startMicros(date: string | undefined): number {
  return date === undefined ? UNDATED_FROM_MICROS : Date.parse(`${date}T00:00:00Z`) * 1000;
}

const EVERY_DAY: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6]);

function hoursOf(constraint: ConditionalEntry['constraint']): Hours | null {
  const { start_time: from, end_time: to } = constraint ?? {};
  if (from === undefined || to === undefined) return null;
  const minuteOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to), weekdays: EVERY_DAY, utcOffsetMinutes: 0 };
}

function cardId(provider: string, model: string, constraint: ConditionalEntry['constraint']): string {
  const name = `${provider}/${model}`;
  const { start_date: date, start_time: from, end_time: to } = constraint ?? {};
  if (from !== undefined && to !== undefined) return `${name}@${from.slice(0, 5)}-${to.slice(0, 5)}`;
  return date === undefined ? name : `${name}@${date}`;
}

/** The list's word for each class that we meter. Video, citations and file searches are in no usage record. */
const LISTED_CLASSES: readonly (readonly [PriceClass, string])[] = [
  ['input', 'input_mtok'],
  ['input_audio', 'input_audio_mtok'],
  ['input_image', 'input_image_mtok'],
  ['cache_read', 'cache_read_mtok'],
  ['cache_read_audio', 'cache_audio_read_mtok'],
  ['cache_write_5m', 'cache_write_mtok'],
  ['cache_write_1h', 'cache_write_1h_mtok'],
  ['output', 'output_mtok'],
  ['reasoning', 'output_reasoning_mtok'],
  ['output_audio', 'output_audio_mtok'],
  ['output_image', 'output_image_mtok'],
];

/** Null: an empty entry means "free" only where the id says so; elsewhere it means that nobody filled it in. */
function rateCard(id: string, provider: string, model: string, prices: ListedPrice): RateCard | null {
  const isFree = Object.keys(prices).length === 0 && model.endsWith(':free');
  const starts = new Set<number>();
  for (const price of Object.values(prices)) {
    if (typeof price === 'object') for (const tier of price.tiers) starts.add(tier.start);
  }
  const rates = isFree ? FREE_RATES : ratesAbove(prices, -1);
  const units = unitPrices(prices);
  if (Object.keys(rates).length === 0 && Object.keys(units).length === 0) return null;
  return {
    id,
    provider,
    model,
    standard: {
      rates,
      tiers: [...starts]
        .sort((left, right) => left - right)
        .map((start) => ({ ...boundary(start), rates: ratesAbove(prices, start) })),
    },
    serviceTiers: new Map(),
    regions: NO_FACTORS,
    inferenceGeos: NO_FACTORS,
    discount: null,
    units,
    cacheWritesAsInput: !model.includes('claude') && !('cache_write_mtok' in prices),
    imagesAsText: READ_IMAGES_AS_TEXT.has(provider) && !('input_image_mtok' in prices),
    isFree,
    isImputed: false,
  };
}

const FREE_RATES: Rates = { input: 0n, output: 0n };

/** These providers say that images count as input tokens at the price of text. */
const READ_IMAGES_AS_TEXT: ReadonlySet<string> = new Set(['openai', 'azure', 'anthropic', 'google', 'aws']);

/**
 * The list knows only "more than", so it writes "200,000 or more" (xAI) as more than 199,999. OpenAI's model pages say
 * "more than 272K" while its table says "< 272K"; we take the former, whichever way the list writes it.
 */
function boundary(start: number): Pick<RateTier, 'threshold' | 'operator'> {
  if (start === 271_999) return { threshold: 272_000, operator: 'gt' };
  if (start % 1000 === 999) return { threshold: start + 1, operator: 'gte' };
  return { threshold: start, operator: 'gt' };
}

/** The rates of a request whose input is just above `threshold`; classes without tiers keep their one price. */
function ratesAbove(prices: ListedPrice, threshold: number): Rates {
  const rates: { -readonly [Class in PriceClass]?: bigint } = {};
  for (const [item, unit] of LISTED_CLASSES) {
    const price = prices[unit];
    if (price === undefined) continue;
    if (typeof price === 'number') rates[item] = exactRate(price);
    else {
      let reached = price.base;
      // Tiers of the list are not promised to be in order.
      for (const tier of [...price.tiers].sort((left, right) => left.start - right.start)) {
        if (tier.start <= threshold) reached = tier.price;
      }
      rates[item] = exactRate(reached);
    }
  }
  return rates;
}

/** From 10⁻⁹ USD per thousand to 10⁻¹⁵ USD for one, and of an hour as it is. */
const PER_THOUSAND = 1000n;
const RATE_TO_FEMTO = 10n ** BigInt(USD_SCALE - RATE_SCALE);

function unitPrices(prices: ListedPrice): UnitPrices {
  const units: { -readonly [Unit in keyof UnitPrices]: UnitPrices[Unit] } = {};
  const take = (unit: keyof UnitPrices, listed: string, divisor: bigint) => {
    const price = prices[listed];
    if (typeof price === 'number') units[unit] = (exactRate(price) * RATE_TO_FEMTO) / divisor;
  };
  take('request', 'requests_kcount', PER_THOUSAND);
  take('web_search', 'web_searches_kcount', PER_THOUSAND);
  take('page', 'input_document_kpages', PER_THOUSAND);
  take('second', 'input_audio_hours', 1n);
  return units;
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
