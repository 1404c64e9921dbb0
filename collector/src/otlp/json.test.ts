import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { checkTraces, readTraces, SCAN_LIMITS, type ScanLimits, WantedAttributes } from './index.ts';
import { quoteLongIntegers } from './json.ts';
import {
  aRequest,
  aRequestSpan,
  attributes,
  encodeTraces,
  manySpans,
  type PlainValue,
  toJsonBody,
  USUAL_WANTED_KEYS,
} from './testing/bodies.ts';
import { plain } from './testing/reference.ts';

const KEYS = ['wanted', 'also.wanted', 'service.name', '__proto__', 'constructor'];
const wanted = new WantedAttributes(KEYS);
const END = '1795000001250000999';

describe('a request in JSON', () => {
  it('gives the same spans as in protobuf, object for object', () => {
    const keys = new WantedAttributes(USUAL_WANTED_KEYS);
    const request = manySpans({ count: 40 });
    const fromJson = readTraces(toJsonBody(request), 'json', keys, SCAN_LIMITS);
    expect(fromJson.spans).toHaveLength(40);
    expect(fromJson.spans[3]?.attributes.get('gen_ai.response.finish_reasons')).toEqual(['stop']);
    expect(fromJson).toEqual(readTraces(encodeTraces(request), 'protobuf', keys, SCAN_LIMITS));
  });

  it.each<[string, PlainValue]>([
    ['text', 'größer 🙂'],
    ['false', false],
    ['a negative integer', -42],
    ['the largest int64', 2n ** 63n - 1n],
    ['the smallest int64', -(2n ** 63n)],
    ['an integer just past the safe range', 2n ** 53n],
    ['a double', 1e-7],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['an array', ['a', 1, [true, []]]],
  ])('%s has the same value as in protobuf', (_, value) => {
    const request = aRequest([aRequestSpan({ attributes: attributes({ wanted: value }) })]);
    const fromJson = readTraces(toJsonBody(request), 'json', wanted, SCAN_LIMITS);
    expect(fromJson.spans[0]?.attributes.get('wanted')).toBeDefined();
    expect(fromJson).toEqual(readTraces(encodeTraces(request), 'protobuf', wanted, SCAN_LIMITS));
  });

  it('takes ids of any case and gives them in lower case', () => {
    const span = {
      traceId: 'ABCDEF0123456789'.repeat(2),
      spanId: 'ABCDEF0123456789',
      parentSpanId: 'FEDCBA9876543210',
    };
    expect(spansOf(bodyWith({ ...span, endTimeUnixNano: END }))).toMatchObject([
      { traceId: 'abcdef0123456789'.repeat(2), spanId: 'abcdef0123456789', parentSpanId: 'fedcba9876543210' },
    ]);
  });

  it('takes enums as numbers and by name', () => {
    const kinds = [3, 'SPAN_KIND_CLIENT', null, undefined];
    const codes = [2, 'STATUS_CODE_ERROR', null, undefined];
    const spans = kinds.map(
      (kind, index) => spansOf(bodyWith({ ...GOOD, kind, status: { code: codes[index] } }))[0],
    );
    expect(spans.map((span) => span?.kind)).toEqual([3, 3, 0, 0]);
    expect(spans.map((span) => span?.statusCode)).toEqual([2, 2, 0, 0]);
  });

  it('ignores unknown fields and takes null as absent', () => {
    const body = json({
      futureField: { deep: [1] },
      resourceSpans: [
        { resource: null, scopeSpans: null, schemaUrl: null },
        { scopeSpans: [{ scope: null, spans: null }] },
        {
          resource: { attributes: null },
          scopeSpans: [
            { spans: [{ ...GOOD, status: null, attributes: null, name: null, events: 7, links: null }] },
          ],
        },
      ],
    });
    expect(spansOf(body)).toMatchObject([{ name: '', statusCode: 0, scopeName: '', attributes: {} }]);
  });

  it('is empty when it has no bytes, no fields or no resources', () => {
    for (const body of [
      Buffer.alloc(0),
      json({}),
      json({ resourceSpans: [] }),
      json({ resourceSpans: null }),
    ]) {
      expect(readTraces(body, 'json', wanted, SCAN_LIMITS)).toEqual({ spans: [], rejected: [] });
      expect(checkTraces(body, 'json', SCAN_LIMITS)).toEqual({
        spans: 0,
        rejected: 0,
        firstRejection: null,
      });
    }
  });

  it('may begin with a byte order mark', () => {
    const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bodyWith(GOOD)]);
    expect(spansOf(body)).toHaveLength(1);
  });

  it('has U+FFFD for invalid UTF-8 and for half a surrogate pair', () => {
    const [before = '', after = ''] = bodyWith({ ...GOOD, name: 'X' })
      .toString('utf8')
      .split('"X"');
    const invalid = Buffer.concat([
      Buffer.from(`${before}"a`),
      Buffer.from([0xff]),
      Buffer.from(`b"${after}`),
    ]);
    expect(spansOf(invalid)).toMatchObject([{ name: 'a\ufffdb' }]);
    expect(spansOf(Buffer.from(`${before}"a\\ud83db"${after}`))).toMatchObject([{ name: 'a\ufffdb' }]);
  });

  it('cannot reach a prototype through its keys', () => {
    const body = Buffer.from(
      `{"__proto__":{"resourceSpans":7},"resourceSpans":[{"scopeSpans":[{"spans":[{"__proto__":{"name":7},
        "traceId":"${GOOD.traceId}","spanId":"${GOOD.spanId}","endTimeUnixNano":"${END}","attributes":[
        {"key":"__proto__","value":{"stringValue":"a key like any other","__proto__":{"intValue":"1"}}},
        {"key":"constructor","value":{"boolValue":true}}]}]}]}]}`,
    );
    const { spans } = readTraces(body, 'json', wanted, SCAN_LIMITS);
    expect(
      spans.map((span) => [span.name, span.attributes.get('__proto__'), span.attributes.get('constructor')]),
    ).toEqual([['', 'a key like any other', true]]);
    expect(Object.hasOwn(Object.prototype, 'name')).toBe(false);
    expect(spans[0]?.attributes.get('toString')).toBeUndefined();
  });

  it('cuts a long text where protobuf cuts it', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxAttributeValueBytes: 7 };
    for (const text of ['1234567', '12345678', 'äöüäöü', '🙂🙂🙂', 'a🙂🙂', `12345ä${'x'.repeat(1000)}`]) {
      const request = aRequest([aRequestSpan({ name: text, attributes: attributes({ wanted: text }) })]);
      expect(readTraces(toJsonBody(request), 'json', wanted, limits)).toEqual(
        readTraces(encodeTraces(request), 'protobuf', wanted, limits),
      );
    }
  });

  it('takes the last of duplicate keys and of several kinds of one value', () => {
    const list = [
      { key: 'wanted', value: { stringValue: 'first' } },
      { key: 'wanted', value: { stringValue: 'not this', intValue: '7' } },
      { key: 'also.wanted', value: { stringValue: 'first' } },
      { key: 'also.wanted', value: { kvlistValue: {} } },
    ];
    expect(spansOf(bodyWith({ ...GOOD, attributes: list }))[0]?.attributes).toEqual({ wanted: 7 });
  });
});

describe('numbers in JSON', () => {
  it('a double that is null is NaN, as JSON.stringify writes it', () => {
    expect(valueRead('{"doubleValue":null}')).toBeNaN();
    expect(valueRead('{"intValue":null}')).toBeUndefined();
    expect(valueRead('{"stringValue":null}')).toBeUndefined();
  });

  it.each([
    ['{"intValue":"12"}', 12],
    ['{"intValue":12}', 12],
    ['{"intValue":12.0}', 12],
    ['{"intValue":"-0"}', 0],
    ['{"intValue":9007199254740993}', 9_007_199_254_740_993n],
    ['{"intValue":-9223372036854775808}', -(2n ** 63n)],
    ['{"intValue" :\n 9223372036854775807 }', 2n ** 63n - 1n],
    ['{"intValue":1e18}', 10n ** 18n],
    ['{"intValue":-9223372036854775808e0}', -(2n ** 63n)],
    ['{"doubleValue":"1.5e3"}', 1500],
    ['{"doubleValue":"-Infinity"}', Number.NEGATIVE_INFINITY],
    ['{"doubleValue":3}', 3],
    ['{"arrayValue":{}}', []],
    [
      '{"arrayValue":{"values":[{"intValue":9007199254740993},{"intValue":"1"}]}}',
      [9_007_199_254_740_993n, 1],
    ],
  ])('%s keeps every digit', (value, expected) => {
    expect(valueRead(value)).toStrictEqual(expected);
  });

  it('nanoseconds written as a number lose nothing', () => {
    const digits = '1795000001250001000';
    expect(Number(digits) / 1000).not.toBe(1_795_000_001_250_001.5);
    const asText = bodyWith({ ...GOOD, startTimeUnixNano: '1', endTimeUnixNano: digits }).toString('utf8');
    const asNumber = asText.replace(`"${digits}"`, digits);
    expect(asNumber).not.toBe(asText);
    expect(readTraces(Buffer.from(asNumber), 'json', wanted, SCAN_LIMITS)).toEqual(
      readTraces(Buffer.from(asText), 'json', wanted, SCAN_LIMITS),
    );
    expect(spansOf(Buffer.from(asNumber))).toMatchObject([{ endTimeMicros: 1_795_000_001_250_001 }]);
    // Rounded to a double these end one microsecond later.
    expect(spansOf(Buffer.from(asText.replace(`"${digits}"`, '1795000001250000999')))).toMatchObject([
      { endTimeMicros: 1_795_000_001_250_000 },
    ]);
  });

  it('quoting long integers never changes a text', () => {
    const inside = 'before "intValue": 12345678901234567890, after "startTimeUnixNano":12345678901234567890}';
    const odd = {
      [inside]: inside,
      'x"intValue': 1,
      list: [inside, '\\"intValue":12345678901234567890}', '"intValue"', ':12345678901234567890'],
    };
    const text = JSON.stringify(odd);
    expect(quoteLongIntegers(text)).toBe(text);
    expect(
      JSON.parse(quoteLongIntegers(`{"s":${JSON.stringify(inside)},"intValue":12345678901234567}`)),
    ).toEqual({
      s: inside,
      intValue: '12345678901234567',
    });
    // The value of an unknown key that ends like a known one is quoted; nobody reads it.
    expect(quoteLongIntegers('{"x\\"intValue":12345678901234567}')).toBe(
      '{"x\\"intValue":"12345678901234567"}',
    );
    const body = bodyWith({
      ...GOOD,
      name: inside,
      attributes: [
        { key: 'wanted', value: { stringValue: inside } },
        { key: 'also.wanted', value: { intValue: 0 } },
      ],
    });
    const lossy = body.toString('utf8').replace('"intValue":0', '"intValue":9007199254740993');
    expect(spansOf(Buffer.from(lossy))).toMatchObject([
      { name: inside, attributes: { wanted: inside, 'also.wanted': 9_007_199_254_740_993n } },
    ]);
  });

  it('quoting takes linear time on text made to be slow', () => {
    const started = performance.now();
    quoteLongIntegers(`"intValue":${'1'.repeat(1_000_000)}x`);
    quoteLongIntegers(`"intValue"${' '.repeat(1_000_000)}x`.repeat(3));
    quoteLongIntegers('"intValue":'.repeat(200_000));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('a span in JSON that cannot be kept', () => {
  it.each([
    ['an id in base64', { traceId: 'W47/95gDgQPSabYzgT/GDA==' }, 'trace_id_invalid'],
    ['no trace id', { traceId: undefined }, 'trace_id_invalid'],
    ['a trace id of zeros', { traceId: '0'.repeat(32) }, 'trace_id_invalid'],
    ['a span id that is not hex', { spanId: 'zzzzzzzzzzzzzzzz' }, 'span_id_invalid'],
    ['no end', { endTimeUnixNano: undefined }, 'end_time_missing'],
    ['an end of zero', { endTimeUnixNano: '000' }, 'end_time_missing'],
    ['an end past the year 2255', { endTimeUnixNano: '9007199254740992000' }, 'time_out_of_range'],
    ['an end past every clock', { endTimeUnixNano: '9'.repeat(400) }, 'time_out_of_range'],
  ])('with %s is rejected, the others stay', (_, given, reason) => {
    const body = json({ resourceSpans: [{ scopeSpans: [{ spans: [GOOD, { ...GOOD, ...given }] }] }] });
    const { spans, rejected } = readTraces(body, 'json', wanted, SCAN_LIMITS);
    expect(spans).toHaveLength(1);
    expect(rejected).toMatchObject([{ reason }]);
    expect(checkTraces(body, 'json', SCAN_LIMITS)).toEqual({
      spans: 1,
      rejected: 1,
      firstRejection: rejected[0],
    });
  });

  it('does not include one with a parent id that is no id: it counts as a root', () => {
    for (const parentSpanId of ['', '0'.repeat(16), 'abc', 'zzzzzzzzzzzzzzzz']) {
      expect(spansOf(bodyWith({ ...GOOD, parentSpanId }))).toMatchObject([{ parentSpanId: null }]);
    }
  });
});

describe('a JSON body that is no traces request', () => {
  it.each([
    ['an array', '[]', 'the body expected an object, got an array of 0'],
    ['null', 'null', 'the body expected an object, got null'],
    ['a number', '7', 'the body expected an object, got the number 7'],
    ['no list', '{"resourceSpans":{}}', 'resourceSpans expected an array, got an object'],
    ['no resource', '{"resourceSpans":[null]}', 'resourceSpans[0] expected an object, got null'],
    [
      'a span that is text',
      '{"resourceSpans":[{"scopeSpans":[{"spans":["prompt"]}]}]}',
      'resourceSpans[0].scopeSpans[0].spans[0] expected an object, got a string of 6 characters',
    ],
    [
      'a name that is a number',
      spanText('"name":7'),
      'resourceSpans[0].scopeSpans[0].spans[0].name expected a string, got the number 7',
    ],
    [
      'an id that is a list',
      spanText('"traceId":[1]'),
      'resourceSpans[0].scopeSpans[0].spans[0].traceId expected hex digits in a string, got an array of 1',
    ],
    [
      'a negative time',
      spanText('"endTimeUnixNano":-1'),
      'resourceSpans[0].scopeSpans[0].spans[0].endTimeUnixNano expected nanoseconds since 1970 as digits, got the number -1',
    ],
    [
      'an unknown enum name',
      spanText('"status":{"code":"STATUS_CODE_BAD"}'),
      'resourceSpans[0].scopeSpans[0].spans[0].status.code expected an integer, got a string of 15 characters',
    ],
    [
      'attributes as a map',
      spanText('"attributes":{}'),
      'resourceSpans[0].scopeSpans[0].spans[0].attributes expected an array, got an object',
    ],
    [
      'an integer with a fraction',
      spanText('"attributes":[{"key":"a"},{"key":"unwanted","value":{"intValue":1.5}}]'),
      'resourceSpans[0].scopeSpans[0].spans[0].attributes[1].value.intValue expected a 64-bit integer, got the number 1.5',
    ],
    [
      'an integer past 64 bits',
      spanText('"attributes":[{"key":"unwanted","value":{"intValue":"9223372036854775808"}}]'),
      'attributes[0].value.intValue expected a 64-bit integer, got a string of 19 characters',
    ],
    [
      'an integer past 64 bits written as a number',
      spanText('"attributes":[{"key":"unwanted","value":{"intValue":9223372036854775808}}]'),
      'attributes[0].value.intValue expected a 64-bit integer, got a string of 19 characters',
    ],
    [
      'an integer past 64 bits written with an exponent',
      spanText('"attributes":[{"key":"unwanted","value":{"intValue":1e19}}]'),
      'attributes[0].value.intValue expected a 64-bit integer, got the number 10000000000000000000',
    ],
    [
      'a resource attribute with a bare value',
      '{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":"b"}]}}]}',
      'resourceSpans[0].resource.attributes[0].value expected an object, got a string of 1 characters',
    ],
    [
      'snake_case names, which would pass as empty',
      '{"resource_spans":[]}',
      'resource_spans expected the name resourceSpans',
    ],
  ])('%s is refused with its path, what was expected and what came', (_, text, message) => {
    expect(refusal(Buffer.from(text))).toMatchObject({
      code: 'SL_OTLP_MALFORMED',
      message: expect.stringContaining(
        `at ${message.startsWith('attributes') ? 'resourceSpans[0].scopeSpans[0].spans[0].' : ''}${message}`,
      ),
    });
  });

  it.each([
    ['resourceLogs', '/v1/logs'],
    ['resourceMetrics', 'Metrics are not taken'],
  ])('%s are another signal, and the sender is told what to do', (field, advice) => {
    expect(refusal(json({ [field]: [] }))).toMatchObject({
      code: 'SL_OTLP_WRONG_SIGNAL',
      message: expect.stringContaining(advice),
    });
  });

  it.each([
    ['cut off', Buffer.from('{"resourceSpans":[')],
    ['only space', Buffer.from('  ')],
    ['protobuf', encodeTraces(aRequest([aRequestSpan()]))],
    ['arrays without end', Buffer.from('['.repeat(100_000))],
    ['objects without end', Buffer.from('{"a":'.repeat(100_000))],
  ])('%s is not JSON, and no content is shown', (_, body) => {
    const thrown = refusal(body);
    expect(thrown.code).toBe('SL_OTLP_MALFORMED');
    expect(thrown.message).toBe('The body is not JSON although its content type says so.');
  });

  it('deep nesting is ignored where nothing is read, refused where something is, and bounded in values', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(spansOf(Buffer.from(`{"unknown":${deep}}`))).toEqual([]);
    expect(refusal(Buffer.from(deep)).code).toBe('SL_OTLP_MALFORMED');
    expect(refusal(Buffer.from(`{"resourceSpans":${deep}}`)).code).toBe('SL_OTLP_MALFORMED');
    const open = '{"arrayValue":{"values":[';
    const nested = `${open.repeat(50_000)}${']}}'.repeat(50_000)}`;
    const value = valueRead(nested);
    expect(JSON.stringify(value)).toBe(
      `${'['.repeat(SCAN_LIMITS.maxDepth)}${']'.repeat(SCAN_LIMITS.maxDepth)}`,
    );
  });

  it('more spans than the limit are refused', () => {
    const limits: ScanLimits = { ...SCAN_LIMITS, maxSpans: 3 };
    const spans = (count: number) =>
      json({ resourceSpans: [{ scopeSpans: [{ spans: Array(count).fill({}) }] }] });
    expect(checkTraces(spans(3), 'json', limits).rejected).toBe(3);
    expect(() => checkTraces(spans(4), 'json', limits)).toThrow(/more than 3 spans/);
  });
});

const GOOD = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  endTimeUnixNano: END,
};

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function bodyWith(span: object): Buffer {
  return json({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
}

function spanText(field: string): string {
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{${field}}]}]}]}`;
}

function spansOf(body: Uint8Array) {
  return plain(readTraces(body, 'json', wanted, SCAN_LIMITS), KEYS).spans;
}

/** What the key `wanted` has when its value is this JSON text. */
function valueRead(valueText: string): unknown {
  const body = bodyWith({ ...GOOD, attributes: [{ key: 'wanted', value: 'HERE' }] }).toString('utf8');
  return spansOf(Buffer.from(body.replace('"HERE"', valueText)))[0]?.attributes.wanted;
}

/** The error that both walks refuse the body with. */
function refusal(body: Uint8Array): SpanledgerError {
  const thrownBy = (act: () => unknown): SpanledgerError => {
    try {
      act();
    } catch (error) {
      if (error instanceof SpanledgerError) return error;
      throw error;
    }
    throw new Error('the body was not refused');
  };
  const read = thrownBy(() => readTraces(body, 'json', wanted, SCAN_LIMITS));
  expect(thrownBy(() => checkTraces(body, 'json', SCAN_LIMITS)).message).toBe(read.message);
  return read;
}
