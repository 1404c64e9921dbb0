import {
  type BreakdownRow,
  CREDIT_SCALE,
  type KnownCost,
  type MicroCredits,
  parseDecimal,
  USD_SCALE,
} from '@spanledger/metering';
import type { AccountSums, LotSums, SumsQuestion } from '../ledger/account-sums.ts';

type Query = (
  sql: string,
  params: readonly (string | number | null)[],
) => Promise<{ readonly rows: readonly (readonly unknown[])[] }>;

/** In one statement, so that all of it is as of one moment. */
export async function readAccountSums(query: Query, question: SumsQuestion): Promise<AccountSums> {
  const { tenant, customer, period, untilMicros } = question;
  const { startMicros, endMicros } = period.bounds;
  const { rows } = await query(SUMS, [tenant, customer, period.period, startMicros, endMicros, untilMicros]);
  const lots = new Map<string, Writable<LotSums>>();
  const total = { used: 0n, overage: 0n, overrun: 0n, overdraft: 0n, granted: 0n, expired: 0n };
  const periodUsage = { used: 0n, overage: 0n, overrun: 0n, overdraft: 0n };
  const lateOverage = new Map<number, MicroCredits>();
  const breakdown = {
    byFeature: [] as BreakdownRow[],
    byUser: [] as BreakdownRow[],
    byModel: [] as BreakdownRow[],
  };
  for (const [part, account, name, kind, isIn, isInPeriod, lateFor, amount, calls, cost, unpriced] of rows) {
    const credits = amountOf(amount, CREDIT_SCALE);
    switch (part) {
      case 'balance':
        switch (account) {
          case 'available':
          case 'held':
            addToLot(lots, String(name), account, String(kind), isIn === true, credits);
            if (kind === 'grant' || kind === 'withdrawal') total.granted += credits;
            break;
          case 'used':
            total.used += credits;
            if (isInPeriod === true) periodUsage.used += credits;
            break;
          case 'expired':
            total.expired += credits;
            break;
          case 'overage':
          case 'overrun':
          case 'overdraft':
            total[account] -= credits;
            if (isInPeriod === true) periodUsage[account] -= credits;
            if (isInPeriod === true && account === 'overage' && lateFor !== null) {
              const number = Number(lateFor);
              lateOverage.set(number, (lateOverage.get(number) ?? 0n) - credits);
            }
            break;
        }
        break;
      case 'feature':
      case 'user':
      case 'model':
        breakdown[LISTS[part]].push({
          name: name === null ? null : String(name),
          credits,
          calls: Number(calls),
          cost: cost === null ? null : amountOf(cost, USD_SCALE),
          unpricedCalls: Number(unpriced),
        });
        break;
    }
  }
  return {
    lots,
    total,
    periodUsage,
    lateOverage,
    cost: costOf(breakdown.byFeature),
    breakdown: {
      byFeature: addingUp(breakdown.byFeature, periodUsage.used),
      byUser: addingUp(breakdown.byUser, periodUsage.used),
      byModel: addingUp(breakdown.byModel, periodUsage.used),
    },
  };
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const LISTS = { feature: 'byFeature', user: 'byUser', model: 'byModel' } as const;

function addToLot(
  lots: Map<string, Writable<LotSums>>,
  id: string,
  account: 'available' | 'held',
  kind: string,
  isIn: boolean,
  credits: MicroCredits,
): void {
  let lot = lots.get(id);
  if (lot === undefined) {
    lot = {
      received: 0n,
      consumed: 0n,
      expired: 0n,
      rolledOver: 0n,
      withdrawn: 0n,
      available: 0n,
      held: 0n,
    };
    lots.set(id, lot);
  }
  lot[account] += credits;
  switch (kind) {
    case 'grant':
      lot.received += credits;
      return;
    case 'rollover':
      if (isIn) lot.received += credits;
      else lot.rolledOver -= credits;
      return;
    case 'usage':
    case 'capture':
    case 'settlement':
    case 'repayment':
      lot.consumed -= credits;
      return;
    case 'expiry':
      lot.expired -= credits;
      return;
    case 'withdrawal':
      lot.withdrawn -= credits;
      return;
  }
}

function costOf(rows: readonly BreakdownRow[]): KnownCost {
  let cost: bigint | null = null;
  let unpricedCalls = 0;
  for (const row of rows) {
    if (row.cost !== null) cost = (cost ?? 0n) + row.cost;
    unpricedCalls += row.unpricedCalls;
  }
  return { cost, unpricedCalls };
}

/** What no call or hold tells of is shown as such: the rows always add up to what was used (I5). */
function addingUp(rows: readonly BreakdownRow[], used: MicroCredits): readonly BreakdownRow[] {
  const rest = used - rows.reduce((sum, { credits }) => sum + credits, 0n);
  if (rest === 0n) return rows;
  const unnamed = rows.find(({ name }) => name === null) ?? {
    name: null,
    credits: 0n,
    calls: 0,
    cost: null,
    unpricedCalls: 0,
  };
  return [...rows.filter((row) => row !== unnamed), { ...unnamed, credits: unnamed.credits + rest }];
}

function amountOf(text: unknown, scale: number): bigint {
  const parsed = parseDecimal(String(text), scale);
  if (parsed.kind === 'rejected') throw new RangeError(`the ledger has an amount that is none: ${text}`);
  return parsed.value;
}

/**
 * `balance`: what every account and lot has, by the kind of movement and by whether it belongs to the period. A period
 * that was never opened, because the customer has no plan, has what was used in its time.
 *
 * `feature`, `user`, `model`: credits as they were booked in the period for each call and each settled hold; calls and
 * their cost by the time of their events. Movements that only change which lot has paid for a call cancel each other out.
 *
 * What an account had at an instant is the sum of its steps up to then, as in memory: a movement that corrects the sum of
 * a step has the time of the last usage in it, which need not be that of the usage it is about.
 */
const SUMS = `
WITH
  tenant AS MATERIALIZED (SELECT code FROM ledger.word WHERE word = $1),
  words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word),
  bounds AS MATERIALIZED (
    SELECT
      make_timestamptz($4::BIGINT) AS starts_at,
      make_timestamptz($5::BIGINT) AS ends_at,
      (
        SELECT count(*) > 0 FROM ledger.account_fact
        WHERE kind = 'period_opened' AND customer = $2 AND tenant = (SELECT code FROM tenant)
          AND (content ->> '$.period')::BIGINT = $3::BIGINT
          AND (content ->> '$.bounds.startMicros')::BIGINT = $4::BIGINT
      ) AS is_opened
  ),
  moved AS MATERIALIZED (
    SELECT
      trace_id,
      span_id,
      word[from_account] AS from_account,
      from_lot,
      word[to_account] AS to_account,
      to_lot,
      replace(word[kind], '_correction', '') AS kind,
      ends_with(word[kind], '_correction') AS is_correction,
      amount,
      hold,
      belongs_to_period,
      effective_at >= starts_at AND effective_at < ends_at AS is_in_time,
      CASE
        WHEN is_opened THEN period IS NOT DISTINCT FROM $3::BIGINT
        ELSE effective_at >= starts_at AND effective_at < ends_at
      END AS in_period
    FROM ledger.credit_transfer, words, bounds
    WHERE customer = $2 AND tenant = (SELECT code FROM tenant)
      AND ($6::BIGINT IS NULL OR step_at < make_timestamptz($6::BIGINT))
  ),
  balances AS (
    SELECT account, lot, kind, is_in, in_period, CASE WHEN account = 'overage' THEN belongs END AS late_for, sum(credits) AS credits
    FROM (
      SELECT
        from_account AS account, from_lot AS lot, kind, is_correction AS is_in, in_period, belongs_to_period AS belongs,
        -amount AS credits
      FROM moved
      UNION ALL
      SELECT to_account, to_lot, kind, NOT is_correction, in_period, belongs_to_period, amount FROM moved
    )
    GROUP BY ALL
  ),
  used AS (
    SELECT
      CASE WHEN kind <> 'settlement' THEN trace_id END AS trace_id,
      CASE WHEN kind <> 'settlement' THEN span_id END AS span_id,
      CASE WHEN kind = 'settlement' THEN hold END AS hold,
      sum(CASE WHEN to_account = 'used' THEN amount ELSE -amount END) AS credits
    FROM moved
    WHERE is_in_time AND 'used' IN (from_account, to_account) AND (kind = 'settlement' OR trace_id IS NOT NULL)
    GROUP BY ALL
    HAVING sum(CASE WHEN to_account = 'used' THEN amount ELSE -amount END) <> 0
  ),
  holds AS (
    SELECT content ->> '$.hold' AS hold, any_value(content ->> '$.feature') AS feature
    FROM ledger.account_fact
    WHERE kind = 'hold' AND customer = $2 AND tenant = (SELECT code FROM tenant)
      AND EXISTS (FROM used WHERE used.hold IS NOT NULL)
    GROUP BY ALL
  ),
  labelled AS (
    SELECT
      coalesce(u.feature, holds.feature) AS feature,
      u.user_id,
      coalesce(u.response_model, u.request_model) AS model,
      used.credits,
      0 AS calls,
      NULL::DECIMAL(38, 15) AS cost_usd,
      0 AS unpriced_calls
    FROM used
    LEFT JOIN ledger.usage_record u
      ON u.trace_id = used.trace_id AND u.span_id = used.span_id AND u.tenant = (SELECT code FROM tenant)
    LEFT JOIN holds ON holds.hold = used.hold
    UNION ALL
    SELECT
      feature,
      user_id,
      coalesce(response_model, request_model),
      0,
      1,
      cost_usd,
      (cost_usd IS NULL)::INTEGER
    FROM ledger.usage_record, bounds
    WHERE customer = $2 AND tenant = (SELECT code FROM tenant) AND event_time >= starts_at AND event_time < ends_at
      AND billing_role = (SELECT code FROM ledger.word WHERE word = 'billed')
  )
SELECT
  'balance' AS part, account, lot AS name, kind, is_in, in_period, late_for, credits,
  NULL AS calls, NULL AS cost_usd, NULL AS unpriced_calls
FROM balances
UNION ALL
SELECT
  CASE WHEN grouping(feature) = 0 THEN 'feature' WHEN grouping(user_id) = 0 THEN 'user' ELSE 'model' END,
  NULL,
  CASE WHEN grouping(feature) = 0 THEN feature WHEN grouping(user_id) = 0 THEN user_id ELSE model END,
  NULL, NULL, NULL, NULL,
  sum(credits),
  sum(calls),
  sum(cost_usd),
  sum(unpriced_calls)
FROM labelled
GROUP BY GROUPING SETS ((feature), (user_id), (model))
ORDER BY part, credits DESC, name NULLS LAST`;
