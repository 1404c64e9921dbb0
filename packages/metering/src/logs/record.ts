import type { Attributes } from '../span.ts';

/**
 * One OTLP log record, reduced to what metering reads (opentelemetry-proto, logs.proto). Unlike a span it needs no ids
 * and no time.
 */
export interface LogRecord {
  /** 32 lowercase hex digits, never all zero; null where the record was made outside any trace. */
  readonly traceId: string | null;
  /** 16 lowercase hex digits of the span in which it happened, never all zero. */
  readonly spanId: string | null;
  /** The field `event_name`. Many emitters name their events in the attribute `event.name` or in the body instead. */
  readonly eventName: string | null;
  /** Only a body that is a text. */
  readonly body: string | null;
  /** When it happened, as its source says: microseconds since the Unix epoch, a safe integer; null where it does not. */
  readonly timeMicros: number | null;
  /** When the first collecting part saw it. A log library that sets no time sets at least this one. */
  readonly observedTimeMicros: number | null;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
}
