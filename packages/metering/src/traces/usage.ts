import type { UsageRecord as SpanRecord } from '../usage.ts';

export {
  type BillingRole,
  type CallStatus,
  inputTokens,
  type Operation,
  outputTokens,
  TOKEN_CLASSES,
  type TokenClass,
  type TokenClasses,
  type UsageClass,
  type UsageStatus,
} from '../usage.ts';

/** A usage record that was decided among all spans of its call: what a span alone can say, and what only they can. */
export interface UsageRecord extends SpanRecord {
  /** The other record that this one repeats, or that has the usage below it; null when there is none. */
  readonly supersededBy: SpanKey | null;
  /** What on the span gave the dialect away. */
  readonly dialectEvidence: string;

  /** How it was decided whether input contains the cached parts; null when none were reported. */
  readonly cacheSemantics: SemanticsLevel | null;
  readonly reasoningSemantics: SemanticsLevel | null;
  /** Parts of the cache writes by how long they are kept, where the emitter tells them apart. */
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  /** Parts of input and output by kind of content. For information: the classes already contain them. */
  readonly modalities: ModalityTokens | null;
  /** The provider's own id of the HTTP request. */
  readonly requestId: string | null;
  /** What stood between the app and the provider (a router, a framework), where a span named it as the provider. */
  readonly gateway: string | null;
  /** What the emitter or gateway says the call cost in USD, as sent; never used for rating. */
  readonly reportedCostUsd: string | null;
  /** Where each label came from; null where there is none. */
  readonly sources: AttributionSources;
}

/** The identity of a span across all traces: trace id, a slash, span id. */
export type SpanKey = `${string}/${string}`;

/**
 * How the overlap of two counts was decided, best first: the span says so; the numbers allow nothing else; this
 * emitter in this version is known to; nothing is known and the conventions are taken as followed.
 */
export type SemanticsLevel = 'declared' | 'proved' | 'table' | 'assumed';

export interface ModalityTokens {
  readonly audioInput: number | null;
  readonly audioOutput: number | null;
  readonly imageInput: number | null;
  readonly imageOutput: number | null;
}

/** Where a label stood, nearest first. `duplicate` is another span of the same call. */
export type AttributionLevel =
  | 'span'
  | 'duplicate'
  | 'ancestor'
  | 'root'
  | 'trace'
  | 'resource'
  | 'environment'
  | 'rule'
  | 'default';

export interface AttributionSource {
  readonly level: AttributionLevel;
  /** The attribute, with the name inside it after a slash where it held several. */
  readonly key: string;
}

export interface AttributionSources {
  readonly customer: AttributionSource | null;
  readonly feature: AttributionSource | null;
  readonly userId: AttributionSource | null;
  readonly sessionId: AttributionSource | null;
  readonly usageClass: AttributionSource | null;
}
