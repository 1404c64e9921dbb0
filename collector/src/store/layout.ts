import type { Metered } from '@spanledger/metering';
import type { Posting, Quarantined, Rejection } from '../ledger/store.ts';
import {
  Decimal64Column,
  Decimal128Column,
  HexColumn,
  IntegerColumn,
  type TableLayout,
  TextColumn,
  WordColumn,
} from './columns.ts';
import type { Words } from './words.ts';

/** Columns of the fact, in the order of the table. */
export const FACT_COLUMNS = [
  'tenant',
  'trace_id',
  'span_id',
  'parent_span_id',
  'action_id',
  'event_time',
  'duration_us',
  'ttft_us',
  'customer',
  'feature',
  'user_id',
  'session_id',
  'usage_class',
  'environment',
  'service',
  'provider',
  'request_model',
  'response_model',
  'response_id',
  'operation',
  'uncached_input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'visible_output_tokens',
  'reasoning_tokens',
  'usage_status',
  'usage_reason',
  'billing_role',
  'role_reason',
  'dialect',
  'status',
] as const;

/** What our reading adds to the fact. A newer version may put it otherwise, so it does not make two copies differ. */
const READING: readonly string[] = ['usage_reason', 'billing_role', 'role_reason', 'dialect'];

/** Two copies of a span are equal when these are. */
export const COMPARED_COLUMNS = FACT_COLUMNS.filter((column) => !READING.includes(column));

function factColumns(words: Words) {
  return {
    tenant: new WordColumn(words),
    traceId: new HexColumn(16),
    spanId: new HexColumn(8),
    parentSpanId: new HexColumn(8),
    actionId: new TextColumn(),
    eventTime: new IntegerColumn(),
    duration: new IntegerColumn(),
    ttft: new IntegerColumn(),
    customer: new TextColumn(),
    feature: new TextColumn(),
    userId: new TextColumn(),
    sessionId: new TextColumn(),
    usageClass: new WordColumn(words),
    environment: new TextColumn(),
    service: new TextColumn(),
    provider: new TextColumn(),
    requestModel: new TextColumn(),
    responseModel: new TextColumn(),
    responseId: new TextColumn(),
    operation: new WordColumn(words),
    uncachedInput: new IntegerColumn(),
    cacheRead: new IntegerColumn(),
    cacheWrite: new IntegerColumn(),
    visibleOutput: new IntegerColumn(),
    reasoning: new IntegerColumn(),
    usageStatus: new WordColumn(words),
    usageReason: new TextColumn(),
    billingRole: new WordColumn(words),
    roleReason: new TextColumn(),
    dialect: new WordColumn(words),
    status: new WordColumn(words),
  };
}

function setFact(c: ReturnType<typeof factColumns>, row: number, posting: Posting): void {
  const usage = posting.metered.usage;
  const tokens = usage.tokens;
  c.tenant.set(row, posting.tenant);
  c.traceId.set(row, usage.traceId);
  c.spanId.set(row, usage.spanId);
  c.parentSpanId.set(row, usage.parentSpanId);
  c.actionId.set(row, usage.actionId === usage.traceId ? null : usage.actionId);
  c.eventTime.set(row, usage.eventTimeMicros);
  c.duration.set(row, usage.durationMicros);
  c.ttft.set(row, usage.timeToFirstTokenMicros);
  c.customer.set(row, usage.customer);
  c.feature.set(row, usage.feature);
  c.userId.set(row, usage.userId);
  c.sessionId.set(row, usage.sessionId);
  c.usageClass.set(row, usage.usageClass);
  c.environment.set(row, usage.environment);
  c.service.set(row, usage.service);
  c.provider.set(row, usage.provider);
  c.requestModel.set(row, usage.requestModel);
  c.responseModel.set(row, usage.responseModel);
  c.responseId.set(row, usage.responseId);
  c.operation.set(row, usage.operation);
  c.uncachedInput.set(row, tokens === null ? null : tokens.uncachedInput);
  c.cacheRead.set(row, tokens === null ? null : tokens.cacheRead);
  c.cacheWrite.set(row, tokens === null ? null : tokens.cacheWrite);
  c.visibleOutput.set(row, tokens === null ? null : tokens.visibleOutput);
  c.reasoning.set(row, tokens === null ? null : tokens.reasoning);
  c.usageStatus.set(row, usage.usageStatus);
  c.usageReason.set(row, usage.usageReason);
  c.billingRole.set(row, usage.billingRole);
  c.roleReason.set(row, usage.roleReason);
  c.dialect.set(row, usage.dialect);
  c.status.set(row, usage.status);
}

/** `ledger.usage_record`: the fact and its rating. */
export function usageLayout(words: Words): TableLayout<Posting> {
  const fact = factColumns(words);
  const receivedAt = new IntegerColumn();
  const cost = new Decimal128Column();
  const priceStatus = new WordColumn(words);
  const priceCard = new WordColumn(words);
  const priceMatch = new WordColumn(words);
  const bookVersion = new WordColumn(words);
  const credits = new Decimal64Column();
  const creditStatus = new WordColumn(words);
  const rulesVersion = new WordColumn(words);
  return {
    schema: 'ledger',
    table: 'usage_record',
    columns: [
      ...Object.values(fact),
      receivedAt,
      cost,
      priceStatus,
      priceCard,
      priceMatch,
      bookVersion,
      credits,
      creditStatus,
      rulesVersion,
    ],
    set(row, posting) {
      const { rating, charge } = posting.metered;
      setFact(fact, row, posting);
      receivedAt.set(row, posting.receivedAtMillis * 1000);
      cost.set(row, rating.kind === 'priced' ? rating.cost : null);
      priceStatus.set(row, rating.status);
      priceCard.set(row, rating.kind === 'priced' ? rating.card.id : null);
      priceMatch.set(row, rating.kind === 'priced' ? rating.matchKind : null);
      bookVersion.set(row, posting.bookVersion);
      credits.set(row, chargedCredits(posting.metered));
      creditStatus.set(row, charge.kind === 'charged' ? 'charged' : `${charge.kind}:${charge.reason}`);
      rulesVersion.set(row, posting.rulesVersion);
    },
  };
}

/** Null while a charge waits for a price: not known is not zero. */
function chargedCredits({ charge }: Metered): bigint | null {
  switch (charge.kind) {
    case 'charged':
      return charge.credits;
    case 'not_charged':
      return 0n;
    case 'pending':
      return null;
  }
}

/** A posting whose identity may be known already, with its place among the suspects of a batch. */
export interface Suspect {
  readonly ordinal: number;
  readonly posting: Posting;
}

/** The fact columns alone, in a temporary table, to be compared with what the ledger holds. */
export function suspectLayout(words: Words): TableLayout<Suspect> {
  const ordinal = new IntegerColumn();
  const fact = factColumns(words);
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'suspect',
    columns: [ordinal, ...Object.values(fact)],
    set(row, suspect) {
      ordinal.set(row, suspect.ordinal);
      setFact(fact, row, suspect.posting);
    },
  };
}

export function transferLayout(words: Words): TableLayout<Posting> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const spanId = new HexColumn(8);
  const customer = new TextColumn();
  const from = new WordColumn(words);
  const to = new WordColumn(words);
  const kind = new WordColumn(words);
  const amount = new Decimal64Column();
  const effectiveAt = new IntegerColumn();
  const recordedAt = new IntegerColumn();
  const rulesVersion = new WordColumn(words);
  return {
    schema: 'ledger',
    table: 'credit_transfer',
    columns: [
      tenant,
      traceId,
      spanId,
      customer,
      from,
      to,
      kind,
      amount,
      effectiveAt,
      recordedAt,
      rulesVersion,
    ],
    set(row, posting) {
      const { usage, transfer } = posting.metered;
      tenant.set(row, posting.tenant);
      traceId.set(row, usage.traceId);
      spanId.set(row, usage.spanId);
      customer.set(row, transfer?.customer ?? null);
      from.set(row, transfer?.from ?? null);
      to.set(row, transfer?.to ?? null);
      kind.set(row, transfer?.kind ?? null);
      amount.set(row, transfer?.amount ?? null);
      effectiveAt.set(row, transfer?.effectiveAtMicros ?? null);
      // The receive time, not the wall clock: a replay of the journal must give the same rows.
      recordedAt.set(row, posting.receivedAtMillis * 1000);
      rulesVersion.set(row, posting.rulesVersion);
    },
  };
}

export function rejectionLayout(): TableLayout<Rejection> {
  const tenant = new TextColumn();
  const receivedAt = new IntegerColumn();
  const traceId = new TextColumn();
  const spanId = new TextColumn();
  const name = new TextColumn();
  const reason = new TextColumn();
  const detail = new TextColumn();
  return {
    schema: 'ledger',
    table: 'rejected_span',
    columns: [tenant, receivedAt, traceId, spanId, name, reason, detail],
    set(row, rejection) {
      tenant.set(row, rejection.tenant);
      receivedAt.set(row, rejection.receivedAtMillis * 1000);
      traceId.set(row, rejection.span.traceId);
      spanId.set(row, rejection.span.spanId);
      name.set(row, rejection.span.name);
      reason.set(row, rejection.span.reason);
      detail.set(row, rejection.span.detail);
    },
  };
}

export function quarantineLayout(): TableLayout<Quarantined> {
  const tenant = new TextColumn();
  const receivedAt = new IntegerColumn();
  const traceId = new TextColumn();
  const spanId = new TextColumn();
  const reason = new TextColumn();
  const content = new TextColumn();
  return {
    schema: 'ledger',
    table: 'quarantined_span',
    columns: [tenant, receivedAt, traceId, spanId, reason, content],
    set(row, span) {
      tenant.set(row, span.tenant);
      receivedAt.set(row, span.receivedAtMillis * 1000);
      traceId.set(row, span.traceId);
      spanId.set(row, span.spanId);
      reason.set(row, span.reason);
      content.set(row, span.content);
    },
  };
}
