import type { Span } from '@spanledger/metering';
import { isId, type JsonObject, JsonWalk, type SignalNames, SPAN_ID, TRACE_ID, walkJson } from './json.ts';
import type { ScanLimits } from './limits.ts';
import { type RejectedSpan, type RejectReason, rejectedSpan } from './rejection.ts';
import { isTimeInRange, startOrEnd, TIME_MISSING } from './times.ts';
import type { WantedAttributes } from './wanted.ts';

const NAMES: SignalNames = {
  signal: 'traces',
  inWords: 'spans',
  ofResource: 'resourceSpans',
  ofScope: 'scopeSpans',
  records: 'spans',
};

/** The enum names of trace.proto in the order of their numbers; the specification wants the numbers. */
const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'];

export interface JsonTraces {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly spans: Span[];
  readonly rejected: RejectedSpan[];
}

/**
 * Reads an ExportTraceServiceRequest in OTLP/JSON; see `JsonWalk`. The names of enums are understood too.
 *
 * @throws what `walkJson` throws.
 */
export function walkJsonTraces(
  body: Uint8Array,
  wanted: WantedAttributes | null,
  limits: ScanLimits,
): JsonTraces {
  return walkJson(body, (longIntegers) => new SpanWalk(NAMES, wanted, limits, longIntegers));
}

class SpanWalk extends JsonWalk implements JsonTraces {
  readonly spans: Span[] = [];
  readonly rejected: RejectedSpan[] = [];
  accepted = 0;

  protected record(message: JsonObject): void {
    const traceId = this.idText(message.traceId, 'traceId');
    const spanId = this.idText(message.spanId, 'spanId');
    const parentSpanId = this.idText(message.parentSpanId, 'parentSpanId').toLowerCase();
    const name = this.text(message.name, () => `${this.recordPath()}.name`);
    const kind = this.#enumNumber(message.kind, SPAN_KINDS, 'kind');
    const startMicros = this.micros(message.startTimeUnixNano, 'startTimeUnixNano');
    const endMicros = this.micros(message.endTimeUnixNano, 'endTimeUnixNano');
    const status = this.optionalObjectAt(message.status, () => `${this.recordPath()}.status`);
    const statusCode = this.#enumNumber(status?.code, STATUS_CODES, 'status.code');
    const attributes = this.attributes(message.attributes, this.recordPath);

    const lowerTraceId = traceId.toLowerCase();
    const lowerSpanId = spanId.toLowerCase();
    const reason = reasonToReject(lowerTraceId, lowerSpanId, endMicros);
    if (reason !== null) {
      this.rejected.push(rejectedSpan(traceId, spanId, name, reason, detailOf(reason, traceId, spanId)));
      return;
    }
    this.accepted++;
    const resource = this.resource;
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
      scopeName: this.scopeName,
      scopeVersion: this.scopeVersion,
    });
  }

  #enumNumber(value: unknown, names: readonly string[], field: string): number {
    if (value === undefined || value === null) return 0;
    if (typeof value === 'number' && Number.isInteger(value)) return value | 0;
    if (typeof value === 'string') {
      const number = names.indexOf(value);
      if (number >= 0) return number;
    }
    this.malformed(`${this.recordPath()}.${field}`, 'an integer', value);
  }
}

function reasonToReject(traceId: string, spanId: string, endMicros: number): RejectReason | null {
  if (!isId(traceId, TRACE_ID)) return 'trace_id_invalid';
  if (!isId(spanId, SPAN_ID)) return 'span_id_invalid';
  if (endMicros === TIME_MISSING) return 'end_time_missing';
  if (!isTimeInRange(endMicros)) return 'time_out_of_range';
  return null;
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
