import { parseDecimal } from '@spanledger/metering';
import type { CardPrice } from '../import/index.ts';

/** Every amount of a card by a name for people (`above 272000 tokens, output`), for comparing two cards. */
export type Amounts = ReadonlyMap<string, bigint>;

/** Finer than any price, unit or factor is written down, so that comparing is exact. */
const SCALE = 30;
const SECONDS_PER_HOUR = 3600n;

/**
 * `thresholds` says how to tell long-context tiers apart. Two states of one list are compared to the token; two
 * different lists to the thousand, as they disagree on whether 272,000 itself is above 272,000.
 */
export function amountsOf(price: CardPrice, thresholds: 'to_the_token' | 'to_the_thousand'): Amounts {
  return new Map(labelled(price, thresholds));
}

function* labelled(price: CardPrice, thresholds: 'to_the_token' | 'to_the_thousand') {
  yield* table('', price.rates, price.tiers, thresholds);
  for (const [name, text] of Object.entries(price.units ?? {})) {
    const [label, value] = amount(`each ${name}`, text);
    // Lists that price a second and lists that price an hour speak of one thing.
    yield name === 'second' ? (['each hour', value * SECONDS_PER_HOUR] as const) : ([label, value] as const);
  }
  for (const [name, tier] of Object.entries(price.service_tiers ?? {})) {
    yield* table(`service tier ${name}, `, tier.rates, tier.tiers, thresholds);
    if (tier.multiplier !== undefined) yield amount(`service tier ${name}, factor`, tier.multiplier);
  }
  for (const [name, text] of Object.entries(price.regions ?? {})) yield amount(`region ${name}`, text);
  for (const [name, text] of Object.entries(price.inference_geos ?? {})) yield amount(`geo ${name}`, text);
}

function* table(
  prefix: string,
  rates: CardPrice['rates'],
  tiers: CardPrice['tiers'],
  thresholds: 'to_the_token' | 'to_the_thousand',
): Generator<readonly [string, bigint]> {
  for (const [name, text] of Object.entries(rates ?? {})) {
    // Without a price of its own reasoning costs what output does, so saying it is saying nothing.
    if (name !== 'reasoning' || text !== rates?.output) yield amount(`${prefix}${name}`, text);
  }
  for (const tier of tiers ?? []) {
    const above = tier.above ?? (tier.from ?? 0) - 1;
    const length = thresholds === 'to_the_token' ? `${above}` : `${Math.round(above / 1000)}k`;
    yield* table(`${prefix}above ${length} tokens, `, tier.rates, [], thresholds);
  }
}

/** The text of a card; anything else was let in at the border, which is a mistake of ours. */
function amount(label: string, text: string | number): readonly [string, bigint] {
  const parsed = parseDecimal(String(text), SCALE);
  if (parsed.kind === 'rejected') throw new RangeError(`expected a decimal for ${label}, got "${text}"`);
  return [label, parsed.value];
}

export function sameAmounts(left: Amounts, right: Amounts): boolean {
  return left.size === right.size && [...left].every(([label, value]) => right.get(label) === value);
}

/** Whether one is more than `times` the other; from or to nothing is another question. */
export function isFarFrom(left: bigint, right: bigint, times: number): boolean {
  const most = BigInt(times);
  return left > 0n && right > 0n && (left > right * most || right > left * most);
}
