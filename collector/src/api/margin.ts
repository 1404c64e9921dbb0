import {
  CREDIT_SCALE,
  instantMicros,
  type MicroCredits,
  marginJson,
  marginOfCredits,
  type PlanTerms,
  parseDecimal,
  type Ratio,
  USD_SCALE,
  type UsdFemto,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import type { AccountKey } from '../ledger/account-store.ts';
import { creditsText, Decimal, Instant, InstantText, instantText, TextOrNull } from './amounts.ts';
import { textOrNull } from './cells.ts';
import { type CreditsParts, keyOf, TENANT } from './credits.ts';
import { aProblem, InvalidRequest, type Problem } from './problems.ts';
import { ErrorSchema } from './schemas.ts';
import type { ApiServer } from './server.ts';
import { MarginSchema } from './statement.ts';

const MarginQuery = Type.Object({
  by: Type.Enum(['plan', 'feature', 'customer'], {
    description: 'plan: that which a customer has at the end of the time.',
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
      const uses = rows.map(useOf);
      const lastUsed = lastUsedIn(uses);
      const atMicros = Math.min(parts.nowMillis() * 1000, toMicros - 1);
      const termsAt = (customer: string | null, micros: number) =>
        customer === null ? null : parts.ledger.accounts.termsAt(keyOf(customer), micros, atMicros);
      const groups = new Map<string | null, Group>();
      const total = emptyGroup();
      for (const some of byCustomers(uses)) {
        await parts.ledger.accounts.during(some.keys, () => {
          for (const use of some.uses) {
            const name = by === 'plan' ? (termsAt(use.customer, atMicros)?.plan ?? null) : use[by];
            const group = groups.get(name) ?? emptyGroup();
            groups.set(name, group);
            const terms = termsAt(use.customer, lastUsed.get(periodText(use)) ?? atMicros);
            for (const sums of [group, total]) add(sums, use, terms);
          }
        });
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

/** Customers whose accounts are opened at a time: they know under which plan something was used. */
const MAX_CUSTOMERS_AT_ONCE = 2000;

interface UsesOfSome {
  readonly keys: AccountKey[];
  readonly uses: Use[];
}

function* byCustomers(uses: readonly Use[]): Generator<UsesOfSome> {
  const customers = new Map<string | null, Use[]>();
  for (const use of uses) {
    const known = customers.get(use.customer);
    if (known === undefined) customers.set(use.customer, [use]);
    else known.push(use);
  }
  let some: UsesOfSome = { keys: [], uses: [] };
  for (const [customer, ofCustomer] of customers) {
    if (customer !== null) some.keys.push(keyOf(customer));
    for (const use of ofCustomer) some.uses.push(use);
    if (some.keys.length < MAX_CUSTOMERS_AT_ONCE) continue;
    yield some;
    some = { keys: [], uses: [] };
  }
  if (some.uses.length > 0) yield some;
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
  readonly cost: UsdFemto | null;
  readonly unpricedCalls: number;
  readonly lastMicros: number | null;
}

function useOf(row: readonly unknown[]): Use {
  const [customer, period, feature, used, covered, overage, cost, unpriced, last] = row;
  return {
    customer: textOrNull(customer),
    period: textOrNull(period),
    feature: textOrNull(feature),
    used: amountOf(used, CREDIT_SCALE),
    covered: amountOf(covered, CREDIT_SCALE),
    overage: amountOf(overage, CREDIT_SCALE),
    cost: cost === null ? null : amountOf(cost, USD_SCALE),
    unpricedCalls: Number(unpriced),
    lastMicros: last === null ? null : Number(last),
  };
}

/** The terms at the last use in a period say what all its credits are worth, as in its statement. */
function lastUsedIn(uses: readonly Use[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const use of uses) {
    if (use.lastMicros === null) continue;
    const key = periodText(use);
    last.set(key, Math.max(last.get(key) ?? 0, use.lastMicros));
  }
  return last;
}

function periodText({ customer, period }: Use): string {
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

function add(group: Group, use: Use, terms: PlanTerms | null): void {
  const { coveredValue, overageCharge } = marginOfCredits(
    {
      covered: use.covered,
      creditValue: terms?.creditValue ?? null,
      overage: use.overage,
      overagePrice: terms?.overage.price ?? null,
    },
    { cost: null, unpricedCalls: 0 },
  );
  group.used += use.used;
  group.coveredValue = sumOf(group.coveredValue, use.covered === 0n ? 0n : coveredValue);
  group.overageCharge = sumOf(group.overageCharge, overageCharge);
  if (use.cost !== null) group.cost = (group.cost ?? 0n) + use.cost;
  group.unpricedCalls += use.unpricedCalls;
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

/** Credits by when they were booked, and cost by when calls ended; fees are nobody's of these. */
const SELECT_USE = `
WITH
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
  sum(moved.credits) AS used,
  coalesce(sum(moved.credits) FILTER (source IN ('available', 'held')), 0) AS covered,
  coalesce(sum(moved.credits) FILTER (source = 'overage'), 0) AS overage,
  NULL::DECIMAL(38, 15) AS cost_usd,
  0 AS unpriced_calls,
  epoch_us(max(moved.effective_at)) AS last_used
FROM moved
LEFT JOIN ledger.usage_record u
  ON u.trace_id = moved.trace_id AND u.span_id = moved.span_id AND u.tenant = (SELECT code FROM tenant)
LEFT JOIN holds ON holds.hold = moved.hold AND holds.customer = moved.customer
GROUP BY ALL
UNION ALL
SELECT customer, NULL, feature, 0, 0, 0, sum(cost_usd), count(*) FILTER (cost_usd IS NULL), NULL
FROM ledger.usage_record
WHERE tenant = (SELECT code FROM tenant) AND event_time >= make_timestamptz($2::BIGINT)
  AND event_time < make_timestamptz($3::BIGINT)
  AND billing_role = (SELECT code FROM ledger.word WHERE word = 'billed')
GROUP BY ALL`;
