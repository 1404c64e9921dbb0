import type { KeptObservation } from '@spanledger/metering';

/** What is selected of `ledger.span s JOIN ledger.span_shape shape` for `keptOf`, in this order. */
export const KEPT_COLUMNS = `ledger.hex_of(s.trace_id), ledger.hex_of(s.span_id),
  CASE WHEN s.parent_span_id IS NOT NULL THEN ledger.hex_of(s.parent_span_id) END,
  epoch_us(s.event_time), s.duration_us, shape.content, s.detail`;

export const KEPT_COLUMN_COUNT = 7;

/** The observation of a row that begins with `KEPT_COLUMNS`; 64-bit integers may be numbers or texts. */
export function keptOf(row: readonly unknown[]): KeptObservation {
  const [traceId, spanId, parentSpanId, eventTime, duration, shape, detail] = row;
  const endTimeMicros = Number(eventTime);
  return {
    traceId: String(traceId),
    spanId: String(spanId),
    parentSpanId: parentSpanId === null ? null : String(parentSpanId),
    startTimeMicros: endTimeMicros - Number(duration),
    endTimeMicros,
    shape: String(shape),
    detail: String(detail),
  };
}
