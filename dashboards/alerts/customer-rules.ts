import type { AlertGroup, AlertRule } from './rule.ts';
import { always, MAX_SERIES, THIS_HOUR } from './sql.ts';

const DAYS_LEFT = 7;
/** More days than any rule asks for: whoever burns nothing never runs out. */
const FOR_EVER_DAYS = 9999;

const running: AlertRule = {
  name: 'credits-running-out',
  title: 'Customer is running out of credits',
  sql: always({
    tables: {
      // Of a customer who began two days ago, two days are measured and not seven; but a day at least.
      burned: `SELECT
  customer,
  sum(credits)::DOUBLE
    / greatest(1, least(7, extract(epoch FROM now() - min(hour)) / 86400)) AS credits_a_day
FROM credit_hourly
WHERE account = 'used' AND hour >= ${THIS_HOUR} - INTERVAL '7 days'
GROUP BY customer
HAVING sum(credits) > 0`,
      // Whoever was never given any has none to run out of.
      granted: `SELECT DISTINCT customer FROM credit_hourly WHERE kind = 'grant'`,
    },
    // Only those it is about: there may be many thousand customers, and each would be a series.
    found: `SELECT customer, greatest(0, available_credits)::DOUBLE / credits_a_day AS value
FROM credit_balances JOIN burned USING (customer) SEMI JOIN granted USING (customer)
WHERE greatest(0, available_credits)::DOUBLE / credits_a_day < ${DAYS_LEFT}
ORDER BY value, customer
LIMIT ${MAX_SERIES}`,
    labels: ['customer'],
    otherwise: FOR_EVER_DAYS,
  }),
  fires: { below: DAYS_LEFT },
  forDuration: '15m',
  severity: 'warning',
  team: 'product',
  summary:
    '{{ .Labels.customer }} has credits for {{ printf "%.1f" .Values.B.Value }} days at the pace of the last week.',
  description: `What the customer may still use lasts for less than ${DAYS_LEFT} days at the mean of the last seven. What happens then is the overage policy of the plan.`,
  panel: { dashboard: 'customers', title: 'Who runs out first' },
};

/** USD that a customer must cost in a week before a loss is worth a message. */
const MARGIN_FLOOR_USD = 1;

const margin: AlertRule = {
  name: 'margin-negative',
  title: 'Customer costs more than the credits are worth',
  sql: always({
    // Whoever has no plan has nothing to compare with.
    found: `SELECT customer, (coalesce(sum(value_usd), 0) - sum(cost_usd))::DOUBLE AS value
FROM margin_hourly
WHERE hour >= ${THIS_HOUR} - INTERVAL '7 days' AND credit_value_usd IS NOT NULL
GROUP BY customer
HAVING sum(cost_usd) > coalesce(sum(value_usd), 0) AND sum(cost_usd) >= ${MARGIN_FLOOR_USD}
ORDER BY value, customer
LIMIT ${MAX_SERIES}`,
    labels: ['customer'],
    otherwise: 0,
  }),
  fires: { below: 0 },
  forDuration: '1h',
  severity: 'warning',
  team: 'finance',
  summary:
    '{{ .Labels.customer }}: over the last week the burned credits were worth {{ printf "%.2f" .Values.B.Value }} USD less their cost.',
  description: `The credits that the customer burned in the last seven days are worth less, by the plan, than the calls cost (customers from ${MARGIN_FLOOR_USD} USD on).`,
  panel: { dashboard: 'customers', title: 'Customers that cost more than they earn' },
};

export const customerRules: AlertGroup = {
  name: 'Spanledger customers',
  everyMinutes: 15,
  rules: [running, margin],
};
