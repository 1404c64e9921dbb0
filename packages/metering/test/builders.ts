import {
  type Attributes,
  type AttributeValue,
  NO_FACTORS,
  type RateCard,
  type Rates,
  type Span,
  type TokenClasses,
  type UsageRecord,
} from '../src/index.ts';

/** 2026-01-15T12:00:00Z: after all prices that the tests use have settled. */
export const NOON_MICROS = Date.UTC(2026, 0, 15, 12) * 1000;

export interface SpanParts extends Partial<Omit<Span, 'attributes' | 'resource'>> {
  readonly attributes?: Record<string, AttributeValue>;
  readonly resource?: Record<string, AttributeValue>;
}

/** An ended client span without any attributes but those given. */
export function aSpan({ attributes = {}, resource = {}, ...rest }: SpanParts = {}): Span {
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    parentSpanId: null,
    name: 'chat',
    kind: 3,
    startTimeMicros: NOON_MICROS - 1_500_000,
    endTimeMicros: NOON_MICROS,
    statusCode: 0,
    scopeName: 'test',
    scopeVersion: '1.0.0',
    ...rest,
    attributes: new Map(Object.entries(attributes)),
    resource: new Map(Object.entries(resource)),
  };
}

/** A chat with gpt-4o for customer acme: 1,000 tokens in, 100 out; more attributes on top. */
export function aChat(attributes: Record<string, AttributeValue> = {}, rest: SpanParts = {}): Span {
  return aSpan({
    ...rest,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 1000,
      'gen_ai.usage.output_tokens': 100,
      'spanledger.customer.id': 'acme',
      'spanledger.feature.name': 'support-chat',
      ...attributes,
    },
  });
}

export const NO_TOKENS: TokenClasses = {
  uncachedInput: 0,
  cacheRead: 0,
  cacheWrite: 0,
  visibleOutput: 0,
  reasoning: 0,
};

/** A billed call of customer acme, as `decide` makes it. */
export function aUsage(parts: Partial<UsageRecord> = {}): UsageRecord {
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    parentSpanId: null,
    actionId: '4bf92f3577b34da6a3ce929d0e0e4736',
    isDegraded: false,
    eventTimeMicros: NOON_MICROS,
    durationMicros: 1_500_000,
    timeToFirstTokenMicros: null,
    customer: 'acme',
    feature: 'support-chat',
    userId: null,
    sessionId: null,
    usageClass: 'customer',
    importBatch: null,
    isCostOnly: false,
    environment: null,
    service: null,
    sources: { customer: null, feature: null, userId: null, sessionId: null, usageClass: null },
    provider: 'openai',
    gateway: null,
    requestModel: 'gpt-4o',
    responseModel: null,
    serviceTier: null,
    region: null,
    inferenceGeo: null,
    operation: 'chat',
    responseId: null,
    requestId: null,
    reportedCostUsd: null,
    tokens: { ...NO_TOKENS, uncachedInput: 1000, visibleOutput: 100 },
    usageStatus: 'reported',
    usageReason: null,
    cacheSemantics: null,
    reasoningSemantics: null,
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
    outcome: parts.status ?? 'ok',
    ...parts,
  };
}

/** A card of 2 USD in, 1 read, 3 written, 10 out, no own rate for reasoning. */
export function aCard(parts: Partial<RateCard> = {}): RateCard {
  return {
    id: 'test/model',
    provider: 'openai',
    model: 'model',
    standard: { rates: rates({ input: 2n, cache_read: 1n, cache_write_5m: 3n, output: 10n }), tiers: [] },
    serviceTiers: new Map(),
    regions: NO_FACTORS,
    inferenceGeos: NO_FACTORS,
    discount: null,
    units: {},
    cacheWritesAsInput: true,
    imagesAsText: false,
    isFree: false,
    isImputed: false,
    ...parts,
  };
}

/** Rates in whole USD per million tokens; classes not named have none. */
export function rates(dollars: Rates): Rates {
  return Object.fromEntries(Object.entries(dollars).map(([item, value]) => [item, value * 1_000_000_000n]));
}

/** Attributes that write down which keys are asked for. */
export function recording(attributes: Attributes, asked: Set<string>): Attributes {
  return {
    get(key) {
      asked.add(key);
      return attributes.get(key);
    },
    keys: () => attributes.keys(),
  };
}

/** Spans of one trace, written as a tree: an id, what it says, and what is below it. */
export interface TreeSpan extends SpanParts {
  readonly id: string;
  readonly below?: readonly TreeSpan[];
}

/** Every span of a tree, with ids of the right form made from the short ones, each inside the time of its parent. */
export function aTree(tree: TreeSpan, traceId = 'a'.repeat(32), parent: Span | null = null): Span[] {
  const { id, below = [], ...parts } = tree;
  const span = aSpan({
    traceId,
    spanId: spanIdOf(id),
    parentSpanId: parent?.spanId ?? null,
    ...(parent === null
      ? {}
      : { startTimeMicros: parent.startTimeMicros, endTimeMicros: parent.endTimeMicros }),
    ...parts,
  });
  return [span, ...below.flatMap((child) => aTree(child, traceId, span))];
}

/** A span id that shows the short id it was made from: its characters in hex, padded. */
export function spanIdOf(id: string): string {
  return [...id]
    .map((character) => character.charCodeAt(0).toString(16))
    .join('')
    .padEnd(16, '0')
    .slice(0, 16);
}

export const MINUTE_MICROS = 60_000_000;

/** Long after the spans of the tests: every container has waited long enough. */
export const SETTLED = { nowMicros: NOON_MICROS + 60 * MINUTE_MICROS, graceMicros: MINUTE_MICROS };
