import type { Called, Observation, ObservedUsage } from '../observation.ts';
import type { CallStatus, UsageRecord } from '../usage.ts';
import type { Attribution } from './attribution.ts';
import type { Node } from './forest.ts';
import type { Role } from './roles.ts';

/**
 * The row of one span: its identity and time, the role it has, the best account of the call, and who pays. `others`
 * are the other spans of the call that it bills: what its own span does not know, they may.
 */
export function usageRecord(
  node: Node,
  others: readonly Node[],
  role: Role,
  attribution: Attribution,
  outcome: CallStatus,
): UsageRecord {
  const { observation } = node;
  // Of the numbers, the best account counts whole: mixing two accounts would count some tokens twice.
  const usage = usageFrom(role, observation);
  const called = others.length === 0 ? observation.called : calledFrom(observation, others);
  return {
    traceId: observation.traceId,
    spanId: observation.spanId,
    parentSpanId: observation.parentSpanId,
    actionId: attribution.actionId,
    isDegraded: attribution.isDegraded,
    eventTimeMicros: observation.endTimeMicros,
    // A clock that was set back during the call must not make a negative duration.
    durationMicros: Math.max(0, observation.endTimeMicros - observation.startTimeMicros),
    timeToFirstTokenMicros: called.timeToFirstTokenMicros,

    customer: attribution.customer,
    feature: attribution.feature,
    userId: attribution.userId,
    sessionId: attribution.sessionId,
    usageClass: attribution.usageClass,
    environment: observation.environment,
    service: observation.service,
    importBatch: attribution.importBatch,
    isCostOnly: attribution.isCostOnly,
    sources: attribution.sources,

    provider: called.provider,
    gateway: called.gateway,
    requestModel: called.requestModel,
    responseModel: called.responseModel,
    serviceTier: called.responseTier ?? called.requestTier,
    region: called.region,
    inferenceGeo: called.inferenceGeo,
    operation: observation.operation,
    responseId: observation.responseId ?? firstOf(others, (other) => other.responseId),
    requestId: observation.requestId ?? firstOf(others, (other) => other.requestId),
    reportedCostUsd: called.reportedCostUsd,

    tokens: usage?.tokens ?? null,
    usageStatus: usage?.status ?? 'missing',
    usageReason: usage === null ? 'has no usage of its own' : usage.reason,
    cacheSemantics: usage?.cacheSemantics ?? null,
    reasoningSemantics: usage?.reasoningSemantics ?? null,
    cacheWrite5m: usage?.cacheWrite5m ?? null,
    cacheWrite1h: usage?.cacheWrite1h ?? null,
    cacheWrite12h: usage?.cacheWrite12h ?? null,
    modalities: usage?.modalities ?? null,
    // Pieces are counted beside the tokens of any account, so that another may tell them.
    units: usage?.units ?? firstOf(others, (other) => other.usage?.units ?? null),

    billingRole: role.role,
    roleReason: role.reason,
    supersededBy: role.supersededBy?.key ?? null,
    dialect: observation.dialect ?? 'none',
    dialectEvidence: observation.dialectEvidence,
    status: observation.status,
    outcome,
  };
}

function usageFrom({ role, call }: Role, own: Observation): ObservedUsage | null {
  const [best] = role === 'billed' ? (call?.accounts ?? []) : [];
  return best === undefined ? own.usage : best.observation.usage;
}

/** What the call's own span says, completed by what only the others know. */
function calledFrom({ called }: Observation, others: readonly Node[]): Called {
  const first = <Key extends keyof Called>(key: Key) => firstOf(others, (other) => other.called[key]);
  return {
    provider: called.provider ?? first('provider'),
    gateway: called.gateway ?? first('gateway'),
    requestModel: called.requestModel ?? first('requestModel'),
    responseModel: called.responseModel ?? first('responseModel'),
    timeToFirstTokenMicros: called.timeToFirstTokenMicros ?? first('timeToFirstTokenMicros'),
    reportedCostUsd: called.reportedCostUsd ?? first('reportedCostUsd'),
    responseTier: called.responseTier ?? first('responseTier'),
    requestTier: called.requestTier ?? first('requestTier'),
    region: called.region ?? first('region'),
    inferenceGeo: called.inferenceGeo ?? first('inferenceGeo'),
  };
}

function firstOf<Value>(
  others: readonly Node[],
  read: (observation: Observation) => Value | null,
): Value | null {
  for (const { observation } of others) {
    const value = read(observation);
    if (value !== null) return value;
  }
  return null;
}
