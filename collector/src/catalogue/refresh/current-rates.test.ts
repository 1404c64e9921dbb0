import { describe, expect, it } from 'vitest';
import { catalogueOf, catalogueWith, defaultCatalogue } from '../catalogue.ts';
import type { PriceFile } from '../price-file.ts';
import { readPriceFile } from '../read-price-file.ts';
import { currentRatesOf } from './current-rates.ts';
import { refreshFeed } from './refresh.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const NOW_MICROS = NOW.getTime() * 1000;

function ratesOf(file: PriceFile) {
  const read = readPriceFile(file, 'overlay');
  if (read.kind !== 'layer') throw new Error(JSON.stringify(read.problems));
  return currentRatesOf(
    catalogueOf({ lists: [], source: 'test', layers: [read.layer], similarModels: 'unpriced' }),
  );
}

const CARD = {
  id: 'm',
  match: { provider: 'openai', model: 'm' },
  effective_from: '2026-01-01',
  rates: { input: '2.5', cache_write_5m: '3.125', output: '0.003625' },
  tiers: [
    { above: 200000, rates: { input: '5' } },
    { from: 400000, rates: { input: '10' } },
  ],
  units: { web_search: '0.01', hour: '0.111' },
  service_tiers: { batch: { multiplier: '0.5' }, flex: { rates: { input: '1' }, tiers: [] } },
  regions: { '*': '1.1', global: '1' },
  inference_geos: { us: '1.1' },
  cache_writes_as_input: false,
  images_as_text: true,
};

describe('what a catalogue says of a model', () => {
  it('is what its card says, to the digit', () => {
    const { id, match, effective_from, ...price } = CARD;
    expect(ratesOf({ cards: [CARD] })('openai', 'm', NOW_MICROS)).toEqual(price);
  });

  it('is nothing before its time, and of other models', () => {
    const currentRates = ratesOf({ cards: [CARD] });
    expect(currentRates('openai', 'm', Date.parse('2025-12-31') * 1000)).toBeNull();
    expect(currentRates('openai', 'n', NOW_MICROS)).toBeNull();
    expect(currentRates('anthropic', 'm', NOW_MICROS)).toBeNull();
  });

  it('is that it depends on the hour, in and outside of the hours, while it does', () => {
    const { tiers, ...flat } = CARD;
    const hours = { from: '01:00', to: '04:00' };
    const night = { ...flat, id: 'night', effective_from: '2026-11-01', effective_to: '2026-12-01', hours };
    const currentRates = ratesOf({ cards: [CARD, night] });
    expect(currentRates('openai', 'm', NOW_MICROS)).toBe('by_the_hour');
    expect(currentRates('openai', 'm', Date.parse('2026-11-22T02:00:00Z') * 1000)).toBe('by_the_hour');
    expect(currentRates('openai', 'm', Date.parse('2026-10-22T02:00:00Z') * 1000)).toHaveProperty('tiers');
  });
});

describe('a feed over the default catalogue', () => {
  it('ends in a layer that prices as the feed does', async () => {
    const before = defaultCatalogue();
    const list = { 'gpt-99': { litellm_provider: 'openai', input_cost_per_token: 4.2e-6 } };
    const outcome = await refreshFeed({
      source: 'prices.json',
      format: 'auto',
      state: null,
      now: NOW,
      currentRates: currentRatesOf(before),
      fetchSource: async () => ({ kind: 'fetched', text: JSON.stringify(list) }),
    });
    if (outcome.kind !== 'refreshed') throw new Error(`expected a refresh, got ${outcome.kind}`);
    const layer = readPriceFile({ cards: outcome.state.cards }, 'feed');
    if (layer.kind !== 'layer') throw new Error(JSON.stringify(layer.problems));
    const query = {
      provider: 'openai',
      model: 'gpt-99',
      isDeploymentName: false,
      tenant: '',
      customer: null,
    };
    const found = catalogueWith([layer.layer]).find({ ...query, atMicros: NOW_MICROS });
    expect(found).toMatchObject({ kind: 'found', card: { standard: { rates: { input: 4_200_000_000n } } } });
    expect(before.find({ ...query, atMicros: NOW_MICROS })).toMatchObject({ kind: 'unpriced' });
  });
});
