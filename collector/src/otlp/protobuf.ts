import type { AttributeValue, Span } from '@spanledger/metering';
import { maxSpansOf, type ScanLimits, tooManySpans } from './limits.ts';
import { MAX_SHOWN_ID_CHARS, type RejectedSpan, type RejectReason, rejectedSpan } from './rejection.ts';
import { cutAt, StringCache } from './texts.ts';
import { isTimeInRange, microsOfWords, startOrEnd, TIME_MISSING } from './times.ts';
import { ReadAttributes, type WantedAttributes, type WantedValues } from './wanted.ts';
import { FIXED32, FIXED64, LENGTH_DELIMITED, messageShape, VARINT, WireReader } from './wire.ts';

// The messages of opentelemetry-proto v1 (trace.proto, resource.proto, common.proto): the fields whose encoding is
// checked, among them every one that is read. All others are passed over, as protobuf asks.
const REQUEST = messageShape('ExportTraceServiceRequest', { 1: ['resource_spans', LENGTH_DELIMITED] });
const RESOURCE_SPANS = messageShape('ResourceSpans', {
  1: ['resource', LENGTH_DELIMITED],
  2: ['scope_spans', LENGTH_DELIMITED],
  3: ['schema_url', LENGTH_DELIMITED],
});
const RESOURCE = messageShape('Resource', {
  1: ['attributes', LENGTH_DELIMITED],
  2: ['dropped_attributes_count', VARINT],
});
const SCOPE_SPANS = messageShape('ScopeSpans', {
  1: ['scope', LENGTH_DELIMITED],
  2: ['spans', LENGTH_DELIMITED],
  3: ['schema_url', LENGTH_DELIMITED],
});
const SCOPE = messageShape('InstrumentationScope', {
  1: ['name', LENGTH_DELIMITED],
  2: ['version', LENGTH_DELIMITED],
  3: ['attributes', LENGTH_DELIMITED],
  4: ['dropped_attributes_count', VARINT],
});
const SPAN = messageShape('Span', {
  1: ['trace_id', LENGTH_DELIMITED],
  2: ['span_id', LENGTH_DELIMITED],
  3: ['trace_state', LENGTH_DELIMITED],
  4: ['parent_span_id', LENGTH_DELIMITED],
  5: ['name', LENGTH_DELIMITED],
  6: ['kind', VARINT],
  7: ['start_time_unix_nano', FIXED64],
  8: ['end_time_unix_nano', FIXED64],
  9: ['attributes', LENGTH_DELIMITED],
  10: ['dropped_attributes_count', VARINT],
  11: ['events', LENGTH_DELIMITED],
  12: ['dropped_events_count', VARINT],
  13: ['links', LENGTH_DELIMITED],
  14: ['dropped_links_count', VARINT],
  15: ['status', LENGTH_DELIMITED],
  16: ['flags', FIXED32],
});
const STATUS = messageShape('Status', { 2: ['message', LENGTH_DELIMITED], 3: ['code', VARINT] });
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

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** What an AnyValue held so far; an array can still grow, because protobuf joins a message sent in parts. */
type Growing = string | number | boolean | bigint | AttributeValue[] | undefined;

/**
 * One set for the process: the models and customers of one body are those of the next. Room for a few thousand
 * texts that repeat and for the traces that batches in flight belong to; about a third of a megabyte together.
 */
const texts = new StringCache('utf8', 64, 4096, 'second sight');
const traceIds = new StringCache('hex', TRACE_ID_BYTES, 512, 'first sight');
const spanIds = new StringCache('hex', SPAN_ID_BYTES, 1024, 'first sight');

export interface ProtobufTraces {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly spans: Span[];
  readonly rejected: RejectedSpan[];
}

/**
 * Reads an ExportTraceServiceRequest without building it: of each message only the fields that metering needs are
 * looked at, all others are passed over by their length.
 *
 * `wanted` null reads without keeping: the same walk over the same bytes with the same refusals, so a body that
 * passed the check before the answer can be read afterwards. For that reason the values of unwanted attributes
 * are walked too, although nothing is made of them.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export function walkProtobuf(
  body: Uint8Array,
  wanted: WantedAttributes | null,
  limits: ScanLimits,
): ProtobufTraces {
  const walk = new ProtobufWalk(body, wanted, limits);
  walk.request();
  return walk;
}

/** The walk over one body. Each method reads one message, from the reader's position to `end`. */
class ProtobufWalk implements ProtobufTraces {
  readonly spans: Span[] = [];
  readonly rejected: RejectedSpan[] = [];
  accepted = 0;

  readonly #reader: WireReader;
  readonly #wanted: WantedAttributes | null;
  readonly #maxTextBytes: number;
  readonly #maxDepth: number;
  readonly #maxSpans: number;
  readonly #noAttributes: ReadAttributes | null;

  #resource: ReadAttributes | null = null;
  #scopeName = '';
  #scopeVersion = '';

  constructor(body: Uint8Array, wanted: WantedAttributes | null, limits: ScanLimits) {
    this.#reader = new WireReader(body, limits.maxDepth);
    this.#wanted = wanted;
    this.#maxTextBytes = limits.maxAttributeValueBytes;
    this.#maxDepth = limits.maxDepth;
    this.#maxSpans = maxSpansOf(limits);
    this.#noAttributes = wanted === null ? null : new ReadAttributes(wanted, wanted.newValues());
  }

  request(): void {
    const reader = this.#reader;
    const end = reader.buffer.length;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* resource_spans = 1 */) this.#resourceSpans(reader.fieldEnd(end));
      else reader.skip(tag, end, REQUEST);
    }
  }

  /** Protobuf fixes no order of fields, so the resource may follow its spans: it is looked for first. */
  #resourceSpans(end: number): void {
    const reader = this.#reader;
    const start = reader.position;
    let values: WantedValues | null = null;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* resource = 1 */) values = this.#resourceMessage(reader.fieldEnd(end), values);
      else reader.skip(tag, end, RESOURCE_SPANS);
    }
    this.#resource = this.#attributesOf(values);

    reader.position = start;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* scope_spans = 2 */) this.#scopeSpans(reader.fieldEnd(end));
      else reader.skip(tag, end, RESOURCE_SPANS);
    }
  }

  #resourceMessage(end: number, before: WantedValues | null): WantedValues | null {
    const reader = this.#reader;
    let values = before;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* attributes = 1 */) values = this.#attribute(reader.fieldEnd(end), values);
      else reader.skip(tag, end, RESOURCE);
    }
    return values;
  }

  /** The scope is looked for first, like the resource; the spans passed over cost two short reads each. */
  #scopeSpans(end: number): void {
    const reader = this.#reader;
    const start = reader.position;
    this.#scopeName = '';
    this.#scopeVersion = '';
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* spans = 2 */) reader.position = reader.fieldEnd(end);
      else if (tag === 0x0a /* scope = 1 */) this.#scope(reader.fieldEnd(end));
      else reader.skip(tag, end, SCOPE_SPANS);
    }

    reader.position = start;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* spans = 2 */) this.#span(reader.fieldEnd(end));
      else reader.skip(tag, end, SCOPE_SPANS);
    }
  }

  #scope(end: number): void {
    const reader = this.#reader;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* name = 1 */) this.#scopeName = this.#text(reader.fieldEnd(end));
      else if (tag === 0x12 /* version = 2 */) this.#scopeVersion = this.#text(reader.fieldEnd(end));
      else reader.skip(tag, end, SCOPE);
    }
  }

  #span(end: number): void {
    const reader = this.#reader;
    let traceIdAt = 0;
    let traceIdEnd = 0;
    let spanIdAt = 0;
    let spanIdEnd = 0;
    let parentAt = 0;
    let parentEnd = 0;
    let nameAt = 0;
    let nameEnd = 0;
    let kind = 0;
    let startMicros = TIME_MISSING;
    let endMicros = TIME_MISSING;
    let statusCode = 0;
    let values: WantedValues | null = null;

    while (reader.position < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 0x0a: // trace_id = 1
          traceIdEnd = reader.fieldEnd(end);
          traceIdAt = reader.position;
          reader.position = traceIdEnd;
          break;
        case 0x12: // span_id = 2
          spanIdEnd = reader.fieldEnd(end);
          spanIdAt = reader.position;
          reader.position = spanIdEnd;
          break;
        case 0x22: // parent_span_id = 4
          parentEnd = reader.fieldEnd(end);
          parentAt = reader.position;
          reader.position = parentEnd;
          break;
        case 0x2a: // name = 5
          nameEnd = reader.fieldEnd(end);
          nameAt = reader.position;
          reader.position = nameEnd;
          break;
        case 0x30: // kind = 6
          reader.varint64(end);
          kind = reader.low | 0;
          break;
        case 0x39: // start_time_unix_nano = 7
          reader.fixed64(end);
          startMicros = microsOfWords(reader.low, reader.high);
          break;
        case 0x41: // end_time_unix_nano = 8
          reader.fixed64(end);
          endMicros = microsOfWords(reader.low, reader.high);
          break;
        case 0x4a: // attributes = 9
          values = this.#attribute(reader.fieldEnd(end), values);
          break;
        case 0x7a: // status = 15
          statusCode = this.#status(reader.fieldEnd(end), statusCode);
          break;
        default:
          reader.skip(tag, end, SPAN);
      }
    }

    const reason = this.#reasonToReject(traceIdAt, traceIdEnd, spanIdAt, spanIdEnd, endMicros);
    if (this.accepted + this.rejected.length >= this.#maxSpans) throw tooManySpans(this.#maxSpans);
    if (reason !== null) {
      this.#reject(reason, traceIdAt, traceIdEnd, spanIdAt, spanIdEnd, nameAt, nameEnd);
      return;
    }
    this.accepted++;
    const attributes = this.#attributesOf(values);
    const resource = this.#resource;
    if (attributes === null || resource === null) return;
    this.spans.push({
      traceId: traceIds.read(reader.buffer, reader.view, traceIdAt, traceIdEnd),
      spanId: spanIds.read(reader.buffer, reader.view, spanIdAt, spanIdEnd),
      parentSpanId: this.#isId(parentAt, parentEnd, SPAN_ID_BYTES)
        ? spanIds.read(reader.buffer, reader.view, parentAt, parentEnd)
        : null,
      name: this.#textAt(nameAt, nameEnd),
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

  #status(end: number, before: number): number {
    const reader = this.#reader;
    let code = before;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x18 /* code = 3 */) {
        reader.varint64(end);
        code = reader.low | 0;
      } else {
        reader.skip(tag, end, STATUS);
      }
    }
    return code;
  }

  /**
   * One KeyValue into its place among `before`. Whether it is wanted is only known after the key, which may come
   * after the value; so the value is noted and read at the end. The last of several equal keys counts.
   */
  #attribute(end: number, before: WantedValues | null): WantedValues | null {
    const reader = this.#reader;
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

    const wanted = this.#wanted;
    const place = wanted === null ? -1 : wanted.placeOfBytes(reader.view, keyAt, keyEnd - keyAt);
    const kept = place >= 0;
    let value: Growing;
    if (valueParts <= 1) {
      reader.position = valueAt;
      value = this.#anyValue(valueEnd, undefined, kept, 0);
    } else {
      reader.position = start;
      value = this.#joinedValue(end, kept);
    }
    reader.position = end;
    if (wanted === null || !kept) return before;
    const values = before ?? wanted.newValues();
    values[place] = value;
    return values;
  }

  /** A value sent in several parts: protobuf merges the parts of a message, in their order. */
  #joinedValue(end: number, kept: boolean): Growing {
    const reader = this.#reader;
    let value: Growing;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x12 /* value = 2 */) value = this.#anyValue(reader.fieldEnd(end), value, kept, 0);
      else reader.skip(tag, end, KEY_VALUE);
    }
    return value;
  }

  /**
   * An AnyValue, starting from what earlier parts of it held; the last of several kinds counts. Bytes and maps are
   * absent, and so are arrays nested past the limit. When it is not kept, it is walked and what comes back means
   * nothing.
   */
  #anyValue(end: number, before: Growing, kept: boolean, depth: number): Growing {
    const reader = this.#reader;
    const start = reader.position;
    if (shortFieldEnd(reader.view, 0x0a, start, end) === end) {
      // A short text and nothing else: most values.
      reader.position = end;
      return kept ? this.#textAt(start + 2, end) : undefined;
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
    const reader = this.#reader;
    while (reader.position < end) {
      const tag = reader.tag(end);
      if (tag === 0x0a /* values = 1 */) {
        const element = this.#anyValue(reader.fieldEnd(end), undefined, kept, depth);
        if (kept && element !== undefined) elements.push(element);
      } else {
        reader.skip(tag, end, ARRAY_VALUE);
      }
    }
    return elements;
  }

  #attributesOf(values: WantedValues | null): ReadAttributes | null {
    if (this.#wanted === null || values === null) return this.#noAttributes;
    return new ReadAttributes(this.#wanted, values);
  }

  #reasonToReject(
    traceIdAt: number,
    traceIdEnd: number,
    spanIdAt: number,
    spanIdEnd: number,
    endMicros: number,
  ): RejectReason | null {
    if (!this.#isId(traceIdAt, traceIdEnd, TRACE_ID_BYTES)) return 'trace_id_invalid';
    if (!this.#isId(spanIdAt, spanIdEnd, SPAN_ID_BYTES)) return 'span_id_invalid';
    if (endMicros === TIME_MISSING) return 'end_time_missing';
    if (!isTimeInRange(endMicros)) return 'time_out_of_range';
    return null;
  }

  #reject(
    reason: RejectReason,
    traceIdAt: number,
    traceIdEnd: number,
    spanIdAt: number,
    spanIdEnd: number,
    nameAt: number,
    nameEnd: number,
  ): void {
    const { buffer } = this.#reader;
    const shownBytes = MAX_SHOWN_ID_CHARS / 2;
    this.rejected.push(
      rejectedSpan(
        buffer.toString('hex', traceIdAt, Math.min(traceIdEnd, traceIdAt + shownBytes)),
        buffer.toString('hex', spanIdAt, Math.min(spanIdEnd, spanIdAt + shownBytes)),
        this.#textAt(nameAt, nameEnd),
        reason,
        detailOf(reason, traceIdEnd - traceIdAt, spanIdEnd - spanIdAt),
      ),
    );
  }

  #isId(start: number, end: number, byteCount: number): boolean {
    if (end - start !== byteCount) return false;
    const { view } = this.#reader;
    for (let at = start; at < end; at += 4) {
      if (view.getInt32(at, true) !== 0) return true;
    }
    return false;
  }

  /** The text from the reader's position to `end`; none is made when nothing is wanted. */
  #text(end: number): string {
    const at = this.#reader.position;
    this.#reader.position = end;
    return this.#wanted === null ? '' : this.#textAt(at, end);
  }

  #textAt(at: number, end: number): string {
    const { buffer, view } = this.#reader;
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

function detailOf(reason: RejectReason, traceIdBytes: number, spanIdBytes: number): string {
  switch (reason) {
    case 'trace_id_invalid':
      return `trace_id has ${traceIdBytes} bytes; expected ${TRACE_ID_BYTES}, not all zero`;
    case 'span_id_invalid':
      return `span_id has ${spanIdBytes} bytes; expected ${SPAN_ID_BYTES}, not all zero`;
    case 'end_time_missing':
      return 'end_time_unix_nano is missing or zero; only ended spans are taken';
    case 'time_out_of_range':
      return 'end_time_unix_nano is past the year 2255; expected nanoseconds since 1970';
  }
}
