import type { Factors, RateCard } from '@spanledger/metering';
import { NO_FACTORS } from '@spanledger/metering';
import type { LayerCard } from './read-price-file.ts';
import { type Choice, changeWithin, clip, type Hours, type Timeline } from './timeline.ts';

/**
 * Lays a card over what the layers below it say. Without `extends` it takes their place for its time; with it, what it
 * says is changed and the rest stays. Hours of a card leave the rest of the day as it was.
 */
export function layOver(below: Timeline, entry: LayerCard, provider: string): Timeline {
  if (!entry.extendsList) {
    const choice = ownChoice(entry, provider);
    return changeWithin(below, entry, (choices) => (entry.hours === null ? [choice] : [choice, ...choices]));
  }
  return changeWithin(below, entry, (choices) => {
    const changed = choices.map((choice) => extended(choice, entry));
    return entry.hours === null ? changed : [...changed, ...choices];
  });
}

/** What a contract makes of the list price: only for its time, and only where there is something to extend. */
export function contractOver(list: Timeline, entry: LayerCard, provider: string): Timeline {
  return clip(layOver(clip(list, entry), entry, provider), entry);
}

function ownChoice(entry: LayerCard, provider: string): Choice {
  const hours = hoursOf(entry);
  if (entry.isUnsupported) return { kind: 'unpriced', hours, reason: 'unsupported_currency' };
  const { rates, tiers, serviceTiers, regions, inferenceGeos, units, isFree, isImputed } = entry;
  const hasWrites = rates.cache_write_5m !== undefined || rates.cache_write_1h !== undefined;
  return {
    kind: 'card',
    hours,
    card: {
      id: entry.id,
      provider,
      model: entry.model,
      standard: { rates: isFree ? { input: 0n, output: 0n, ...rates } : rates, tiers: tiers ?? [] },
      serviceTiers,
      regions,
      inferenceGeos,
      discount: null,
      units,
      cacheWritesAsInput: entry.cacheWritesAsInput ?? !(hasWrites || entry.model.includes('claude')),
      imagesAsText: entry.imagesAsText ?? false,
      isFree,
      isImputed,
    },
  };
}

function hoursOf({ hours }: LayerCard): readonly Hours[] {
  return hours === null ? [] : [hours];
}

function extended(choice: Choice, entry: LayerCard): Choice {
  const hours = [...choice.hours, ...hoursOf(entry)];
  if (entry.isUnsupported) return { kind: 'unpriced', hours, reason: 'unsupported_currency' };
  if (choice.kind === 'unpriced') return { ...choice, hours };
  const { card } = choice;
  return { kind: 'card', hours, card: extendedCard(card, entry) };
}

function extendedCard(card: RateCard, entry: LayerCard): RateCard {
  const rates = { ...card.standard.rates, ...entry.rates };
  const saysWrites = entry.rates.cache_write_5m !== undefined;
  return {
    ...card,
    id: `${card.id}+${entry.id}`,
    standard: { rates, tiers: entry.tiers ?? card.standard.tiers },
    serviceTiers: new Map([...card.serviceTiers, ...entry.serviceTiers]),
    regions: merged(card.regions, entry.regions),
    inferenceGeos: merged(card.inferenceGeos, entry.inferenceGeos),
    units: { ...card.units, ...entry.units },
    discount: entry.discount ?? card.discount,
    cacheWritesAsInput: entry.cacheWritesAsInput ?? (card.cacheWritesAsInput && !saysWrites),
    imagesAsText: entry.imagesAsText ?? card.imagesAsText,
    isFree: entry.isFree || (card.isFree && Object.values(rates).every((rate) => rate === 0n)),
  };
}

function merged(below: Factors, above: Factors): Factors {
  if (above.byName.size === 0 && above.others === null) return below;
  return {
    byName: new Map([...below.byName, ...above.byName]),
    others: above.others ?? below.others,
  };
}

/**
 * The price list of another provider holds, but not its terms of sale: service tiers, regions and hours are the
 * business of whoever sells, under words of their own.
 */
export function withoutTerms(timeline: Timeline): Timeline {
  return timeline.map((segment) => ({
    ...segment,
    choices: segment.choices.flatMap((choice): readonly Choice[] => {
      if (choice.kind === 'unpriced') return [choice];
      return choice.hours.length > 0 ? [] : [{ ...choice, card: { ...choice.card, ...NO_TERMS } }];
    }),
  }));
}

const NO_TERMS = { serviceTiers: new Map(), regions: NO_FACTORS, inferenceGeos: NO_FACTORS };
