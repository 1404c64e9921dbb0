import type { CardEntry, PriceFile } from '../price-file.ts';
import { joinBedrockPlaces, sameDated } from './bedrock.ts';
import { isList, isObject, type JsonValue, readExactJson } from './exact-json.ts';
import { listedByGenaiPrices } from './genai-prices.ts';
import type { ListedEntry, ListedModel, Skipped } from './listed-model.ts';
import { listedByLitellm } from './litellm.ts';
import { listedByModelsDev } from './models-dev.ts';

export const FEED_FORMATS = ['genai-prices', 'litellm', 'models.dev'] as const;
export type FeedFormat = (typeof FEED_FORMATS)[number];

/** A foreign list in our format, what of it was not taken, and how many models were. */
export interface Imported {
  readonly kind: 'imported';
  readonly format: FeedFormat;
  readonly file: PriceFile;
  readonly skipped: readonly Skipped[];
  readonly modelCount: number;
}

export type ImportOutcome =
  | Imported
  | { readonly kind: 'unreadable'; readonly reason: 'not_json' | 'wrong_format'; readonly detail: string };

/**
 * Prices without a date hold from here: no gen-ai span is older. Whoever takes an import over as it stands should say
 * since when it holds, and a refresh never uses this date (it would change the past).
 */
export const UNDATED_FROM = '2023-01-01';

/**
 * How a foreign price list becomes one of ours: read it without losing a digit, see which list it is, take each model
 * that a card can express as a whole, bring names of the same model together, and say of everything else why it was
 * not taken. Nothing is guessed and nothing is imported by half.
 */
export function importPrices(
  text: string,
  format: FeedFormat | 'auto',
  { undatedFrom = UNDATED_FROM }: { readonly undatedFrom?: string } = {},
): ImportOutcome {
  const json = readExactJson(text);
  if (json.kind === 'not_json') return { kind: 'unreadable', reason: 'not_json', detail: json.detail };
  const detected = formatOf(json.value);
  if (detected === null || (format !== 'auto' && format !== detected)) {
    const expected = format === 'auto' ? FEED_FORMATS.join(', ') : format;
    const found = detected === null ? 'none of the known lists' : detected;
    return { kind: 'unreadable', reason: 'wrong_format', detail: `expected ${expected}, found ${found}` };
  }
  const { models, skipped } = collect(joinBedrockPlaces(entriesOf(detected, json.value)));
  return {
    kind: 'imported',
    format: detected,
    file: { version: 1, cards: models.flatMap((model) => cardsOf(model, undatedFrom)) },
    skipped,
    modelCount: models.length,
  };
}

/** Which list a text is, by its shape alone; null when it is none of them. */
export function detectFormat(text: string): FeedFormat | null {
  const json = readExactJson(text);
  return json.kind === 'json' ? formatOf(json.value) : null;
}

function formatOf(list: JsonValue): FeedFormat | null {
  if (isList(list)) {
    return list.some((provider) => isObject(provider) && isList(provider.models)) ? 'genai-prices' : null;
  }
  if (!isObject(list)) return null;
  const entries = Object.values(list);
  if (entries.some((entry) => isObject(entry) && typeof entry.litellm_provider === 'string'))
    return 'litellm';
  return entries.some((entry) => isObject(entry) && isObject(entry.models)) ? 'models.dev' : null;
}

function entriesOf(format: FeedFormat, list: JsonValue): Iterable<ListedEntry> {
  switch (format) {
    case 'genai-prices':
      return isList(list) ? listedByGenaiPrices(list) : [];
    case 'litellm':
      return isObject(list) ? listedByLitellm(list) : [];
    case 'models.dev':
      return isObject(list) ? listedByModelsDev(list) : [];
  }
}

/** One entry for each model. The same model under two names of the list is one, if both say the same. */
function collect(entries: Iterable<ListedEntry>): { models: ListedModel[]; skipped: Skipped[] } {
  const byName = new Map<string, ListedModel[]>();
  const skipped: Skipped[] = [];
  for (const entry of entries) {
    if (entry.kind === 'skipped') {
      skipped.push(entry.skipped);
      continue;
    }
    const name = `${entry.model.provider}\n${entry.model.model}`;
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [entry.model]);
    else same.push(entry.model);
  }
  const models: ListedModel[] = [];
  for (const same of byName.values()) {
    const [first] = same;
    if (first === undefined) continue;
    const fullest = same.find((model) => same.every((other) => saysAllOf(model, other)));
    if (fullest !== undefined) {
      models.push(fullest);
      skipped.push(...fullest.leftOut);
      continue;
    }
    skipped.push({
      path: first.path,
      cause: 'ambiguous',
      reason: `its price differs between ${same.map(({ path }) => path).join(', ')}`,
      match: { provider: first.provider, model: first.model },
    });
  }
  return { models, skipped };
}

/** Alike, or alike but for the factors of places, which only one of them names. */
function saysAllOf(model: ListedModel, other: ListedModel): boolean {
  if (sameDated(model, other)) return true;
  const dated = other.dated.map((entry, at) => {
    const { regions, inference_geos } = model.dated[at]?.price ?? {};
    return {
      from: entry.from,
      price: {
        ...(regions === undefined ? {} : { regions }),
        ...(inference_geos === undefined ? {} : { inference_geos }),
        ...entry.price,
      },
    };
  });
  return sameDated(model, { ...other, dated });
}

function cardsOf({ provider, model, dated }: ListedModel, undatedFrom: string): CardEntry[] {
  return dated.map(({ from, price }, at) => {
    const next = dated[at + 1]?.from ?? null;
    return {
      id: `${provider}/${model}${from === null ? '' : `@${from}`}`,
      match: { provider, model },
      effective_from: from ?? undatedFrom,
      ...(next === null ? {} : { effective_to: next }),
      ...price,
    };
  });
}
