import {
  divideHalfEven,
  type Factors,
  formatDecimal,
  RATE_SCALE,
  type RateCard,
  type RateTable,
  type Ratio,
  USD_SCALE,
} from '@spanledger/metering';
import type { PriceCatalogue } from '../catalogue.ts';
import type { CardPrice } from '../import/index.ts';
import type { CurrentRates } from './layer.ts';
import { priceOf } from './said.ts';

/**
 * What a catalogue says of a model, as a feed is compared with it. The catalogue is made of the layers beneath the
 * feed. A name is resolved as that of a call, so a dated snapshot of a known model is known.
 */
export function currentRatesOf(catalogue: PriceCatalogue): CurrentRates {
  const hourly = catalogue.cards().filter(({ hours, scope }) => hours.length > 0 && scope === null);
  const nameOfCard = ({ provider, model }: RateCard) => `${provider}\n${model}`;
  const hourlyByModel = Map.groupBy(hourly, ({ card }) => nameOfCard(card));
  return (provider, model, atMicros) => {
    const match = catalogue.find({
      provider,
      model,
      atMicros,
      isDeploymentName: false,
      tenant: '',
      customer: null,
    });
    if (match.kind === 'unpriced') return null;
    const isByTheHour = hourlyByModel
      .get(nameOfCard(match.card))
      ?.some(
        ({ fromMicros, toMicros }) => fromMicros <= atMicros && (toMicros === null || atMicros < toMicros),
      );
    return isByTheHour ? 'by_the_hour' : priceOfCard(match.card);
  };
}

function priceOfCard(card: RateCard): CardPrice {
  const { second, ...pieces } = card.units;
  const units = amounts({ ...pieces, hour: second }, USD_SCALE);
  const serviceTiers = [...card.serviceTiers].map(([name, tier]) => [
    name,
    tier.kind === 'factor' ? { multiplier: factorText(tier.factor) } : tableOf(tier),
  ]);
  const { rates, tiers } = tableOf(card.standard);
  return priceOf({
    rates,
    tiers: tiers.length === 0 ? undefined : tiers,
    units: Object.keys(units).length === 0 ? undefined : units,
    service_tiers: serviceTiers.length === 0 ? undefined : Object.fromEntries(serviceTiers),
    regions: factorsOf(card.regions),
    inference_geos: factorsOf(card.inferenceGeos),
    cache_writes_as_input: card.cacheWritesAsInput,
    images_as_text: card.imagesAsText,
    free: card.isFree ? true : undefined,
  });
}

function tableOf({ rates, tiers }: RateTable) {
  return {
    rates: amounts(rates, RATE_SCALE),
    tiers: tiers.map(({ threshold, operator, rates }) => ({
      ...(operator === 'gt' ? { above: threshold } : { from: threshold }),
      rates: amounts(rates, RATE_SCALE),
    })),
  };
}

function amounts<Name extends string>(
  values: { readonly [Key in Name]?: bigint | undefined },
  scale: number,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries<bigint | undefined>(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, formatDecimal(value, scale)]],
    ),
  );
}

function factorsOf({ byName, others }: Factors): Record<string, string> | undefined {
  if (byName.size === 0 && others === null) return undefined;
  const named = [...byName].map(([name, factor]) => [name, factorText(factor)]);
  return Object.fromEntries(others === null ? named : [...named, ['*', factorText(others)]]);
}

/** Factors are read from decimals with at most this many places, so the division comes out even. */
function factorText({ numerator, denominator }: Ratio): string {
  return formatDecimal(divideHalfEven(numerator * 10n ** BigInt(RATE_SCALE), denominator), RATE_SCALE);
}
