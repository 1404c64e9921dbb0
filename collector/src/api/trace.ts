import {
  CREDIT_SCALE,
  formatDecimal,
  keyOf,
  type Observation,
  parseDecimal,
  USD_SCALE,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { inTreeOrder, type Placed } from './tree.ts';
import type { UsageRow } from './usage-row.ts';

/**
 * What the ledger holds of a trace, span by span: the shape of the tree and the spans that are no gen-ai work come
 * from the observations, and everything about roles, tokens, money and customers from the rows of the ledger, so that
 * what is shown is what was posted.
 */
const TextOrNull = Type.Union([Type.String(), Type.Null()]);
const TokensOrNull = Type.Union([Type.Integer(), Type.Null()]);

const ReportedSpanSchema = Type.Object({
  trace_id: Type.String(),
  span_id: Type.String(),
  parent_span_id: TextOrNull,
  depth: Type.Integer({ description: 'Steps below the topmost span that is there; 0 for that itself.' }),
  name: TextOrNull,
  service: TextOrNull,
  kind_of_span: Type.Union([Type.String(), Type.Null()], {
    description:
      'What the span is on its own: call, container, partial, candidate, tool, zero_rated, other, pending_twin, plain.',
  }),
  operation: TextOrNull,
  model: TextOrNull,
  provider: TextOrNull,
  dialect: TextOrNull,
  billing_role: Type.Union([Type.String(), Type.Null()], {
    description: 'Null for a span that is not in the ledger.',
  }),
  role_reason: TextOrNull,
  superseded_by: Type.Union([Type.String(), Type.Null()], {
    description: 'The usage_id of the span that bills in its place: its trace id and span id.',
  }),
  usage_status: TextOrNull,
  uncached_input_tokens: TokensOrNull,
  cache_read_tokens: TokensOrNull,
  cache_write_tokens: TokensOrNull,
  output_tokens: Type.Union([Type.Integer(), Type.Null()], { description: 'Reasoning included.' }),
  reasoning_tokens: TokensOrNull,
  cost_usd: Type.Union([Type.String(), Type.Null()], {
    description: 'A decimal as text; null when not priced.',
  }),
  price_status: TextOrNull,
  credits: TextOrNull,
  customer: TextOrNull,
  customer_source: TextOrNull,
  feature: TextOrNull,
  feature_source: TextOrNull,
  user_id: TextOrNull,
  usage_class: TextOrNull,
  status: TextOrNull,
  started_at: Type.String(),
  ended_at: Type.String(),
  duration_ms: Type.Number(),
});
export type ReportedSpan = Static<typeof ReportedSpanSchema>;

export const TraceReportSchema = Type.Object({
  trace_id: Type.String(),
  linked_traces: Type.Array(Type.String(), { description: 'Traces whose spans tell of the same calls.' }),
  totals: Type.Object(
    {
      billed_calls: Type.Integer(),
      input_tokens: TokensOrNull,
      output_tokens: TokensOrNull,
      cost_usd: TextOrNull,
      credits: TextOrNull,
      unpriced_calls: Type.Integer(),
      calls_without_usage: Type.Integer(),
    },
    {
      description:
        'Of the billed calls among all spans listed, linked traces included. A sum is null when not one of its parts is known.',
    },
  ),
  spans: Type.Array(ReportedSpanSchema, { description: 'Parents before children, siblings by their start.' }),
});
export type TraceReport = Static<typeof TraceReportSchema>;

/**
 * The report of one trace and of the traces linked to it; null when none of what is given belongs to the trace.
 *
 * Either may lack a span: a plain one has no row, and of a row the observation may not be kept any more.
 */
export function traceReport(
  observations: readonly Observation[],
  rows: readonly UsageRow[],
  traceId: string,
): TraceReport | null {
  const known = knownSpans(observations, rows);
  if (!known.some((span) => span.traceId === traceId)) return null;
  const placed = inTreeOrder(known, traceId);
  const spans = placed.map(reportedSpan);
  return {
    trace_id: traceId,
    linked_traces: [...new Set(spans.map(({ trace_id }) => trace_id))].filter((id) => id !== traceId),
    totals: totalsOf(spans),
    spans,
  };
}

/** A span as far as it is known: at least one of the two is there. */
interface KnownSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly startMicros: number;
  readonly endMicros: number;
  readonly observation: Observation | null;
  readonly row: UsageRow | null;
}

function knownSpans(observations: readonly Observation[], rows: readonly UsageRow[]): readonly KnownSpan[] {
  const rowByKey = new Map(rows.map((row) => [keyOf({ traceId: row.trace_id, spanId: row.span_id }), row]));
  const spans = new Map<string, KnownSpan>();
  for (const row of rows) {
    const endMicros = microsOf(row.event_time);
    spans.set(keyOf({ traceId: row.trace_id, spanId: row.span_id }), {
      traceId: row.trace_id,
      spanId: row.span_id,
      parentSpanId: textOf(row.parent_span_id),
      startMicros: endMicros - Math.round(Number(row.duration_ms ?? 0) * 1000),
      endMicros,
      observation: null,
      row,
    });
  }
  for (const observation of observations) {
    const key = keyOf(observation);
    const before = spans.get(key)?.observation ?? null;
    // A span that came twice is shown as metering takes it: as it was last.
    if (before !== null && before.endTimeMicros >= observation.endTimeMicros) continue;
    spans.set(key, {
      traceId: observation.traceId,
      spanId: observation.spanId,
      parentSpanId: observation.parentSpanId,
      startMicros: observation.startTimeMicros,
      endMicros: observation.endTimeMicros,
      observation,
      row: rowByKey.get(key) ?? null,
    });
  }
  return [...spans.values()];
}

function reportedSpan({ span, depth }: Placed<KnownSpan>): ReportedSpan {
  const { traceId, spanId, parentSpanId, startMicros, endMicros, observation, row } = span;
  return {
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: parentSpanId,
    depth,
    name: observation?.name ?? null,
    service: observation?.service ?? textOf(row?.service),
    kind_of_span: observation?.kind ?? null,
    operation: textOf(row?.operation),
    model: textOf(row?.model),
    provider: textOf(row?.provider),
    dialect: textOf(row?.dialect),
    billing_role: textOf(row?.billing_role),
    role_reason: textOf(row?.role_reason),
    superseded_by: textOf(row?.superseded_by),
    usage_status: textOf(row?.usage_status),
    uncached_input_tokens: countOf(row?.uncached_input_tokens),
    cache_read_tokens: countOf(row?.cache_read_tokens),
    cache_write_tokens: countOf(row?.cache_write_tokens),
    output_tokens: countOf(row?.output_tokens),
    reasoning_tokens: countOf(row?.reasoning_tokens),
    cost_usd: textOf(row?.cost_usd),
    price_status: textOf(row?.price_status),
    credits: textOf(row?.credits),
    customer: textOf(row?.customer),
    customer_source: textOf(row?.customer_source),
    feature: textOf(row?.feature),
    feature_source: textOf(row?.feature_source),
    user_id: textOf(row?.user_id),
    usage_class: textOf(row?.usage_class),
    status: observation?.status ?? textOf(row?.status),
    started_at: instantOf(startMicros),
    ended_at: instantOf(endMicros),
    duration_ms: Math.max(0, endMicros - startMicros) / 1000,
  };
}

function totalsOf(spans: readonly ReportedSpan[]): TraceReport['totals'] {
  const billed = spans.filter(({ billing_role }) => billing_role === 'billed');
  return {
    billed_calls: billed.length,
    input_tokens: sumOfCounts(billed.map(inputTokensOf)),
    output_tokens: sumOfCounts(billed.map(({ output_tokens }) => output_tokens)),
    cost_usd: sumOfDecimals(
      billed.map(({ cost_usd }) => cost_usd),
      USD_SCALE,
    ),
    credits: sumOfDecimals(
      billed.map(({ credits }) => credits),
      CREDIT_SCALE,
    ),
    unpriced_calls: billed.filter(({ cost_usd }) => cost_usd === null).length,
    calls_without_usage: billed.filter(({ output_tokens }) => output_tokens === null).length,
  };
}

/** The whole prompt, cached parts included; null when it is not known. */
export function inputTokensOf(span: ReportedSpan): number | null {
  return sumOfCounts([span.uncached_input_tokens, span.cache_read_tokens, span.cache_write_tokens]);
}

function sumOfCounts(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

/** Exact; with all decimal places, as `/api/query` writes the same column. */
function sumOfDecimals(texts: readonly (string | null)[], scale: number): string | null {
  const known = texts.filter((text) => text !== null);
  if (known.length === 0) return null;
  const sum = known.reduce((total, text) => {
    const parsed = parseDecimal(text, scale);
    if (parsed.kind === 'rejected') throw new Error(`the ledger holds no decimal: ${parsed.reason}`);
    return total + parsed.value;
  }, 0n);
  return formatDecimal(sum, scale, scale);
}

function textOf(cell: string | number | null | undefined): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

function countOf(cell: string | number | null | undefined): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

/** ISO 8601 in UTC with microseconds, as spans have them. */
function instantOf(micros: number): string {
  const millis = Math.floor(micros / 1000);
  const rest = String(micros - millis * 1000).padStart(3, '0');
  return new Date(millis).toISOString().replace('Z', `${rest}Z`);
}

/** The reverse, for up to six decimal places. */
function microsOf(instant: string): number {
  const [, seconds = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z$/.exec(instant) ?? [];
  const micros = Date.parse(`${seconds}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  if (!Number.isSafeInteger(micros)) throw new Error(`the ledger holds no instant: ${instant}`);
  return micros;
}
