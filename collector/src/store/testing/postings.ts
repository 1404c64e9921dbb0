import { difference, digest, keep, type Metered, observe, type UsageRecord } from '@spanledger/metering';
import type { KeptSpan, Posting } from '../../ledger/store.ts';
import { GPT_4O } from '../../ledger/testing/rate-card.ts';

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
    importBatch: null,
    isCostOnly: false,
    environment: 'production',
    service: 'app',
    provider: 'openai',
    requestModel: 'gpt-4o',
    responseModel: 'gpt-4o-2024-11-20',
    responseId: 'chatcmpl-1',
    serviceTier: null,
    region: null,
    inferenceGeo: null,
    operation: 'chat',
    tokens: { uncachedInput: 700, cacheRead: 400, cacheWrite: 0, visibleOutput: 40, reasoning: 30 },
    usageStatus: 'reported',
    usageReason: null,
    billingRole: 'billed',
    roleReason: 'operation chat',
    dialect: 'opentelemetry',
    status: 'ok',
    outcome: changes.status ?? 'ok',
    supersededBy: null,
    dialectEvidence: 'gen_ai.operation.name',
    cacheSemantics: 'assumed',
    reasoningSemantics: 'assumed',
    cacheWrite5m: null,
    cacheWrite1h: null,
    cacheWrite12h: null,
    modalities: null,
    units: null,
    requestId: null,
    gateway: null,
    reportedCostUsd: null,
    sources: {
      customer: { level: 'span', key: 'spanledger.customer.id' },
      feature: { level: 'span', key: 'spanledger.feature.name' },
      userId: { level: 'span', key: 'user.id' },
      sessionId: null,
      usageClass: null,
    },
    ...changes,
  };
}

/** A posting as metering makes it: 2.275 thousandths of a dollar, 5 credits. */
export function aPosting(changes: Partial<UsageRecord> = {}): Posting {
  const usage = aUsage(changes);
  const credits = 5_000_000n;
  return withTransfers({
    tenant: 'default',
    receivedAtMillis: NOON_MICROS / 1000 + 200,
    recordedAtMillis: NOON_MICROS / 1000 + 200,
    bookVersion: 'book-1',
    rulesVersion: 'rules-1',
    digest: digest(usage),
    replaces: null,
    metered: {
      usage,
      rating: {
        kind: 'priced',
        status: 'priced',
        cost: 2_275_000_000_000n,
        card: { ...GPT_4O, id: 'openai/gpt-4o@2024-10-02' },
        matchKind: 'dated_snapshot',
        lines: [],
        note: null,
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
  });
}

/** The posting that takes the place of another: only the difference is booked. */
export function aCorrectionOf(before: Posting, now: Posting): Posting {
  const { transfer, usage } = before.metered;
  return {
    ...now,
    tenant: before.tenant,
    transfers: difference(transfer, now.metered.transfer, now.metered.usage.eventTimeMicros),
    replaces: { revision: (before.replaces?.revision ?? 0) + 1, eventTimeMicros: usage.eventTimeMicros },
  };
}

/** What is booked by a first posting: all of it. */
function withTransfers(posting: Omit<Posting, 'transfers'>): Posting {
  const { transfer } = posting.metered;
  return { ...posting, transfers: transfer === null ? [] : [transfer] };
}

/** The span of a chat, as it is kept. */
export function aKeptSpan(
  changes: Partial<Pick<KeptSpan, 'tenant' | 'receivedAtMillis' | 'links'>> & {
    readonly traceId?: string;
    readonly spanId?: string;
    readonly endTimeMicros?: number;
  } = {},
): KeptSpan {
  const { traceId = 'a'.repeat(32), spanId = 'a'.repeat(16), endTimeMicros = NOON_MICROS, ...rest } = changes;
  const attributes = new Map<string, string | number>([
    ['gen_ai.operation.name', 'chat'],
    ['gen_ai.usage.input_tokens', 1100],
    ['gen_ai.usage.output_tokens', 70],
  ]);
  const observation = observe({
    traceId,
    spanId,
    parentSpanId: null,
    name: 'chat gpt-4o',
    kind: 3,
    startTimeMicros: endTimeMicros - 1_250_000,
    endTimeMicros,
    statusCode: 0,
    attributes,
    resource: new Map(),
    scopeName: 'test',
    scopeVersion: '1',
  });
  if (observation === null) throw new Error('a chat is observed');
  return {
    tenant: 'default',
    receivedAtMillis: NOON_MICROS / 1000 + 200,
    kept: keep(observation),
    links: [],
    ...rest,
  };
}

/** A posting whose price nobody knows; under a cost-plus rule its charge waits. */
export function anUnpricedPosting(changes: Partial<UsageRecord> = {}): Posting {
  return meteredAs(aPosting(changes), {
    rating: {
      kind: 'unpriced',
      status: 'unpriced:unknown_model',
      reason: 'unknown_model',
      note: null,
      lines: [],
    },
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
  return withTransfers({ ...posting, metered: { ...posting.metered, ...changes } });
}
