import type { Span } from '../span.ts';
import type { ResolvedTokens } from '../tokens.ts';
import type { BillingRole, Operation } from '../usage.ts';

/**
 * How one family of emitters writes model calls down. A dialect knows names and what they mean there; everything that
 * is the same for all (attribution, time, the shape of the record) is left to `normalise`.
 */
export interface Dialect {
  /** Stored with every record. */
  readonly name: string;
  /** Every span attribute that `read` may look at. */
  readonly attributes: readonly string[];
  /** The call the span describes in this dialect, or null when it is not in it. */
  read(span: Span): ObservedCall | null;
}

/** What a dialect found out about a span. */
export interface ObservedCall {
  readonly operation: Operation;
  readonly role: BillingRole;
  readonly roleReason: string;
  readonly provider: string | null;
  readonly requestModel: string | null;
  readonly responseModel: string | null;
  readonly responseId: string | null;
  readonly timeToFirstTokenMicros: number | null;
  readonly usage: ResolvedTokens;
}
