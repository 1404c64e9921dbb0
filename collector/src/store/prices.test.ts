import type { PriceMatch, RateCard, Rates } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import {
  catalogueWith,
  type DatedCard,
  type PriceCatalogue,
  parsePriceFile,
  readPriceFile,
} from '../catalogue/index.ts';
import { GPT_4O } from '../ledger/testing/rate-card.ts';
import { loadPrices } from './prices.ts';
import { aStore, NOON, read, readOne } from './testing/stores.ts';

const JUNE_MICROS = Date.UTC(2025, 5, 10) * 1000;

function aDated(card: Partial<RateCard>, fromMicros: number, toMicros: number | null = null): DatedCard {
  return {
    card: { ...GPT_4O, id: 'acme/m', provider: 'acme', model: 'm', ...card },
    provider: 'acme',
    fromMicros,
    toMicros,
    hours: [],
    scope: null,
  };
}

function costing(rates: Rates, tiers: RateCard['standard']['tiers'] = []): Partial<RateCard> {
  return { standard: { rates, tiers } };
}

const UNKNOWN: PriceMatch = { kind: 'unpriced', reason: 'unknown_model', detail: null };

function aCatalogue(version: string, cards: readonly DatedCard[]): PriceCatalogue {
  return { version, cards: () => cards, currencies: [], find: () => UNKNOWN };
}

const SHOWN = `provider, model, token_class, service_tier, input_tokens_above::INTEGER AS above, usd_per_million,
  usd_each, valid_from::VARCHAR AS valid_from, valid_to::VARCHAR AS valid_to`;

describe('the price book in the ledger', () => {
  it('has a row for each class that has a rate, exact to the last digit', async () => {
    const { store } = await aStore();
    const card = costing({ input: 2_500_000_000n, output: 75_000_000_000n, cache_read: 1n });
    await loadPrices(store.instance, aCatalogue('v1', [aDated(card, JUNE_MICROS)]), NOON);
    const row = {
      provider: 'acme',
      model: 'm',
      service_tier: 'standard',
      above: 0,
      usd_each: null,
      valid_from: '2025-06-10 00:00:00+00',
      valid_to: null,
    };
    expect(await read(store.instance, `SELECT ${SHOWN} FROM prices ORDER BY token_class`)).toEqual([
      { ...row, token_class: 'cache_read', usd_per_million: '0.000000001' },
      { ...row, token_class: 'input', usd_per_million: '2.500000000' },
      { ...row, token_class: 'output', usd_per_million: '75.000000000' },
    ]);
    expect(
      await readOne(
        store.instance,
        'SELECT DISTINCT card, book_version, loaded_at::VARCHAR AS at FROM prices',
      ),
    ).toEqual({ card: 'acme/m', book_version: 'v1', at: '2026-11-22 12:00:00+00' });
  });

  it('has rows of their own for context tiers, service tiers and pieces, factors applied', async () => {
    const { store } = await aStore();
    const card = {
      ...costing({ input: 1_000_000_000n }, [
        { threshold: 200_000, operator: 'gte', rates: { input: 2_000_000_000n } },
      ]),
      serviceTiers: new Map([
        ['batch', { kind: 'factor', factor: { numerator: 1n, denominator: 2n } }],
        ['flex', { kind: 'table', rates: { input: 700_000_000n }, tiers: [] }],
      ]),
      units: { web_search: 10_000_000_000_000n, second: 360_000_000_000_000n },
      discount: { numerator: 9n, denominator: 10n },
    } satisfies Partial<RateCard>;
    await loadPrices(store.instance, aCatalogue('v1', [aDated(card, JUNE_MICROS)]), NOON);
    const rows = await read(
      store.instance,
      `SELECT service_tier, token_class, input_tokens_above::INTEGER AS above, coalesce(usd_per_million, usd_each)::VARCHAR AS usd
       FROM prices ORDER BY ALL`,
    );
    expect(
      rows.map(({ service_tier, token_class, above, usd }) => [
        service_tier,
        token_class,
        above,
        Number(usd),
      ]),
    ).toEqual([
      ['batch', 'input', 0, 0.45],
      ['batch', 'input', 199_999, 0.9],
      ['flex', 'input', 0, 0.63],
      ['standard', 'input', 0, 0.9],
      ['standard', 'input', 199_999, 1.8],
      ['standard', 'second', 0, 0.0001],
      ['standard', 'web_search', 0, 0.01],
    ]);
  });

  it('is only added to: what was valid when stays beside what was known when', async () => {
    const { store } = await aStore();
    const priced = (rate: bigint) => [aDated(costing({ input: rate }), JUNE_MICROS)];
    const known = `SELECT usd_per_million, known_from::VARCHAR AS known_from, known_to::VARCHAR AS known_to
      FROM price_history ORDER BY known_from`;
    await loadPrices(store.instance, aCatalogue('v1', priced(1_000_000_000n)), NOON);
    await loadPrices(store.instance, aCatalogue('v2', priced(2_000_000_000n)), NOON + 1000);
    await loadPrices(store.instance, aCatalogue('v2', priced(2_000_000_000n)), NOON + 2000);
    await loadPrices(store.instance, aCatalogue('v1', priced(1_000_000_000n)), NOON + 3000);
    expect(await read(store.instance, known)).toEqual([
      {
        usd_per_million: '1.000000000',
        known_from: '2026-11-22 12:00:00+00',
        known_to: '2026-11-22 12:00:01+00',
      },
      {
        usd_per_million: '2.000000000',
        known_from: '2026-11-22 12:00:01+00',
        known_to: '2026-11-22 12:00:03+00',
      },
      { usd_per_million: '1.000000000', known_from: '2026-11-22 12:00:03+00', known_to: null },
    ]);
    expect(await read(store.instance, 'SELECT usd_per_million, book_version FROM prices')).toEqual([
      { usd_per_million: '1.000000000', book_version: 'v1' },
    ]);
  });

  it('shows when a price changed, from what to what, and nothing where it stayed', async () => {
    const { store } = await aStore();
    const card = (input: bigint, output: bigint) =>
      costing({ input: input * 1_000_000_000n, output: output * 1_000_000_000n });
    const cards = [
      aDated(card(10n, 40n), Date.UTC(2025, 0, 1) * 1000, JUNE_MICROS),
      aDated({ id: 'acme/m@2025-06-10', ...card(2n, 40n) }, JUNE_MICROS),
    ];
    await loadPrices(store.instance, aCatalogue('v1', cards), NOON);
    expect(
      await read(
        store.instance,
        'SELECT model, token_class, changed_at, previous_usd_per_million, usd_per_million FROM price_changes',
      ),
    ).toEqual([
      {
        model: 'm',
        token_class: 'input',
        changed_at: '2025-06-10T00:00:00Z',
        previous_usd_per_million: '10.000000000',
        usd_per_million: '2.000000000',
      },
    ]);
  });

  it('says whose contract a price is, and at which hours it holds', async () => {
    const { store } = await aStore();
    const priced = readPriceFile(
      {
        cards: [
          {
            id: 'night',
            scope: { customer: 'acme' },
            match: { provider: 'openai', model: 'o3' },
            effective_from: '2026-01-01',
            rates: { input: '1', output: '2' },
            hours: { from: '22:00', to: '06:00', weekdays: ['sat', 'sun'], utc_offset: '+02:00' },
          },
        ],
      },
      'override',
    );
    if (priced.kind === 'problems') throw new Error(JSON.stringify(priced.problems));
    await loadPrices(store.instance, catalogueWith([priced.layer]), NOON);
    expect(
      await read(store.instance, `SELECT DISTINCT customer, hours, model FROM prices WHERE card = 'night'`),
    ).toEqual([{ customer: 'acme', hours: '22:00-06:00 sat sun +02:00', model: 'o3' }]);
  });

  it('knows the fixed rates of currencies that reports are in, and only those in use', async () => {
    const { store } = await aStore();
    const withRate = (perUsd: string) => {
      const parsed = parsePriceFile(
        `currencies: {EUR: [{from: 2026-01-01, per_usd: "0.92"}, {from: 2026-07-01, per_usd: "${perUsd}"}]}`,
        'prices.yaml',
        'override',
      );
      if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
      return catalogueWith([parsed.layer]);
    };
    await loadPrices(store.instance, withRate('0.9'), NOON);
    await loadPrices(store.instance, withRate('0.875'), NOON + 1);
    const inEuros =
      'SELECT (0.008::DECIMAL(38, 15) * per_usd)::VARCHAR AS cost, valid_to FROM currency_rates ORDER BY valid_from';
    expect(await read(store.instance, inEuros)).toEqual([
      { cost: '0.007360000000000000000000', valid_to: '2026-07-01T00:00:00Z' },
      { cost: '0.007000000000000000000000', valid_to: null },
    ]);
  });

  it('holds the whole pinned list, each rate as the catalogue has it', async () => {
    const { store } = await aStore();
    const catalogue = catalogueWith([]);
    await loadPrices(store.instance, catalogue, NOON);
    let rows = 0;
    let sum = 0n;
    for (const { card } of catalogue.cards()) {
      for (const { rates } of [card.standard, ...card.standard.tiers]) {
        for (const rate of Object.values(rates)) {
          rows++;
          sum += rate;
        }
      }
    }
    expect(rows).toBeGreaterThan(1000);
    expect(
      await readOne(
        store.instance,
        `SELECT count(*)::INTEGER AS n, (sum(usd_per_million) * 1000000000)::HUGEINT::VARCHAR AS nanos
         FROM prices WHERE usd_per_million IS NOT NULL`,
      ),
    ).toEqual({ n: rows, nanos: String(sum) });
  });
});
