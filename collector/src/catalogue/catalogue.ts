import { createHash } from 'node:crypto';
import {
  type Catalogue,
  formatDecimal,
  type PriceMatch,
  type PriceQuery,
  RATE_SCALE,
  type Rates,
  type UnpricedReason,
} from '@spanledger/metering';
import { type IndexedList, indexList, type ModelMatch, matchModel } from './match.ts';
import { type DatedCard, loadPriceLists, PRICE_LIST_PACKAGE, type PriceList } from './price-list.ts';
import { listOfProvider } from './providers.ts';

/** A catalogue that can also be listed and named. */
export interface PriceCatalogue extends Catalogue {
  /** Names the source and its content; two catalogues with the same version give the same answers. */
  readonly version: string;
  /** All rate cards with their validity, for the SQL table of prices. */
  cards(): Iterable<DatedCard>;
}

/** Read once when the module loads: the package hands its bundled data out through a promise, without any I/O. */
const defaultLists = await loadPriceLists();

export function defaultCatalogue(): PriceCatalogue {
  return catalogueOf(defaultLists, PRICE_LIST_PACKAGE);
}

/**
 * How a price is found: the provider leads to a list, the model name to a model of it (both remembered, as there are
 * few of them and many calls), the instant to the card that held then.
 */
export function catalogueOf(lists: readonly PriceList[], source: string): PriceCatalogue {
  const indexed = new Map(lists.map((list) => [list.provider, indexList(list)]));
  const resolutions = new ResolutionCache((provider, model) => resolve(indexed, provider, model));
  const cards = lists.flatMap(datedCards);
  return {
    version: `${source}+${contentHash(cards)}`,
    cards: () => cards,
    find: (query) => find(resolutions, query),
  };
}

function find(resolutions: ResolutionCache, { provider, model, atMicros }: PriceQuery): PriceMatch {
  if (provider === null) return UNKNOWN_PROVIDER;
  const resolution = resolutions.of(provider, model);
  if (resolution.kind === 'unpriced') return resolution.answer;
  for (const { validFromMicros, validToMicros, answer } of resolution.answers) {
    if (atMicros >= validFromMicros && (validToMicros === null || atMicros < validToMicros)) return answer;
  }
  return NO_CARD_AT_TIME;
}

/** What is the same for every call of a model. Answers are built once, so a lookup allocates nothing. */
type Resolution =
  | { readonly kind: 'unpriced'; readonly answer: PriceMatch }
  | { readonly kind: 'priced'; readonly answers: readonly DatedAnswer[] };

interface DatedAnswer {
  readonly validFromMicros: number;
  readonly validToMicros: number | null;
  readonly answer: PriceMatch;
}

function resolve(indexed: ReadonlyMap<string, IndexedList>, provider: string, model: string): Resolution {
  const own = indexed.get(listOfProvider(provider));
  if (own === undefined) return { kind: 'unpriced', answer: UNKNOWN_PROVIDER };
  const fallbacks = own.list.fallbacks.flatMap((name) => indexed.get(name) ?? []);
  return priced(matchModel([own, ...fallbacks], model));
}

function priced(match: ModelMatch): Resolution {
  if (match.kind === 'none') return { kind: 'unpriced', answer: unpriced(match.reason) };
  const { prices } = match.model;
  switch (prices.kind) {
    case 'none':
      return { kind: 'unpriced', answer: unpriced('unknown_model') };
    case 'unsupported':
      return { kind: 'unpriced', answer: unpriced('unsupported_price') };
    case 'cards':
      return {
        kind: 'priced',
        answers: prices.cards.map(({ card, validFromMicros, validToMicros }) => ({
          validFromMicros,
          validToMicros,
          answer: { kind: 'found', card, matchKind: match.matchKind },
        })),
      };
  }
}

function unpriced(reason: UnpricedReason): PriceMatch {
  return { kind: 'unpriced', reason };
}

const UNKNOWN_PROVIDER = unpriced('unknown_provider');
const NO_CARD_AT_TIME = unpriced('no_card_at_time');

/**
 * Far more pairs than an installation uses, far less memory than matters. Names come from outside, so the bound is
 * needed; when it is reached everything is forgotten, which costs a moment and keeps the fast path two lookups.
 */
const MAX_RESOLUTIONS = 10_000;

/** Remembers resolutions by provider and model as sent. */
class ResolutionCache {
  readonly #resolve: (provider: string, model: string) => Resolution;
  readonly #byProvider = new Map<string, Map<string, Resolution>>();
  #size = 0;

  constructor(resolve: (provider: string, model: string) => Resolution) {
    this.#resolve = resolve;
  }

  of(provider: string, model: string): Resolution {
    return this.#byProvider.get(provider)?.get(model) ?? this.#remember(provider, model);
  }

  #remember(provider: string, model: string): Resolution {
    if (this.#size >= MAX_RESOLUTIONS) {
      this.#byProvider.clear();
      this.#size = 0;
    }
    const resolution = this.#resolve(provider, model);
    const byModel = this.#byProvider.get(provider) ?? new Map<string, Resolution>();
    byModel.set(model, resolution);
    this.#byProvider.set(provider, byModel);
    this.#size += 1;
    return resolution;
  }
}

function datedCards({ models }: PriceList): readonly DatedCard[] {
  return models.flatMap(({ prices }) => (prices.kind === 'cards' ? prices.cards : []));
}

/** Twelve hex digits over every card: a changed price is a new version even if the package kept its number. */
function contentHash(cards: readonly DatedCard[]): string {
  const hash = createHash('sha256');
  for (const { card, validFromMicros, validToMicros } of cards) {
    const tiers = card.tiers.map((tier) => `${tier.inputTokensAbove}:${ratesText(tier.rates)}`);
    hash.update([card.id, validFromMicros, validToMicros, ratesText(card.rates), ...tiers, ''].join('\n'));
  }
  return hash.digest('hex').slice(0, 12);
}

function ratesText(rates: Rates): string {
  return [rates.uncachedInput, rates.cacheRead, rates.cacheWrite, rates.visibleOutput, rates.reasoning]
    .map((rate) => (rate === null ? '-' : formatDecimal(rate, RATE_SCALE)))
    .join(' ');
}
