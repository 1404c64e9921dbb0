import type {
  Balance,
  CustomerAccount,
  HoldState,
  LateOverage,
  LotBalance,
  UsageTotals,
} from '../src/credits/account.ts';
import type { PeriodOpenedFact, PlanFact, SubscribedFact } from '../src/credits/fact.ts';
import type { Lot } from '../src/credits/lot.ts';
import type { Anchor, PeriodBounds } from '../src/credits/period.ts';
import type { Plans, PlanTerms } from '../src/credits/plan.ts';
import type { PlanConfiguration, PlansConfiguration } from '../src/credits/plan-configuration.ts';
import { plans } from '../src/credits/plans.ts';

/** What commands, checks and statements read of an account, as a test states it. */
export type StatedAccount = Pick<
  CustomerAccount,
  | 'customer'
  | 'balance'
  | 'termsAt'
  | 'periodAt'
  | 'hold'
  | 'mayHaveForgotten'
  | 'planFacts'
  | 'closedUntilMicros'
>;

export interface AccountStatement {
  readonly available?: bigint;
  readonly held?: bigint;
  readonly promised?: bigint;
  readonly lots?: readonly LotBalance[];
  readonly usage?: Partial<UsageTotals>;
  readonly lateOverage?: readonly LateOverage[];
  readonly period?: PeriodOpenedFact | null;
  /** Those of the period when left out. */
  readonly terms?: PlanTerms | null;
  readonly planFacts?: readonly PlanFact[];
  readonly holds?: readonly HoldState[];
  readonly closedUntilMicros?: number | null;
}

export function anAccount(stated: AccountStatement): StatedAccount {
  const period = stated.period ?? null;
  const usage: UsageTotals = { used: 0n, overage: 0n, overrun: 0n, overdraft: 0n, ...stated.usage };
  const lots = stated.lots ?? [];
  const available = stated.available ?? sum(lots, 'available');
  const held = stated.held ?? sum(lots, 'held');
  return {
    customer: 'acme',
    balance: (atMicros): Balance => ({
      atMicros,
      period,
      available,
      held,
      promised: stated.promised ?? 0n,
      lots,
      periodUsage: usage,
      lateOverage: stated.lateOverage ?? [],
      total: { ...usage, granted: available + held + usage.used, expired: 0n },
    }),
    termsAt: () => (stated.terms === undefined ? (period?.terms ?? null) : stated.terms),
    periodAt: () => period,
    hold: (id) => stated.holds?.find(({ fact }) => fact.hold === id) ?? null,
    mayHaveForgotten: () => false,
    planFacts: stated.planFacts ?? [],
    closedUntilMicros: stated.closedUntilMicros ?? null,
  };
}

function sum(lots: readonly LotBalance[], part: 'available' | 'held'): bigint {
  return lots.reduce((total, lot) => total + lot[part], 0n);
}

export function plansOf(configuration: PlansConfiguration): Plans {
  const parsed = plans(configuration);
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.plans;
}

/** The terms of a plan that costs 49 USD for 20,000 credits, but for what the test says. */
export function terms(configuration: Partial<PlanConfiguration> = {}, plan = 'pro'): PlanTerms {
  const found = plansOf({ [plan]: { fee_usd: '49', allowance: '20000', ...configuration } }).termsAt(plan, 0);
  if (found === null) throw new Error('expected terms');
  return found;
}

export function aPeriod(
  bounds: PeriodBounds,
  planTerms: PlanTerms | null = terms(),
  more: Partial<Pick<PeriodOpenedFact, 'period' | 'isTrial' | 'anchor'>> = {},
): PeriodOpenedFact {
  return {
    kind: 'period_opened',
    id: `period:${more.period ?? 1}`,
    atMicros: bounds.startMicros,
    recordedMicros: bounds.startMicros,
    actor: null,
    reason: null,
    period: 1,
    bounds,
    isTrial: false,
    terms: planTerms,
    anchor: { day: 1, zone: 'UTC' },
    ...more,
  };
}

export function subscribed(
  atMicros: number,
  plan = 'pro',
  more: { readonly anchor?: Anchor; readonly trialEndsMicros?: number } = {},
): SubscribedFact {
  return {
    kind: 'subscribed',
    id: `subscribed:${atMicros}`,
    atMicros,
    recordedMicros: atMicros,
    actor: null,
    reason: null,
    plan,
    anchor: more.anchor ?? { day: 1, zone: 'UTC' },
    trialEndsMicros: more.trialEndsMicros ?? null,
  };
}

export function aLot(id: string, more: Partial<Lot> = {}): Lot {
  return {
    id,
    kind: 'allowance',
    amount: credits('100'),
    priority: 0,
    effectiveMicros: 0,
    expiresMicros: null,
    source: 'test',
    paidUsd: null,
    ...more,
  };
}

/** A lot of which so much was used, and all the rest is available. */
export function usedLot(lot: Lot, consumed: bigint): LotBalance {
  return {
    lot,
    consumed,
    expired: 0n,
    rolledOver: 0n,
    withdrawn: 0n,
    available: lot.amount - consumed,
    held: 0n,
  };
}

/** Micro-credits of a whole number of credits, or of a decimal. */
export function credits(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

export function micros(instant: string): number {
  const at = Date.parse(instant) * 1000;
  if (!Number.isFinite(at)) throw new Error(`expected an instant, got ${instant}`);
  return at;
}
