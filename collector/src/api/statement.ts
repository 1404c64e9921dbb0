import {
  type CustomerAccount,
  instantMicros,
  type LotBalance,
  lotJson,
  marginJson,
  type PeriodOpenedFact,
  periodMargin,
  type StatementSource,
  statementJson,
  statementOf,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import { type AccountSums, committedBalance } from '../ledger/account-sums.ts';
import { Decimal, DecimalOrNull, Instant, InstantOrNull, TextOrNull } from './amounts.ts';
import { creditsOf, textOrNull } from './cells.ts';
import { type CreditsParts, type Customers, keyOf } from './credits.ts';
import { aProblem, InvalidRequest } from './problems.ts';
import { BalanceSchema, CustomerParams, ErrorSchema, LotSchema } from './schemas.ts';
import type { ApiServer } from './server.ts';

const PeriodQuery = Type.Object({
  period: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 40,
      default: 'current',
      description: 'current, previous, the number of a period, or an instant or date that lies in it.',
    }),
  ),
});

const BreakdownSchema = Type.Array(
  Type.Object({
    name: Type.Union([Type.String(), Type.Null()], { description: 'Null: the calls do not say it.' }),
    credits: Decimal,
    calls: Type.Integer(),
    cost_usd: Type.Union([Type.String(), Type.Null()], { description: 'Of the calls that have a cost.' }),
    unpriced_calls: Type.Integer(),
  }),
);

const StatementSchema = Type.Object({
  customer: Type.String(),
  at: Type.String({ description: 'Now, or the last instant of a period that has ended.' }),
  period: Type.Object({
    number: Type.Integer(),
    start: Instant,
    end: Instant,
    zone: Type.String(),
    is_trial: Type.Boolean(),
  }),
  plan: TextOrNull,
  plan_version: TextOrNull,
  next_reset: Type.Union([Type.String(), Type.Null()], { description: 'When credits are given again.' }),
  next_plan: TextOrNull,
  allowance: Type.String({ description: 'Given by the plan for this period, upgrades included.' }),
  granted: Type.Object({
    allowance: Decimal,
    promotional: Decimal,
    trial: Decimal,
    rollover: Decimal,
    purchased: Decimal,
  }),
  used: Type.String({
    description: 'used_from_lots + overage + overrun + overdraft; the sum of each breakdown.',
  }),
  used_from_lots: Type.String({ description: 'With what an allowance has repaid of earlier periods.' }),
  overage: Decimal,
  overrun: Decimal,
  overdraft: Type.String({ description: 'Lent, less what was repaid: of earlier periods, too.' }),
  ...BalanceSchema.properties,
  at_zero: Type.Object(
    { code: Type.Enum(['charge', 'block', 'allow', 'degrade', 'no_plan']), sentence: Type.String() },
    { description: 'What happens when the credits have run out.' },
  ),
  overage_charge_usd: Type.Union([Type.String(), Type.Null()], {
    description:
      'Overage of closed periods, charged late or (below zero) given back, has the price of its period.',
  }),
  overage_charge_usd_rounded: DecimalOrNull,
  exhausted_at: Type.Union([Type.String(), Type.Null()], {
    description:
      'When the credits run out at the pace of this period; null: not before it ends, or too early to tell.',
  }),
  lots: Type.Array(LotSchema),
  by_feature: BreakdownSchema,
  by_user: BreakdownSchema,
  by_model: BreakdownSchema,
});

export const MarginSchema = Type.Object({
  revenue_value_usd: Type.Union([Type.String(), Type.Null()], {
    description: 'Covered credits at the credit value of the plan, and overage at its price.',
  }),
  covered_value_usd: DecimalOrNull,
  overage_charge_usd: DecimalOrNull,
  fee_usd: Decimal,
  fee_earned_usd: Decimal,
  fee_unused_usd: Decimal,
  cost_usd: DecimalOrNull,
  unpriced_calls: Type.Integer({ description: 'Calls whose cost is not known, and lacks in cost_usd.' }),
  margin: Type.Union([Type.String(), Type.Null()], { description: '(revenue - cost) / revenue.' }),
  markup: Type.Union([Type.String(), Type.Null()], { description: '(revenue - cost) / cost.' }),
});
const PeriodMarginSchema = Type.Object({
  customer: Type.String(),
  period: Type.Object({ number: Type.Integer(), start: Instant, end: Instant }),
  plan: TextOrNull,
  ...MarginSchema.properties,
});

const PeriodSchema = Type.Object({
  number: Type.Integer(),
  start: Instant,
  end: Instant,
  is_trial: Type.Boolean(),
  plan: TextOrNull,
  plan_version: TextOrNull,
  used: Decimal,
  overage: Decimal,
  overrun: Decimal,
  overdraft: Decimal,
  expired: Decimal,
  closed_at: InstantOrNull,
  hash: Type.Union([Type.String(), Type.Null()], {
    description: 'Of its totals and of the hash of the period before; null while it may still change.',
  }),
});

/** An account as it is in the file, with the sums that belong to it. */
interface Committed {
  readonly account: StatementSource;
  readonly period: PeriodOpenedFact;
  readonly sums: AccountSums;
  readonly nowMicros: number;
}

/**
 * All that a customer is shown is read from the file, in one statement: what is in memory may be a moment ahead, and two
 * truths in one answer would not add up. What was done to the account before the question is waited for.
 */
export function statementRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  const { ledger } = parts;
  const schema = { tags: ['statements'], params: CustomerParams };

  async function committed(customer: string, wanted: string): Promise<Committed> {
    const nowMicros = parts.nowMillis() * 1000;
    return await customers.during(customer, nowMicros, (account) => committedOf(account, wanted, nowMicros));
  }

  async function committedOf(
    account: CustomerAccount,
    wanted: string,
    nowMicros: number,
  ): Promise<Committed> {
    const { customer } = account;
    await ledger.whenCommitted();
    const period = await periodOf(account, wanted, nowMicros);
    const { endMicros } = period.bounds;
    const hasEnded = endMicros <= nowMicros;
    const sums = await parts.sums({ ...keyOf(customer), period, untilMicros: hasEnded ? endMicros : null });
    return {
      account: {
        customer,
        termsAt: (atMicros) => account.termsAt(atMicros),
        planFacts: account.planFacts,
        balance: (atMicros) => committedBalance(account, sums, period, atMicros, nowMicros),
      },
      period,
      sums,
      nowMicros,
    };
  }

  async function periodOf(
    account: CustomerAccount,
    wanted: string,
    nowMicros: number,
  ): Promise<PeriodOpenedFact> {
    const period = account.periodAt(await instantIn(account, wanted, nowMicros));
    if (period !== null) return asLived(account, period);
    throw unknownPeriod(account.customer, wanted);
  }

  async function instantIn(account: CustomerAccount, wanted: string, nowMicros: number): Promise<number> {
    if (wanted === 'current') return nowMicros;
    if (wanted === 'previous') {
      return (account.periodAt(nowMicros)?.bounds.startMicros ?? nowMicros) - 1;
    }
    if (/^\d{1,6}$/.test(wanted)) {
      const { rows } = await parts.query(
        'SELECT epoch_us(period_start) FROM billing_periods WHERE customer = $1 AND period = $2::BIGINT',
        [account.customer, wanted],
      );
      const start = rows[0]?.[0];
      if (start === undefined) throw unknownPeriod(account.customer, wanted);
      return Number(start);
    }
    const atMicros = instantMicros(wanted);
    if (atMicros !== null) return atMicros;
    throw new InvalidRequest([
      aProblem(
        'query.period',
        'current, previous, the number of a period, or an instant or date in it',
        wanted,
      ),
    ]);
  }

  server.get(
    '/api/customers/:customer/statement',
    {
      schema: {
        ...schema,
        summary: 'Allowance, usage and what is left, of one period',
        querystring: PeriodQuery,
        response: { 200: StatementSchema, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { period = 'current' } = request.query;
      const found = await committed(request.params.customer, period);
      return statementJson(statementOf(found.account, found.period, found.sums.breakdown, found.nowMicros));
    },
  );

  server.get(
    '/api/customers/:customer/margin',
    {
      schema: {
        ...schema,
        summary: 'What the usage of a period is worth, and what it cost. Not for the customer',
        querystring: PeriodQuery,
        response: { 200: PeriodMarginSchema, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { account, period, sums, nowMicros } = await committed(
        request.params.customer,
        request.query.period ?? 'current',
      );
      const atMicros = Math.min(nowMicros, period.bounds.endMicros - 1);
      const { number, start, end } = statementJson(
        statementOf(account, period, sums.breakdown, nowMicros),
      ).period;
      return {
        customer: account.customer,
        period: { number, start, end },
        plan: account.termsAt(atMicros)?.plan ?? null,
        ...marginJson(periodMargin(account.balance(atMicros), account.planFacts, sums.cost)),
      };
    },
  );

  server.get(
    '/api/customers/:customer/lots',
    {
      schema: {
        ...schema,
        summary: 'Every parcel of credits and what has become of it, in the order in which they burn',
        response: { 200: Type.Object({ items: Type.Array(LotSchema) }), '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { account, nowMicros } = await committed(request.params.customer, 'current');
      return { items: account.balance(nowMicros).lots.map((lot: LotBalance) => lotJson(lot)) };
    },
  );

  server.get(
    '/api/customers/:customer/periods',
    {
      schema: {
        ...schema,
        summary: 'The billing periods so far, the latest first',
        response: { 200: Type.Object({ items: Type.Array(PeriodSchema) }), '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { customer } = request.params;
      await customers.account(customer, parts.nowMillis() * 1000);
      await ledger.whenCommitted();
      const { rows } = await parts.query(
        `SELECT period, period_start,
           least(period_end, lead(period_start) OVER (ORDER BY period_start)), is_trial, plan, plan_terms, used_credits, overage_credits,
           overrun_credits, overdraft_credits, expired_credits, closed_at, hash
         FROM billing_periods WHERE customer = $1 ORDER BY period_start DESC`,
        [customer],
      );
      return { items: rows.map(periodJson) };
    },
  );

  server.get(
    '/api/customers/:customer/alerts',
    {
      schema: {
        ...schema,
        summary: 'Alerts that have fired, the latest first',
        response: {
          200: Type.Object({
            items: Type.Array(
              Type.Object({
                id: Type.String(),
                alert: Type.String({ description: 'threshold:80, exhaustion_forecast or negative_margin.' }),
                period: Type.Integer(),
                fired_at: Instant,
                detail: Type.Record(Type.String(), Type.String()),
              }),
            ),
          }),
          '4xx': ErrorSchema,
        },
      },
    },
    async (request) => {
      const { customer } = request.params;
      await customers.account(customer, parts.nowMillis() * 1000);
      await ledger.whenCommitted();
      const { rows } = await parts.query(
        `SELECT alert_id, alert, period, fired_at, detail FROM alerts
         WHERE customer = $1 ORDER BY fired_at DESC, alert LIMIT ${MAX_ALERTS}`,
        [customer],
      );
      return {
        items: rows.map(([id, alert, period, firedAt, detail]) => ({
          id: String(id),
          alert: String(alert),
          period: Number(period),
          fired_at: String(firedAt),
          detail: detailOf(detail),
        })),
      };
    },
  );
}

/** A subscription that begins within a period without a plan ends it: from then on, another one is that of the time. */
function asLived(account: Pick<CustomerAccount, 'periodAt'>, period: PeriodOpenedFact): PeriodOpenedFact {
  const { startMicros } = period.bounds;
  let { endMicros } = period.bounds;
  while (endMicros > startMicros) {
    const last = account.periodAt(endMicros - 1);
    if (last === null || last.period === period.period) break;
    endMicros = last.bounds.startMicros;
  }
  return { ...period, bounds: { startMicros, endMicros } };
}

/** Some of each period: years of them. */
const MAX_ALERTS = 1000;

function unknownPeriod(customer: string, wanted: string): SpanledgerError {
  return new SpanledgerError(
    'SL_PERIOD_UNKNOWN',
    `Expected a period of ${customer}, got ${wanted}. GET /api/customers/{id}/periods lists them.`,
  );
}

function periodJson(row: readonly unknown[]): Static<typeof PeriodSchema> {
  const [
    number,
    start,
    end,
    isTrial,
    plan,
    version,
    used,
    overage,
    overrun,
    overdraft,
    expired,
    closed,
    hash,
  ] = row;
  return {
    number: Number(number),
    start: String(start),
    end: String(end),
    is_trial: isTrial === true,
    plan: textOrNull(plan),
    plan_version: textOrNull(version),
    used: creditsOf(used),
    overage: creditsOf(overage),
    overrun: creditsOf(overrun),
    overdraft: creditsOf(overdraft),
    expired: creditsOf(expired),
    closed_at: textOrNull(closed),
    hash: textOrNull(hash),
  };
}

/** Written by the ledger: texts by name. */
function detailOf(cell: unknown): Record<string, string> {
  const detail: unknown = JSON.parse(String(cell));
  if (typeof detail !== 'object' || detail === null) return {};
  return Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)]));
}
