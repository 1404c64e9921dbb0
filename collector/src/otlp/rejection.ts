/** Why one span is not taken while the rest of its body is. */
export type RejectReason = 'trace_id_invalid' | 'span_id_invalid' | 'end_time_missing' | 'time_out_of_range';

export interface RejectedSpan {
  /** As received: hex for protobuf, the text for JSON; may be empty or of a wrong length, cut to 64 characters. */
  readonly traceId: string;
  readonly spanId: string;
  /** Cut to 200 characters. */
  readonly name: string;
  readonly reason: RejectReason;
  /** A sentence for the sender: what came and what was expected. */
  readonly detail: string;
}

/** Rejected spans are kept and shown, so what they carry is bounded; a real id has 32 characters. */
export const MAX_SHOWN_ID_CHARS = 64;
const MAX_SHOWN_NAME_CHARS = 200;

export function rejectedSpan(
  traceId: string,
  spanId: string,
  name: string,
  reason: RejectReason,
  detail: string,
): RejectedSpan {
  return {
    traceId: cut(traceId, MAX_SHOWN_ID_CHARS),
    spanId: cut(spanId, MAX_SHOWN_ID_CHARS),
    name: cut(name, MAX_SHOWN_NAME_CHARS),
    reason,
    detail,
  };
}

/** A cut may split a pair of surrogates; the lonely half would not survive being written as UTF-8. */
function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : text.slice(0, maxChars).toWellFormed();
}
