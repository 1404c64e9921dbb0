import {
  type Comparison,
  CREDIT_SCALE,
  formatDecimal,
  formatRevenue,
  marginOf,
  type Sums,
  USD_SCALE,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';

/** Nobody reads more lines than this; the totals have all of them. */
export const MAX_LINES = 1000;

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

const SumsSchema = Type.Object({
  cost_usd: Type.String({ description: 'Of the calls that have a cost.' }),
  unpriced_calls: Type.Integer({ description: 'Calls without a cost, which the sum therefore lacks.' }),
  credits: Type.String(),
});
const ValuedSumsSchema = Type.Object({
  ...SumsSchema.properties,
  revenue_usd: Type.String({ description: 'What the credits are worth, where their rule says so.' }),
  credits_without_value: Type.String({ description: 'Credits that the revenue lacks.' }),
  margin: Type.Union([Type.String(), Type.Null()], {
    description: '(revenue - cost) / revenue; null without revenue, or while some credits have no value.',
  }),
});
const DifferenceSchema = Type.Object({ cost_usd: Type.String(), credits: Type.String() });

export const ComparisonSchema = Type.Object({
  calls: Type.Integer(),
  changed_calls: Type.Integer(),
  recorded: SumsSchema,
  again: SumsSchema,
  difference: DifferenceSchema,
});
export const ValuedComparisonSchema = Type.Object({
  ...ComparisonSchema.properties,
  recorded: ValuedSumsSchema,
  again: ValuedSumsSchema,
});
export const NamedComparisonSchema = Type.Object({ name: TextOrNull, ...ComparisonSchema.properties });
export const NamedValuedComparisonSchema = Type.Object({
  name: TextOrNull,
  ...ValuedComparisonSchema.properties,
});
export type ReportedComparison = Static<typeof ComparisonSchema>;
export type NamedComparison = Static<typeof NamedComparisonSchema>;
export type ReportedValuedComparison = Static<typeof ValuedComparisonSchema>;
export type NamedValuedComparison = Static<typeof NamedValuedComparisonSchema>;

export function reportedComparison(comparison: Comparison): ReportedComparison {
  const { calls, changedCalls, recorded, again } = comparison;
  return {
    calls,
    changed_calls: changedCalls,
    recorded: sums(recorded),
    again: sums(again),
    difference: {
      cost_usd: formatDecimal(again.cost - recorded.cost, USD_SCALE),
      credits: formatDecimal(again.credits - recorded.credits, CREDIT_SCALE),
    },
  };
}

export function reportedValuedComparison(comparison: Comparison): ReportedValuedComparison {
  return {
    ...reportedComparison(comparison),
    recorded: valuedSums(comparison.recorded),
    again: valuedSums(comparison.again),
  };
}

/** The largest differences first. */
export function linesOf<Line>(
  comparisons: ReadonlyMap<string | null, Comparison>,
  report: (comparison: Comparison) => Line,
): ({ name: string | null } & Line)[] {
  return [...comparisons]
    .sort(([, one], [, other]) => byDifference(one, other))
    .slice(0, MAX_LINES)
    .map(([name, comparison]) => ({ name, ...report(comparison) }));
}

function byDifference(one: Comparison, other: Comparison): number {
  return (
    compare(
      magnitude(other.again.cost - other.recorded.cost),
      magnitude(one.again.cost - one.recorded.cost),
    ) ||
    compare(
      magnitude(other.again.credits - other.recorded.credits),
      magnitude(one.again.credits - one.recorded.credits),
    ) ||
    other.calls - one.calls
  );
}

function magnitude(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function sums({ cost, unpricedCalls, credits }: Sums): Static<typeof SumsSchema> {
  return {
    cost_usd: formatDecimal(cost, USD_SCALE),
    unpriced_calls: unpricedCalls,
    credits: formatDecimal(credits, CREDIT_SCALE),
  };
}

function valuedSums(of: Sums): Static<typeof ValuedSumsSchema> {
  return {
    ...sums(of),
    revenue_usd: formatRevenue(of.revenue),
    credits_without_value: formatDecimal(of.creditsWithoutValue, CREDIT_SCALE),
    margin: marginOf(of),
  };
}
