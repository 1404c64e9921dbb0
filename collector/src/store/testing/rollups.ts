import type { DuckDBInstance, Json } from '@duckdb/node-api';
import { fold } from '../rollup.ts';
import { ROLLUPS } from '../rollups.ts';
import { read } from './stores.ts';

/** What each rollup must say, recomputed without it. */
const RECOMPUTED: Readonly<Record<string, string>> = {
  usage_hourly: `
    SELECT customer, date_trunc('hour', event_time) AS hour, feature, provider, model, usage_class, environment, service,
      count(*) AS calls,
      count(*) FILTER (status = 'error') AS failed_calls,
      count(*) FILTER (usage_status = 'missing') AS calls_without_usage,
      count(*) FILTER (cost_usd IS NULL) AS unpriced_calls,
      coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER (cost_usd IS NULL), 0) AS unpriced_tokens,
      sum(input_tokens) AS input_tokens,
      sum(cache_read_tokens) AS cache_read_tokens,
      sum(cache_write_tokens) AS cache_write_tokens,
      sum(output_tokens) AS output_tokens,
      sum(reasoning_tokens) AS reasoning_tokens,
      sum(cost_usd) AS cost_usd,
      sum(credits) AS credits,
      tenant,
      sum(uncached_input_tokens) AS uncached_input_tokens,
      count(*) FILTER (status = 'ok' AND outcome = 'ok') AS successful_calls,
      count(*) FILTER (status = 'error' AND outcome = 'ok') AS retried_calls,
      coalesce(sum(cost_usd) FILTER (status = 'error'), 0) AS failed_cost_usd,
      count(*) FILTER (usage_status = 'estimated') AS estimated_calls,
      count(*) FILTER (credits IS NULL) AS uncharged_calls,
      count(*) FILTER (is_degraded) AS degraded_calls,
      sum(duration_ms::DECIMAL(38, 3))::DECIMAL(38, 3) AS duration_ms,
      count(ttft_ms) AS streamed_calls,
      coalesce(sum(ttft_ms::DECIMAL(38, 3)), 0)::DECIMAL(38, 3) AS ttft_ms
    FROM usage WHERE billing_role = 'billed' GROUP BY ALL`,
  usage_quality_hourly: `
    SELECT date_trunc('hour', event_time) AS hour, service, environment, dialect, provider, model, billing_role,
      usage_status, price_status,
      count(*) AS spans,
      count(*) FILTER (customer IS NULL) AS spans_without_customer,
      count(*) FILTER (feature IS NULL) AS spans_without_feature,
      count(*) FILTER (received_at - event_time > INTERVAL 1 HOUR) AS late_spans,
      coalesce(sum(input_tokens), 0) AS input_tokens,
      coalesce(sum(output_tokens), 0) AS output_tokens,
      sum(cost_usd) AS cost_usd,
      count(*) FILTER (reported_cost_usd IS NOT NULL AND cost_usd IS NOT NULL) AS reported_spans,
      coalesce(sum(reported_cost_usd) FILTER (cost_usd IS NOT NULL), 0) AS reported_cost_usd,
      coalesce(sum(cost_usd) FILTER (reported_cost_usd IS NOT NULL), 0) AS cost_of_reported_usd,
      tenant
    FROM usage GROUP BY ALL`,
  credit_hourly: `
    SELECT date_trunc('hour', effective_at) AS hour, customer, account, kind, count(*) AS legs, sum(credits) AS credits,
      max(effective_at) AS last_effective_at, tenant
    FROM credit_ledger GROUP BY ALL`,
  credit_balances: `
    SELECT customer,
      coalesce(sum(credits) FILTER (account = 'available'), 0) AS available_credits,
      coalesce(sum(credits) FILTER (account = 'held'), 0) AS held_credits,
      coalesce(sum(credits) FILTER (account = 'used'), 0) AS used_credits,
      coalesce(sum(credits) FILTER (account = 'expired'), 0) AS expired_credits,
      coalesce(-sum(credits) FILTER (account = 'overage'), 0) AS overage_credits,
      coalesce(-sum(credits) FILTER (account = 'overrun'), 0) AS overrun_credits,
      coalesce(-sum(credits) FILTER (account = 'overdraft'), 0) AS overdraft_credits,
      max(effective_at) FILTER (account = 'used') AS last_used_at
    FROM credit_ledger GROUP BY customer`,
  customers: `
    SELECT
      customer,
      min(event_time) AS first_seen_at,
      max(event_time) AS last_seen_at,
      count(*) FILTER (billing_role = 'billed') AS calls,
      count(*) FILTER (billing_role = 'billed' AND cost_usd IS NULL) AS unpriced_calls,
      sum(cost_usd) AS cost_usd,
      sum(credits) AS credits
    FROM public.usage
    GROUP BY customer`,
  unpriced: `
    SELECT
      provider,
      model,
      price_status AS reason,
      count(*) AS calls,
      sum(input_tokens) AS input_tokens,
      sum(output_tokens) AS output_tokens,
      min(event_time) AS first_seen_at,
      max(event_time) AS last_seen_at
    FROM public.usage
    WHERE billing_role = 'billed' AND cost_usd IS NULL
    GROUP BY ALL`,
};

/** What views that are made of several rollups must say. */
const RECOMPUTED_STATEMENTS: Readonly<Record<string, string>> = {
  statements: `
    WITH
      calls AS (
        SELECT
          u.customer,
          coalesce(
            CASE WHEN u.event_time < p.period_end THEN p.period_start END,
            date_trunc('month', u.event_time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
          ) AS period_start,
          coalesce(
            CASE WHEN u.event_time < p.period_end THEN p.period_end END,
            (date_trunc('month', u.event_time AT TIME ZONE 'UTC') + INTERVAL 1 MONTH) AT TIME ZONE 'UTC'
          ) AS period_end,
          count(*) AS calls,
          count(*) FILTER (u.cost_usd IS NULL) AS unpriced_calls,
          coalesce(sum(coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0)) FILTER (u.cost_usd IS NULL), 0) AS unpriced_tokens,
          sum(u.cost_usd) AS cost_usd
        FROM public.usage u
        ASOF LEFT JOIN public.billing_periods p ON p.customer = u.customer AND u.event_time >= p.period_start
        WHERE u.billing_role = 'billed'
        GROUP BY ALL
      ),
      -- Overage of a closed period has the price of that one: late usage, and below zero what was given back of it.
      sold AS (
        SELECT
          l.customer,
          l.period,
          CASE
            WHEN count(*) = count(p.overage_price_usd)
              THEN sum((-l.credits::DECIMAL(19, 6) * p.overage_price_usd::DECIMAL(19, 9))::DECIMAL(38, 15))
          END::DECIMAL(38, 15) AS overage_usd
        FROM public.credit_ledger l
        LEFT JOIN public.billing_periods p ON p.customer = l.customer AND p.period = coalesce(l.belongs_to_period, l.period)
        WHERE l.account = 'overage'
        GROUP BY ALL
      ),
      -- What was booked when accounts had no periods yet.
      months AS (
        SELECT
          customer,
          date_trunc('month', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS period_start,
          sum(credits) AS used_credits
        FROM public.credit_ledger
        WHERE account = 'used' AND period IS NULL
        GROUP BY ALL
      )
    SELECT
      coalesce(p.customer, c.customer) AS customer,
      coalesce(p.period_start, c.period_start) AS period_start,
      coalesce(p.period_end, c.period_end) AS period_end,
      coalesce(c.calls, 0) AS calls,
      coalesce(c.unpriced_calls, 0) AS unpriced_calls,
      coalesce(c.unpriced_tokens, 0) AS unpriced_tokens,
      c.cost_usd,
      coalesce(p.used_credits, 0) + coalesce(m.used_credits, 0) AS used_credits,
      p.period,
      p.plan,
      p.fee_usd,
      p.allowance_credits,
      p.overage_credits,
      p.overrun_credits,
      p.overdraft_credits,
      p.expired_credits,
      CASE
        WHEN s.period IS NOT NULL THEN s.overage_usd
        ELSE (p.overage_credits::DECIMAL(19, 6) * p.overage_price_usd::DECIMAL(19, 9))::DECIMAL(38, 15)
      END AS overage_usd,
      p.closed_at
    FROM calls c
    FULL JOIN public.billing_periods p ON p.customer = c.customer AND p.period_start = c.period_start
    LEFT JOIN sold s ON s.customer = p.customer AND s.period = p.period
    LEFT JOIN months m
      ON m.customer = coalesce(p.customer, c.customer) AND m.period_start = coalesce(p.period_start, c.period_start)`,
  // Of views that also tell of the facts, what is added up.
  '(SELECT customer, lot, granted_credits, consumed_credits, expired_credits, rolled_over_credits, withdrawn_credits, repaid_credits, held_credits, available_credits FROM credit_lots)': `
    SELECT
      customer,
      lot,
      coalesce(sum(credits) FILTER (starts_with(kind, 'grant') OR (starts_with(kind, 'rollover') AND in_lot)), 0) AS granted_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'usage') OR starts_with(kind, 'capture') OR starts_with(kind, 'settlement')), 0) AS consumed_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'expiry')), 0) AS expired_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'rollover') AND NOT in_lot), 0) AS rolled_over_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'withdrawal')), 0) AS withdrawn_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'repayment')), 0) AS repaid_credits,
      coalesce(sum(credits) FILTER (account = 'held'), 0) AS held_credits,
      coalesce(sum(credits) FILTER (account = 'available'), 0) AS available_credits
    FROM (SELECT *, (credits > 0) <> ends_with(kind, '_correction') AS in_lot FROM public.credit_ledger)
    WHERE lot IS NOT NULL
    GROUP BY customer, lot`,
  '(SELECT tenant, customer, period, used_credits, overage_credits, overrun_credits, overdraft_credits, expired_credits FROM billing_periods)': `
    SELECT p.tenant, p.customer, p.period, coalesce(booked.used_credits, 0), coalesce(booked.overage_credits, 0),
      coalesce(booked.overrun_credits, 0), coalesce(booked.overdraft_credits, 0), coalesce(booked.expired_credits, 0) FROM billing_periods p
    LEFT JOIN (SELECT
      tenant,
      customer,
      period,
      coalesce(sum(credits) FILTER (account = 'used'), 0) AS used_credits,
      coalesce(-sum(credits) FILTER (account = 'overage'), 0) AS overage_credits,
      coalesce(-sum(credits) FILTER (account = 'overrun'), 0) AS overrun_credits,
      coalesce(-sum(credits) FILTER (account = 'overdraft'), 0) AS overdraft_credits,
      coalesce(sum(credits) FILTER (account = 'expired'), 0) AS expired_credits
    FROM public.credit_ledger
    WHERE period IS NOT NULL
    GROUP BY ALL) booked USING (tenant, customer, period)`,
};

/** Rows that a rollup has and should not have, or has not and should: none. */
export function rollupErrors(instance: DuckDBInstance): Promise<Record<string, Json>[]> {
  return errorsOf(instance, RECOMPUTED);
}

/** The same of statements, periods and lots. */
export function statementErrors(instance: DuckDBInstance): Promise<Record<string, Json>[]> {
  return errorsOf(instance, RECOMPUTED_STATEMENTS);
}

async function errorsOf(
  instance: DuckDBInstance,
  recomputed: Readonly<Record<string, string>>,
): Promise<Record<string, Json>[]> {
  const found = await Promise.all(
    Object.entries(recomputed).map(([view, sql]) =>
      read(
        instance,
        `WITH due AS MATERIALIZED (${sql}), kept AS MATERIALIZED (FROM ${view})
         SELECT '${nameOf(view)}' AS rollup, 'is missing' AS error, due::VARCHAR AS row
         FROM (FROM due EXCEPT ALL FROM kept) due
         UNION ALL
         SELECT '${nameOf(view)}', 'is wrong', kept::VARCHAR FROM (FROM kept EXCEPT ALL FROM due) kept`,
      ),
    ),
  );
  return found.flat();
}

function nameOf(view: string): string {
  return /(\w+)\)?$/.exec(view)?.[1] ?? view;
}

/** Folds about so many rows of the tail of the rollup of that index; says how many it were. */
export async function foldOne(instance: DuckDBInstance, index: number, maxRows: number): Promise<number> {
  const rollup = ROLLUPS[index % ROLLUPS.length];
  if (rollup === undefined) throw new Error('there are rollups');
  const connection = await instance.connect();
  try {
    return await fold(connection, rollup, maxRows);
  } finally {
    connection.closeSync();
  }
}

/** Folds all tails. */
export async function foldAll(instance: DuckDBInstance): Promise<void> {
  for (const index of ROLLUPS.keys()) {
    while ((await foldOne(instance, index, 1_000_000)) > 0);
  }
}
