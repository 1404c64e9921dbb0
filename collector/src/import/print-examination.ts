import { formatDecimal, USD_SCALE } from '@spanledger/metering';
import { printRows } from '../table.ts';
import { counted, grouped, type Output, type Paint, visible } from '../terminal.ts';
import type { Examination, ModelSums } from './examination.ts';

const COLUMNS = [
  { name: 'model', type: 'VARCHAR' },
  { name: 'provider', type: 'VARCHAR' },
  { name: 'calls', type: 'INTEGER' },
  { name: 'input tokens', type: 'INTEGER' },
  { name: 'output tokens', type: 'INTEGER' },
  { name: 'cost USD', type: 'DECIMAL' },
  { name: 'unpriced calls', type: 'INTEGER' },
];

/** What would be sent, for people: how much, of which models, and what it costs at the prices of today. */
export function printExamination(out: Output, examination: Examination, paint: Paint): void {
  const { rows, models, passedOver, notBilled, withoutCustomer } = examination;
  const all = together(models);
  out.write(
    `${paint('bold', `${counted(rows, 'row')}, ${counted(all.calls, 'call')}`)}${timeRange(examination)}\n`,
  );
  if (models.length > 0) {
    const lines = models.map((sums) => cellsOf(sums.model ?? '(no name)', sums));
    printRows(out, { columns: COLUMNS, rows: [...lines, cellsOf('all together', all)] }, false);
  }
  if (withoutCustomer > 0) out.write(`${counted(withoutCustomer, 'call')} without a customer.\n`);
  if (notBilled > 0)
    out.write(`${counted(notBilled, 'span')} around calls or beside them, which bill nothing.\n`);
  for (const [reason, count] of passedOver)
    out.write(`${counted(count, 'row')} passed over: ${visible(reason)}.\n`);
}

/** Each wrong row with its place, what was expected and what stands there. */
export function printProblems(out: Output, examination: Examination): void {
  const { badRows, firstProblems, rejected, firstRejection } = examination;
  for (const { row, line, problems } of firstProblems) {
    for (const { field, expected, found } of problems) {
      const at = field === null ? '' : ` ${visible(field)}:`;
      out.write(`row ${row}, line ${line}:${at} expected ${visible(expected)}, found ${visible(found)}\n`);
    }
  }
  if (badRows > firstProblems.length)
    out.write(`and ${counted(badRows - firstProblems.length, 'more row')} with problems\n`);
  if (rejected > 0) {
    out.write(
      `${counted(rejected, 'span')} that the service will set aside, the first ${visible(firstRejection ?? '')}\n`,
    );
  }
}

/** The same for programs: decimals as text, as everywhere. */
export function examinationJson(examination: Examination) {
  const { models, passedOver, firstEventMicros, lastEventMicros } = examination;
  return {
    rows: examination.rows,
    spans: examination.spans,
    bad_rows: examination.badRows,
    first_problems: examination.firstProblems.flatMap(({ row, line, problems }) =>
      problems.map((problem) => ({ row, line, ...problem })),
    ),
    passed_over: Object.fromEntries(passedOver),
    rejected_spans: examination.rejected,
    not_billed: examination.notBilled,
    without_customer: examination.withoutCustomer,
    first_event_at: instant(firstEventMicros),
    last_event_at: instant(lastEventMicros),
    totals: jsonOf(together(models)),
    by_model: models.map((sums) => ({ model: sums.model, provider: sums.provider, ...jsonOf(sums) })),
  };
}

type Sums = Omit<ModelSums, 'model' | 'provider'>;

function jsonOf({ calls, inputTokens, outputTokens, costFemtoUsd, unpricedCalls }: Sums) {
  return {
    calls,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cost_usd: formatDecimal(costFemtoUsd, USD_SCALE),
    unpriced_calls: unpricedCalls,
  };
}

function together(models: readonly ModelSums[]): Sums {
  const all = { calls: 0, inputTokens: 0, outputTokens: 0, costFemtoUsd: 0n, unpricedCalls: 0 };
  for (const sums of models) {
    all.calls += sums.calls;
    all.inputTokens += sums.inputTokens;
    all.outputTokens += sums.outputTokens;
    all.costFemtoUsd += sums.costFemtoUsd;
    all.unpricedCalls += sums.unpricedCalls;
  }
  return all;
}

function cellsOf(name: string, sums: Sums & { readonly provider?: string | null }): (string | null)[] {
  return [
    name,
    sums.provider ?? '',
    grouped(sums.calls),
    grouped(sums.inputTokens),
    grouped(sums.outputTokens),
    formatDecimal(sums.costFemtoUsd, USD_SCALE),
    grouped(sums.unpricedCalls),
  ];
}

function timeRange({ firstEventMicros: first, lastEventMicros: last }: Examination): string {
  return first === null || last === null ? '' : `, ${instant(first)} to ${instant(last)}`;
}

function instant(micros: number | null): string | null {
  return micros === null ? null : new Date(micros / 1000).toISOString();
}
