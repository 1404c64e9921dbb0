import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { chartPanel, figuresPanel, gaugesPanel, statPanel, tablePanel } from './panels.ts';
import {
  BUDGETS_USED,
  BURNED,
  COST_BY,
  FORECAST,
  FORECAST_START,
  GROSS_MARGIN,
  hoursSince,
  MONTH,
  SPEND,
  share,
  UNPRICED_SHARE,
  WORTH_AGAINST_COST,
} from './spend.ts';
import {
  ALL_FILTERS,
  CHOSEN_USAGE,
  chosen,
  FROM_CHOSEN,
  IN_PREVIOUS_RANGE,
  IN_RANGE,
  PREVIOUS_FIRST_HOUR,
  shown,
  topSeries,
} from './sql.ts';
import { UNIT } from './units.ts';

/** The first page of the morning: what was spent, what it earned, where it goes, and whether the figures can be trusted. */
export function overview() {
  return layOut({
    name: 'overview',
    description:
      'What AI calls cost, what they earned in credits, where both are going, and how far the figures can be trusted.',
    from: 'now-14d',
    annotations: ANNOTATIONS,
    sections: [money(), credits(), movement(), trust()],
  });
}

const COSTS_NOT_EARNS = ['customer'] as const;

function money() {
  const money = figuresPanel({
    title: 'Spend',
    with: `WITH ${hoursSince(`least(${PREVIOUS_FIRST_HOUR}, ${FORECAST_START})`)}, ${MONTH}, ranges AS (
  SELECT coalesce(sum(cost_usd) FILTER (${IN_RANGE}), 0) AS cost_usd, sum(cost_usd) FILTER (${IN_PREVIOUS_RANGE}) AS before_usd
  FROM hours
)`,
    from: 'FROM ranges, month',
    figures: {
      'Time range': { ...SPEND, of: 'cost_usd', link: { title: 'Features', url: linkTo('features') } },
      'Against the time before': {
        says: 'the spend of the time range against that of as long a time just before it. Nothing is said where the ledger does not go back that far.',
        of: `CASE WHEN (SELECT hour FROM usage_hourly WHERE hour <= ${PREVIOUS_FIRST_HOUR} LIMIT 1) IS NOT NULL
    THEN cost_usd / nullif(before_usd, 0) - 1 END`,
        unit: UNIT.share,
        steps: [['green'], ['yellow', 0.2], ['red', 0.5]],
        noValue: 'nothing to compare',
      },
      ...FORECAST,
      'This month': {
        ...FORECAST['This month'],
        link: { title: 'Budgets and forecast', url: linkTo('budgets') },
      },
    },
  });
  const budgets = gaugesPanel({
    title: 'Budgets used this month',
    description:
      'How much of each budget is used in the calendar month (UTC) in which the time range ends. The variables do not apply: a budget has a scope of its own.',
    sql: BUDGETS_USED,
    unit: UNIT.share,
    min: 0,
    max: 1,
    steps: [['green'], ['yellow', 0.8], ['red', 1]],
    noValue: 'no budgets are configured',
  });
  return section(
    'Money',
    line(5, [money, 18], [budgets, 6]),
    line(
      9,
      [
        chartPanel({
          title: 'Spend by feature',
          description: 'USD by feature; the eight greatest of the time range by name, all others together.',
          sql: topSeries({ from: 'usage_hourly', where: CHOSEN_USAGE, by: shown('feature'), ...COST_BY }),
          unit: UNIT.usd,
          draw: 'bars',
          stack: 'sum',
          calcs: ['sum'],
        }),
        14,
      ],
      [
        chartPanel({
          title: 'Spend by model',
          description:
            'USD by model that answered; the eight greatest of the time range by name, all others together.',
          sql: topSeries({ from: 'usage_hourly', where: CHOSEN_USAGE, by: shown('model'), ...COST_BY }),
          unit: UNIT.usd,
          draw: 'bars',
          stack: 'sum',
          calcs: ['sum'],
        }),
        10,
      ],
    ),
  );
}

function credits() {
  const byCustomer = 'Of the chosen customers; the other variables do not apply to credits.';
  const sold = statPanel({
    title: 'Credits sold',
    description: `Credits of plans and top-ups that took effect in the time range; what was given away (promotions, trials) is not in it. ${byCustomer}`,
    sql: `SELECT coalesce(sum(granted_credits), 0) AS "Sold" FROM credit_lots
WHERE kind IN ('allowance', 'purchased') AND $__timeFilter(effective_at)
  AND ${chosen(COSTS_NOT_EARNS)}`,
    unit: UNIT.credits,
    steps: [['blue']],
    link: { title: 'Customers', url: linkTo('customers') },
  });
  const margin = statPanel({
    title: 'Gross margin',
    description: `What the burned credits are worth by the plans of their customers, less what the calls of these customers cost, as a share of the worth. Customers without a plan are not in it. ${byCustomer}`,
    sql: GROSS_MARGIN,
    unit: UNIT.share,
    steps: [['red'], ['yellow', 0.2], ['green', 0.5]],
    noValue: 'nothing was sold',
    link: { title: 'Customers', url: linkTo('customers') },
  });
  const burned = figuresPanel({
    title: 'Used',
    figures: {
      'Credits burned': BURNED,
      'Active customers': {
        says: 'customers with at least one billed call in the time range.',
        of: 'count(DISTINCT customer)',
        unit: UNIT.count,
        steps: [['text']],
        link: { title: 'Customers', url: linkTo('customers') },
      },
    },
    from: FROM_CHOSEN,
  });
  const chart = chartPanel({
    title: 'Worth of burned credits against cost',
    description: `USD that the burned credits are worth by the plans of their customers, and what the calls of these customers cost. ${byCustomer}`,
    sql: WORTH_AGAINST_COST,
    unit: UNIT.usd,
    draw: 'lines',
    calcs: ['sum'],
    colours: { 'Worth of credits': 'green', Cost: 'orange' },
  });
  return section('Credits and margin', line(5, [sold, 8], [burned, 8], [margin, 8]), line(8, [chart, 24]));
}

/** What has changed the most, among features, customers and models alike. */
function movement() {
  const changed = (kind: string, column: string) => `SELECT '${kind}' AS kind, ${shown(column)} AS name,
    coalesce(sum(cost_usd) FILTER (is_now), 0) AS cost_usd, coalesce(sum(cost_usd) FILTER (NOT is_now), 0) AS before_usd
  FROM chosen GROUP BY ALL`;
  const movers = tablePanel({
    title: 'Top movers',
    description:
      'Features, customers and models whose spend has changed the most against as long a time before the time range. The same spend appears under each of the three.',
    sql: `WITH chosen AS (
  SELECT feature, customer, model, ${IN_RANGE} AS is_now, sum(cost_usd) AS cost_usd
  FROM usage_hourly
  WHERE hour >= ${PREVIOUS_FIRST_HOUR} AND hour <= $__timeTo()::timestamptz
    AND ${chosen(ALL_FILTERS)}
  GROUP BY ALL
), moved AS (
  ${changed('feature', 'feature')}
  UNION ALL
  ${changed('customer', 'customer')}
  UNION ALL
  ${changed('model', 'model')}
)
SELECT kind AS "Kind", name AS "Name", before_usd AS "Before", cost_usd AS "Now",
  cost_usd - before_usd AS "Change", cost_usd / nullif(before_usd, 0) - 1 AS "Change %"
FROM moved
WHERE cost_usd <> before_usd
ORDER BY abs(cost_usd - before_usd) DESC, kind, name
LIMIT 15`,
    unit: UNIT.usd,
    columns: {
      Kind: { unit: UNIT.text, width: 110 },
      Name: { unit: UNIT.text },
      Change: { steps: [['green'], ['text', 0], ['orange', 0.000001]] },
      'Change %': { unit: UNIT.share, decimals: 0 },
    },
  });
  return section('What has changed', line(10, [movers, 24]));
}

const TO_QUALITY = { title: 'Data quality', url: linkTo('quality') };

function trust() {
  const shares = figuresPanel({
    title: 'Shares of the time range',
    figures: {
      'Unpriced tokens': { ...UNPRICED_SHARE, link: TO_QUALITY },
      'Unattributed spend': {
        says: 'the share of spend that no customer claims: nobody is charged for it.',
        of: share('sum(cost_usd) FILTER (customer IS NULL)', 'sum(cost_usd)'),
        unit: UNIT.share,
        decimals: 2,
        steps: [['green'], ['yellow', 0.01], ['red', 0.05]],
        link: TO_QUALITY,
      },
      'Spend on failed calls': {
        says: 'the share of spend for calls that ended in an error, whether another attempt made it good or not.',
        of: share('sum(failed_cost_usd)', 'sum(cost_usd)'),
        unit: UNIT.share,
        decimals: 2,
        steps: [['green'], ['yellow', 0.02], ['red', 0.1]],
        link: { title: 'Call explorer', url: linkTo('calls') },
      },
    },
    from: FROM_CHOSEN,
  });
  const freshness = statPanel({
    title: 'Ledger is behind by',
    description:
      'How long before the end of the time range the ledger was last written. Long while no spans come in; otherwise see the pipeline.',
    sql: `SELECT greatest(0, extract(epoch FROM $__timeTo()::timestamptz - max(last_commit_at))) AS "Behind"
FROM ingest_health
WHERE hour <= $__timeTo()::timestamptz`,
    unit: UNIT.seconds,
    decimals: 0,
    steps: [['green'], ['yellow', 900], ['red', 3600]],
    noValue: 'nothing was ever read',
    link: { title: 'Pipeline', url: linkTo('quality') },
  });
  return section('Can it be trusted?', line(5, [shares, 15], [freshness, 9]));
}
