import type { Span } from '@spanledger/metering';
import type { ScanLimits } from './limits.ts';
import { ProtobufWalk, type SignalShapes, SPAN_ID_BYTES, TRACE_ID_BYTES } from './protobuf.ts';
import { MAX_SHOWN_ID_CHARS, type RejectedSpan, type RejectReason, rejectedSpan } from './rejection.ts';
import { isTimeInRange, microsOfWords, startOrEnd, TIME_MISSING } from './times.ts';
import type { WantedAttributes } from './wanted.ts';
import { FIXED32, FIXED64, LENGTH_DELIMITED, messageShape, VARINT } from './wire.ts';

// The messages of opentelemetry-proto v1 for traces (trace.proto, trace_service.proto).
const SHAPES: SignalShapes = {
  signal: 'traces',
  records: 'spans',
  request: messageShape('ExportTraceServiceRequest', { 1: ['resource_spans', LENGTH_DELIMITED] }),
  ofResource: messageShape('ResourceSpans', {
    1: ['resource', LENGTH_DELIMITED],
    2: ['scope_spans', LENGTH_DELIMITED],
    3: ['schema_url', LENGTH_DELIMITED],
  }),
  ofScope: messageShape('ScopeSpans', {
    1: ['scope', LENGTH_DELIMITED],
    2: ['spans', LENGTH_DELIMITED],
    3: ['schema_url', LENGTH_DELIMITED],
  }),
};
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

export interface ProtobufTraces {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly spans: Span[];
  readonly rejected: RejectedSpan[];
}

/**
 * Reads an ExportTraceServiceRequest, or only checks it where `wanted` is null; see `ProtobufWalk`.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export function walkProtobufTraces(
  body: Uint8Array,
  wanted: WantedAttributes | null,
  limits: ScanLimits,
): ProtobufTraces {
  const walk = new SpanWalk(SHAPES, body, wanted, limits);
  walk.request();
  return walk;
}

class SpanWalk extends ProtobufWalk implements ProtobufTraces {
  readonly spans: Span[] = [];
  readonly rejected: RejectedSpan[] = [];
  accepted = 0;

  protected record(end: number): void {
    const reader = this.reader;
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
          this.attribute(reader.fieldEnd(end));
          break;
        case 0x7a: // status = 15
          statusCode = this.#status(reader.fieldEnd(end), statusCode);
          break;
        default:
          reader.skip(tag, end, SPAN);
      }
    }

    const attributes = this.gathered();
    const reason = this.#reasonToReject(traceIdAt, traceIdEnd, spanIdAt, spanIdEnd, endMicros);
    if (reason !== null) {
      this.#reject(reason, traceIdAt, traceIdEnd, spanIdAt, spanIdEnd, nameAt, nameEnd);
      return;
    }
    this.accepted++;
    const resource = this.resource;
    if (attributes === null || resource === null) return;
    this.spans.push({
      traceId: this.traceIdAt(traceIdAt, traceIdEnd),
      spanId: this.spanIdAt(spanIdAt, spanIdEnd),
      parentSpanId: this.isId(parentAt, parentEnd, SPAN_ID_BYTES) ? this.spanIdAt(parentAt, parentEnd) : null,
      name: this.textAt(nameAt, nameEnd),
      kind,
      startTimeMicros: startOrEnd(startMicros, endMicros),
      endTimeMicros: endMicros,
      statusCode,
      attributes,
      resource,
      scopeName: this.scopeName,
      scopeVersion: this.scopeVersion,
    });
  }

  #status(end: number, before: number): number {
    const reader = this.reader;
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

  #reasonToReject(
    traceIdAt: number,
    traceIdEnd: number,
    spanIdAt: number,
    spanIdEnd: number,
    endMicros: number,
  ): RejectReason | null {
    if (!this.isId(traceIdAt, traceIdEnd, TRACE_ID_BYTES)) return 'trace_id_invalid';
    if (!this.isId(spanIdAt, spanIdEnd, SPAN_ID_BYTES)) return 'span_id_invalid';
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
    const { buffer } = this.reader;
    const shownBytes = MAX_SHOWN_ID_CHARS / 2;
    this.rejected.push(
      rejectedSpan(
        buffer.toString('hex', traceIdAt, Math.min(traceIdEnd, traceIdAt + shownBytes)),
        buffer.toString('hex', spanIdAt, Math.min(spanIdEnd, spanIdAt + shownBytes)),
        this.textAt(nameAt, nameEnd),
        reason,
        detailOf(reason, traceIdEnd - traceIdAt, spanIdEnd - spanIdAt),
      ),
    );
  }
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
