import { type RateCard, type Rates, TOKEN_CLASSES } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { type DatedCard, defaultCatalogue, type PriceCatalogue } from '../catalogue/index.ts';
import { loadPrices } from './prices.ts';
import { aStore, NOON, read, readOne } from './testing/stores.ts';

const JUNE_MICROS = Date.UTC(2025, 5, 10) * 1000;
const NO_RATES: Rates = {
  uncachedInput: null,
  cacheRead: null,
  cacheWrite: null,
  visibleOutput: null,
  reasoning: null,
};

function aDated(card: Partial<RateCard>, from: number, to: number | null = null): DatedCard {
  return {
    card: { id: 'acme/m', provider: 'acme', model: 'm', rates: NO_RATES, tiers: [], ...card },
    validFromMicros: from,
    validToMicros: to,
  };
}

function aCatalogue(version: string, cards: readonly DatedCard[]): PriceCatalogue {
  return { version, cards: () => cards, find: () => ({ kind: 'unpriced', reason: 'unknown_model' }) };
}

describe('the price list in the ledger', () => {
  it('has a row for each class that has a rate, exact to the last digit', async () => {
    const { store } = await aStore();
    const rates = {
      ...NO_RATES,
      uncachedInput: 2_500_000_000n,
      visibleOutput: 75_000_000_000n,
      cacheRead: 1n,
    };
    await loadPrices(store.instance, aCatalogue('v1', [aDated({ rates }, JUNE_MICROS)]), NOON);
    const row = {
      provider: 'acme',
      model: 'm',
      input_tokens_above: '0',
      valid_from: '2025-06-10 00:00:00+00',
      valid_to: null,
      card: 'acme/m',
      book_version: 'v1',
      loaded_at: '2026-11-22 12:00:00+00',
    };
    const stored = await read(
      store.instance,
      'SELECT * REPLACE (valid_from::VARCHAR AS valid_from, loaded_at::VARCHAR AS loaded_at) FROM prices ORDER BY token_class',
    );
    expect(stored).toEqual([
      { ...row, token_class: 'cache_read', usd_per_million: '0.000000001' },
      { ...row, token_class: 'uncached_input', usd_per_million: '2.500000000' },
      { ...row, token_class: 'visible_output', usd_per_million: '75.000000000' },
    ]);
  });

  it('has rows of their own for the tiers of a card', async () => {
    const { store } = await aStore();
    const base = { ...NO_RATES, uncachedInput: 1_000_000_000n };
    const tier = { inputTokensAbove: 200_000, rates: { ...NO_RATES, uncachedInput: 2_000_000_000n } };
    await loadPrices(
      store.instance,
      aCatalogue('v1', [aDated({ rates: base, tiers: [tier] }, JUNE_MICROS)]),
      NOON,
    );
    expect(
      await read(store.instance, 'SELECT input_tokens_above, usd_per_million FROM prices ORDER BY 1'),
    ).toEqual([
      { input_tokens_above: '0', usd_per_million: '1.000000000' },
      { input_tokens_above: '200000', usd_per_million: '2.000000000' },
    ]);
  });

  it('keeps every version that was loaded once, and shows the one loaded last', async () => {
    const { store } = await aStore();
    const costing = (rate: bigint) => [aDated({ rates: { ...NO_RATES, uncachedInput: rate } }, JUNE_MICROS)];
    await loadPrices(store.instance, aCatalogue('v1', costing(1_000_000_000n)), NOON);
    await loadPrices(store.instance, aCatalogue('v2', costing(2_000_000_000n)), NOON + 1);
    await loadPrices(store.instance, aCatalogue('v2', costing(2_000_000_000n)), NOON + 2);
    expect(await read(store.instance, 'SELECT book_version FROM prices')).toEqual([{ book_version: 'v2' }]);
    expect(await readOne(store.instance, 'SELECT count(*)::INTEGER AS n FROM ledger.price')).toEqual({
      n: 2,
    });
  });

  it('shows when a price changed, from what to what, and nothing where it stayed', async () => {
    const { store } = await aStore();
    const card = (input: bigint, output: bigint) => ({
      rates: { ...NO_RATES, uncachedInput: input * 1_000_000_000n, visibleOutput: output * 1_000_000_000n },
    });
    const cards = [
      aDated(card(10n, 40n), Number.NEGATIVE_INFINITY, JUNE_MICROS),
      aDated({ id: 'acme/m@2025-06-10', ...card(2n, 40n) }, JUNE_MICROS),
    ];
    await loadPrices(store.instance, aCatalogue('v1', cards), NOON);
    expect(await read(store.instance, 'SELECT * FROM price_changes')).toEqual([
      {
        provider: 'acme',
        model: 'm',
        token_class: 'uncached_input',
        input_tokens_above: '0',
        changed_at: '2025-06-10T00:00:00Z',
        previous_usd_per_million: '10.000000000',
        usd_per_million: '2.000000000',
      },
    ]);
  });

  it('holds the whole default price book, each rate as the catalogue has it', async () => {
    const { store } = await aStore();
    const catalogue = defaultCatalogue();
    await loadPrices(store.instance, catalogue, NOON);
    let rows = 0;
    let sum = 0n;
    for (const { card } of catalogue.cards()) {
      for (const { rates } of [card, ...card.tiers]) {
        for (const tokenClass of TOKEN_CLASSES) {
          if (rates[tokenClass] === null) continue;
          rows++;
          sum += rates[tokenClass];
        }
      }
    }
    expect(rows).toBeGreaterThan(1000);
    expect(
      await readOne(
        store.instance,
        'SELECT count(*)::INTEGER AS n, (sum(usd_per_million) * 1000000000)::HUGEINT::VARCHAR AS nanos FROM prices',
      ),
    ).toEqual({ n: rows, nanos: String(sum) });
  });
});
