import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCard, aChat, aSpan, NOON_MICROS, rates, spanIdOf, type TreeSpan } from '../test/builders.ts';
import { agent, chat, recordsOf, tree } from '../test/traces.ts';
import type { Catalogue } from './catalogue.ts';
import { rateAction } from './credits/action.ts';
import { creditRules } from './credits/rule.ts';
import { keyOf } from './observation.ts';
import { price, type Rating } from './price.ts';
import type { Span } from './span.ts';
import type { UsageRecord } from './usage.ts';

const catalogue: Catalogue = {
  find: ({ model }) =>
    model === 'gpt-4o'
      ? {
          kind: 'found',
          matchKind: 'exact',
          region: null,
          card: aCard({ standard: { rates: rates({ input: 3n, output: 15n }), tiers: [] } }),
        }
      : { kind: 'unpriced', reason: 'unknown_model', detail: null },
};

interface Metered {
  readonly usage: UsageRecord;
  readonly rating: Rating;
}

/** What is held of some spans in the end: each gen-ai span of them, and what it cost. */
function metered(...spans: readonly Span[]): Metered[] {
  return recordsOf(spans).map((usage) => ({ usage, rating: price(usage, catalogue, 'default') }));
}

function meteredAlone(span: Span): Metered {
  const [only, ...others] = metered(span);
  if (only === undefined || others.length > 0) throw new Error('the span of this test is one model call');
  return only;
}

describe('a span', () => {
  it('becomes a usage record', () => {
    const span = aChat(
      {
        'gen_ai.response.model': 'gpt-4o-2024-08-06',
        'gen_ai.response.id': 'chatcmpl-1',
        'gen_ai.response.time_to_first_chunk': 0.25,
        'gen_ai.usage.cache_read.input_tokens': 400,
        'gen_ai.usage.reasoning.output_tokens': 30,
        'gen_ai.conversation.id': 'thread-7',
        'user.id': 'u-1',
      },
      { parentSpanId: '1111111111111111', resource: { 'service.name': 'shop' } },
    );
    expect(recordsOf([span])).toEqual([
      {
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
        spanId: '00f067aa0ba902b7',
        parentSpanId: '1111111111111111',
        actionId: '4bf92f3577b34da6a3ce929d0e0e4736',
        isDegraded: false,
        eventTimeMicros: NOON_MICROS,
        durationMicros: 1_500_000,
        timeToFirstTokenMicros: 250_000,
        customer: 'acme',
        feature: 'support-chat',
        userId: 'u-1',
        sessionId: 'thread-7',
        usageClass: 'customer',
        importBatch: null,
        isCostOnly: false,
        environment: null,
        service: 'shop',
        sources: {
          customer: { level: 'span', key: 'spanledger.customer.id' },
          feature: { level: 'span', key: 'spanledger.feature.name' },
          userId: { level: 'span', key: 'user.id' },
          sessionId: { level: 'span', key: 'gen_ai.conversation.id' },
          usageClass: null,
        },
        provider: 'openai',
        gateway: null,
        requestModel: 'gpt-4o',
        responseModel: 'gpt-4o-2024-08-06',
        serviceTier: null,
        region: null,
        inferenceGeo: null,
        operation: 'chat',
        responseId: 'chatcmpl-1',
        requestId: null,
        reportedCostUsd: null,
        tokens: { uncachedInput: 600, cacheRead: 400, cacheWrite: 0, visibleOutput: 70, reasoning: 30 },
        usageStatus: 'reported',
        usageReason: null,
        cacheSemantics: 'assumed',
        reasoningSemantics: 'assumed',
        cacheWrite5m: null,
        cacheWrite1h: null,
        cacheWrite12h: null,
        modalities: null,
        units: null,
        billingRole: 'billed',
        roleReason: 'chat is a model call',
        supersededBy: null,
        dialect: 'opentelemetry',
        dialectEvidence: 'gen_ai.operation.name',
        status: 'ok',
        outcome: 'ok',
      },
    ]);
  });

  it('has no negative duration when the clock was set back', () => {
    expect(meteredAlone(aChat({}, { startTimeMicros: NOON_MICROS + 5 })).usage.durationMicros).toBe(0);
  });

  it('is nothing to meter when it is no model call', () => {
    expect(metered(aSpan())).toEqual([]);
  });
});

describe('a metered call', () => {
  it('tells what was used, what it cost, who pays and what it burns as an action of its own', () => {
    const { usage, rating } = meteredAlone(aChat());
    expect(usage.tokens).toMatchObject({ uncachedInput: 1000, visibleOutput: 100 });
    // 1000 × 3 + 100 × 15 = 4,500 USD per million = 0.0045 USD; ÷ 0.5 ÷ 0.001 = 9 credits
    if (rating.kind !== 'priced') throw new Error('the model of this test has a price');
    expect(rating.cost).toBe(4_500_000_000_000n);
    expect(usage.customer).toBe('acme');
    const rules = creditRules({
      default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.001', increment: '1' } },
    });
    if (rules.kind === 'problems') throw new Error('the rules of this test are wrong');
    const leaf = { ...usage, key: keyOf(usage), cost: rating.cost };
    expect(rateAction([leaf], rules.rules, null).credits).toBe(9_000_000n);
  });

  it('is the same however often it is delivered', () => {
    const counts = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(counts, counts, fc.integer({ min: 2, max: 4 }), (input, output, times) => {
        const span = () =>
          aChat({ 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output });
        expect(metered(...Array.from({ length: times }, span))).toEqual([meteredAlone(span())]);
      }),
    );
  });

  it('costs the same whether its emitter counts the cached part inside the input or beside it', () => {
    const counts = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(counts, counts, counts, counts, (uncached, read, output, reasoning) => {
        const provider = { 'gen_ai.provider.name': 'openai', 'gen_ai.response.model': 'gpt-4o' };
        const inclusive = aChat({
          ...provider,
          'gen_ai.token.semantics': 'inclusive',
          'gen_ai.usage.input_tokens': uncached + read,
          'gen_ai.usage.cache_read.input_tokens': read,
          'gen_ai.usage.output_tokens': output + reasoning,
          'gen_ai.usage.reasoning.output_tokens': reasoning,
        });
        // Only with the parts beside input and output does the total add up.
        const exclusive = aChat({
          ...provider,
          'gen_ai.usage.input_tokens': uncached,
          'gen_ai.usage.cache_read.input_tokens': read,
          'gen_ai.usage.output_tokens': output,
          'gen_ai.usage.reasoning.output_tokens': reasoning,
          'gen_ai.usage.total_tokens': uncached + read + output + reasoning,
        });
        const { rating, usage } = meteredAlone(inclusive);
        expect(rating.kind).toBe('priced');
        expect(usage.tokens).toMatchObject({ uncachedInput: uncached, cacheRead: read });
        expect(meteredAlone(exclusive).rating).toEqual(rating);
      }),
    );
  });

  it('never has a number for an unknown model', () => {
    fc.assert(
      fc.property(
        fc.string().filter((model) => model !== 'gpt-4o'),
        (model) => {
          const { rating } = meteredAlone(aChat({ 'gen_ai.request.model': model }));
          expect(rating).toMatchObject({
            kind: 'unpriced',
            status: 'unpriced:unknown_model',
            reason: 'unknown_model',
          });
        },
      ),
    );
  });

  it('costs nothing where it only repeats its children, so a trace costs what its leaves cost (I14)', () => {
    const labels = { 'spanledger.customer.id': 'acme' };
    const below: TreeSpan[] = [
      { id: 'one', attributes: chat(1000, 100) },
      { id: 'other', attributes: chat(2000, 200) },
    ];
    const root = { ...agent(3000, 300), ...labels };
    const all = metered(...tree({ id: 'root', attributes: root, below }));
    expect(all.find(({ usage }) => usage.spanId === spanIdOf('root'))).toMatchObject({
      usage: { billingRole: 'container', tokens: { uncachedInput: 3000 } },
      rating: { kind: 'not_billed' },
    });
    const costs = all.flatMap(({ rating }) => (rating.kind === 'priced' ? [rating.cost] : []));
    expect(costs).toEqual([4_500_000_000_000n, 9_000_000_000_000n]);
  });

  it('of internal usage has its cost', () => {
    expect(meteredAlone(aChat({ 'spanledger.usage.class': 'internal' }))).toMatchObject({
      rating: { cost: 4_500_000_000_000n },
    });
  });
});
