import type { AttributeValue, Span } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import { maxSpansOf, type ScanLimits, tooManySpans } from './limits.ts';
import { type RejectedSpan, type RejectReason, rejectedSpan } from './rejection.ts';
import { cutText } from './texts.ts';
import { isTimeInRange, microsOfDigits, startOrEnd, TIME_MISSING } from './times.ts';
import { ReadAttributes, type WantedAttributes, type WantedValues } from './wanted.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export interface JsonTraces {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly spans: Span[];
  readonly rejected: RejectedSpan[];
}

/**
 * Reads an ExportTraceServiceRequest in OTLP/JSON (specification.md, "JSON Protobuf Encoding"): lowerCamelCase
 * names, ids as hex of any case, 64-bit integers as strings or numbers, enums as integers (their names are
 * understood too), unknown fields ignored, null as absent. The spans are those the same request in protobuf gives.
 *
 * `wanted` null checks only, with the same walk.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_WRONG_SIGNAL, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export function walkJson(body: Uint8Array, wanted: WantedAttributes | null, limits: ScanLimits): JsonTraces {
  if (body.length === 0) return { accepted: 0, spans: [], rejected: [] };
  const text = textOf(body);
  const first = new JsonWalk(wanted, limits, 'as sent');
  first.request(parse(text));
  if (!first.lostDigits) return first;
  // JSON.parse rounds integers past 2^53. Senders write those as strings, so the second reading is the rare one.
  const second = new JsonWalk(wanted, limits, 'quoted');
  second.request(parse(quoteLongIntegers(text)));
  return second;
}

/** Invalid UTF-8 becomes U+FFFD, as in protobuf; a byte order mark is passed over. */
function textOf(body: Uint8Array): string {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser's own sentence quotes the body, which may hold prompts; it stays in the cause.
    throw new SpanledgerError(
      'SL_OTLP_MALFORMED',
      'The body is not JSON although its content type says so.',
      {
        cause,
      },
    );
  }
}

const LONG_INTEGERS = /("(?:startTimeUnixNano|endTimeUnixNano|intValue)"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

/**
 * Puts quotes around the integers of 16 digits and more in the 64-bit fields, so that their digits survive.
 *
 * This cannot change a text: inside a JSON string a quote is always escaped, so the quote after the name, which
 * has no backslash before it, ends a string; and what follows a string and a colon is a value. The name's first
 * quote may be an escaped one, as in {"x\"intValue": 1}; then the value of an unknown key is quoted, and ignored.
 */
export function quoteLongIntegers(text: string): string {
  return text.replace(LONG_INTEGERS, '$1"$2"');
}

const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const ONLY_ZEROS = /^0*$/;
const DIGITS = /^\d+$/;
const INTEGER = /^-?\d+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** The enum names of trace.proto in the order of their numbers; the specification wants the numbers. */
const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'];

/** The walk over one parsed body. It keeps its place as numbers, so that a path costs nothing until it is needed. */
class JsonWalk implements JsonTraces {
  readonly spans: Span[] = [];
  readonly rejected: RejectedSpan[] = [];
  accepted = 0;
  /** A 64-bit integer came as a number too large to be exact; what was read is not to be used. */
  lostDigits = false;

  readonly #wanted: WantedAttributes | null;
  readonly #limits: ScanLimits;
  readonly #maxSpans: number;
  readonly #noAttributes: ReadAttributes | null;
  readonly #longIntegers: 'as sent' | 'quoted';

  #resource: ReadAttributes | null = null;
  #scopeName = '';
  #scopeVersion = '';

  #resourceIndex = 0;
  #scopeIndex = 0;
  #spanIndex = 0;
  #attributeIndex = 0;

  constructor(wanted: WantedAttributes | null, limits: ScanLimits, longIntegers: 'as sent' | 'quoted') {
    this.#longIntegers = longIntegers;
    this.#wanted = wanted;
    this.#limits = limits;
    this.#maxSpans = maxSpansOf(limits);
    this.#noAttributes = wanted === null ? null : new ReadAttributes(wanted, wanted.newValues());
  }

  request(root: unknown): void {
    const request = objectAt(root, 'the body');
    if (request.resourceSpans === undefined || request.resourceSpans === null) {
      refuseOtherSignals(request);
      return;
    }
    const list = listAt(request.resourceSpans, 'resourceSpans');
    for (let index = 0; index < list.length; index++) {
      this.#resourceIndex = index;
      this.#resourceSpans(objectAt(list[index], `resourceSpans[${index}]`));
    }
  }

  #resourceSpans(message: JsonObject): void {
    const path = `resourceSpans[${this.#resourceIndex}]`;
    const resource = optionalObjectAt(message.resource, `${path}.resource`);
    const resourcePath = () => `${path}.resource`;
    this.#resource = this.#attributesOf(this.#attributes(resource?.attributes, resourcePath));

    const list = listAt(message.scopeSpans, `${path}.scopeSpans`);
    for (let index = 0; index < list.length; index++) {
      this.#scopeIndex = index;
      this.#scopeSpans(objectAt(list[index], `${path}.scopeSpans[${index}]`));
    }
  }

  #scopeSpans(message: JsonObject): void {
    const path = `resourceSpans[${this.#resourceIndex}].scopeSpans[${this.#scopeIndex}]`;
    const scope = optionalObjectAt(message.scope, `${path}.scope`);
    this.#scopeName = this.#text(scope?.name, () => `${path}.scope.name`);
    this.#scopeVersion = this.#text(scope?.version, () => `${path}.scope.version`);

    const list = listAt(message.spans, `${path}.spans`);
    for (let index = 0; index < list.length; index++) {
      this.#spanIndex = index;
      const span = list[index];
      if (!isObject(span)) malformed(this.#spanPath(), 'an object', span);
      this.#span(span);
    }
  }

  readonly #spanPath = (): string =>
    `resourceSpans[${this.#resourceIndex}].scopeSpans[${this.#scopeIndex}].spans[${this.#spanIndex}]`;

  #span(message: JsonObject): void {
    const traceId = this.#idText(message.traceId, 'traceId');
    const spanId = this.#idText(message.spanId, 'spanId');
    const parentSpanId = this.#idText(message.parentSpanId, 'parentSpanId').toLowerCase();
    const name = this.#text(message.name, () => `${this.#spanPath()}.name`);
    const kind = this.#enumNumber(message.kind, SPAN_KINDS, 'kind');
    const startMicros = this.#micros(message.startTimeUnixNano, 'startTimeUnixNano');
    const endMicros = this.#micros(message.endTimeUnixNano, 'endTimeUnixNano');
    const status = optionalObjectAt(message.status, this.#spanPath, '.status');
    const statusCode = this.#enumNumber(status?.code, STATUS_CODES, 'status.code');
    const values = this.#attributes(message.attributes, this.#spanPath);

    const lowerTraceId = traceId.toLowerCase();
    const lowerSpanId = spanId.toLowerCase();
    const reason = reasonToReject(lowerTraceId, lowerSpanId, endMicros);
    if (this.accepted + this.rejected.length >= this.#maxSpans) throw tooManySpans(this.#maxSpans);
    if (reason !== null) {
      this.rejected.push(rejectedSpan(traceId, spanId, name, reason, detailOf(reason, traceId, spanId)));
      return;
    }
    this.accepted++;
    const attributes = this.#attributesOf(values);
    const resource = this.#resource;
    if (attributes === null || resource === null) return;
    this.spans.push({
      traceId: lowerTraceId,
      spanId: lowerSpanId,
      parentSpanId: isId(parentSpanId, SPAN_ID) ? parentSpanId : null,
      name,
      kind,
      startTimeMicros: startOrEnd(startMicros, endMicros),
      endTimeMicros: endMicros,
      statusCode,
      attributes,
      resource,
      scopeName: this.#scopeName,
      scopeVersion: this.#scopeVersion,
    });
  }

  /** `owner` gives the path of the message that the attributes belong to. */
  #attributes(list: unknown, owner: () => string): WantedValues | null {
    if (list === undefined || list === null) return null;
    if (!Array.isArray(list)) malformed(`${owner()}.attributes`, 'an array', list);
    const attributes: readonly unknown[] = list;
    const wanted = this.#wanted;
    let values: WantedValues | null = null;
    for (let index = 0; index < attributes.length; index++) {
      const attribute = attributes[index];
      this.#attributeIndex = index;
      if (!isObject(attribute)) malformed(this.#attributePath(owner), 'an object', attribute);
      const key = attribute.key ?? '';
      if (typeof key !== 'string') malformed(`${this.#attributePath(owner)}.key`, 'a string', key);
      const place = wanted === null ? -1 : wanted.placeOf(key);
      const value = this.#anyValue(attribute.value, place >= 0, 0, owner);
      if (wanted === null || place < 0) continue;
      values ??= wanted.newValues();
      values[place] = value;
    }
    return values;
  }

  /** Fields of the oneof are taken in their order, the last that is set counts: what the wire format does. */
  #anyValue(value: unknown, kept: boolean, depth: number, owner: () => string): AttributeValue | undefined {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) malformed(`${this.#attributePath(owner)}.value`, 'an object', value);
    let read: AttributeValue | undefined;
    for (const kind in value) {
      const content = value[kind];
      // JSON has no NaN, and JSON.stringify writes null for it: some SDKs send their missing counts like this.
      if (content === null && kind !== 'doubleValue') continue;
      switch (kind) {
        case 'stringValue':
          if (typeof content !== 'string') return this.#badValue(owner, kind, 'a string', content);
          if (kept) read = this.#kept(content);
          break;
        case 'intValue':
          read = this.#int64(content, owner);
          break;
        case 'doubleValue':
          read = this.#double(content, owner);
          break;
        case 'boolValue':
          if (typeof content !== 'boolean') return this.#badValue(owner, kind, 'true or false', content);
          read = content;
          break;
        case 'arrayValue':
          read = depth < this.#limits.maxDepth ? this.#array(content, kept, depth + 1, owner) : undefined;
          break;
        case 'kvlistValue':
        case 'bytesValue':
          read = undefined;
          break;
        default:
        // An unknown field, ignored as the specification asks.
      }
    }
    return read;
  }

  #array(array: unknown, kept: boolean, depth: number, owner: () => string): readonly AttributeValue[] {
    if (!isObject(array)) return this.#badValue(owner, 'arrayValue', 'an object', array);
    const list = array.values ?? [];
    if (!Array.isArray(list)) return this.#badValue(owner, 'arrayValue.values', 'an array', list);
    const elements: AttributeValue[] = [];
    for (const element of list) {
      const value = this.#anyValue(element, kept, depth, owner);
      if (value !== undefined) elements.push(value);
    }
    return elements;
  }

  #int64(content: unknown, owner: () => string): number | bigint {
    if (typeof content === 'number' && Number.isInteger(content)) {
      // Adding zero turns -0, which an integer cannot be, into 0.
      if (Number.isSafeInteger(content)) return content + 0;
      if (this.#longIntegers === 'as sent') {
        this.lostDigits = true;
        return 0;
      }
      // Not quoted, so written with an exponent: then the number is what was meant.
      if (content >= -(2 ** 63) && content < 2 ** 63) return BigInt(content);
    }
    if (typeof content === 'string' && INTEGER.test(content)) {
      const number = Number(content);
      if (Number.isSafeInteger(number)) return number + 0;
      // Twenty characters hold every int64, unless zeros lead; a longer text is not worth a bigint of its length.
      const integer = content.length <= 40 ? BigInt(content) : MAX_INT64 + 1n;
      if (integer >= MIN_INT64 && integer <= MAX_INT64) return integer;
    }
    return this.#badValue(owner, 'intValue', 'a 64-bit integer', content);
  }

  #double(content: unknown, owner: () => string): number {
    if (typeof content === 'number') return content;
    if (content === null || content === 'NaN') return Number.NaN;
    if (content === 'Infinity') return Number.POSITIVE_INFINITY;
    if (content === '-Infinity') return Number.NEGATIVE_INFINITY;
    if (typeof content === 'string' && DECIMAL.test(content)) return Number(content);
    return this.#badValue(owner, 'doubleValue', 'a number', content);
  }

  #micros(nanos: unknown, field: string): number {
    if (nanos === undefined || nanos === null) return TIME_MISSING;
    if (typeof nanos === 'string' && DIGITS.test(nanos)) return microsOfDigits(nanos);
    if (typeof nanos === 'number' && Number.isInteger(nanos) && nanos >= 0) {
      if (!Number.isSafeInteger(nanos)) this.lostDigits = true;
      return microsOfDigits(BigInt(nanos).toString());
    }
    malformed(`${this.#spanPath()}.${field}`, 'nanoseconds since 1970 as digits', nanos);
  }

  #enumNumber(value: unknown, names: readonly string[], field: string): number {
    if (value === undefined || value === null) return 0;
    if (typeof value === 'number' && Number.isInteger(value)) return value | 0;
    if (typeof value === 'string') {
      const number = names.indexOf(value);
      if (number >= 0) return number;
    }
    malformed(`${this.#spanPath()}.${field}`, 'an integer', value);
  }

  #idText(value: unknown, field: string): string {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string') return value;
    malformed(`${this.#spanPath()}.${field}`, 'hex digits in a string', value);
  }

  #text(value: unknown, path: () => string): string {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string') return this.#kept(value);
    malformed(path(), 'a string', value);
  }

  /** An escape can write half a surrogate pair; UTF-8 cannot, so it becomes U+FFFD here as it does there. */
  #kept(text: string): string {
    return cutText(text.toWellFormed(), this.#limits.maxAttributeValueBytes);
  }

  #attributesOf(values: WantedValues | null): ReadAttributes | null {
    if (this.#wanted === null || values === null) return this.#noAttributes;
    return new ReadAttributes(this.#wanted, values);
  }

  #attributePath(owner: () => string): string {
    return `${owner()}.attributes[${this.#attributeIndex}]`;
  }

  #badValue(owner: () => string, field: string, expected: string, got: unknown): never {
    malformed(`${this.#attributePath(owner)}.value.${field}`, expected, got);
  }
}

function reasonToReject(traceId: string, spanId: string, endMicros: number): RejectReason | null {
  if (!isId(traceId, TRACE_ID)) return 'trace_id_invalid';
  if (!isId(spanId, SPAN_ID)) return 'span_id_invalid';
  if (endMicros === TIME_MISSING) return 'end_time_missing';
  if (!isTimeInRange(endMicros)) return 'time_out_of_range';
  return null;
}

function isId(id: string, shape: RegExp): boolean {
  return shape.test(id) && !ONLY_ZEROS.test(id);
}

function detailOf(reason: RejectReason, traceId: string, spanId: string): string {
  switch (reason) {
    case 'trace_id_invalid':
      return `traceId has ${traceId.length} characters; expected 32 hex digits, not all zero (OTLP/JSON has no base64 ids)`;
    case 'span_id_invalid':
      return `spanId has ${spanId.length} characters; expected 16 hex digits, not all zero (OTLP/JSON has no base64 ids)`;
    case 'end_time_missing':
      return 'endTimeUnixNano is missing or zero; only ended spans are taken';
    case 'time_out_of_range':
      return 'endTimeUnixNano is past the year 2255; expected nanoseconds since 1970';
  }
}

/** A request may be empty, but one that holds something else must not pass as empty: its sender would never know. */
function refuseOtherSignals(request: JsonObject): void {
  for (const [field, signal] of [
    ['resourceLogs', 'logs'],
    ['resourceMetrics', 'metrics'],
  ] as const) {
    if (request[field] !== undefined && request[field] !== null) {
      throw new SpanledgerError(
        'SL_OTLP_WRONG_SIGNAL',
        `The body carries ${signal} (${field}), but this path takes traces. Send ${signal} to /v1/${signal}.`,
      );
    }
  }
  if (request.resource_spans !== undefined) {
    malformed(
      'resource_spans',
      'the name resourceSpans (OTLP/JSON names are lowerCamelCase)',
      request.resource_spans,
    );
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectAt(value: unknown, path: string): JsonObject {
  if (!isObject(value)) malformed(path, 'an object', value);
  return value;
}

function optionalObjectAt(value: unknown, path: string | (() => string), field = ''): JsonObject | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) malformed(`${typeof path === 'string' ? path : path()}${field}`, 'an object', value);
  return value;
}

function listAt(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) malformed(path, 'an array', value);
  return value;
}

function malformed(path: string, expected: string, got: unknown): never {
  throw new SpanledgerError(
    'SL_OTLP_MALFORMED',
    `The body is not an OTLP traces request: at ${path} expected ${expected}, got ${kindOf(got)}.`,
  );
}

/** What came, without its content: that may be a prompt. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return `${value}`;
  return 'an object';
}
