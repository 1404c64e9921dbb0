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
      coalesce(sum(cost_usd), 0) AS cost_usd,
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
};

/** Rows that a rollup has and should not have, or has not and should: none. */
export async function rollupErrors(instance: DuckDBInstance): Promise<Record<string, Json>[]> {
  const found = await Promise.all(
    Object.entries(RECOMPUTED).map(([view, sql]) =>
      read(
        instance,
        `WITH due AS MATERIALIZED (${sql}), kept AS MATERIALIZED (FROM ${view})
         SELECT '${view}' AS rollup, 'is missing' AS error, due::VARCHAR AS row
         FROM (FROM due EXCEPT ALL FROM kept) due
         UNION ALL
         SELECT '${view}', 'is wrong', kept::VARCHAR FROM (FROM kept EXCEPT ALL FROM due) kept`,
      ),
    ),
  );
  return found.flat();
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
