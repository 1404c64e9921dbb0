import type { AttributeValue } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import { maxSpansOf, type ScanLimits, tooManyRecords } from './limits.ts';
import type { Signal } from './signal.ts';
import { cutText } from './texts.ts';
import { microsOfDigits, TIME_MISSING } from './times.ts';
import { GatheredAttributes, type ReadAttributes, type WantedAttributes } from './wanted.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** What the outer messages of one signal are called in OTLP/JSON. */
export interface SignalNames {
  readonly signal: Signal;
  /** What one of its records is called, for people. */
  readonly inWords: string;
  readonly ofResource: string;
  readonly ofScope: string;
  readonly records: string;
}

/** How integers of 64 bits are to be read: JSON.parse rounds those past 2^53 unless they are quoted. */
export type LongIntegers = 'as sent' | 'quoted';

/**
 * Parses a body and walks it; a second time with its long integers quoted when the first walk lost digits. Senders
 * write those as strings, so the second reading is the rare one. No bytes are an empty request.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_WRONG_SIGNAL, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export function walkJson<Walk extends JsonWalk>(
  body: Uint8Array,
  newWalk: (longIntegers: LongIntegers) => Walk,
): Walk {
  const first = newWalk('as sent');
  if (body.length === 0) return first;
  const text = textOf(body);
  first.request(parse(text));
  if (!first.lostDigits) return first;
  const second = newWalk('quoted');
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

const LONG_INTEGERS =
  /("(?:startTimeUnixNano|endTimeUnixNano|timeUnixNano|observedTimeUnixNano|intValue)"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

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

export const TRACE_ID = /^[0-9a-f]{32}$/;
export const SPAN_ID = /^[0-9a-f]{16}$/;
const ONLY_ZEROS = /^0*$/;
const DIGITS = /^\d+$/;
const INTEGER = /^-?\d+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Where the walk stands at a value that is in no list of attributes. */
const NO_ATTRIBUTE = -1;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * The walk over one parsed request (specification.md, "JSON Protobuf Encoding"): lowerCamelCase names, ids as hex of any
 * case, 64-bit integers as strings or numbers, enums as integers, unknown fields ignored, null as absent. All signals
 * share it down to the single record, and each gives what the same request in protobuf gives. With `wanted` null it
 * checks only, on the same way.
 *
 * It keeps its place as numbers, so that a path costs nothing until it is needed.
 */
export abstract class JsonWalk {
  /** A 64-bit integer came as a number too large to be exact; what was read is not to be used. */
  lostDigits = false;

  protected resource: ReadAttributes | null = null;
  protected scopeName = '';
  protected scopeVersion = '';

  readonly #names: SignalNames;
  readonly #wanted: WantedAttributes | null;
  readonly #limits: ScanLimits;
  readonly #maxRecords: number;
  /** Null when nothing is kept. */
  readonly #gathered: GatheredAttributes | null;
  readonly #longIntegers: LongIntegers;
  #records = 0;

  #resourceIndex = 0;
  #scopeIndex = 0;
  #recordIndex = 0;
  #attributeIndex = 0;

  constructor(
    names: SignalNames,
    wanted: WantedAttributes | null,
    limits: ScanLimits,
    longIntegers: LongIntegers,
  ) {
    this.#names = names;
    this.#longIntegers = longIntegers;
    this.#wanted = wanted;
    this.#limits = limits;
    this.#maxRecords = maxSpansOf(limits);
    this.#gathered = wanted === null ? null : new GatheredAttributes(wanted);
  }

  /** One Span or LogRecord. */
  protected abstract record(message: JsonObject): void;

  request(root: unknown): void {
    const request = this.#objectAt(root, 'the body');
    const { ofResource } = this.#names;
    const resources = request[ofResource];
    if (resources === undefined || resources === null) {
      this.#refuseOtherSignals(request);
      return;
    }
    const list = this.#listAt(resources, ofResource);
    for (let index = 0; index < list.length; index++) {
      this.#resourceIndex = index;
      this.#ofResource(this.#objectAt(list[index], `${ofResource}[${index}]`));
    }
  }

  /** A request may be empty, but one that holds something else must not pass as empty: its sender would never know. */
  #refuseOtherSignals(request: JsonObject): void {
    const { signal, ofResource } = this.#names;
    for (const [field, carried, advice] of SIGNALS) {
      if (carried === signal || request[field] === undefined || request[field] === null) continue;
      throw new SpanledgerError(
        'SL_OTLP_WRONG_SIGNAL',
        `The body carries ${carried} (${field}), but this path takes ${signal}. ${advice}`,
      );
    }
    const snakeCase = ofResource.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`);
    if (request[snakeCase] !== undefined) {
      this.malformed(
        snakeCase,
        `the name ${ofResource} (OTLP/JSON names are lowerCamelCase)`,
        request[snakeCase],
      );
    }
  }

  #ofResource(message: JsonObject): void {
    const path = `${this.#names.ofResource}[${this.#resourceIndex}]`;
    const resource = this.optionalObjectAt(message.resource, () => `${path}.resource`);
    const resourcePath = () => `${path}.resource`;
    this.resource = this.attributes(resource?.attributes, resourcePath);

    const scopesPath = `${path}.${this.#names.ofScope}`;
    const list = this.#listAt(message[this.#names.ofScope], scopesPath);
    for (let index = 0; index < list.length; index++) {
      this.#scopeIndex = index;
      this.#ofScope(this.#objectAt(list[index], `${scopesPath}[${index}]`), `${scopesPath}[${index}]`);
    }
  }

  #ofScope(message: JsonObject, path: string): void {
    const { records } = this.#names;
    const scope = this.optionalObjectAt(message.scope, () => `${path}.scope`);
    this.scopeName = this.text(scope?.name, () => `${path}.scope.name`);
    this.scopeVersion = this.text(scope?.version, () => `${path}.scope.version`);

    const list = this.#listAt(message[records], `${path}.${records}`);
    for (let index = 0; index < list.length; index++) {
      this.#recordIndex = index;
      const record = list[index];
      if (!isObject(record)) this.malformed(this.recordPath(), 'an object', record);
      if (this.#records >= this.#maxRecords) throw tooManyRecords(this.#maxRecords, this.#names.inWords);
      this.#records++;
      this.record(record);
    }
  }

  protected readonly recordPath = (): string => {
    const { ofResource, ofScope, records } = this.#names;
    return `${ofResource}[${this.#resourceIndex}].${ofScope}[${this.#scopeIndex}].${records}[${this.#recordIndex}]`;
  };

  /** `owner` gives the path of the message that the attributes belong to. */
  protected attributes(list: unknown, owner: () => string): ReadAttributes | null {
    if (list === undefined || list === null) return this.#gathered?.take() ?? null;
    if (!Array.isArray(list)) this.malformed(`${owner()}.attributes`, 'an array', list);
    const attributes: readonly unknown[] = list;
    const wanted = this.#wanted;
    for (let index = 0; index < attributes.length; index++) {
      const attribute = attributes[index];
      this.#attributeIndex = index;
      if (!isObject(attribute)) this.malformed(this.#attributePath(owner), 'an object', attribute);
      const key = attribute.key ?? '';
      if (typeof key !== 'string') this.malformed(`${this.#attributePath(owner)}.key`, 'a string', key);
      const place = wanted === null ? -1 : wanted.placeOf(key);
      const value = this.#anyValue(attribute.value, place >= 0, 0, owner);
      if (place >= 0) this.#gathered?.set(place, value);
    }
    return this.#gathered?.take() ?? null;
  }

  /** An AnyValue that is no attribute (the body of a log record); `path` is its own. */
  protected value(value: unknown, path: () => string): AttributeValue | undefined {
    this.#attributeIndex = NO_ATTRIBUTE;
    return this.#anyValue(value, this.#wanted !== null, 0, path);
  }

  /** Fields of the oneof are taken in their order, the last that is set counts: what the wire format does. */
  #anyValue(value: unknown, kept: boolean, depth: number, owner: () => string): AttributeValue | undefined {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) this.malformed(this.#valuePath(owner), 'an object', value);
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

  protected micros(nanos: unknown, field: string): number {
    if (nanos === undefined || nanos === null) return TIME_MISSING;
    if (typeof nanos === 'string' && DIGITS.test(nanos)) return microsOfDigits(nanos);
    if (typeof nanos === 'number' && Number.isInteger(nanos) && nanos >= 0) {
      if (!Number.isSafeInteger(nanos)) this.lostDigits = true;
      return microsOfDigits(BigInt(nanos).toString());
    }
    this.malformed(`${this.recordPath()}.${field}`, 'nanoseconds since 1970 as digits', nanos);
  }

  protected idText(value: unknown, field: string): string {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string') return value;
    this.malformed(`${this.recordPath()}.${field}`, 'hex digits in a string', value);
  }

  protected text(value: unknown, path: () => string): string {
    if (value === undefined || value === null) return '';
    if (typeof value === 'string') return this.#kept(value);
    this.malformed(path(), 'a string', value);
  }

  /** An escape can write half a surrogate pair; UTF-8 cannot, so it becomes U+FFFD here as it does there. */
  #kept(text: string): string {
    return cutText(text.toWellFormed(), this.#limits.maxAttributeValueBytes);
  }

  #attributePath(owner: () => string): string {
    return `${owner()}.attributes[${this.#attributeIndex}]`;
  }

  #valuePath(owner: () => string): string {
    return this.#attributeIndex === NO_ATTRIBUTE ? owner() : `${this.#attributePath(owner)}.value`;
  }

  #badValue(owner: () => string, field: string, expected: string, got: unknown): never {
    this.malformed(`${this.#valuePath(owner)}.${field}`, expected, got);
  }

  #objectAt(value: unknown, path: string): JsonObject {
    if (!isObject(value)) this.malformed(path, 'an object', value);
    return value;
  }

  protected optionalObjectAt(value: unknown, path: () => string): JsonObject | undefined {
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) this.malformed(path(), 'an object', value);
    return value;
  }

  #listAt(value: unknown, path: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) this.malformed(path, 'an array', value);
    return value;
  }

  protected malformed(path: string, expected: string, got: unknown): never {
    throw new SpanledgerError(
      'SL_OTLP_MALFORMED',
      `The body is not an OTLP ${this.#names.signal} request: at ${path} expected ${expected}, got ${kindOf(got)}.`,
    );
  }
}

/** The fields of a request in which the signals differ, and where each is to go. */
const SIGNALS = [
  ['resourceSpans', 'traces', 'Send traces to /v1/traces.'],
  ['resourceLogs', 'logs', 'Send logs to /v1/logs.'],
  ['resourceMetrics', 'metrics', 'Metrics are not taken: point only the exporters of traces and logs here.'],
] as const;

/** Whether a text in lower case is an id of that shape, not all zero. */
export function isId(id: string, shape: RegExp): boolean {
  return shape.test(id) && !ONLY_ZEROS.test(id);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
