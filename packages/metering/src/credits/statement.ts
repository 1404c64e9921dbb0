import type { MicroCredits, UsdFemto } from '../amount.ts';
import type { BookedBalance, CustomerAccount, LotBalance, UsageTotals } from './account.ts';
import { type AtZero, atZero } from './at-zero.ts';
import type { PeriodOpenedFact } from './fact.ts';
import { exhaustionForecast } from './forecast.ts';
import type { LotKind } from './lot.ts';
import { coveredByLots, type KnownCost, marginOfCredits, overageOf } from './margin.ts';
import { grantedInPeriod, periodAllowance } from './period-allowance.ts';
import type { PlanTerms } from './plan.ts';
import { periodAsItWas, subscriptionAt } from './subscription.ts';

/** Everything a customer wants to know about the credits of one period, at one instant. */
export interface Statement {
  readonly customer: string;
  /** Now, or the last instant of a period that has ended. */
  readonly atMicros: number;
  readonly period: PeriodOpenedFact;
  /** In force at that instant; null: no plan. */
  readonly terms: PlanTerms | null;
  /** When credits are given again; null: no period of a plan follows. */
  readonly nextResetMicros: number | null;
  /** That of the next period; null: none follows. */
  readonly nextPlan: string | null;
  /** Given by the plan for this period, upgrades included; in a trial that of the trial. */
  readonly allowance: MicroCredits;
  /** In this period, by the kind of lot; the allowance too. */
  readonly granted: Readonly<Record<LotKind, MicroCredits>>;
  /** `used = usedFromLots + overage + overrun + overdraft`; what was repaid makes the first more, the last less. */
  readonly usage: UsageTotals;
  readonly usedFromLots: MicroCredits;
  readonly available: MicroCredits;
  readonly held: MicroCredits;
  /** Available and held. */
  readonly remaining: MicroCredits;
  readonly atZero: AtZero;
  /**
   * What is invoiced for the overage so far, exactly; below zero: more of a closed period is given back. Null: there is
   * overage, and no plan says its price.
   */
  readonly overageCharge: UsdFemto | null;
  /** When the credits run out at the pace of this period; null: not before it ends, or too early to tell. */
  readonly exhaustedMicros: number | null;
  /** Those that had something in this period, in the order in which they burn. */
  readonly lots: readonly LotBalance[];
  readonly breakdown: Breakdown;
}

/** The same usage, three times: each adds up to `used` (I5). */
export interface Breakdown {
  readonly byFeature: readonly BreakdownRow[];
  readonly byUser: readonly BreakdownRow[];
  readonly byModel: readonly BreakdownRow[];
}

export interface BreakdownRow extends KnownCost {
  /** Null: the calls do not say it. */
  readonly name: string | null;
  readonly credits: MicroCredits;
  readonly calls: number;
}

export const NO_BREAKDOWN: Breakdown = { byFeature: [], byUser: [], byModel: [] };

/** Whoever knows what a customer had at the instant that a statement is of. */
export interface StatementSource extends Pick<CustomerAccount, 'customer' | 'termsAt' | 'planFacts'> {
  balance(atMicros: number): BookedBalance;
}

/**
 * The statement of a period, running or ended. The account has been advanced to now. It knows periods that are not
 * closed; of others the statement is that of its history, or of the sums that the ledger holds.
 */
export function statementOf(
  account: StatementSource,
  opened: PeriodOpenedFact,
  breakdown: Breakdown,
  nowMicros: number,
): Statement {
  const period = periodAsItWas(opened, account.planFacts);
  const { startMicros, endMicros } = period.bounds;
  const atMicros = Math.min(nowMicros, endMicros - 1);
  const balance = { ...account.balance(atMicros), period };
  const terms = account.termsAt(atMicros);
  const usedFromLots = coveredByLots(balance.periodUsage);
  const nextPlan = subscriptionAt(account.planFacts, endMicros)?.plan ?? null;
  const { overageCharge } = marginOfCredits(
    {
      covered: usedFromLots,
      creditValue: terms?.creditValue ?? null,
      overage: overageOf(balance, account.planFacts),
    },
    { cost: null, unpricedCalls: 0 },
  );
  return {
    customer: account.customer,
    atMicros,
    period,
    terms,
    nextResetMicros: nextPlan === null ? null : endMicros,
    nextPlan,
    allowance: periodAllowance(balance).amount,
    granted: grantedInPeriod(balance),
    usage: balance.periodUsage,
    usedFromLots,
    available: balance.available,
    held: balance.held,
    remaining: balance.available + balance.held,
    atZero: atZero(terms),
    overageCharge,
    // What an ended period would have come to is nobody's question.
    exhaustedMicros: nowMicros < endMicros ? exhaustionForecast(balance) : null,
    lots: balance.lots.filter(({ lot }) => {
      const { effectiveMicros, expiresMicros } = lot;
      return effectiveMicros <= atMicros && (expiresMicros === null || startMicros < expiresMicros);
    }),
    breakdown,
  };
}
