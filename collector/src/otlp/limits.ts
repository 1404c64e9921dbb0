import { SpanledgerError } from '../errors.ts';

/** What reading one body may cost. */
export interface ScanLimits {
  /** Bytes of UTF-8 kept of one text (attribute value, span name, scope name); the rest is cut off. */
  readonly maxAttributeValueBytes: number;
  /**
   * Arrays inside arrays that are read, and groups inside groups that are skipped. A deeper array is absent like a
   * map; a deeper group makes the body malformed, since only reading it would show where it ends.
   */
  readonly maxDepth: number;
  /** Spans or log records of one body, good and rejected together; more is SL_OTLP_TOO_LARGE. Default 100,000. */
  readonly maxSpans?: number;
}

/**
 * A span takes two bytes at least, so the limit on bytes alone would let 64 MiB become gigabytes of objects. SDKs
 * send 512 spans in a batch and the OpenTelemetry Collector 8192; 100,000 stay below about 100 MB.
 */
const DEFAULT_MAX_SPANS = 100_000;

export const SCAN_LIMITS: Required<ScanLimits> = {
  // Metering reads names, ids and counts, and the usage that some emitters put in a JSON text: 64 KiB hold all.
  maxAttributeValueBytes: 64 * 1024,
  // Attributes in use nest one array deep. 16 leaves room and keeps the recursion far from the stack's end.
  maxDepth: 16,
  maxSpans: DEFAULT_MAX_SPANS,
};

export function maxSpansOf(limits: ScanLimits): number {
  return limits.maxSpans ?? DEFAULT_MAX_SPANS;
}

/** `records` is what they are called in the signal: spans, log records. */
export function tooManyRecords(maxRecords: number, records: string): SpanledgerError {
  return new SpanledgerError(
    'SL_OTLP_TOO_LARGE',
    `The body has more than ${maxRecords} ${records}. Send smaller batches.`,
  );
}
