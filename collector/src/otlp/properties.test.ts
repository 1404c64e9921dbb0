import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { checkTraces, readTraces, SCAN_LIMITS, type TracesRead, WantedAttributes } from './index.ts';
import {
  type AnyValue,
  encodeTraces,
  type KeyValue,
  manySpans,
  type RequestSpan,
  type TracesRequest,
  toJsonBody,
} from './testing/bodies.ts';
import { type PlainRead, plain, referenceProtobuf } from './testing/reference.ts';
import { encodeFields, type WireField } from './testing/wire.ts';

const KEYS = ['a', 'bb', 'gen_ai.request.model', 'gen_ai.usage.input_tokens', 'ключ', '', 'unsent'];
const OTHER_KEYS = ['b', 'ab', 'gen_ai.request.mode', 'gen_ai.usage.input_tokenz', 'http.route'];
const wanted = new WantedAttributes(KEYS);
const nothing = new WantedAttributes([]);

describe('any request in protobuf', () => {
  it('reads as the general decoder reads it, in whatever order, with unknown fields and parts anywhere', () => {
    fc.assert(
      fc.property(anyRequestFields(), (fields) => {
        const body = encodeFields(fields);
        expect(readPlain(body)).toEqual(referenceProtobuf(body, KEYS));
      }),
      { numRuns: 400 },
    );
  });

  it('is checked as it is read, whatever is wanted', () => {
    fc.assert(
      fc.property(anyRequestFields(), (fields) => {
        const body = encodeFields(fields);
        const read = readTraces(body, 'protobuf', wanted, SCAN_LIMITS);
        expect(checkTraces(body, 'protobuf', SCAN_LIMITS)).toEqual(countsOf(read));
        const without = readTraces(body, 'protobuf', nothing, SCAN_LIMITS);
        expect(countsOf(without)).toEqual(countsOf(read));
      }),
      { numRuns: 200 },
    );
  });
});

describe('any request in both encodings', () => {
  it('gives equal spans', () => {
    fc.assert(
      fc.property(anyRequest(), (request) => {
        const fromJson = readTraces(toJsonBody(request), 'json', wanted, SCAN_LIMITS);
        const fromProtobuf = readTraces(encodeTraces(request), 'protobuf', wanted, SCAN_LIMITS);
        expect(fromJson.spans).toEqual(fromProtobuf.spans);
        expect(reasonsOf(fromJson)).toEqual(reasonsOf(fromProtobuf));
        expect(checkTraces(toJsonBody(request), 'json', SCAN_LIMITS)).toEqual(countsOf(fromJson));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a damaged body', () => {
  /**
   * The scanner refuses more than the general decoder (a known field of another wire type, varints past 64 bits)
   * and looks at less (it passes over events, links and maps). Where both take a body, they agree.
   */
  const judge = (body: Uint8Array): 'both' | 'scanner' | 'decoder' | 'none' => {
    const started = performance.now();
    const read = outcomeOf(() => readTraces(body, 'protobuf', wanted, SCAN_LIMITS));
    const check = outcomeOf(() => checkTraces(body, 'protobuf', SCAN_LIMITS));
    // Generous for a busy machine; a hang or a quadratic walk over these few kilobytes is not among the outcomes.
    expect(performance.now() - started).toBeLessThan(2000);
    expect(check).toEqual('value' in read ? { value: countsOf(read.value) } : read);
    const reference = referenceOf(body);
    if (!('value' in read)) return reference === undefined ? 'none' : 'decoder';
    if (reference === undefined) return 'scanner';
    expect(plain(read.value, KEYS)).toEqual(reference);
    return 'both';
  };

  it('cut off at any byte is refused or read as far as whole fields go', () => {
    const body = encodeTraces(manySpans({ count: 2 }));
    const whole = readTraces(body, 'protobuf', wanted, SCAN_LIMITS);
    expect(whole.spans).toHaveLength(2);
    const outcomes = new Map<string, number>();
    for (let length = 0; length < body.length; length++) {
      const outcome = judge(body.subarray(0, length));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // The one resource_spans field is whole only at the end; without any byte the request is empty.
    expect(Object.fromEntries(outcomes)).toEqual({ both: 1, none: body.length - 1 });
  });

  it('with any bit flipped is refused with a code or read like the general decoder', () => {
    const body = encodeTraces(manySpans({ count: 1 }));
    const outcomes = new Set<string>();
    for (let bit = 0; bit < body.length * 8; bit++) {
      const damaged = Buffer.from(body);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      outcomes.add(judge(damaged));
    }
    expect(outcomes).toContain('both');
    expect(outcomes).toContain('none');
  });

  it('in any other way is refused with a code or read like the general decoder', () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(
        anyRequestFields(),
        fc.array(anyDamage(), { minLength: 1, maxLength: 4 }),
        (fields, damages) => {
          outcomes.add(judge(damages.reduce<Buffer>((body, damage) => damage(body), encodeFields(fields))));
        },
      ),
      { numRuns: 600 },
    );
    expect(outcomes).toContain('both');
    expect(outcomes).toContain('none');
  });

  it('of random bytes is refused with a code or read like the general decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
        judge(body);
      }),
      { numRuns: 400 },
    );
  });

  it('in JSON is refused with a code or read, and the check agrees', () => {
    fc.assert(
      fc.property(anyRequest(), fc.array(anyDamage(), { minLength: 0, maxLength: 2 }), (request, damages) => {
        const body = damages.reduce<Buffer>(
          (bytes, damage) => damage(bytes),
          Buffer.from(toJsonBody(request)),
        );
        const read = outcomeOf(() => readTraces(body, 'json', wanted, SCAN_LIMITS));
        const check = outcomeOf(() => checkTraces(body, 'json', SCAN_LIMITS));
        expect(check).toEqual('value' in read ? { value: countsOf(read.value) } : read);
      }),
      { numRuns: 500 },
    );
  });

  it('of any JSON is refused with a code or read', () => {
    const misshapen = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.jsonValue({ maxDepth: 1 }), tie('list'), tie('object')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      object: fc.dictionary(fc.constantFrom(...JSON_NAMES), tie('value'), { maxKeys: 5 }),
    }));
    fc.assert(
      fc.property(misshapen.object, (request) => {
        const body = Buffer.from(JSON.stringify(request));
        const read = outcomeOf(() => readTraces(body, 'json', wanted, SCAN_LIMITS));
        const check = outcomeOf(() => checkTraces(body, 'json', SCAN_LIMITS));
        expect(check).toEqual('value' in read ? { value: countsOf(read.value) } : read);
      }),
      { numRuns: 400 },
    );
  });
});

const JSON_NAMES = [
  'resourceSpans',
  'resource',
  'scopeSpans',
  'scope',
  'spans',
  'attributes',
  'key',
  'value',
  'traceId',
  'endTimeUnixNano',
  'name',
  'kind',
  'status',
  'code',
  'stringValue',
  'intValue',
  'doubleValue',
  'arrayValue',
  'values',
  'resourceLogs',
  '__proto__',
];

type Outcome<T> = { readonly value: T } | { readonly code: string; readonly message: string };

/** Anything thrown but a coded error of this folder fails the test. */
function outcomeOf<T>(act: () => T): Outcome<T> {
  try {
    return { value: act() };
  } catch (error) {
    if (!(error instanceof SpanledgerError)) throw error;
    expect(['SL_OTLP_MALFORMED', 'SL_OTLP_WRONG_SIGNAL']).toContain(error.code);
    return { code: error.code, message: error.message };
  }
}

function referenceOf(body: Uint8Array): PlainRead | undefined {
  try {
    return referenceProtobuf(body, KEYS);
  } catch {
    return undefined;
  }
}

function readPlain(body: Uint8Array): PlainRead {
  return plain(readTraces(body, 'protobuf', wanted, SCAN_LIMITS), KEYS);
}

function countsOf({ spans, rejected }: TracesRead) {
  return { spans: spans.length, rejected: rejected.length, firstRejection: rejected[0] ?? null };
}

function reasonsOf({ rejected }: TracesRead): string[] {
  return rejected.map(({ reason }) => reason);
}

// Requests in the shape of OTLP/JSON, for what both encodings can say.

function anyRequest(): fc.Arbitrary<TracesRequest> {
  const scopeSpans = fc.record({
    scope: fc.record({ name: anyText(), version: anyText() }, { requiredKeys: [] }),
    spans: fc.array(anySpan(), { maxLength: 3 }),
  });
  return fc.record({
    resourceSpans: fc.array(
      fc.record({
        resource: fc.record({ attributes: anyAttributes() }),
        scopeSpans: fc.array(scopeSpans, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  });
}

function anySpan(): fc.Arbitrary<RequestSpan> {
  return fc.record(
    {
      traceId: mostly(hexOf(16), fc.constantFrom('', '00'.repeat(16), 'ab'.repeat(15))),
      spanId: mostly(hexOf(8), fc.constantFrom('', '00'.repeat(8), 'ab'.repeat(9))),
      parentSpanId: mostly(hexOf(8), fc.constantFrom('', '00'.repeat(8), 'abab')),
      name: anyText(),
      kind: fc.integer({ min: 0, max: 5 }),
      startTimeUnixNano: anyNanos(),
      endTimeUnixNano: anyNanos(),
      attributes: anyAttributes(),
      status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: anyText() }, { requiredKeys: [] }),
    },
    { requiredKeys: ['traceId', 'spanId', 'endTimeUnixNano'] },
  );
}

function anyAttributes(): fc.Arbitrary<KeyValue[]> {
  const value = fc.letrec<{ value: AnyValue; array: AnyValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      anyText().map((stringValue): AnyValue => ({ stringValue })),
      anyInt64().map((int): AnyValue => ({ intValue: String(int) })),
      fc
        .double()
        .map((doubleValue): AnyValue => ({ doubleValue: Object.is(doubleValue, -0) ? 0 : doubleValue })),
      fc.boolean().map((boolValue): AnyValue => ({ boolValue })),
      tie('array'),
      fc.constantFrom<AnyValue>({}, { bytesValue: 'AQI=' }, { kvlistValue: { values: [] } }),
    ),
    array: fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
  })).value;
  return fc.array(fc.record({ key: anyKey(), value }, { requiredKeys: ['key'] }), { maxLength: 6 });
}

// The same as fields on the wire, for what only protobuf can say.

function anyRequestFields(): fc.Arbitrary<WireField[]> {
  return messageOf([part(1, fc.oneof(resourceSpansFields()), 2)]);
}

function resourceSpansFields(): fc.Arbitrary<WireField[]> {
  const scope = messageOf([
    part(1, anyText().map(textField)),
    part(2, anyText().map(textField)),
    part(3, keyValueFields()),
  ]);
  const scopeSpans = messageOf([
    part(1, scope, 2),
    part(2, spanFields(), 3),
    part(3, anyText().map(textField)),
  ]);
  const resource = messageOf([part(1, keyValueFields(), 4), part(2, fc.constant({ varint: 3n }))]);
  return messageOf([part(1, resource, 2), part(2, scopeSpans, 2), part(3, anyText().map(textField))]);
}

function spanFields(): fc.Arbitrary<WireField[]> {
  const id = (length: number) =>
    mostly(bytesOf(length), fc.oneof(fc.constant(Buffer.alloc(length)), bytesOf(length - 1), bytesOf(0))).map(
      (bytes) => ({ bytes }),
    );
  const anyVarint = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((varint) => ({ varint }));
  const time = anyNanos().map((nanos) => ({ fixed64: BigInt(nanos) }));
  return fc
    .tuple(
      fc.tuple(bytesOf(16), bytesOf(8), time),
      messageOf([
        part(1, id(16), 1),
        part(2, id(8), 1),
        part(3, anyText().map(textField)),
        part(4, id(8), 2),
        part(5, anyText().map(textField), 2),
        part(6, fc.oneof(fc.constant({ varint: 3n }), anyVarint), 2),
        part(7, time, 2),
        part(8, time, 1),
        part(9, keyValueFields(), 6),
        part(10, anyVarint),
        part(11, messageOf([part(2, anyText().map(textField)), part(3, keyValueFields())])),
        part(13, messageOf([part(1, id(16))])),
        part(15, messageOf([part(2, anyText().map(textField)), part(3, anyVarint, 2)]), 2),
        part(16, fc.constant({ fixed32: 0x101 })),
      ]),
    )
    .map(([[traceId, spanId, end], fields]) => [
      // Before the others, which may overwrite them: most spans must be good ones, or little would be compared.
      { field: 1, bytes: traceId },
      { field: 2, bytes: spanId },
      { field: 8, ...end },
      ...fields,
    ]);
}

function keyValueFields(): fc.Arbitrary<WireField[]> {
  return messageOf([part(1, anyKey().map(textField), 2), part(2, anyValueFields(), 2)]);
}

function anyValueFields(): fc.Arbitrary<WireField[]> {
  return fc.letrec<{ value: WireField[]; array: WireField[] }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      messageOf([
        part(1, anyText().map(textField)),
        part(
          3,
          anyInt64().map((varint) => ({ varint })),
        ),
      ]),
      messageOf([
        part(
          1,
          bytesOf(5).map((bytes) => ({ bytes })),
        ),
      ]),
      messageOf([
        part(
          2,
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((varint) => ({ varint })),
        ),
      ]),
      messageOf([
        part(
          4,
          fc.double().map((double) => ({ double })),
        ),
      ]),
      messageOf([part(6, fc.constant({ message: [] }))]),
      messageOf([
        part(
          7,
          bytesOf(3).map((bytes) => ({ bytes })),
        ),
      ]),
      tie('array').chain((array) =>
        messageOf([part(5, fc.constant(array), 2), part(1, anyText().map(textField))]),
      ),
    ),
    array: fc
      .array(tie('value'), { maxLength: 3 })
      .map((values) => values.map((message): WireField => ({ field: 1, message }))),
  })).value;
}

type FieldContent = DistributiveOmit<WireField, 'field'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Up to `most` fields of one number. */
function part(
  field: number,
  content: fc.Arbitrary<FieldContent | WireField[]>,
  most = 1,
): fc.Arbitrary<WireField[]> {
  return fc
    .array(content, { maxLength: most })
    .map((contents) =>
      contents.map((one): WireField => (Array.isArray(one) ? { field, message: one } : { field, ...one })),
    );
}

/** A message with these fields and some unknown ones, shuffled. */
function messageOf(parts: readonly fc.Arbitrary<WireField[]>[]): fc.Arbitrary<WireField[]> {
  const unknown = fc.constantFrom<WireField>(
    { field: 20, varint: 2n ** 64n - 1n },
    { field: 21, fixed64: 7n },
    { field: 1000, text: 'unknown' },
    { field: 22, fixed32: 7 },
    {
      field: 23,
      group: [
        { field: 1, text: 'in a group' },
        { field: 24, group: [] },
      ],
    },
  );
  const mixed = mostly(fc.constant<WireField[]>([]), fc.array(unknown, { minLength: 1, maxLength: 2 }));
  return fc
    .tuple(mixed, ...parts)
    .map((fields) => fields.flat())
    .chain((fields) => fc.shuffledSubarray(fields, { minLength: fields.length, maxLength: fields.length }));
}

function textField(text: string): FieldContent {
  return { text };
}

// Values.

function anyKey(): fc.Arbitrary<string> {
  return fc.constantFrom(...KEYS, ...OTHER_KEYS);
}

function anyText(): fc.Arbitrary<string> {
  const unit = fc.constantFrom(
    'a',
    'gpt-4o',
    'ä',
    '漢',
    '🙂',
    '"',
    '\\',
    '\u0000',
    '"intValue":12345678901234567890',
  );
  return fc.oneof(
    fc.string(),
    fc.array(unit, { maxLength: 30 }).map((units) => units.join('')),
  );
}

function anyInt64(): fc.Arbitrary<bigint> {
  const edges = [0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n];
  return fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer().map(BigInt),
    fc.constantFrom(...edges, ...edges.map((edge) => -edge), -(2n ** 63n)),
  );
}

function anyNanos(): fc.Arbitrary<string> {
  const usual = fc.bigInt({ min: 1_795_000_000_000_000_000n, max: 1_795_000_001_000_000_000n });
  const odd = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 1n, 999n, 1000n, 2n ** 32n),
  );
  return mostly(usual, odd).map(String);
}

function hexOf(byteCount: number): fc.Arbitrary<string> {
  return bytesOf(byteCount).map((bytes) => Buffer.from(bytes).toString('hex'));
}

function bytesOf(byteCount: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: byteCount, maxLength: byteCount });
}

function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

type Damage = (body: Buffer) => Buffer;

/** Positions are fractions, so that they shrink and fit whatever length the body has. */
function anyDamage(): fc.Arbitrary<Damage> {
  const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const at = (body: Buffer, fraction: number) => Math.floor(fraction * body.length);
  const flipped = fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
    ([where, bit]): Damage =>
      (body) => {
        if (body.length === 0) return body;
        const copy = Buffer.from(body);
        copy.writeUInt8(copy.readUInt8(at(body, where)) ^ (1 << bit), at(body, where));
        return copy;
      },
  );
  const overwritten = fc.tuple(place, fc.constantFrom(0, 1, 2, 0x0a, 0x12, 0x4a, 0x7f, 0x80, 0xff)).map(
    ([where, byte]): Damage =>
      (body) => {
        if (body.length === 0) return body;
        const copy = Buffer.from(body);
        copy.writeUInt8(byte, at(body, where));
        return copy;
      },
  );
  const removed = fc.tuple(place, fc.integer({ min: 1, max: 20 })).map(
    ([where, count]): Damage =>
      (body) =>
        Buffer.concat([body.subarray(0, at(body, where)), body.subarray(at(body, where) + count)]),
  );
  const copied = fc.tuple(place, place, fc.integer({ min: 1, max: 40 })).map(
    ([from, to, count]): Damage =>
      (body) =>
        Buffer.concat([
          body.subarray(0, at(body, to)),
          body.subarray(at(body, from), at(body, from) + count),
          body.subarray(at(body, to)),
        ]),
  );
  const cutOff = place.map(
    (where): Damage =>
      (body) =>
        body.subarray(0, at(body, where)),
  );
  return fc.oneof(flipped, overwritten, removed, copied, cutOff);
}
