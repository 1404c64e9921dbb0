import type { Attribution } from './attribution.ts';
import type { Called, Observation, ObservedUsage } from './observation.ts';
import type { Role } from './roles.ts';
import type { Node } from './trace.ts';
import type { UsageRecord } from './usage.ts';

/** The row of one span: its identity and time, the role it has, the best account of the call, and who pays. */
export function usageRecord(node: Node, role: Role, attribution: Attribution): UsageRecord {
  const { observation } = node;
  const accounts = accountsFor(node, role);
  // Of the numbers, the best account counts whole: mixing two accounts would count some tokens twice.
  const usage = usageFrom(role, observation);
  const called = calledFrom(accounts);
  return {
    traceId: observation.traceId,
    spanId: observation.spanId,
    parentSpanId: observation.parentSpanId,
    actionId: attribution.actionId,
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
    sources: attribution.sources,

    provider: called.provider,
    gateway: called.gateway,
    requestModel: called.requestModel,
    responseModel: called.responseModel,
    operation: observation.operation,
    responseId: firstOf(accounts, ({ responseId }) => responseId),
    requestId: firstOf(accounts, ({ requestId }) => requestId),
    reportedCostUsd: called.reportedCostUsd,

    tokens: usage?.tokens ?? null,
    usageStatus: usage?.status ?? 'missing',
    usageReason: usage === null ? 'has no usage of its own' : usage.reason,
    cacheSemantics: usage?.cacheSemantics ?? null,
    reasoningSemantics: usage?.reasoningSemantics ?? null,
    cacheWrite5m: usage?.cacheWrite5m ?? null,
    cacheWrite1h: usage?.cacheWrite1h ?? null,
    modalities: usage?.modalities ?? null,

    billingRole: role.role,
    roleReason: role.reason,
    supersededBy: role.supersededBy?.key ?? null,
    dialect: observation.dialect ?? 'none',
    dialectEvidence: observation.dialectEvidence,
    status: observation.status,
  };
}

/** The one that bills knows what any span of its call knows, its own first; every other row shows what its own span said. */
function accountsFor(node: Node, { role, call }: Role): readonly Observation[] {
  if (role !== 'billed' || call === null) return [node.observation];
  const rest = call.accounts.filter((account) => account !== node);
  return [node, ...rest].map(({ observation }) => observation);
}

function usageFrom({ role, call }: Role, own: Observation): ObservedUsage | null {
  const [best] = role === 'billed' ? (call?.accounts ?? []) : [];
  return best === undefined ? own.usage : best.observation.usage;
}

/** What the call's own span says, completed by what only the others know. */
function calledFrom(accounts: readonly Observation[]): Called {
  const first = <Key extends keyof Called>(key: Key) => firstOf(accounts, ({ called }) => called[key]);
  return {
    provider: first('provider'),
    gateway: first('gateway'),
    requestModel: first('requestModel'),
    responseModel: first('responseModel'),
    timeToFirstTokenMicros: first('timeToFirstTokenMicros'),
    reportedCostUsd: first('reportedCostUsd'),
  };
}

function firstOf<Value>(
  accounts: readonly Observation[],
  read: (observation: Observation) => Value | null,
): Value | null {
  for (const account of accounts) {
    const value = read(account);
    if (value !== null) return value;
  }
  return null;
}
