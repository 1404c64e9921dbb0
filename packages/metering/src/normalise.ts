import { ERROR_TYPE, SPANLEDGER_USAGE_SOURCE } from '@spanledger/semconv';
import { ATTRIBUTION_KEYS, attribution } from './attribution.ts';
import type { Dialect, ObservedCall } from './dialects/dialect.ts';
import { openTelemetry } from './dialects/opentelemetry.ts';
import { label } from './label.ts';
import type { Span } from './span.ts';
import type { ResolvedTokens } from './tokens.ts';
import type { CallStatus, UsageRecord } from './usage.ts';

/** Tried in this order; the first that recognises a span reads it. Emitters that rename others' spans come first. */
const DIALECTS: readonly Dialect[] = [openTelemetry];

/** Every attribute key that metering reads, on spans and resources; codecs skip all others. */
export const ATTRIBUTES_READ: readonly string[] = [
  ...new Set([
    ...DIALECTS.flatMap((dialect) => dialect.attributes),
    ...ATTRIBUTION_KEYS,
    SPANLEDGER_USAGE_SOURCE,
    ERROR_TYPE,
  ]),
];

/** Turns a span into a usage record, or null when it is no gen-ai span. */
export function normalise(span: Span): UsageRecord | null {
  for (const dialect of DIALECTS) {
    const call = dialect.read(span);
    if (call !== null) return usageRecord(span, dialect, call);
  }
  return null;
}

function usageRecord(span: Span, dialect: Dialect, call: ObservedCall): UsageRecord {
  const who = attribution(span);
  const usage = asDeclared(call.usage, span);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    actionId: who.actionId,
    eventTimeMicros: span.endTimeMicros,
    // A clock that was set back during the call must not make a negative duration.
    durationMicros: Math.max(0, span.endTimeMicros - span.startTimeMicros),
    timeToFirstTokenMicros: call.timeToFirstTokenMicros,

    customer: who.customer,
    feature: who.feature,
    userId: who.userId,
    sessionId: who.sessionId,
    usageClass: who.usageClass,
    environment: who.environment,
    service: who.service,

    provider: call.provider,
    requestModel: call.requestModel,
    responseModel: call.responseModel,
    operation: call.operation,
    responseId: call.responseId,

    tokens: usage.tokens,
    usageStatus: usage.status,
    usageReason: usage.reason,
    billingRole: call.role,
    roleReason: call.roleReason,
    dialect: dialect.name,
    status: callStatus(span),
  };
}

type DeclaredUsage = Pick<UsageRecord, 'tokens'> & {
  readonly status: UsageRecord['usageStatus'];
  readonly reason: string | null;
};

/** The instrumentation knows better than the numbers whether it counted, guessed or got nothing. */
function asDeclared(usage: ResolvedTokens, span: Span): DeclaredUsage {
  const source = span.attributes.get(SPANLEDGER_USAGE_SOURCE);
  if (source === 'missing') return { status: 'missing', tokens: null, reason: 'declared missing' };
  if (source === 'estimated' && usage.status === 'reported') return { ...usage, status: 'estimated' };
  return usage;
}

function callStatus(span: Span): CallStatus {
  return span.statusCode === 2 || label(span.attributes.get(ERROR_TYPE)) !== null ? 'error' : 'ok';
}
