import {
  type AccountFact,
  type Balance,
  type Breakdown,
  type BreakdownRow,
  billedModel,
  type CustomerAccount,
  type KnownCost,
  type LotBalance,
  type MarginJson,
  type Movement,
  marginJson,
  periodMargin,
  type StatementJson,
  type StatementSource,
  statementJson,
  statementOf,
  type UsageRecord,
} from '@spanledger/metering';
import type { MemoryStore } from '../store/memory.ts';
import { creditsText, usdText } from './amounts.ts';
import { instantText } from './moment.ts';

export type Period = NonNullable<Balance['period']>;

export interface MovementReport {
  readonly customer: string;
  readonly kind: string;
  readonly is_correction: boolean;
  readonly from: string;
  readonly from_lot: string | null;
  readonly to: string;
  readonly to_lot: string | null;
  readonly credits: string;
  readonly at: string;
  readonly hold: string | null;
  readonly period: number | null;
  /** The closed period that late usage belongs to. */
  readonly belongs_to_period: number | null;
}

export function movementReport(customer: string, movement: Movement): MovementReport {
  return {
    customer,
    kind: movement.kind,
    is_correction: movement.isCorrection,
    from: movement.from,
    from_lot: movement.fromLot,
    to: movement.to,
    to_lot: movement.toLot,
    credits: creditsText(movement.amount),
    at: instantText(movement.effectiveMicros),
    hold: movement.hold,
    period: movement.period,
    belongs_to_period: movement.belongsToPeriod,
  };
}

export interface BalanceReport {
  readonly period: number | null;
  readonly period_start: string | null;
  readonly period_end: string | null;
  readonly plan: string | null;
  readonly is_trial: boolean;
  readonly available: string;
  readonly held: string;
  readonly remaining: string;
  /** In the running period. */
  readonly period_used: string;
  /** These, since the beginning. */
  readonly used: string;
  readonly granted: string;
  readonly expired: string;
  readonly overage: string;
  readonly overrun: string;
  readonly overdraft: string;
  /** Of the running period, and not for the customer; null: not known. */
  readonly period_cost_usd: string | null;
  readonly period_revenue_usd: string | null;
  readonly period_margin: string | null;
  /** Those that have something left, in the order in which they burn. */
  readonly lots: readonly {
    readonly id: string;
    readonly kind: LotBalance['lot']['kind'];
    readonly available: string;
    readonly held: string;
    readonly expires: string | null;
  }[];
}

export function balanceReport(
  account: CustomerAccount,
  store: MemoryStore,
  nowMicros: number,
): BalanceReport {
  const balance = account.balance(nowMicros);
  const { period, available, held, lots, periodUsage, total } = balance;
  const cost = periodCost(account, store, nowMicros);
  const margin = marginJson(periodMargin(balance, account.planFacts, cost));
  return {
    period: period?.period ?? null,
    period_start: period === null ? null : instantText(period.bounds.startMicros),
    period_end: period === null ? null : instantText(period.bounds.endMicros),
    plan: account.termsAt(nowMicros)?.plan ?? null,
    is_trial: period?.isTrial ?? false,
    available: creditsText(available),
    held: creditsText(held),
    remaining: creditsText(available + held),
    period_used: creditsText(periodUsage.used),
    used: creditsText(total.used),
    granted: creditsText(total.granted),
    expired: creditsText(total.expired),
    overage: creditsText(total.overage),
    overrun: creditsText(total.overrun),
    overdraft: creditsText(total.overdraft),
    period_cost_usd: margin.cost_usd,
    period_revenue_usd: margin.revenue_value_usd,
    period_margin: margin.margin,
    lots: lots
      .filter((each) => each.available > 0n || each.held > 0n)
      .map((each) => ({
        id: each.lot.id,
        kind: each.lot.kind,
        available: creditsText(each.available),
        held: creditsText(each.held),
        expires: each.lot.expiresMicros === null ? null : instantText(each.lot.expiresMicros),
      })),
  };
}

/** What happened besides usage, in a sentence. */
export interface FactReport {
  readonly customer: string;
  readonly kind: AccountFact['kind'];
  readonly at: string;
  readonly text: string;
}

export function factReport(customer: string, fact: AccountFact): FactReport {
  return { customer, kind: fact.kind, at: instantText(fact.atMicros), text: sentenceOf(fact) };
}

function sentenceOf(fact: AccountFact): string {
  switch (fact.kind) {
    case 'subscribed': {
      const trial =
        fact.trialEndsMicros === null ? '' : `, on trial until ${instantText(fact.trialEndsMicros)}`;
      return `subscribes to ${fact.plan}, anchor day ${fact.anchor.day} in ${fact.anchor.zone}${trial}`;
    }
    case 'plan_changed': {
      const fee = fact.extraFee === 0n ? '' : `, for ${usdText(fact.extraFee)} USD more`;
      return `changes from ${fact.from} to ${fact.to} at ${instantText(fact.atMicros)}${fee}`;
    }
    case 'canceled':
      return `ends the subscription at ${instantText(fact.atMicros)}`;
    case 'period_opened':
      return `period ${fact.period} opens: ${instantText(fact.bounds.startMicros)} to ${instantText(fact.bounds.endMicros)}, ${fact.terms === null ? 'no plan' : fact.terms.plan}${fact.isTrial ? ' on trial' : ''}`;
    case 'period_closed':
      return `period ${fact.period} closes, ${fact.hash}`;
    case 'granted':
      return `lot ${fact.lot.id}: ${creditsText(fact.lot.amount)} credits, ${fact.lot.expiresMicros === null ? 'for ever' : `until ${instantText(fact.lot.expiresMicros)}`}`;
    case 'withdrawn':
      return `${creditsText(fact.amount)} credits taken away: ${fact.reason} (${fact.actor})`;
    case 'hold':
      return `hold ${fact.hold} of ${creditsText(fact.amount)} credits until ${instantText(fact.expiresMicros)}`;
    case 'heartbeat':
      return `hold ${fact.hold} lives until ${instantText(fact.expiresMicros)}`;
    case 'hold_ended':
      return `hold ${fact.hold} ${fact.end}${fact.end === 'settled' ? ` with ${creditsText(fact.actual)} credits` : ''}${fact.isLate ? ', late' : ''}`;
    case 'alert': {
      const details = Object.entries(fact.detail).map(([name, value]) => `${name} ${value}`);
      return `alert ${fact.alert}: ${details.join(', ')}`;
    }
  }
}

export interface StatementReport extends StatementJson {
  /** Not for the customer. */
  readonly margin: MarginJson;
}

/** The statement of a period with the sums of its usage. */
export function statementReport(
  account: StatementSource,
  period: Period,
  store: MemoryStore,
  nowMicros: number,
): StatementReport {
  const { customer } = account;
  const atMicros = Math.min(nowMicros, period.bounds.endMicros - 1);
  const breakdown = breakdownOf(store, customer, period);
  const balance = { ...account.balance(atMicros), period };
  const cost = costOf(store, customer, period);
  return {
    ...statementJson(statementOf(account, period, breakdown, nowMicros)),
    margin: marginJson(periodMargin(balance, account.planFacts, cost)),
  };
}

const NO_COST: KnownCost = { cost: null, unpricedCalls: 0 };

/** What the usage of the running period has cost so far. */
export function periodCost(account: CustomerAccount, store: MemoryStore, nowMicros: number): KnownCost {
  const period = account.periodAt(nowMicros);
  return period === null ? NO_COST : costOf(store, account.customer, period);
}

/** What the usage of a customer cost that ended in the period, whether it burned credits or not. */
function costOf(store: MemoryStore, customer: string, period: Period): KnownCost {
  let cost: bigint | null = null;
  let unpricedCalls = 0;
  for (const { usage, rating } of store.current) {
    if (!isCountedFor(usage, customer) || !isIn(period, usage.eventTimeMicros)) continue;
    if (rating.cost === null) unpricedCalls++;
    else cost = (cost ?? 0n) + rating.cost;
  }
  return { cost, unpricedCalls };
}

/** Usage by the company itself is no cost of the customer, even where it bears the label. */
function isCountedFor(usage: UsageRecord, customer: string): boolean {
  return (
    usage.customer === customer &&
    usage.billingRole === 'billed' &&
    (usage.usageClass === 'customer' || usage.usageClass === 'trial')
  );
}

function isIn({ bounds }: Period, atMicros: number): boolean {
  return bounds.startMicros <= atMicros && atMicros < bounds.endMicros;
}

type Rows = Map<string | null, { -readonly [Field in keyof BreakdownRow]: BreakdownRow[Field] }>;

/**
 * Credits in the period that they are booked in, so that rows add up to what is used (I5); calls and cost in the period
 * in which the calls ended.
 */
function breakdownOf(store: MemoryStore, customer: string, period: Period): Breakdown {
  const features: Rows = new Map();
  const users: Rows = new Map();
  const models: Rows = new Map();
  const rowsOf = (feature: string | null, user: string | null, model: string | null) => [
    row(features, feature),
    row(users, user),
    row(models, model),
  ];
  for (const { usage, bookings } of store.postings) {
    for (const { customer: of, movement } of bookings) {
      const used = of === customer && movement.period === period.period ? usedBy(movement) : 0n;
      if (used === 0n) continue;
      for (const each of rowsOf(usage.feature, usage.userId, billedModel(usage))) each.credits += used;
    }
  }
  const featureOfHold = new Map<string, string | null>();
  for (const { customer: of, facts, movements } of store.accountPostings) {
    if (of !== customer) continue;
    for (const fact of facts) if (fact.kind === 'hold') featureOfHold.set(fact.hold, fact.feature);
    for (const movement of movements) {
      const used = movement.period === period.period ? usedBy(movement) : 0n;
      if (used === 0n) continue;
      const feature = movement.hold === null ? null : (featureOfHold.get(movement.hold) ?? null);
      for (const each of rowsOf(feature, null, null)) each.credits += used;
    }
  }
  for (const { usage, rating } of store.current) {
    if (!isCountedFor(usage, customer) || !isIn(period, usage.eventTimeMicros)) continue;
    for (const each of rowsOf(usage.feature, usage.userId, billedModel(usage))) {
      each.calls++;
      if (rating.cost === null) each.unpricedCalls++;
      else each.cost = (each.cost ?? 0n) + rating.cost;
    }
  }
  return { byFeature: listed(features), byUser: listed(users), byModel: listed(models) };
}

function usedBy({ from, to, amount }: Movement): bigint {
  return to === 'used' ? amount : from === 'used' ? -amount : 0n;
}

function row(rows: Rows, name: string | null) {
  const known = rows.get(name);
  if (known !== undefined) return known;
  const added = { name, credits: 0n, calls: 0, cost: null, unpricedCalls: 0 };
  rows.set(name, added);
  return added;
}

/** In an order that does not depend on that of the deliveries. */
function listed(rows: Rows): readonly BreakdownRow[] {
  return [...rows.values()].sort((one, other) => ((one.name ?? '') < (other.name ?? '') ? -1 : 1));
}
