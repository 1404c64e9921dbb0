import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { chartPanel, figuresPanel, gaugesPanel, tablePanel } from './panels.ts';
import { BUDGETS_USED, FORECAST, FORECAST_START, hoursSince, MONTH } from './spend.ts';
import { CHOSEN_USAGE, chosen, FIRST_HOUR, MONTH_END, MONTH_START } from './sql.ts';
import { UNIT } from './units.ts';

/** How much of each budget is gone, how fast it goes, and when it will be gone. */
export function budgets() {
  return layOut({
    name: 'budgets',
    description:
      'Budgets of the calendar month (UTC) in which the time range ends: used, forecast, how fast they burn, and when they are exhausted.',
    from: 'now-30d',
    annotations: ANNOTATIONS,
    sections: [ofTheMonth(), eachOfThem(), runRate()],
  });
}

const OWN_SCOPE = 'A budget has a scope of its own: the variables do not apply.';
const TO = '$__timeTo()::timestamptz';

/** USD an hour over the whole hours that a time before the end of the range touches, by the time they have taken so far. */
const rateOf = (window: string) =>
  `coalesce(sum(cost_usd) FILTER (hour >= ${since(window)}), 0) * 3600 / extract(epoch FROM ${TO} - ${since(window)})`;
const since = (window: string) => `time_bucket(INTERVAL '1 hour', ${TO} - INTERVAL '${window}')`;

/**
 * Each budget with what is spent and at which rates, USD an hour. The pace that the forecast goes on with is that of the
 * last seven days, or since its first cost where that is later. Where a rate equals the allowed one, the budget lasts
 * exactly for a month.
 */
const STATES = `rates AS (
  SELECT budget, any_value(amount_usd) AS amount_usd, any_value(concat_ws(', ',
      'customer ' || customer, 'feature ' || feature, environment, usage_class, provider, model)) AS scope,
    coalesce(sum(cost_usd) FILTER (hour >= ${MONTH_START}), 0) AS spent_usd,
    ${rateOf('1 hour')} AS rate_1h, ${rateOf('6 hours')} AS rate_6h,
    ${rateOf('24 hours')} AS rate_24h, ${rateOf('3 days')} AS rate_3d,
    coalesce(sum(cost_usd) FILTER (hour >= ${since('7 days')}), 0) * 3600
      / greatest(3600, extract(epoch FROM ${TO} - greatest(${since('7 days')}, min(hour) FILTER (cost_usd > 0)))) AS pace
  FROM (
    SELECT b.*, h.hour, h.cost_usd
    FROM budgets b
    LEFT JOIN budget_hourly h
      ON h.budget = b.budget AND h.hour >= least(${MONTH_START}, ${since('7 days')}) AND h.hour <= ${TO}
  )
  GROUP BY budget
), states AS (
  SELECT *, amount_usd * 3600 / extract(epoch FROM ${MONTH_END} - ${MONTH_START}) AS allowed_rate,
    spent_usd + pace * extract(epoch FROM ${MONTH_END} - ${TO}) / 3600 AS forecast_usd
  FROM rates
)`;

function ofTheMonth() {
  const month = figuresPanel({
    title: 'Spend of the month',
    description: 'Of the chosen calls.',
    with: `WITH ${hoursSince(FORECAST_START)}, ${MONTH}`,
    figures: FORECAST,
    from: 'FROM month',
  });
  const states = figuresPanel({
    title: 'Budgets in danger',
    description: OWN_SCOPE,
    with: `WITH ${STATES}`,
    figures: {
      Overspent: {
        says: 'budgets of which more than all is used.',
        of: 'count(*) FILTER (spent_usd > amount_usd)',
        unit: UNIT.count,
        steps: [['green'], ['red', 1]],
      },
      'Will not last': {
        says: 'budgets whose forecast for the month is above their amount.',
        of: 'count(*) FILTER (forecast_usd > amount_usd)',
        unit: UNIT.count,
        steps: [['green'], ['orange', 1]],
      },
    },
    from: 'FROM states',
  });
  const used = gaugesPanel({
    title: 'Used',
    description: `How much of each budget is used, the fullest first. ${OWN_SCOPE}`,
    sql: BUDGETS_USED,
    unit: UNIT.share,
    decimals: 0,
    min: 0,
    max: 1,
    steps: [['green'], ['yellow', 0.8], ['red', 1]],
    noValue: 'no budgets are configured',
  });
  const soFar = chartPanel({
    title: 'Used over the month',
    description: `How much of each budget was used at each time; it begins again with every month. At 100 % it is gone. ${OWN_SCOPE}`,
    sql: `WITH hours AS (
  SELECT budget, hour, sum(cost_usd) OVER (PARTITION BY budget, date_trunc('month', hour) ORDER BY hour) AS spent_usd
  FROM budget_hourly
  WHERE hour >= date_trunc('month', ${FIRST_HOUR}) AND hour <= ${TO}
)
SELECT $__timeGroup(hour, $__interval) AS "time", budget AS metric,
  arg_max(spent_usd, hour) / any_value(amount_usd) AS value
FROM hours JOIN budgets USING (budget)
WHERE hour >= ${FIRST_HOUR}
GROUP BY 1, 2
ORDER BY 1, 2`,
    unit: UNIT.share,
    draw: 'lines',
    holds: true,
    calcs: ['lastNotNull'],
    min: 0,
    steps: [['green'], ['red', 1]],
  });
  return section('The month so far', line(5, [month, 15], [states, 9]), line(9, [used, 9], [soFar, 15]));
}

function eachOfThem() {
  const burn = { unit: UNIT.times, decimals: 1, steps: [['text'], ['yellow', 2], ['red', 6]] } as const;
  const states = tablePanel({
    title: 'Budgets',
    description: `Burn rates are spend against what the budget allows for that time: at 1× it lasts for exactly the month. The forecast goes on at the pace of the last seven days. ${OWN_SCOPE}`,
    sql: `WITH ${STATES}
SELECT budget AS "Budget", coalesce(nullif(scope, ''), 'everything') AS "Scope", amount_usd AS "Amount", spent_usd AS "Spent",
  spent_usd / amount_usd AS "Used", forecast_usd AS "Forecast", forecast_usd / amount_usd AS "Forecast %",
  rate_1h / allowed_rate AS "Burn 1 h", rate_6h / allowed_rate AS "Burn 6 h", rate_24h / allowed_rate AS "Burn 24 h",
  rate_3d / allowed_rate AS "Burn 3 d",
  CASE
    WHEN spent_usd >= amount_usd THEN 0
    WHEN pace > 0 THEN (amount_usd - spent_usd) / pace / 24
  END AS "Lasts"
FROM states
ORDER BY 5 DESC, 1`,
    unit: UNIT.usd,
    columns: {
      Budget: { unit: UNIT.text },
      Scope: { unit: UNIT.text },
      Used: { unit: UNIT.share, decimals: 0, steps: [['green'], ['yellow', 0.8], ['red', 1]] },
      'Forecast %': { unit: UNIT.share, decimals: 0, steps: [['green'], ['yellow', 0.9], ['red', 1]] },
      'Burn 1 h': burn,
      'Burn 6 h': burn,
      'Burn 24 h': burn,
      'Burn 3 d': burn,
      Lasts: { unit: UNIT.days, decimals: 1 },
    },
  });
  const rate = chartPanel({
    title: 'Burn rate',
    description: `Spend against what the budget allows for that time: at 1× it lasts for exactly the month. The last point is of a time that is not over. ${OWN_SCOPE}`,
    sql: `SELECT $__timeGroup(hour, $__interval) AS "time", budget AS metric,
  sum(cost_usd) * extract(epoch FROM date_trunc('month', min(hour)) + INTERVAL '1 month' - date_trunc('month', min(hour)))
    / ($__interval_ms / 1000.0) / any_value(amount_usd) AS value
FROM budget_hourly JOIN budgets USING (budget)
WHERE hour >= ${FIRST_HOUR} AND hour <= ${TO}
GROUP BY 1, 2
ORDER BY 1, 2`,
    unit: UNIT.times,
    decimals: 1,
    draw: 'lines',
    calcs: ['lastNotNull', 'max'],
    min: 0,
    steps: [['green'], ['red', 1]],
  });
  return section('Budget by budget', line(8, [states, 24]), line(9, [rate, 24]));
}

function runRate() {
  const days = chartPanel({
    title: 'Spend by day',
    description:
      'USD of the chosen calls by day (UTC), and the mean of the seven days up to each. The last day is not over.',
    sql: `WITH days AS (
  SELECT time_bucket(INTERVAL '24 hours', hour) AS "time", sum(cost_usd) AS cost_usd
  FROM usage_hourly
  WHERE ${CHOSEN_USAGE}
  GROUP BY 1
)
SELECT "time", cost_usd AS "Spend",
  sum(cost_usd) OVER week / (1 + extract(day FROM "time" - min("time") OVER week)) AS "Mean of seven days"
FROM days
WINDOW week AS (ORDER BY "time" RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW)
ORDER BY 1`,
    unit: UNIT.usd,
    draw: 'bars',
    finest: '1d',
    min: 0,
    calcs: ['sum'],
    overrides: {
      'Mean of seven days': [
        { id: 'custom.drawStyle', value: 'line' },
        { id: 'custom.lineWidth', value: 2 },
        { id: 'custom.fillOpacity', value: 0 },
      ],
    },
  });
  const months = tablePanel({
    title: 'Months',
    description:
      'USD of the chosen calls by calendar month (UTC): the month in which the time range ends, and the eleven before it.',
    sql: `WITH hours AS (
  SELECT hour, sum(cost_usd) AS cost_usd, sum(calls) AS calls, sum(unpriced_calls) AS unpriced_calls
  FROM usage_hourly
  WHERE hour >= ${MONTH_START} - INTERVAL '11 months' AND hour <= ${TO}
    AND ${chosen()}
  GROUP BY hour
)
SELECT strftime(hour, '%Y-%m') AS "Month", sum(cost_usd) AS "Spend", sum(calls) AS "Calls",
  sum(cost_usd) / nullif(sum(calls - unpriced_calls), 0) AS "Cost per call"
FROM hours
GROUP BY 1
ORDER BY 1 DESC`,
    unit: UNIT.usd,
    columns: { Month: { unit: UNIT.text }, Spend: { gauge: true }, Calls: { unit: UNIT.count } },
  });
  return section('Run rate', line(9, [days, 16], [months, 8]));
}
