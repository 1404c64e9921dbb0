import { type KnownCost, parseDecimal, USD_SCALE } from '@spanledger/metering';
import type { AccountKey } from './ledger/account-store.ts';
import type { QueryResult } from './store/query.ts';

/** Margins fall slowly, and adding up the running periods reads all of their usage. */
export const LOOK_AT_MARGINS_EVERY_MS = 5 * 60_000;

/** The running periods under a plan, with what their calls cost so far, whoever's class they are. */
const RUNNING_COSTS = `
  WITH running AS (
    SELECT customer, period_start, period_end FROM billing_periods
    WHERE plan IS NOT NULL AND period_start <= now() AND period_end > now() AND tenant = 'default'
  )
  SELECT u.customer, sum(u.cost_usd)::VARCHAR, count(*) FILTER (u.cost_usd IS NULL)
  FROM usage u JOIN running r ON r.customer = u.customer
  WHERE u.billing_role = 'billed' AND u.event_time >= r.period_start AND u.event_time < r.period_end
    AND u.event_time >= (SELECT min(period_start) FROM running)
  GROUP BY u.customer`;

/** The cost of the running period of every customer with a plan who has used anything in it. */
export async function runningCosts(
  query: (sql: string) => Promise<QueryResult>,
): Promise<readonly (AccountKey & { readonly cost: KnownCost })[]> {
  const { rows } = await query(RUNNING_COSTS);
  return rows.map(([customer, cost, unpricedCalls]) => ({
    tenant: 'default',
    customer: String(customer),
    cost: { cost: costOf(cost), unpricedCalls: Number(unpricedCalls) },
  }));
}

function costOf(cost: unknown): bigint | null {
  if (cost === null) return null;
  const parsed = parseDecimal(String(cost), USD_SCALE);
  if (parsed.kind === 'rejected') throw new Error(`a cost of the ledger is no amount: ${cost}`);
  return parsed.value;
}
