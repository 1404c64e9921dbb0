import type { AlertGroup, AlertRule } from './rule.ts';
import { always, MAX_SERIES, THIS_HOUR } from './sql.ts';

/** USD: below it the feature is compared with this, so that cents do not raise alarms. */
const ANOMALY_FLOOR_USD = 1;
const WEEKS = [1, 2, 3, 4];
const THE_HOUR = `${THIS_HOUR} - INTERVAL '1 hour'`;
const hoursCompared = [
  `(${THE_HOUR})`,
  ...WEEKS.map((weeks) => `(${THE_HOUR} - INTERVAL '${7 * weeks} days')`),
].join(', ');

const anomaly: AlertRule = {
  name: 'feature-spend-anomaly',
  title: 'Feature spends unlike itself',
  sql: always({
    tables: {
      hours: `SELECT feature, hour, sum(cost_usd)::DOUBLE AS cost_usd
FROM usage_hourly
WHERE hour IN (${hoursCompared})
GROUP BY ALL`,
      // A feature that is younger than what it is compared with has no hours to compare.
      grown: `SELECT DISTINCT feature FROM usage_hourly
WHERE hour BETWEEN ${THE_HOUR} - INTERVAL '35 days' AND ${THE_HOUR} - INTERVAL '28 days'`,
    },
    found: `SELECT
  g.feature,
  coalesce(max(cost_usd) FILTER (hour = ${THE_HOUR}), 0)
    / greatest(${ANOMALY_FLOOR_USD}, coalesce(max(cost_usd) FILTER (hour < ${THE_HOUR}), 0)) AS value
FROM grown g LEFT JOIN hours h ON h.feature IS NOT DISTINCT FROM g.feature
GROUP BY g.feature
ORDER BY value DESC
LIMIT ${MAX_SERIES}`,
    labels: ['feature'],
    otherwise: 0,
  }),
  fires: { above: 2 },
  forDuration: '5m',
  severity: 'warning',
  team: 'product',
  summary:
    'Feature {{ .Labels.feature }} cost {{ printf "%.1f" .Values.B.Value }} times as much in the last hour as at most in this hour of the four weeks before.',
  description: `The last whole hour of the feature cost more than twice the greatest of the same hour of the week, four weeks back (or than ${ANOMALY_FLOOR_USD} USD where that is more). Features in use for less than four weeks are not compared.`,
  panel: { dashboard: 'features', title: 'Spend by feature' },
};

/** USD; by what one use of a feature is sold for, this is the most that none should reach. */
const ACTION_LIMIT_USD = 10;

const action: AlertRule = {
  name: 'action-over-limit',
  title: 'Single action above its limit',
  sql: always({
    found: `SELECT action_id AS action, feature, customer, sum(cost_usd) AS value
FROM usage
WHERE event_time >= now() - INTERVAL '6 hours' AND billing_role = 'billed'
GROUP BY ALL
HAVING sum(cost_usd) > ${ACTION_LIMIT_USD}
ORDER BY value DESC
LIMIT ${MAX_SERIES}`,
    labels: ['action', 'feature', 'customer'],
    otherwise: 0,
  }),
  fires: { above: ACTION_LIMIT_USD },
  forDuration: '0s',
  severity: 'warning',
  team: 'product',
  summary:
    'Action {{ .Labels.action }} of {{ .Labels.feature }} for {{ .Labels.customer }} has cost {{ printf "%.2f" .Values.B.Value }} USD.',
  description: `The calls of one action in the last six hours cost more than ${ACTION_LIMIT_USD} USD: often an agent that does not end.`,
  panel: { dashboard: 'calls', title: 'Most expensive actions' },
};

/** What is compared: the last hours, whole ones and the one that has begun, with the week before them. */
const RECENT = `hour >= ${THIS_HOUR} - INTERVAL '6 hours'`;
const WEEK_AND_RECENT = `hour >= ${THIS_HOUR} - INTERVAL '7 days 6 hours'`;

const cache: AlertRule = {
  name: 'cache-hit-collapse',
  title: 'Cache hits have collapsed',
  sql: always({
    tables: {
      sums: `SELECT
  feature,
  model,
  sum(input_tokens) FILTER (${RECENT})::DOUBLE AS input_now,
  sum(cache_read_tokens) FILTER (${RECENT})::DOUBLE AS read_now,
  sum(input_tokens) FILTER (NOT (${RECENT}))::DOUBLE AS input_before,
  sum(cache_read_tokens) FILTER (NOT (${RECENT}))::DOUBLE AS read_before
FROM usage_hourly
WHERE ${WEEK_AND_RECENT}
GROUP BY feature, model`,
    },
    // Only where the cache was worth something, and enough came in to tell.
    found: `SELECT feature, model, (coalesce(read_now, 0) / input_now) / (read_before / input_before) AS value
FROM sums
WHERE input_now >= 100000 AND input_before >= 1000000 AND read_before >= 0.1 * input_before
ORDER BY value
LIMIT ${MAX_SERIES}`,
    labels: ['feature', 'model'],
    otherwise: 1,
  }),
  fires: { below: 0.5 },
  forDuration: '15m',
  severity: 'warning',
  team: 'product',
  summary:
    '{{ .Labels.feature }} on {{ .Labels.model }}: the share of input read from the cache is {{ humanizePercentage .Values.B.Value }} of what it was.',
  description:
    'Over the last six hours less than half as much of the input was read from the cache of the provider as over the week before, where it was a tenth or more.',
  panel: { dashboard: 'features', title: 'Input read from the cache' },
};

const failing: AlertRule = {
  name: 'error-cost-share',
  title: 'Failed calls and retries cost much',
  sql: always({
    // Below one dollar the share says little.
    found: `SELECT feature, sum(failed_cost_usd)::DOUBLE / sum(cost_usd)::DOUBLE AS value
FROM usage_hourly
WHERE ${RECENT}
GROUP BY feature
HAVING sum(cost_usd) >= 1
ORDER BY value DESC NULLS LAST
LIMIT ${MAX_SERIES}`,
    labels: ['feature'],
    otherwise: 0,
  }),
  fires: { above: 0.1 },
  forDuration: '15m',
  severity: 'warning',
  team: 'product',
  summary:
    '{{ .Labels.feature }}: {{ humanizePercentage .Values.B.Value }} of what it cost lately went into calls that failed.',
  description:
    'Over the last six hours more than a tenth of the cost of the feature was for calls that ended in an error, whether another attempt made them good or not.',
  panel: { dashboard: 'features', title: 'Spend on failed calls' },
};

const output: AlertRule = {
  name: 'output-tokens-jump',
  title: 'Answers have become much longer',
  sql: always({
    tables: {
      sums: `SELECT
  feature,
  model,
  sum(calls) FILTER (${RECENT})::DOUBLE AS calls_now,
  sum(output_tokens) FILTER (${RECENT})::DOUBLE AS output_now,
  sum(calls) FILTER (NOT (${RECENT}))::DOUBLE AS calls_before,
  sum(output_tokens) FILTER (NOT (${RECENT}))::DOUBLE AS output_before
FROM usage_hourly
WHERE ${WEEK_AND_RECENT}
GROUP BY feature, model`,
    },
    found: `SELECT feature, model, (output_now / calls_now) / (output_before / calls_before) AS value
FROM sums
WHERE calls_now >= 50 AND calls_before >= 500 AND output_before > 0
ORDER BY value DESC
LIMIT ${MAX_SERIES}`,
    labels: ['feature', 'model'],
    otherwise: 1,
  }),
  fires: { above: 2 },
  forDuration: '15m',
  severity: 'warning',
  team: 'product',
  summary:
    '{{ .Labels.feature }} on {{ .Labels.model }}: an answer has {{ printf "%.1f" .Values.B.Value }} times as many tokens as before.',
  description:
    'Over the last six hours a call had more than twice as many output tokens as over the week before (from 50 calls on, against 500).',
  panel: { dashboard: 'features', title: 'Tokens per call' },
};

export const spendRules: AlertGroup = {
  name: 'Spanledger features',
  everyMinutes: 5,
  rules: [anomaly, action, cache, failing, output],
};
