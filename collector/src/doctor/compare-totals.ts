import type { UsageRecord } from '@spanledger/metering';
import type { ExpectedTotals } from './corpus.ts';
import {
  COMPARED_CLASSES,
  COUNTS,
  type ComparedClass,
  type Comparison,
  distinct,
  type ExpectedAndFound,
  firstCount,
  perClass,
  sum,
} from './counts.ts';

/** The comparison for captures of which only sums are known: weaker, since two mistakes may make up for each other. */
export function compareTotals(billed: readonly UsageRecord[], expected: ExpectedTotals): Comparison {
  const withoutSpan = expected.calls_without_any_span ?? 0;
  const calls = { expected: (expected.billable_calls ?? billed.length) - withoutSpan, found: billed.length };
  const tokens = perClass((of) => totalsOf(of, billed, expected));
  // Which of the calls have no span is not known, so neither is what their customers should show.
  const byCustomer = withoutSpan > 0 ? [] : Object.entries(expected.by_customer ?? {});
  const found = distinct(billed.map(({ customer }) => customer));

  const differences: string[] = [];
  if (calls.expected !== calls.found) {
    differences.push(`${calls.expected} billed records were expected, ${calls.found} came`);
  }
  // Of calls whose usage is missing the totals may hold the half that is known.
  const isUpperBound = (expected.calls_usage_missing ?? 0) > 0;
  for (const of of COMPARED_CLASSES) {
    const { expected: wanted, found: came } = tokens[of];
    if (came === wanted || (isUpperBound && came < wanted)) continue;
    const name = COUNTS.find((count) => count.of === of)?.name ?? of;
    differences.push(
      `${name} of ${isUpperBound ? 'at most ' : ''}${wanted} was expected in all, ${came} came`,
    );
  }
  for (const [customer, { calls: wanted }] of byCustomer) {
    const came = billed.filter((record) => record.customer === customer).length;
    if (wanted !== undefined && wanted !== came) {
      differences.push(`customer ${customer} with ${wanted} calls was expected, ${came} came`);
    }
  }
  return {
    calls,
    tokens,
    customers: { expected: byCustomer.length === 0 ? found : byCustomer.length, found },
    differences,
  };
}

function totalsOf(
  of: ComparedClass,
  billed: readonly UsageRecord[],
  { totals, attainable_totals }: ExpectedTotals,
): ExpectedAndFound {
  const found = sum(
    billed.map(({ tokens }) => (tokens === null ? null : firstCount(of, (count) => count.found(tokens)))),
  );
  const served = firstCount(of, ({ expected }) => expected(totals ?? {}));
  const wanted = firstCount(of, ({ expected }) => expected(attainable_totals ?? totals ?? {}));
  // A class that was served and adds up to 0 here is one that the spans do not tell.
  const isTold = wanted !== null && (wanted !== 0 || served === 0 || served === null);
  return { expected: isTold ? wanted : found, found };
}
