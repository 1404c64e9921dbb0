import { isObject, type JsonObject, type JsonValue } from './exact-json.ts';
import { factor, type ListedAmount, perPiece } from './listed-amount.ts';
import {
  type CardPrice,
  FREE,
  isEmpty,
  type ListedEntry,
  type Rates,
  type Skipped,
  saysFree,
  table,
  type Units,
} from './listed-model.ts';
import { COUNTED_AS, isAboutMoney, isFeeApart, readPriceKey } from './litellm-keys.ts';
import { type LeftOut, type Problem, problem, tokenTables } from './litellm-tables.ts';
import { providerOfLitellm } from './providers.ts';

/**
 * LiteLLM's list (`model_prices_and_context_window.json`): one flat object, model names as keys, prices in US dollars
 * per single token under names that follow a grammar (`litellm-keys.ts`). It gives no dates.
 *
 * An entry is read as a whole or not at all: whatever speaks of money and is not understood makes it unusable, because
 * a price without one of its conditions is a wrong price.
 */
export function* listedByLitellm(entries: JsonObject): Generator<ListedEntry> {
  for (const [key, entry] of Object.entries(entries)) {
    if (key !== 'sample_spec') yield listed(key, entry);
  }
}

function listed(key: string, entry: JsonValue): ListedEntry {
  if (!isObject(entry) || typeof entry.litellm_provider !== 'string') {
    return skipped(key, null, 'malformed', 'expected a model with litellm_provider');
  }
  const match = {
    provider: providerOfLitellm(entry.litellm_provider),
    model: modelOf(key, entry.litellm_provider),
  };
  const variant = variantOf(match.provider, match.model);
  if (variant !== null) return skipped(key, match, 'inexpressible', variant);

  const read = readEntry(entry, match.provider);
  if (read.kind === 'problem') return skipped(key, match, read.cause, read.reason);
  if (read.kind === 'nothing') {
    if (saysFree(match.model)) return model(key, match, FREE, []);
    return read.zeros > 0
      ? skipped(key, match, 'zero', 'all its prices are zero, and its name does not say that it is free')
      : skipped(key, match, 'empty', 'has no prices');
  }
  return model(key, match, read.price, read.leftOut);
}

function model(
  path: string,
  match: NonNullable<Skipped['match']>,
  price: CardPrice,
  leftOut: readonly LeftOut[],
): ListedEntry {
  return {
    kind: 'model',
    model: {
      path,
      ...match,
      dated: [{ from: null, price }],
      leftOut: leftOut.map(({ key, reason }) => ({
        path: `${path}.${key}`,
        cause: 'left_out',
        reason,
        match,
      })),
    },
  };
}

/** LiteLLM routes by the first part of a name; the provider itself never sees that part. */
function modelOf(key: string, litellmProvider: string): string {
  const routes = [
    litellmProvider,
    litellmProvider.split('-')[0] ?? '',
    ...(ROUTES.get(litellmProvider) ?? []),
  ];
  const route = routes.find((name) => key.startsWith(`${name}/`));
  return (route === undefined ? key : key.slice(route.length + 1)).toLowerCase();
}

const ROUTES: ReadonlyMap<string, readonly string[]> = new Map([
  ['bedrock_converse', ['bedrock/converse', 'bedrock']],
  ['bedrock_mantle', ['bedrock']],
  ['cohere_chat', ['cohere']],
  ['text-completion-openai', ['openai']],
]);

/** Names of one model at one size, place or commitment: no name that a span carries. */
function variantOf(provider: string, model: string): string | null {
  const first = model.includes('/') ? (model.split('/')[0] ?? '') : '';
  if (/^(?:\d+-x-\d+|max-x-max|hd|standard|low|medium|high|auto)$/.test(first)) {
    return 'its price depends on the size or quality of images';
  }
  if (provider === 'aws.bedrock' && first !== '') return 'it is the price of one AWS region or commitment';
  if (provider === 'azure.ai.openai' && /^(?:eu|us|global|global-standard)$/.test(first)) {
    return 'it is the price of one Azure deployment type';
  }
  return null;
}

type ReadEntry =
  | { readonly kind: 'price'; readonly price: CardPrice; readonly leftOut: readonly LeftOut[] }
  | { readonly kind: 'nothing'; readonly zeros: number }
  | Problem;

function readEntry(entry: JsonObject, provider: string): ReadEntry {
  const mode = typeof entry.mode === 'string' ? entry.mode : 'chat';
  const leftOut: LeftOut[] = [];
  const money = Object.entries(entry).filter(([key, value]) => isAboutMoney(key) && value !== null);

  for (const [key, value] of money) {
    if (isFeeApart(key)) {
      leftOut.push({ key, reason: 'a fee beside the tokens, or the price in another unit' });
    } else if (!isUnderstood(key, value, entry, mode)) {
      return problem('inexpressible', `its price depends on ${key}, which no card can say`);
    }
  }

  const tokens = tokenTables(entry, provider, leftOut);
  if (tokens.kind === 'problem') return tokens;
  const units = unitsOf(entry, mode, tokens.base, leftOut);
  if (units.kind === 'problem') return problem('malformed', units.problem);
  const factors = factorsOf(entry);
  if (factors.kind === 'problem') return factors;
  if (isEmpty(tokens.base) && isEmpty(units.amounts)) return { kind: 'nothing', zeros: tokens.zeros.length };

  leftOut.push(...tokens.zeros.map((key) => ({ key, reason: 'zero is no price' })));
  const serviceTiers = { ...factors.serviceTiers, ...tokens.serviceTiers };
  const price = {
    ...(isEmpty(tokens.base) ? {} : { rates: tokens.base }),
    ...(tokens.tiers.length === 0 ? {} : { tiers: [...tokens.tiers] }),
    ...(isEmpty(serviceTiers) ? {} : { service_tiers: serviceTiers }),
    ...(isEmpty(factors.regions) ? {} : { regions: factors.regions }),
    ...(isEmpty(factors.geos) ? {} : { inference_geos: factors.geos }),
    ...(isEmpty(units.amounts) ? {} : { units: units.amounts }),
  };
  return { kind: 'price', price, leftOut };
}

/** Whether all that a key says of money comes into the card, or is nothing. */
function isUnderstood(key: string, value: JsonValue, entry: JsonObject, mode: string): boolean {
  if (readPriceKey(key) !== null || key === 'search_context_cost_per_query') return true;
  if (key === 'tiered_pricing' || FACTOR_KEYS.has(key)) return true;
  if (pieceOf(key, mode) !== null) return true;
  if (isNothing(value)) return true;
  // Generated images are told in tokens or in pieces; with a price for tokens the other is only a translation.
  if (/^output_cost_per_image/.test(key) && entry.output_cost_per_image_token !== undefined) return true;
  // A counted image without a price makes the cost unknown, so the tokens beside it can be taken.
  if (key === 'output_cost_per_image' && entry.input_cost_per_token !== undefined) return true;
  const same = COUNTED_AS.get(key);
  return same !== undefined && entry[same] === value;
}

function isNothing(value: JsonValue): boolean {
  return (isObject(value) && isEmpty(value)) || (!isObject(value) && factor(value).kind === 'zero');
}

/** Pieces depend on the mode: a second is of audio that is heard, or of video that is made. */
function pieceOf(key: string, mode: string): keyof Units | null {
  if (key === 'input_cost_per_request') return 'request';
  if (key === 'ocr_cost_per_page') return 'page';
  if (key === 'output_cost_per_image' && (mode === 'image_generation' || mode === 'image_edit'))
    return 'image';
  // Written down as input and as output, for the one second that is heard.
  if (/^(?:input|output)_cost_per_second$/.test(key) && mode === 'audio_transcription') return 'second';
  if (key === 'output_cost_per_second' && mode === 'video_generation') return 'second';
  return null;
}

type Piece = { readonly name: keyof Units; readonly key: string; readonly amount: ListedAmount };

function unitsOf(entry: JsonObject, mode: string, base: Rates, leftOut: LeftOut[]) {
  const pieces: Piece[] = [];
  for (const [key, value] of Object.entries(entry)) {
    const name = pieceOf(key, mode);
    if (name === null || value === null) continue;
    if (name === 'image' && base.output_image !== undefined) {
      leftOut.push({ key, reason: 'the same images have a price in tokens' });
    } else {
      pieces.push({ name, key, amount: perPiece(value, 1n) });
    }
  }
  const search = entry.search_context_cost_per_query;
  const sizes = isObject(search) ? Object.values(search) : [];
  const [first] = sizes;
  if (first !== undefined) {
    const key = 'search_context_cost_per_query';
    // Without a price a counted search makes the cost unknown, which is better than any one of several prices.
    if (!sizes.every((size) => size === first)) {
      leftOut.push({ key, reason: 'its price depends on the size of the search context' });
    } else if (entry.web_search_billing_unit === 'per_prompt') {
      leftOut.push({ key, reason: 'it is a price per prompt, not per search' });
    } else {
      pieces.push({ name: 'web_search', key, amount: perPiece(first, 1n) });
    }
  }
  return table(pieces);
}

const FACTOR_KEYS = new Set([
  'regional_processing_uplift_multiplier_eu',
  'regional_processing_uplift_multiplier_us',
  'regional_endpoint_uplift_multiplier',
]);

interface Factors {
  readonly kind: 'factors';
  readonly regions: Record<string, string>;
  readonly geos: Record<string, string>;
  readonly serviceTiers: NonNullable<CardPrice['service_tiers']>;
}

/** True factors on every rate: data residency, regional endpoints, and those that the provider's entry names. */
function factorsOf(entry: JsonObject): Factors | Problem {
  const read: Factors = { kind: 'factors', regions: {}, geos: {}, serviceTiers: {} };
  const own = entry.provider_specific_entry;
  const named = isObject(own) ? Object.entries(own) : [];
  for (const [key, value] of [...Object.entries(entry).filter(([key]) => FACTOR_KEYS.has(key)), ...named]) {
    if (value === null) continue;
    const amount = factor(value);
    // The provider's entry also holds words for LiteLLM itself, which are no prices.
    if (amount.kind === 'malformed' && !FACTOR_KEYS.has(key)) continue;
    if (amount.kind !== 'amount') return problem('inexpressible', `${key} is no factor`);
    const residency = /^regional_processing_uplift_multiplier_(eu|us)$/.exec(key)?.[1];
    if (residency !== undefined) read.regions[residency] = amount.text;
    else if (key === 'regional_endpoint_uplift_multiplier') {
      read.regions['*'] = amount.text;
      read.regions.global = '1';
    } else if (key === 'fast') read.serviceTiers.fast = { multiplier: amount.text };
    else if (/^(?:us|eu|jp|au|ca)$/.test(key)) read.geos[key] = amount.text;
    else return problem('inexpressible', `its price depends on ${key}, which no card can say`);
  }
  return read;
}

function skipped(
  path: string,
  match: Skipped['match'],
  cause: Skipped['cause'],
  reason: string,
): ListedEntry {
  return { kind: 'skipped', skipped: { path, cause, reason, match } };
}
