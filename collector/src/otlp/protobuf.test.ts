import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { checkTraces, readTraces, SCAN_LIMITS, type ScanLimits, WantedAttributes } from './index.ts';
import {
  aRequest,
  aRequestSpan,
  attributes,
  encodeTraces,
  type KeyValue,
  type RequestSpan,
} from './testing/bodies.ts';
import { plain } from './testing/reference.ts';
import { encodeFields, encodeVarint, type WireField } from './testing/wire.ts';

const KEYS = ['gen_ai.request.model', 'gen_ai.usage.input_tokens', 'service.name', 'wanted', 'also.wanted'];
const wanted = new WantedAttributes(KEYS);
const TRACE_ID = '5b8efff798038103d269b633813fc60c';
const SPAN_ID = 'eee19b7ec3c1b174';

describe('a span in protobuf', () => {
  it('is read with its ids, times, name, kind, status, scope and resource', () => {
    const body = encodeTraces(
      aRequest([
        aRequestSpan({
          parentSpanId: '00f067aa0ba902b7',
          attributes: attributes({ 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 17 }),
          status: { code: 2, message: 'rate limited' },
        }),
      ]),
    );
    expect(read(body)).toEqual({
      rejected: [],
      spans: [
        {
          traceId: TRACE_ID,
          spanId: SPAN_ID,
          parentSpanId: '00f067aa0ba902b7',
          name: 'chat gpt-4o',
          kind: 3,
          startTimeMicros: 1_795_000_000_000_000,
          endTimeMicros: 1_795_000_001_250_000,
          statusCode: 2,
          attributes: { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 17 },
          resource: { 'service.name': 'support-api' },
          scopeName: 'test',
          scopeVersion: '1.0.0',
        },
      ],
    });
  });

  it('keeps only wanted attributes', () => {
    const [span] = spansOf(
      encodeTraces(aRequest([withAttributes({ wanted: 'yes', unwanted: 'no', wante: 'no' })])),
    );
    expect(span?.attributes).toEqual({ wanted: 'yes' });
  });

  it('shares one resource among the spans that it owns', () => {
    const { spans } = readTraces(
      encodeTraces(aRequest([aRequestSpan(), aRequestSpan({ spanId: '0000000000000002' })])),
      'protobuf',
      wanted,
      SCAN_LIMITS,
    );
    expect(spans).toHaveLength(2);
    expect(spans[0]?.resource).toBe(spans[1]?.resource);
  });

  it('takes the resource and the scope that follow their spans', () => {
    const body = encodeFields([
      {
        field: 1,
        message: [
          {
            field: 2,
            message: [
              { field: 2, message: SPAN },
              { field: 1, message: [{ field: 1, text: 'late' }] },
            ],
          },
          { field: 1, message: [{ field: 1, message: keyValue('service.name', 'late-api') }] },
        ],
      },
    ]);
    expect(spansOf(body)).toMatchObject([{ scopeName: 'late', resource: { 'service.name': 'late-api' } }]);
  });

  it('does not inherit the resource or scope of the message before it', () => {
    const first = encodeTraces(aRequest([aRequestSpan()]));
    const second = encodeFields([
      { field: 1, message: [{ field: 2, message: [{ field: 2, message: SPAN }] }] },
    ]);
    const spans = spansOf(Buffer.concat([first, second]));
    expect(spans).toMatchObject([{ scopeName: 'test' }, { scopeName: '', scopeVersion: '' }]);
    expect(spans[1]?.resource).toEqual({});
  });

  it('takes an attribute whose value comes before its key', () => {
    expect(
      wantedValue([
        { field: 2, message: [{ field: 1, text: 'early' }] },
        { field: 1, text: 'wanted' },
      ]),
    ).toBe('early');
  });

  it('takes the last of duplicate fields and merges a message that comes in parts', () => {
    const name: WireField = { field: 5, text: 'last' };
    const status: WireField[] = [
      { field: 15, message: [{ field: 3, varint: 2n }] },
      { field: 15, message: [{ field: 2, text: 'why' }] },
    ];
    expect(spansOf(bodyOf([...SPAN, { field: 5, text: 'first' }, name, ...status]))).toMatchObject([
      { name: 'last', statusCode: 2 },
    ]);
    const joined: WireField[] = [
      { field: 2, message: [{ field: 5, message: [{ field: 1, message: [{ field: 3, varint: 1n }] }] }] },
      { field: 1, text: 'wanted' },
      { field: 2, message: [{ field: 5, message: [{ field: 1, message: [{ field: 3, varint: 2n }] }] }] },
      { field: 2, message: [] },
    ];
    expect(wantedValue(joined)).toEqual([1, 2]);
  });

  it('takes the last of duplicate attribute keys, even when that one is absent', () => {
    const twice = [...attributes({ wanted: 'first' }), ...attributes({ wanted: 'last' })];
    expect(spansOf(withList(twice))).toMatchObject([{ attributes: { wanted: 'last' } }]);
    const thenMap: KeyValue[] = [
      ...attributes({ wanted: 'first' }),
      { key: 'wanted', value: { kvlistValue: {} } },
    ];
    expect(spansOf(withList(thenMap))[0]?.attributes).toEqual({});
  });

  it('passes over unknown fields of every wire type, groups included', () => {
    const unknown: WireField[] = [
      { field: 900, varint: 2n ** 64n - 1n },
      { field: 901, fixed64: 1n },
      { field: 902, bytes: Buffer.alloc(300) },
      { field: 903, fixed32: 1 },
      {
        field: 904,
        group: [
          { field: 1, varint: 1n },
          { field: 905, group: [{ field: 2, text: 'x' }] },
        ],
      },
      { field: 536_870_911, text: 'the highest field number' },
    ];
    expect(spansOf(bodyOf([...unknown, ...SPAN, ...unknown]))).toHaveLength(1);
  });
});

describe('attribute values in protobuf', () => {
  it.each([
    ['text', 'größer 🙂', 'größer 🙂'],
    ['an empty text', '', ''],
    ['true', true, true],
    ['false', false, false],
    ['zero', 0, 0],
    ['a negative integer', -42, -42],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['the smallest safe integer', Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    ['an integer just past the safe range', 2n ** 53n, 2n ** 53n],
    ['an integer just below the safe range', -(2n ** 53n), -(2n ** 53n)],
    ['the largest int64', 2n ** 63n - 1n, 2n ** 63n - 1n],
    ['the smallest int64', -(2n ** 63n), -(2n ** 63n)],
    ['a double', 0.1, 0.1],
    ['NaN', Number.NaN, Number.NaN],
    ['infinity', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ['an array', ['a', 1, true, ['b']], ['a', 1, true, ['b']]],
  ])('%s is read as it was written', (_, written, expected) => {
    expect(spansOf(encodeTraces(aRequest([withAttributes({ wanted: written })])))[0]?.attributes).toEqual({
      wanted: expected,
    });
  });

  it('a text of any length is read whole', () => {
    const texts = Array.from({ length: 300 }, (_, length) => 'x'.repeat(length));
    const body = encodeTraces(aRequest(texts.map((text) => withAttributes({ wanted: text }))));
    expect(spansOf(body).map(({ attributes }) => attributes.wanted)).toEqual(texts);
  });

  it('a length of two bytes is not taken for a short one, however it is written', () => {
    // 0x82 0x00 is a long-winded 2; taken for one byte it is 130, which would just fit this message.
    const rest = encodeFields([{ field: 99, bytes: Buffer.alloc(124) }]);
    const value = Buffer.concat([Buffer.from([0x0a, 0x82, 0x00, 0x61, 0x62]), rest]);
    expect(value).toHaveLength(2 + 130);
    expect(
      wantedValue([
        { field: 1, text: 'wanted' },
        { field: 2, bytes: value },
      ]),
    ).toBe('ab');
  });

  it('bytes, maps and empty values are absent', () => {
    for (const value of [{ bytesValue: 'AQI=' }, { kvlistValue: { values: [] } }, {}]) {
      expect(spansOf(withList([{ key: 'wanted', value }]))[0]?.attributes).toEqual({});
    }
  });

  it('leave no gap in an array when they are absent', () => {
    const value = {
      arrayValue: { values: [{ stringValue: 'a' }, { kvlistValue: {} }, {}, { stringValue: 'b' }] },
    };
    expect(spansOf(withList([{ key: 'wanted', value }]))[0]?.attributes).toEqual({ wanted: ['a', 'b'] });
  });

  it('turn invalid UTF-8 into U+FFFD', () => {
    expect(
      wantedValue([
        { field: 1, text: 'wanted' },
        { field: 2, message: [{ field: 1, bytes: Buffer.from([0x61, 0xff, 0x62]) }] },
      ]),
    ).toBe('a\ufffdb');
  });

  it('are cut at the limit, without splitting a character', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxAttributeValueBytes: 7 };
    const cut = (text: string) =>
      plain(
        readTraces(encodeTraces(aRequest([withAttributes({ wanted: text })])), 'protobuf', wanted, limits),
        KEYS,
      ).spans[0]?.attributes.wanted;
    expect(cut('1234567')).toBe('1234567');
    expect(cut('12345678')).toBe('1234567');
    expect(cut('äöüäöü')).toBe('äöü');
    expect(cut('🙂🙂🙂')).toBe('🙂');
  });

  it('are absent when their arrays nest past the limit', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxDepth: 2 };
    const body = encodeTraces(aRequest([withAttributes({ wanted: [['a', ['too deep']]] })]));
    expect(plain(readTraces(body, 'protobuf', wanted, limits), KEYS).spans[0]?.attributes).toEqual({
      wanted: [['a']],
    });
  });

  it('repeat without being mixed up, however alike they are', () => {
    const texts = Array.from(
      { length: 5000 },
      (_, index) => `cus_${String(index % 2500).padStart(40, '0')}_end`,
    );
    const body = encodeTraces(aRequest(texts.map((text) => withAttributes({ wanted: text }))));
    expect(spansOf(body).map(({ attributes }) => attributes.wanted)).toEqual(texts);
  });
});

describe('times', () => {
  it.each([
    [1n, 0],
    [999n, 0],
    [1000n, 1],
    [1_795_000_000_123_456_999n, 1_795_000_000_123_456],
    [2n ** 32n - 1n, 4_294_967],
    [2n ** 32n, 4_294_967],
    [BigInt(Number.MAX_SAFE_INTEGER) * 1000n + 999n, Number.MAX_SAFE_INTEGER],
  ])('%d ns are %d whole microseconds', (nanos, micros) => {
    const body = encodeTraces(aRequest([aRequestSpan({ endTimeUnixNano: `${nanos}` })]));
    expect(spansOf(body)).toMatchObject([{ endTimeMicros: micros }]);
  });

  it('a span that starts after its end, or never, starts at its end', () => {
    const spans = spansOf(
      encodeTraces(
        aRequest([
          aRequestSpan({ startTimeUnixNano: '1795000009000000000' }),
          aRequestSpan({ startTimeUnixNano: '0' }),
          aRequestSpan({ startTimeUnixNano: `${2n ** 64n - 1n}` }),
        ]),
      ),
    );
    expect(spans.map((span) => span.startTimeMicros - span.endTimeMicros)).toEqual([0, 0, 0]);
  });
});

describe('a span that cannot be kept', () => {
  const tooLate = `${(BigInt(Number.MAX_SAFE_INTEGER) + 1n) * 1000n}`;
  it.each<[string, RequestSpan, string]>([
    ['without a trace id', { traceId: '' }, 'trace_id_invalid'],
    ['with a short trace id', { traceId: 'ab'.repeat(15) }, 'trace_id_invalid'],
    ['with a trace id of zeros', { traceId: '00'.repeat(16) }, 'trace_id_invalid'],
    ['without a span id', { spanId: '' }, 'span_id_invalid'],
    ['with a long span id', { spanId: 'ab'.repeat(9) }, 'span_id_invalid'],
    ['with a span id of zeros', { spanId: '00'.repeat(8) }, 'span_id_invalid'],
    ['that has not ended', { endTimeUnixNano: '0' }, 'end_time_missing'],
    ['that ends after the year 2255', { endTimeUnixNano: tooLate }, 'time_out_of_range'],
  ])('%s is rejected, the others stay', (_, given, reason) => {
    const body = encodeTraces(aRequest([aRequestSpan(), aRequestSpan({ ...given, name: 'n'.repeat(500) })]));
    const { spans, rejected } = readTraces(body, 'protobuf', wanted, SCAN_LIMITS);
    expect(spans).toHaveLength(1);
    expect(rejected).toMatchObject([{ reason, name: 'n'.repeat(200) }]);
    expect(checkTraces(body, 'protobuf', SCAN_LIMITS)).toEqual({
      spans: 1,
      rejected: 1,
      firstRejection: rejected[0],
    });
  });

  it('shows its ids as received, cut to 64 characters', () => {
    const body = encodeTraces(aRequest([aRequestSpan({ traceId: 'ab'.repeat(100) })]));
    expect(readTraces(body, 'protobuf', wanted, SCAN_LIMITS).rejected).toMatchObject([
      {
        traceId: 'ab'.repeat(32),
        spanId: SPAN_ID,
        detail: 'trace_id has 100 bytes; expected 16, not all zero',
      },
    ]);
  });

  it('does not include one with a parent id that is no id: it counts as a root', () => {
    const ids = ['', '00'.repeat(8), 'ab'.repeat(7), 'ab'.repeat(16)];
    const spans = spansOf(encodeTraces(aRequest(ids.map((parentSpanId) => aRequestSpan({ parentSpanId })))));
    expect(spans.map((span) => span.parentSpanId)).toEqual([null, null, null, null]);
  });
});

describe('a body that is no traces request', () => {
  it('is empty when it has no bytes', () => {
    expect(readTraces(Buffer.alloc(0), 'protobuf', wanted, SCAN_LIMITS)).toEqual({
      spans: [],
      rejected: [],
    });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['text', Buffer.from('hello'), /at byte/],
    ['JSON', Buffer.from('{"resourceSpans":[]}'), /at byte/],
    ['field number 0', Buffer.from([0x00, 0x00]), /at byte 0 expected a field number above 0/],
    ['wire type 6', Buffer.from([0x46]), /wire type 6/],
    ['wire type 7', Buffer.from([0x47]), /wire type 7/],
    ['a group end without a start', Buffer.from([0x44]), /wire type group end/],
    ['a group that never ends', Buffer.from([0x43, 0x08, 0x01]), /at byte 3 expected a varint/],
    ['a group that another number ends', Buffer.from([0x43, 0x4c]), /wire type group end/],
    [
      'a length past the end',
      Buffer.from([0x0a, 0x05, 0x00]),
      /at byte 1 expected a length of at most 1, got 5/,
    ],
    [
      'a length past its message',
      Buffer.from([0x0a, 0x02, 0x12, 0x01, 0x00]),
      /a length of at most 0, got 1/,
    ],
    ['a length past 32 bits', Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x10]), /a number below 2\^32/],
    ['a varint cut off', Buffer.from([0x40, 0x80]), /at byte 1 expected a varint/],
    ['a varint of 11 bytes', Buffer.from([0x40, ...Array(10).fill(0x80), 0x00]), /at most 64 bits/],
    ['a varint of 65 bits', Buffer.from([0x40, ...Array(9).fill(0x80), 0x02]), /at most 64 bits/],
    ['a fixed64 cut off', Buffer.from([0x41, 1, 2, 3]), /expected 8 bytes, got 3/],
    ['a fixed32 cut off', Buffer.from([0x45, 1]), /expected 4 bytes, got 1/],
  ])('%s is refused with the place and what was expected', (_, body, message) => {
    expect(refusal(body)).toMatch(message);
  });

  it('groups nested past the limit are refused', () => {
    const nested = (depth: number): WireField[] =>
      depth === 0 ? [] : [{ field: 99, group: nested(depth - 1) }];
    expect(spansOf(encodeFields(nested(SCAN_LIMITS.maxDepth)))).toEqual([]);
    expect(refusal(encodeFields(nested(SCAN_LIMITS.maxDepth + 1)))).toMatch(/groups at most 16 deep/);
    expect(refusal(Buffer.alloc(1_000_000, 0x43))).toMatch(/groups at most 16 deep/);
  });

  it('a logs request is refused, and the sender is told where logs go', () => {
    const logRecord: WireField[] = [
      { field: 1, fixed64: 1_795_000_000_000_000_000n },
      { field: 2, varint: 9n },
      { field: 5, message: [{ field: 1, text: 'hello' }] },
    ];
    expect(refusal(bodyOf(logRecord))).toMatch(/Span\.trace_id encoded as length-delimited.*\/v1\/logs/);
  });

  it('a metrics request is refused', () => {
    const sum: WireField[] = [
      { field: 1, text: 'http.server.duration' },
      { field: 7, message: [{ field: 2, varint: 2n }] },
    ];
    expect(refusal(bodyOf(sum))).toMatch(
      /Span\.start_time_unix_nano encoded as 64 bits.*metrics are not taken/,
    );
  });

  it('more spans than the limit are refused, however small they are', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxSpans: 3 };
    const emptySpans = (count: number) =>
      encodeFields([
        { field: 1, message: [{ field: 2, message: Array(count).fill({ field: 2, message: [] }) }] },
      ]);
    expect(checkTraces(emptySpans(3), 'protobuf', limits).rejected).toBe(3);
    expect(() => checkTraces(emptySpans(4), 'protobuf', limits)).toThrow(/more than 3 spans/);
  });

  it('a value damaged inside an attribute that nobody wants is refused as well: the check knows no names', () => {
    const broken: WireField[] = [
      ...SPAN,
      {
        field: 9,
        message: [
          { field: 1, text: 'unwanted' },
          { field: 2, bytes: Buffer.from([0x0a, 0x09]) },
        ],
      },
    ];
    expect(refusal(bodyOf(broken))).toMatch(/a length of at most 0, got 9/);
  });
});

describe('reading in bounded time', () => {
  it('two hundred thousand parts of one array take linear time', () => {
    const part = encodeFields([{ field: 5, message: [{ field: 1, message: [{ field: 3, varint: 1n }] }] }]);
    const value = Buffer.concat(Array(200_000).fill(part));
    const whole: WireField[] = [
      { field: 1, text: 'wanted' },
      { field: 2, bytes: value },
    ];
    const apart: WireField[] = [
      { field: 1, text: 'wanted' },
      ...Array<WireField>(200_000).fill({ field: 2, bytes: part }),
    ];
    const started = performance.now();
    expect(wantedValue(whole)).toHaveLength(200_000);
    expect(wantedValue(apart)).toHaveLength(200_000);
    // Copying the array for every part would take minutes.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('bytes of a larger memory are read from their own start', () => {
    const body = encodeTraces(aRequest([aRequestSpan()]));
    const memory = new Uint8Array(body.length + 20).fill(0xff);
    memory.set(body, 7);
    expect(spansOf(memory.subarray(7, 7 + body.length))).toEqual(spansOf(body));
    expect(encodeVarint(300n)).toEqual(Buffer.from([0xac, 0x02]));
  });
});

const SPAN: readonly WireField[] = [
  { field: 1, bytes: Buffer.from(TRACE_ID, 'hex') },
  { field: 2, bytes: Buffer.from(SPAN_ID, 'hex') },
  { field: 8, fixed64: 1_795_000_000_000_000_000n },
];

function keyValue(key: string, text: string): WireField[] {
  return [
    { field: 1, text: key },
    { field: 2, message: [{ field: 1, text }] },
  ];
}

function bodyOf(span: readonly WireField[]): Uint8Array {
  return encodeFields([{ field: 1, message: [{ field: 2, message: [{ field: 2, message: span }] }] }]);
}

function withAttributes(values: Parameters<typeof attributes>[0]): RequestSpan {
  return aRequestSpan({ attributes: attributes(values) });
}

function withList(list: readonly KeyValue[]): Uint8Array {
  return encodeTraces(aRequest([aRequestSpan({ attributes: list })]));
}

/** What the key `wanted` has in a span whose only attribute has these fields. */
function wantedValue(attribute: readonly WireField[]): unknown {
  return spansOf(bodyOf([...SPAN, { field: 9, message: attribute }]))[0]?.attributes.wanted;
}

function read(body: Uint8Array) {
  return plain(readTraces(body, 'protobuf', wanted, SCAN_LIMITS), KEYS);
}

function spansOf(body: Uint8Array) {
  return read(body).spans;
}

/** The message that both walks refuse the body with. */
function refusal(body: Uint8Array): string {
  const thrownBy = (act: () => unknown): unknown => {
    try {
      act();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const read = thrownBy(() => readTraces(body, 'protobuf', wanted, SCAN_LIMITS));
  const check = thrownBy(() => checkTraces(body, 'protobuf', SCAN_LIMITS));
  expect(read).toBeInstanceOf(SpanledgerError);
  expect(read).toMatchObject({ code: 'SL_OTLP_MALFORMED' });
  expect(check).toEqual(read);
  return read instanceof SpanledgerError ? read.message : '';
}
