import { readFileSync } from 'node:fs';
import type { MatchKind, PriceMatch } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { catalogueOf, catalogueWith } from './catalogue.ts';
import { exactRate, PRICE_LIST_PACKAGE, readPrices } from './price-list.ts';
import { expectSound } from './testing/sound.ts';

/** Without our overlay: what its entries say has tests of its own. */
const catalogue = catalogueWith([]);

const ANYBODY = { isDeploymentName: false, tenant: 'default', customer: null };

function find(provider: string | null, model: string, at = '2026-01-15T12:00:00Z'): PriceMatch {
  return catalogue.find({ ...ANYBODY, provider, model, atMicros: Date.parse(at) * 1000 });
}

/** The card's id and how it was found, or the reason why there is none. */
function found(provider: string | null, model: string, at?: string): string {
  const match = find(provider, model, at);
  return match.kind === 'found' ? `${match.card.id} (${match.matchKind})` : match.reason;
}

describe('the pinned price list', () => {
  it.each<[MatchKind, string, string, string]>([
    ['exact', 'openai', ' GPT-4o ', 'openai/gpt-4o'],
    ['alias', 'openai', 'gpt-4o-2024-11-20', 'openai/gpt-4o'],
    ['dated_snapshot', 'anthropic', 'claude-sonnet-4-20250514', 'anthropic/claude-sonnet-4-0'],
    ['dated_snapshot', 'gcp.vertex_ai', 'claude-sonnet-4-5@20250929', 'google/claude-sonnet-4-5'],
    ['library', 'anthropic', 'claude-3-5-haiku-20241022', 'anthropic/claude-3-5-haiku-latest'],
    ['library', 'gcp.gemini', 'gemini-2.0-flash-001', 'google/gemini-2.0-flash'],
    ['exact', 'aws.bedrock', 'us.amazon.nova-pro-v1:0', 'aws/amazon.nova-pro-v1:0'],
    ['exact', 'azure.ai.openai', 'gpt-4o', 'openai/gpt-4o'],
    ['exact', 'x_ai', 'grok-4-0709', 'x-ai/grok-4-0709'],
    ['exact', 'anthropic', 'anthropic/claude-opus-5-5', 'anthropic/claude-opus-5-5'],
    ['exact', 'anthropic', 'claude-sonnet-4-5[1m]', 'anthropic/claude-sonnet-4-5'],
    ['exact', 'litellm', 'anthropic/claude-opus-5-5', 'anthropic/claude-opus-5-5'],
    ['exact', 'litellm', 'gemini/gemini-2.5-pro', 'google/gemini-2.5-pro'],
    ['exact', 'gcp.gen_ai', 'models/gemini-2.5-flash', 'google/gemini-2.5-flash'],
    [
      'exact',
      'gcp.vertex_ai',
      'projects/p/locations/us-east5/publishers/google/models/gemini-2.5-pro',
      'google/gemini-2.5-pro',
    ],
    ['library', 'aws.bedrock', 'global.anthropic.claude-fable-5', 'aws/global.anthropic.claude-fable-5-v1:0'],
    [
      'library',
      'aws.bedrock',
      'us.anthropic.claude-opus-4-5-20251101-v1:0',
      'aws/regional.anthropic.claude-opus-4-5-v1:0',
    ],
    ['library', 'gcp.vertex_ai', 'claude-3-5-sonnet-v2@20241022', 'google/claude-3-5-sonnet'],
    ['exact', 'perplexity', 'perplexity/sonar', 'perplexity/sonar'],
    ['exact', 'groq', 'openai/gpt-oss-120b', 'groq/openai/gpt-oss-120b'],
    [
      'exact',
      'aws.bedrock',
      'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0',
    ],
    [
      'exact',
      'aws.bedrock',
      'arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0',
      'aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0',
    ],
    [
      'exact',
      'aws.bedrock',
      'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    ],
    ['dated_snapshot', 'openai', 'ft:gpt-4o-2024-08-06:acme::a1b2', 'openai/ft:gpt-4o'],
  ])('knows by %s match that %s %s is %s', (matchKind, provider, model, card) => {
    expect(found(provider, model)).toBe(`${card} (${matchKind})`);
  });

  it.each([
    ['a model that only begins like a known one', 'anthropic', 'claude-sonnet-5-5', 'fuzzy_match'],
    ['a dated snapshot of such a model', 'anthropic', 'claude-sonnet-5-5-20261007', 'fuzzy_match'],
    ['another version of a known model', 'aws.bedrock', 'amazon.titan-embed-text-v2:0', 'fuzzy_match'],
    ['a suffix that is no date', 'openai', 'gpt-4o-1399', 'unknown_model'],
    ['an unknown model', 'openai', 'gpt-99', 'unknown_model'],
    ['a deployment name', 'azure.ai.openai', 'prod-chat-eastus', 'deployment_unmapped'],
    [
      'a profile of the account',
      'aws.bedrock',
      'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3',
      'deployment_unmapped',
    ],
    [
      'a global profile of a model listed only by region',
      'aws.bedrock',
      'global.anthropic.claude-3-opus-20240229-v1:0',
      'fuzzy_match',
    ],
    ['a model behind a gateway that names no provider', 'litellm', 'gpt-4o', 'unknown_provider'],
    ['hours since nobody knows when', 'deepseek', 'deepseek-chat', 'unknown_model'],
    ['a vendor that is part of other ids', 'groq', 'groq/llama-3.3-70b-versatile', 'unknown_model'],
    ['a fine-tune without a card', 'openai', 'ft:gpt-99:acme::a1b2', 'unknown_model'],
    ['a fine-tune whose base has a card', 'openai', 'ft:gpt-4-0613:acme::a1b2', 'unknown_model'],
    ['a model of another provider', 'anthropic', 'gpt-4o', 'unknown_model'],
    ['an empty entry', 'openai', 'moderation', 'unknown_model'],
    ['an unknown provider', 'my-gateway', 'gpt-4o', 'unknown_provider'],
    ['no provider', null, 'gpt-4o', 'unknown_provider'],
  ])('has no price for %s', (_, provider, model, reason) => {
    expect(found(provider, model)).toBe(reason);
  });

  it('has no price for a call from before there were any', () => {
    expect(found('openai', 'gpt-4o', '1970-01-01T00:00:00Z')).toBe('no_card_at_time');
    expect(found('openai', 'gpt-4o', '2022-12-31T23:59:59.999Z')).toBe('no_card_at_time');
  });

  it('takes an empty entry for free only where the id says so', () => {
    const match = find('openrouter', 'meta-llama/llama-3.3-70b-instruct:free');
    expect(match).toMatchObject({
      kind: 'found',
      card: { isFree: true, standard: { rates: { input: 0n, output: 0n } } },
    });
  });

  it('names card validity half-open, without gaps or overlaps', () => {
    const o3 = [...catalogue.cards()].filter(({ card }) => card.provider === 'openai' && card.model === 'o3');
    const change = Date.UTC(2025, 5, 10) * 1000;
    expect(o3.map(({ card, fromMicros, toMicros }) => [card.id, fromMicros, toMicros])).toEqual([
      ['openai/o3', Date.UTC(2023, 0, 1) * 1000, change],
      ['openai/o3@2025-06-10', change, null],
    ]);
  });

  it('holds only sound cards: unique ids, some rate, tiers and validity in order', () => {
    expectSound(catalogue);
    expect(catalogue.cards().length).toBeGreaterThan(1000);
  });

  it('finds each of its models under its own list and id', () => {
    for (const { provider, card, fromMicros, hours } of catalogue.cards()) {
      if (hours.length > 0) continue;
      // One id ends in the hyphen of a prefix; a name never does.
      const model = card.model.replace(/-$/, '');
      const match = catalogue.find({ ...ANYBODY, provider, model, atMicros: fromMicros });
      expect(match, card.id).toMatchObject({ kind: 'found', matchKind: 'exact', card: { id: card.id } });
    }
  });

  it('answers the same after more names than it remembers', () => {
    const before = find('openai', 'gpt-4o');
    for (let index = 0; index <= 10_000; index++) find('openai', `made-up-${index}`);
    expect(find('openai', 'gpt-4o')).toEqual(before);
  });

  it('is named after the pinned package and its content', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    const [name, version] = PRICE_LIST_PACKAGE.split(/(?<=.)@/);
    expect(manifest).toMatchObject({ dependencies: { [String(name)]: version } });
    expect(catalogue.version).toMatch(/^@pydantic\/genai-prices@\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
    expect(catalogueWith([]).version).toBe(catalogue.version);
    expect(catalogueWith([], 'estimate').version).not.toBe(catalogue.version);
    const other = (price: number) =>
      catalogueOf({
        source: 'test',
        layers: [],
        similarModels: 'unpriced',
        lists: [
          {
            provider: 'p',
            fallbacks: [],
            models: [
              { id: 'm', match: { equals: 'm' }, prices: readPrices('p', 'm', { input_mtok: price }) },
            ],
          },
        ],
      }).version;
    expect(other(1)).toBe(other(1));
    expect(other(1)).not.toBe(other(2));
  });
});

describe('a listed price', () => {
  it.each([
    [0.18000000000000002, 180_000_000n],
    [0.08333333333333334, 83_333_333n],
    [0.07, 70_000_000n],
    [5e-7, 500n],
    [0.546875, 546_875_000n],
    [75, 75_000_000_000n],
    [0, 0n],
  ])('of %s becomes exact', (price, rate) => {
    expect(exactRate(price)).toBe(rate);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('of %s is refused', (price) => {
    expect(() => exactRate(price)).toThrow(RangeError);
  });

  it('in tiers makes one card whose tiers hold every class, tiered or not', () => {
    const prices = readPrices('p', 'm', {
      input_mtok: {
        base: 1,
        tiers: [
          { start: 200, price: 3 },
          { start: 100, price: 2 },
        ],
      },
      output_mtok: { base: 5, tiers: [{ start: 200, price: 6 }] },
      cache_read_mtok: 0.5,
    });
    const rates = (input: bigint, output: bigint) => ({
      input: input * 1_000_000_000n,
      output: output * 1_000_000_000n,
      cache_read: 500_000_000n,
    });
    expect(prices).toMatchObject([
      {
        choices: [
          {
            card: {
              standard: {
                rates: rates(1n, 5n),
                tiers: [
                  { threshold: 100, operator: 'gt', rates: rates(2n, 5n) },
                  { threshold: 200, operator: 'gt', rates: rates(3n, 6n) },
                ],
              },
            },
          },
        ],
      },
    ]);
  });

  it('above n,999 tokens is one from the next thousand on, except for OpenAI, which means more than 272,000', () => {
    const tierOf = (start: number) => {
      const price = { base: 1, tiers: [{ start, price: 2 }] };
      const [segment] = readPrices('p', 'm', { input_mtok: price });
      const [choice] = segment?.choices ?? [];
      return choice?.kind === 'card' ? choice.card.standard.tiers[0] : null;
    };
    expect(tierOf(199_999)).toMatchObject({ threshold: 200_000, operator: 'gte' });
    expect(tierOf(271_999)).toMatchObject({ threshold: 272_000, operator: 'gt' });
    expect(tierOf(200_000)).toMatchObject({ threshold: 200_000, operator: 'gt' });
  });

  it('by the thousand or the hour is one by the piece', () => {
    const [segment] = readPrices('p', 'm', { requests_kcount: 5, input_audio_hours: 0.111 });
    const [choice] = segment?.choices ?? [];
    expect(choice?.kind === 'card' && choice.card.units).toEqual({
      request: 5_000_000_000_000n,
      second: 111_000_000_000_000n,
    });
  });

  it('at some hours holds there, beside the price of the rest of the day', () => {
    const prices = readPrices('p', 'm', [
      { prices: { input_mtok: 1 } },
      { constraint: { type: 'start_date', start_date: '2026-01-01' }, prices: { input_mtok: 2 } },
      {
        constraint: { type: 'time_of_date', start_time: '01:00:00Z', end_time: '04:00:00Z' },
        prices: { input_mtok: 3 },
      },
    ]);
    expect(
      prices.map(({ choices }) => choices.map((choice) => choice.kind === 'card' && choice.card.id)),
    ).toEqual([['p/m'], ['p/m@01:00-04:00', 'p/m@2026-01-01']]);
  });
});
