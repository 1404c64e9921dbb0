import type { MatchKind, PriceMatch, RateCard, UnpricedReason } from '@spanledger/metering';
import { contractOver, layOver, withoutTerms } from './layers.ts';
import { type IndexedList, idOf, indexList, matchModel } from './match.ts';
import { type ModelName, readModelName } from './model-name.ts';
import type { PriceList } from './price-list.ts';
import { listOfProvider, providersOfList } from './providers.ts';
import type { LayerAlias, LayerCard, PriceLayer, Scope } from './read-price-file.ts';
import { type Choice, changeWithin, type Hours, type Interval, type Timeline } from './timeline.ts';

/** A card and when, and for whom, it holds. */
export interface DatedCard extends Interval {
  /** Whose calls have this price, by the name that spans give; several may buy from the list of the card. */
  readonly provider: string;
  readonly card: RateCard;
  readonly hours: readonly Hours[];
  /** Null: everybody. */
  readonly scope: Scope | null;
}

/** What a catalogue is made of, from the weakest to the strongest. */
export interface CatalogueParts {
  readonly lists: readonly PriceList[];
  /** Names the lists: package and version. */
  readonly source: string;
  /** In ascending order of precedence. */
  readonly layers: readonly PriceLayer[];
  /** Whether a name that is only similar to one known model is priced as that, as an estimate. */
  readonly similarModels: 'unpriced' | 'estimate';
}

/** What is the same for every call of a model. Answers are built once, so a lookup allocates nothing. */
export interface Resolution {
  /** The narrowest scope first. */
  readonly contracts: readonly { readonly scope: Scope; readonly dated: readonly DatedAnswer[] }[];
  readonly list: readonly DatedAnswer[];
  /** When nothing holds. */
  readonly otherwise: PriceMatch;
}

export interface DatedAnswer extends Interval {
  readonly choices: readonly { readonly hours: readonly Hours[]; readonly answer: PriceMatch }[];
}

/** Where a name led: whose list, which model in it. */
interface Located {
  readonly list: string;
  readonly id: string;
  readonly matchKind: MatchKind;
}

/** All layers, made ready for lookups. */
export class PriceBook {
  readonly #lists: ReadonlyMap<string, PriceList>;
  readonly #indexed = new Map<string, IndexedList>();
  readonly #layers: readonly PriceLayer[];
  readonly #cards: CardsAbout;
  /** Without what the user agreed on. */
  readonly #lentCards: CardsAbout;
  readonly #similarModels: CatalogueParts['similarModels'];
  readonly #listed: ReadonlyMap<string, ReadonlyMap<string, Timeline>>;

  constructor({ lists, layers, similarModels }: CatalogueParts) {
    this.#lists = new Map(lists.map((list) => [list.provider, list]));
    this.#layers = layers.map(inOrder);
    this.#cards = cardsAbout(this.#layers);
    this.#lentCards = cardsAbout(this.#layers.filter(({ kind }) => kind !== 'override'));
    this.#similarModels = similarModels;
    this.#listed = new Map(
      lists.map(({ provider, models }) => [
        provider,
        firstOfEach(models.map((model) => [idOf(model), model.prices])),
      ]),
    );
    const added = new Map<string, Set<string>>();
    for (const { provider, model, extendsList } of layers.flatMap(({ cards }) => cards)) {
      // What only changes a list price is no model of its own: the name may lead to another provider's list.
      if (extendsList || model === '*' || provider === '*') continue;
      const list = listOfProvider(provider);
      added.set(list, (added.get(list) ?? new Set()).add(model));
    }
    const aliases = layers.flatMap((layer) => layer.aliases);
    const movedIn = (list: string) =>
      new Set(aliases.flatMap(({ provider, model }) => (listOfProvider(provider) === list ? [model] : [])));
    for (const provider of new Set([...this.#lists.keys(), ...added.keys()])) {
      this.#indexed.set(
        provider,
        indexList(this.#lists.get(provider)?.models ?? [], added.get(provider) ?? [], movedIn(provider)),
      );
    }
  }

  resolve(provider: string, model: string, isDeployment: boolean): Resolution {
    const name = readModelName(provider, model, (named) => this.#indexed.has(listOfProvider(named)));
    // What a deployment is called says nothing, except to its owner.
    const layers = this.#layers.filter(({ kind }) => !isDeployment || kind === 'override');
    const aliases = aliasesOf(layers, provider, model, name, this.#lists);
    const named = isDeployment
      ? nothing(unpriced('deployment_unmapped', DEPLOYMENT_HELP))
      : this.#resolveName(name);
    return aliases.reduce((below, alias) => this.#withAlias(below, alias, name.provider), named);
  }

  /** Every card, under each provider whose calls it prices. */
  allCards(): readonly DatedCard[] {
    const places = new Map<string, readonly [provider: string, id: string]>();
    const add = (named: string, id: string) => {
      for (const provider of providersOfList(named)) places.set(`${provider}\n${id}`, [provider, id]);
    };
    for (const { provider, models } of this.#lists.values()) {
      for (const model of models) add(provider, idOf(model));
    }
    for (const { provider, model } of this.#layers.flatMap(({ cards }) => cards)) {
      if (model !== '*') add(provider, model);
    }
    const seen = new Set<string>();
    const cards: DatedCard[] = [];
    const collect = (provider: string, timeline: Timeline, scope: Scope | null) => {
      for (const { fromMicros, toMicros, choices } of timeline) {
        for (const choice of choices) {
          if (choice.kind !== 'card') continue;
          const { card, hours } = choice;
          const key = JSON.stringify([provider, card.id, fromMicros, toMicros, scope]);
          if (!seen.has(key)) cards.push({ provider, card, fromMicros, toMicros, hours, scope });
          seen.add(key);
        }
      }
    };
    for (const [provider, id] of places.values()) {
      const located = { list: listOfProvider(provider), id, matchKind: 'exact' } as const;
      const list = this.#listPrice(provider, [id], located);
      collect(provider, list, null);
      for (const { scope, timeline } of this.#contracts(provider, [id], list))
        collect(provider, timeline, scope);
    }
    return cards;
  }

  #withAlias(below: Resolution, alias: LayerAlias, provider: string): Resolution {
    const name = readModelName(alias.toProvider ?? provider, alias.to, () => true);
    const target = this.#resolveName({ ...name, region: alias.deployment ?? name.region });
    const isUsers = this.#layers.some(({ kind, aliases }) => kind === 'override' && aliases.includes(alias));
    const rename = (dated: readonly DatedAnswer[]) =>
      dated.flatMap((part) => clipped(part, alias, isUsers ? 'user_alias' : 'alias'));
    const outside = (dated: readonly DatedAnswer[]) => dated.flatMap((part) => without(part, alias));
    const isAlways = alias.fromMicros <= 0 && alias.toMicros === null;
    return {
      contracts: [
        ...target.contracts.map(({ scope, dated }) => ({ scope, dated: rename(dated) })),
        ...below.contracts.map(({ scope, dated }) => ({ scope, dated: outside(dated) })),
      ],
      list: [...rename(target.list), ...outside(below.list)],
      otherwise: isAlways ? target.otherwise : below.otherwise,
    };
  }

  #resolveName(name: ModelName): Resolution {
    const { provider, candidates, region } = name;
    if (name.isOpaque) return nothing(unpriced('deployment_unmapped', DEPLOYMENT_HELP));
    const located = this.#locate(name);
    const ids = located.kind === 'model' ? [...new Set([located.id, ...candidates])] : candidates;
    const matchKind = located.kind === 'model' ? located.matchKind : 'exact';
    const list = this.#listPrice(provider, ids, located.kind === 'model' ? located : null);
    const contracts = this.#contracts(provider, ids, list);
    if (list.length === 0 && contracts.length === 0) {
      return nothing(
        located.kind === 'model' ? unpriced('unknown_model', 'its list gives no price') : located.answer,
      );
    }
    return {
      contracts: contracts.map(({ scope, timeline }) => ({
        scope,
        dated: answers(timeline, matchKind, region),
      })),
      list: answers(list, matchKind, region),
      otherwise: NO_CARD_AT_TIME,
    };
  }

  #locate({
    provider,
    name,
    candidates,
    whole,
    region,
  }: ModelName):
    | ({ readonly kind: 'model' } & Located)
    | { readonly kind: 'none'; readonly answer: PriceMatch } {
    const own = listOfProvider(provider);
    const isDeployed = own === 'azure';
    let similar: readonly { readonly list: string; readonly id: string }[] = [];
    const lists = [own, ...(this.#lists.get(own)?.fallbacks ?? [])];
    const known = lists.filter((list) => this.#indexed.has(list));
    for (const list of known) {
      const index = this.#indexed.get(list);
      if (index === undefined) continue;
      // Bedrock sells globally for less: a price by region is no price of a global profile.
      const match = matchModel(
        index,
        { candidates, whole },
        (id) => region !== 'global' || !id.startsWith('regional.'),
      );
      if (match.kind === 'model') return { ...match, kind: 'model', list };
      if (similar.length === 0) similar = match.candidates.map((id) => ({ list, id }));
    }
    if (similar.length > 0) {
      const [only] = similar;
      if (this.#similarModels === 'estimate' && similar.length === 1 && only !== undefined) {
        return { kind: 'model', ...only, matchKind: 'fuzzy' };
      }
      const names = similar.slice(0, MAX_CANDIDATES).map(({ list, id }) => `${list}/${id}`);
      return { kind: 'none', answer: unpriced('fuzzy_match', `similar to ${names.join(', ')}`) };
    }
    if (isDeployed) return { kind: 'none', answer: unpriced('deployment_unmapped', DEPLOYMENT_HELP) };
    if (known.length === 0) return { kind: 'none', answer: UNKNOWN_PROVIDER };
    const detail = name.startsWith('ft:')
      ? 'a fine-tune has no price of its own here, and the base model costs something else'
      : null;
    return { kind: 'none', answer: unpriced('unknown_model', detail) };
  }

  /** The list price over time: the pinned list, and over it, layer by layer, what is for everybody. */
  #listPrice(provider: string, ids: readonly string[], located: Located | null): Timeline {
    const own = listOfProvider(provider);
    if (located !== null && located.list !== own) {
      // What corrects a list holds for whoever sells by it too; what the user agreed on, only where it was agreed.
      const listed = this.#listed.get(located.list)?.get(located.id) ?? [];
      const [seller = located.list] = providersOfList(located.list);
      const borrowed = this.#layOver(listed, this.#lentCards, seller, [located.id]);
      return this.#layOver(withoutTerms(borrowed), this.#cards, provider, ids);
    }
    const listed = located === null ? [] : (this.#listed.get(located.list)?.get(located.id) ?? []);
    return this.#layOver(listed, this.#cards, provider, ids);
  }

  #layOver(listed: Timeline, cards: CardsAbout, provider: string, ids: readonly string[]): Timeline {
    const list = listOfProvider(provider);
    let timeline = listed;
    for (const card of cards(ids)) {
      if (card.scope !== null || !isFor(card.provider, provider, list)) continue;
      timeline = layOver(timeline, card, list);
    }
    return timeline;
  }

  #contracts(
    provider: string,
    ids: readonly string[],
    list: Timeline,
  ): readonly { readonly scope: Scope; readonly timeline: Timeline }[] {
    const own = listOfProvider(provider);
    const byScope = new Map<string, { readonly scope: Scope; timeline: Timeline }>();
    for (const card of this.#cards(ids)) {
      if (card.scope === null || !isFor(card.provider, provider, own)) continue;
      const key = JSON.stringify([card.scope.tenant, card.scope.customer]);
      const contract = byScope.get(key) ?? { scope: card.scope, timeline: [] };
      byScope.set(key, contract);
      for (const segment of contractOver(list, card, own)) {
        contract.timeline = changeWithin(contract.timeline, segment, (below) =>
          card.hours === null ? segment.choices : [...segment.choices, ...below],
        );
      }
    }
    return [...byScope.values()]
      .filter(({ timeline }) => timeline.length > 0)
      .sort((one, other) => narrowness(other.scope) - narrowness(one.scope));
  }
}

const MAX_CANDIDATES = 5;
const DEPLOYMENT_HELP = 'only its owner knows the model: give it an alias under prices.aliases';

function narrowness({ tenant, customer }: Scope): number {
  return (customer === null ? 0 : 2) + (tenant === null ? 0 : 1);
}

function aliasesOf(
  layers: readonly PriceLayer[],
  provider: string,
  model: string,
  name: ModelName,
  lists: ReadonlyMap<string, PriceList>,
): readonly LayerAlias[] {
  const sent = model.trim().toLowerCase();
  const named = new Set([sent, name.name]);
  const own = listOfProvider(name.provider);
  const fallbacks = lists.get(own)?.fallbacks ?? [];
  return layers.flatMap(({ kind, aliases }) =>
    aliases.filter((alias) => {
      if (isFor(alias.provider, provider, listOfProvider(provider)) && alias.model === sent) return true;
      if (!named.has(alias.model)) return false;
      // Where a name has moved, it has for whoever sells by that list too.
      const isLent = kind !== 'override' && fallbacks.includes(listOfProvider(alias.provider));
      return isLent || isFor(alias.provider, name.provider, own);
    }),
  );
}

/** Wildcards first and later cards last, so that exact wins over wildcard, then the later start, then certain hours. */
function inOrder(layer: PriceLayer): PriceLayer {
  const cards = [...layer.cards].sort(
    (one, other) =>
      rank(one) - rank(other) ||
      one.startMicros - other.startMicros ||
      Number(one.hours !== null) - Number(other.hours !== null),
  );
  return { ...layer, cards };
}

function rank({ provider, model }: LayerCard): number {
  return (model === '*' ? 0 : 2) + (provider === '*' ? 0 : 1);
}

/** The cards about any of some models, in the order in which they apply. */
type CardsAbout = (ids: readonly string[]) => readonly LayerCard[];

/** Found by the model: for a list of all cards each model is asked for, and to pass over all others takes longer. */
function cardsAbout(layers: readonly PriceLayer[]): CardsAbout {
  const cards = layers.flatMap((layer) => layer.cards);
  const placesOf = Map.groupBy(cards.keys(), (place) => cards[place]?.model);
  return (ids) =>
    [...new Set([...ids, '*'])]
      .flatMap((id) => placesOf.get(id) ?? [])
      .sort((one, other) => one - other)
      .flatMap((place) => cards[place] ?? []);
}

/** An entry names one provider, or the list from which several buy, or `*`. */
function isFor(entryProvider: string, provider: string, list: string): boolean {
  return entryProvider === '*' || entryProvider === provider || entryProvider === list;
}

function firstOfEach<Value>(entries: readonly (readonly [string, Value])[]): ReadonlyMap<string, Value> {
  const map = new Map<string, Value>();
  for (const [key, value] of entries) if (!map.has(key)) map.set(key, value);
  return map;
}

function answers(timeline: Timeline, matchKind: MatchKind, region: string | null): readonly DatedAnswer[] {
  return timeline.map(({ fromMicros, toMicros, choices }) => ({
    fromMicros,
    toMicros,
    choices: choices.map((choice) => ({ hours: choice.hours, answer: answerOf(choice, matchKind, region) })),
  }));
}

function answerOf(choice: Choice, matchKind: MatchKind, region: string | null): PriceMatch {
  if (choice.kind === 'unpriced') return unpriced(choice.reason, null);
  return { kind: 'found', card: choice.card, matchKind, region };
}

function clipped(part: DatedAnswer, within: Interval, matchKind: MatchKind): readonly DatedAnswer[] {
  const choices = part.choices.map(({ hours, answer }) => ({
    hours,
    answer: answer.kind === 'found' ? { ...answer, matchKind } : answer,
  }));
  return cut(part, within.fromMicros, within.toMicros).map((interval) => ({ ...interval, choices }));
}

function without(part: DatedAnswer, { fromMicros, toMicros }: Interval): readonly DatedAnswer[] {
  const before = cut(part, Number.NEGATIVE_INFINITY, fromMicros);
  const after = toMicros === null ? [] : cut(part, toMicros, null);
  return [...before, ...after].map((interval) => ({ ...part, ...interval }));
}

function cut(part: Interval, from: number, to: number | null): readonly Interval[] {
  const fromMicros = Math.max(part.fromMicros, from);
  const end = Math.min(part.toMicros ?? Number.POSITIVE_INFINITY, to ?? Number.POSITIVE_INFINITY);
  if (fromMicros >= end) return [];
  return [{ fromMicros, toMicros: Number.isFinite(end) ? end : null }];
}

function nothing(otherwise: PriceMatch): Resolution {
  return { contracts: [], list: [], otherwise };
}

function unpriced(reason: UnpricedReason, detail: string | null): PriceMatch {
  return { kind: 'unpriced', reason, detail };
}

const UNKNOWN_PROVIDER = unpriced('unknown_provider', null);
const NO_CARD_AT_TIME = unpriced('no_card_at_time', null);
