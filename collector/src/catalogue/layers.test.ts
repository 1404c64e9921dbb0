import { formatDecimal, type PriceMatch, price, USD_SCALE } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aUsage } from '../store/testing/postings.ts';
import { catalogueWith, defaultCatalogue, type PriceCatalogue } from './catalogue.ts';
import { overlay } from './overlay.ts';
import { parsePriceFile } from './parse-price-file.ts';
import type { PriceLayer } from './read-price-file.ts';
import { expectSound } from './testing/sound.ts';

function layerOf(yaml: string, kind: PriceLayer['kind'] = 'override'): PriceLayer {
  const parsed = parsePriceFile(yaml, 'prices.yaml', kind);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.layer;
}

function problemsOf(yaml: string): readonly string[] {
  const parsed = parsePriceFile(yaml, 'prices.yaml', 'override');
  return parsed.kind === 'layer'
    ? []
    : parsed.problems.map(({ path, expected, value }) => `${path}: ${expected}, found ${value}`);
}

interface Asked {
  readonly provider?: string;
  readonly model?: string;
  readonly at?: string;
  readonly tenant?: string;
  readonly customer?: string;
  readonly serviceTier?: string;
  readonly isDeploymentName?: boolean;
}

function find(catalogue: PriceCatalogue, asked: Asked = {}): PriceMatch {
  return catalogue.find({
    provider: asked.provider ?? 'openai',
    model: asked.model ?? 'o3',
    isDeploymentName: asked.isDeploymentName ?? false,
    atMicros: Date.parse(asked.at ?? '2026-06-15T12:00:00Z') * 1000,
    tenant: asked.tenant ?? 'default',
    customer: asked.customer ?? null,
  });
}

/** What a million tokens of input and one of output cost; o3 is listed at 2 and 8. */
function cost(catalogue: PriceCatalogue, asked: Asked = {}): string {
  const usage = aUsage({
    provider: asked.provider ?? 'openai',
    responseModel: asked.model ?? 'o3',
    eventTimeMicros: Date.parse(asked.at ?? '2026-06-15T12:00:00Z') * 1000,
    customer: asked.customer ?? null,
    serviceTier: asked.serviceTier ?? null,
    tokens: { uncachedInput: 1_000_000, cacheRead: 0, cacheWrite: 0, visibleOutput: 1_000_000, reasoning: 0 },
  });
  const rating = price(usage, catalogue, asked.tenant ?? 'default');
  return rating.kind === 'priced' ? formatDecimal(rating.cost, USD_SCALE) : rating.status;
}

describe("a unit of the app's own", () => {
  const card = (units: string) => `
cards:
  - id: my-parser
    match: { provider: '*', model: doc-parser }
    effective_from: 2026-01-01
    units: ${units}`;

  it('has the price of the own card that names it', () => {
    const catalogue = catalogueWith([layerOf(card('{ document: 0.02, page: 0.001 }'))]);
    const match = find(catalogue, { model: 'doc-parser' });
    expect(match.kind === 'found' && match.card.units).toEqual({
      document: 20_000_000_000_000n,
      page: 1_000_000_000_000n,
    });
  });

  it.each(['Document', 'token', 'minute', '2x'])('is none by the name of %s', (unit) => {
    expect(problemsOf(card(`{ ${unit}: 0.02 }`))).toEqual([
      expect.stringContaining(`cards.0.units.${unit}: must be a unit`),
    ]);
  });

  it('has a price that is a decimal', () => {
    expect(problemsOf(card('{ document: cheap }'))).toEqual([
      expect.stringContaining('cards.0.units.document: must be'),
    ]);
  });
});

const OWN = `
cards:
  - id: my-lora
    match: {provider: "*", model: my-company/qwen2.5-14b-lora}
    effective_from: 2026-06-01T00:00:00Z
    rates: {input: "0.12", output: "0.36"}
`;

describe('an override', () => {
  it('prices an own model, wherever it runs, from its time on', () => {
    const catalogue = catalogueWith([layerOf(OWN)]);
    const asked = { provider: 'vllm', model: 'My-Company/qwen2.5-14b-lora' };
    expect(cost(catalogue, asked)).toBe('0.48');
    expect(cost(catalogue, { ...asked, provider: 'openai' })).toBe('0.48');
    expect(cost(catalogue, { ...asked, at: '2026-05-31T23:59:59.999Z' })).toBe('unpriced:no_card_at_time');
    expect(cost(catalogue, { ...asked, model: 'my-company/qwen2.5-14b' })).toBe('unpriced:unknown_provider');
  });

  it('takes the place of the list price for its time, to the instant', () => {
    const catalogue = catalogueWith([
      layerOf(`
cards:
  - id: fixed
    match: {provider: openai, model: o3}
    effective_from: 2026-04-01T06:00:00+02:00
    effective_to: 2026-10-01
    rates: {input: "1", output: "1"}`),
    ]);
    expect(cost(catalogue, { at: '2026-04-01T03:59:59.999Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-04-01T04:00:00Z' })).toBe('2');
    expect(cost(catalogue, { at: '2026-09-30T23:59:59.999Z' })).toBe('2');
    expect(cost(catalogue, { at: '2026-10-01T00:00:00Z' })).toBe('10');
  });

  it('wins over the overlay, and within it exact over wildcard and then the later start', () => {
    const list = layerOf(
      'cards: [{id: overlaid, match: {provider: openai, model: o3}, effective_from: 2026-01-01, rates: {input: "9", output: "9"}}]',
      'overlay',
    );
    const half =
      '{id: half, match: {provider: openai, model: "*"}, effective_from: 2026-03-01, extends: list, multiplier: "0.5"}';
    const early =
      '{id: early, match: {provider: openai, model: o3}, effective_from: 2026-02-01, rates: {input: "3", output: "3"}}';
    const late =
      '{id: late, match: {provider: openai, model: o3}, effective_from: 2026-05-01, rates: {input: "4", output: "4"}}';
    expect(cost(catalogueWith([list]))).toBe('18');
    expect(cost(catalogueWith([list, layerOf(`cards: [${half}]`)]))).toBe('9');
    expect(cost(catalogueWith([list, layerOf(`cards: [${late}, ${half}, ${early}]`)]))).toBe('8');
    expect(cost(catalogueWith([list, layerOf(`cards: [${early}, ${half}]`)]))).toBe('6');
  });

  it('that extends the list changes what it says and leaves the rest', () => {
    const catalogue = catalogueWith([
      layerOf(`
cards:
  - id: cheaper-input
    match: {provider: openai, model: o3}
    effective_from: 2026-01-01
    extends: list
    rates: {input: "1"}
    service_tiers: {batch: {multiplier: "0.5"}, flex: {rates: {input: "0.7", output: "0.7"}}}`),
    ]);
    expect(cost(catalogue)).toBe('9');
    expect(cost(catalogue, { serviceTier: 'batch' })).toBe('4.5');
    expect(cost(catalogue, { serviceTier: 'flex' })).toBe('1.4');
    expect(cost(catalogue, { serviceTier: 'fast' })).toBe('unpriced:unknown_service_tier');
  });

  it('at certain hours leaves the rest of the day as it is; date, hours and weekday must all fit', () => {
    const catalogue = catalogueWith([
      layerOf(`
cards:
  - id: peak
    match: {provider: openai, model: o3}
    effective_from: 2026-06-10
    extends: list
    multiplier: "2"
    hours: {from: "09:00", to: "12:00", weekdays: [mon, tue, wed, thu, fri], utc_offset: "+08:00"}`),
    ]);
    // 2026-06-15 is a Monday.
    expect(cost(catalogue, { at: '2026-06-15T00:59:59.999Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-06-15T01:00:00Z' })).toBe('20');
    expect(cost(catalogue, { at: '2026-06-15T04:00:00Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-06-14T02:00:00Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-06-08T02:00:00Z' })).toBe('10');
  });

  it('over midnight holds on both sides of it, each on its own weekday', () => {
    const catalogue = catalogueWith([
      layerOf(`
cards:
  - id: night
    match: {provider: openai, model: o3}
    effective_from: 2026-01-01
    extends: list
    multiplier: "0.5"
    hours: {from: "22:00", to: "06:00", weekdays: [sat]}`),
    ]);
    expect(cost(catalogue, { at: '2026-06-13T05:59:00Z' })).toBe('5');
    expect(cost(catalogue, { at: '2026-06-13T06:00:00Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-06-13T22:00:00Z' })).toBe('5');
    expect(cost(catalogue, { at: '2026-06-14T00:00:00Z' })).toBe('10');
  });

  it('prices a machine of one’s own by its cost, and says that the price is imputed', () => {
    const catalogue = catalogueWith([
      layerOf(`
cards:
  - id: gpu-box
    match: {provider: vllm, model: llama-3.3-70b}
    effective_from: 2026-06-01T00:00:00Z
    basis: gpu_time
    gpu_hour: "2.40"
    gpus: 4
    throughput: {input_tok_s: 18000, output_tok_s: 2400, utilisation: "0.55"}`),
    ]);
    // 9.6 USD an hour / (18,000 × 3,600 × 0.55) tokens and / (2,400 × 3,600 × 0.55), per million
    expect(cost(catalogue, { provider: 'vllm', model: 'llama-3.3-70b' })).toBe('2.289562289');
    const match = find(catalogue, { provider: 'vllm', model: 'llama-3.3-70b' });
    expect(match.kind === 'found' && match.card.isImputed).toBe(true);
  });

  it('in another currency is turned into dollars at the fixed rate of the period, and unpriced where there is none', () => {
    const catalogue = catalogueWith([
      layerOf(`
currencies:
  EUR: [{from: 2026-04-01, per_usd: "0.8"}, {from: 2026-07-01, per_usd: "0.5"}]
cards:
  - id: in-euros
    match: {provider: openai, model: o3}
    effective_from: 2026-01-01
    currency: EUR
    rates: {input: "2", output: "6"}`),
    ]);
    expect(cost(catalogue, { at: '2026-03-31T23:59:59Z' })).toBe('unpriced:unsupported_currency');
    expect(cost(catalogue, { at: '2026-04-01T00:00:00Z' })).toBe('10');
    expect(cost(catalogue, { at: '2026-07-01T00:00:00Z' })).toBe('16');
  });

  it('may say that a model is free, but a zero alone is a mistake', () => {
    const free = (said: string) => `
cards:
  - {id: local, match: {provider: ollama, model: qwen3}, effective_from: 2026-01-01${said}}`;
    expect(cost(catalogueWith([layerOf(free(', free: true'))]), { provider: 'ollama', model: 'qwen3' })).toBe(
      '0',
    );
    expect(problemsOf(free(', rates: {input: "0", output: "0"}'))).toEqual([
      'cards.0: must say free: true where every price is 0, found local',
    ]);
  });
});

describe('a time line of prices', () => {
  const day = (index: number) => new Date(Date.UTC(2026, 0, 1 + index)).toISOString();
  const entries = fc.uniqueArray(
    fc.record({ from: fc.integer({ min: 0, max: 60 }), days: fc.option(fc.integer({ min: 1, max: 40 })) }),
    { selector: ({ from }) => from, maxLength: 8 },
  );
  const layerAt = (times: readonly { readonly from: number; readonly days: number | null }[]) =>
    layerOf(
      JSON.stringify({
        cards: times.map(({ from, days }, index) => ({
          id: `card-${index}`,
          match: { provider: 'acme', model: 'm' },
          effective_from: day(from),
          ...(days === null ? {} : { effective_to: day(from + days) }),
          rates: { input: String(index + 1), output: '0' },
        })),
      }),
    );
  const priceAt = (catalogue: PriceCatalogue, index: number) =>
    cost(catalogue, { provider: 'acme', model: 'm', at: day(index) });

  it('is at every instant the card that began last among those that hold', () => {
    fc.assert(
      fc.property(entries, (times) => {
        fc.pre(times.length > 0);
        const catalogue = catalogueWith([layerAt(times)]);
        for (let index = 0; index <= 105; index += 3) {
          const holding = times.filter(
            ({ from, days }) => from <= index && (days === null || index < from + days),
          );
          const latest = holding.toSorted((one, other) => other.from - one.from)[0];
          const expected =
            latest === undefined ? 'unpriced:no_card_at_time' : String(times.indexOf(latest) + 1);
          expect(priceAt(catalogue, index), `day ${index}`).toBe(expected);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('does not change before the instant from which a new card holds (I10)', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 60 }), (times, from) => {
        fc.pre(times.length > 0 && times.every((each) => each.from !== from));
        const before = catalogueWith([layerAt(times)]);
        const after = catalogueWith([layerAt([...times, { from, days: null }])]);
        for (let index = 0; index < from; index++) expect(priceAt(after, index)).toBe(priceAt(before, index));
        expect(priceAt(after, from)).toBe(String(times.length + 1));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a contract', () => {
  const contracts = catalogueWith([
    layerOf(`
cards:
  - id: acme-openai
    scope: {tenant: acme}
    match: {provider: openai, model: "*"}
    effective_from: 2026-01-01
    extends: list
    multiplier: "0.85"
  - id: acme-o3
    scope: {tenant: acme, customer: shop}
    match: {provider: openai, model: o3}
    effective_from: 2026-03-01
    effective_to: 2026-09-01
    rates: {input: "0.5", output: "0.5"}
  - id: everybody
    match: {provider: openai, model: o3}
    effective_from: 2026-02-01
    rates: {input: "1", output: "1"}`),
  ]);

  it('is for its tenant or customer only, on top of what everybody pays', () => {
    expect(cost(contracts)).toBe('2');
    expect(cost(contracts, { tenant: 'acme' })).toBe('1.7');
    expect(cost(contracts, { tenant: 'acme', at: '2026-01-15T00:00:00Z' })).toBe('8.5');
    expect(cost(contracts, { tenant: 'acme', model: 'gpt-4.1' })).toBe('8.5');
    expect(cost(contracts, { tenant: 'other', customer: 'shop' })).toBe('2');
  });

  it('of the narrower scope wins while it lasts', () => {
    expect(cost(contracts, { tenant: 'acme', customer: 'shop' })).toBe('1');
    expect(cost(contracts, { tenant: 'acme', customer: 'shop', at: '2026-09-01T00:00:00Z' })).toBe('1.7');
    expect(cost(contracts, { tenant: 'acme', customer: 'shop', at: '2026-02-28T23:59:59.999Z' })).toBe('1.7');
  });

  it('gives no price to a model that nobody lists', () => {
    expect(cost(contracts, { tenant: 'acme', model: 'gpt-99' })).toBe('unpriced:unknown_model');
  });

  it('with one provider does not hold at another who sells the same models', () => {
    expect(cost(contracts, { tenant: 'acme', provider: 'azure.ai.openai' })).toBe('10');
  });
});

describe('an alias', () => {
  const aliased = catalogueWith([
    layerOf(`
aliases:
  - {provider: azure.ai.openai, model: Prod-Chat-EastUS, to: gpt-4.1, deployment: data_zone}
  - {provider: openai, model: house-model, to: o3, effective_from: 2026-06-01, effective_to: 2026-07-01}
  - {provider: litellm, model: router, to: o3, to_provider: openai}`),
  ]);

  it('resolves a deployment that only its owner knows, and says where it runs', () => {
    const match = find(aliased, {
      provider: 'azure.ai.openai',
      model: 'prod-chat-eastus',
      isDeploymentName: true,
    });
    expect(match).toMatchObject({
      kind: 'found',
      matchKind: 'user_alias',
      region: 'data_zone',
      card: { model: 'gpt-4.1' },
    });
  });

  it('is the only thing that a deployment name has: one that is called like a model is not taken for it', () => {
    expect(
      find(aliased, { provider: 'azure.ai.openai', model: 'gpt-4.1', isDeploymentName: true }),
    ).toMatchObject({
      kind: 'unpriced',
      reason: 'deployment_unmapped',
    });
  });

  it('of ours does not make a deployment a model, though it holds for the models that Azure sells', () => {
    const catalogue = catalogueWith([
      layerOf('aliases: [{provider: openai, model: gpt-4.1, to: o3}]', 'overlay'),
      layerOf(
        'cards: [{id: corrected, match: {provider: x_ai, model: grok-4.20}, effective_from: 2026-01-01, extends: list, rates: {input: "9"}}]',
        'overlay',
      ),
    ]);
    const azure = { provider: 'azure.ai.openai', model: 'gpt-4.1' };
    expect(cost(catalogue, azure)).toBe('10');
    expect(find(catalogue, { ...azure, isDeploymentName: true })).toMatchObject({
      reason: 'deployment_unmapped',
    });
    const match = find(catalogue, { provider: 'azure.ai.inference', model: 'grok-4.20' });
    expect(match.kind === 'found' && match.card.standard.rates.input).toBe(9_000_000_000n);
  });

  it('holds for its time', () => {
    expect(cost(aliased, { model: 'house-model' })).toBe('10');
    expect(cost(aliased, { model: 'house-model', at: '2026-07-01T00:00:00Z' })).toBe(
      'unpriced:unknown_model',
    );
  });

  it('may lead to another provider', () => {
    expect(cost(aliased, { provider: 'litellm', model: 'router' })).toBe('10');
  });
});

describe('a name behind a gateway', () => {
  it('is that of the provider which it names, aliases included', () => {
    const catalogue = catalogueWith([
      overlay(),
      layerOf(
        'aliases: [{provider: openai, model: fine, to: o3}, {provider: litellm, model: openai/own, to: o3, to_provider: openai}]',
      ),
    ]);
    expect(cost(catalogue, { provider: 'litellm', model: 'openai/fine' })).toBe('10');
    expect(cost(catalogue, { provider: 'litellm', model: 'openai/own' })).toBe('10');
    expect(cost(catalogue, { provider: 'LiteLLM', model: 'mistral/mistral-large-latest' })).toBe('2');
    expect(cost(catalogue, { provider: 'litellm', model: 'bedrock/converse/us.amazon.nova-pro-v1:0' })).toBe(
      '4',
    );
    expect(cost(catalogue, { provider: 'litellm', model: 'bedrock/us-east-1/amazon.nova-pro-v1:0' })).toBe(
      '4',
    );
  });

  it('that names no provider may be a model of one’s own, as may one without any provider', () => {
    const own = catalogueWith([layerOf(OWN)]);
    expect(cost(own, { provider: 'litellm', model: 'my-company/qwen2.5-14b-lora' })).toBe('0.48');
    const match = own.find({
      provider: null,
      model: 'my-company/qwen2.5-14b-lora',
      isDeploymentName: false,
      atMicros: Date.parse('2026-06-15T12:00:00Z') * 1000,
      tenant: 'default',
      customer: null,
    });
    expect(match).toMatchObject({ kind: 'found', card: { id: 'my-lora' } });
  });
});

describe('precedence', () => {
  it('goes by when a card begins, not by the periods of its currency', () => {
    const catalogue = catalogueWith([
      layerOf(`
currencies: {EUR: [{from: 2026-01-01, per_usd: "0.8"}, {from: 2026-06-01, per_usd: "0.5"}]}
cards:
  - {id: a, match: {provider: openai, model: o3}, effective_from: 2026-01-01, currency: EUR, rates: {input: "1", output: "1"}}
  - {id: b, match: {provider: openai, model: o3}, effective_from: 2026-03-01, rates: {input: "5", output: "6"}}`),
    ]);
    expect(cost(catalogue, { at: '2026-04-01T00:00:00Z' })).toBe('11');
    expect(cost(catalogue, { at: '2026-07-01T00:00:00Z' })).toBe('11');
    expect(cost(catalogue, { at: '2026-02-01T00:00:00Z' })).toBe('2.5');
  });

  it('of certain hours over the rest of the day does not depend on the order in the file', () => {
    const night =
      '{id: night, match: {provider: openai, model: o3}, effective_from: 2026-01-01, hours: {from: "11:00", to: "13:00"}, rates: {input: "1", output: "1"}}';
    const day =
      '{id: day, match: {provider: openai, model: o3}, effective_from: 2026-01-01, rates: {input: "5", output: "5"}}';
    for (const cards of [`${night}, ${day}`, `${day}, ${night}`]) {
      const catalogue = catalogueWith([layerOf(`cards: [${cards}]`)]);
      expect(cost(catalogue, { at: '2026-06-15T12:00:00Z' })).toBe('2');
      expect(cost(catalogue, { at: '2026-06-15T13:00:00Z' })).toBe('10');
    }
  });

  it('knows every spelling of a provider', () => {
    for (const provider of ['xai', 'x-ai', 'X_AI', 'x_ai']) {
      const catalogue = catalogueWith([
        layerOf(
          `cards: [{id: own, match: {provider: ${provider}, model: grok-4.20}, effective_from: 2026-01-01, rates: {input: "1", output: "1"}}]`,
        ),
      ]);
      expect(cost(catalogue, { provider: 'x_ai', model: 'grok-4.20' }), provider).toBe('2');
    }
  });
});

describe('a name that is only similar', () => {
  it('has no price, and the models that it could mean are named', () => {
    expect(find(catalogueWith([]), { provider: 'anthropic', model: 'claude-sonnet-5-9' })).toEqual({
      kind: 'unpriced',
      reason: 'fuzzy_match',
      detail: 'similar to anthropic/claude-sonnet-5',
    });
  });

  it('is an estimate where the user asked for it', () => {
    const match = find(catalogueWith([], 'estimate'), { provider: 'anthropic', model: 'claude-sonnet-5-9' });
    expect(match).toMatchObject({ kind: 'found', matchKind: 'fuzzy', card: { model: 'claude-sonnet-5' } });
  });
});

describe('a price file', () => {
  it('may write more digits than count: they are rounded half to even, as those of foreign lists', () => {
    const layer = layerOf(
      'cards: [{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01, rates: {input: "0.30000000000000004", output: 0.1234567895}}]',
    );
    expect(layer.cards[0]?.rates).toEqual({ input: 300_000_000n, output: 123_456_790n });
  });

  it.each([
    [
      'absolute prices for every model',
      '{id: a, match: {provider: openai, model: "*"}, effective_from: 2026-01-01, rates: {input: "1"}}',
      'cards.0: must be only extends: list and a multiplier where the model is *, or a new model would get a price by accident, found a',
    ],
    [
      'a number that is none',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01, rates: {input: "1,5"}}',
      'cards.0.rates.input: must be a decimal of 0 or more, found 1,5',
    ],
    [
      'a negative price',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01, rates: {input: "-1"}}',
      'cards.0.rates.input: must be a decimal of 0 or more, found -1',
    ],
    [
      'a local time',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01T12:00:00, rates: {input: "1"}}',
      'cards.0.effective_from: must be an instant with its offset (2026-08-16T16:00:00Z) or a date, found 2026-01-01T12:00:00',
    ],
    [
      'a day that does not exist',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-31, rates: {input: "1"}}',
      'cards.0.effective_from: must be an instant with its offset (2026-08-16T16:00:00Z) or a date, found 2026-06-31',
    ],
    [
      'an end before the start',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, effective_to: 2026-05-01, rates: {input: "1"}}',
      'cards.0.effective_to: must be later than effective_from, found 2026-05-01',
    ],
    [
      'no price at all',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01}',
      'cards.0: must have a price: rates, units, basis: gpu_time, extends: list, or free: true, found a',
    ],
    [
      'a currency without a rate',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, currency: CHF, rates: {input: "1"}}',
      'cards.0.currency: must be USD or one of those under currencies, found CHF',
    ],
    [
      'a multiplier of nothing',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, multiplier: "0.5", rates: {input: "1"}}',
      'cards.0.multiplier: needs extends: list, which says what is multiplied, found 0.5',
    ],
    [
      'a word that is no setting',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, rates: {inptu: "1"}}',
      'cards.0.rates.inptu: is not a setting, found "1"',
    ],
    [
      'tiers without an edge',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, rates: {input: "1"}, tiers: [{rates: {input: "2"}}]}',
      'cards.0.tiers.0: must have exactly one of above and from, found neither',
    ],
    [
      'hours that overlap',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, hours: {from: "11:00", to: "13:00"}, rates: {input: "1"}}, {id: b, match: {provider: openai, model: m}, effective_from: 2026-06-01, hours: {from: "10:00", to: "14:00"}, rates: {input: "2"}}',
      'cards.1: must differ from a in scope, match, hours or effective_from, or nobody could say which holds, found b',
    ],
    [
      'a wildcard that says more than a factor',
      '{id: a, match: {provider: openai, model: "*"}, effective_from: 2026-01-01, extends: list, multiplier: "0.5", free: true}',
      'cards.0: must be only extends: list and a multiplier where the model is *, or a new model would get a price by accident, found a',
    ],
    [
      'a pattern of model names',
      '{id: a, match: {provider: openai, model: "gpt-4.1*"}, effective_from: 2026-01-01, rates: {input: "1"}}',
      'cards.0.match.model: must be a whole model id, or * alone, found gpt-4.1*',
    ],
    [
      'a name that no call will have',
      '{id: a, match: {provider: aws.bedrock, model: us.amazon.nova-pro-v1:0}, effective_from: 2026-01-01, rates: {input: "1"}}',
      'cards.0.match.model: must be the id without its region prefix; regions say what a region costs more, found us.amazon.nova-pro-v1:0',
    ],
    [
      'a free model that costs something',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01, free: true, rates: {input: "1"}}',
      'cards.0.free: must not stand beside prices above 0, found a',
    ],
    [
      'a text that a terminal would obey',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-01-01, rates: {input: "\\e[31mx"}}',
      'cards.0.rates.input: must be a decimal of 0 or more, found "\\u001b[31mx"',
    ],
    [
      'two equal winners',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, rates: {input: "1"}}, {id: b, match: {provider: OpenAI, model: M}, effective_from: 2026-06-01, rates: {input: "2"}}',
      'cards.1: must differ from a in scope, match, hours or effective_from, or nobody could say which holds, found b',
    ],
    [
      'one name for two cards',
      '{id: a, match: {provider: openai, model: m}, effective_from: 2026-06-01, rates: {input: "1"}}, {id: a, match: {provider: openai, model: n}, effective_from: 2026-06-01, rates: {input: "2"}}',
      'cards.1.id: must be unique; cards.0 has it too, found a',
    ],
  ])('is refused for %s', (_, cards, problem) => {
    expect(problemsOf(`cards: [${cards}]`)).toEqual([problem]);
  });

  it('tells all its mistakes at once', () => {
    expect(
      problemsOf(`
currencies: {EUR: [{from: 2026-02-01, per_usd: "0"}, {from: 2026-01-01, per_usd: "1"}]}
aliases: [{provider: p, model: m, to: m}, {provider: p, model: x, to: y}, {provider: p, model: x, to: z}]
cards: [{id: a, match: {provider: p, model: m}, effective_from: 2026-99-99, rates: {input: x}}]`),
    ).toHaveLength(6);
  });
});

describe('the book with our overlay', () => {
  it('is sound', () => {
    expectSound(defaultCatalogue());
  });

  it('holds no wildcard with prices of its own, and every card has a source', () => {
    for (const card of overlay().cards) {
      expect(card.model === '*' && Object.keys(card.rates).length > 0, card.id).toBe(false);
      expect(card.source, card.id).not.toBeNull();
    }
  });
});
