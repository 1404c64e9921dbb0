/**
 * What calls used, as FOCUS rows are made of it: the common table expressions that end in `used`, a row for each hour,
 * customer, feature, model, provider, usage class, environment and billing period, with the credits that were booked.
 *
 * - `calls`: all billed calls, whose credits belong to the period of the call, covered by lots as far as nothing else is
 *   said.
 * - `booked`: what was booked otherwise. Credits that no lot covers, until an allowance repays them; credits without a
 *   call (a settled hold); and late ones, which are taken out of the closed period of their call and put into the one
 *   that pays for them (C16). Overage of those has the price of the closed period.
 */
export function usedCredits(within: (column: string) => string): string {
  return `
calls AS (
  SELECT
    u.customer,
    date_trunc('hour', u.event_time) AS hour,
    u.feature,
    u.provider,
    u.model,
    u.usage_class,
    u.environment,
    CASE WHEN u.event_time < p.period_end THEN p.period END AS period,
    count(*) AS calls,
    count(*) FILTER (u.cost_usd IS NULL) AS unpriced_calls,
    coalesce(sum(u.input_tokens), 0)::DECIMAL(38, 0) AS input_tokens,
    coalesce(sum(u.output_tokens), 0)::DECIMAL(38, 0) AS output_tokens,
    sum(u.cost_usd) AS cost_usd,
    coalesce(sum(u.credits), 0)::DECIMAL(38, 6) AS used,
    0::DECIMAL(38, 6) AS overage,
    0::DECIMAL(38, 15) AS overage_usd,
    0::DECIMAL(38, 6) AS unpaid
  FROM public.usage u
  ASOF LEFT JOIN public.billing_periods p ON p.customer = u.customer AND u.event_time >= p.period_start
  WHERE u.billing_role = 'billed' AND ${within('u.event_time')}
  GROUP BY ALL
),
booked AS (
  SELECT
    l.customer,
    coalesce(u.event_time, l.effective_at) AS happened_at,
    u.feature,
    u.provider,
    u.model,
    u.usage_class,
    u.environment,
    l.period,
    CASE WHEN l.usage_id IS NOT NULL AND l.account = 'used' THEN l.belongs_to_period END AS late_for,
    CASE WHEN l.account = 'used' THEN l.credits ELSE 0 END AS used,
    CASE WHEN l.account = 'overage' THEN -l.credits ELSE 0 END AS overage,
    CASE
      WHEN l.account = 'overage' THEN (-l.credits::DECIMAL(19, 6) * sold.overage_price_usd::DECIMAL(19, 9))::DECIMAL(38, 15)
      ELSE 0
    END AS overage_usd,
    CASE WHEN l.account IN ('overrun', 'overdraft') THEN -l.credits ELSE 0 END AS unpaid
  FROM public.credit_ledger l
  LEFT JOIN public.usage u ON u.usage_id = l.usage_id
  LEFT JOIN public.billing_periods sold
    ON sold.customer = l.customer AND sold.period = coalesce(l.belongs_to_period, l.period)
  WHERE (l.account = 'used' AND (l.usage_id IS NULL OR l.belongs_to_period IS NOT NULL))
    OR l.account IN ('overage', 'overrun', 'overdraft')
),
lines AS (
  FROM calls
  UNION ALL BY NAME
  SELECT * EXCLUDE (happened_at, late_for), date_trunc('hour', happened_at) AS hour FROM booked WHERE ${within('happened_at')}
  UNION ALL BY NAME
  SELECT * EXCLUDE (happened_at, late_for, period, used), date_trunc('hour', happened_at) AS hour, late_for AS period, -used AS used
  FROM booked
  WHERE late_for IS NOT NULL AND ${within('happened_at')}
),
summed AS (
  SELECT
    customer, hour, feature, provider, model, usage_class, environment, period,
    coalesce(sum(calls), 0)::BIGINT AS calls,
    coalesce(sum(unpriced_calls), 0)::BIGINT AS unpriced_calls,
    coalesce(sum(input_tokens), 0)::DECIMAL(38, 0) AS input_tokens,
    coalesce(sum(output_tokens), 0)::DECIMAL(38, 0) AS output_tokens,
    sum(cost_usd) AS cost_usd,
    sum(used) AS used,
    sum(overage) AS overage,
    -- What has no price is not known, and makes no sum without it.
    CASE WHEN count(*) = count(overage_usd) THEN sum(overage_usd) END::DECIMAL(38, 15) AS overage_usd,
    sum(used) - sum(overage) - sum(unpaid) AS covered
  FROM lines
  GROUP BY ALL
),
used AS (
  SELECT
    s.*,
    s.hour AS charged_from,
    s.hour + INTERVAL 1 HOUR AS charged_to,
    coalesce(p.period_start, date_trunc('month', s.hour)) AS period_start,
    coalesce(p.period_end, date_trunc('month', s.hour) + INTERVAL 1 MONTH) AS period_end,
    CASE
      WHEN s.covered = 0 THEN 0
      -- In whole numbers: a product of decimals would have more places than there are.
      ELSE ledger.usd_of(((s.covered * 1000000)::HUGEINT * (p.credit_value_usd * 1000000000000000)::HUGEINT // 1000000)::VARCHAR)
    END::DECIMAL(38, 15) AS covered_usd
  FROM summed s
  LEFT JOIN public.billing_periods p ON p.customer = s.customer AND p.period = s.period
)`;
}
