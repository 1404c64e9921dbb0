import { formatDecimal, RATE_SCALE, type Rates, type RateTable, USD_SCALE } from '@spanledger/metering';
import { cardContent } from '../catalogue/card-content.ts';
import type { DatedCard, PriceCatalogue } from '../catalogue/index.ts';
import { counted, type Output, type Paint, visible } from '../terminal.ts';
import { factorText } from './priced-line.ts';

/** The cards of every model whose provider and name contain all the words, as they follow one another. */
export function searchPrices(
  catalogue: PriceCatalogue,
  words: readonly string[],
): ReadonlyMap<string, readonly DatedCard[]> {
  const wanted = words.map((word) => word.toLowerCase());
  const found = catalogue.cards().filter(({ provider, card }) => {
    const name = `${provider}/${card.model}`.toLowerCase();
    return wanted.every((word) => name.includes(word));
  });
  const byModel = Map.groupBy(found, ({ provider, card }) => `${provider}/${card.model}`);
  return new Map(
    [...byModel]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([model, cards]) => [model, cards.toSorted((one, other) => one.fromMicros - other.fromMicros)]),
  );
}

/** For programs: the card, and when and for whom it holds. */
export function datedContent({ provider, card, fromMicros, toMicros, hours, scope }: DatedCard): object {
  const content: object = JSON.parse(cardContent(card));
  return {
    ...content,
    provider,
    valid_from: instantText(fromMicros),
    valid_to: toMicros === null ? null : instantText(toMicros),
    hours: hours.map(({ weekdays, ...window }) => ({ ...window, weekdays: [...weekdays] })),
    scope,
  };
}

function instantText(micros: number): string {
  return new Date(micros / 1000).toISOString();
}

export function printSearch(
  out: Output,
  found: ReadonlyMap<string, readonly DatedCard[]>,
  paint: Paint,
): void {
  for (const [model, cards] of found) {
    out.write(`${paint('bold', visible(model))}\n`);
    for (const dated of cards) printCard(out, dated, paint);
    out.write('\n');
  }
  out.write(`${counted(found.size, 'model')}, prices in USD per million tokens\n`);
}

function printCard(out: Output, { card, fromMicros, toMicros, hours, scope }: DatedCard, paint: Paint): void {
  const from = day(fromMicros);
  const when = toMicros === null ? `since ${from}` : `${from} to ${day(toMicros)}`;
  const who = [scope?.tenant, scope?.customer].filter((name) => name != null).join(', ');
  const limits = [...(who === '' ? [] : [`for ${who}`]), ...(hours.length === 0 ? [] : ['at certain hours'])];
  out.write(`  ${[when, ...limits].join(', ')}  ${paint('dim', visible(card.id))}\n`);
  printTable(out, card.standard, '');
  for (const [name, tier] of card.serviceTiers) {
    if (tier.kind === 'table') printTable(out, tier, `${name}: `);
    else out.write(`    ${name}: × ${factorText(tier.factor)}\n`);
  }
  const pieces = Object.entries(card.units).map(([unit, price]) => {
    const per = unit === 'second' ? 'hour of sound' : unit.replace('_', ' ');
    return `${per} ${formatDecimal(price, USD_SCALE)}`;
  });
  if (pieces.length > 0) out.write(`    each: ${pieces.join('  ')}\n`);
  const factors = [
    ...[...card.regions.byName].map(([name, factor]) => `${name} × ${factorText(factor)}`),
    ...(card.regions.others === null ? [] : [`other regions × ${factorText(card.regions.others)}`]),
    ...[...card.inferenceGeos.byName].map(([name, factor]) => `inference in ${name} × ${factorText(factor)}`),
    ...(card.discount === null ? [] : [`contract × ${factorText(card.discount)}`]),
  ];
  if (factors.length > 0) out.write(`    ${visible(factors.join('  '))}\n`);
}

function printTable(out: Output, { rates, tiers }: RateTable, prefix: string): void {
  out.write(`    ${prefix}${ratesText(rates)}\n`);
  for (const { threshold, operator, rates: above } of tiers) {
    const reach = operator === 'gt' ? 'above' : 'from';
    out.write(
      `    ${prefix}${reach} ${threshold.toLocaleString('en-US')} input tokens: ${ratesText(above)}\n`,
    );
  }
}

function ratesText(rates: Rates): string {
  const texts = Object.entries(rates).map(
    ([item, rate]) => `${item.replaceAll('_', ' ')} ${formatDecimal(rate, RATE_SCALE)}`,
  );
  return texts.length === 0 ? 'no price by token' : texts.join('  ');
}

function day(micros: number): string {
  return new Date(micros / 1000)
    .toISOString()
    .replace(/T00:00:00\.000Z$/, '')
    .replace('.000Z', 'Z');
}
