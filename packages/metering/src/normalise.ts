import type { Span } from './span.ts';
import type { UsageRecord } from './usage.ts';

/** Turns a span into a usage record, or null when it is no model call. */
export declare function normalise(span: Span): UsageRecord | null;
/** Every attribute key that metering reads, on spans and resources; codecs skip all others. */
export declare const ATTRIBUTES_READ: readonly string[];
