import type { Metered, UsageRecord } from '@spanledger/metering';
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

/** A posting whose price nobody knows; under a cost-plus rule its charge waits. */
export function anUnpricedPosting(changes: Partial<UsageRecord> = {}): Posting {
  return meteredAs(aPosting(changes), {
    rating: { kind: 'unpriced', status: 'unpriced:unknown_model', reason: 'unknown_model' },
    charge: { kind: 'pending', reason: 'unpriced' },
    transfer: null,
  });
}

/** A posting of a failed call: it has its cost, and burns nothing. */
export function aFailedPosting(changes: Partial<UsageRecord> = {}): Posting {
  return meteredAs(aPosting({ status: 'error', ...changes }), {
    charge: { kind: 'not_charged', reason: 'failed' },
    transfer: null,
  });
}

/** A posting of a span that only repeats others: no cost of its own, and it burns nothing. */
export function aContainerPosting(changes: Partial<UsageRecord> = {}): Posting {
  return meteredAs(aPosting({ billingRole: 'container', operation: 'agent', ...changes }), {
    rating: { kind: 'not_billed', status: 'not_billed' },
    charge: { kind: 'not_charged', reason: 'not_billed' },
    transfer: null,
  });
}

/** A posting of a call that cost and burned this much: 10⁻¹⁵ USD and 10⁻⁶ credits. */
export function aPostingOf(cost: bigint, credits: bigint, changes: Partial<UsageRecord> = {}): Posting {
  const posting = aPosting(changes);
  const { rating, charge, transfer } = posting.metered;
  return meteredAs(posting, {
    rating: rating.kind === 'priced' ? { ...rating, cost } : rating,
    charge: charge.kind === 'charged' ? { ...charge, credits } : charge,
    transfer: transfer === null || credits === 0n ? null : { ...transfer, amount: credits },
  });
}

/** Span ids that differ: 16 hex digits of a number above 0. */
export function spanId(number: number): string {
  return number.toString(16).padStart(16, '0');
}

function meteredAs(posting: Posting, changes: Partial<Metered>): Posting {
  return { ...posting, metered: { ...posting.metered, ...changes } };
}
