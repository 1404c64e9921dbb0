/**
 * The usage record: what one gen-ai span stands for among all spans of its call. What was consumed, who caused it and
 * which model answered; whether it bills, and why. A decision can be taken again when more spans are known: then the
 * new record takes the place of the old one, and the difference is booked.
 */
export interface UsageRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** One use of a feature: `spanledger.action.id`, else the trace id. */
  readonly actionId: string;
  /** The app took the smaller form of the feature (`spanledger.action.degraded`), which counts for the whole action (C13). */
  readonly isDegraded: boolean;
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
  /** The batch of the past that it was imported with; null for what came as it happened. */
  readonly importBatch: string | null;
  /** It was imported for its cost alone and burns no credits (convention C16). */
  readonly isCostOnly: boolean;
  /** Where each label came from; null where there is none. */
  readonly sources: AttributionSources;

  /** Canonical provider name (`gen_ai.provider.name` values); an unknown one as sent; null where neither a name nor the model tells. */
  readonly provider: string | null;
  /** What stood between the app and the provider (a router, a framework), where a span named it as the provider. */
  readonly gateway: string | null;
  readonly requestModel: string | null;
  readonly responseModel: string | null;
  /** Which service tier the provider served the call in, as it says; else the one that was asked for, as sent. */
  readonly serviceTier: string | null;
  /** Where the provider served the call, as far as the span says (`eu`, `us-east5`, `global`): never where the app ran. */
  readonly region: string | null;
  /** Anthropic's word for where the model ran (`us`), which has a price of its own. */
  readonly inferenceGeo: string | null;
  readonly operation: Operation;
  readonly responseId: string | null;
  /** The provider's own id of the HTTP request. */
  readonly requestId: string | null;
  /** What the emitter or gateway says the call cost in USD, as sent; never used for rating. */
  readonly reportedCostUsd: string | null;

  /** Disjoint token classes; null when the span carries no usable counts (`usageStatus` missing). */
  readonly tokens: TokenClasses | null;
  readonly usageStatus: UsageStatus;
  /** What was unusual about the counts (a proof, a contradiction, a missing half), for people; null when nothing was. */
  readonly usageReason: string | null;
  /** How it was decided whether input contains the cached parts; null when none were reported. */
  readonly cacheSemantics: SemanticsLevel | null;
  readonly reasoningSemantics: SemanticsLevel | null;
  /** Parts of the cache writes by how long they are kept, where the emitter tells them apart. */
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  readonly cacheWrite12h: number | null;
  /** Parts of input and output by kind of content; the classes already contain them. */
  readonly modalities: ModalityTokens | null;
  /** What was counted beside tokens; null when nothing was. */
  readonly units: ConsumedUnits | null;

  readonly billingRole: BillingRole;
  /** Why the role was given, in a few words for people. */
  readonly roleReason: string;
  /** The other record that this one repeats, or that has the usage below it; null when there is none. */
  readonly supersededBy: SpanKey | null;
  readonly dialect: string;
  /** What on the span gave the dialect away. */
  readonly dialectEvidence: string;
  readonly status: CallStatus;
  /**
   * How the attempt ended that the call was made in: the status of the outermost gen-ai span of its action around it, its
   * own where there is none (convention C8).
   */
  readonly outcome: CallStatus;
}

/** The identity of a span across all traces: trace id, a slash, span id. */
export type SpanKey = `${string}/${string}`;

/** Each token is in exactly one class. Counts are safe integers ≥ 0. */
export interface TokenClasses {
  readonly uncachedInput: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Output without reasoning. */
  readonly visibleOutput: number;
  readonly reasoning: number;
}

export type TokenClass = keyof TokenClasses;

/** All classes, in the order in which people read them. */
export const TOKEN_CLASSES: readonly TokenClass[] = [
  'uncachedInput',
  'cacheRead',
  'cacheWrite',
  'visibleOutput',
  'reasoning',
];

/** The whole prompt, cached parts included: the number that long-context tiers look at (convention C3). */
export function inputTokens(tokens: TokenClasses): number {
  return tokens.uncachedInput + tokens.cacheRead + tokens.cacheWrite;
}

/** Everything generated, reasoning included. */
export function outputTokens(tokens: TokenClasses): number {
  return tokens.visibleOutput + tokens.reasoning;
}

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
  /** Part of the cache reads. */
  readonly cacheReadAudio: number | null;
}

/** What is charged for by the piece, beside tokens or instead of them. Safe integers ≥ 0; null where not told. */
export interface ConsumedUnits {
  readonly requests: number | null;
  readonly webSearches: number | null;
  readonly images: number | null;
  /** Of audio or video, taken in or made. */
  readonly milliseconds: number | null;
  readonly pages: number | null;
  /** What the app counts in a unit of its own. */
  readonly custom: CustomUnits | null;
}

/** So many of a unit that only the app knows (`document`, `email`), which its own prices and credit rules name. */
export interface CustomUnits {
  /** As it is written, in lower case (`isCustomUnit`). */
  readonly unit: string;
  /** Thousandths of one, so that parts of one are exact. Safe integer ≥ 0. */
  readonly thousandths: number;
}

/** What was asked of the model, in one word per meaning however the emitter spelt it. */
export type Operation =
  | 'chat'
  | 'completion'
  | 'embeddings'
  | 'rerank'
  | 'image'
  | 'speech'
  | 'transcription'
  | 'realtime'
  | 'token_count'
  | 'agent'
  | 'workflow'
  | 'step'
  | 'tool'
  | 'retrieval'
  | 'other';

/**
 * `reported`: counts of the provider. `estimated`: the emitter says it guessed. `missing`: a needed count is absent or
 * no number, never taken as 0. `invalid`: the counts contradict what the span declares about them.
 */
export type UsageStatus = 'reported' | 'estimated' | 'missing' | 'invalid';
/**
 * `billed`: the leaf that is priced. `container`: repeats its children. `duplicate`: a second view of a billed call.
 * `ignored`: gen-ai work that bills no tokens. `pending`: may be a leaf; only its trace can tell.
 */
export type BillingRole = 'billed' | 'container' | 'duplicate' | 'ignored' | 'pending';
export type CallStatus = 'ok' | 'error';

/** Conventions C18: only `customer` and `trial` touch credits; all classes have cost. */
export type UsageClass = 'customer' | 'trial' | 'internal' | 'test' | 'demo' | 'admin';

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

/** The model that is priced and shown: what answered, else what was asked for. */
export function billedModel(usage: Pick<UsageRecord, 'requestModel' | 'responseModel'>): string | null {
  return usage.responseModel ?? usage.requestModel;
}
