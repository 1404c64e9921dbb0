import type { AlertGroup, AlertRule, Severity } from './rule.ts';
import { always, MONTH_END, MONTH_START, THIS_HOUR, TODAY } from './sql.ts';

/** Budgets are by the calendar month (UTC). Calls without a price are not in what was spent: see the rule about these. */
const SPENT_OF_MONTH = `SELECT b.budget, coalesce(sum(h.cost_usd), 0) / nullif(b.amount_usd, 0) AS value
FROM budgets b LEFT JOIN budget_hourly h ON h.budget = b.budget AND h.hour >= ${MONTH_START}
GROUP BY b.budget, b.amount_usd`;

function budgetUsed(percent: 50 | 80 | 100, severity: Severity): AlertRule {
  return {
    name: `budget-${percent}`,
    title: percent === 100 ? 'Budget used up' : `Budget used to ${percent} %`,
    sql: always({ found: SPENT_OF_MONTH, labels: ['budget'], otherwise: 0 }),
    fires: { above: percent / 100 },
    forDuration: '5m',
    severity,
    team: 'finance',
    summary: `Budget {{ .Labels.budget }}: {{ humanizePercentage .Values.B.Value }} of the month's amount is used.`,
    description: `The priced calls of this calendar month (UTC) within the scope of the budget cost more than ${percent} % of its amount.`,
    panel: { dashboard: 'budgets', title: 'Budgets' },
  };
}

/** As the forecast on the dashboards; below three whole days of history nothing is foretold. */
const FORECAST_DAYS = { most: 7, least: 3 };

const forecast: AlertRule = {
  name: 'budget-forecast',
  title: 'Forecast over budget',
  sql: always({
    tables: {
      days: `SELECT budget, time_bucket(INTERVAL '1 day', hour) AS day, sum(cost_usd) AS cost_usd
FROM budget_hourly
WHERE hour >= least(${MONTH_START}, ${TODAY} - INTERVAL '${FORECAST_DAYS.most} days')
GROUP BY ALL`,
      measured: `SELECT
  b.budget,
  b.amount_usd,
  coalesce(sum(cost_usd) FILTER (day >= ${MONTH_START}), 0)::DOUBLE AS spent_usd,
  coalesce(sum(cost_usd) FILTER (day >= ${TODAY} - INTERVAL '${FORECAST_DAYS.most} days' AND day < ${TODAY}), 0)::DOUBLE AS lately_usd,
  least(${FORECAST_DAYS.most}, coalesce(date_diff('day', min(day), ${TODAY}), 0)) AS whole_days,
  extract(epoch FROM ${MONTH_END} - now()) / 86400 AS days_left
FROM budgets b LEFT JOIN days USING (budget)
GROUP BY b.budget, b.amount_usd`,
    },
    found: `SELECT
  budget,
  CASE
    WHEN whole_days >= ${FORECAST_DAYS.least} THEN spent_usd + lately_usd / whole_days * days_left
    ELSE spent_usd
  END / nullif(amount_usd, 0)::DOUBLE AS value
FROM measured`,
    labels: ['budget'],
    otherwise: 0,
  }),
  fires: { above: 1 },
  forDuration: '1h',
  severity: 'warning',
  team: 'finance',
  summary:
    'Budget {{ .Labels.budget }}: at the pace of the last week the month ends at {{ humanizePercentage .Values.B.Value }} of its amount.',
  description:
    'What the month has cost, and for the rest of it the mean of the last seven whole days, is more than the amount of the budget.',
  panel: { dashboard: 'budgets', title: 'Budgets' },
};

/**
 * How many times faster than evenly over the month a budget is used, in the last hours. The hour that has just begun is
 * counted together with those before it, so "1 hour" is between one and two.
 */
const burnRate = (
  hours: number,
) => `coalesce(sum(h.cost_usd) FILTER (h.hour >= ${sinceHours(hours)}), 0)::DOUBLE
    / (extract(epoch FROM now() - ${sinceHours(hours)}) / extract(epoch FROM ${MONTH_END} - ${MONTH_START}))
    / nullif(b.amount_usd, 0)::DOUBLE`;
const sinceHours = (hours: number) => `(${THIS_HOUR} - INTERVAL '${hours} hours')`;

/** The lesser of the two: a spike of the short time alone has passed, one of the long time alone is over. */
function burn(
  given: Pick<AlertRule, 'name' | 'title' | 'severity' | 'forDuration'> & {
    readonly hours: readonly [short: number, long: number];
    readonly words: string;
    readonly rate: number;
    readonly meaning: string;
  },
): AlertRule {
  const [short, long] = given.hours;
  return {
    name: given.name,
    title: given.title,
    sql: always({
      found: `SELECT
  b.budget,
  least(
    ${burnRate(short)},
    ${burnRate(long)}
  ) AS value
FROM budgets b LEFT JOIN budget_hourly h ON h.budget = b.budget AND h.hour >= ${sinceHours(long)}
GROUP BY b.budget, b.amount_usd`,
      labels: ['budget'],
      otherwise: 0,
    }),
    fires: { above: given.rate },
    forDuration: given.forDuration,
    severity: given.severity,
    team: 'finance',
    summary: `Budget {{ .Labels.budget }} is used {{ printf "%.1f" .Values.B.Value }} times as fast as it allows.`,
    description: `Over the last ${given.words} alike, the budget was used more than ${given.rate} times as fast as an even month would: ${given.meaning}.`,
    panel: { dashboard: 'budgets', title: 'Burn rate' },
  };
}

export const budgetRules: AlertGroup = {
  name: 'Spanledger budgets',
  everyMinutes: 5,
  rules: [
    budgetUsed(50, 'info'),
    budgetUsed(80, 'warning'),
    budgetUsed(100, 'critical'),
    forecast,
    burn({
      name: 'budget-fast-burn',
      title: 'Budget burns fast',
      hours: [1, 6],
      words: '1 and 6 hours',
      rate: 6,
      meaning: 'a whole month is gone within five days',
      severity: 'critical',
      forDuration: '5m',
    }),
    burn({
      name: 'budget-slow-burn',
      title: 'Budget burns too fast for days',
      hours: [24, 72],
      words: '24 hours and 3 days',
      rate: 1.5,
      meaning: 'a whole month is gone by its twentieth day',
      severity: 'warning',
      forDuration: '30m',
    }),
  ],
};
