import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCard, aUsage, NO_TOKENS, rates } from '../test/builders.ts';
import type { Catalogue, Factors, PriceQuery, RateCard, RateTier } from './catalogue.ts';
import { price, type Rating } from './price.ts';
import { type ConsumedUnits, inputTokens, type TokenClasses, type UsageRecord } from './usage.ts';

function catalogueOf(card: RateCard, region: string | null = null): Catalogue {
  return { find: () => ({ kind: 'found', card, matchKind: 'exact', region }) };
}

function rated(usage: Partial<UsageRecord>, card = aCard(), region: string | null = null): Rating {
  return price(aUsage(usage), catalogueOf(card, region), 'default');
}

function tokensOf(tokens: Partial<TokenClasses>): TokenClasses {
  return { ...NO_TOKENS, ...tokens };
}

function priced(tokens: Partial<TokenClasses>, card = aCard(), usage: Partial<UsageRecord> = {}) {
  const rating = rated({ ...usage, tokens: tokensOf(tokens) }, card);
  if (rating.kind !== 'priced') throw new Error(`expected a price, got ${rating.status}`);
  return rating;
}

function unitsOf(units: Partial<ConsumedUnits>): ConsumedUnits {
  return {
    requests: null,
    webSearches: null,
    images: null,
    milliseconds: null,
    pages: null,
    custom: null,
    ...units,
  };
}

const NO_MODALITIES = {
  audioInput: null,
  audioOutput: null,
  imageInput: null,
  imageOutput: null,
  cacheReadAudio: null,
};

const MICRO_USD = 1_000_000_000n;
const TENTH_MORE = { numerator: 11n, denominator: 10n };

function above(threshold: number, tier: RateTier['rates'], operator: RateTier['operator'] = 'gt'): RateTier {
  return { threshold, operator, rates: tier };
}

const tiered = aCard({
  standard: {
    rates: rates({ input: 2n, cache_read: 1n, cache_write_5m: 3n, output: 10n }),
    tiers: [
      above(1000, rates({ input: 4n, cache_read: 2n, cache_write_5m: 6n, output: 15n })),
      above(5000, rates({ input: 8n, cache_read: 4n, cache_write_5m: 12n, output: 30n })),
    ],
  },
});

const tokenCounts = fc.record({
  uncachedInput: fc.integer({ min: 0, max: 4000 }),
  cacheRead: fc.integer({ min: 0, max: 4000 }),
  cacheWrite: fc.integer({ min: 0, max: 4000 }),
  visibleOutput: fc.integer({ min: 0, max: 4000 }),
  reasoning: fc.integer({ min: 0, max: 4000 }),
});

const factors = fc
  .record({
    numerator: fc.bigInt({ min: 1n, max: 10n ** 9n }),
    denominator: fc.bigInt({ min: 1n, max: 10n ** 9n }),
  })
  .map((factor): Factors => ({ byName: new Map([['us', factor]]), others: null }));

describe('a price', () => {
  it('is the sum over token classes, exact in 10⁻¹⁵ USD, with a line for each', () => {
    const rating = priced({ uncachedInput: 1000, cacheRead: 500, cacheWrite: 200, visibleOutput: 100 });
    // 1000 × 2 + 500 × 1 + 200 × 3 + 100 × 10 = 4,100 USD per million = 0.0041 USD
    expect(rating).toMatchObject({ cost: 4_100n * MICRO_USD, status: 'priced', note: null });
    expect(rating.lines.map(({ item, quantity, cost }) => [item, quantity, cost])).toEqual([
      ['input', 1000, 2000n * MICRO_USD],
      ['cache_read', 500, 500n * MICRO_USD],
      ['cache_write_5m', 200, 600n * MICRO_USD],
      ['output', 100, 1000n * MICRO_USD],
    ]);
  });

  it('takes the output rate for reasoning and the input rate for cache reads that have none, and says so', () => {
    const card = aCard({ standard: { rates: rates({ input: 2n, output: 10n }), tiers: [] } });
    const { cost, note, lines } = priced({ cacheRead: 10, cacheWrite: 10, reasoning: 10 }, card);
    expect(cost).toBe(140n * MICRO_USD);
    expect(lines.map(({ fallback }) => fallback)).toEqual(['input', 'input', 'output']);
    expect(note).toBe(
      'cache_read at the rate of input, cache_write_5m at the rate of input, reasoning at the rate of output',
    );
  });

  it.each<[string, Partial<UsageRecord>, Partial<RateCard>]>([
    [
      'a cache write where writes cost more',
      { tokens: tokensOf({ cacheWrite: 1 }) },
      { cacheWritesAsInput: false },
    ],
    [
      'a 1h cache write at the rate of a short one',
      { tokens: tokensOf({ cacheWrite: 9 }), cacheWrite1h: 9 },
      {},
    ],
    [
      'a 12h cache write at the rate of a short one',
      { tokens: tokensOf({ cacheWrite: 9 }), cacheWrite12h: 9 },
      {},
    ],
    ['sound as text', { modalities: { ...NO_MODALITIES, audioInput: 5 } }, {}],
    ['spoken output as text', { modalities: { ...NO_MODALITIES, audioOutput: 5 } }, {}],
    ['a drawn output as text', { modalities: { ...NO_MODALITIES, imageOutput: 5 } }, {}],
    [
      'an image as text where the card does not say so',
      { modalities: { ...NO_MODALITIES, imageInput: 5 } },
      {},
    ],
    ['output of a model that lists none', {}, { standard: { rates: rates({ input: 2n }), tiers: [] } }],
  ])('does not guess %s', (_, usage, card) => {
    const base = rates({ input: 2n, output: 10n });
    const rating = rated(usage, aCard({ standard: { rates: base, tiers: [] }, ...card }));
    expect(rating.status).toBe('unpriced:missing_class_rate');
    expect(rating.kind === 'unpriced' && rating.lines.some(({ cost }) => cost === null)).toBe(true);
  });

  it('tells audio, images and the times of cache writes apart, each token once', () => {
    const card = aCard({
      standard: {
        rates: rates({
          input: 1n,
          input_audio: 2n,
          input_image: 3n,
          cache_read: 5n,
          cache_read_audio: 7n,
          cache_write_5m: 11n,
          cache_write_1h: 13n,
          cache_write_12h: 17n,
          output: 19n,
          reasoning: 23n,
          output_audio: 29n,
          output_image: 31n,
        }),
        tiers: [],
      },
    });
    const { lines } = priced(
      { uncachedInput: 100, cacheRead: 50, cacheWrite: 30, visibleOutput: 40, reasoning: 8 },
      card,
      {
        cacheWrite1h: 10,
        cacheWrite12h: 5,
        modalities: { audioInput: 30, imageInput: 20, audioOutput: 12, imageOutput: 6, cacheReadAudio: 10 },
      },
    );
    expect(Object.fromEntries(lines.map(({ item, quantity }) => [item, quantity]))).toEqual({
      input: 60,
      input_audio: 20,
      input_image: 20,
      cache_read: 40,
      cache_read_audio: 10,
      cache_write_5m: 15,
      cache_write_1h: 10,
      cache_write_12h: 5,
      output: 22,
      reasoning: 8,
      output_audio: 12,
      output_image: 6,
    });
  });

  it.each<[string, Partial<UsageRecord>]>([
    [
      'more kinds of cache writes than cache writes',
      { tokens: tokensOf({ cacheWrite: 9 }), cacheWrite1h: 10 },
    ],
    [
      '5m and 1h writes that are more than the whole',
      { tokens: tokensOf({ cacheWrite: 9 }), cacheWrite5m: 5, cacheWrite1h: 5 },
    ],
    ['more audio than input', { modalities: { ...NO_MODALITIES, audioInput: 1001 } }],
    ['more audio than output', { modalities: { ...NO_MODALITIES, audioOutput: 101 } }],
    ['more cached audio than audio', { modalities: { ...NO_MODALITIES, audioInput: 1, cacheReadAudio: 2 } }],
    ['counts that are declared to contradict', { tokens: null, usageStatus: 'invalid' }],
  ])('does not exist for %s: nothing is clamped', (_, usage) => {
    expect(rated(usage).status).toBe('unpriced:invalid_usage');
  });

  it('moves the whole request to the tier that all input together is strictly above', () => {
    expect(priced({ uncachedInput: 400, cacheRead: 600, visibleOutput: 10 }, tiered).cost).toBe(
      1500n * MICRO_USD,
    );
    // One more cached token: 400 × 4 + 601 × 2 + 10 × 15
    expect(priced({ uncachedInput: 400, cacheRead: 601, visibleOutput: 10 }, tiered).cost).toBe(
      2952n * MICRO_USD,
    );
    expect(priced({ uncachedInput: 5001 }, tiered).cost).toBe(40_008n * MICRO_USD);
  });

  it('moves at the threshold itself where the card says so', () => {
    const tiers = [above(1000, rates({ input: 4n }), 'gte')];
    const card = aCard({ standard: { rates: rates({ input: 2n }), tiers } });
    expect(priced({ uncachedInput: 999 }, card).cost).toBe(1998n * MICRO_USD);
    expect(priced({ uncachedInput: 1000 }, card).cost).toBe(4000n * MICRO_USD);
  });

  it.each(['default', 'auto', 'standard', 'Standard ', '', null])(
    'of service tier %j is the standard one',
    (serviceTier) => {
      expect(priced({ uncachedInput: 10 }, aCard(), { serviceTier }).cost).toBe(20n * MICRO_USD);
    },
  );

  it('of the tier word that only Anthropic knows is standard there, and unknown elsewhere', () => {
    expect(rated({ provider: 'anthropic', serviceTier: 'standard_only' }).status).toBe('priced');
    expect(rated({ provider: 'openai', serviceTier: 'standard_only' }).status).toBe(
      'unpriced:unknown_service_tier',
    );
  });

  it('of a service tier is that of its table, context tiers and missing rates included', () => {
    const tiers = [above(1000, rates({ input: 3n, output: 9n }))];
    const batch = { kind: 'table', rates: rates({ input: 1n, output: 5n }), tiers } as const;
    const card = aCard({ serviceTiers: new Map([['batch', batch]]) });
    expect(priced({ uncachedInput: 10, visibleOutput: 1 }, card, { serviceTier: 'batch' }).cost).toBe(
      15n * MICRO_USD,
    );
    // The batch table lists no cached price, so cached input costs as much as input, not the standard cached rate.
    expect(priced({ cacheRead: 10 }, card, { serviceTier: 'Batch' }).cost).toBe(10n * MICRO_USD);
    expect(priced({ uncachedInput: 1001 }, card, { serviceTier: 'batch' }).cost).toBe(3003n * MICRO_USD);
  });

  it('of a service tier without a price is unknown, and the tiers that have one are named', () => {
    const half = { kind: 'factor', factor: { numerator: 1n, denominator: 2n } } as const;
    const card = aCard({ serviceTiers: new Map([['batch', half]]) });
    expect(rated({ serviceTier: 'priority' }, card)).toMatchObject({
      status: 'unpriced:unknown_service_tier',
      note: 'its price list has standard, batch',
    });
    expect(priced({ uncachedInput: 10 }, card, { serviceTier: 'batch' }).cost).toBe(10n * MICRO_USD);
  });

  it('is multiplied by service tier, region, place of inference and contract, and rounded once a line', () => {
    const card = aCard({
      standard: { rates: { input: 1n, output: 3n }, tiers: [] },
      serviceTiers: new Map([['batch', { kind: 'factor', factor: { numerator: 1n, denominator: 2n } }]]),
      regions: { byName: new Map([['global', { numerator: 1n, denominator: 1n }]]), others: TENTH_MORE },
      inferenceGeos: { byName: new Map([['us', TENTH_MORE]]), others: null },
      discount: { numerator: 17n, denominator: 20n },
    });
    const usage = { serviceTier: 'batch', region: 'eu', inferenceGeo: 'US' };
    // 1000 × 0.5 × 1.1 × 1.1 × 0.85 = 514.25 and 1000 × 3 × … = 1542.75, each rounded half to even.
    expect(priced({ uncachedInput: 1000, visibleOutput: 1000 }, card, usage).cost).toBe(514n + 1543n);
    expect(priced({ uncachedInput: 1000 }, card, { region: 'global' }).cost).toBe(850n);
    expect(priced({ uncachedInput: 1000 }, card, { inferenceGeo: 'not_available' }).cost).toBe(850n);
    // The region in the model's name counts, not the one that the span tells besides.
    const rating = rated({ tokens: tokensOf({ uncachedInput: 1000 }), region: 'global' }, card, 'us');
    expect(rating.kind === 'priced' && rating.cost).toBe(935n);
  });

  it('adds fees by the piece as they are, and work by the piece with the factors', () => {
    const card = aCard({
      discount: { numerator: 1n, denominator: 2n },
      units: {
        request: 5_000n * MICRO_USD,
        web_search: 10_000n * MICRO_USD,
        image: 40_000n * MICRO_USD,
        page: 1_000n * MICRO_USD,
        second: 360_000n * MICRO_USD,
      },
    });
    const units = unitsOf({ webSearches: 2, images: 3, pages: 4, milliseconds: 1500 });
    const { cost, lines } = priced({ uncachedInput: 100 }, card, { units });
    // 100 + 5,000 + 20,000 + half of (120,000 + 4,000 + 1.5 s × 100)
    expect(cost).toBe(87_175n * MICRO_USD);
    expect(lines.map(({ item }) => item)).toEqual([
      'input',
      'request',
      'web_search',
      'image',
      'second',
      'page',
    ]);
    expect(priced({ uncachedInput: 100 }, card, { units: unitsOf({ requests: 0 }) }).cost).toBe(
      100n * MICRO_USD,
    );
  });

  it('is that of the card for a unit of its own, exactly also for a part of one', () => {
    const card = aCard({ units: { document: 20_000n * MICRO_USD } });
    const units = unitsOf({ custom: { unit: 'document', thousandths: 2500 } });
    const { cost, lines } = priced({}, card, { units });
    expect(cost).toBe(50_000n * MICRO_USD);
    expect(lines).toMatchObject([{ item: 'document', quantity: 2500, rate: 20_000n * MICRO_USD }]);
  });

  it('has no fee for a request in it that was none', () => {
    const card = aCard({ units: { request: 5_000n * MICRO_USD, web_search: 10_000n * MICRO_USD } });
    const searches = { tokens: tokensOf({}), units: unitsOf({ requests: 0, webSearches: 3 }) };
    expect(rated(searches, card)).toMatchObject({ kind: 'priced', cost: 30_000n * MICRO_USD });
  });

  it.each(['document', 'constructor'])('is not known, and never 0, of a %s that no card prices', (unit) => {
    const units = unitsOf({ custom: { unit, thousandths: 1 } });
    expect(rated({ tokens: tokensOf({}), units })).toMatchObject({
      kind: 'partial',
      knownPart: 0n,
      note: `no price for ${unit}`,
    });
  });

  it('is not known of requests that are all that is counted and have no price', () => {
    const requests = { tokens: tokensOf({}), units: unitsOf({ requests: 5 }) };
    expect(rated(requests)).toMatchObject({ kind: 'partial', note: 'no price for request' });
    expect(rated(requests, aCard({ units: { request: 7n } }))).toMatchObject({ kind: 'priced', cost: 35n });
    expect(rated(requests, aCard({ isFree: true }))).toMatchObject({ status: 'free', cost: 0n });
  });

  it('of something by the piece that has no price is known only in part', () => {
    const rating = rated({ units: unitsOf({ webSearches: 1 }) });
    expect(rating).toMatchObject({
      kind: 'partial',
      status: 'partial',
      knownPart: 3000n * MICRO_USD,
      note: 'no price for web_search',
    });
    const table = { kind: 'table', rates: rates({ input: 1n, output: 1n }), tiers: [] } as const;
    const card = aCard({ units: { image: 1n }, serviceTiers: new Map([['batch', table]]) });
    expect(rated({ serviceTier: 'batch', units: unitsOf({ images: 1 }) }, card).status).toBe('partial');
  });

  it('is never zero because what the model is priced by was not counted', () => {
    const bySecond = aCard({ standard: { rates: {}, tiers: [] }, units: { second: 1n } });
    expect(rated({ tokens: tokensOf({}) }, bySecond).status).toBe('unpriced:missing_usage');
    expect(rated({ tokens: null, units: unitsOf({ webSearches: 1 }) }).status).toBe('unpriced:missing_usage');
    const bySearch = aCard({ standard: { rates: {}, tiers: [] }, units: { request: 7n } });
    expect(rated({ tokens: null, units: unitsOf({ requests: 2 }) }, bySearch)).toMatchObject({ cost: 14n });
  });

  it('of guessed counts, or of a guessed model, is an estimate', () => {
    expect(rated({ usageStatus: 'estimated' }).status).toBe('estimated');
    const fuzzy: Catalogue = {
      find: () => ({ kind: 'found', card: aCard(), matchKind: 'fuzzy', region: null }),
    };
    expect(price(aUsage(), fuzzy, 'default').status).toBe('estimated');
  });

  it('of zero is free only where the card says that the model costs nothing', () => {
    const free = aCard({ standard: { rates: rates({ input: 0n, output: 0n }), tiers: [] }, isFree: true });
    expect(priced({ uncachedInput: 5 }, free)).toMatchObject({ cost: 0n, status: 'free' });
    expect(priced({})).toMatchObject({ cost: 0n, status: 'priced' });
  });

  it('that is imputed from the cost of a machine says so', () => {
    expect(priced({ uncachedInput: 5 }, aCard({ isImputed: true })).note).toBe(
      'imputed from the cost of the machine',
    );
  });

  it.each<[string, Partial<UsageRecord>]>([
    ['missing_usage', { tokens: null, usageStatus: 'missing' }],
    ['unknown_model', { requestModel: null, responseModel: null }],
  ])('does not exist but for a reason: %s', (reason, usage) => {
    expect(rated(usage)).toMatchObject({ kind: 'unpriced', status: `unpriced:${reason}`, reason, lines: [] });
  });

  it('is looked up by the model that answered, at the end of the call, for whose call it was', () => {
    const queries: PriceQuery[] = [];
    const asked: Catalogue = {
      find: (query) => {
        queries.push(query);
        return { kind: 'unpriced', reason: 'unknown_model', detail: 'why' };
      },
    };
    const usage = aUsage({ responseModel: 'gpt-4o-2024-08-06', eventTimeMicros: 7 });
    expect(price(usage, asked, 'shop')).toMatchObject({ reason: 'unknown_model', note: 'why' });
    price(aUsage({ provider: 'azure.ai.openai', requestModel: 'prod-chat' }), asked, 'shop');
    expect(queries).toMatchObject([
      {
        provider: 'openai',
        model: 'gpt-4o-2024-08-06',
        isDeploymentName: false,
        atMicros: 7,
        tenant: 'shop',
        customer: 'acme',
      },
      { provider: 'azure.ai.openai', model: 'prod-chat', isDeploymentName: true },
    ]);
  });

  it.each(['container', 'duplicate', 'ignored', 'pending'] as const)(
    'is not asked for a %s',
    (billingRole) => {
      const asked = {
        find: () => {
          throw new Error('asked');
        },
      };
      expect(price(aUsage({ billingRole }), asked, 'default')).toEqual({
        kind: 'not_billed',
        status: 'not_billed',
      });
    },
  );

  it('equals the sum of its lines, whose quantities are all the tokens, whatever factors there are', () => {
    fc.assert(
      fc.property(tokenCounts, factors, (tokens, regions) => {
        const { cost, lines } = priced(tokens, { ...tiered, regions }, { region: 'us' });
        expect(lines.reduce((sum, line) => sum + (line.cost ?? 0n), 0n)).toBe(cost);
        expect(lines.reduce((sum, line) => sum + line.quantity, 0)).toBe(
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
      fc.property(fc.oneof(tokenCounts, nearTier), classes, factors, (tokens, grown, regions) => {
        const more = { ...tokens, [grown]: tokens[grown as keyof TokenClasses] + 1 };
        const card = { ...tiered, regions };
        const usage = { region: 'us' };
        expect(priced(more, card, usage).cost >= priced(tokens, card, usage).cost).toBe(true);
      }),
    );
  });

  it('is the same for the same facts, however often it is asked for (rate(replay) = rate)', () => {
    fc.assert(
      fc.property(tokenCounts, (tokens) => {
        expect(priced(tokens, tiered)).toEqual(priced({ ...tokens }, { ...tiered }));
      }),
    );
  });

  it('is never a number for an unknown model', () => {
    const unknown: Catalogue = {
      find: () => ({ kind: 'unpriced', reason: 'unknown_model', detail: null }),
    };
    fc.assert(
      fc.property(tokenCounts, (tokens) => {
        const rating = price(aUsage({ tokens }), unknown, 'default');
        expect(rating.kind).toBe('unpriced');
        expect('cost' in rating).toBe(false);
      }),
    );
  });
});
