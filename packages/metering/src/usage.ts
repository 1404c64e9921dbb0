/**
 * The usage record: what one model call consumed, who caused it and which model answered. An immutable fact.
 */
export interface UsageRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** One use of a feature: `spanledger.action.id`, else the trace id. */
  readonly actionId: string;
  /** End of the call, microseconds since the Unix epoch (convention C9). */
  readonly eventTimeMicros: number;
  readonly durationMicros: number;
  /** Time to the first chunk of a stream, microseconds. */
  readonly timeToFirstTokenMicros: number | null;

  readonly customer: string | null;
  readonly feature: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly usageClass: UsageClass;
  readonly environment: string | null;
  readonly service: string | null;

  /** Canonical provider name (`gen_ai.provider.name` values), or null when the span names none. */
  readonly provider: string | null;
  readonly requestModel: string | null;
  readonly responseModel: string | null;
  /** Canonical operation: `chat`, `embeddings`, …; see dialects. */
  readonly operation: string;
  readonly responseId: string | null;

  /** Disjoint token classes; null when the span carries no usable counts (`usageStatus` missing). */
  readonly tokens: TokenClasses | null;
  readonly usageStatus: UsageStatus;
  readonly billingRole: BillingRole;
  /** Why the role was given, in a few words for people. */
  readonly roleReason: string;
  readonly dialect: string;
  readonly status: CallStatus;
}

/** Each token is in exactly one class. Counts are safe integers ≥ 0. */
export interface TokenClasses {
  readonly uncachedInput: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Output without reasoning. */
  readonly visibleOutput: number;
  readonly reasoning: number;
}

export type UsageStatus = 'reported' | 'estimated' | 'missing' | 'invalid';
export type BillingRole = 'billed' | 'container' | 'duplicate' | 'ignored' | 'pending';
export type CallStatus = 'ok' | 'error';

/** Conventions C18: only `customer` and `trial` touch credits; all classes have cost. */
export type UsageClass = 'customer' | 'trial' | 'internal' | 'test' | 'demo' | 'admin';

/** The model that is priced and shown: what answered, else what was asked for. */
export function billedModel(usage: UsageRecord): string | null {
  return usage.responseModel ?? usage.requestModel;
}
