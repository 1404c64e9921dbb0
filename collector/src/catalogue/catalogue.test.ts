import { readFileSync } from 'node:fs';
import {
  explainCost,
  formatDecimal,
  type MatchKind,
  type PriceMatch,
  TOKEN_CLASSES,
  type TokenClasses,
  USD_SCALE,
} from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { catalogueOf, defaultCatalogue } from './catalogue.ts';
import { exactRate, PRICE_LIST_PACKAGE, readPrices } from './price-list.ts';

const catalogue = defaultCatalogue();

function find(provider: string | null, model: string, at = '2026-01-15T12:00:00Z'): PriceMatch {
  return catalogue.find({ provider, model, atMicros: Date.parse(at) * 1000 });
}

/** The card's id and how it was found, or the reason why there is none. */
function found(provider: string | null, model: string, at?: string): string {
  const match = find(provider, model, at);
  return match.kind === 'found' ? `${match.card.id} (${match.matchKind})` : match.reason;
}

function cost(provider: string, model: string, tokens: Partial<TokenClasses>, at?: string): string {
  const match = find(provider, model, at);
  if (match.kind === 'unpriced') throw new Error(`${model} is unpriced: ${match.reason}`);
  const none = { uncachedInput: 0, cacheRead: 0, cacheWrite: 0, visibleOutput: 0, reasoning: 0 };
  const lines = explainCost({ ...none, ...tokens }, match.card);
  if (lines === null) throw new Error(`${model} lacks a rate`);
  return formatDecimal(
    lines.reduce((sum, line) => sum + line.cost, 0n),
    USD_SCALE,
  );
}

interface Golden {
  /** Where the price is published; USD per million tokens. */
  readonly source: string;
  readonly provider: string;
  readonly model: string;
  readonly tokens: Partial<TokenClasses>;
  readonly at?: string;
  readonly usd: string;
}

const OPENAI = 'openai.com/api/pricing';
const ANTHROPIC = 'claude.com/pricing#api';
const GOOGLE = 'ai.google.dev/gemini-api/docs/pricing';

const GOLDEN: readonly Golden[] = [
  {
    source: `${OPENAI}: gpt-4o 2.50 in, 10 out`,
    provider: 'openai',
    model: 'gpt-4o',
    tokens: { uncachedInput: 1000, visibleOutput: 500 },
    usd: '0.0075',
  },
  {
    source: `${OPENAI}: gpt-4o 2.50 in, 1.25 cached, 10 out`,
    provider: 'openai',
    model: 'gpt-4o-2024-08-06',
    tokens: { uncachedInput: 400, cacheRead: 600, visibleOutput: 100 },
    usd: '0.00275',
  },
  {
    source: `${OPENAI}: the first gpt-4o snapshot 5 in, 15 out`,
    provider: 'openai',
    model: 'gpt-4o-2024-05-13',
    tokens: { uncachedInput: 1000, visibleOutput: 500 },
    usd: '0.0125',
  },
  {
    source: `${OPENAI}: gpt-4o-mini 0.15 in, 0.60 out`,
    provider: 'openai',
    model: 'gpt-4o-mini',
    tokens: { uncachedInput: 12_345, visibleOutput: 678 },
    usd: '0.00225855',
  },
  {
    source: `${OPENAI}: gpt-4.1 2 in, 8 out`,
    provider: 'openai',
    model: 'gpt-4.1-2025-04-14',
    tokens: { uncachedInput: 10_000, visibleOutput: 2000 },
    usd: '0.036',
  },
  {
    source: `${OPENAI}: gpt-4.1-mini 0.40 in, 0.10 cached, 1.60 out`,
    provider: 'azure.ai.openai',
    model: 'gpt-4.1-mini-2025-04-14',
    tokens: { uncachedInput: 1000, cacheRead: 4000, visibleOutput: 500 },
    usd: '0.0016',
  },
  {
    source: `${OPENAI}, until 2025-06-10: o3 10 in, 40 out`,
    provider: 'openai',
    model: 'o3',
    tokens: { uncachedInput: 1000, visibleOutput: 250, reasoning: 750 },
    at: '2025-06-09T23:59:59.999Z',
    usd: '0.05',
  },
  {
    source: `${OPENAI}, since 2025-06-10: o3 2 in, 8 out`,
    provider: 'openai',
    model: 'o3',
    tokens: { uncachedInput: 1000, visibleOutput: 250, reasoning: 750 },
    at: '2025-06-10T00:00:00Z',
    usd: '0.01',
  },
  {
    source: `${OPENAI}: o4-mini 1.10 in, 0.275 cached, 4.40 out`,
    provider: 'openai',
    model: 'o4-mini-2025-04-16',
    tokens: { uncachedInput: 100, cacheRead: 1000, reasoning: 1000 },
    usd: '0.004785',
  },
  {
    source: `${OPENAI}: gpt-5-mini 0.25 in, 2 out`,
    provider: 'openai',
    model: 'gpt-5-mini',
    tokens: { uncachedInput: 1000, visibleOutput: 1000 },
    usd: '0.00225',
  },
  {
    source: `${OPENAI}: text-embedding-3-small 0.02`,
    provider: 'openai',
    model: 'text-embedding-3-small',
    tokens: { uncachedInput: 8191 },
    usd: '0.00016382',
  },
  {
    source: `${OPENAI}: text-embedding-3-large 0.13`,
    provider: 'openai',
    model: 'text-embedding-3-large',
    tokens: { uncachedInput: 7 },
    usd: '0.00000091',
  },
  {
    source: `${ANTHROPIC}: Sonnet 4.5 up to 200K input 3 in, 0.30 read, 15 out`,
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    tokens: { uncachedInput: 150_000, cacheRead: 50_000, visibleOutput: 1000 },
    usd: '0.48',
  },
  {
    source: `${ANTHROPIC}: Sonnet 4.5 above 200K input 6 in, 0.60 read, 22.50 out`,
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    tokens: { uncachedInput: 150_001, cacheRead: 50_000, visibleOutput: 1000 },
    usd: '0.952506',
  },
  {
    source: `${ANTHROPIC}: Sonnet 4.5 cache write 3.75`,
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    tokens: { uncachedInput: 10, cacheWrite: 1000, visibleOutput: 100 },
    usd: '0.00528',
  },
  {
    source: `${ANTHROPIC}: Haiku 4.5 1 in, 5 out`,
    provider: 'anthropic',
    model: 'claude-haiku-4-5-20251001',
    tokens: { uncachedInput: 1000, visibleOutput: 1000 },
    usd: '0.006',
  },
  {
    source: 'aws.amazon.com/bedrock/pricing: regional Sonnet 4.5 3.30 in, 16.50 out',
    provider: 'aws.bedrock',
    model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    tokens: { uncachedInput: 1000, visibleOutput: 1000 },
    usd: '0.0198',
  },
  {
    source: `${GOOGLE}: Gemini 2.5 Pro up to 200k 1.25 in, 10 out`,
    provider: 'gcp.gemini',
    model: 'gemini-2.5-pro',
    tokens: { uncachedInput: 200_000, visibleOutput: 1000 },
    usd: '0.26',
  },
  {
    source: `${GOOGLE}: Gemini 2.5 Pro above 200k 2.50 in, 15 out`,
    provider: 'gcp.vertex_ai',
    model: 'publishers/google/models/gemini-2.5-pro',
    tokens: { uncachedInput: 200_001, visibleOutput: 1000 },
    usd: '0.5150025',
  },
  {
    source: `${GOOGLE}: Gemini 2.5 Flash 0.30 in, 2.50 out including thinking`,
    provider: 'gcp.gen_ai',
    model: 'models/gemini-2.5-flash',
    tokens: { uncachedInput: 1000, visibleOutput: 200, reasoning: 800 },
    usd: '0.0028',
  },
];

describe('the default catalogue', () => {
  it.each(GOLDEN)(
    'charges $usd USD for $model as published ($source)',
    ({ provider, model, tokens, at, usd }) => {
      expect(cost(provider, model, tokens, at)).toBe(usd);
    },
  );

  it.each<[MatchKind, string, string, string]>([
    ['exact', 'openai', ' GPT-4o ', 'openai/gpt-4o'],
    ['alias', 'openai', 'gpt-4o-2024-11-20', 'openai/gpt-4o'],
    ['dated_snapshot', 'anthropic', 'claude-sonnet-4-20250514', 'anthropic/claude-sonnet-4-0'],
    ['dated_snapshot', 'gcp.vertex_ai', 'claude-sonnet-4-5@20250929', 'google/claude-sonnet-4-5'],
    ['library', 'anthropic', 'claude-3-5-haiku-20241022', 'anthropic/claude-3-5-haiku-latest'],
    ['library', 'gcp.gemini', 'gemini-2.0-flash-001', 'google/gemini-2.0-flash'],
    ['library', 'aws.bedrock', 'us.amazon.nova-pro-v1:0', 'aws/amazon.nova-pro-v1:0'],
    ['exact', 'azure.ai.openai', 'gpt-4o', 'openai/gpt-4o'],
    ['exact', 'x_ai', 'grok-4-0709', 'x-ai/grok-4-0709'],
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
    ['a deployment name', 'azure.ai.openai', 'prod-chat-eastus', 'unknown_model'],
    ['a fine-tune without a card', 'openai', 'ft:gpt-99:acme::a1b2', 'unknown_model'],
    ['a fine-tune whose base has a card', 'openai', 'ft:gpt-4-0613:acme::a1b2', 'unknown_model'],
    ['a model of another provider', 'anthropic', 'gpt-4o', 'unknown_model'],
    ['an empty entry', 'openai', 'moderation', 'unknown_model'],
    ['an unknown provider', 'my-gateway', 'gpt-4o', 'unknown_provider'],
    ['no provider', null, 'gpt-4o', 'unknown_provider'],
    ['a price that depends on the hour', 'deepseek', 'deepseek-chat', 'unsupported_price'],
    ['a price with a fee per request', 'perplexity', 'sonar', 'unsupported_price'],
    ['a price per hour of audio', 'openai', 'whisper-1', 'unsupported_price'],
  ])('has no price for %s', (_, provider, model, reason) => {
    expect(found(provider, model)).toBe(reason);
  });

  it('has no price for a call from before there were any', () => {
    expect(found('openai', 'gpt-4o', '1970-01-01T00:00:00Z')).toBe('no_card_at_time');
    expect(found('openai', 'gpt-4o', '2022-12-31T23:59:59.999Z')).toBe('no_card_at_time');
  });

  it('takes an empty entry for free only where the id says so', () => {
    const match = find('openrouter', 'meta-llama/llama-3.3-70b-instruct:free');
    expect(match).toMatchObject({ kind: 'found', card: { rates: { uncachedInput: 0n, visibleOutput: 0n } } });
  });

  it('names card validity half-open, without gaps or overlaps', () => {
    const o3 = [...catalogue.cards()].filter(({ card }) => card.provider === 'openai' && card.model === 'o3');
    const change = Date.UTC(2025, 5, 10) * 1000;
    expect(
      o3.map(({ card, validFromMicros, validToMicros }) => [card.id, validFromMicros, validToMicros]),
    ).toEqual([
      ['openai/o3', Date.UTC(2023, 0, 1) * 1000, change],
      ['openai/o3@2025-06-10', change, null],
    ]);
  });

  it('holds only sound cards: unique ids, some rate, tiers and validity in order', () => {
    const cards = [...catalogue.cards()];
    expect(cards.length).toBeGreaterThan(1000);
    expect(new Set(cards.map(({ card }) => card.id)).size).toBe(cards.length);
    for (const { card, validFromMicros, validToMicros } of cards) {
      expect(TOKEN_CLASSES.some((tokenClass) => card.rates[tokenClass] !== null)).toBe(true);
      expect(validToMicros === null || validFromMicros < validToMicros, card.id).toBe(true);
      let below = card;
      let threshold = -1;
      for (const tier of card.tiers) {
        expect(tier.inputTokensAbove).toBeGreaterThan(threshold);
        // One more token never makes a request cheaper, across tiers either.
        for (const tokenClass of TOKEN_CLASSES) {
          const rates = [below.rates[tokenClass], tier.rates[tokenClass]] as const;
          expect((rates[0] ?? 0n) <= (rates[1] ?? 0n), `${card.id} ${tokenClass}`).toBe(true);
        }
        threshold = tier.inputTokensAbove;
        below = { ...card, rates: tier.rates };
      }
    }
  });

  it('finds each of its models under its own list and id', () => {
    for (const { card, validFromMicros } of catalogue.cards()) {
      // One id ends in the hyphen of a prefix; a name never does.
      const model = card.model.replace(/-$/, '');
      const match = catalogue.find({ provider: card.provider, model, atMicros: validFromMicros });
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
    expect(defaultCatalogue().version).toBe(catalogue.version);
    const other = (price: number) =>
      catalogueOf(
        [
          {
            provider: 'p',
            fallbacks: [],
            models: [
              { id: 'm', match: { equals: 'm' }, prices: readPrices('p', 'm', { input_mtok: price }) },
            ],
          },
        ],
        'test',
      ).version;
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
    const classes = { cacheRead: 500_000_000n, cacheWrite: null, reasoning: null };
    expect(prices).toMatchObject({
      kind: 'cards',
      cards: [
        {
          card: {
            rates: { ...classes, uncachedInput: 1_000_000_000n, visibleOutput: 5_000_000_000n },
            tiers: [
              {
                inputTokensAbove: 100,
                rates: { ...classes, uncachedInput: 2_000_000_000n, visibleOutput: 5_000_000_000n },
              },
              {
                inputTokensAbove: 200,
                rates: { ...classes, uncachedInput: 3_000_000_000n, visibleOutput: 6_000_000_000n },
              },
            ],
          },
        },
      ],
    });
  });
});
