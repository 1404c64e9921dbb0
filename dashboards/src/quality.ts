import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { chartPanel, figuresPanel, statPanel, tablePanel } from './panels.ts';
import { share, UNPRICED_SHARE } from './spend.ts';
import {
  CHOSEN_USAGE,
  chosen,
  columnSeries,
  FROM_CHOSEN,
  hourlySeries,
  IN_RANGE,
  shown,
  sumsOf,
  topSeries,
} from './sql.ts';
import { UNIT } from './units.ts';

/** Whether the figures on the other pages can be trusted, and whether the service is well. */
export function quality() {
  return layOut({
    name: 'quality',
    description:
      'What has no price, what nobody claims, what was said twice, late or wrongly; and how the service that counts it all is doing.',
    from: 'now-7d',
    annotations: ANNOTATIONS,
    sections: [altogether(), pricesAndNames(), spans(), reading(), service()],
  });
}

/** What is kept of all spans knows neither customer nor feature nor class. */
const OF_SPANS = ['environment', 'provider', 'model'] as const;
const NOT_BY = 'Of all customers, features and classes.';
const CHOSEN_SPANS = `${IN_RANGE}\n  AND ${chosen(OF_SPANS)}`;
const OF_SERVICE = 'The variables do not apply.';
/** The service is looked at every minute. */
const IN_MINUTES = '$__timeFilter(sampled_at)';
const MINUTE = '1m';

function altogether() {
  return section(
    'Altogether',
    line(
      4,
      [
        figuresPanel({
          title: 'Of billed calls',
          figures: {
            'Unpriced tokens': UNPRICED_SHARE,
            'Without a customer': {
              says: 'the share of billed calls that nobody claims: they burn no credits.',
              of: share('sum(calls) FILTER (customer IS NULL)', 'sum(calls)'),
              unit: UNIT.share,
              decimals: 2,
              steps: [['green'], ['yellow', 0.01], ['red', 0.05]],
            },
          },
          from: FROM_CHOSEN,
        }),
        7,
      ],
      [
        figuresPanel({
          title: 'Of all spans',
          description: NOT_BY,
          figures: {
            Containers: {
              says: 'spans that wrap a call that is billed elsewhere: billing them too would charge twice.',
              of: "coalesce(sum(spans) FILTER (billing_role = 'container'), 0)",
              unit: UNIT.count,
            },
            Duplicates: {
              says: 'spans that repeat a call that is billed elsewhere: second instrumentations, gateways.',
              of: "coalesce(sum(spans) FILTER (billing_role = 'duplicate'), 0)",
              unit: UNIT.count,
            },
            Late: {
              says: 'the share of spans that came more than an hour after they ended: of history that was imported, all.',
              of: share('sum(late_spans)', 'sum(spans)'),
              unit: UNIT.share,
              decimals: 1,
              steps: [['green'], ['yellow', 0.05]],
            },
          },
          from: `FROM usage_quality_hourly\nWHERE ${CHOSEN_SPANS}`,
        }),
        9,
      ],
      [
        statPanel({
          title: 'Not taken',
          description: `Malformed spans, and spans with the identity of another but other content. They are kept aside, with the reason. ${OF_SERVICE}`,
          sql: `SELECT coalesce(sum(rejected), 0) AS "Rejected", coalesce(sum(quarantined), 0) AS "Quarantined"
FROM ingest_health
WHERE ${IN_RANGE}`,
          unit: UNIT.count,
          named: true,
          steps: [['green'], ['yellow', 1]],
        }),
        5,
      ],
      [
        statPanel({
          title: 'Waiting',
          description: `How long the oldest accepted span had waited to be posted when the service was last looked at. ${OF_SERVICE}`,
          sql: `SELECT arg_max(journal_waiting_seconds, sampled_at) AS "Waiting" FROM pipeline_health
WHERE ${IN_MINUTES}`,
          unit: UNIT.seconds,
          decimals: 0,
          steps: [['green'], ['yellow', 10], ['red', 60]],
          noValue: 'not looked at',
        }),
        3,
      ],
    ),
  );
}

function pricesAndNames() {
  const unpriced = tablePanel({
    title: 'Calls without a price',
    description: `By model and reason, the most tokens first. Name a price or an alias in the configuration, then: spanledger rerate. ${NOT_BY}`,
    sql: `SELECT ${shown('model')} AS "Model", price_status AS "Reason", sum(spans) AS "Calls",
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS "Tokens", max(hour) AS "Last"
FROM usage_quality_hourly
WHERE ${CHOSEN_SPANS} AND billing_role = 'billed'
  AND (starts_with(price_status, 'unpriced') OR price_status = 'partial')
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2
LIMIT 100`,
    unit: UNIT.count,
    columns: {
      Model: { unit: UNIT.text, link: { title: 'The model', url: linkTo('models', { model: 'Model' }) } },
      Reason: { unit: UNIT.text, width: 180 },
      Last: { unit: UNIT.time, width: 170 },
    },
  });
  const overTime = chartPanel({
    title: 'Unpriced and unattributed',
    description: 'The shares of tokens without a price, and of calls without customer and feature.',
    sql: hourlySeries({
      from: 'usage_hourly',
      where: CHOSEN_USAGE,
      of: {
        ...sumsOf('calls', 'unpriced_tokens'),
        tokens: 'sum(input_tokens + output_tokens)',
        without_customer: 'sum(calls) FILTER (customer IS NULL)',
        without_feature: 'sum(calls) FILTER (feature IS NULL)',
      },
      values: {
        'Tokens without a price': 'sum(unpriced_tokens) / nullif(sum(tokens), 0)',
        'Calls without a customer': 'coalesce(sum(without_customer), 0) / nullif(sum(calls), 0)',
        'Calls without a feature': 'coalesce(sum(without_feature), 0) / nullif(sum(calls), 0)',
      },
    }),
    unit: UNIT.share,
    draw: 'lines',
    calcs: ['lastNotNull', 'max'],
    min: 0,
  });
  const services = tablePanel({
    title: 'Who does not say who it is for',
    description: `Billed calls by service and emitter: the share that named no customer, and no feature. ${NOT_BY}`,
    sql: `SELECT ${shown('service')} AS "Service", ${shown('dialect')} AS "Emitter", sum(spans) AS "Calls",
  sum(spans_without_customer) / sum(spans) AS "No customer", sum(spans_without_feature) / sum(spans) AS "No feature"
FROM usage_quality_hourly
WHERE ${CHOSEN_SPANS} AND billing_role = 'billed'
GROUP BY 1, 2
ORDER BY sum(spans_without_customer) DESC, 3 DESC, 1, 2
LIMIT 100`,
    unit: UNIT.count,
    columns: {
      Service: { unit: UNIT.text },
      Emitter: { unit: UNIT.text },
      'No customer': { unit: UNIT.share, decimals: 1, steps: [['text'], ['yellow', 0.01], ['red', 0.05]] },
      'No feature': { unit: UNIT.share, decimals: 1, steps: [['text'], ['yellow', 0.01], ['red', 0.05]] },
    },
  });
  const gap = tablePanel({
    title: 'Cost against what emitters reported',
    description: `Where an emitter reports a cost itself: its sum, that of the price book for the same calls, and the gap. The reported one is never charged. ${NOT_BY}`,
    sql: `SELECT ${shown('model')} AS "Model", sum(reported_spans) AS "Calls",
  sum(reported_cost_usd) AS "Reported", sum(cost_of_reported_usd) AS "Price book",
  sum(reported_cost_usd) / nullif(sum(cost_of_reported_usd), 0) - 1 AS "Gap"
FROM usage_quality_hourly
WHERE ${CHOSEN_SPANS} AND reported_spans > 0
GROUP BY 1
ORDER BY abs(sum(reported_cost_usd) - sum(cost_of_reported_usd)) DESC, 1
LIMIT 100`,
    unit: UNIT.usd,
    columns: {
      Model: { unit: UNIT.text },
      Calls: { unit: UNIT.count },
      Gap: { unit: UNIT.share, decimals: 1, steps: [['yellow'], ['green', -0.02], ['yellow', 0.02]] },
    },
  });
  return section(
    'Prices and names',
    line(9, [unpriced, 12], [overTime, 12]),
    line(9, [services, 12], [gap, 12]),
  );
}

function spans() {
  const byText = (title: string, column: string, description: string) =>
    chartPanel({
      title,
      description: `${description} ${NOT_BY}`,
      sql: topSeries({
        from: 'usage_quality_hourly',
        columns: ['spans'],
        where: CHOSEN_SPANS,
        by: shown(column),
        value: 'sum(spans)',
      }),
      unit: UNIT.count,
      draw: 'bars',
      stack: 'sum',
      legend: 'bottom',
    });
  return section(
    'Spans',
    line(
      9,
      [
        byText(
          'By billing role',
          'billing_role',
          'billed: the call itself; container and duplicate: it is billed elsewhere; ignored: bills no tokens; pending: more spans must tell.',
        ),
        8,
      ],
      [byText('By emitter', 'dialect', 'As which instrumentation the spans were read.'), 8],
      [
        byText(
          'By usage status',
          'usage_status',
          'reported by the provider; estimated by the emitter; missing: a needed count is absent; invalid: counts contradict each other.',
        ),
        8,
      ],
    ),
  );
}

function reading() {
  const read = chartPanel({
    title: 'Spans read',
    description: `What became of the spans that the ledger read, by when it did. Repeated: they had come before. ${OF_SERVICE}`,
    sql: columnSeries(
      {
        'Usage records': 'sum(usage_records)',
        'No model calls': 'sum(not_model_calls)',
        Repeated: 'sum(duplicates)',
        Rejected: 'sum(rejected)',
        Quarantined: 'sum(quarantined)',
      },
      'ingest_health',
      IN_RANGE,
    ),
    unit: UNIT.count,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
  });
  const corrected = chartPanel({
    title: 'Corrections and late spans',
    description: `Rows of usage that others took the place of, because more was known of their trace or prices, by when the ledger did so; and spans that came more than an hour after they ended, by when they ended.`,
    sql: `WITH both_of_them AS (
  SELECT hour, corrections, 0 AS late_spans FROM ingest_health WHERE ${IN_RANGE}
  UNION ALL
  SELECT hour, 0, late_spans FROM usage_quality_hourly
  WHERE ${CHOSEN_SPANS}
)
SELECT $__timeGroup(hour, $__interval) AS "time", sum(corrections) AS "Corrections", sum(late_spans) AS "Late spans"
FROM both_of_them
GROUP BY 1
ORDER BY 1`,
    unit: UNIT.count,
    draw: 'bars',
    calcs: ['sum'],
  });
  return section('Reading', line(9, [read, 12], [corrected, 12]));
}

function service() {
  const panel = (
    title: string,
    description: string,
    columns: Readonly<Record<string, string>>,
    unit: (typeof UNIT)[keyof typeof UNIT],
    draw: 'bars' | 'lines',
  ) =>
    chartPanel({
      title,
      description: `${description} ${OF_SERVICE}`,
      sql: columnSeries(columns, 'pipeline_health', IN_MINUTES, 'sampled_at'),
      unit,
      draw,
      ...(draw === 'bars' ? { stack: 'sum' } : {}),
      legend: 'bottom',
      finest: MINUTE,
      min: 0,
    });
  return section(
    'Service',
    line(
      8,
      [
        panel(
          'Requests',
          'OTLP requests that were taken; refused for good (4xx); and sent away to come again (503) because the disk or a bound was full.',
          {
            Taken: 'sum(requests - requests_refused - requests_deferred)',
            Refused: 'sum(requests_refused)',
            'Come again': 'sum(requests_deferred)',
          },
          UNIT.count,
          'bars',
        ),
        8,
      ],
      [
        panel(
          'Lag',
          'How long the oldest accepted span waits to be posted: the most in the time of each point.',
          { Waiting: 'max(journal_waiting_seconds)' },
          UNIT.seconds,
          'lines',
        ),
        8,
      ],
      [
        panel(
          'Journal and ledger file',
          'Bytes on disk: the journal that is kept, the part of it that waits to be posted, and the ledger file.',
          {
            'Journal, waiting': 'max(journal_lag_bytes)',
            'Journal, kept': 'max(journal_kept_bytes)',
            'Ledger file': 'max(database_bytes)',
          },
          UNIT.bytes,
          'lines',
        ),
        8,
      ],
    ),
    line(
      8,
      [
        panel(
          'Queries',
          'Statements of readers that were answered; that failed; and that were ended, by a limit or because the reader cancelled.',
          {
            Answered: 'sum(statements - statements_failed - statements_ended)',
            Failed: 'sum(statements_failed)',
            Ended: 'sum(statements_ended)',
          },
          UNIT.count,
          'bars',
        ),
        8,
      ],
      [
        panel(
          'Restarts',
          'Ends of the ledger process because of a statement of a reader (memory, or it could not be stopped), and all of its restarts. Spans are taken meanwhile, and none is lost.',
          { 'Reader kills': 'sum(reader_kills)', 'Restarts of the ledger': 'sum(ledger_restarts)' },
          UNIT.count,
          'bars',
        ),
        8,
      ],
      [
        panel(
          'Memory',
          'Resident memory of the two processes: the most in the time of each point.',
          { Ledger: 'max(ledger_memory_bytes)', Receiver: 'max(receiver_memory_bytes)' },
          UNIT.bytes,
          'lines',
        ),
        8,
      ],
    ),
  );
}
