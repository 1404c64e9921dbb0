import type { UsageRecord } from '@spanledger/metering';
import type { Posting } from '../../ledger/store.ts';

/** 2026-11-22T12:00:00Z. */
const NOON_MICROS = Date.UTC(2026, 10, 22, 12) * 1000;

export function aUsage(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    traceId: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    spanId: 'aaaaaaaaaaaaaaaa',
    parentSpanId: null,
    actionId: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    eventTimeMicros: NOON_MICROS,
    durationMicros: 1_250_000,
    timeToFirstTokenMicros: null,
    customer: 'cus_acme',
    feature: 'support-chat',
    userId: 'u_1001',
    sessionId: null,
    usageClass: 'customer',
    environment: 'production',
    service: 'app',
    provider: 'openai',
    requestModel: 'gpt-4o',
    responseModel: 'gpt-4o-2024-11-20',
    responseId: 'chatcmpl-1',
    operation: 'chat',
    tokens: { uncachedInput: 700, cacheRead: 400, cacheWrite: 0, visibleOutput: 40, reasoning: 30 },
    usageStatus: 'reported',
    usageReason: null,
    billingRole: 'billed',
    roleReason: 'operation chat',
    dialect: 'opentelemetry',
    status: 'ok',
    ...changes,
  };
}

/** A posting as metering makes it: 2.275 thousandths of a dollar, 5 credits. */
export function aPosting(changes: Partial<UsageRecord> = {}): Posting {
  const usage = aUsage(changes);
  const credits = 5_000_000n;
  return {
    tenant: 'default',
    receivedAtMillis: NOON_MICROS / 1000 + 200,
    bookVersion: 'book-1',
    rulesVersion: 'rules-1',
    metered: {
      usage,
      rating: {
        kind: 'priced',
        status: 'priced',
        cost: 2_275_000_000_000n,
        card: {
          id: 'openai/gpt-4o@2024-10-02',
          provider: 'openai',
          model: 'gpt-4o',
          rates: {
            uncachedInput: null,
            cacheRead: null,
            cacheWrite: null,
            visibleOutput: null,
            reasoning: null,
          },
          tiers: [],
        },
        matchKind: 'dated_snapshot',
        fallbacks: [],
      },
      charge: { kind: 'charged', credits, ruleVersion: 'rules-1' },
      transfer:
        usage.customer === null
          ? null
          : {
              kind: 'usage',
              customer: usage.customer,
              from: 'overdraft',
              to: 'used',
              amount: credits,
              effectiveAtMicros: usage.eventTimeMicros,
            },
    },
  };
}
