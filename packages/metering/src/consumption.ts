import type { PriceClass } from './catalogue.ts';
import { inputTokens, type UsageRecord } from './usage.ts';

/** A `PricedUnit`, or one of the app's own (`isCustomUnit`). */
export type CountedUnit = string;

/**
 * What a call consumed, as prices tell it apart: each token in exactly one price class, and the counted pieces. Only
 * what is there is listed, in the order of `PRICE_CLASSES` and `PRICED_UNITS`.
 */
export interface Consumption {
  readonly kind: 'known';
  readonly classes: readonly (readonly [PriceClass, number])[];
  /** Of `second`, and of units of the app's own, thousandths. */
  readonly units: readonly (readonly [CountedUnit, number])[];
  /** The whole prompt, which long-context tiers look at. */
  readonly inputTokens: number;
  /** False: the pieces are all that is known. */
  readonly hasTokens: boolean;
  /** Requests are counted, and nothing else: then they are what is paid for. */
  readonly isByRequest: boolean;
}

export type Consumed =
  | Consumption
  | {
      readonly kind: 'unknown';
      readonly reason: 'missing_usage' | 'invalid_usage';
      readonly detail: string | null;
    };

type Counted = Pick<
  UsageRecord,
  'tokens' | 'cacheWrite5m' | 'cacheWrite1h' | 'cacheWrite12h' | 'modalities' | 'units' | 'usageStatus'
>;

/** Nothing is clamped: parts that are more than their whole are a contradiction, and what contradicts has no price. */
export function consumptionOf(usage: Counted): Consumed {
  const { tokens, modalities } = usage;
  if (usage.usageStatus === 'invalid') return { kind: 'unknown', reason: 'invalid_usage', detail: null };
  const units = unitsOf(usage);
  if (tokens === null) {
    if (usage.units === null) return { kind: 'unknown', reason: 'missing_usage', detail: null };
    const isByRequest = isCountedAlone(usage, units);
    return { kind: 'known', classes: [], units, inputTokens: 0, hasTokens: false, isByRequest };
  }
  const long = usage.cacheWrite1h ?? 0;
  const longest = usage.cacheWrite12h ?? 0;
  // What is not told apart was written for the provider's default time, the shortest.
  const short = tokens.cacheWrite - long - longest;
  if (short < (usage.cacheWrite5m ?? 0))
    return invalid('the parts of the cache writes are more than the whole');

  const cachedAudio = modalities?.cacheReadAudio ?? 0;
  const cachedText = tokens.cacheRead - cachedAudio;
  const audioIn = (modalities?.audioInput ?? 0) - cachedAudio;
  const imageIn = modalities?.imageInput ?? 0;
  const textIn = tokens.uncachedInput - audioIn - imageIn;
  const audioOut = modalities?.audioOutput ?? 0;
  const imageOut = modalities?.imageOutput ?? 0;
  const textOut = tokens.visibleOutput - audioOut - imageOut;
  if (cachedText < 0 || audioIn < 0) return invalid('more cached audio than audio or cached input');
  if (textIn < 0) return invalid('more audio and image input than uncached input');
  if (textOut < 0) return invalid('more audio and image output than output without reasoning');

  const classes: [PriceClass, number][] = [];
  if (textIn > 0) classes.push(['input', textIn]);
  if (audioIn > 0) classes.push(['input_audio', audioIn]);
  if (imageIn > 0) classes.push(['input_image', imageIn]);
  if (cachedText > 0) classes.push(['cache_read', cachedText]);
  if (cachedAudio > 0) classes.push(['cache_read_audio', cachedAudio]);
  if (short > 0) classes.push(['cache_write_5m', short]);
  if (long > 0) classes.push(['cache_write_1h', long]);
  if (longest > 0) classes.push(['cache_write_12h', longest]);
  if (textOut > 0) classes.push(['output', textOut]);
  if (tokens.reasoning > 0) classes.push(['reasoning', tokens.reasoning]);
  if (audioOut > 0) classes.push(['output_audio', audioOut]);
  if (imageOut > 0) classes.push(['output_image', imageOut]);
  return {
    kind: 'known',
    classes,
    units,
    inputTokens: inputTokens(tokens),
    hasTokens: true,
    isByRequest: classes.length === 0 && isCountedAlone(usage, units),
  };
}

const ONE_REQUEST: readonly (readonly [CountedUnit, number])[] = [['request', 1]];

function isCountedAlone({ units }: Counted, counted: Consumption['units']): boolean {
  return counted.length === 1 && (units?.requests ?? 0) > 0;
}

/** A call is one request unless it says how many it was; a count of zero is nothing to price. */
function unitsOf({ units }: Counted): readonly (readonly [CountedUnit, number])[] {
  if (units === null) return ONE_REQUEST;
  const counted: [CountedUnit, number][] = [];
  const add = (unit: CountedUnit, quantity: number) => {
    if (quantity > 0) counted.push([unit, quantity]);
  };
  add('request', units.requests ?? 1);
  add('web_search', units.webSearches ?? 0);
  add('image', units.images ?? 0);
  add('second', units.milliseconds ?? 0);
  add('page', units.pages ?? 0);
  if (units.custom !== null) add(units.custom.unit, units.custom.thousandths);
  return counted;
}

function invalid(detail: string): Consumed {
  return { kind: 'unknown', reason: 'invalid_usage', detail };
}
