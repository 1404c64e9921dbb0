import type { AttributeValue } from '@spanledger/metering';
import { maxSpansOf, type ScanLimits, tooManyRecords } from './limits.ts';
import type { Signal } from './signal.ts';
import { cutAt, StringCache } from './texts.ts';
import { GatheredAttributes, type ReadAttributes, type WantedAttributes } from './wanted.ts';
import { FIXED64, LENGTH_DELIMITED, type MessageShape, messageShape, VARINT, WireReader } from './wire.ts';

// The messages of opentelemetry-proto v1 that all signals share (resource.proto, common.proto): the fields whose encoding
// is checked, among them every one that is read. All others are passed over, as protobuf asks.
const RESOURCE = messageShape('Resource', {
  1: ['attributes', LENGTH_DELIMITED],
  2: ['dropped_attributes_count', VARINT],
});
const SCOPE = messageShape('InstrumentationScope', {
  1: ['name', LENGTH_DELIMITED],
  2: ['version', LENGTH_DELIMITED],
  3: ['attributes', LENGTH_DELIMITED],
  4: ['dropped_attributes_count', VARINT],
});
const KEY_VALUE = messageShape('KeyValue', { 1: ['key', LENGTH_DELIMITED], 2: ['value', LENGTH_DELIMITED] });
const ANY_VALUE = messageShape('AnyValue', {
  1: ['string_value', LENGTH_DELIMITED],
  2: ['bool_value', VARINT],
  3: ['int_value', VARINT],
  4: ['double_value', FIXED64],
  5: ['array_value', LENGTH_DELIMITED],
  6: ['kvlist_value', LENGTH_DELIMITED],
  7: ['bytes_value', LENGTH_DELIMITED],
});
const ARRAY_VALUE = messageShape('ArrayValue', { 1: ['values', LENGTH_DELIMITED] });

export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** What an AnyValue held so far; an array can still grow, because protobuf joins a message sent in parts. */
export type Growing = string | number | boolean | bigint | AttributeValue[] | undefined;

/**
 * One set for the process: the models and customers of one body are those of the next. Room for a few thousand
 * texts that repeat and for the traces that batches in flight belong to; about a third of a megabyte together.
 */
const texts = new StringCache('utf8', 64, 4096, 'second sight');
const traceIds = new StringCache('hex', TRACE_ID_BYTES, 512, 'first sight');
const spanIds = new StringCache('hex', SPAN_ID_BYTES, 1024, 'first sight');

/** The outer messages of one signal. */
export interface SignalShapes {
  readonly signal: Signal;
  /** What one of its records is called, for people. */
  readonly records: string;
  /** ExportTraceServiceRequest or its sibling: the resources. */
  readonly request: MessageShape;
  /** ResourceSpans or its sibling: a resource and the scopes under it. */
  readonly ofResource: MessageShape;
  /** ScopeSpans or its sibling: a scope and the records under it. */
  readonly ofScope: MessageShape;
}

/**
 * Reads an export request without building it: of each message only the fields that metering needs are looked at, all
 * others are passed over by their length. The outer messages of all signals have the same fields with the same numbers,
 * so this walk down to the single record is the one of each; what a record is made of, its signal says.
 *
 * `wanted` null reads without keeping: the same walk over the same bytes with the same refusals, so a body that
 * passed the check before the answer can be read afterwards. For that reason the values of unwanted attributes
 * are walked too, although nothing is made of them.
 *
 * Each method reads one message, from the reader's position to `end`.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export abstract class ProtobufWalk {
  protected readonly reader: WireReader;
  protected readonly wanted: WantedAttributes | null;
  /** Null when nothing is kept. */
  protected resource: ReadAttributes | null = null;
  protected scopeName = '';
  protected scopeVersion = '';

  readonly #shapes: SignalShapes;
  readonly #maxTextBytes: number;
  readonly #maxDepth: number;
  readonly #maxRecords: number;
  /** Null when nothing is kept. */
  readonly #gathered: GatheredAttributes | null;
  #records = 0;

  constructor(shapes: SignalShapes, body: Uint8Array, wanted: WantedAttributes | null, limits: ScanLimits) {
    this.reader = new WireReader(body, limits.maxDepth, shapes.signal);
    this.wanted = wanted;
    this.#shapes = shapes;
    this.#maxTextBytes = limits.maxAttributeValueBytes;
    this.#maxDepth = limits.maxDepth;
    this.#maxRecords = maxSpansOf(limits);
    this.#gathered = wanted === null ? null : new GatheredAttributes(wanted);
  }

  /** One Span or LogRecord. */
  protected abstract record(end: number): void;

  request(): void {
    const reader = this.reader;
    const end = reader.buffer.length;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* resource_spans, resource_logs = 1 */) this.#ofResource(reader.fieldEnd(end));
      else reader.skip(tag, end, this.#shapes.request);
    }
  }

  /** Protobuf fixes no order of fields, so the resource may follow its records: it is looked for first. */
  #ofResource(end: number): void {
    const reader = this.reader;
    const start = reader.position;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* resource = 1 */) this.#resourceMessage(reader.fieldEnd(end));
      else reader.skip(tag, end, this.#shapes.ofResource);
    }
    this.resource = this.gathered();

    reader.position = start;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* scope_spans, scope_logs = 2 */) this.#ofScope(reader.fieldEnd(end));
      else reader.skip(tag, end, this.#shapes.ofResource);
    }
  }

  #resourceMessage(end: number): void {
    const reader = this.reader;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* attributes = 1 */) this.attribute(reader.fieldEnd(end));
      else reader.skip(tag, end, RESOURCE);
    }
  }

  /** The scope is looked for first, like the resource; the records passed over cost two short reads each. */
  #ofScope(end: number): void {
    const reader = this.reader;
    const start = reader.position;
    this.scopeName = '';
    this.scopeVersion = '';
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* spans, log_records = 2 */) reader.position = reader.fieldEnd(end);
      else if (tag === 0x0a /* scope = 1 */) this.#scope(reader.fieldEnd(end));
      else reader.skip(tag, end, this.#shapes.ofScope);
    }

    reader.position = start;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* spans, log_records = 2 */) this.#countedRecord(reader.fieldEnd(end));
      else reader.skip(tag, end, this.#shapes.ofScope);
    }
  }

  #countedRecord(end: number): void {
    if (this.#records >= this.#maxRecords) throw tooManyRecords(this.#maxRecords, this.#shapes.records);
    this.#records++;
    this.record(end);
  }

  #scope(end: number): void {
    const reader = this.reader;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* name = 1 */) this.scopeName = this.#text(reader.fieldEnd(end));
      else if (tag === 0x12 /* version = 2 */) this.scopeVersion = this.#text(reader.fieldEnd(end));
      else reader.skip(tag, end, SCOPE);
    }
  }

  /**
   * One KeyValue, gathered if it is wanted. Whether it is wanted is only known after the key, which may come
   * after the value; so the value is noted and read at the end. The last of several equal keys counts.
   */
  protected attribute(end: number): void {
    const reader = this.reader;
    const start = reader.position;
    let keyAt = 0;
    let keyEnd = 0;
    let valueAt = end;
    let valueEnd = end;
    let valueParts = 0;
    const shortKeyEnd = shortFieldEnd(reader.view, 0x0a, start, end);
    if (shortKeyEnd > 0 && shortFieldEnd(reader.view, 0x12, shortKeyEnd, end) === end) {
      // A short key, then a short value, and nothing else: nearly every attribute, so it is worth its own way.
      keyAt = start + 2;
      keyEnd = shortKeyEnd;
      valueAt = shortKeyEnd + 2;
      valueParts = 1;
    } else {
      while (reader.position < end) {
        const tag = reader.tag(end);
        if (tag === 0x0a /* key = 1 */) {
          keyEnd = reader.fieldEnd(end);
          keyAt = reader.position;
          reader.position = keyEnd;
        } else if (tag === 0x12 /* value = 2 */) {
          valueEnd = reader.fieldEnd(end);
          valueAt = reader.position;
          valueParts++;
          reader.position = valueEnd;
        } else {
          reader.skip(tag, end, KEY_VALUE);
        }
      }
    }

    const wanted = this.wanted;
    const place = wanted === null ? -1 : wanted.placeOfBytes(reader.view, keyAt, keyEnd - keyAt);
    const kept = place >= 0;
    let value: Growing;
    if (valueParts <= 1) {
      reader.position = valueAt;
      value = this.anyValue(valueEnd, undefined, kept, 0);
    } else {
      reader.position = start;
      value = this.#joinedValue(end, kept);
    }
    reader.position = end;
    if (kept) this.#gathered?.set(place, value);
  }

  /** A value sent in several parts: protobuf merges the parts of a message, in their order. */
  #joinedValue(end: number, kept: boolean): Growing {
    const reader = this.reader;
    let value: Growing;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* value = 2 */) value = this.anyValue(reader.fieldEnd(end), value, kept, 0);
      else reader.skip(tag, end, KEY_VALUE);
    }
    return value;
  }

  /**
   * An AnyValue, starting from what earlier parts of it held; the last of several kinds counts. Bytes and maps are
   * absent, and so are arrays nested past the limit. When it is not kept, it is walked and what comes back means
   * nothing.
   */
  protected anyValue(end: number, before: Growing, kept: boolean, depth: number): Growing {
    const reader = this.reader;
    const start = reader.position;
    if (shortFieldEnd(reader.view, 0x0a, start, end) === end) {
      // A short text and nothing else: most values.
      reader.position = end;
      return kept ? this.textAt(start + 2, end) : undefined;
    }
    let value = before;
    while (reader.position < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 0x0a: {
          // string_value = 1
          const textEnd = reader.fieldEnd(end);
          if (kept) value = this.#text(textEnd);
          else reader.position = textEnd;
          break;
        }
        case 0x10: // bool_value = 2
          reader.varint64(end);
          value = reader.low !== 0 || reader.high !== 0;
          break;
        case 0x18: // int_value = 3
          if (kept) value = reader.int64(end);
          else reader.varint64(end);
          break;
        case 0x21: // double_value = 4
          if (kept) value = reader.float64(end);
          else reader.fixed64(end);
          break;
        case 0x2a: {
          // array_value = 5
          const arrayEnd = reader.fieldEnd(end);
          if (depth < this.#maxDepth) {
            value = this.#array(arrayEnd, Array.isArray(value) ? value : [], kept, depth + 1);
          } else {
            value = undefined;
            reader.position = arrayEnd;
          }
          break;
        }
        case 0x32: // kvlist_value = 6
        case 0x3a: // bytes_value = 7
          reader.position = reader.fieldEnd(end);
          value = undefined;
          break;
        default:
          reader.skip(tag, end, ANY_VALUE);
      }
    }
    return value;
  }

  /** Elements that are absent (maps, bytes, nothing) leave no gap: an array of values holds values. */
  #array(end: number, elements: AttributeValue[], kept: boolean, depth: number): AttributeValue[] {
    const reader = this.reader;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* values = 1 */) {
        const element = this.anyValue(reader.fieldEnd(end), undefined, kept, depth);
        if (kept && element !== undefined) elements.push(element);
      } else {
        reader.skip(tag, end, ARRAY_VALUE);
      }
    }
    return elements;
  }

  /** The attributes gathered since it was asked last; null when nothing is kept. */
  protected gathered(): ReadAttributes | null {
    return this.#gathered?.take() ?? null;
  }

  /** Ids come again in the records of their trace, so their texts are kept. */
  protected traceIdAt(start: number, end: number): string {
    return traceIds.read(this.reader.buffer, this.reader.view, start, end);
  }

  protected spanIdAt(start: number, end: number): string {
    return spanIds.read(this.reader.buffer, this.reader.view, start, end);
  }

  /** Whether these bytes are an id of that length, not all zero. */
  protected isId(start: number, end: number, byteCount: number): boolean {
    if (end - start !== byteCount) return false;
    const { view } = this.reader;
    for (let at = start; at < end; at += 4) {
      if (view.getInt32(at, true) !== 0) return true;
    }
    return false;
  }

  /** The text from the reader's position to `end`; none is made when nothing is wanted. */
  #text(end: number): string {
    const at = this.reader.position;
    this.reader.position = end;
    return this.wanted === null ? '' : this.textAt(at, end);
  }

  protected textAt(at: number, end: number): string {
    const { buffer, view } = this.reader;
    return texts.read(buffer, view, at, cutAt(view, at, end, this.#maxTextBytes));
  }
}

/**
 * Where the field at `at` ends, if it has this one byte tag and a length of one byte that fits; 0 for any other
 * field, which is then read the general way.
 */
function shortFieldEnd(view: DataView, tag: number, at: number, end: number): number {
  if (end - at < 2 || view.getUint8(at) !== tag) return 0;
  const length = view.getUint8(at + 1);
  const fieldEnd = at + 2 + length;
  return length < 0x80 && fieldEnd <= end ? fieldEnd : 0;
}
