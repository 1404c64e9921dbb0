import type { AlertGroup, AlertRule } from './rule.ts';
import { always, MAX_SERIES, single, THIS_HOUR } from './sql.ts';

const DAY = `hour >= ${THIS_HOUR} - INTERVAL '24 hours'`;

const unpriced: AlertRule = {
  name: 'unpriced-share',
  title: 'Calls without a price',
  sql: single(
    `SELECT sum(unpriced_calls)::DOUBLE / nullif(sum(calls), 0)
FROM usage_hourly
WHERE ${DAY}`,
    0,
  ),
  fires: { above: 0.01 },
  forDuration: '15m',
  severity: 'warning',
  team: 'platform',
  summary: '{{ humanizePercentage .Values.B.Value }} of the calls of the last 24 hours have no price.',
  description:
    'For more than 1 % of the billed calls of the last 24 hours no price is known. Spend, budgets and margins lack their cost.',
  panel: { dashboard: 'quality', title: 'Calls without a price' },
};

const unattributed: AlertRule = {
  name: 'unattributed-share',
  title: 'Calls without a customer or feature',
  sql: single(
    // Usage of the company's own needs no customer.
    `SELECT sum(calls) FILTER (customer IS NULL OR feature IS NULL)::DOUBLE / nullif(sum(calls), 0)
FROM usage_hourly
WHERE ${DAY} AND usage_class IN ('customer', 'trial')`,
    0,
  ),
  fires: { above: 0.05 },
  forDuration: '15m',
  severity: 'warning',
  team: 'platform',
  summary:
    '{{ humanizePercentage .Values.B.Value }} of the calls of the last 24 hours have no customer or no feature.',
  description:
    'More than 5 % of the billed calls of the classes customer and trial, over the last 24 hours, name no customer or no feature: nobody is charged for them, or by no rule.',
  panel: { dashboard: 'quality', title: 'Unpriced and unattributed' },
};

/** USD that providers must have reported in a week before a gap says something. */
const REPORTED_FLOOR_USD = 1;

const reconciliation: AlertRule = {
  name: 'reconciliation-gap',
  title: 'Reported cost differs from the price book',
  sql: always({
    found: `SELECT
  provider,
  abs(sum(reported_cost_usd) - sum(cost_of_reported_usd))::DOUBLE
    / greatest(sum(reported_cost_usd), sum(cost_of_reported_usd))::DOUBLE AS value
FROM usage_quality_hourly
WHERE hour >= ${THIS_HOUR} - INTERVAL '7 days' AND reported_spans > 0
GROUP BY provider
HAVING greatest(sum(reported_cost_usd), sum(cost_of_reported_usd)) >= ${REPORTED_FLOOR_USD}
ORDER BY value DESC NULLS LAST, provider
LIMIT ${MAX_SERIES}`,
    labels: ['provider'],
    otherwise: 0,
  }),
  fires: { above: 0.02 },
  forDuration: '1h',
  severity: 'warning',
  team: 'finance',
  summary:
    '{{ .Labels.provider }}: reported cost and the price book differ by {{ humanizePercentage .Values.B.Value }}.',
  description: `Over the last seven days, what emitters reported as cost and what the price book says for the same calls differ by more than 2 % of the greater (from ${REPORTED_FLOOR_USD} USD on).`,
  panel: { dashboard: 'quality', title: 'Cost against what emitters reported' },
};

export const qualityRules: AlertGroup = {
  name: 'Spanledger data quality',
  everyMinutes: 15,
  rules: [unpriced, unattributed, reconciliation],
};
