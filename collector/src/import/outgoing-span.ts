import { createHash } from 'node:crypto';

/** A span as it will be sent, with the resource it goes under. */
export interface OutgoingSpan {
  readonly resource: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  /** OTLP SpanKind. */
  readonly kind: number;
  readonly startMicros: number;
  readonly endMicros: number;
  readonly hasFailed: boolean;
  /** Null and absent ones are not sent. Whole numbers are sent as such, all else as text. */
  readonly attributes: Readonly<Record<string, string | number | null>>;
}

export const CLIENT_SPAN = 3;
export const SERVER_SPAN = 2;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/**
 * Ids made of where a row comes from and what it is called there, and of nothing else: the same row, in whatever file
 * and however often it is sent, is the same span, and the ledger counts a span once.
 */
export function traceIdOf(source: string, id: string): string {
  return digestOf('trace', source, id, TRACE_ID_BYTES);
}

export function spanIdOf(source: string, id: string): string {
  return digestOf('span', source, id, SPAN_ID_BYTES);
}

function digestOf(kind: string, source: string, id: string, byteCount: number): string {
  // Lengths keep the parts apart, whatever characters they are made of.
  const text = `spanledger import ${kind} ${source.length}:${source}${id.length}:${id}`;
  return createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, byteCount * 2);
}
