import {
  type AccountFact,
  CREDIT_SCALE,
  type CreditWorth,
  creditWorth,
  instantMicros,
  type MicroCredits,
  marginJson,
  marginOfCredits,
  type PlanFact,
  parseDecimal,
  type Ratio,
  USD_SCALE,
  type UsdFemto,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { factOf } from '../ledger/fact-text.ts';
import { creditsText, Decimal, Instant, InstantText, instantText, TextOrNull } from './amounts.ts';
import { textOrNull } from './cells.ts';
import { type CreditsParts, TENANT } from './credits.ts';
import { aProblem, InvalidRequest, type Problem } from './problems.ts';
import { ErrorSchema } from './schemas.ts';
import type { ApiServer } from './server.ts';
import { MarginSchema } from './statement.ts';

const MarginQuery = Type.Object({
  by: Type.Enum(['plan', 'feature', 'customer'], {
    description: 'plan: that of the period in which something was used, at its end or now.',
  }),
  from: Type.Optional(InstantText),
  to: Type.Optional(InstantText),
});

const {
  fee_usd: _fee,
  fee_earned_usd: _earned,
  fee_unused_usd: _unused,
  ...WITHOUT_FEES
} = MarginSchema.properties;

const LineSchema = Type.Object({
  name: TextOrNull,
  credits: Type.String({ description: 'Used, however they were covered.' }),
  ...WITHOUT_FEES,
});
const MarginAnswer = Type.Object({
  by: MarginQuery.properties.by,
  from: Instant,
  to: Instant,
  items: Type.Array(LineSchema, { description: 'The most expensive first; null: what nobody claims.' }),
  total: Type.Object({ credits: Decimal, ...WITHOUT_FEES }),
});

/** What usage of all customers was worth in a time, and what it cost. */
export function marginRoutes(server: ApiServer, parts: CreditsParts): void {
  server.get(
    '/api/margin',
    {
      schema: {
        summary: 'Revenue value, cost and margin by plan, feature or customer',
        description:
          'Credits are worth what they are worth in the statement of their period: all of a period by the last terms in it.',
        tags: ['statements'],
        querystring: MarginQuery,
        response: { 200: MarginAnswer, '4xx': ErrorSchema },
      },
    },
    async (request): Promise<Static<typeof MarginAnswer>> => {
      const { by } = request.query;
      const { fromMicros, toMicros } = rangeOf(request.query, parts.nowMillis());
      await parts.ledger.whenCommitted();
      const { rows } = await parts.query(SELECT_USE, [TENANT, fromMicros, toMicros]);
      const worths = worthsOf((await parts.query(SELECT_PERIODS, [TENANT, fromMicros, toMicros])).rows);
      const groups = new Map<string | null, Group>();
      const total = emptyGroup();
      for (const use of rows.map(useOf)) {
        const worth = worths.get(periodText(use)) ?? NO_WORTH;
        const name = by === 'plan' ? worth.plan : use[by];
        const group = groups.get(name) ?? emptyGroup();
        groups.set(name, group);
        const { overagePrice } =
          use.lateFor === null
            ? worth
            : (worths.get(periodText({ ...use, period: use.lateFor })) ?? NO_WORTH);
        for (const sums of [group, total]) add(sums, use, { ...worth, overagePrice });
      }
      return {
        by,
        from: instantText(fromMicros),
        to: instantText(toMicros),
        items: [...groups]
          .sort(([, one], [, other]) => byCost(one, other))
          .map(([name, group]) => ({ name, ...groupJson(group) })),
        total: groupJson(total),
      };
    },
  );
}

/** The month that runs, in UTC, unless something else is said. */
function rangeOf(
  { from, to }: Static<typeof MarginQuery>,
  nowMillis: number,
): { readonly fromMicros: number; readonly toMicros: number } {
  const problems: Problem[] = [];
  const now = new Date(nowMillis);
  const read = (path: string, text: string | undefined, otherwise: number) => {
    if (text === undefined) return otherwise * 1000;
    const micros = instantMicros(text);
    if (micros === null) problems.push(aProblem(path, 'an instant (2026-12-01T00:00:00Z) or a date', text));
    return micros ?? 0;
  };
  const fromMicros = read('query.from', from, Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  const toMicros = read('query.to', to, Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1));
  if (problems.length === 0 && fromMicros >= toMicros)
    problems.push(aProblem('query.to', 'an instant after from', to));
  if (problems.length > 0) throw new InvalidRequest(problems);
  return { fromMicros, toMicros };
}

/** What was used, or what it cost: of one customer, period and feature. */
interface Use {
  readonly customer: string | null;
  readonly period: string | null;
  readonly feature: string | null;
  readonly used: MicroCredits;
  readonly covered: MicroCredits;
  readonly overage: MicroCredits;
  /** The closed period that the overage belongs to, and whose price it has; null: the one it was booked in. */
  readonly lateFor: string | null;
  readonly cost: UsdFemto | null;
  readonly unpricedCalls: number;
}

function useOf(row: readonly unknown[]): Use {
  const [customer, period, feature, lateFor, used, covered, overage, cost, unpriced] = row;
  return {
    customer: textOrNull(customer),
    period: textOrNull(period),
    feature: textOrNull(feature),
    used: amountOf(used, CREDIT_SCALE),
    covered: amountOf(covered, CREDIT_SCALE),
    overage: amountOf(overage, CREDIT_SCALE),
    lateFor: textOrNull(lateFor),
    cost: cost === null ? null : amountOf(cost, USD_SCALE),
    unpricedCalls: Number(unpriced),
  };
}

/** What credits are worth, by customer and period. */
const NO_WORTH = creditWorth(null, []);

function worthsOf(rows: readonly (readonly unknown[])[]): ReadonlyMap<string, CreditWorth> {
  const worths = new Map<string, CreditWorth>();
  for (const [customer, period, content, ...plans] of rows) {
    const opened = factOf(String(content));
    if (opened.kind !== 'period_opened') throw new Error(`a ${opened.kind} is taken for an opened period`);
    const planFacts = textsOf(plans[0]).map(factOf).filter(isPlanFact);
    const key = periodText({ customer: textOrNull(customer), period: textOrNull(period) });
    worths.set(key, creditWorth(opened, planFacts));
  }
  return worths;
}

function periodText({ customer, period }: Pick<Use, 'customer' | 'period'>): string {
  return JSON.stringify([customer, period]);
}

interface Group {
  used: MicroCredits;
  coveredValue: UsdFemto | null;
  overageCharge: UsdFemto | null;
  cost: UsdFemto | null;
  unpricedCalls: number;
}

function emptyGroup(): Group {
  return { used: 0n, coveredValue: 0n, overageCharge: 0n, cost: null, unpricedCalls: 0 };
}

function add(group: Group, use: Use, { creditValue, overagePrice }: CreditWorth): void {
  const { coveredValue, overageCharge } = marginOfCredits(
    { covered: use.covered, creditValue, overage: [{ credits: use.overage, price: overagePrice }] },
    { cost: null, unpricedCalls: 0 },
  );
  group.used += use.used;
  group.coveredValue = sumOf(group.coveredValue, use.covered === 0n ? 0n : coveredValue);
  group.overageCharge = sumOf(group.overageCharge, overageCharge);
  if (use.cost !== null) group.cost = (group.cost ?? 0n) + use.cost;
  group.unpricedCalls += use.unpricedCalls;
}

/** Null: nothing was told. */
function textsOf(cell: unknown): readonly string[] {
  const texts: unknown = cell === null ? [] : JSON.parse(String(cell));
  return Array.isArray(texts) ? texts.map(String) : [];
}

function isPlanFact(fact: AccountFact): fact is PlanFact {
  return fact.kind === 'subscribed' || fact.kind === 'plan_changed' || fact.kind === 'canceled';
}

/** What is not known makes the sum unknown. */
function sumOf(one: UsdFemto | null, other: UsdFemto | null): UsdFemto | null {
  return one === null || other === null ? null : one + other;
}

function groupJson({ used, coveredValue, overageCharge, cost, unpricedCalls }: Group) {
  const revenueValue = sumOf(coveredValue, overageCharge);
  const earned = revenueValue === null || cost === null ? null : revenueValue - cost;
  const {
    fee_usd: _none,
    fee_earned_usd: _nothing,
    fee_unused_usd: _neither,
    ...json
  } = marginJson({
    coveredValue,
    overageCharge,
    revenueValue,
    cost,
    unpricedCalls,
    margin: quotient(earned, revenueValue),
    markup: quotient(earned, cost),
    fee: { fee: 0n, earned: 0n, unused: 0n },
  });
  return { credits: creditsText(used), ...json };
}

function quotient(numerator: bigint | null, denominator: bigint | null): Ratio | null {
  return numerator === null || denominator === null || denominator <= 0n ? null : { numerator, denominator };
}

function byCost(one: Group, other: Group): number {
  const difference = (other.cost ?? 0n) - (one.cost ?? 0n);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function amountOf(cell: unknown, scale: number): bigint {
  const parsed = parseDecimal(String(cell), scale);
  if (parsed.kind === 'rejected') throw new RangeError(`the ledger has an amount that is none: ${cell}`);
  return parsed.value;
}

/** The periods that have been: one that began where an earlier subscription lives on has never been. */
const PERIODS = `
  opened AS MATERIALIZED (
    SELECT
      customer,
      (content ->> '$.period')::BIGINT AS period,
      make_timestamptz((content ->> '$.bounds.startMicros')::BIGINT) AS starts_at,
      make_timestamptz((content ->> '$.bounds.endMicros')::BIGINT) AS ends_at,
      content
    FROM ledger.account_fact
    WHERE kind = 'period_opened' AND tenant = (SELECT code FROM ledger.word WHERE word = $1)
  ),
  periods AS MATERIALIZED (
    SELECT * FROM opened
    QUALIFY coalesce(starts_at < min(starts_at) OVER (
      PARTITION BY customer ORDER BY period DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true)
  )`;

/** Those in which something may have been used, or booked, in the time; with all that was told about plans. */
const SELECT_PERIODS = `
WITH ${PERIODS},
  told AS (
    SELECT customer, to_json(list(content ORDER BY rowid)) AS facts
    FROM ledger.account_fact
    WHERE kind IN ('subscribed', 'plan_changed', 'canceled') AND tenant = (SELECT code FROM ledger.word WHERE word = $1)
    GROUP BY customer
  )
SELECT customer, period, content, facts
FROM periods LEFT JOIN told USING (customer)
WHERE starts_at < make_timestamptz($3::BIGINT) AND (
  ends_at > make_timestamptz($2::BIGINT)
  OR (customer, period) IN (
    SELECT (customer, belongs_to_period) FROM ledger.credit_transfer
    WHERE belongs_to_period IS NOT NULL AND tenant = (SELECT code FROM ledger.word WHERE word = $1)
      AND effective_at >= make_timestamptz($2::BIGINT) AND effective_at < make_timestamptz($3::BIGINT)
  )
)`;

/**
 * Credits by when they were booked, and cost by when calls ended; fees are nobody's of these. What an allowance has
 * repaid is covered by it, whichever features it was lent for.
 */
const SELECT_USE = `
WITH ${PERIODS},
  words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word),
  tenant AS MATERIALIZED (SELECT code FROM ledger.word WHERE word = $1),
  moved AS MATERIALIZED (
    SELECT
      customer,
      period,
      CASE WHEN starts_with(word[kind], 'settlement') THEN NULL ELSE trace_id END AS trace_id,
      CASE WHEN starts_with(word[kind], 'settlement') THEN NULL ELSE span_id END AS span_id,
      CASE WHEN starts_with(word[kind], 'settlement') THEN hold END AS hold,
      CASE WHEN word[to_account] = 'used' THEN word[from_account] ELSE word[to_account] END AS source,
      CASE WHEN word[to_account] = 'used' THEN amount ELSE -amount END AS credits,
      CASE WHEN 'overage' IN (word[from_account], word[to_account]) THEN belongs_to_period END AS late_for,
      effective_at
    FROM ledger.credit_transfer, words
    WHERE tenant = (SELECT code FROM tenant)
      AND effective_at >= make_timestamptz($2::BIGINT) AND effective_at < make_timestamptz($3::BIGINT)
      AND 'used' IN (word[from_account], word[to_account])
      AND (trace_id IS NOT NULL OR starts_with(word[kind], 'settlement'))
  ),
  holds AS (
    SELECT customer, content ->> '$.hold' AS hold, any_value(content ->> '$.feature') AS feature
    FROM ledger.account_fact
    WHERE kind = 'hold' AND tenant = (SELECT code FROM tenant) AND EXISTS (FROM moved WHERE hold IS NOT NULL)
    GROUP BY ALL
  )
SELECT
  moved.customer,
  moved.period,
  coalesce(u.feature, holds.feature) AS feature,
  moved.late_for,
  sum(moved.credits) AS used,
  coalesce(sum(moved.credits) FILTER (source IN ('available', 'held')), 0) AS covered,
  coalesce(sum(moved.credits) FILTER (source = 'overage'), 0) AS overage,
  NULL::DECIMAL(38, 15) AS cost_usd,
  0 AS unpriced_calls
FROM moved
LEFT JOIN ledger.usage_record u
  ON u.trace_id = moved.trace_id AND u.span_id = moved.span_id AND u.tenant = (SELECT code FROM tenant)
LEFT JOIN holds ON holds.hold = moved.hold AND holds.customer = moved.customer
GROUP BY ALL
UNION ALL
SELECT
  customer,
  period,
  NULL,
  NULL,
  0,
  sum(CASE WHEN word[to_account] = 'overdraft' THEN amount ELSE -amount END),
  0,
  NULL,
  0
FROM ledger.credit_transfer, words
WHERE tenant = (SELECT code FROM tenant)
  AND effective_at >= make_timestamptz($2::BIGINT) AND effective_at < make_timestamptz($3::BIGINT)
  AND starts_with(word[kind], 'repayment')
GROUP BY ALL
UNION ALL
SELECT u.customer, periods.period, u.feature, NULL, 0, 0, 0, sum(u.cost_usd), count(*) FILTER (u.cost_usd IS NULL)
FROM ledger.usage_record u
ASOF LEFT JOIN periods ON periods.customer = u.customer AND u.event_time >= periods.starts_at
WHERE u.tenant = (SELECT code FROM tenant) AND u.event_time >= make_timestamptz($2::BIGINT)
  AND u.event_time < make_timestamptz($3::BIGINT)
  AND u.billing_role = (SELECT code FROM ledger.word WHERE word = 'billed')
GROUP BY ALL`;
