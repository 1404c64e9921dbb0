import { isList, isObject, type JsonObject, type JsonValue } from './exact-json.ts';
import { type ListedAmount, perMillion, perPiece, tokenCount } from './listed-amount.ts';
import {
  type CardPrice,
  type DatedPrice,
  FREE,
  isEmpty,
  type ListedEntry,
  type Skipped,
  saysFree,
  type Tier,
  type TokenClass,
  table,
  type Units,
} from './listed-model.ts';
import { providerOfGenaiPrices } from './providers.ts';

/**
 * The list of pydantic/genai-prices, v2 (`prices/new_data/v2/data.json`, its slim form, and what its npm package
 * hands out): an array of providers, each with models, each with prices by unit in US dollars, some in tiers, some
 * from a date on. Of several conditional prices the last whose condition holds applies.
 */
export function* listedByGenaiPrices(providers: readonly JsonValue[]): Generator<ListedEntry> {
  for (const [index, provider] of providers.entries()) {
    if (!isObject(provider) || typeof provider.id !== 'string' || !isList(provider.models)) {
      yield skipped(`[${index}]`, null, 'malformed', 'expected a provider with id and models');
      continue;
    }
    for (const model of provider.models) yield listed(provider.id, model);
  }
}

function listed(list: string, model: JsonValue): ListedEntry {
  if (!isObject(model) || typeof model.id !== 'string') {
    return skipped(list, null, 'malformed', 'expected a model with an id');
  }
  const path = `${list}/${model.id}`;
  // Some ids end in the hyphen of a prefix (`ft:gpt-3.5-turbo-`), which is no part of the name.
  const match = { provider: providerOfGenaiPrices(list), model: model.id.toLowerCase().replace(/-$/, '') };

  const entries = datedEntries(model.prices);
  if (entries.kind === 'problem') return skipped(path, match, entries.cause, entries.reason);
  const dated: DatedPrice[] = [];
  const leftOut: Skipped[] = [];
  for (const { from, prices } of entries.dated) {
    const read = readPrices(prices, match.model);
    if (read.kind === 'problem') return skipped(path, match, read.cause, read.reason);
    dated.push({ from, price: read.price });
    leftOut.push(
      ...read.leftOut.map(({ key, reason }) => ({
        path: `${path}.${key}`,
        cause: 'left_out' as const,
        reason,
        match,
      })),
    );
  }
  return { kind: 'model', model: { path, ...match, dated, leftOut } };
}

type Problem = { readonly kind: 'problem'; readonly cause: Skipped['cause']; readonly reason: string };
type Entries =
  | {
      readonly kind: 'entries';
      readonly dated: readonly { readonly from: string | null; readonly prices: JsonObject }[];
    }
  | Problem;

function datedEntries(prices: JsonValue | undefined): Entries {
  if (isObject(prices)) return { kind: 'entries', dated: [{ from: null, prices }] };
  if (!isList(prices) || prices.length === 0) return problem('malformed', 'has no prices');
  const dated: { from: string | null; prices: JsonObject }[] = [];
  for (const entry of prices) {
    if (!isObject(entry) || !isObject(entry.prices))
      return problem('malformed', 'has a price without amounts');
    const from = startDate(entry.constraint);
    if (from === 'other') {
      // Such prices are published with weekdays and instants that this list cannot say.
      return problem('inexpressible', 'its price depends on more than a start date');
    }
    dated.push({ from, prices: entry.prices });
  }
  const starts = dated.map(({ from }) => from ?? '');
  const inOrder = starts.every((start, at) => at === 0 || start > (starts[at - 1] ?? ''));
  if (!inOrder) return problem('malformed', 'its dated prices are not in the order of time');
  return { kind: 'entries', dated };
}

function startDate(constraint: JsonValue | undefined): string | null | 'other' {
  if (constraint === undefined || constraint === null) return null;
  if (!isObject(constraint) || typeof constraint.start_date !== 'string') return 'other';
  const others = Object.keys(constraint).filter((key) => key !== 'start_date' && key !== 'type');
  return others.length === 0 && /^\d{4}-\d{2}-\d{2}$/.test(constraint.start_date)
    ? constraint.start_date
    : 'other';
}

const CLASS_OF_UNIT: ReadonlyMap<string, TokenClass> = new Map([
  ['input_mtok', 'input'],
  ['input_text_mtok', 'input'],
  ['input_audio_mtok', 'input_audio'],
  ['input_image_mtok', 'input_image'],
  ['cache_read_mtok', 'cache_read'],
  ['cache_text_read_mtok', 'cache_read'],
  ['cache_audio_read_mtok', 'cache_read_audio'],
  // A write without a duration is Anthropic's default of five minutes.
  ['cache_write_mtok', 'cache_write_5m'],
  ['cache_write_5m_mtok', 'cache_write_5m'],
  ['cache_write_1h_mtok', 'cache_write_1h'],
  ['output_mtok', 'output'],
  ['output_text_mtok', 'output'],
  ['output_reasoning_mtok', 'reasoning'],
  ['output_audio_mtok', 'output_audio'],
  ['output_image_mtok', 'output_image'],
]);

/** Tokens that no class is for: right only where they cost what the class costs in which they are counted. */
const COUNTED_AS: ReadonlyMap<string, string> = new Map([
  ['input_video_mtok', 'input_mtok'],
  ['output_video_mtok', 'output_mtok'],
  ['cache_image_read_mtok', 'cache_read_mtok'],
  ['cache_video_read_mtok', 'cache_read_mtok'],
]);

type Piece = { readonly name: keyof Units; readonly amount: ListedAmount };

const PIECE_OF_UNIT: ReadonlyMap<string, (value: JsonValue) => Piece> = new Map<
  string,
  (value: JsonValue) => Piece
>([
  ['web_searches_kcount', (value) => ({ name: 'web_search', amount: perPiece(value, 1000n) })],
  ['requests_kcount', (value) => ({ name: 'request', amount: perPiece(value, 1000n) })],
  ['input_document_kpages', (value) => ({ name: 'page', amount: perPiece(value, 1000n) })],
  ['audio_hours', (value) => ({ name: 'hour', amount: perPiece(value, 1n) })],
  ['input_audio_hours', (value) => ({ name: 'hour', amount: perPiece(value, 1n) })],
]);

/** Fees for what no span counts, beside the tokens: the tokens are priced rightly without them. */
const FEES_APART = new Set(['storage_searches_kcount', 'input_annotated_document_kpages']);

type ReadPrices =
  | {
      readonly kind: 'price';
      readonly price: CardPrice;
      readonly leftOut: readonly { readonly key: string; readonly reason: string }[];
    }
  | Problem;

function readPrices(prices: JsonObject, model: string): ReadPrices {
  const thresholds = new Set<number>();
  for (const [unit, value] of Object.entries(prices)) {
    const starts = startsOf(value);
    if (starts === null) return problem('malformed', `${unit} has tiers without start and price`);
    for (const start of starts) thresholds.add(start);
    const same = COUNTED_AS.get(unit);
    if (CLASS_OF_UNIT.has(unit) || PIECE_OF_UNIT.has(unit) || FEES_APART.has(unit)) continue;
    if (same !== undefined && JSON.stringify(prices[same]) === JSON.stringify(value)) continue;
    return problem('inexpressible', `no token class or piece is what ${unit} prices`);
  }

  const base = ratesAbove(prices, -1);
  if (base.kind === 'problem') return problem('malformed', base.problem);
  const tiers: Tier[] = [];
  for (const above of [...thresholds].sort((left, right) => left - right)) {
    const rates = ratesAbove(prices, above);
    if (rates.kind === 'problem') return problem('malformed', rates.problem);
    tiers.push({ above, rates: rates.amounts });
  }
  const units = table(
    Object.entries(prices).flatMap(([key, value]) => {
      const piece = PIECE_OF_UNIT.get(key);
      return piece === undefined ? [] : [{ key, ...piece(value) }];
    }),
  );
  if (units.kind === 'problem') return problem('inexpressible', units.problem);

  if (isEmpty(base.amounts) && isEmpty(units.amounts)) {
    if (saysFree(model)) return { kind: 'price', price: FREE, leftOut: [] };
    return base.zeros.length > 0
      ? problem('zero', 'all its prices are zero, and its name does not say that it is free')
      : problem('empty', 'has no prices');
  }
  const leftOut = [
    ...[...base.zeros, ...units.zeros].map((key) => ({ key, reason: 'zero is no price' })),
    ...Object.keys(prices)
      .filter((key) => FEES_APART.has(key))
      .map((key) => ({ key, reason: 'a fee for something that no span counts' })),
  ];
  const price = {
    ...(isEmpty(base.amounts) ? {} : { rates: base.amounts }),
    ...(tiers.length === 0 ? {} : { tiers }),
    ...(isEmpty(units.amounts) ? {} : { units: units.amounts }),
  };
  return { kind: 'price', price, leftOut };
}

/** Where the tiers of one unit begin, or null when they are malformed. */
function startsOf(value: JsonValue): readonly number[] | null {
  if (!isObject(value)) return [];
  if (!isList(value.tiers)) return null;
  const starts = value.tiers.map((tier) =>
    isObject(tier) && tier.price !== undefined ? tokenCount(tier.start) : null,
  );
  return starts.every((start) => start !== null) ? starts : null;
}

/** All rates of a request whose input is just above the threshold; a class without tiers keeps its one price. */
function ratesAbove(prices: JsonObject, threshold: number) {
  return table(
    Object.entries(prices).flatMap(([key, value]) => {
      const name = CLASS_OF_UNIT.get(key);
      return name === undefined
        ? []
        : [{ name, key, amount: perMillion(reached(value, threshold), 1_000_000n) }];
    }),
  );
}

function reached(value: JsonValue, threshold: number): JsonValue {
  if (!isObject(value)) return value;
  let price = value.base ?? null;
  let highest = -1;
  for (const tier of isList(value.tiers) ? value.tiers : []) {
    if (!isObject(tier)) continue;
    const start = tokenCount(tier.start);
    // The list does not promise that its tiers are in order.
    if (start === null || start > threshold || start < highest) continue;
    highest = start;
    price = tier.price ?? null;
  }
  return price;
}

function problem(cause: Skipped['cause'], reason: string): Problem {
  return { kind: 'problem', cause, reason };
}

function skipped(
  path: string,
  match: Skipped['match'],
  cause: Skipped['cause'],
  reason: string,
): ListedEntry {
  return { kind: 'skipped', skipped: { path, cause, reason, match } };
}
