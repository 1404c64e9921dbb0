import { describe, expect, it } from 'vitest';
import { importedFrom } from './testing/imported.ts';

const list = (provider: string, models: Record<string, object>) => ({
  [provider]: { id: provider, name: provider, npm: '@ai-sdk/x', models },
});

describe('a model of models.dev', () => {
  it('becomes a card with a rate for each of its costs', () => {
    const { cards, format } = importedFrom(
      list('google-vertex', {
        'claude-opus-4-5@20251101': {
          id: 'claude-opus-4-5@20251101',
          cost: { input: 5, output: 25, cache_read: 0.5, cache_write: 6.25, reasoning: 25 },
        },
      }),
    );
    expect(format).toBe('models.dev');
    expect(cards).toMatchObject([
      {
        match: { provider: 'gcp.vertex_ai', model: 'claude-opus-4-5@20251101' },
        rates: { input: '5', output: '25', cache_read: '0.5', cache_write_5m: '6.25', reasoning: '25' },
      },
    ]);
  });

  it('has its tiers, and the older form of them only where there are none', () => {
    const tier = { input: 5, output: 22.5, tier: { type: 'context', size: 272000 } };
    const over = { input: 5, output: 22.5 };
    const { cards } = importedFrom(
      list('openai', {
        new: { cost: { input: 2.5, output: 15, tiers: [tier], context_over_200k: over } },
        old: { cost: { input: 2.5, output: 15, context_over_200k: over } },
      }),
    );
    const rates = { input: '5', output: '22.5' };
    expect(cards.map(({ tiers }) => tiers)).toEqual([[{ above: 272000, rates }], [{ above: 200000, rates }]]);
  });

  it('of xAI pays the long-context price from the threshold on', () => {
    const { cards } = importedFrom(
      list('xai', { grok: { cost: { input: 2, output: 6, context_over_200k: { input: 4, output: 12 } } } }),
    );
    expect(cards[0]?.tiers).toEqual([{ from: 200000, rates: { input: '4', output: '12' } }]);
  });

  it('has its fast mode as a service tier', () => {
    const experimental = { modes: { fast: { cost: { input: 30, output: 150 } } } };
    const { cards } = importedFrom(
      list('anthropic', { m: { cost: { input: 5, output: 25 }, experimental } }),
    );
    expect(cards[0]?.service_tiers).toEqual({ fast: { rates: { input: '30', output: '150' } } });
  });

  it.each([
    ['a cost that is no class', { input: 1, output: 2, input_video: 3 }],
    ['tiers of something else', { input: 1, tiers: [{ input: 2, tier: { type: 'batch', size: 0 } }] }],
    ['a tier without input', { input: 1, context_over_200k: { output: 3 } }],
  ])('with %s is skipped', (_what, cost) => {
    const { cards, skipped } = importedFrom(list('openai', { m: { cost } }));
    expect(cards).toEqual([]);
    expect(skipped).toMatchObject([{ path: 'openai/m', cause: 'inexpressible' }]);
  });

  it('is no price when it is free of charge by subscription or not filled in', () => {
    const { cards, skipped } = importedFrom(
      list('github-copilot', { a: { cost: { input: 0, output: 0 } }, b: {}, 'c:free': {} }),
    );
    expect(cards).toMatchObject([{ match: { model: 'c:free' }, free: true }]);
    expect(skipped.map(({ path, cause }) => [path, cause])).toEqual([
      ['github-copilot/a', 'zero'],
      ['github-copilot/b', 'empty'],
    ]);
  });
});
