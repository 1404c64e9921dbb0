import {
  type Factors,
  formatDecimal,
  RATE_SCALE,
  type RateTable,
  type Ratio,
  USD_SCALE,
} from '@spanledger/metering';
import type { DatedCard } from './price-book.ts';
import type { Hours, Interval } from './timeline.ts';

/** One price that two catalogues give differently, and when. */
export interface PriceDifference extends Interval {
  readonly provider: string;
  readonly model: string;
  /** Hours of the day that it is about; empty: all. */
  readonly hours: readonly Hours[];
  /** A token class, with its tier where it has one; a unit, a service tier, a region. */
  readonly item: string;
  /** USD per million tokens, or per piece; null where there is no price. */
  readonly theirs: string | null;
  readonly ours: string | null;
  /** The id of our card, which names every entry that made it; null where we have none. */
  readonly card: string | null;
}

/**
 * What our cards say otherwise than those of another catalogue, by model and time. Cards are held against each other
 * where their times overlap; one for certain hours against one for the same hours, else against the price of all day.
 */
export function priceDifferences(
  theirs: readonly DatedCard[],
  ours: readonly DatedCard[],
): readonly PriceDifference[] {
  const theirsByModel = Map.groupBy(theirs, modelOf);
  const oursByModel = Map.groupBy(ours, modelOf);
  const changed = ours.flatMap((card) => changes(card, theirsByModel.get(modelOf(card)) ?? []));
  const dropped = theirs.flatMap((card) => lost(card, oursByModel.get(modelOf(card)) ?? []));
  return joined([...changed, ...dropped]);
}

/** A difference that goes on when another entry begins is one difference. */
function joined(differences: readonly PriceDifference[]): readonly PriceDifference[] {
  const groups = Map.groupBy(differences, ({ fromMicros: _from, toMicros: _to, hours, ...said }) =>
    JSON.stringify([said, hoursKey(hours)]),
  );
  return [...groups.values()].flatMap((group) => {
    const runs: PriceDifference[] = [];
    for (const next of group.toSorted((one, other) => one.fromMicros - other.fromMicros)) {
      const last = runs.at(-1);
      if (last !== undefined && last.toMicros === next.fromMicros) {
        runs[runs.length - 1] = { ...last, toMicros: next.toMicros };
      } else runs.push(next);
    }
    return runs;
  });
}

function modelOf({ provider, card }: DatedCard): string {
  return `${provider}/${card.model}`;
}

function changes(ours: DatedCard, theirs: readonly DatedCard[]): readonly PriceDifference[] {
  const same = theirs.filter((other) => sameClock(other, ours));
  const allDay = theirs.filter((other) => other.hours.length === 0);
  const counterparts = same.length > 0 ? same : allDay;
  const rivals = counterparts.flatMap((other) => {
    const interval = overlap(ours, other);
    return interval === null ? [] : [{ interval, prices: statedPrices(other) }];
  });
  const alone = without(
    ours,
    rivals.map(({ interval }) => interval),
  );
  const prices = statedPrices(ours);
  return [...rivals, ...alone.map((interval) => ({ interval, prices: NO_PRICES }))].flatMap((rival) =>
    itemsOf(rival.prices, prices).map((item) => ({
      provider: ours.provider,
      model: ours.card.model,
      ...rival.interval,
      hours: ours.hours,
      item,
      theirs: rival.prices.get(item) ?? null,
      ours: prices.get(item) ?? null,
      card: ours.card.id,
    })),
  );
}

const NO_PRICES: ReadonlyMap<string, string> = new Map();

/** The items on which two statements of prices are not the same. */
function itemsOf(theirs: ReadonlyMap<string, string>, ours: ReadonlyMap<string, string>): readonly string[] {
  const items = new Set([...theirs.keys(), ...ours.keys()]);
  return [...items].filter((item) => theirs.get(item) !== ours.get(item));
}

/** Where they have a price and we have none for those hours: the price of the rest of the day has taken its place. */
function lost(theirs: DatedCard, ours: readonly DatedCard[]): readonly PriceDifference[] {
  const kept = ours.filter((other) => sameClock(other, theirs));
  return without(theirs, kept).flatMap((interval) => {
    const instead = ours.find((other) => other.hours.length === 0 && overlap(other, interval) !== null);
    return {
      provider: theirs.provider,
      model: theirs.card.model,
      ...interval,
      hours: theirs.hours,
      item: theirs.hours.length === 0 ? 'card' : 'hours',
      theirs: theirs.card.id,
      ours: instead?.card.id ?? null,
      card: instead?.card.id ?? null,
    };
  });
}

/** On other weekdays too: those are a price that can be stated and compared. */
function sameClock(one: DatedCard, other: DatedCard): boolean {
  const clock = ({ hours }: DatedCard) => JSON.stringify(hours.map(({ weekdays: _days, ...rest }) => rest));
  return clock(one) === clock(other);
}

function hoursKey(hours: readonly Hours[]): string {
  return JSON.stringify(hours.map((window) => ({ ...window, weekdays: daysText(window) })));
}

function daysText({ weekdays }: Hours): string {
  return [...weekdays]
    .sort()
    .map((day) => DAYS[day])
    .join(' ');
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function overlap(one: Interval, other: Interval): Interval | null {
  const fromMicros = Math.max(one.fromMicros, other.fromMicros);
  const end = Math.min(endOf(one), endOf(other));
  return fromMicros < end ? { fromMicros, toMicros: Number.isFinite(end) ? end : null } : null;
}

function endOf({ toMicros }: Interval): number {
  return toMicros ?? Number.POSITIVE_INFINITY;
}

/** What is left of an interval. */
function without(whole: Interval, taken: readonly Interval[]): readonly Interval[] {
  return taken.reduce<readonly Interval[]>(
    (left, hole) =>
      left.flatMap((part) => [
        ...clipped(part, Number.NEGATIVE_INFINITY, hole.fromMicros),
        ...clipped(part, endOf(hole), Number.POSITIVE_INFINITY),
      ]),
    [{ fromMicros: whole.fromMicros, toMicros: whole.toMicros }],
  );
}

function clipped(part: Interval, from: number, to: number): readonly Interval[] {
  const fromMicros = Math.max(part.fromMicros, from);
  const end = Math.min(endOf(part), to);
  return fromMicros < end ? [{ fromMicros, toMicros: Number.isFinite(end) ? end : null }] : [];
}

/** Everything that a card charges, by item, as text that is equal where the price is. */
function statedPrices({ card, hours }: DatedCard): ReadonlyMap<string, string> {
  const stated = new Map(ratesOf(card.standard));
  for (const window of hours) stated.set('weekdays', daysText(window));
  for (const [unit, price] of Object.entries(card.units)) stated.set(unit, formatDecimal(price, USD_SCALE));
  for (const [name, tier] of card.serviceTiers) {
    stated.set(
      `service tier ${name}`,
      tier.kind === 'factor'
        ? `× ${factorText(tier.factor)}`
        : ratesOf(tier)
            .map(([item, rate]) => `${item} ${rate}`)
            .join(', '),
    );
  }
  for (const [name, factor] of factorsOf(card.regions)) stated.set(`region ${name}`, `× ${factor}`);
  for (const [name, factor] of factorsOf(card.inferenceGeos))
    stated.set(`inference_geo ${name}`, `× ${factor}`);
  if (card.isFree) stated.set('free', 'yes');
  return stated;
}

function ratesOf({ rates, tiers }: RateTable): readonly (readonly [item: string, rate: string])[] {
  const tables = [
    { suffix: '', rates },
    ...tiers.map(({ threshold, operator, rates: above }) => ({
      suffix: ` ${operator === 'gt' ? 'above' : 'from'} ${threshold}`,
      rates: above,
    })),
  ];
  return tables.flatMap(({ suffix, rates: table }) =>
    Object.entries(table).map(
      ([item, rate]) => [`${item}${suffix}`, formatDecimal(rate, RATE_SCALE)] as const,
    ),
  );
}

function factorsOf({ byName, others }: Factors): readonly (readonly [name: string, factor: string])[] {
  return [...byName, ...(others === null ? [] : [['*', others] as const])].map(
    ([name, factor]) => [name, factorText(factor)] as const,
  );
}

function factorText({ numerator, denominator }: Ratio): string {
  return `${numerator}/${denominator}`;
}
