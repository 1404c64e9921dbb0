import type { NamedComparison, NamedValuedComparison, ReportedComparison } from './api/comparison.ts';
import type { RerateReport, WhatIfReport } from './api/rerate.ts';
import { printRows } from './table.ts';
import { counted, grouped, type Output, type Paint } from './terminal.ts';

/** What a re-rating changes, for people: by model, by customer, and together. */
export function printRerating(out: Output, report: RerateReport, paint: Paint): void {
  const { totals } = report;
  const verb = report.dry_run ? 'would change' : 'changed';
  out.write(
    `${paint('bold', `${counted(totals.changed_calls, 'call')} of ${counted(totals.calls, 'call')} ${verb}`)}, policy ${report.policy}, prices ${report.book_version}\n`,
  );
  if (totals.changed_calls === 0) return;
  printLines(out, 'model', report.by_model.filter(isChanged), totals, paint);
  printLines(out, 'customer', report.by_customer.filter(isChanged), totals, paint);
  if (!report.dry_run) {
    const entries = report.transfers === 1 ? 'entry' : 'entries';
    out.write(`\n${grouped(report.transfers)} ${entries} booked for the difference of credits.\n`);
  }
}

function isChanged({ changed_calls }: NamedComparison): boolean {
  return changed_calls > 0;
}

const COLUMNS = [
  ['calls', 'INTEGER'],
  ['changed', 'INTEGER'],
  ['cost before', 'DECIMAL'],
  ['cost after', 'DECIMAL'],
  ['difference', 'DECIMAL'],
  ['unpriced before', 'INTEGER'],
  ['unpriced after', 'INTEGER'],
  ['credits before', 'DECIMAL'],
  ['credits after', 'DECIMAL'],
  ['difference', 'DECIMAL'],
] as const;

function printLines(
  out: Output,
  dimension: string,
  lines: readonly NamedComparison[],
  totals: ReportedComparison,
  paint: Paint,
): void {
  out.write(`\n${paint('bold', `By ${dimension}`)} (USD and credits)\n`);
  const columns = [[dimension, 'VARCHAR'] as const, ...COLUMNS].map(([name, type]) => ({ name, type }));
  const rows = lines.map((line) => [line.name ?? '(none)', ...cellsOf(line)]);
  printRows(out, { columns, rows: [...rows, ['all together', ...cellsOf(totals)]] }, false);
}

function cellsOf({ calls, changed_calls, recorded, again, difference }: ReportedComparison): string[] {
  return [
    String(calls),
    String(changed_calls),
    recorded.cost_usd,
    again.cost_usd,
    signed(difference.cost_usd),
    String(recorded.unpriced_calls),
    String(again.unpriced_calls),
    recorded.credits,
    again.credits,
    signed(difference.credits),
  ];
}

/** History under other prices or rules, for people. */
export function printWhatIf(out: Output, report: WhatIfReport, paint: Paint): void {
  const { totals, supposed } = report;
  const of = [
    supposed.prices ? 'these prices' : 'the prices in use',
    supposed.rules ? 'these rules' : 'the rules of then',
  ];
  out.write(`${paint('bold', `${counted(totals.calls, 'call')} under ${of.join(' and ')}`)}\n`);
  if (report.is_same) {
    out.write('The difference is exactly 0: every call costs and burns what is recorded.\n');
  } else {
    out.write(`${counted(totals.changed_calls, 'call')} would cost or burn something else.\n`);
    if (!supposed.prices && !supposed.rules) {
      out.write(
        'They were rated by an earlier price book, or kept their credits: see spanledger rerate --dry-run.\n',
      );
    }
  }
  const all: NamedValuedComparison = { name: 'all together', ...totals };
  printValued(out, 'model', [...report.by_model, all], paint);
  printValued(out, 'feature', [...report.by_feature, all], paint);
  printValued(out, 'customer', [...report.by_customer, all], paint);
  if (report.allowance === null) return;
  out.write(`\n${paint('bold', `Over ${report.allowance} credits in a month`)}\n`);
  printRows(
    out,
    {
      columns: [
        { name: 'customer', type: 'VARCHAR' },
        { name: 'month', type: 'VARCHAR' },
        { name: 'recorded credits', type: 'DECIMAL' },
        { name: 'credits', type: 'DECIMAL' },
        { name: 'over', type: 'DECIMAL' },
      ],
      rows: report.over_allowance.map(({ customer, month, recorded_credits, credits, over }) => [
        customer,
        month,
        recorded_credits,
        credits,
        over,
      ]),
    },
    false,
  );
}

const VALUED_COLUMNS = [
  ['calls', 'INTEGER'],
  ['cost', 'DECIMAL'],
  ['what if', 'DECIMAL'],
  ['unpriced', 'INTEGER'],
  ['what if', 'INTEGER'],
  ['credits', 'DECIMAL'],
  ['what if', 'DECIMAL'],
  ['revenue', 'DECIMAL'],
  ['what if', 'DECIMAL'],
  ['margin', 'DECIMAL'],
  ['what if', 'DECIMAL'],
] as const;

function printValued(
  out: Output,
  dimension: string,
  lines: readonly NamedValuedComparison[],
  paint: Paint,
): void {
  out.write(`\n${paint('bold', `By ${dimension}`)} (USD and credits)\n`);
  const columns = [[dimension, 'VARCHAR'] as const, ...VALUED_COLUMNS].map(([name, type]) => ({
    name,
    type,
  }));
  const rows = lines.map(({ name, calls, recorded, again }) => [
    name ?? '(none)',
    String(calls),
    recorded.cost_usd,
    again.cost_usd,
    String(recorded.unpriced_calls),
    String(again.unpriced_calls),
    recorded.credits,
    again.credits,
    recorded.revenue_usd,
    again.revenue_usd,
    recorded.margin ?? 'unknown',
    again.margin ?? 'unknown',
  ]);
  printRows(out, { columns, rows }, false);
}

function signed(decimal: string): string {
  return decimal === '0' || decimal.startsWith('-') ? decimal : `+${decimal}`;
}
