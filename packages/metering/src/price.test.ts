import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCard, aUsage, NO_TOKENS, rates } from '../test/builders.ts';
import type { Catalogue, RateCard } from './catalogue.ts';
import { explainCost, price } from './price.ts';
import { inputTokens, type TokenClasses, type UsageRecord } from './usage.ts';

function catalogueOf(card: RateCard): Catalogue {
  return { find: () => ({ kind: 'found', card, matchKind: 'exact' }) };
}

function priced(tokens: Partial<TokenClasses>, card = aCard()) {
  const rating = price(aUsage({ tokens: { ...NO_TOKENS, ...tokens } }), catalogueOf(card));
  if (rating.kind !== 'priced') throw new Error(`expected a price, got ${rating.status}`);
  return rating;
}

const tiered = aCard({
  tiers: [
    {
      inputTokensAbove: 1000,
      rates: rates({ uncachedInput: 4n, cacheRead: 2n, cacheWrite: 6n, visibleOutput: 15n }),
    },
    {
      inputTokensAbove: 5000,
      rates: rates({ uncachedInput: 8n, cacheRead: 4n, cacheWrite: 12n, visibleOutput: 30n }),
    },
  ],
});

const tokenCounts = fc.record({
  uncachedInput: fc.integer({ min: 0, max: 4000 }),
  cacheRead: fc.integer({ min: 0, max: 4000 }),
  cacheWrite: fc.integer({ min: 0, max: 4000 }),
  visibleOutput: fc.integer({ min: 0, max: 4000 }),
  reasoning: fc.integer({ min: 0, max: 4000 }),
});

describe('a price', () => {
  it('is the sum over token classes, exact in 10⁻¹⁵ USD', () => {
    const { cost, status, fallbacks } = priced({
      uncachedInput: 1000,
      cacheRead: 500,
      cacheWrite: 200,
      visibleOutput: 100,
    });
    // 1000 × 2 + 500 × 1 + 200 × 3 + 100 × 10 = 4,100 USD per million = 0.0041 USD
    expect(cost).toBe(4_100_000_000_000n);
    expect(status).toBe('priced');
    expect(fallbacks).toEqual([]);
  });

  it('takes the output rate for reasoning and the input rate for cache reads that have none, and says so', () => {
    const card = aCard({ rates: rates({ uncachedInput: 2n, visibleOutput: 10n }) });
    const { cost, fallbacks } = priced({ cacheRead: 10, cacheWrite: 10, reasoning: 10 }, card);
    expect(cost).toBe(140_000_000_000n);
    expect(fallbacks).toEqual(['cacheRead', 'cacheWrite', 'reasoning']);
  });

  it('does not guess a cache write where writes cost more than input', () => {
    const bare = rates({ uncachedInput: 2n, visibleOutput: 10n });
    const usage = aUsage({ tokens: { ...NO_TOKENS, cacheWrite: 1 } });
    for (const card of [
      aCard({ provider: 'anthropic', rates: bare }),
      aCard({ provider: 'aws', model: 'global.anthropic.claude-sonnet-5', rates: bare }),
    ]) {
      expect(price(usage, catalogueOf(card)).status).toBe('unpriced:missing_class_rate');
      expect(explainCost({ ...NO_TOKENS, cacheWrite: 1 }, card)).toBeNull();
    }
  });

  it('does not exist for output of a model that lists no output', () => {
    const card = aCard({ rates: rates({ uncachedInput: 2n }) });
    expect(price(aUsage(), catalogueOf(card)).status).toBe('unpriced:missing_class_rate');
  });

  it('moves the whole request to the tier that all input together is strictly above', () => {
    expect(priced({ uncachedInput: 400, cacheRead: 600, visibleOutput: 10 }, tiered).cost).toBe(
      1_500_000_000_000n,
    );
    // One more cached token: 400 × 4 + 601 × 2 + 10 × 15
    expect(priced({ uncachedInput: 400, cacheRead: 601, visibleOutput: 10 }, tiered).cost).toBe(
      2_952_000_000_000n,
    );
    expect(priced({ uncachedInput: 5001 }, tiered).cost).toBe(40_008_000_000_000n);
  });

  it('of guessed counts is an estimate', () => {
    expect(price(aUsage({ usageStatus: 'estimated' }), catalogueOf(aCard())).status).toBe('estimated');
  });

  it('of zero is free only where the card says that the model costs nothing', () => {
    const zero = aCard({ rates: rates({ uncachedInput: 0n, visibleOutput: 0n }) });
    expect(priced({ uncachedInput: 5 }, zero)).toMatchObject({ cost: 0n, status: 'free' });
    expect(priced({})).toMatchObject({ cost: 0n, status: 'priced' });
  });

  it.each<[string, Partial<UsageRecord>]>([
    ['missing_usage', { tokens: null, usageStatus: 'missing' }],
    ['invalid_usage', { tokens: null, usageStatus: 'invalid' }],
    ['unknown_model', { requestModel: null, responseModel: null }],
  ])('does not exist but for a reason: %s', (reason, usage) => {
    expect(price(aUsage(usage), catalogueOf(aCard()))).toEqual({
      kind: 'unpriced',
      status: `unpriced:${reason}`,
      reason,
    });
  });

  it('is looked up by the model that answered, at the end of the call', () => {
    const queries: unknown[] = [];
    price(aUsage({ responseModel: 'gpt-4o-2024-08-06', eventTimeMicros: 7 }), {
      find: (query) => {
        queries.push(query);
        return { kind: 'unpriced', reason: 'unknown_model' };
      },
    });
    expect(queries).toEqual([{ provider: 'openai', model: 'gpt-4o-2024-08-06', atMicros: 7 }]);
  });

  it.each(['container', 'duplicate', 'ignored', 'pending'] as const)(
    'is not asked for a %s',
    (billingRole) => {
      const asked = {
        find: () => {
          throw new Error('asked');
        },
      };
      expect(price(aUsage({ billingRole }), asked)).toEqual({ kind: 'not_billed', status: 'not_billed' });
    },
  );

  it('equals the sum of its lines', () => {
    fc.assert(
      fc.property(tokenCounts, (tokens) => {
        const lines = explainCost(tokens, tiered) ?? [];
        expect(lines.reduce((sum, line) => sum + line.cost, 0n)).toBe(priced(tokens, tiered).cost);
        expect(lines.reduce((sum, line) => sum + line.tokens, 0)).toBe(
          Object.values(tokens).reduce((sum, value) => sum + value, 0),
        );
      }),
    );
  });

  it('is linear in tokens inside a tier', () => {
    fc.assert(
      fc.property(tokenCounts, tokenCounts, (left, right) => {
        const together = {
          uncachedInput: left.uncachedInput + right.uncachedInput,
          cacheRead: left.cacheRead + right.cacheRead,
          cacheWrite: left.cacheWrite + right.cacheWrite,
          visibleOutput: left.visibleOutput + right.visibleOutput,
          reasoning: left.reasoning + right.reasoning,
        };
        expect(priced(together).cost).toBe(priced(left).cost + priced(right).cost);
      }),
    );
  });

  it('never falls when a request grows by one token', () => {
    const classes = fc.constantFrom('uncachedInput', 'cacheRead', 'cacheWrite', 'visibleOutput', 'reasoning');
    const nearTier = tokenCounts.map((tokens) => ({
      ...tokens,
      uncachedInput: Math.max(0, 1000 - (inputTokens(tokens) - tokens.uncachedInput)),
    }));
    fc.assert(
      fc.property(fc.oneof(tokenCounts, nearTier), classes, (tokens, grown) => {
        const more = { ...tokens, [grown]: tokens[grown as keyof TokenClasses] + 1 };
        expect(priced(more, tiered).cost >= priced(tokens, tiered).cost).toBe(true);
      }),
    );
  });
});
