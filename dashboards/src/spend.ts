import {
  CHOSEN_USAGE,
  chosen,
  columnSeries,
  FROM_CHOSEN,
  IN_MONTH,
  IN_RANGE,
  MONTH_END,
  MONTH_START,
} from './sql.ts';

/** What several dashboards say of money, so that they say the same. */

/** The spend of the month by day, and what a day costs of late: the last seven whole days, or the month if it is younger. */
const DAYS_OF_MONTH = `days AS (
  SELECT time_bucket(INTERVAL '24 hours', hour) AS day, sum(cost_usd) AS cost_usd
  FROM usage_hourly
  WHERE hour >= ${MONTH_START} - INTERVAL '7 days' AND hour <= $__timeTo()::timestamptz
    AND ${chosen()}
  GROUP BY ALL
), whole AS (
  SELECT coalesce(cost_usd, 0) AS cost_usd
  FROM generate_series(
    date_trunc('day', $__timeTo()::timestamptz) - INTERVAL '7 days',
    date_trunc('day', $__timeTo()::timestamptz) - INTERVAL '1 day', INTERVAL '1 day') AS calendar(day)
  LEFT JOIN days USING (day)
  WHERE day >= (SELECT min(day) FROM days)
), pace AS (
  SELECT coalesce(avg(cost_usd), 0) AS mean, coalesce(stddev_samp(cost_usd), 0) AS deviation FROM whole
), spent AS (
  SELECT coalesce(sum(cost_usd), 0) AS cost_usd FROM days WHERE day >= ${MONTH_START}
), rest AS (
  SELECT extract(epoch FROM ${MONTH_END} - $__timeTo()::timestamptz) / 86400 AS days
)`;

/**
 * What the month will have cost: what it has cost, and for the rest of it the mean of the last seven days. The band is
 * where four of five months end, were the days independent of one another (1.28 standard deviations).
 */
export const FORECAST = `WITH ${DAYS_OF_MONTH}
SELECT
  greatest(spent.cost_usd, spent.cost_usd + pace.mean * rest.days - 1.28 * pace.deviation * sqrt(rest.days)) AS "At least",
  spent.cost_usd + pace.mean * rest.days AS "Expected",
  spent.cost_usd + pace.mean * rest.days + 1.28 * pace.deviation * sqrt(rest.days) AS "At most"
FROM spent, pace, rest`;

export const SPEND = `SELECT coalesce(sum(cost_usd), 0) AS "Spend" FROM usage_hourly
WHERE ${CHOSEN_USAGE}`;

export const SPEND_OF_MONTH = `SELECT coalesce(sum(cost_usd), 0) AS "Spend of the month" FROM usage_hourly
WHERE ${IN_MONTH}
  AND ${chosen()}`;

/** Of all tokens, those that no price is known for: spend is too low by what they cost. */
export const UNPRICED_SHARE = `SELECT coalesce(sum(unpriced_tokens) / nullif(sum(input_tokens + output_tokens), 0), 0) AS "Unpriced"
FROM usage_hourly
WHERE ${CHOSEN_USAGE}`;

/** Credits that the chosen calls burned. */
export const BURNED = `SELECT coalesce(sum(credits), 0) AS "Burned" FROM usage_hourly
WHERE ${CHOSEN_USAGE}`;

const OF_PLANS = `${IN_RANGE} AND credit_value_usd IS NOT NULL\n  AND ${chosen(['customer'])}`;

/** What is left of the worth of burned credits after the cost, as a share of the worth. */
export const GROSS_MARGIN = `SELECT (sum(value_usd) - coalesce(sum(cost_usd), 0)) / nullif(sum(value_usd), 0) AS "Margin"
FROM margin_hourly
WHERE ${OF_PLANS}`;

export const WORTH_AGAINST_COST = columnSeries(
  { 'Worth of credits': 'coalesce(sum(value_usd), 0)', Cost: 'coalesce(sum(cost_usd), 0)' },
  'margin_hourly',
  OF_PLANS,
);

/** The share of a part in a whole; 0 where there is no whole. */
export const share = (part: string, whole: string) => `coalesce((${part}) / nullif(${whole}, 0), 0)`;

export const FAILED_SHARE = `SELECT ${share('sum(failed_calls)', 'sum(calls)')} AS "Failed" ${FROM_CHOSEN}`;
export const CALLS = `SELECT coalesce(sum(calls), 0) AS "Calls" ${FROM_CHOSEN}`;

export const COST_BY = { columns: ['cost_usd'], value: 'sum(cost_usd)', rank: 'sum(cost_usd)' } as const;

/** How much of each budget is used in the month, the fullest first. */
export const BUDGETS_USED = `SELECT b.budget AS "Budget", coalesce(sum(h.cost_usd), 0) / any_value(b.amount_usd) AS "Used"
FROM budgets b
LEFT JOIN budget_hourly h
  ON h.budget = b.budget AND h.hour >= ${MONTH_START} AND h.hour <= $__timeTo()::timestamptz
GROUP BY b.budget
ORDER BY 2 DESC, 1
LIMIT 20`;
