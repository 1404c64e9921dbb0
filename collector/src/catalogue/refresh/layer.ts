import type { CardPrice } from '../import/index.ts';
import type { CardEntry } from '../price-file.ts';
import { type Amounts, amountsOf, isFarFrom, sameAmounts } from './amounts.ts';
import { heldAt, millisOf, nameOf, priceOf, type Said, type SaidByModel } from './said.ts';

/**
 * What the layers beneath the feed (our overlay, the pinned list) say of a model at an instant, or null when they do
 * not know it. The feed's own cards must not be in it: announcements would confirm themselves. A price that depends on
 * the hour is left as it is, because no feed says it in a way that could be compared.
 */
export type CurrentRates = (
  provider: string,
  model: string,
  atMicros: number,
) => CardPrice | 'by_the_hour' | null;

export interface FeedNews {
  readonly source: string;
  readonly currentRates: CurrentRates;
  /** The same of the pinned list alone: what our overlay corrects is no news when another list repeats it. */
  readonly pinnedRates: CurrentRates | null;
  /** What the feed said the last time; null when it has not been asked before, or another feed was. */
  readonly before: SaidByModel | null;
  readonly after: SaidByModel;
  /** The layer so far. */
  readonly cards: readonly CardEntry[];
  readonly lastFetchMillis: number | null;
  readonly nowMillis: number;
  readonly maxPriceFactor: number;
}

/** The layer with the news in it, and what they were. Names are `provider/model`. */
export interface FeedLayer {
  readonly cards: readonly CardEntry[];
  /** The catalogue did not know the model. */
  readonly added: readonly string[];
  /** It costs something else from now on (or from a date since the last fetch). */
  readonly changed: readonly string[];
  /** It will. Provisional: the next fetch says it again or it falls. */
  readonly announced: readonly string[];
  /** An announcement that the feed did not repeat. */
  readonly withdrawn: readonly string[];
  /** Further from the catalogue than a price can move: the catalogue is kept. */
  readonly disputed: readonly string[];
  /** Models of the feed that the catalogue knows too. */
  readonly shared: number;
}

/**
 * How the layer of the feed grows: by what the feed says differently from last time, or, of a model that it says for
 * the first time, differently from the catalogue. The past stays as it was: cards that have come into force are never
 * changed or deleted, and new ones begin now, or on the feed's own date if that is not before the last fetch.
 */
export function growLayer(news: FeedNews): FeedLayer {
  const inForce = news.cards.filter((card) => millisOf(card.effective_from) <= news.nowMillis);
  const provisional = news.cards.filter((card) => millisOf(card.effective_from) > news.nowMillis);
  const inForceByModel = Map.groupBy(inForce, ({ match }) => nameOf(match));
  const provisionalById = new Map(provisional.map((card) => [card.id, card]));

  const grown: CardEntry[] = [];
  const added: string[] = [];
  const changed: string[] = [];
  const announced = new Set<string>();
  const disputed: string[] = [];
  let shared = 0;
  for (const [name, said] of news.after) {
    const step = growModel(said, inForceByModel.get(name) ?? [], news);
    if (step.isKnown) shared += 1;
    if (step.isDisputed) disputed.push(name);
    for (const card of step.cards) {
      const repeated = provisionalById.get(card.id);
      if (repeated !== undefined && sameAmounts(exact(priceOf(repeated)), exact(priceOf(card)))) {
        provisionalById.delete(card.id);
        grown.push(repeated);
        continue;
      }
      grown.push(card);
      if (millisOf(card.effective_from) > news.nowMillis) announced.add(name);
      else (step.isKnown ? changed : added).push(name);
    }
  }
  const withdrawn = [...new Set([...provisionalById.values()].map(({ match }) => nameOf(match)))];
  return {
    cards: [...inForce, ...grown],
    added,
    changed,
    announced: [...announced],
    withdrawn,
    disputed,
    shared,
  };
}

interface ModelStep {
  readonly cards: readonly CardEntry[];
  readonly isKnown: boolean;
  readonly isDisputed: boolean;
}

function growModel(said: Said, own: readonly CardEntry[], news: FeedNews): ModelStep {
  const { nowMillis, lastFetchMillis } = news;
  const ask = (rates: CurrentRates | null, atMillis: number) => {
    const price = rates?.(said.provider, said.model, atMillis * 1000) ?? null;
    return price === 'by_the_hour' ? null : price;
  };
  const beneathAt = (atMillis: number) => ask(news.currentRates, atMillis);
  const pinnedAt = (atMillis: number) => ask(news.pinnedRates, atMillis);
  const instants = [nowMillis, ...said.dated.map(({ fromMillis }) => fromMillis)].filter(
    (at) => at >= nowMillis,
  );
  if (instants.some((at) => news.currentRates(said.provider, said.model, at * 1000) === 'by_the_hour')) {
    return { cards: [], isKnown: true, isDisputed: false };
  }
  const isKnown = own.length > 0 || beneathAt(nowMillis) !== null;
  const last = news.before?.get(nameOf(said))?.dated ?? [];

  const cards: CardEntry[] = [];
  const present = heldAt(said.dated, nowMillis);
  if (present !== null) {
    const beneath = beneathAt(nowMillis);
    // Where the catalogue has changed by itself since the last fetch, that the feed repeats itself is news.
    const isBeneathNew =
      own.length === 0 && lastFetchMillis !== null && !samePrice(beneathAt(lastFetchMillis), beneath);
    const decision = decide(
      {
        price: present.price,
        last: heldAt(last, nowMillis)?.price ?? null,
        layer: latest(own),
        beneath,
        pinned: pinnedAt(nowMillis),
        isBeneathNew,
      },
      news.maxPriceFactor,
    );
    if (decision.kind === 'disputed') return { cards, isKnown, isDisputed: true };
    if (decision.kind === 'adopt') {
      const isDatedSince = lastFetchMillis !== null && present.fromMillis >= lastFetchMillis;
      const from = isDatedSince && !beginsAt(own, present.fromMillis) ? present.fromMillis : nowMillis;
      cards.push(cardOf(said, from, decision.price, news));
    }
  }
  // Announcements are made anew from what is said today; those of the last fetch count only if they are repeated.
  let before = present;
  for (const future of said.dated.filter(({ fromMillis }) => fromMillis > nowMillis)) {
    const beneath = beneathAt(future.fromMillis);
    const layer = latest([...own, ...cards]);
    const decision = decide(
      {
        price: future.price,
        last: before?.price ?? null,
        layer,
        beneath,
        pinned: pinnedAt(future.fromMillis),
        isBeneathNew: layer === null,
      },
      news.maxPriceFactor,
    );
    if (decision.kind === 'disputed') return { cards, isKnown, isDisputed: true };
    if (decision.kind === 'adopt') cards.push(cardOf(said, future.fromMillis, decision.price, news));
    before = future;
  }
  return { cards, isKnown, isDisputed: false };
}

interface Question {
  readonly price: CardPrice;
  /** What the feed said until then; null when it said nothing. */
  readonly last: CardPrice | null;
  /** The feed's own card that is in force. */
  readonly layer: CardPrice | null;
  readonly beneath: CardPrice | null;
  readonly pinned: CardPrice | null;
  readonly isBeneathNew: boolean;
}

type Decision =
  | { readonly kind: 'agreed' }
  | { readonly kind: 'disputed' }
  | { readonly kind: 'adopt'; readonly price: CardPrice };

/**
 * Whether a price needs a card. Against what the feed said until then, every difference counts. Against the catalogue
 * only what the feed states counts, because no list states everything that another does.
 */
function decide(question: Question, maxPriceFactor: number): Decision {
  const { price, last, layer, beneath, pinned, isBeneathNew } = question;
  if (last !== null && !isBeneathNew && samePrice(last, price)) return { kind: 'agreed' };
  const dropped = last === null ? [] : labelsOnlyIn(coarse(last), coarse(price));
  const current = layer ?? beneath;
  if (current !== null && agrees(price, current, dropped)) return { kind: 'agreed' };
  if (layer === null && pinned !== null && agrees(price, pinned, dropped)) return { kind: 'agreed' };
  // Within its guards the feed is believed about what it said before. Its first word on a model is not proved by
  // anything, so it must not be far from what is known.
  const isFirstWord = last === null || layer === null;
  if (current !== null && isFirstWord && isFar(price, current, maxPriceFactor)) return { kind: 'disputed' };
  return { kind: 'adopt', price: beneath === null ? price : joined(price, beneath, dropped) };
}

/** The current card says all that is stated, alike, and nothing that has been dropped. */
function agrees(price: CardPrice, current: CardPrice, dropped: readonly string[]): boolean {
  const known = coarse(current);
  if (dropped.some((label) => known.has(label))) return false;
  return [...coarse(price)].every(([label, value]) => known.get(label) === value);
}

function isFar(price: CardPrice, current: CardPrice, times: number): boolean {
  const known = coarse(current);
  return [...coarse(price)].some(([label, value]) => isFarFrom(value, known.get(label) ?? 0n, times));
}

/**
 * The price as it is adopted. Where it only adds to the current card, both hold. Where a price is another, the card
 * stands on its own: tables of the old price would be wrong, and only what does not depend on it is kept, which are
 * true factors, prices of pieces when the feed speaks of none, and how writes and images are counted.
 */
function joined(price: CardPrice, current: CardPrice, dropped: readonly string[]): CardPrice {
  const known = coarse(current);
  const onlyAdds =
    dropped.every((label) => !known.has(label)) &&
    [...coarse(price)].every(([label, value]) => (known.get(label) ?? value) === value);
  const factors = {
    regions: merged(current.regions, price.regions),
    inference_geos: merged(current.inference_geos, price.inference_geos),
  };
  if (onlyAdds) {
    return priceOf({
      ...current,
      ...price,
      ...factors,
      rates: merged(current.rates, price.rates),
      units: merged(current.units, price.units),
      service_tiers: mergedServiceTiers(current, price),
      tiers: mergedLadder(current.tiers, price.tiers),
    });
  }
  return priceOf({
    ...price,
    ...factors,
    units: price.units ?? current.units,
    service_tiers: merged(trueFactors(current), price.service_tiers),
    cache_writes_as_input: current.cache_writes_as_input,
    images_as_text: current.images_as_text,
  });
}

/** One part of two cards; what the second says goes before. */
function merged<Part extends object>(current: Part | undefined, stated: Part | undefined): Part | undefined {
  if (current === undefined) return stated;
  return stated === undefined ? current : { ...current, ...stated };
}

type Ladder = CardPrice['tiers'];

/**
 * Tiers are one ladder: two lists that number a step differently (above 271,999, above 272,000) mean one step, and
 * the current number of it stays. Ladders with other steps are not mixed.
 */
function mergedLadder(current: Ladder, stated: Ladder): Ladder {
  if (current === undefined || stated === undefined) return current ?? stated;
  return current.map((tier) => {
    const same = stated.find((other) => stepOf(other) === stepOf(tier));
    return same === undefined ? tier : { ...tier, rates: { ...tier.rates, ...same.rates } };
  });
}

function stepOf({ above, from }: NonNullable<Ladder>[number]): number {
  return Math.round((above ?? (from ?? 0) - 1) / 1000);
}

type ServiceTiers = CardPrice['service_tiers'];

function mergedServiceTiers(current: CardPrice, stated: CardPrice): ServiceTiers {
  const tiers = merged(current.service_tiers, stated.service_tiers);
  if (tiers === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(tiers).map(([name, tier]) => {
      const own = current.service_tiers?.[name];
      // A factor and a table are two ways to say one thing; the newer one holds.
      if ((own?.multiplier === undefined) !== (tier.multiplier === undefined)) return [name, tier];
      const rates = merged(own?.rates, tier.rates);
      const ladder = mergedLadder(own?.tiers, tier.tiers);
      return [
        name,
        {
          ...tier,
          ...own,
          ...(rates === undefined ? {} : { rates }),
          ...(ladder === undefined ? {} : { tiers: ladder }),
        },
      ];
    }),
  );
}

/** Service tiers that are a factor on whatever the standard price is. */
function trueFactors({ service_tiers }: CardPrice): ServiceTiers {
  const factors = Object.entries(service_tiers ?? {}).filter(
    ([, tier]) => tier.multiplier !== undefined && tier.rates === undefined && tier.tiers === undefined,
  );
  return factors.length === 0 ? undefined : Object.fromEntries(factors);
}

function labelsOnlyIn(one: Amounts, other: Amounts): readonly string[] {
  return [...one.keys()].filter((label) => !other.has(label));
}

function samePrice(left: CardPrice | null, right: CardPrice | null): boolean {
  if (left === null || right === null) return left === right;
  return sameAmounts(exact(left), exact(right));
}

function exact(price: CardPrice): Amounts {
  return amountsOf(price, 'to_the_token');
}

function coarse(price: CardPrice): Amounts {
  return amountsOf(price, 'to_the_thousand');
}

function latest(own: readonly CardEntry[]): CardPrice | null {
  const [last] = own.toSorted(
    (left, right) => millisOf(right.effective_from) - millisOf(left.effective_from),
  );
  return last === undefined ? null : priceOf(last);
}

function beginsAt(own: readonly CardEntry[], millis: number): boolean {
  return own.some((card) => millisOf(card.effective_from) === millis);
}

function cardOf(said: Said, fromMillis: number, price: CardPrice, news: FeedNews): CardEntry {
  const from = new Date(fromMillis).toISOString();
  const { provider, model } = said;
  return {
    id: `feed:${nameOf(said)}@${from}`,
    match: { provider, model },
    effective_from: from,
    ...price,
    source: { url: news.source, read: new Date(news.nowMillis).toISOString().slice(0, 10) },
  };
}
