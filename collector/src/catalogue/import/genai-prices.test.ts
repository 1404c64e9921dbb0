import { describe, expect, it } from 'vitest';
import { importedFrom } from './testing/imported.ts';

const list = (provider: string, ...models: object[]) => [{ id: provider, name: provider, models }];
const model = (id: string, prices: unknown) => ({ id, match: { equals: id }, prices });

describe('a model of genai-prices', () => {
  it('becomes a card with a rate for each of its units', () => {
    const { cards } = importedFrom(
      list(
        'anthropic',
        model('claude-haiku-4-5', {
          input_mtok: 1,
          cache_write_mtok: 1.25,
          cache_write_1h_mtok: 2,
          cache_read_mtok: 0.1,
          output_mtok: 5,
          web_searches_kcount: 10,
        }),
      ),
    );
    expect(cards).toEqual([
      {
        id: 'anthropic/claude-haiku-4-5',
        match: { provider: 'anthropic', model: 'claude-haiku-4-5' },
        effective_from: '2023-01-01',
        rates: { input: '1', cache_write_5m: '1.25', cache_write_1h: '2', cache_read: '0.1', output: '5' },
        units: { web_search: '0.01' },
      },
    ]);
  });

  it('has a whole table above each threshold, in which classes without tiers keep their price', () => {
    const { cards } = importedFrom(
      list(
        'x-ai',
        model('grok', {
          input_mtok: { base: 2, tiers: [{ start: 199999, price: 4 }] },
          output_mtok: {
            base: 6,
            tiers: [
              { start: 500000, price: 18 },
              { start: 199999, price: 12 },
            ],
          },
          cache_read_mtok: 0.3,
        }),
      ),
    );
    expect(cards[0]).toMatchObject({
      match: { provider: 'x_ai' },
      rates: { input: '2', output: '6', cache_read: '0.3' },
      tiers: [
        { above: 199999, rates: { input: '4', output: '12', cache_read: '0.3' } },
        { above: 500000, rates: { input: '4', output: '18', cache_read: '0.3' } },
      ],
    });
  });

  it('with dated prices becomes one card for each time, without gaps', () => {
    const { cards } = importedFrom(
      list(
        'openai',
        model('o3', [
          { prices: { input_mtok: 10, output_mtok: 40 } },
          {
            constraint: { start_date: '2025-06-10', type: 'start_date' },
            prices: { input_mtok: 2, output_mtok: 8 },
          },
        ]),
      ),
    );
    expect(cards.map(({ effective_from, effective_to }) => [effective_from, effective_to])).toEqual([
      ['2023-01-01', '2025-06-10'],
      ['2025-06-10', undefined],
    ]);
  });

  it('keeps the name of a list that several providers buy from', () => {
    const { cards } = importedFrom([
      ...list('google', model('gemini-2.5-pro', { input_mtok: 1.25 })),
      ...list('mistral', model('Mistral-Large', { input_mtok: 2 })),
    ]);
    expect(cards.map(({ match }) => match)).toEqual([
      { provider: 'google', model: 'gemini-2.5-pro' },
      { provider: 'mistral_ai', model: 'mistral-large' },
    ]);
  });

  it.each([
    [
      'the hour',
      [{ constraint: { start_time: '00:30:00Z', end_time: '16:30:00Z' }, prices: { input_mtok: 1 } }],
    ],
    ['a unit that is no class', { input_mtok: 1, output_citation_mtok: 2 }],
    ['video, at another price than the class it is counted in', { input_mtok: 1, input_video_mtok: 3 }],
  ])('that depends on %s is skipped as a whole', (_what, prices) => {
    const { cards, skipped } = importedFrom(
      list('deepseek', model('m', prices), model('n', { input_mtok: 1 })),
    );
    expect(cards.map(({ match }) => match.model)).toEqual(['n']);
    expect(skipped).toMatchObject([{ path: 'deepseek/m', cause: 'inexpressible' }]);
  });

  it('may have video at the price of the class it is counted in', () => {
    const { cards } = importedFrom(list('google', model('m', { input_mtok: 1, input_video_mtok: 1 })));
    expect(cards[0]?.rates).toEqual({ input: '1' });
  });

  it('is free only if its name says so', () => {
    const { cards, skipped } = importedFrom(
      list(
        'openrouter',
        model('a/b:free', {}),
        model('c', {}),
        model('d', { input_mtok: 0, output_mtok: 0 }),
      ),
    );
    expect(cards).toMatchObject([{ match: { model: 'a/b:free' }, free: true }]);
    expect(skipped.map(({ path, cause }) => [path, cause])).toEqual([
      ['openrouter/c', 'empty'],
      ['openrouter/d', 'zero'],
    ]);
  });

  it('has no price for a class that is listed at zero', () => {
    const { cards, skipped } = importedFrom(
      list('openai', model('m', { input_mtok: 1, cache_read_mtok: 0, output_mtok: 2 })),
    );
    expect(cards[0]?.rates).toEqual({ input: '1', output: '2' });
    expect(skipped).toMatchObject([{ path: 'openai/m.cache_read_mtok', cause: 'left_out' }]);
  });

  it.each([
    ['a negative price', { input_mtok: -1 }],
    ['a word for a price', { input_mtok: 'cheap' }],
    ['a tier without a price', { input_mtok: { base: 1, tiers: [{ start: 1000 }] } }],
    ['dates out of order', [{ constraint: { start_date: '2026-01-01' }, prices: {} }, { prices: {} }]],
    ['no prices', undefined],
  ])('with %s is skipped', (_what, prices) => {
    const { cards, skipped } = importedFrom(list('openai', model('m', prices)));
    expect(cards).toEqual([]);
    expect(skipped).toMatchObject([{ cause: 'malformed' }]);
  });
});
