import type { LogRecord } from '@spanledger/metering';
import type { ScanLimits } from './limits.ts';
import { type Growing, ProtobufWalk, type SignalShapes, SPAN_ID_BYTES, TRACE_ID_BYTES } from './protobuf.ts';
import { microsOfWords, TIME_MISSING, timeOrNull } from './times.ts';
import type { WantedAttributes } from './wanted.ts';
import { FIXED32, FIXED64, LENGTH_DELIMITED, messageShape, VARINT } from './wire.ts';

// The messages of opentelemetry-proto v1 for logs (logs.proto, logs_service.proto).
const SHAPES: SignalShapes = {
  signal: 'logs',
  records: 'log records',
  request: messageShape('ExportLogsServiceRequest', { 1: ['resource_logs', LENGTH_DELIMITED] }),
  ofResource: messageShape('ResourceLogs', {
    1: ['resource', LENGTH_DELIMITED],
    2: ['scope_logs', LENGTH_DELIMITED],
    3: ['schema_url', LENGTH_DELIMITED],
  }),
  ofScope: messageShape('ScopeLogs', {
    1: ['scope', LENGTH_DELIMITED],
    2: ['log_records', LENGTH_DELIMITED],
    3: ['schema_url', LENGTH_DELIMITED],
  }),
};
const LOG_RECORD = messageShape('LogRecord', {
  1: ['time_unix_nano', FIXED64],
  2: ['severity_number', VARINT],
  3: ['severity_text', LENGTH_DELIMITED],
  5: ['body', LENGTH_DELIMITED],
  6: ['attributes', LENGTH_DELIMITED],
  7: ['dropped_attributes_count', VARINT],
  8: ['flags', FIXED32],
  9: ['trace_id', LENGTH_DELIMITED],
  10: ['span_id', LENGTH_DELIMITED],
  11: ['observed_time_unix_nano', FIXED64],
  12: ['event_name', LENGTH_DELIMITED],
});

export interface ProtobufLogs {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly records: LogRecord[];
}

/**
 * Reads an ExportLogsServiceRequest, or only checks it where `wanted` is null; see `ProtobufWalk`.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_TOO_LARGE (more than `maxSpans`); nothing else.
 */
export function walkProtobufLogs(
  body: Uint8Array,
  wanted: WantedAttributes | null,
  limits: ScanLimits,
): ProtobufLogs {
  const walk = new LogRecordWalk(SHAPES, body, wanted, limits);
  walk.request();
  return walk;
}

class LogRecordWalk extends ProtobufWalk implements ProtobufLogs {
  readonly records: LogRecord[] = [];
  accepted = 0;

  protected record(end: number): void {
    const reader = this.reader;
    let traceIdAt = 0;
    let traceIdEnd = 0;
    let spanIdAt = 0;
    let spanIdEnd = 0;
    let nameAt = 0;
    let nameEnd = 0;
    let timeMicros = TIME_MISSING;
    let observedMicros = TIME_MISSING;
    let body: Growing;

    while (reader.position < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 0x09: // time_unix_nano = 1
          reader.fixed64(end);
          timeMicros = microsOfWords(reader.low, reader.high);
          break;
        case 0x2a: // body = 5
          body = this.anyValue(reader.fieldEnd(end), body, this.wanted !== null, 0);
          break;
        case 0x32: // attributes = 6
          this.attribute(reader.fieldEnd(end));
          break;
        case 0x4a: // trace_id = 9
          traceIdEnd = reader.fieldEnd(end);
          traceIdAt = reader.position;
          reader.position = traceIdEnd;
          break;
        case 0x52: // span_id = 10
          spanIdEnd = reader.fieldEnd(end);
          spanIdAt = reader.position;
          reader.position = spanIdEnd;
          break;
        case 0x59: // observed_time_unix_nano = 11
          reader.fixed64(end);
          observedMicros = microsOfWords(reader.low, reader.high);
          break;
        case 0x62: // event_name = 12
          nameEnd = reader.fieldEnd(end);
          nameAt = reader.position;
          reader.position = nameEnd;
          break;
        default:
          reader.skip(tag, end, LOG_RECORD);
      }
    }

    this.accepted++;
    const attributes = this.gathered();
    const resource = this.resource;
    if (attributes === null || resource === null) return;
    this.records.push({
      traceId: this.isId(traceIdAt, traceIdEnd, TRACE_ID_BYTES)
        ? this.traceIdAt(traceIdAt, traceIdEnd)
        : null,
      spanId: this.isId(spanIdAt, spanIdEnd, SPAN_ID_BYTES) ? this.spanIdAt(spanIdAt, spanIdEnd) : null,
      eventName: nameEnd > nameAt ? this.textAt(nameAt, nameEnd) : null,
      body: typeof body === 'string' ? body : null,
      timeMicros: timeOrNull(timeMicros),
      observedTimeMicros: timeOrNull(observedMicros),
      attributes,
      resource,
      scopeName: this.scopeName,
      scopeVersion: this.scopeVersion,
    });
  }
}
