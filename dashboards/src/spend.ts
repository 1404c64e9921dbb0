import type { Figure } from './panels.ts';
import { chosen, hourlySeries, IN_RANGE, MONTH_END, MONTH_START, sumsOf } from './sql.ts';
import { UNIT } from './units.ts';

/** What several dashboards say of money, so that they say the same. */

/** The spend of the chosen calls by the hour, from an instant on: a thousand rows, of which the rest is made. */
export const hoursSince = (first: string) => `hours AS (
  SELECT hour, sum(cost_usd) AS cost_usd
  FROM usage_hourly
  WHERE hour >= ${first} AND hour <= $__timeTo()::timestamptz
    AND ${chosen()}
  GROUP BY hour
)`;

/** The first of the hours that a forecast is made of. */
export const FORECAST_START = `${MONTH_START} - INTERVAL '7 days'`;

/** Of the hours: what of the month is spent and is left, and what a day costs of late: the last seven whole days, or all if there are fewer. */
export const MONTH = `days AS (
  SELECT time_bucket(INTERVAL '24 hours', hour) AS day, sum(cost_usd) AS cost_usd FROM hours GROUP BY 1
), whole AS (
  SELECT coalesce(cost_usd, 0) AS cost_usd
  FROM generate_series(
    date_trunc('day', $__timeTo()::timestamptz) - INTERVAL '7 days',
    date_trunc('day', $__timeTo()::timestamptz) - INTERVAL '1 day', INTERVAL '1 day') AS calendar(day)
  LEFT JOIN days USING (day)
  WHERE day >= (SELECT min(day) FROM days)
), month AS (
  SELECT
    (SELECT coalesce(sum(cost_usd), 0) FROM hours WHERE hour >= ${MONTH_START}) AS spent,
    (SELECT coalesce(avg(cost_usd), 0) FROM whole) AS a_day,
    (SELECT coalesce(stddev_samp(cost_usd), 0) FROM whole) AS deviation,
    extract(epoch FROM ${MONTH_END} - $__timeTo()::timestamptz) / 86400 AS days_left
)`;

/**
 * What the month will have cost: what it has cost, and for the rest of it the mean of the last seven days. The band is
 * where four of five months end, were the days independent of one another (1.28 standard deviations).
 */
export const FORECAST = {
  'This month': {
    says: 'USD since the first of the calendar month (UTC) in which the time range ends.',
    of: 'spent',
    unit: UNIT.usd,
    steps: [['blue']],
  },
  'Month at least': {
    says: 'four of five months end between this and the most.',
    of: 'greatest(spent, spent + a_day * days_left - 1.28 * deviation * sqrt(days_left))',
    unit: UNIT.usd,
  },
  'Month expected': {
    says: 'what the month will have cost at its end: what it has cost, and for the rest of it the mean of the last seven whole days.',
    of: 'spent + a_day * days_left',
    unit: UNIT.usd,
  },
  'Month at most': {
    says: 'as the least, on the other side.',
    of: 'spent + a_day * days_left + 1.28 * deviation * sqrt(days_left)',
    unit: UNIT.usd,
  },
} as const satisfies Readonly<Record<string, Figure>>;

/** Of the chosen calls of the time range. */
export const SPEND: Figure = {
  says: 'USD that the chosen calls of the time range cost at the providers; calls without a known price are not in it.',
  of: 'coalesce(sum(cost_usd), 0)',
  unit: UNIT.usd,
  steps: [['blue']],
};

export const UNPRICED_SHARE: Figure = {
  says: 'the share of tokens for which no price is known. Spend lacks what they cost: name a price and rate them again.',
  of: 'coalesce(sum(unpriced_tokens) / nullif(sum(input_tokens + output_tokens), 0), 0)',
  unit: UNIT.share,
  decimals: 2,
  steps: [['green'], ['yellow', 0.001], ['red', 0.01]],
};

export const BURNED: Figure = {
  says: 'credits that the chosen calls of the time range burned.',
  of: 'coalesce(sum(credits), 0)',
  unit: UNIT.credits,
  steps: [['blue']],
};

export const CALLS: Figure = {
  says: 'billed calls of the time range, in whole hours: each call to a model once, however many spans told of it.',
  of: 'coalesce(sum(calls), 0)',
  unit: UNIT.count,
  steps: [['blue']],
};

/** The share of a part in a whole; 0 where there is no whole. */
export const share = (part: string, whole: string) => `coalesce((${part}) / nullif(${whole}, 0), 0)`;

export const FAILED_SHARE: Figure = {
  says: 'the share of calls that ended in an error.',
  of: share('sum(failed_calls)', 'sum(calls)'),
  unit: UNIT.share,
  decimals: 1,
  steps: [['green'], ['yellow', 0.02], ['red', 0.1]],
};

const OF_PLANS = `${IN_RANGE} AND credit_value_usd IS NOT NULL\n  AND ${chosen(['customer'])}`;

/** What is left of the worth of burned credits after the cost, as a share of the worth. */
export const GROSS_MARGIN = `SELECT (sum(value_usd) - coalesce(sum(cost_usd), 0)) / nullif(sum(value_usd), 0) AS "Margin"
FROM margin_hourly
WHERE ${OF_PLANS}`;

export const WORTH_AGAINST_COST = hourlySeries({
  from: 'margin_hourly',
  where: OF_PLANS,
  of: sumsOf('value_usd', 'cost_usd'),
  values: { 'Worth of credits': 'coalesce(sum(value_usd), 0)', Cost: 'coalesce(sum(cost_usd), 0)' },
});

export const COST_BY = { columns: ['cost_usd'], value: 'sum(cost_usd)', rank: 'sum(cost_usd)' } as const;

/** How much of each budget is used in the month, the fullest first. */
export const BUDGETS_USED = `SELECT b.budget AS "Budget", coalesce(sum(h.cost_usd), 0) / any_value(b.amount_usd) AS "Used"
FROM budgets b
LEFT JOIN budget_hourly h
  ON h.budget = b.budget AND h.hour >= ${MONTH_START} AND h.hour <= $__timeTo()::timestamptz
GROUP BY b.budget
ORDER BY 2 DESC, 1
LIMIT 20`;
