import {
  CREDIT_SCALE,
  divideHalfAwayFromZero,
  formatDecimal,
  type MicroCredits,
  type Ratio,
  USD_SCALE,
  type UsdFemto,
} from '../amount.ts';
import type { LotBalance } from './account.ts';
import type { PeriodMargin } from './margin.ts';
import type { BreakdownRow, Statement } from './statement.ts';

/** A statement as it is sent: amounts are decimal texts, instants RFC 3339. The same statement is the same text. */
export function statementJson(statement: Statement) {
  const { period, terms, usage, breakdown } = statement;
  return {
    customer: statement.customer,
    at: instant(statement.atMicros),
    period: {
      number: period.period,
      start: instant(period.bounds.startMicros),
      end: instant(period.bounds.endMicros),
      zone: period.anchor.zone,
      is_trial: period.isTrial,
    },
    plan: terms?.plan ?? null,
    plan_version: terms?.version ?? null,
    next_reset: statement.nextResetMicros === null ? null : instant(statement.nextResetMicros),
    next_plan: statement.nextPlan,
    allowance: credits(statement.allowance),
    granted: {
      allowance: credits(statement.granted.allowance),
      promotional: credits(statement.granted.promotional),
      trial: credits(statement.granted.trial),
      rollover: credits(statement.granted.rollover),
      purchased: credits(statement.granted.purchased),
    },
    used: credits(usage.used),
    used_from_lots: credits(statement.usedFromLots),
    overage: credits(usage.overage),
    overrun: credits(usage.overrun),
    overdraft: credits(usage.overdraft),
    available: credits(statement.available),
    held: credits(statement.held),
    remaining: credits(statement.remaining),
    at_zero: statement.atZero,
    overage_charge_usd: statement.overageCharge === null ? null : usd(statement.overageCharge),
    overage_charge_usd_rounded: statement.overageCharge === null ? null : cents(statement.overageCharge),
    exhausted_at: statement.exhaustedMicros === null ? null : instant(statement.exhaustedMicros),
    lots: statement.lots.map(lotJson),
    by_feature: breakdown.byFeature.map(rowJson),
    by_user: breakdown.byUser.map(rowJson),
    by_model: breakdown.byModel.map(rowJson),
  };
}

export type StatementJson = ReturnType<typeof statementJson>;

export function lotJson({ lot, consumed, expired, rolledOver, withdrawn, available, held }: LotBalance) {
  return {
    id: lot.id,
    kind: lot.kind,
    amount: credits(lot.amount),
    effective: instant(lot.effectiveMicros),
    expires: lot.expiresMicros === null ? null : instant(lot.expiresMicros),
    consumed: credits(consumed),
    expired: credits(expired),
    rolled_over: credits(rolledOver),
    withdrawn: credits(withdrawn),
    available: credits(available),
    held: credits(held),
  };
}

function rowJson({ name, credits: amount, calls, cost, unpricedCalls }: BreakdownRow) {
  return {
    name,
    credits: credits(amount),
    calls,
    cost_usd: cost === null ? null : usd(cost),
    unpriced_calls: unpricedCalls,
  };
}

/** What a period is worth to whoever sells it: not for the customer. Margin and markup are rounded to six places. */
export function marginJson(margin: PeriodMargin) {
  return {
    revenue_value_usd: usdOrNull(margin.revenueValue),
    covered_value_usd: usdOrNull(margin.coveredValue),
    overage_charge_usd: usdOrNull(margin.overageCharge),
    fee_usd: usd(margin.fee.fee),
    fee_earned_usd: usd(margin.fee.earned),
    fee_unused_usd: usd(margin.fee.unused),
    cost_usd: usdOrNull(margin.cost),
    unpriced_calls: margin.unpricedCalls,
    margin: quotient(margin.margin),
    markup: quotient(margin.markup),
  };
}

export type MarginJson = ReturnType<typeof marginJson>;

/** More places of a quotient than anybody acts on. */
const QUOTIENT_SCALE = 6;

function quotient(value: Ratio | null): string | null {
  if (value === null) return null;
  const scaled = divideHalfAwayFromZero(value.numerator * 10n ** BigInt(QUOTIENT_SCALE), value.denominator);
  return formatDecimal(scaled, QUOTIENT_SCALE);
}

function credits(amount: MicroCredits): string {
  return formatDecimal(amount, CREDIT_SCALE);
}

function usd(amount: UsdFemto): string {
  return formatDecimal(amount, USD_SCALE);
}

function usdOrNull(amount: UsdFemto | null): string | null {
  return amount === null ? null : usd(amount);
}

const CENT_SCALE = 2;

/** As it stands on an invoice line: two places, half away from zero (convention C1). */
function cents(amount: UsdFemto): string {
  const rounded = divideHalfAwayFromZero(amount, 10n ** BigInt(USD_SCALE - CENT_SCALE));
  return formatDecimal(rounded, CENT_SCALE, CENT_SCALE);
}

function instant(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}
