import { outputTokens, type UsageRecord } from '@spanledger/metering';
import type { UsageRow } from '../usage-row.ts';

/** The row that the ledger holds of a record, with the amounts given; decimals as `/api/query` writes them. */
export function aRow(record: UsageRecord, amounts: Partial<UsageRow> = {}): UsageRow {
  const { tokens, sources } = record;
  const source = (from: UsageRecord['sources']['customer']) =>
    from === null ? null : `${from.level}:${from.key}`;
  return {
    trace_id: record.traceId,
    span_id: record.spanId,
    parent_span_id: record.parentSpanId,
    event_time: new Date(record.eventTimeMicros / 1000).toISOString(),
    duration_ms: record.durationMicros / 1000,
    service: record.service,
    operation: record.operation,
    model: record.responseModel ?? record.requestModel,
    provider: record.provider,
    dialect: record.dialect,
    billing_role: record.billingRole,
    role_reason: record.roleReason,
    superseded_by: record.supersededBy?.replace('/', '') ?? null,
    usage_status: record.usageStatus,
    uncached_input_tokens: tokens === null ? null : String(tokens.uncachedInput),
    cache_read_tokens: tokens === null ? null : String(tokens.cacheRead),
    cache_write_tokens: tokens === null ? null : String(tokens.cacheWrite),
    output_tokens: tokens === null ? null : String(outputTokens(tokens)),
    reasoning_tokens: tokens === null ? null : String(tokens.reasoning),
    cost_usd: null,
    price_status: record.billingRole === 'billed' ? 'unpriced:unknown_model' : 'not_billed',
    credits: null,
    customer: record.customer,
    customer_source: source(sources.customer),
    feature: record.feature,
    feature_source: source(sources.feature),
    user_id: record.userId,
    usage_class: record.usageClass,
    status: record.status,
    ...amounts,
  };
}
