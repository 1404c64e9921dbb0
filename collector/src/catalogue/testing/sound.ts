import { PRICE_CLASSES } from '@spanledger/metering';
import { expect } from 'vitest';
import type { PriceCatalogue } from '../catalogue.ts';

/** What every book that is used must keep. */
export function expectSound(book: PriceCatalogue): void {
  const cards = book.cards();
  const names = cards.map(({ provider, card, fromMicros, scope }) =>
    JSON.stringify([provider, card.id, fromMicros, scope]),
  );
  expect(new Set(names).size).toBe(cards.length);
  for (const { card, fromMicros, toMicros } of cards) {
    const { rates } = card.standard;
    const isPriced =
      rates.input !== undefined || rates.output !== undefined || Object.keys(card.units).length > 0;
    expect(isPriced, card.id).toBe(true);
    expect(toMicros === null || fromMicros < toMicros, card.id).toBe(true);
    let below = rates;
    let threshold = -1;
    for (const tier of card.standard.tiers) {
      expect(tier.threshold).toBeGreaterThan(threshold);
      // One more token never makes a request cheaper, across tiers either.
      for (const item of PRICE_CLASSES) {
        const above = tier.rates[item];
        if (above !== undefined) expect((below[item] ?? 0n) <= above, `${card.id} ${item}`).toBe(true);
      }
      threshold = tier.threshold;
      below = tier.rates;
    }
  }
}
