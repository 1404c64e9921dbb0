import { DiagLogLevel, diag, trace } from '@opentelemetry/api';
import { observe } from '@spanledger/metering';
import { afterEach, describe, expect, it } from 'vitest';
import { type InMemoryTracing, traceInMemory } from '../test/in-memory.ts';
import { withAttribution } from './attribution.ts';
import { recordUsage, type UsageToRecord } from './record-usage.ts';
import { SpanledgerSpanProcessor } from './span-processor.ts';

let tracing: InMemoryTracing | undefined;
afterEach(() => {
  tracing?.stop();
  tracing = undefined;
  diag.disable();
});

function recorded(record: () => void, ...processors: readonly SpanledgerSpanProcessor[]) {
  tracing = traceInMemory(...processors);
  record();
  const [span, ...more] = tracing.spans();
  if (span === undefined || more.length > 0) throw new Error(`${more.length} more spans than one`);
  return span;
}

/** What the ledger's reader makes of the span. */
function read(usage: UsageToRecord) {
  const { attributes } = recorded(() => recordUsage(usage));
  const values = Object.entries(attributes).flatMap(([key, value]) =>
    typeof value === 'string' || typeof value === 'number' ? [[key, value] as const] : [],
  );
  return observe({
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    parentSpanId: null,
    name: 'usage',
    kind: 1,
    startTimeMicros: 1,
    endTimeMicros: 2,
    statusCode: 0,
    scopeName: '@spanledger/instrumentation',
    scopeVersion: '0.1.0',
    attributes: new Map(values),
    resource: new Map(),
  });
}

const NONE = {
  requests: 0,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

describe('recordUsage', () => {
  it('makes one span, over at once, with the attribution around it', () => {
    const span = recorded(() =>
      withAttribution({ customer: 'cus_1', feature: 'dictation', action: 'a1' }, () =>
        recordUsage({ unit: 'minute', quantity: 2.5, provider: 'deepgram', model: 'nova-3' }),
      ),
    );
    expect(span.name).toBe('usage minute');
    expect(span.ended).toBe(true);
    expect(span.attributes).toEqual({
      'spanledger.usage.unit': 'minute',
      'spanledger.usage.quantity': 2.5,
      'spanledger.customer.id': 'cus_1',
      'spanledger.feature.name': 'dictation',
      'spanledger.action.id': 'a1',
      'gen_ai.provider.name': 'deepgram',
      'gen_ai.request.model': 'nova-3',
    });
  });

  it('says who is spending where that is somebody else, also beside our span processor', () => {
    const record = () =>
      withAttribution({ customer: 'cus_1', feature: 'mail' }, () =>
        recordUsage({ unit: 'email', quantity: 1, customer: 'cus_2' }),
      );
    const { attributes } = recorded(record, new SpanledgerSpanProcessor());
    expect(attributes).toMatchObject({
      'spanledger.customer.id': 'cus_2',
      'spanledger.feature.name': 'mail',
    });
  });

  it('says that the action took the smaller form of its feature', () => {
    const span = recorded(() =>
      recordUsage({ unit: 'page', quantity: 1, customer: 'cus_1', feature: 'scan', degraded: true }),
    );
    expect(span.attributes['spanledger.action.degraded']).toBe(true);
  });

  it('belongs to the trace that is running, and becomes no parent', () => {
    tracing = traceInMemory();
    trace.getTracer('app').startActiveSpan('request', (request) => {
      recordUsage({ unit: 'page', quantity: 3 });
      recordUsage({ unit: 'page', quantity: 4 });
      request.end();
    });
    const [one, other, request] = tracing.spans();
    for (const span of [one, other]) {
      expect(span?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    }
  });

  it('may have failed', () => {
    const span = recorded(() => recordUsage({ unit: 'document', quantity: 1, status: 'error' }));
    expect(span.status.code).toBe(2);
  });

  it.each<[UsageToRecord['unit'], number | string, object]>([
    ['request', 2, { requests: 2 }],
    ['api_call', 2, { requests: 2 }],
    ['web_search', 2, { webSearches: 2 }],
    ['image', '2', { images: 2 }],
    ['page', 12, { pages: 12 }],
    ['second', 1.5, { milliseconds: 1500 }],
    ['minute', '0.5', { milliseconds: 30_000 }],
    ['hour', 1, { milliseconds: 3_600_000 }],
    ['document', 0.1 + 0.2, { custom: { unit: 'document', thousandths: 300 } }],
    ['document', '1234567.891', { custom: { unit: 'document', thousandths: 1_234_567_891 } }],
  ])('of %s × %s is read by the ledger as what it is', (unit, quantity, units) => {
    expect(read({ unit, quantity })).toMatchObject({
      kind: 'unit',
      usage: { status: 'reported', units: { ...NONE, ...units } },
    });
  });

  it.each([
    ['document', Number.NaN],
    ['document', -1],
    ['document', 'a few'],
    ['Two words', 1],
    ['image', 0.5],
  ])('of %s × %s is seen by the ledger as invalid, and not lost', (unit, quantity) => {
    expect(read({ unit, quantity })).toMatchObject({
      kind: 'unit',
      usage: { status: 'invalid', units: null },
    });
  });

  it('never throws, whatever it is given, and says so once', () => {
    const warnings: string[] = [];
    const ignore = () => {};
    const logger = {
      warn: (said: string) => warnings.push(said),
      error: ignore,
      info: ignore,
      debug: ignore,
      verbose: ignore,
    };
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    tracing = traceInMemory();
    // As JavaScript calls it.
    const untyped: (usage: unknown) => unknown = (usage) => Reflect.apply(recordUsage, undefined, [usage]);
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    for (const usage of [
      undefined,
      null,
      7,
      {},
      { unit: 'page' },
      { quantity: 1 },
      { unit: 7, quantity: {} },
      hostile,
    ]) {
      expect(untyped(usage)).toBeUndefined();
    }
    expect(tracing.spans()).toEqual([]);
    expect(warnings.filter((said) => said.includes('a usage is not recorded'))).toHaveLength(1);
  });

  it('does nothing where nobody has set up tracing', () => {
    expect(() => recordUsage({ unit: 'page', quantity: 1 })).not.toThrow();
  });
});
