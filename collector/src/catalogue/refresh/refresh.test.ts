import { describe, expect, it } from 'vitest';
import type { CardPrice } from '../import/index.ts';
import { readPriceFile } from '../read-price-file.ts';
import type { CurrentRates } from './layer.ts';
import { type RefreshOutcome, type RefreshRequest, refreshFeed } from './refresh.ts';
import { catalogueAgeDays, type FeedState } from './state.ts';

const MONDAY = new Date('2026-11-16T06:00:00.000Z');
const TUESDAY = new Date('2026-11-17T06:00:00.000Z');
const WEDNESDAY = new Date('2026-11-18T06:00:00.000Z');

/** A list of genai-prices, of one provider: model ids and what they cost. */
type Listed = Record<string, object>;

function feed(models: Listed): string {
  const listed = Object.entries(models).map(([id, prices]) => ({ id, match: { equals: id }, prices }));
  return JSON.stringify([{ id: 'openai', models: listed }]);
}

/** Enough models that one more or less is below the bound on what may vanish. */
const CROWD: Listed = Object.fromEntries(
  Array.from({ length: 40 }, (_, at) => [`crowd-${at}`, { input_mtok: 1, output_mtok: 2 }]),
);
const PLAIN = { input_mtok: 2, output_mtok: 10, cache_read_mtok: 0.2 };

interface Catalogue {
  readonly [model: string]: CardPrice | 'by_the_hour' | ((atMicros: number) => CardPrice);
}

const CROWD_KNOWN: Catalogue = Object.fromEntries(
  Object.keys(CROWD).map((model) => [model, { rates: { input: '1', output: '2' } }]),
);

function knowing(catalogue: Catalogue): CurrentRates {
  return (provider, model, atMicros) => {
    const price = provider === 'openai' ? { ...CROWD_KNOWN, ...catalogue }[model] : undefined;
    return typeof price === 'function' ? price(atMicros) : (price ?? null);
  };
}

async function ask(
  models: Listed | string,
  request: Partial<RefreshRequest> & { catalogue?: Catalogue } = {},
): Promise<RefreshOutcome> {
  const text = typeof models === 'string' ? models : feed({ ...CROWD, ...models });
  return refreshFeed({
    source: 'https://prices.example/data.json',
    format: 'auto',
    state: null,
    now: MONDAY,
    currentRates: knowing(request.catalogue ?? {}),
    fetchSource: async () => ({ kind: 'fetched', text }),
    ...request,
  });
}

function refreshed(outcome: RefreshOutcome) {
  if (outcome.kind !== 'refreshed') throw new Error(`expected a refresh, got ${JSON.stringify(outcome)}`);
  expect(readPriceFile({ cards: outcome.state.cards }, 'feed')).toHaveProperty('kind', 'layer');
  return outcome;
}

/** The state after a first refresh on Monday. */
async function stateAfter(models: Listed, catalogue: Catalogue = {}): Promise<FeedState> {
  return refreshed(await ask(models, { catalogue })).state;
}

function stepsOf(state: FeedState, model: string) {
  return state.cards
    .filter(({ match }) => match.model === model)
    .map(({ effective_from, rates }) => [effective_from, rates?.input]);
}

describe('the first word of a feed', () => {
  it('adds only models that the catalogue does not know, from now on', async () => {
    const outcome = refreshed(await ask({ 'gpt-new': PLAIN }));
    expect(outcome).toMatchObject({ added: ['openai/gpt-new'], changed: [], announced: [], shared: 40 });
    expect(outcome.state.cards).toEqual([
      {
        id: 'feed:openai/gpt-new@2026-11-16T06:00:00.000Z',
        match: { provider: 'openai', model: 'gpt-new' },
        effective_from: '2026-11-16T06:00:00.000Z',
        rates: { input: '2', output: '10', cache_read: '0.2' },
        source: { url: 'https://prices.example/data.json', read: '2026-11-16' },
      },
    ]);
  });

  it('changes a model that costs something else, and keeps what does not depend on the price', async () => {
    const catalogue: Catalogue = {
      m: {
        rates: { input: '3', output: '10', cache_write_1h: '6' },
        tiers: [{ above: 200000, rates: { input: '6', output: '20' } }],
        units: { web_search: '0.01' },
        service_tiers: { batch: { multiplier: '0.5' }, flex: { rates: { input: '1.5' } } },
        inference_geos: { us: '1.1' },
        cache_writes_as_input: true,
      },
    };
    const { state, changed } = refreshed(await ask({ m: PLAIN }, { catalogue }));
    expect(changed).toEqual(['openai/m']);
    expect(state.cards).toMatchObject([{ rates: { input: '2', output: '10', cache_read: '0.2' } }]);
    const [card] = state.cards;
    expect(card?.rates).not.toHaveProperty('cache_write_1h');
    expect(card).not.toHaveProperty('tiers');
    expect(card).not.toHaveProperty('extends');
    expect(card).toMatchObject({
      units: { web_search: '0.01' },
      service_tiers: { batch: { multiplier: '0.5' } },
      inference_geos: { us: '1.1' },
      cache_writes_as_input: true,
    });
    expect(Object.keys(card?.service_tiers ?? {})).toEqual(['batch']);
  });

  it('that only says more of a model leaves what was known', async () => {
    const catalogue: Catalogue = {
      m: {
        rates: { input: '2', output: '10', cache_write_1h: '4' },
        tiers: [{ above: 271999, rates: { input: '4', output: '15' } }],
      },
    };
    const { state } = refreshed(
      await ask(
        {
          m: {
            ...PLAIN,
            input_mtok: { base: 2, tiers: [{ start: 272000, price: 4 }] },
            output_mtok: { base: 10, tiers: [{ start: 272000, price: 15 }] },
            cache_read_mtok: { base: 0.2, tiers: [{ start: 272000, price: 0.4 }] },
          },
        },
        { catalogue },
      ),
    );
    expect(state.cards).toMatchObject([
      {
        rates: { input: '2', output: '10', cache_write_1h: '4', cache_read: '0.2' },
        tiers: [{ above: 271999, rates: { input: '4', output: '15', cache_read: '0.4' } }],
      },
    ]);
  });

  it('that says less of a model, or the same of its reasoning as of its output, is no news', async () => {
    const catalogue: Catalogue = {
      m: { rates: { input: '2.00', output: '10', cache_read: '0.2', cache_write_1h: '4' } },
    };
    const outcome = refreshed(await ask({ m: { ...PLAIN, output_reasoning_mtok: 10 } }, { catalogue }));
    expect(outcome.state.cards).toEqual([]);
    expect(outcome.changed).toEqual([]);
  });

  it('has nothing to say of a price that depends on the hour', async () => {
    const outcome = refreshed(await ask({ m: PLAIN }, { catalogue: { m: 'by_the_hour' } }));
    expect(outcome.state.cards).toEqual([]);
  });

  it('that repeats what our overlay corrects in the pinned list is no news', async () => {
    const catalogue: Catalogue = { m: { rates: { input: '0.5', output: '1.5' } } };
    const pinnedRates = knowing({ m: { rates: { input: '2', output: '10', cache_read: '0.2' } } });
    const outcome = refreshed(await ask({ m: PLAIN }, { catalogue, pinnedRates }));
    expect(outcome.state.cards).toEqual([]);
    const dearer = refreshed(await ask({ m: { ...PLAIN, input_mtok: 3 } }, { catalogue, pinnedRates }));
    expect(dearer.changed).toEqual(['openai/m']);
  });

  it('that has a table for what was a factor has it in place of the factor', async () => {
    const list = {
      m: {
        litellm_provider: 'openai',
        input_cost_per_token: 2e-6,
        input_cost_per_token_batches: 0.9e-6,
      },
    };
    const catalogue: Catalogue = {
      m: {
        rates: { input: '2' },
        service_tiers: { batch: { multiplier: '0.5' }, fast: { multiplier: '2' } },
      },
    };
    const { state } = refreshed(await ask(JSON.stringify(list), { catalogue }));
    expect(state.cards).toMatchObject([
      { service_tiers: { batch: { rates: { input: '0.9' } }, fast: { multiplier: '2' } } },
    ]);
  });

  it('never goes back in time, whatever date it gives', async () => {
    const dated = [
      { prices: PLAIN },
      { constraint: { start_date: '2025-01-01' }, prices: { ...PLAIN, input_mtok: 3 } },
    ];
    const state = await stateAfter({ m: dated });
    expect(stepsOf(state, 'm')).toEqual([['2026-11-16T06:00:00.000Z', '3']]);
  });

  it('about a model that is far from the catalogue is left aside and named', async () => {
    const catalogue: Catalogue = { m: { rates: { input: '0.1', output: '10', cache_read: '0.2' } } };
    const outcome = refreshed(await ask({ m: PLAIN }, { catalogue }));
    expect(outcome.disputed).toEqual(['openai/m']);
    expect(outcome.state.cards).toEqual([]);
  });

  it('is refused when it is far from the catalogue in many models', async () => {
    const cheap = Object.fromEntries(Object.keys(CROWD).map((model) => [model, { input_mtok: 0.000001 }]));
    const outcome = await ask(feed(cheap));
    expect(outcome).toMatchObject({ kind: 'rejected', reason: 'unlike_catalogue' });
    expect(outcome).toHaveProperty('detail.0', expect.stringContaining('openai/crowd-0'));
    expect(await ask(feed(cheap), { accept: ['unlike_catalogue'] })).toMatchObject({ kind: 'refreshed' });
  });
});

describe('the next word of a feed', () => {
  it('that repeats the last is only a sign of life', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = await ask({ m: PLAIN }, { state, now: TUESDAY });
    expect(outcome).toEqual({
      kind: 'unchanged',
      state: { ...state, fetched_at: '2026-11-17T06:00:00.000Z' },
    });
  });

  it('is compared with what it said, not with a catalogue that says something else for a reason', async () => {
    const catalogue: Catalogue = { m: { rates: { input: '2', output: '10', cache_read: '0.2' } } };
    const state = await stateAfter({ m: PLAIN }, catalogue);
    const corrected: Catalogue = { m: { rates: { input: '2.5', output: '10', cache_read: '0.2' } } };
    const outcome = refreshed(
      await ask({ m: PLAIN, n: PLAIN }, { state, now: TUESDAY, catalogue: corrected }),
    );
    expect(outcome).toMatchObject({ added: ['openai/n'], changed: [] });
  });

  it('appends a changed price from the time it is first seen, and leaves the card before as it was', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = refreshed(await ask({ m: { ...PLAIN, input_mtok: 3 } }, { state, now: TUESDAY }));
    expect(outcome.changed).toEqual(['openai/m']);
    expect(outcome.state.cards[0]).toEqual(state.cards[0]);
    expect(stepsOf(outcome.state, 'm')).toEqual([
      ['2026-11-16T06:00:00.000Z', '2'],
      ['2026-11-17T06:00:00.000Z', '3'],
    ]);
  });

  it('is dated as the feed dates it, if that is not before the last fetch', async () => {
    const state = await stateAfter({ m: PLAIN });
    const since = (start_date: string) => ({
      m: [{ prices: PLAIN }, { constraint: { start_date }, prices: { ...PLAIN, input_mtok: 3 } }],
    });
    const fresh = refreshed(await ask(since('2026-11-17'), { state, now: WEDNESDAY }));
    expect(stepsOf(fresh.state, 'm')[1]).toEqual(['2026-11-17T00:00:00.000Z', '3']);
    const stale = refreshed(await ask(since('2026-11-16'), { state, now: WEDNESDAY }));
    expect(stepsOf(stale.state, 'm')[1]).toEqual(['2026-11-18T06:00:00.000Z', '3']);
  });

  it('that drops a long-context tier of the catalogue is a change', async () => {
    const tiered = {
      input_mtok: { base: 2, tiers: [{ start: 200000, price: 4 }] },
      output_mtok: { base: 10, tiers: [{ start: 200000, price: 15 }] },
    };
    const catalogue: Catalogue = {
      m: {
        rates: { input: '2', output: '10' },
        tiers: [{ above: 200000, rates: { input: '4', output: '15' } }],
      },
    };
    const state = await stateAfter({ m: tiered }, catalogue);
    expect(state.cards).toEqual([]);
    const flat = { input_mtok: 2, output_mtok: 10 };
    const outcome = refreshed(await ask({ m: flat }, { state, now: TUESDAY, catalogue }));
    expect(outcome.state.cards).toMatchObject([{ rates: { input: '2', output: '10' } }]);
    expect(outcome.state.cards[0]).not.toHaveProperty('tiers');
  });

  it('that does not follow a change which the catalogue foresaw is news', async () => {
    const riseMicros = Date.parse('2026-11-17T00:00:00Z') * 1000;
    const catalogue: Catalogue = {
      m: (atMicros) => ({
        rates: { input: atMicros < riseMicros ? '2' : '3', output: '10', cache_read: '0.2' },
      }),
    };
    const state = await stateAfter({ m: PLAIN }, catalogue);
    expect(state.cards).toEqual([]);
    const outcome = refreshed(await ask({ m: PLAIN }, { state, now: TUESDAY, catalogue }));
    expect(stepsOf(outcome.state, 'm')).toEqual([['2026-11-17T06:00:00.000Z', '2']]);
  });

  it('of another feed is a first word, and takes nothing away', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = refreshed(await ask(feed({ n: PLAIN }), { state, now: TUESDAY, source: 'other.json' }));
    expect(stepsOf(outcome.state, 'm')).toEqual([['2026-11-16T06:00:00.000Z', '2']]);
    expect(outcome).toMatchObject({ added: ['openai/n'] });
  });

  it('keeps the cards of a model that is gone', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = refreshed(await ask({}, { state, now: TUESDAY }));
    expect(outcome.state.cards).toEqual(state.cards);
  });

  it('makes nothing of the past when the clock was set back', async () => {
    const state = await stateAfter({ m: PLAIN });
    const earlier = new Date('2026-11-01T00:00:00Z');
    const outcome = refreshed(await ask({ m: { ...PLAIN, input_mtok: 3 } }, { state, now: earlier }));
    expect(stepsOf(outcome.state, 'm')).toEqual([
      ['2026-11-16T06:00:00.000Z', '2'],
      ['2026-11-16T06:00:00.001Z', '3'],
    ]);
    expect(outcome.state.cards[0]).toEqual(state.cards[0]);
  });
});

describe('an announced price', () => {
  const rising = (start_date: string, input: number) => ({
    m: [{ prices: PLAIN }, { constraint: { start_date }, prices: { ...PLAIN, input_mtok: input } }],
  });
  const catalogue: Catalogue = { m: { rates: { input: '2', output: '10', cache_read: '0.2' } } };

  it('holds from its date on', async () => {
    const outcome = refreshed(await ask(rising('2026-12-01', 3), { catalogue }));
    expect(outcome).toMatchObject({ announced: ['openai/m'], changed: [] });
    expect(stepsOf(outcome.state, 'm')).toEqual([['2026-12-01T00:00:00.000Z', '3']]);
  });

  it('stays as it is when it is repeated', async () => {
    const state = await stateAfter(rising('2026-12-01', 3), catalogue);
    const outcome = refreshed(
      await ask({ ...rising('2026-12-01', 3), n: PLAIN }, { state, now: TUESDAY, catalogue }),
    );
    expect(outcome).toMatchObject({ announced: [], withdrawn: [], added: ['openai/n'] });
    expect(outcome.state.cards).toContainEqual(state.cards[0]);
  });

  it('is replaced when it is announced differently', async () => {
    const state = await stateAfter(rising('2026-12-01', 3), catalogue);
    const outcome = refreshed(await ask(rising('2027-01-01', 4), { state, now: TUESDAY, catalogue }));
    expect(stepsOf(outcome.state, 'm')).toEqual([['2027-01-01T00:00:00.000Z', '4']]);
  });

  it('falls when it is not repeated', async () => {
    const state = await stateAfter(rising('2026-12-01', 3), catalogue);
    const outcome = refreshed(await ask({ m: PLAIN }, { state, now: TUESDAY, catalogue }));
    expect(outcome.withdrawn).toEqual(['openai/m']);
    expect(outcome.state.cards).toEqual([]);
  });

  it('that has come into force and is taken back then holds until it was taken back', async () => {
    const state = await stateAfter(rising('2026-11-17', 3), catalogue);
    const outcome = refreshed(await ask({ m: PLAIN }, { state, now: WEDNESDAY, catalogue }));
    expect(stepsOf(outcome.state, 'm')).toEqual([
      ['2026-11-17T00:00:00.000Z', '3'],
      ['2026-11-18T06:00:00.000Z', '2'],
    ]);
  });

  it('that the catalogue knows needs no card', async () => {
    const fromMicros = Date.parse('2026-12-01') * 1000;
    const foreseeing: Catalogue = {
      m: (atMicros) => ({
        rates: { input: atMicros < fromMicros ? '2' : '3', output: '10', cache_read: '0.2' },
      }),
    };
    const outcome = refreshed(await ask(rising('2026-12-01', 3), { catalogue: foreseeing }));
    expect(outcome.state.cards).toEqual([]);
  });
});

describe('a refresh is refused as a whole', () => {
  const more = { n: PLAIN };

  it('when more than one in twenty models is gone', async () => {
    const state = await stateAfter({ a: PLAIN, b: PLAIN, c: PLAIN });
    const gone = await ask(more, { state, now: TUESDAY });
    expect(gone).toMatchObject({ kind: 'rejected', reason: 'models_vanished' });
    expect(gone).toHaveProperty('detail.0', expect.stringContaining('openai/a, openai/b, openai/c'));
    const two = await ask({ ...more, a: PLAIN }, { state, now: TUESDAY });
    expect(two).toMatchObject({ kind: 'refreshed', added: ['openai/n'] });
  });

  it.each([
    ['up', 20.1],
    ['down', 0.199],
  ])('when a price moves more than ten times %s', async (_way, input_mtok) => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = await ask({ ...more, m: { ...PLAIN, input_mtok } }, { state, now: TUESDAY });
    expect(outcome).toEqual({
      kind: 'rejected',
      reason: 'price_moved',
      detail: ['openai/m: the price of input moved more than 10 times.'],
    });
  });

  it('but not when it moves exactly ten times', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = await ask({ m: { ...PLAIN, input_mtok: 20 } }, { state, now: TUESDAY });
    expect(outcome).toMatchObject({ kind: 'refreshed', changed: ['openai/m'] });
  });

  it('when an announced price is that far away', async () => {
    const announced = [
      { prices: PLAIN },
      { constraint: { start_date: '2027-01-01' }, prices: { ...PLAIN, output_mtok: 1000 } },
    ];
    expect(await ask({ m: announced })).toMatchObject({ kind: 'rejected', reason: 'price_moved' });
  });

  it.each([
    ['disappears', { input_mtok: 2, output_mtok: 10 }],
    ['turns zero', { ...PLAIN, cache_read_mtok: 0 }],
  ])('when a priced class %s', async (_how, prices) => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = await ask({ ...more, m: prices }, { state, now: TUESDAY });
    expect(outcome).toEqual({
      kind: 'rejected',
      reason: 'class_vanished',
      detail: ['openai/m: cache_read had a price and has none now.'],
    });
  });

  it('when a class of a long-context tier disappears', async () => {
    const tiered = (cache: object) => ({
      m: { ...PLAIN, input_mtok: { base: 2, tiers: [{ start: 200000, price: 4 }] }, ...cache },
    });
    const state = await stateAfter(tiered({ input_audio_mtok: 3 }));
    const outcome = await ask(tiered({}), { state, now: TUESDAY });
    expect(outcome).toHaveProperty('detail', [
      'openai/m: input_audio had a price and has none now.',
      'openai/m: above 200000 tokens, input_audio had a price and has none now.',
    ]);
  });

  it('when all prices of a model turn zero', async () => {
    const state = await stateAfter({ m: PLAIN });
    const outcome = await ask({ m: { input_mtok: 0, output_mtok: 0 } }, { state, now: TUESDAY });
    expect(outcome).toMatchObject({
      reason: 'class_vanished',
      detail: ['openai/m: all its prices are zero now.'],
    });
  });

  it('unless somebody has looked at it', async () => {
    const state = await stateAfter({ m: PLAIN });
    const models = { m: { input_mtok: 40, output_mtok: 10 } };
    const one = await ask(models, { state, now: TUESDAY, accept: ['price_moved'] });
    expect(one).toMatchObject({ kind: 'rejected', reason: 'class_vanished' });
    const both = await ask(models, { state, now: TUESDAY, accept: ['price_moved', 'class_vanished'] });
    expect(refreshed(both).changed).toEqual(['openai/m']);
  });

  it.each([
    ['not_json', 'moved to /v3'],
    ['wrong_format', '{"error": "moved"}'],
    ['no_models', feed({ m: {} })],
  ])('when it is no list: %s', async (reason, text) => {
    expect(await ask(text)).toMatchObject({ kind: 'rejected', reason });
  });

  it('when it is another list than the one that was asked for', async () => {
    expect(await ask({}, { format: 'litellm' })).toMatchObject({ kind: 'rejected', reason: 'wrong_format' });
  });

  it('names twenty of many', async () => {
    const dear = Object.fromEntries(
      Object.keys(CROWD).map((model) => [model, { input_mtok: 1000, output_mtok: 2 }]),
    );
    const state = await stateAfter({});
    const outcome = await ask(dear, { state, now: TUESDAY });
    expect(outcome).toMatchObject({ kind: 'rejected', reason: 'price_moved' });
    expect(outcome).toHaveProperty('detail.length', 21);
    expect(outcome).toHaveProperty('detail.20', 'and 20 more');
  });
});

describe('the age of the catalogue', () => {
  it('is counted in whole days since the feed last answered well', async () => {
    const state = await stateAfter({});
    expect(catalogueAgeDays(null, MONDAY)).toBeNull();
    expect(catalogueAgeDays(state, MONDAY)).toBe(0);
    expect(catalogueAgeDays(state, new Date(MONDAY.getTime() + 2 * 86_400_000 - 1))).toBe(1);
    expect(catalogueAgeDays(state, new Date('2026-01-01'))).toBe(0);
  });
});
