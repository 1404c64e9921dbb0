import {
  CREDIT_SCALE,
  divideHalfEven,
  type MicroCredits,
  type Ratio,
  reduced,
  type UsdFemto,
} from '../amount.ts';
import type { BookedBalance, UsageTotals } from './account.ts';
import type { PeriodOpenedFact, PlanFact } from './fact.ts';
import { periodAllowance } from './period-allowance.ts';
import type { PlanTerms } from './plan.ts';
import { courseOf, periodAsItWas } from './subscription.ts';

/** The known cost of some usage. It is never shown without the number of calls that have none (I21). */
export interface KnownCost {
  /** Null: no call of them has a price. */
  readonly cost: UsdFemto | null;
  readonly unpricedCalls: number;
}

/** Credits that were used, and what one of each sort is worth. */
export interface ValuedCredits {
  /** Covered by lots. */
  readonly covered: MicroCredits;
  /** 10⁻¹⁵ USD per credit; null: nothing says it. */
  readonly creditValue: Ratio | null;
  /** By its price. */
  readonly overage: readonly SoldOverage[];
}

export interface SoldOverage {
  /** Below zero where more was taken back than was sold. */
  readonly credits: MicroCredits;
  /** Per credit; null: it is not sold. */
  readonly price: UsdFemto | null;
}

/** What usage is worth beside what it cost. A part that is not known makes what depends on it null, never 0. */
export interface Margin extends KnownCost {
  /** Covered credits × credit value; null where the plan does not say what a credit is worth. */
  readonly coveredValue: UsdFemto | null;
  /** Overage × its price: this much is invoiced beside the fee. */
  readonly overageCharge: UsdFemto | null;
  /** Both: the revenue value of the credits. */
  readonly revenueValue: UsdFemto | null;
  /** (revenue − cost) / revenue; null without revenue, too. Of the known cost: too high by what unpriced calls cost. */
  readonly margin: Ratio | null;
  /** (revenue − cost) / cost; null without cost, too. */
  readonly markup: Ratio | null;
}

/** Each part is exact until it is rounded once, half to even, at 10⁻¹⁵ USD. */
export function marginOfCredits(credits: ValuedCredits, { cost, unpricedCalls }: KnownCost): Margin {
  const coveredValue = credits.creditValue === null ? null : worthOf(credits.covered, credits.creditValue);
  const overageCharge = chargeOf(credits.overage);
  const revenueValue = coveredValue === null || overageCharge === null ? null : coveredValue + overageCharge;
  const earned = revenueValue === null || cost === null ? null : revenueValue - cost;
  return {
    cost,
    unpricedCalls,
    coveredValue,
    overageCharge,
    revenueValue,
    margin: quotient(earned, revenueValue),
    markup: quotient(earned, cost),
  };
}

/** How the fee of a period divides. */
export interface FeeShare {
  /** All that was charged for the period, with the prorated parts of upgrades; 0 in a trial. */
  readonly fee: UsdFemto;
  /** Fee × used allowance ÷ allowance: the part that has been earned by delivering what it was paid for. */
  readonly earned: UsdFemto;
  /** The rest: still to be delivered while the period runs, breakage when it has ended (or what rolls over with it). */
  readonly unused: UsdFemto;
}

/** What the use of one customer in one period is worth, and what it cost. */
export interface PeriodMargin extends Margin {
  readonly fee: FeeShare;
}

/**
 * Covered credits count at the credit value of the plan whatever lot they came from, so that margins of features,
 * customers and plans can be compared; overrun and overdraft are not sold and count nothing.
 */
export function periodMargin(
  balance: BookedBalance,
  planFacts: readonly PlanFact[],
  cost: KnownCost,
): PeriodMargin {
  const period = balance.period === null ? null : periodAsItWas(balance.period, planFacts);
  const { creditValue } = creditWorth(balance.period, planFacts);
  const margin = marginOfCredits(
    { covered: coveredByLots(balance.periodUsage), creditValue, overage: overageOf(balance, planFacts) },
    cost,
  );
  return { ...margin, fee: feeShare({ ...balance, period }, planFacts) };
}

/** What one credit that is used in a period is worth. */
export interface CreditWorth extends Pick<ValuedCredits, 'creditValue'> {
  /** Of overage that belongs to it; null: it is not sold. */
  readonly overagePrice: UsdFemto | null;
  /** Under whose terms; null: no plan. */
  readonly plan: string | null;
}

/**
 * All credits of a period are worth what the last terms in it say: an upgrade holds for what was used before it, too, so
 * that whatever the credits of a period are divided by adds up to its statement.
 */
export function creditWorth(opened: PeriodOpenedFact | null, planFacts: readonly PlanFact[]): CreditWorth {
  if (opened === null) return { plan: null, creditValue: null, overagePrice: null };
  const period = periodAsItWas(opened, planFacts);
  const terms = lastTerms(period, planFacts, () => true);
  return {
    plan: terms?.plan ?? null,
    creditValue: terms?.creditValue ?? null,
    overagePrice: overagePriceOf(period, planFacts),
  };
}

/** Credits that lots paid for in a period: for what was used in it, and for what was lent before and repaid in it. */
export function coveredByLots({ used, overage, overrun, overdraft }: UsageTotals): MicroCredits {
  return used - overage - overrun - overdraft;
}

/** The overage that was booked in a period: its own, and that of closed periods at the prices of those. */
export function overageOf(
  { period, periodUsage, lateOverage }: BookedBalance,
  planFacts: readonly PlanFact[],
): readonly SoldOverage[] {
  const late = lateOverage.map(({ period: closed, overage }) => ({
    credits: overage,
    price: overagePriceOf(closed, planFacts),
  }));
  const own = late.reduce((rest, { credits }) => rest - credits, periodUsage.overage);
  return [{ credits: own, price: period === null ? null : overagePriceOf(period, planFacts) }, ...late];
}

/**
 * The price of all overage of a period: that of the last terms in it which sell any. An upgrade so lowers the price of
 * what was used before it, too, and one to a plan without overage leaves that at the price it had.
 */
export function overagePriceOf(opened: PeriodOpenedFact, planFacts: readonly PlanFact[]): UsdFemto | null {
  const period = periodAsItWas(opened, planFacts);
  return lastTerms(period, planFacts, ({ overage }) => overage.price !== null)?.overage.price ?? null;
}

/** The last terms of a period of which something is true: those it was opened with, or those of an upgrade in it. */
function lastTerms(
  period: PeriodOpenedFact,
  planFacts: readonly PlanFact[],
  isMeant: (terms: PlanTerms) => boolean,
): PlanTerms | null {
  let found = period.terms !== null && isMeant(period.terms) ? period.terms : null;
  for (const fact of changesIn(period, planFacts)) {
    if (fact.kind === 'plan_changed' && fact.terms !== null && isMeant(fact.terms)) found = fact.terms;
  }
  return found;
}

function feeShare(balance: BookedBalance, planFacts: readonly PlanFact[]): FeeShare {
  const { period } = balance;
  if (period === null || period.terms === null || period.isTrial) return { fee: 0n, earned: 0n, unused: 0n };
  let { fee } = period.terms;
  for (const fact of changesIn(period, planFacts)) if (fact.kind === 'plan_changed') fee += fact.extraFee;
  const { amount, used } = periodAllowance(balance);
  // A fee for no credits is for something else than them, and waits for nobody to use any.
  const earned = amount > 0n ? divideHalfEven(fee * used, amount) : fee;
  return { fee, earned, unused: fee - earned };
}

function changesIn({ bounds }: PeriodOpenedFact, planFacts: readonly PlanFact[]): readonly PlanFact[] {
  return courseOf(planFacts).filter(
    ({ atMicros }) => bounds.startMicros <= atMicros && atMicros < bounds.endMicros,
  );
}

const MICRO_CREDITS_PER_CREDIT = 10n ** BigInt(CREDIT_SCALE);

/** No overage costs nothing, also where it is not sold; overage without a price is not known. */
function chargeOf(overage: readonly SoldOverage[]): UsdFemto | null {
  let charge = 0n;
  for (const { credits, price } of overage) {
    if (credits === 0n) continue;
    if (price === null) return null;
    charge += worthOf(credits, { numerator: price, denominator: 1n });
  }
  return charge;
}

function worthOf(credits: MicroCredits, perCredit: Ratio): UsdFemto {
  return divideHalfEven(credits * perCredit.numerator, perCredit.denominator * MICRO_CREDITS_PER_CREDIT);
}

function quotient(numerator: bigint | null, denominator: bigint | null): Ratio | null {
  if (numerator === null || denominator === null || denominator <= 0n) return null;
  if (numerator >= 0n) return reduced(numerator, denominator);
  const { numerator: magnitude, denominator: lowest } = reduced(-numerator, denominator);
  return { numerator: -magnitude, denominator: lowest };
}
