import { createHash } from 'node:crypto';
import {
  type Factors,
  formatDecimal,
  RATE_SCALE,
  type RateCard,
  type RateTable,
  type Ratio,
  USD_SCALE,
} from '@spanledger/metering';

/**
 * A card as JSON, everything that decides what it charges and nothing else: equal cards have equal texts. Amounts are
 * decimals per million tokens and per piece (of sound: per hour).
 */
export function cardContent(card: RateCard): string {
  return JSON.stringify({
    id: card.id,
    provider: card.provider,
    model: card.model,
    ...tableContent(card.standard),
    service_tiers: [...card.serviceTiers].map(([name, tier]) =>
      tier.kind === 'factor' ? [name, ratioContent(tier.factor)] : [name, tableContent(tier)],
    ),
    regions: factorsContent(card.regions),
    inference_geos: factorsContent(card.inferenceGeos),
    discount: card.discount === null ? null : ratioContent(card.discount),
    units: decimals(card.units, USD_SCALE),
    cache_writes_as_input: card.cacheWritesAsInput,
    images_as_text: card.imagesAsText,
    free: card.isFree,
    imputed: card.isImputed,
  });
}

/** Names a content: 53 bits, what a number holds exactly. */
export function contentKey(content: string): number {
  const digest = createHash('sha256').update(content).digest();
  return Number(digest.readBigUInt64BE() >> 11n);
}

function tableContent({ rates, tiers }: RateTable) {
  return {
    rates: decimals(rates, RATE_SCALE),
    tiers: tiers.map(({ threshold, operator, rates: above }) => [
      operator,
      threshold,
      decimals(above, RATE_SCALE),
    ]),
  };
}

function factorsContent({ byName, others }: Factors) {
  return [
    ...[...byName].map(([name, factor]) => [name, ratioContent(factor)]),
    ...(others === null ? [] : [['*', ratioContent(others)]]),
  ];
}

function ratioContent({ numerator, denominator }: Ratio): string {
  return `${numerator}/${denominator}`;
}

function decimals(
  amounts: { readonly [name: string]: bigint | undefined },
  scale: number,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amounts).flatMap(([name, amount]) =>
      amount === undefined ? [] : [[name, formatDecimal(amount, scale)]],
    ),
  );
}
