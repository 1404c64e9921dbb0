import type { AttributeValue, LogRecord } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import {
  type BodyType,
  checkLogs,
  readLogs,
  SCAN_LIMITS,
  type ScanLimits,
  WantedAttributes,
} from './index.ts';
import {
  type AnyValue,
  aLogsRequest,
  anyValue,
  aRequest,
  aRequestLogRecord,
  aRequestSpan,
  attributes,
  encodeLogs,
  encodeTraces,
  type LogsRequest,
  type RequestLogRecord,
  toJsonBody,
} from './testing/bodies.ts';
import { encodeFields, type WireField } from './testing/wire.ts';

const KEYS = ['event.name', 'input_tokens', 'cost_usd', 'service.name'];
const wanted = new WantedAttributes(KEYS);

const encoded = (request: LogsRequest, type: BodyType) =>
  type === 'json' ? toJsonBody(request) : encodeLogs(request);

/** Log records with their attributes as plain objects. */
const plain = (records: readonly LogRecord[]) =>
  records.map((record) => ({
    ...record,
    attributes: valuesOf(record.attributes),
    resource: valuesOf(record.resource),
  }));

const valuesOf = (read: LogRecord['attributes']): Record<string, AttributeValue | undefined> =>
  Object.fromEntries([...read.keys()].map((key) => [key, read.get(key)]));

const recordsOf = (body: Uint8Array, type: BodyType) =>
  plain(readLogs(body, type, wanted, SCAN_LIMITS).records);

const one = (record: RequestLogRecord, type: BodyType) =>
  recordsOf(encoded(aLogsRequest([record]), type), type)[0];

describe.each(['protobuf', 'json'] as const)('a log record in %s', (type) => {
  it('is read with its ids, times, name, body, scope and resource, and the attributes that are wanted', () => {
    const record = aRequestLogRecord({
      eventName: 'claude_code.api_request',
      attributes: attributes({ 'event.name': 'api_request', input_tokens: 17, cost_usd: 0.1, unwanted: 'x' }),
    });
    expect(recordsOf(encoded(aLogsRequest([record]), type), type)).toEqual([
      {
        traceId: '5b8efff798038103d269b633813fc60c',
        spanId: 'eee19b7ec3c1b174',
        eventName: 'claude_code.api_request',
        body: 'hello',
        timeMicros: 1_795_000_000_000_000,
        observedTimeMicros: 1_795_000_000_001_000,
        attributes: { 'event.name': 'api_request', input_tokens: 17, cost_usd: 0.1 },
        resource: { 'service.name': 'support-api' },
        scopeName: 'test',
        scopeVersion: '1.0.0',
      },
    ]);
  });

  it('that has nothing is a log record, because it needs no ids and no time', () => {
    expect(one({}, type)).toEqual({
      traceId: null,
      spanId: null,
      eventName: null,
      body: null,
      timeMicros: null,
      observedTimeMicros: null,
      attributes: {},
      resource: { 'service.name': 'support-api' },
      scopeName: 'test',
      scopeVersion: '1.0.0',
    });
  });

  it.each<[string, RequestLogRecord]>([
    ['of zeros', { traceId: '0'.repeat(32), spanId: '0'.repeat(16) }],
    ['too short', { traceId: 'ab'.repeat(8), spanId: 'abcd' }],
    ['too long', { traceId: 'ab'.repeat(17), spanId: 'ab'.repeat(9) }],
  ])('with ids %s has none', (_what, ids) => {
    expect(one(aRequestLogRecord(ids), type)).toMatchObject({ traceId: null, spanId: null });
  });

  it('with times that cannot be has none', () => {
    const never = String(2n ** 64n - 1n);
    const record = aRequestLogRecord({ timeUnixNano: never, observedTimeUnixNano: never });
    expect(one(record, type)).toMatchObject({ timeMicros: null, observedTimeMicros: null });
  });

  it.each<[string, AnyValue, string | null]>([
    ['a text', { stringValue: 'größer 🙂' }, 'größer 🙂'],
    ['a long text', { stringValue: 'x'.repeat(1000) }, 'x'.repeat(1000)],
    ['a number', anyValue(5), null],
    ['a list', anyValue(['a', 'b']), null],
    ['a map', { kvlistValue: { values: attributes({ a: 'b' }) } }, null],
    ['nothing', {}, null],
  ])('with %s as its body has a body only where that is a text', (_what, body, read) => {
    expect(one(aRequestLogRecord({ body }), type)?.body).toBe(read);
  });

  it('shares one resource with the others that it owns', () => {
    const body = encoded(aLogsRequest([aRequestLogRecord(), aRequestLogRecord()]), type);
    const { records } = readLogs(body, type, wanted, SCAN_LIMITS);
    expect(records).toHaveLength(2);
    expect(records[0]?.resource).toBe(records[1]?.resource);
  });

  it('is one of a bounded number', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxSpans: 3 };
    const body = (count: number) => encoded(aLogsRequest(Array<RequestLogRecord>(count).fill({})), type);
    expect(checkLogs(body(3), type, limits)).toEqual({ records: 3 });
    expect(() => checkLogs(body(4), type, limits)).toThrow(/more than 3 log records/);
  });
});

describe('a request without log records', () => {
  it.each<[string, BodyType, Uint8Array]>([
    ['no bytes', 'protobuf', new Uint8Array()],
    ['no bytes', 'json', new Uint8Array()],
    ['no resource', 'json', toJsonBody({})],
    ['no record', 'protobuf', encodeLogs(aLogsRequest([]))],
    ['no record', 'json', toJsonBody(aLogsRequest([]))],
  ])('(%s, %s) is an empty one', (_what, type, body) => {
    expect(checkLogs(body, type, SCAN_LIMITS)).toEqual({ records: 0 });
  });
});

describe('a body that is no logs request is refused', () => {
  it.each<[string, BodyType, Uint8Array, string, RegExp]>([
    [
      'traces in protobuf',
      'protobuf',
      encodeTraces(aRequest([aRequestSpan()])),
      'SL_OTLP_MALFORMED',
      /not an OTLP logs request.*LogRecord\.time_unix_nano.*traces go to \/v1\/traces/,
    ],
    [
      'traces in JSON',
      'json',
      toJsonBody(aRequest([aRequestSpan()])),
      'SL_OTLP_WRONG_SIGNAL',
      /carries traces.*takes logs.*\/v1\/traces/,
    ],
    [
      'metrics in JSON',
      'json',
      Buffer.from('{"resourceMetrics":[{}]}'),
      'SL_OTLP_WRONG_SIGNAL',
      /carries metrics.*takes logs.*Metrics are not taken/,
    ],
    ['no protobuf', 'protobuf', Buffer.from('not protobuf'), 'SL_OTLP_MALFORMED', /not an OTLP logs request/],
    ['no JSON', 'json', Buffer.from('{'), 'SL_OTLP_MALFORMED', /not JSON/],
    [
      'names of protobuf in JSON',
      'json',
      Buffer.from('{"resource_logs":[]}'),
      'SL_OTLP_MALFORMED',
      /resourceLogs/,
    ],
    [
      'a time that is none',
      'json',
      Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"now"}]}]}]}'),
      'SL_OTLP_MALFORMED',
      /resourceLogs\[0\]\.scopeLogs\[0\]\.logRecords\[0\]\.timeUnixNano expected nanoseconds/,
    ],
    [
      'a body that is no value',
      'json',
      Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":5}}]}]}]}'),
      'SL_OTLP_MALFORMED',
      /logRecords\[0\]\.body\.stringValue expected a string, got the number 5/,
    ],
  ])('%s', (_what, type, body, code, message) => {
    const refused = refusal(body, type);
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
  });

  it('when it is cut off at any byte', () => {
    const body = encodeLogs(aLogsRequest([aRequestLogRecord({ attributes: attributes({ a: 1, b: 'x' }) })]));
    expect(checkLogs(body, 'protobuf', SCAN_LIMITS)).toEqual({ records: 1 });
    for (let length = 1; length < body.length; length++) {
      expect(refusal(body.subarray(0, length), 'protobuf').code).toBe('SL_OTLP_MALFORMED');
    }
  });
});

describe('what a general encoder never writes', () => {
  it('is read all the same: the resource and scope last, unknown fields between, a body in two parts', () => {
    const record: WireField[] = [
      { field: 12, text: 'first' },
      { field: 900, varint: 1n },
      { field: 5, message: [{ field: 1, text: 'early' }] },
      {
        field: 6,
        message: [
          { field: 2, message: [{ field: 3, varint: 7n }] },
          { field: 1, text: 'input_tokens' },
        ],
      },
      { field: 5, message: [{ field: 1, text: 'late' }] },
      { field: 12, text: 'last' },
    ];
    const body = encodeFields([
      {
        field: 1,
        message: [
          {
            field: 2,
            message: [
              { field: 2, message: record },
              { field: 1, message: [{ field: 1, text: 'late scope' }] },
            ],
          },
          {
            field: 1,
            message: [
              {
                field: 1,
                message: [
                  { field: 1, text: 'service.name' },
                  { field: 2, message: [{ field: 1, text: 'late-api' }] },
                ],
              },
            ],
          },
        ],
      },
    ]);
    expect(recordsOf(body, 'protobuf')).toMatchObject([
      {
        eventName: 'last',
        body: 'late',
        attributes: { input_tokens: 7 },
        resource: { 'service.name': 'late-api' },
        scopeName: 'late scope',
      },
    ]);
  });

  it('is read exactly: times as numbers of JSON that lose their last digits', () => {
    const text =
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1795000001250000999,"observedTimeUnixNano":1795000001250001999}]}]}]}';
    expect(recordsOf(Buffer.from(text), 'json')).toMatchObject([
      { timeMicros: 1_795_000_001_250_000, observedTimeMicros: 1_795_000_001_250_001 },
    ]);
  });
});

describe('any request', () => {
  it('gives equal log records in both encodings, and is checked as it is read', () => {
    fc.assert(
      fc.property(anyRequest(), (request) => {
        const fromJson = readLogs(toJsonBody(request), 'json', wanted, SCAN_LIMITS);
        const fromProtobuf = readLogs(encodeLogs(request), 'protobuf', wanted, SCAN_LIMITS);
        expect(fromJson.records).toEqual(fromProtobuf.records);
        for (const type of ['json', 'protobuf'] as const) {
          expect(checkLogs(encoded(request, type), type, SCAN_LIMITS)).toEqual({
            records: fromJson.records.length,
          });
        }
      }),
      { numRuns: 200 },
    );
  });
});

function anyRequest(): fc.Arbitrary<LogsRequest> {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const value: fc.Arbitrary<AnyValue> = fc.oneof(
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((int) => ({ intValue: String(int) })),
    fc.double().map((doubleValue) => ({ doubleValue })),
    fc.array(text, { maxLength: 3 }).map((texts) => anyValue(texts)),
    fc.constant({}),
  );
  const attribute = fc.record({ key: fc.constantFrom(...KEYS, 'unwanted'), value });
  const hex = (lengths: readonly number[]) =>
    fc
      .constantFrom(...lengths)
      .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
      .map((bytes) => Buffer.from(bytes).toString('hex'));
  const nanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
  const record: fc.Arbitrary<RequestLogRecord> = fc.record(
    {
      timeUnixNano: nanos,
      observedTimeUnixNano: nanos,
      severityNumber: fc.nat(24),
      body: value,
      attributes: fc.array(attribute, { maxLength: 6 }),
      traceId: hex([16, 16, 0, 8]),
      spanId: hex([8, 8, 0, 16]),
      eventName: text,
    },
    { requiredKeys: [] },
  );
  const ofScope = fc.record({
    scope: fc.record({ name: text, version: text }),
    logRecords: fc.array(record, { maxLength: 4 }),
  });
  const ofResource = fc.record({
    resource: fc.record({ attributes: fc.array(attribute, { maxLength: 3 }) }),
    scopeLogs: fc.array(ofScope, { maxLength: 2 }),
  });
  return fc.record({ resourceLogs: fc.array(ofResource, { maxLength: 3 }) });
}

function refusal(body: Uint8Array, type: BodyType): SpanledgerError {
  const refusals = [
    () => readLogs(body, type, wanted, SCAN_LIMITS),
    () => checkLogs(body, type, SCAN_LIMITS),
  ].map((attempt) => {
    try {
      attempt();
    } catch (error) {
      if (error instanceof SpanledgerError) return error;
      throw error;
    }
    throw new Error('the body was taken');
  });
  const [read, checked] = refusals;
  if (read === undefined) throw new Error('there are two');
  expect(checked?.message).toBe(read.message);
  return read;
}
