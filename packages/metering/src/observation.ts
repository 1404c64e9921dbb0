import type { PartKind } from './dialects/dialect.ts';
import type { Labels } from './labels.ts';
import type {
  CallStatus,
  ConsumedUnits,
  ModalityTokens,
  Operation,
  SemanticsLevel,
  SpanKey,
  TokenClasses,
  UsageStatus,
} from './usage.ts';

/**
 * What one span says, and all that is ever needed of it: small, plain data that survives being stored as JSON. Nothing
 * in it depends on other spans; `decide` puts the observations of a trace together.
 */
export interface Observation {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** The span's own name, for people; nothing is decided by it. */
  readonly name: string;
  readonly startTimeMicros: number;
  readonly endTimeMicros: number;
  /** OTLP SpanKind. */
  readonly spanKind: number;
  readonly status: CallStatus;
  readonly service: string | null;
  readonly environment: string | null;
  readonly scopeName: string;

  readonly kind: PartKind;
  /** Why it is that, in words for people. */
  readonly why: string;
  readonly operation: Operation;
  /** Only a container: its usage is a sum over the life of an agent, not of this span. */
  readonly isCumulative: boolean;
  /** Null for a plain span. */
  readonly dialect: string | null;
  readonly dialectEvidence: string;

  readonly called: Called;
  /** Null where the part has no usage to speak of (a plain span, a tool). */
  readonly usage: ObservedUsage | null;
  /** The request failed before the provider gave any answer, so it bills nothing. */
  readonly failedUnanswered: boolean;

  readonly responseId: string | null;
  readonly requestId: string | null;
  /** A fingerprint of question and answer, for spans whose emitters know no response id. */
  readonly answer: string | null;

  readonly labels: Labels;
  readonly resourceLabels: Labels;
}

export interface Called {
  /** Canonical; an unknown one as sent; null where neither a name nor the model tells. */
  readonly provider: string | null;
  readonly gateway: string | null;
  readonly requestModel: string | null;
  readonly responseModel: string | null;
  readonly timeToFirstTokenMicros: number | null;
  readonly reportedCostUsd: string | null;
  /** The service tier that the response names, and the one that was asked for, as sent. */
  readonly responseTier: string | null;
  readonly requestTier: string | null;
  readonly region: string | null;
  readonly inferenceGeo: string | null;
}

export interface ObservedUsage {
  readonly status: UsageStatus;
  readonly reason: string | null;
  readonly tokens: TokenClasses | null;
  /** The span has an input or an output count, if only one of them; or pieces that are a usage without tokens. */
  readonly hasCounts: boolean;
  readonly cacheSemantics: SemanticsLevel | null;
  readonly reasoningSemantics: SemanticsLevel | null;
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  readonly cacheWrite12h: number | null;
  readonly modalities: ModalityTokens | null;
  /** Only what is charged for (`dialects/units.ts`). */
  readonly units: ConsumedUnits | null;
  /** How many of the optional parts the span tells (0 to 5): of two accounts of one call, the richer counts. */
  readonly detail: number;
}

export function keyOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): SpanKey {
  return `${traceId}/${spanId}`;
}

/**
 * How much of itself a span says: 0 that it was there, 1 that it is a gen-ai span, 2 its counts too. Some tools send a
 * span when it starts and again when it has ended; of several copies, the more complete one counts.
 */
export function completeness({ kind, usage }: Observation): 0 | 1 | 2 {
  if (kind === 'plain') return 0;
  return usage?.hasCounts === true ? 2 : 1;
}

/** Whether a usage has counts that the provider gave. */
export function isExact(usage: ObservedUsage | null): boolean {
  return usage?.status === 'reported';
}

export function hasTokens(usage: ObservedUsage | null): boolean {
  return usage !== null && usage.tokens !== null;
}

const DEVELOPER_TOOL =
  /^(?:claude[-_]?code|codex(?:[-_].*)?|gemini[-_]cli|copilot[-_]chat|github[-_]copilot)$/;

/** Whether the span is of a tool that a developer sits at, and that starts other programs inside its trace. */
export function isDeveloperTool({ dialect, service }: Observation): boolean {
  return dialect === 'claude-code' || (service !== null && DEVELOPER_TOOL.test(service));
}
