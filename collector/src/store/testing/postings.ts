import { digest, keep, type Movement, observe, type UsageRecord } from '@spanledger/metering';
import type { Booking, KeptSpan, Posting } from '../../ledger/store.ts';
import type { StoredRating } from '../../ledger/stored-rating.ts';

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
    isDegraded: false,
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

/** A posting as the ledger makes it: 2.275 thousandths of a dollar, 5 credits. */
export function aPosting(changes: Partial<UsageRecord> = {}, rated: Partial<StoredRating> = {}): Posting {
  const usage = aUsage(changes);
  const rating: StoredRating = {
    cost: 2_275_000_000_000n,
    priceStatus: 'priced',
    priceCard: 'openai/gpt-4o@2024-10-02',
    priceMatch: 'dated_snapshot',
    bookVersion: 'book-1',
    priceNote: null,
    costKnownPart: null,
    credits: 5_000_000n,
    creditStatus: 'charged',
    rulesVersion: 'rules-1',
    creditRule: 'default',
    planTerms: null,
    ...rated,
  };
  return {
    tenant: 'default',
    receivedAtMillis: NOON_MICROS / 1000 + 200,
    recordedAtMillis: NOON_MICROS / 1000 + 200,
    digest: digest(usage),
    replaces: null,
    usage,
    rating,
    bookings: bookingsOf(usage, rating.credits ?? 0n),
  };
}

/** What a customer without a plan is booked: more, or less, overdraft. */
function bookingsOf({ customer, eventTimeMicros }: UsageRecord, amount: bigint): readonly Booking[] {
  if (customer === null || amount === 0n) return [];
  const date = new Date(eventTimeMicros / 1000);
  const [from, to]: Movement['from'][] = amount > 0n ? ['overdraft', 'used'] : ['used', 'overdraft'];
  const movement: Movement = {
    from: from ?? 'used',
    fromLot: null,
    to: to ?? 'used',
    toLot: null,
    amount: amount > 0n ? amount : -amount,
    kind: 'usage',
    isCorrection: amount < 0n,
    effectiveMicros: eventTimeMicros,
    stepMicros: Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) * 1000,
    hold: null,
    period: null,
    belongsToPeriod: null,
  };
  return [{ customer, movement }];
}

/** The posting that takes the place of another: only the difference is booked. */
export function aCorrectionOf(before: Posting, now: Posting): Posting {
  const had = before.rating.credits ?? 0n;
  const has = now.rating.credits ?? 0n;
  const isSameCustomer = before.usage.customer === now.usage.customer;
  return {
    ...now,
    tenant: before.tenant,
    bookings: isSameCustomer
      ? bookingsOf(now.usage, has - had)
      : [...bookingsOf(before.usage, -had), ...bookingsOf(now.usage, has)],
    replaces: {
      revision: (before.replaces?.revision ?? 0) + 1,
      eventTimeMicros: before.usage.eventTimeMicros,
    },
  };
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

const UNPRICED = { cost: null, priceCard: null, priceMatch: null } as const;

/** A posting whose price nobody knows; under a cost-plus rule its charge waits. */
export function anUnpricedPosting(changes: Partial<UsageRecord> = {}): Posting {
  return aPosting(changes, {
    ...UNPRICED,
    priceStatus: 'unpriced:unknown_model',
    credits: null,
    creditStatus: 'pending:unpriced',
  });
}

/** A posting of a failed call: it has its cost, and burns nothing. */
export function aFailedPosting(changes: Partial<UsageRecord> = {}): Posting {
  return aPosting(
    { status: 'error', ...changes },
    { credits: 0n, creditStatus: 'not_charged:failed', creditRule: null },
  );
}

/** A posting of a span that only repeats others: no cost of its own, and it burns nothing. */
export function aContainerPosting(changes: Partial<UsageRecord> = {}): Posting {
  return aPosting(
    { billingRole: 'container', operation: 'agent', ...changes },
    {
      ...UNPRICED,
      priceStatus: 'not_billed',
      credits: 0n,
      creditStatus: 'not_charged:not_billed',
      creditRule: null,
    },
  );
}

/** A posting of a call that cost and burned this much: 10⁻¹⁵ USD and 10⁻⁶ credits. */
export function aPostingOf(cost: bigint, credits: bigint, changes: Partial<UsageRecord> = {}): Posting {
  return aPosting(changes, { cost, credits });
}

/** Span ids that differ: 16 hex digits of a number above 0. */
export function spanId(number: number): string {
  return number.toString(16).padStart(16, '0');
}
