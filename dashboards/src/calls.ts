import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { type Column, chartPanel, figuresPanel, tablePanel } from './panels.ts';
import { CALLS, FAILED_SHARE, SPEND, share } from './spend.ts';
import { CHOSEN_CALLS, CHOSEN_USAGE, FROM_CHOSEN, hourlySeries, LAST_DAY, shown, sumsOf } from './sql.ts';
import { UNIT } from './units.ts';
import { textVariable } from './variables.ts';

/** From a sum to the calls it is made of, and from a call to its trace. */
export function calls() {
  return layOut({
    name: 'calls',
    description:
      'The most expensive actions and calls, what was tried again, what is out of the ordinary; each with a link to its trace.',
    from: 'now-24h',
    annotations: ANNOTATIONS,
    variables: [
      textVariable(
        'action',
        'Action or trace',
        'The id of an action or of a trace, of which all spans are shown.',
      ),
      textVariable(
        'trace_url',
        'Trace URL',
        'The address of the trace backend, up to the id of the trace; this one is of Jaeger.',
        'http://localhost:16686/trace/',
      ),
      textVariable(
        'trace_url_end',
        'after the id',
        'What follows the id of the trace in the address, if anything.',
      ),
    ],
    sections: [altogether(), actions(), single(), oneAction()],
  });
}

const LAST = 'Of the last 24 hours of the time range, because each call is looked at.';
const TOKENS = 'coalesce(input_tokens, 0) + coalesce(output_tokens, 0)';

const TRACE: Column = {
  unit: UNIT.text,
  width: 150,
  link: {
    title: 'Open the trace',
    url: `\${trace_url:raw}\${__data.fields["Trace"]:percentencode}\${trace_url_end:raw}`,
    newTab: true,
  },
};
const ACTION: Column = {
  unit: UNIT.text,
  width: 150,
  link: {
    title: 'All of its spans',
    url: linkTo('calls', { action: 'Action' }, ['trace_url', 'trace_url_end']),
  },
};
const COLUMNS: Readonly<Record<string, Column>> = {
  Action: ACTION,
  Trace: TRACE,
  When: { unit: UNIT.time, width: 170 },
  Feature: {
    unit: UNIT.text,
    link: { title: 'The feature', url: linkTo('features', { feature: 'Feature' }) },
  },
  Customer: {
    unit: UNIT.text,
    link: { title: 'The customer', url: linkTo('customers', { customer: 'Customer' }) },
  },
  Model: { unit: UNIT.text },
  Status: { unit: UNIT.text, width: 80 },
  Cost: { unit: UNIT.usd },
  Duration: { unit: UNIT.ms },
};

/** Those of these columns that a table has. */
const columns = (...names: readonly string[]): Readonly<Record<string, Column>> =>
  Object.fromEntries(Object.entries(COLUMNS).filter(([name]) => names.includes(name)));

function altogether() {
  const chart = chartPanel({
    title: 'Calls',
    description: 'Billed calls that ended well and that failed, and USD spent (right).',
    sql: hourlySeries({
      from: 'usage_hourly',
      where: CHOSEN_USAGE,
      of: sumsOf('calls', 'failed_calls', 'cost_usd'),
      values: { Succeeded: 'sum(calls - failed_calls)', Failed: 'sum(failed_calls)', Spend: 'sum(cost_usd)' },
    }),
    unit: UNIT.count,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
    colours: { Succeeded: 'green', Failed: 'red', Spend: 'blue' },
    overrides: {
      Spend: [
        { id: 'unit', value: UNIT.usd },
        { id: 'custom.drawStyle', value: 'line' },
        { id: 'custom.lineWidth', value: 2 },
        { id: 'custom.fillOpacity', value: 0 },
        { id: 'custom.axisPlacement', value: 'right' },
        { id: 'custom.stacking', value: { mode: 'none', group: 'A' } },
      ],
    },
  });
  const figures = figuresPanel({
    title: 'Of the time range',
    figures: {
      Calls: CALLS,
      Spend: SPEND,
      Failed: FAILED_SHARE,
      'Failed, made good': {
        says: 'of the failed calls the share that another attempt made good.',
        of: share('sum(retried_calls)', 'sum(failed_calls)'),
        unit: UNIT.share,
        decimals: 0,
      },
    },
    from: FROM_CHOSEN,
  });
  return section('Altogether', line(5, [figures, 24]), line(8, [chart, 24]));
}

function actions() {
  const expensive = tablePanel({
    title: 'Most expensive actions',
    description: `One use of a feature with all of its calls. ${LAST}`,
    sql: `SELECT action_id AS "Action", max(event_time) AS "When", ${shown('any_value(feature)')} AS "Feature",
  ${shown('any_value(customer)')} AS "Customer", count(*) AS "Calls", count(*) FILTER (status = 'error') AS "Failed",
  sum(${TOKENS}) AS "Tokens", sum(cost_usd) AS "Cost", sum(credits) AS "Credits", any_value(trace_id) AS "Trace"
FROM usage
WHERE ${CHOSEN_CALLS}
GROUP BY action_id
ORDER BY sum(cost_usd) DESC NULLS LAST, 1
LIMIT 50`,
    unit: UNIT.count,
    columns: {
      ...columns('Action', 'When', 'Feature', 'Customer', 'Trace'),
      Cost: { unit: UNIT.usd, gauge: true },
    },
  });
  const retried = tablePanel({
    title: 'Actions that were tried again',
    description: `Actions with calls that failed: how many calls it took, and what the failed ones cost. ${LAST}`,
    sql: `SELECT action_id AS "Action", max(event_time) AS "When", ${shown('any_value(feature)')} AS "Feature",
  ${shown('any_value(customer)')} AS "Customer", count(*) AS "Calls", count(*) FILTER (status = 'error') AS "Failed",
  CASE WHEN arg_max(status, event_time) = 'error' THEN 'failed' ELSE 'succeeded' END AS "In the end",
  sum(cost_usd) FILTER (status = 'error') AS "Spend on failed", sum(cost_usd) AS "Cost", any_value(trace_id) AS "Trace"
FROM usage
WHERE ${CHOSEN_CALLS}
GROUP BY action_id
HAVING count(*) FILTER (status = 'error') > 0
ORDER BY 6 DESC, 9 DESC NULLS LAST, 1
LIMIT 50`,
    unit: UNIT.count,
    columns: {
      ...columns('Action', 'When', 'Feature', 'Customer', 'Cost', 'Trace'),
      'In the end': { unit: UNIT.text },
      'Spend on failed': { unit: UNIT.usd },
    },
  });
  return section('Actions', line(10, [expensive, 24]), line(9, [retried, 24]));
}

function single() {
  const expensive = tablePanel({
    title: 'Most expensive calls',
    description: `Single calls to a model. ${LAST}`,
    sql: `SELECT event_time AS "When", ${shown('feature')} AS "Feature", ${shown('customer')} AS "Customer",
  ${shown('model')} AS "Model", status AS "Status", input_tokens AS "Input", cache_read_tokens AS "Cached",
  output_tokens AS "Output", cost_usd AS "Cost", credits AS "Credits", duration_ms AS "Duration",
  trace_id AS "Trace"
FROM usage
WHERE ${CHOSEN_CALLS}
ORDER BY cost_usd DESC NULLS LAST
LIMIT 50`,
    unit: UNIT.count,
    columns: columns('When', 'Feature', 'Customer', 'Model', 'Status', 'Cost', 'Duration', 'Trace'),
  });
  const unusual = tablePanel({
    title: 'Out of the ordinary',
    description: `Calls that cost more than four standard deviations above the mean of their feature and model, where there are at least thirty: a prompt that has grown, a loop, a cache that was missed. ${LAST}`,
    sql: `WITH calls AS (
  SELECT event_time, feature, customer, model, ${TOKENS} AS tokens, cost_usd::DOUBLE AS cost_usd, usage_id
  FROM usage
  WHERE ${CHOSEN_CALLS}
    AND cost_usd IS NOT NULL
), ordinary AS (
  SELECT feature, model, avg(cost_usd) AS mean, stddev_samp(cost_usd) AS deviation
  FROM calls GROUP BY feature, model HAVING count(*) >= 30 AND stddev_samp(cost_usd) > 0
)
SELECT event_time AS "When", ${shown('feature')} AS "Feature", ${shown('customer')} AS "Customer", ${shown('model')} AS "Model",
  tokens AS "Tokens", cost_usd AS "Cost", mean AS "Mean cost", (cost_usd - mean) / deviation AS "Deviations",
  usage_id[:32] AS "Trace"
FROM calls JOIN ordinary USING (feature, model)
WHERE cost_usd > mean + 4 * deviation
ORDER BY 8 DESC
LIMIT 50`,
    unit: UNIT.count,
    columns: {
      ...columns('When', 'Feature', 'Customer', 'Model', 'Cost', 'Trace'),
      'Mean cost': { unit: UNIT.usd },
      Deviations: { decimals: 1 },
    },
  });
  return section('Single calls', line(10, [expensive, 24]), line(9, [unusual, 24]));
}

function oneAction() {
  const spans = tablePanel({
    title: 'Spans of the action',
    description: `Every span of the action or trace that is named above, and why it is billed or not; without a name the last spans that came. ${LAST}`,
    sql: `SELECT event_time AS "When", ${shown('operation')} AS "Operation", ${shown('model')} AS "Model", billing_role AS "Billing role",
  coalesce(role_reason, '') AS "Why", status AS "Status", input_tokens AS "Input", output_tokens AS "Output", cost_usd AS "Cost",
  price_status AS "Price", credits AS "Credits", duration_ms AS "Duration",
  trace_id AS "Trace", span_id AS "Span"
FROM usage
WHERE ${LAST_DAY}
  AND (\${action:sqlstring} = '' OR action_id = \${action:sqlstring} OR trace_id = \${action:sqlstring})
ORDER BY event_time DESC
LIMIT 200`,
    unit: UNIT.count,
    columns: {
      ...columns('When', 'Model', 'Status', 'Cost', 'Duration', 'Trace'),
      Operation: { unit: UNIT.text },
      'Billing role': { unit: UNIT.text },
      Why: { unit: UNIT.text, width: 230 },
      Price: { unit: UNIT.text },
      Span: { unit: UNIT.text, width: 150 },
    },
  });
  return section('One action', line(11, [spans, 24]));
}
