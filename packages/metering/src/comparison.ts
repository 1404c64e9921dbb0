import {
  CREDIT_SCALE,
  divideHalfEven,
  formatDecimal,
  type MicroCredits,
  USD_SCALE,
  type UsdFemto,
} from './amount.ts';

/** What one way of rating says of one call. */
export interface RatedAmounts {
  /** Null: not priced. */
  readonly cost: UsdFemto | null;
  /** Null: the charge waits for a price. */
  readonly credits: MicroCredits | null;
  /** What a credit of this charge is worth; null where its rule does not say. */
  readonly creditValue: UsdFemto | null;
}

/** Sums over calls. Cost is the known cost: it is never shown without the number of calls that have none (I21). */
export interface Sums {
  unpricedCalls: number;
  cost: UsdFemto;
  credits: MicroCredits;
  /** What the credits are worth, in 10⁻²¹ USD: credits times their value, never divided. */
  revenue: bigint;
  /** Credits of which no rule says what they are worth. */
  creditsWithoutValue: MicroCredits;
}

/** The same calls, rated in two ways. */
export interface Comparison {
  calls: number;
  changedCalls: number;
  readonly recorded: Sums;
  readonly again: Sums;
}

export function noComparison(): Comparison {
  return { calls: 0, changedCalls: 0, recorded: noSums(), again: noSums() };
}

function noSums(): Sums {
  return { unpricedCalls: 0, cost: 0n, credits: 0n, revenue: 0n, creditsWithoutValue: 0n };
}

/** Compares two ways of rating many calls, as a whole and by what they have in common. */
export class Tally<Dimension extends string> {
  readonly total = noComparison();
  readonly by: { readonly [D in Dimension]: Map<string | null, Comparison> };
  readonly #dimensions: readonly Dimension[];

  constructor(
    by: { readonly [D in Dimension]: Map<string | null, Comparison> },
    dimensions: readonly Dimension[],
  ) {
    this.by = by;
    this.#dimensions = dimensions;
  }

  add(
    names: { readonly [D in Dimension]: string | null },
    recorded: RatedAmounts,
    again: RatedAmounts,
    isChanged: boolean,
  ): void {
    addCall(this.total, recorded, again, isChanged);
    for (const dimension of this.#dimensions) {
      addCall(comparisonOf(this.by[dimension], names[dimension]), recorded, again, isChanged);
    }
  }
}

/** The comparison of that name, begun when there is none. */
export function comparisonOf(comparisons: Map<string | null, Comparison>, name: string | null): Comparison {
  let comparison = comparisons.get(name);
  if (comparison === undefined) {
    comparison = noComparison();
    comparisons.set(name, comparison);
  }
  return comparison;
}

function addCall(to: Comparison, recorded: RatedAmounts, again: RatedAmounts, isChanged: boolean): void {
  to.calls++;
  if (isChanged) to.changedCalls++;
  addAmounts(to.recorded, recorded);
  addAmounts(to.again, again);
}

function addAmounts(to: Sums, { cost, credits, creditValue }: RatedAmounts): void {
  if (cost === null) to.unpricedCalls++;
  else to.cost += cost;
  if (credits === null || credits === 0n) return;
  to.credits += credits;
  if (creditValue === null) to.creditsWithoutValue += credits;
  else to.revenue += credits * creditValue;
}

/** `(revenue − cost) / revenue`; null without revenue, or while a part of it is not known. */
export function marginOf({ cost, revenue, creditsWithoutValue }: Sums): string | null {
  if (revenue === 0n || creditsWithoutValue !== 0n) return null;
  const earned = revenue - cost * REVENUE_PER_COST;
  return formatDecimal(divideHalfEven(earned * 10n ** MARGIN_DIGITS, revenue), Number(MARGIN_DIGITS));
}

/** Decimal USD; half-even to the scale of cost, as credit values of more digits than cents are rare. */
export function formatRevenue(revenue: bigint): string {
  return formatDecimal(divideHalfEven(revenue, REVENUE_PER_COST), USD_SCALE);
}

const REVENUE_PER_COST = 10n ** BigInt(CREDIT_SCALE);
/** A margin is a quotient: so many places are more than anybody acts on. */
const MARGIN_DIGITS = 6n;
