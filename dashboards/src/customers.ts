import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { chartPanel, figuresPanel, statPanel, tablePanel } from './panels.ts';
import { BURNED, GROSS_MARGIN, WORTH_AGAINST_COST } from './spend.ts';
import { CHOSEN_USAGE, chosen, FIRST_HOUR, FROM_CHOSEN, IN_RANGE, shown, topSeries } from './sql.ts';
import { UNIT } from './units.ts';

/** What customers bought, burned and have left, and what each of them earns or costs. */
export function customers() {
  return layOut({
    name: 'customers',
    description:
      'Credits granted, burned and left; when they run out; what each customer costs and what the burned credits are worth.',
    from: 'now-30d',
    annotations: ANNOTATIONS,
    sections: [altogether(), eachOfThem(), credits(), margins(), whatHappened()],
  });
}

const BY_CUSTOMER = 'Of the chosen customers; the other variables do not apply to accounts.';
const CHOSEN = chosen(['customer']);
const LINK = {
  unit: UNIT.text,
  link: { title: 'Only this customer', url: linkTo('customers', { customer: 'Customer' }) },
} as const;

/** What is burned on a day of late: of the seven days before the end of the range. */
const PACE = `pace AS (
  SELECT customer, sum(credits) / 7 AS per_day
  FROM usage_hourly
  WHERE hour > $__timeTo()::timestamptz - INTERVAL '7 days' AND hour <= $__timeTo()::timestamptz
    AND ${CHOSEN}
  GROUP BY customer
)`;

/** The plan that each has at the end of the range. */
const PLANS = `plans AS (
  SELECT customer, plan, overage_policy, period_end, allowance_credits, used_credits
  FROM billing_periods
  WHERE period_start <= $__timeTo()::timestamptz AND period_end > $__timeTo()::timestamptz
    AND ${CHOSEN}
)`;

function altogether() {
  return section(
    'Altogether',
    line(
      4,
      [
        statPanel({
          title: 'Customers with a plan',
          description: `At the end of the time range. ${BY_CUSTOMER}`,
          sql: `WITH ${PLANS}
SELECT count(DISTINCT customer) AS "Customers" FROM plans`,
          unit: UNIT.count,
          steps: [['blue']],
        }),
        4,
      ],
      [figuresPanel({ title: 'Credits burned', figures: { Burned: BURNED }, from: FROM_CHOSEN }), 4],
      [
        statPanel({
          title: 'Credits left',
          description: `What may still be used, as of now, whatever the time range. ${BY_CUSTOMER}`,
          sql: `SELECT coalesce(sum(available_credits), 0) AS "Left" FROM credit_balances
WHERE ${CHOSEN}`,
          unit: UNIT.credits,
          steps: [['blue']],
        }),
        4,
      ],
      [
        statPanel({
          title: 'Burned beyond the lots',
          description: `Credits used at zero: sold as overage, lent, or used though the plan blocks. ${BY_CUSTOMER}`,
          sql: `SELECT coalesce(-sum(credits) FILTER (account = 'overage'), 0) AS "Sold",
  coalesce(-sum(credits) FILTER (account = 'overdraft'), 0) AS "Lent",
  coalesce(-sum(credits) FILTER (account = 'overrun'), 0) AS "Overrun"
FROM credit_hourly
WHERE ${IN_RANGE} AND account IN ('overage', 'overdraft', 'overrun')
  AND ${CHOSEN}`,
          unit: UNIT.credits,
          named: true,
        }),
        6,
      ],
      [
        statPanel({
          title: 'Gross margin',
          description: `What the burned credits are worth by the plans, less what the calls of these customers cost, as a share of the worth. ${BY_CUSTOMER}`,
          sql: GROSS_MARGIN,
          unit: UNIT.share,
          steps: [['red'], ['yellow', 0.2], ['green', 0.5]],
          noValue: 'nothing was sold',
        }),
        3,
      ],
      [
        statPanel({
          title: 'Books balance',
          description:
            'What all accounts add up to, over all time and customers. Each transfer has two legs, so anything but zero is a fault of the ledger.',
          sql: `SELECT coalesce(sum(credits), 0) AS "Difference" FROM credit_hourly`,
          unit: UNIT.credits,
          steps: [['red'], ['green', 0], ['red', 0.000001]],
        }),
        3,
      ],
    ),
  );
}

function eachOfThem() {
  const everyone = tablePanel({
    title: 'Customers',
    description: `Cost and worth of the time range; plan and use of the billing period that runs at its end; what is left as of now. Days left: what is left, at the pace of the last seven days. ${BY_CUSTOMER}`,
    sql: `WITH earned AS (
  SELECT customer, sum(credits) AS credits, sum(value_usd) AS value_usd, sum(cost_usd) AS cost_usd
  FROM margin_hourly
  WHERE ${IN_RANGE}
    AND ${CHOSEN}
  GROUP BY customer
), ${PACE}, ${PLANS}
SELECT ${shown('e.customer')} AS "Customer", p.plan AS "Plan", e.cost_usd AS "Cost", e.value_usd AS "Worth",
  e.value_usd - e.cost_usd AS "Earned", (e.value_usd - e.cost_usd) / nullif(e.value_usd, 0) AS "Margin",
  e.credits AS "Burned", p.used_credits / nullif(p.allowance_credits, 0) AS "Of allowance",
  b.available_credits AS "Left", b.available_credits / nullif(pace.per_day, 0) AS "Days left",
  p.period_end AS "Period ends"
FROM earned e
LEFT JOIN plans p ON p.customer = e.customer
LEFT JOIN credit_balances b ON b.customer = e.customer
LEFT JOIN pace ON pace.customer = e.customer
ORDER BY e.cost_usd DESC NULLS LAST, 1
LIMIT 500`,
    unit: UNIT.credits,
    columns: {
      Customer: LINK,
      Plan: { unit: UNIT.text },
      Cost: { unit: UNIT.usd, gauge: true },
      Worth: { unit: UNIT.usd },
      Earned: { unit: UNIT.usd, steps: [['red'], ['text', 0]] },
      Margin: { unit: UNIT.share, decimals: 0, steps: [['red'], ['yellow', 0.2], ['green', 0.5]] },
      'Of allowance': { unit: UNIT.share, decimals: 0, steps: [['text'], ['yellow', 0.8], ['red', 1]] },
      'Days left': { unit: UNIT.days, decimals: 1, steps: [['red'], ['yellow', 3], ['text', 7]] },
      'Period ends': { unit: UNIT.time, width: 170 },
    },
  });
  return section('Customer by customer', line(11, [everyone, 24]));
}

function credits() {
  const left = chartPanel({
    title: 'Credits left',
    description: `The balance of the eight who burned the most in the time range. A line that falls to zero before the period ends is a customer who runs out. ${BY_CUSTOMER}`,
    sql: `WITH burners AS (
  SELECT customer FROM credit_hourly
  WHERE ${IN_RANGE} AND account = 'used'
    AND ${CHOSEN}
  GROUP BY customer ORDER BY sum(credits) DESC, customer LIMIT 8
), moved AS (
  SELECT greatest(hour, ${FIRST_HOUR}) AS hour, customer, credits
  FROM credit_hourly
  WHERE account = 'available' AND hour <= $__timeTo()::timestamptz
    AND customer IN (SELECT customer FROM burners)
), points AS (
  SELECT $__timeGroup(hour, $__interval) AS "time", customer, sum(credits) AS credits FROM moved GROUP BY 1, 2
)
SELECT "time", customer AS metric, sum(credits) OVER (PARTITION BY customer ORDER BY "time") AS value
FROM points
ORDER BY 1, 2`,
    unit: UNIT.credits,
    draw: 'lines',
    holds: true,
    calcs: ['lastNotNull'],
    min: 0,
  });
  const moved = chartPanel({
    title: 'Credits in and out',
    description: `What came to the lots (above zero) and left them (below), by why. ${BY_CUSTOMER}`,
    sql: topSeries({
      from: 'credit_hourly',
      columns: ['credits'],
      where: `${IN_RANGE} AND account = 'available'\n    AND ${CHOSEN}`,
      by: `replace(kind, '_', ' ')`,
      value: 'sum(credits)',
      rank: 'sum(abs(credits))',
    }),
    unit: UNIT.credits,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
  });
  const burned = chartPanel({
    title: 'Credits burned by customer',
    description: 'By the chosen calls; the eight who burned the most by name, all others together.',
    sql: topSeries({
      from: 'usage_hourly',
      columns: ['credits'],
      where: CHOSEN_USAGE,
      by: shown('customer'),
      value: 'sum(credits)',
    }),
    unit: UNIT.credits,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
  });
  const exhausted = tablePanel({
    title: 'Who runs out first',
    description: `What is left now, at the pace of the seven days before the end of the time range; the soonest first. At zero: what the plan does then. ${BY_CUSTOMER}`,
    sql: `WITH ${PACE}, ${PLANS}
SELECT b.customer AS "Customer", b.available_credits AS "Left", pace.per_day AS "A day",
  b.available_credits / pace.per_day AS "Days left", p.period_end AS "Period ends", p.overage_policy AS "At zero"
FROM credit_balances b
JOIN pace ON pace.customer = b.customer AND pace.per_day > 0
LEFT JOIN plans p ON p.customer = b.customer
WHERE ${chosen(['customer'], 'b.')}
ORDER BY 4, 1
LIMIT 50`,
    unit: UNIT.credits,
    columns: {
      Customer: LINK,
      'Days left': { unit: UNIT.days, decimals: 1, steps: [['red'], ['yellow', 3], ['text', 7]] },
      'Period ends': { unit: UNIT.time, width: 170 },
      'At zero': { unit: UNIT.text },
    },
  });
  return section('Credits', line(9, [left, 12], [moved, 12]), line(9, [burned, 12], [exhausted, 12]));
}

function margins() {
  const overTime = chartPanel({
    title: 'Worth of burned credits against cost',
    description: `USD that the burned credits are worth by the plans, and what the calls of these customers cost. Customers without a plan are not in it. ${BY_CUSTOMER}`,
    sql: WORTH_AGAINST_COST,
    unit: UNIT.usd,
    draw: 'lines',
    calcs: ['sum'],
    colours: { 'Worth of credits': 'green', Cost: 'orange' },
    min: 0,
  });
  const lossMakers = tablePanel({
    title: 'Customers that cost more than they earn',
    description: `Their calls of the time range cost more than the credits that they burned are worth. Calls without a known price make it worse than it looks. ${BY_CUSTOMER}`,
    sql: `SELECT ${shown('customer')} AS "Customer", sum(value_usd) AS "Worth", sum(cost_usd) AS "Cost",
  sum(value_usd) - sum(cost_usd) AS "Earned", (sum(value_usd) - sum(cost_usd)) / nullif(sum(value_usd), 0) AS "Margin"
FROM margin_hourly
WHERE ${IN_RANGE} AND credit_value_usd IS NOT NULL
  AND ${CHOSEN}
GROUP BY 1
HAVING sum(cost_usd) > coalesce(sum(value_usd), 0)
ORDER BY 4, 1
LIMIT 50`,
    unit: UNIT.usd,
    columns: {
      Customer: {
        ...LINK,
        link: { title: 'Its features', url: linkTo('features', { customer: 'Customer' }) },
      },
      Earned: { steps: [['red'], ['text', 0]] },
      Margin: { unit: UNIT.share, decimals: 0, steps: [['red'], ['text', 0]] },
    },
  });
  return section('Margin', line(9, [overTime, 12], [lossMakers, 12]));
}

function whatHappened() {
  const alerts = tablePanel({
    title: 'Alerts of accounts',
    description: `Thresholds that were passed, credits that ran out, margins below target. ${BY_CUSTOMER}`,
    sql: `SELECT fired_at AS "Fired", ${shown('customer')} AS "Customer", alert AS "Alert", regexp_replace(detail::TEXT, '[{}"]', '', 'g') AS "Detail"
FROM alerts
WHERE $__timeFilter(fired_at)
  AND ${CHOSEN}
ORDER BY 1 DESC, 2, 3
LIMIT 200`,
    unit: UNIT.text,
    columns: { Fired: { unit: UNIT.time, width: 170 }, Customer: { ...LINK, width: 160 } },
  });
  const history = tablePanel({
    title: 'What happened to accounts',
    description: `Subscriptions, plans, grants and whoever made them. ${BY_CUSTOMER}`,
    sql: `SELECT effective_at AS "When", ${shown('customer')} AS "Customer", replace(kind, '_', ' ') AS "What",
  coalesce(actor, '') AS "Who", coalesce(reason, '') AS "Why"
FROM account_history
WHERE $__timeFilter(effective_at) AND kind NOT IN ('alert', 'hold', 'hold_ended', 'heartbeat')
  AND ${CHOSEN}
ORDER BY 1 DESC, 2, 3
LIMIT 200`,
    unit: UNIT.text,
    columns: { When: { unit: UNIT.time, width: 170 }, Customer: { ...LINK, width: 160 } },
  });
  return section('What happened', line(9, [alerts, 12], [history, 12]));
}
