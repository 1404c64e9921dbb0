import { describe, expect, it } from 'vitest';
import { TracesRequestType } from '../../otlp/testing/schema.ts';
import { otlpBody } from './otlp-body.ts';
import type { Origin, SentSpan } from './span.ts';

const ORIGIN: Origin = { service: 'desk-api', environment: 'staging', isCostOnly: true };
const SPAN: SentSpan = {
  scope: { name: 'one', version: '1.0' },
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  parentSpanId: null,
  name: 'chat gpt-5-mini',
  kind: 'client',
  startMicros: 1_795_000_000_000_000,
  endMicros: 1_795_000_001_250_123,
  hasFailed: false,
  attributes: {},
};

/** As a general decoder of protobuf reads it. */
function decoded(spans: readonly SentSpan[]) {
  const message = TracesRequestType.decode(otlpBody(ORIGIN, spans));
  const { resourceSpans } = TracesRequestType.toObject(message, { longs: String, bytes: Buffer });
  return resourceSpans[0];
}

describe('the body of a request', () => {
  it('has the spans of each instrumentation under its scope, and the process as their resource', () => {
    const other = { ...SPAN, scope: { name: 'two', version: '2.0' }, spanId: 'aaa19b7ec3c1b174' };
    const { resource, scopeSpans } = decoded([SPAN, other, { ...SPAN, name: 'again' }]);
    expect(resource.attributes).toContainEqual({
      key: 'deployment.environment.name',
      value: { stringValue: 'staging' },
    });
    expect(resource.attributes).toContainEqual({
      key: 'spanledger.import.mode',
      value: { stringValue: 'cost_only' },
    });
    expect(
      scopeSpans.map(({ scope, spans }: { scope: { name: string }; spans: unknown[] }) => [
        scope.name,
        spans.length,
      ]),
    ).toEqual([
      ['one', 2],
      ['two', 1],
    ]);
  });

  it('has every field of a span, to the nanosecond', () => {
    const [span] = decoded([{ ...SPAN, parentSpanId: 'bbb19b7ec3c1b174', hasFailed: true }]).scopeSpans[0]
      .spans;
    expect(span).toMatchObject({
      traceId: Buffer.from(SPAN.traceId, 'hex'),
      spanId: Buffer.from(SPAN.spanId, 'hex'),
      parentSpanId: Buffer.from('bbb19b7ec3c1b174', 'hex'),
      name: 'chat gpt-5-mini',
      kind: 3,
      startTimeUnixNano: '1795000000000000000',
      endTimeUnixNano: '1795000001250123000',
      status: { code: 2 },
    });
  });

  it('has attributes of every kind and length, and none that is not told', () => {
    const long = 'ä'.repeat(100_000);
    const attributes = {
      text: long,
      whole: 3_000_000_000,
      part: 0.25,
      yes: true,
      no: false,
      none: undefined,
    };
    const [span] = decoded([{ ...SPAN, attributes }]).scopeSpans[0].spans;
    expect(span.attributes).toEqual([
      { key: 'text', value: { stringValue: long } },
      { key: 'whole', value: { intValue: '3000000000' } },
      { key: 'part', value: { doubleValue: 0.25 } },
      { key: 'yes', value: { boolValue: true } },
      { key: 'no', value: { boolValue: false } },
    ]);
  });
});
