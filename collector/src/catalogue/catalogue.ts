import { createHash } from 'node:crypto';
import type { Catalogue, PriceMatch, PriceQuery } from '@spanledger/metering';
import { cardContent } from './card-content.ts';
import { overlay } from './overlay.ts';
import {
  type CatalogueParts,
  type DatedAnswer,
  type DatedCard,
  PriceBook,
  type Resolution,
} from './price-book.ts';
import { loadPriceLists, PRICE_LIST_PACKAGE } from './price-list.ts';
import type { CurrencyPeriod, PriceLayer, Scope } from './read-price-file.ts';
import { isWithin } from './timeline.ts';

/** A catalogue that can also be listed and named. */
export interface PriceCatalogue extends Catalogue {
  /** Names the source and its content; two catalogues with the same version give the same answers. */
  readonly version: string;
  /** All rate cards with their validity, for the SQL table of prices and for people. */
  cards(): readonly DatedCard[];
  /** The fixed rates of other currencies, for reports. */
  readonly currencies: readonly CurrencyPeriod[];
}

/** Read once when the module loads: the package hands its bundled data out through a promise, without any I/O. */
const defaultLists = await loadPriceLists();

/** The pinned price list below the given layers. */
export function catalogueWith(
  layers: readonly PriceLayer[],
  similarModels: CatalogueParts['similarModels'] = 'unpriced',
): PriceCatalogue {
  return catalogueOf({ lists: defaultLists, source: PRICE_LIST_PACKAGE, layers, similarModels });
}

/** The pinned price list and our overlay: what holds where nobody configures anything. */
export function defaultCatalogue(): PriceCatalogue {
  return catalogueWith([overlay()]);
}

/**
 * How a price is found: the words for provider and model lead to a model (an alias of the user, else by form, exact id,
 * dated snapshot, the list's matcher), the model to what it costs over time after all layers (both remembered, as there
 * are few models and many calls), the instant to the card that held then, for that tenant and customer.
 */
export function catalogueOf(parts: CatalogueParts): PriceCatalogue {
  const book = new PriceBook(parts);
  const resolutions = new ResolutionCache(book);
  // Listing and naming every card takes longer than most questions; who only asks for prices need not wait for it.
  let cards: readonly DatedCard[] | null = null;
  let version: string | null = null;
  const listed = () => {
    cards ??= book.allCards();
    return cards;
  };
  return {
    get version() {
      version ??= `${parts.source}+${contentHash(parts, listed())}`;
      return version;
    },
    cards: listed,
    currencies: parts.layers.flatMap(({ currencies }) => currencies),
    find: (query) => find(resolutions, query),
  };
}

function find(resolutions: ResolutionCache, query: PriceQuery): PriceMatch {
  const { provider, model, isDeploymentName, atMicros } = query;
  // A model of one's own may have a price wherever it runs, also where nothing says where.
  const { contracts, list, otherwise } = resolutions.of(provider ?? '', model, isDeploymentName);
  for (const { scope, dated } of contracts) {
    if (!isInScope(scope, query)) continue;
    const answer = answerAt(dated, atMicros);
    if (answer !== null) return answer;
  }
  return answerAt(list, atMicros) ?? otherwise;
}

function isInScope({ tenant, customer }: Scope, query: PriceQuery): boolean {
  return (tenant === null || tenant === query.tenant) && (customer === null || customer === query.customer);
}

function answerAt(dated: readonly DatedAnswer[], atMicros: number): PriceMatch | null {
  for (const { fromMicros, toMicros, choices } of dated) {
    if (atMicros < fromMicros || (toMicros !== null && atMicros >= toMicros)) continue;
    for (const { hours, answer } of choices) {
      if (hours.length === 0 || hours.every((window) => isWithin(window, atMicros))) return answer;
    }
  }
  return null;
}

/**
 * Far more than an installation uses, far less memory than matters. Names come from outside, so the bound is needed;
 * when it is reached everything is forgotten, which costs a moment and keeps the fast path two lookups.
 */
const MAX_RESOLUTIONS = 10_000;

/** Remembers resolutions by provider and model as sent. */
class ResolutionCache {
  readonly #book: PriceBook;
  readonly #named = new Map<string, Map<string, Resolution>>();
  readonly #deployed = new Map<string, Map<string, Resolution>>();
  #size = 0;

  constructor(book: PriceBook) {
    this.#book = book;
  }

  of(provider: string, model: string, isDeployment: boolean): Resolution {
    const byProvider = isDeployment ? this.#deployed : this.#named;
    return byProvider.get(provider)?.get(model) ?? this.#remember(byProvider, provider, model, isDeployment);
  }

  #remember(
    byProvider: Map<string, Map<string, Resolution>>,
    provider: string,
    model: string,
    isDeployment: boolean,
  ): Resolution {
    if (this.#size >= MAX_RESOLUTIONS) {
      this.#named.clear();
      this.#deployed.clear();
      this.#size = 0;
    }
    const resolution = this.#book.resolve(provider, model, isDeployment);
    const byModel = byProvider.get(provider) ?? new Map<string, Resolution>();
    byModel.set(model, resolution);
    byProvider.set(provider, byModel);
    this.#size += 1;
    return resolution;
  }
}

/** Twelve hex digits over all that decides: a changed price is a new version even if the package kept its number. */
function contentHash({ layers, similarModels }: CatalogueParts, cards: readonly DatedCard[]): string {
  const hash = createHash('sha256');
  for (const { card, fromMicros, toMicros, hours, scope } of cards) {
    const when = hours.map((window) => ({ ...window, weekdays: [...window.weekdays] }));
    hash.update(`${JSON.stringify([fromMicros, toMicros, when, scope])}${cardContent(card)}\n`);
  }
  const currencies = layers.flatMap((layer) =>
    layer.currencies.map(({ perUsd, ...period }) => ({ ...period, perUsd: String(perUsd) })),
  );
  hash.update(JSON.stringify([similarModels, layers.map(({ aliases }) => aliases), currencies]));
  return hash.digest('hex').slice(0, 12);
}
