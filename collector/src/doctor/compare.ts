import { inputTokens, outputTokens, type UsageRecord } from '@spanledger/metering';
import { compareTotals } from './compare-totals.ts';
import type { ServedCall, ServedCounts, Truth } from './corpus.ts';
import {
  COUNTS,
  type ComparedClass,
  type Comparison,
  distinct,
  firstCount,
  perClass,
  sum,
} from './counts.ts';
import { pair } from './pairing.ts';

export type ComparedLabel = 'customer' | 'feature' | 'user';

/**
 * The fair comparison of what metering made of a capture with what the provider served: exactly one billed record for
 * each billable call that has a span, every count that its spans can tell, the customer wherever a span bears one,
 * and usage that no span has shown as missing, neither 0 nor an estimate.
 *
 * Give it all usage records of the capture; only the billed ones count.
 */
export function compare(
  records: readonly UsageRecord[],
  truth: Truth,
  labels: readonly ComparedLabel[] = ['customer'],
): Comparison {
  const billed = records.filter(({ billingRole }) => billingRole === 'billed');
  switch (truth.kind) {
    case 'calls':
      return compareCalls(billed, truth.calls, labels);
    case 'totals':
      return compareTotals(billed, truth.totals);
  }
}

/** The calls that must be found: served, billed by the provider, and not without any span. */
export function expectedCalls(calls: readonly ServedCall[]): readonly ServedCall[] {
  return calls.filter(({ billable, span_missing }) => billable && span_missing !== true);
}

function compareCalls(
  billed: readonly UsageRecord[],
  served: readonly ServedCall[],
  labels: readonly ComparedLabel[],
): Comparison {
  const calls = expectedCalls(served);
  const differencesTo = (record: UsageRecord, call: ServedCall) => [
    ...countDifferences(record, call),
    ...labelDifferences(record, call, labels),
  ];
  const pairs = pair(calls, (call) => {
    const fitting = billed.filter((record) => differencesTo(record, call).length === 0);
    return [...fitting].sort((a, b) => Number(isAnswerTo(b, call)) - Number(isAnswerTo(a, call)));
  });
  const paired = new Set(pairs.values());
  const extra = new Set(billed.filter((record) => !paired.has(record)));

  const differences: string[] = [];
  for (const [index, call] of calls.entries()) {
    if (pairs.has(call)) continue;
    const closest = closestTo(call, [...extra], (record) => differencesTo(record, call).length);
    const name = nameOf(call, index);
    if (closest === null) {
      differences.push(`${name}: one billed record was expected, none came`);
      continue;
    }
    extra.delete(closest);
    differences.push(`${name}: ${differencesTo(closest, call).join('; ')} (span ${closest.spanId})`);
  }
  for (const record of extra) {
    differences.push(`no call was served for the billed span ${record.spanId}: ${summaryOf(record)}`);
  }

  return {
    calls: { expected: calls.length, found: billed.length },
    tokens: tokensOf(calls, billed, pairs),
    customers: customersOf(calls, billed, pairs),
    differences,
  };
}

/** Which of the records that fit no call was probably meant for this one: by its id, else the most alike. */
function closestTo(
  call: ServedCall,
  records: readonly UsageRecord[],
  differenceCount: (record: UsageRecord) => number,
): UsageRecord | null {
  const byId = records.find((record) => isAnswerTo(record, call));
  if (byId !== undefined) return byId;
  const [closest] = [...records].sort((a, b) => differenceCount(a) - differenceCount(b));
  return closest ?? null;
}

function isAnswerTo({ responseId }: UsageRecord, { response_id }: ServedCall): boolean {
  return responseId !== null && responseId === response_id;
}

/** What the spans of a call can tell, or null where they do not tell its usage. */
function attainable({ usage_missing, attainable_from_spans, usage }: ServedCall): ServedCounts | null {
  if (usage_missing === true) return null;
  // Where nobody looked what the spans can tell, all that was served is expected.
  return attainable_from_spans === undefined ? (usage ?? null) : attainable_from_spans;
}

function countDifferences({ tokens, usageStatus }: UsageRecord, call: ServedCall): readonly string[] {
  const counts = attainable(call);
  if (counts === null) {
    if (usageStatus === 'missing' && tokens === null) return [];
    return [
      `usage that is missing was expected, ${usageStatus} usage came${tokens === null ? '' : ` with ${inputTokens(tokens)} in and ${outputTokens(tokens)} out`}`,
    ];
  }
  if (tokens === null) {
    const input = counts.input_total ?? counts.input_uncached_only;
    const output = counts.output_total ?? counts.output_without_reasoning_only;
    return [`${input ?? '?'} in and ${output ?? '?'} out were expected, ${usageStatus} usage came`];
  }
  return COUNTS.flatMap(({ name, expected, found }) => {
    const wanted = expected(counts) ?? null;
    return wanted === null || wanted === found(tokens)
      ? []
      : [`${name} ${wanted} was expected, ${found(tokens)} came`];
  });
}

const LABELS = {
  customer: (record: UsageRecord) => record.customer,
  feature: (record: UsageRecord) => record.feature,
  user: (record: UsageRecord) => record.userId,
} as const;

function labelDifferences(
  record: UsageRecord,
  call: ServedCall,
  labels: readonly ComparedLabel[],
): readonly string[] {
  return labels.flatMap((label) => {
    const expected = call.expected_label?.[label];
    const found = LABELS[label](record);
    if (!mustShow(call, label) || expected === found) return [];
    return [`${label} ${expected} was expected, ${found ?? 'none'} came`];
  });
}

/** Where a label stands nowhere in the spans, nobody can find it. */
function mustShow({ expected_label, labels_found }: ServedCall, label: ComparedLabel): boolean {
  return (expected_label?.[label] ?? null) !== null && labels_found?.[label] !== 'nowhere';
}

/** Customers of the calls whose spans bear one; of a call whose spans bear none, whatever came is left out too. */
function customersOf(
  calls: readonly ServedCall[],
  billed: readonly UsageRecord[],
  pairs: ReadonlyMap<ServedCall, UsageRecord>,
): Comparison['customers'] {
  const unlabelled = calls.filter((call) => !mustShow(call, 'customer'));
  const leftOut = new Set(unlabelled.map((call) => pairs.get(call)));
  return {
    expected: distinct(
      calls.filter((call) => !unlabelled.includes(call)).map((call) => call.expected_label?.customer),
    ),
    found: distinct(billed.filter((record) => !leftOut.has(record)).map(({ customer }) => customer)),
  };
}

/** Sums of what can be compared: a count that the spans of a call do not tell is left out on both sides. */
function tokensOf(
  calls: readonly ServedCall[],
  billed: readonly UsageRecord[],
  pairs: ReadonlyMap<ServedCall, UsageRecord>,
): Comparison['tokens'] {
  const callOf = new Map([...pairs].map(([call, record]) => [record, call]));
  const expectedOf = (call: ServedCall, of: ComparedClass) => {
    const counts = attainable(call);
    return counts === null ? null : firstCount(of, ({ expected }) => expected(counts));
  };
  const foundOf = ({ tokens }: UsageRecord, counts: ServedCounts | null, of: ComparedClass) => {
    if (tokens === null) return null;
    return firstCount(of, ({ expected, found }) =>
      counts === null || (expected(counts) ?? null) !== null ? found(tokens) : null,
    );
  };
  return perClass((of) => ({
    expected: sum(calls.map((call) => expectedOf(call, of))),
    found: sum(
      billed.map((record) => {
        const call = callOf.get(record);
        return foundOf(record, call === undefined ? null : attainable(call), of);
      }),
    ),
  }));
}

/** `call 3 (openai gpt-4o, cus_acme)` */
function nameOf(
  { n, provider, request_model, response_model, expected_label }: ServedCall,
  index: number,
): string {
  const model = [provider, response_model ?? request_model].filter((word) => word != null).join(' ');
  const known = [model, expected_label?.customer ?? ''].filter((word) => word !== '').join(', ');
  return `call ${n ?? index + 1}${known === '' ? '' : ` (${known})`}`;
}

function summaryOf({
  tokens,
  usageStatus,
  customer,
  responseModel,
  requestModel,
  roleReason,
}: UsageRecord): string {
  const counts =
    tokens === null ? `${usageStatus} usage` : `${inputTokens(tokens)} in, ${outputTokens(tokens)} out`;
  return `${responseModel ?? requestModel ?? 'no model'}, ${counts}, ${customer ?? 'no customer'}; ${roleReason}`;
}
