import type { CardPrice } from '../import/index.ts';
import type { CardEntry } from '../price-file.ts';

/** What a feed says of one model: its prices in the order of time. */
export interface Said {
  readonly provider: string;
  readonly model: string;
  readonly dated: readonly SaidPrice[];
}

export interface SaidPrice {
  readonly fromMillis: number;
  readonly price: CardPrice;
}

export type SaidByModel = ReadonlyMap<string, Said>;

/** The name of a model among all models, for people too. */
export function nameOf({ provider, model }: CardEntry['match']): string {
  return `${provider}/${model}`;
}

export function saidByModel(cards: readonly CardEntry[]): SaidByModel {
  const byModel = new Map<string, Said & { readonly dated: SaidPrice[] }>();
  for (const card of cards) {
    const name = nameOf(card.match);
    const said = byModel.get(name) ?? { ...card.match, dated: [] };
    said.dated.push({ fromMillis: millisOf(card.effective_from), price: priceOf(card) });
    byModel.set(name, said);
  }
  for (const { dated } of byModel.values()) dated.sort((left, right) => left.fromMillis - right.fromMillis);
  return byModel;
}

/** What held at an instant; null when all that was said is of later. */
export function heldAt(dated: readonly SaidPrice[], atMillis: number): SaidPrice | null {
  return dated.findLast(({ fromMillis }) => fromMillis <= atMillis) ?? null;
}

/** The parts of a price, some of them perhaps not there. */
export type PriceParts = { readonly [Part in keyof CardPrice]?: CardPrice[Part] | undefined };

/** The price in a card, or in parts that were put together: what is there of them, and nothing else. */
export function priceOf(parts: PriceParts): CardPrice {
  const { rates, tiers, units, service_tiers, regions, inference_geos, free } = parts;
  const { cache_writes_as_input, images_as_text } = parts;
  return {
    ...(rates === undefined ? {} : { rates }),
    ...(tiers === undefined ? {} : { tiers }),
    ...(units === undefined ? {} : { units }),
    ...(service_tiers === undefined ? {} : { service_tiers }),
    ...(regions === undefined ? {} : { regions }),
    ...(inference_geos === undefined ? {} : { inference_geos }),
    ...(cache_writes_as_input === undefined ? {} : { cache_writes_as_input }),
    ...(images_as_text === undefined ? {} : { images_as_text }),
    ...(free === undefined ? {} : { free }),
  };
}

/** A date begins at 00:00 UTC (`Date.parse` reads it so). A card of ours always has an instant that can be read. */
export function millisOf(instant: string): number {
  const millis = Date.parse(instant);
  if (Number.isNaN(millis)) throw new RangeError(`expected an instant, got "${instant}"`);
  return millis;
}
