import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { type Column, chartPanel, figuresPanel, tablePanel } from './panels.ts';
import { CALLS, COST_BY, FAILED_SHARE, SPEND, share } from './spend.ts';
import { CHOSEN_CALLS, CHOSEN_USAGE, FROM_CHOSEN, hourlySeries, shown, sumsOf, topSeries } from './sql.ts';
import { UNIT } from './units.ts';

/** The home of a product manager: what each feature costs, per call and per success, and why. */
export function features() {
  return layOut({
    name: 'features',
    description:
      'What each feature costs: by call, by success and by customer, from which models, caches and retries.',
    from: 'now-30d',
    annotations: ANNOTATIONS,
    sections: [altogether(), byFeature(), why(), whoUsesThem()],
  });
}

const BY_FEATURE = { from: 'usage_hourly', where: CHOSEN_USAGE, by: shown('feature') } as const;

const PER_CALL = 'sum(cost_usd) / nullif(sum(calls - unpriced_calls), 0)';
const PER_SUCCESS = 'sum(cost_usd) / nullif(sum(successful_calls), 0)';
const TOKENS_PER_CALL = 'sum(input_tokens + output_tokens) / nullif(sum(calls - calls_without_usage), 0)';
const CACHE_SHARE = 'sum(cache_read_tokens) / nullif(sum(input_tokens), 0)';

function altogether() {
  const figures = figuresPanel({
    title: 'Of the time range',
    figures: {
      Spend: SPEND,
      Calls: CALLS,
      'Cost per call': {
        says: 'USD for each call that has a price.',
        of: PER_CALL,
        unit: UNIT.usd,
        noValue: 'no calls',
      },
      'Cost per success': {
        says: 'all that was spent, failed attempts included, for each call that ended well.',
        of: PER_SUCCESS,
        unit: UNIT.usd,
        noValue: 'no success',
      },
      'Tokens per call': {
        says: 'input and output tokens for each call that told its usage.',
        of: TOKENS_PER_CALL,
        unit: UNIT.tokens,
        noValue: 'no calls',
      },
      'Failed calls': FAILED_SHARE,
    },
    from: FROM_CHOSEN,
  });
  return section('Altogether', line(5, [figures, 24]));
}

const FEATURE_COLUMNS: Readonly<Record<string, Column>> = {
  Feature: {
    unit: UNIT.text,
    width: 220,
    link: { title: 'Only this feature', url: linkTo('features', { feature: 'Feature' }) },
  },
  Spend: { unit: UNIT.usd, gauge: true },
  Calls: { link: { title: 'Its calls', url: linkTo('calls', { feature: 'Feature' }) } },
  'Cost per call': { unit: UNIT.usd },
  'Cost per success': { unit: UNIT.usd },
  'Cached input': { unit: UNIT.share, decimals: 0 },
  Failed: { unit: UNIT.share, decimals: 1, steps: [['text'], ['yellow', 0.02], ['red', 0.1]] },
  'Spend on failed': { unit: UNIT.usd },
};

function byFeature() {
  return section(
    'Feature by feature',
    line(10, [
      tablePanel({
        title: 'Features',
        description:
          'One row for each feature. Cost per success is all of its spend, failed attempts included, by the calls that ended well.',
        sql: `SELECT ${shown('feature')} AS "Feature", sum(cost_usd) AS "Spend", sum(calls) AS "Calls",
  ${PER_CALL} AS "Cost per call", ${PER_SUCCESS} AS "Cost per success",
  ${TOKENS_PER_CALL} AS "Tokens per call", ${CACHE_SHARE} AS "Cached input",
  ${share('sum(failed_calls)', 'sum(calls)')} AS "Failed",
  sum(failed_cost_usd) AS "Spend on failed", sum(credits) AS "Credits", count(DISTINCT customer) AS "Customers"
${FROM_CHOSEN}
GROUP BY 1
ORDER BY 2 DESC NULLS LAST, 1
LIMIT 200`,
        unit: UNIT.count,
        columns: FEATURE_COLUMNS,
      }),
      24,
    ]),
    line(
      9,
      [
        chartPanel({
          title: 'Spend by feature',
          description: 'USD by feature; the eight greatest of the time range by name, all others together.',
          sql: topSeries({ ...BY_FEATURE, ...COST_BY }),
          unit: UNIT.usd,
          draw: 'bars',
          stack: 'sum',
          calcs: ['sum'],
        }),
        12,
      ],
      [
        chartPanel({
          title: 'Calls by feature',
          description: 'Billed calls by feature; the eight with the most by name, all others together.',
          sql: topSeries({ ...BY_FEATURE, columns: ['calls'], value: 'sum(calls)' }),
          unit: UNIT.count,
          draw: 'bars',
          stack: 'sum',
          calcs: ['sum'],
        }),
        12,
      ],
    ),
    line(
      9,
      [
        chartPanel({
          title: 'Cost per success',
          description:
            'USD of all attempts by the calls that ended well. It climbs with longer prompts, dearer models and retries.',
          sql: topSeries({
            ...BY_FEATURE,
            columns: ['cost_usd', 'successful_calls'],
            value: PER_SUCCESS,
            rank: 'sum(cost_usd)',
          }),
          unit: UNIT.usd,
          draw: 'lines',
          calcs: ['lastNotNull'],
          min: 0,
        }),
        12,
      ],
      [
        chartPanel({
          title: 'Tokens per call',
          description: 'Input and output tokens for each call that told its usage.',
          sql: topSeries({
            ...BY_FEATURE,
            columns: ['input_tokens', 'output_tokens', 'calls', 'calls_without_usage', 'cost_usd'],
            value: TOKENS_PER_CALL,
            rank: 'sum(cost_usd)',
          }),
          unit: UNIT.tokens,
          draw: 'lines',
          calcs: ['lastNotNull'],
          min: 0,
        }),
        12,
      ],
    ),
  );
}

function why() {
  return section(
    'Where the cost comes from',
    line(
      9,
      [
        chartPanel({
          title: 'Model mix',
          description: 'The share of each model in the spend of the chosen features.',
          sql: topSeries({ from: 'usage_hourly', where: CHOSEN_USAGE, by: shown('model'), ...COST_BY }),
          unit: UNIT.usd,
          draw: 'bars',
          stack: 'share',
          legend: 'bottom',
        }),
        8,
      ],
      [
        chartPanel({
          title: 'Tokens by class',
          description:
            'Every token once: input that no cache had, read from and written to a cache, output and the reasoning in it.',
          sql: hourlySeries({
            from: 'usage_hourly',
            where: CHOSEN_USAGE,
            of: sumsOf(
              'uncached_input_tokens',
              'cache_read_tokens',
              'cache_write_tokens',
              'output_tokens',
              'reasoning_tokens',
            ),
            values: {
              'Input, not cached': 'sum(uncached_input_tokens)',
              'Input, read from cache': 'sum(cache_read_tokens)',
              'Input, written to cache': 'sum(cache_write_tokens)',
              Output: 'sum(output_tokens - reasoning_tokens)',
              Reasoning: 'sum(reasoning_tokens)',
            },
          }),
          unit: UNIT.tokens,
          draw: 'bars',
          stack: 'sum',
          legend: 'bottom',
        }),
        8,
      ],
      [
        chartPanel({
          title: 'Input read from the cache',
          description:
            'The share of input tokens that the provider had cached. A fall makes every call dearer.',
          sql: topSeries({
            ...BY_FEATURE,
            columns: ['cache_read_tokens', 'input_tokens', 'cost_usd'],
            value: CACHE_SHARE,
            rank: 'sum(cost_usd)',
          }),
          unit: UNIT.share,
          draw: 'lines',
          legend: 'bottom',
          min: 0,
          max: 1,
        }),
        8,
      ],
    ),
    line(
      9,
      [
        chartPanel({
          title: 'Spend on failed calls',
          description:
            'USD of calls that ended in an error, by feature: another attempt had to be paid for, or the user got nothing.',
          sql: topSeries({
            ...BY_FEATURE,
            columns: ['failed_cost_usd'],
            value: 'sum(failed_cost_usd)',
          }),
          unit: UNIT.usd,
          draw: 'bars',
          stack: 'sum',
          legend: 'bottom',
        }),
        8,
      ],
      [
        chartPanel({
          title: 'How calls ended',
          description:
            'Calls that ended well, that failed but were made good by another attempt, and that failed for good.',
          sql: hourlySeries({
            from: 'usage_hourly',
            where: CHOSEN_USAGE,
            of: sumsOf('calls', 'failed_calls', 'retried_calls'),
            values: {
              Succeeded: 'sum(calls - failed_calls)',
              'Failed, made good': 'sum(retried_calls)',
              'Failed for good': 'sum(failed_calls - retried_calls)',
            },
          }),
          unit: UNIT.count,
          draw: 'bars',
          stack: 'sum',
          legend: 'bottom',
          colours: { Succeeded: 'green', 'Failed, made good': 'yellow', 'Failed for good': 'red' },
        }),
        8,
      ],
      [
        chartPanel({
          title: 'Time to the first token',
          description: 'The mean over calls that are streamed and told it, by feature.',
          sql: topSeries({
            ...BY_FEATURE,
            columns: ['ttft_ms', 'streamed_calls', 'cost_usd'],
            value: 'sum(ttft_ms) / nullif(sum(streamed_calls), 0)',
            rank: 'sum(streamed_calls)',
          }),
          unit: UNIT.ms,
          draw: 'lines',
          legend: 'bottom',
          min: 0,
        }),
        8,
      ],
    ),
  );
}

function whoUsesThem() {
  const sizes = tablePanel({
    title: 'Sizes of calls, last day of the range',
    description:
      'Half of the calls have no more than p50 tokens, all but one of twenty no more than p95. Of the last 24 hours of the time range, because each call is looked at. Users are those that the app named.',
    sql: `SELECT ${shown('feature')} AS "Feature", count(*) AS "Calls",
  quantile_cont(input_tokens + output_tokens, 0.5) AS "Tokens p50",
  quantile_cont(input_tokens + output_tokens, 0.95) AS "Tokens p95",
  quantile_cont(duration_ms, 0.5) AS "Duration p50", quantile_cont(duration_ms, 0.95) AS "Duration p95",
  count(DISTINCT user_id) AS "Users", sum(cost_usd) / nullif(count(DISTINCT user_id), 0) AS "Cost per user"
FROM usage
WHERE ${CHOSEN_CALLS}
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT 200`,
    unit: UNIT.tokens,
    columns: {
      Feature: {
        unit: UNIT.text,
        link: { title: 'Its calls', url: linkTo('calls', { feature: 'Feature' }) },
      },
      'Duration p50': { unit: UNIT.ms },
      'Duration p95': { unit: UNIT.ms },
      'Cost per user': { unit: UNIT.usd },
    },
  });
  const customers = tablePanel({
    title: 'Top customers',
    description: 'Who uses the chosen features the most, by spend.',
    sql: `SELECT ${shown('customer')} AS "Customer", sum(cost_usd) AS "Spend", sum(calls) AS "Calls",
  ${PER_CALL} AS "Cost per call", sum(credits) AS "Credits",
  ${share('sum(failed_calls)', 'sum(calls)')} AS "Failed"
${FROM_CHOSEN}
GROUP BY 1
ORDER BY 2 DESC NULLS LAST, 1
LIMIT 25`,
    unit: UNIT.count,
    columns: {
      Customer: {
        unit: UNIT.text,
        link: { title: 'Credits and margin', url: linkTo('customers', { customer: 'Customer' }) },
      },
      Spend: { unit: UNIT.usd, gauge: true },
      'Cost per call': { unit: UNIT.usd },
      Failed: { unit: UNIT.share, decimals: 1 },
    },
  });
  return section('Who uses them', line(10, [sizes, 14], [customers, 10]));
}
