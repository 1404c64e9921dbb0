import type { Arrangement } from './doctor/arrange.ts';
import { type Comparison, type ExpectedAndFound, perClass, sum } from './doctor/counts.ts';
import { type CaseReport, isAsServed } from './doctor/doctor.ts';
import { counted, grouped, type Output, type Paint, padEnd, padStart, visible, widthOf } from './terminal.ts';

/** Prints what the doctor found: a line for each case, a line of totals, and what the columns mean. */
export function printDoctorTable(out: Output, reports: readonly CaseReport[], paint: Paint): void {
  const lines = reports.map((report) => ({ cells: cellsOf(report), report }));
  const total = totalsOf(reports);
  const totals = [counted(reports.length, 'case'), ...figuresOf(total)];
  const widths = HEAD.map((head, column) =>
    Math.max(
      widthOf(head),
      ...[...lines.map(({ cells }) => cells), totals].map((cells) => widthOf(cells[column] ?? '')),
    ),
  );
  const aligned = (cells: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        const padded = column === 0 ? padEnd(cell, width) : padStart(cell, width);
        return cell.includes(DIFFERS) ? paint('red', padded) : padded;
      })
      .join('  ');

  out.write(`${paint('bold', aligned(HEAD))}\n`);
  for (const { cells, report } of lines) out.write(`${aligned(cells)}  ${resultOf(report, paint)}\n`);
  const failed = reports.filter((report) => !isAsServed(report)).length;
  const verdict = failed === 0 ? paint('green', 'all as served') : paint('red', `${failed} not as served`);
  out.write(`${paint('bold', aligned(totals))}  ${verdict}\n`);
  out.write(
    paint(
      'dim',
      `\nOne number: as expected. ${`expected${DIFFERS}found`} where they differ. Expected is what the spans can tell of what was served.\n`,
    ),
  );
}

/** The same for programs: one JSON object. */
export function printDoctorJson(out: Output, reports: readonly CaseReport[]): void {
  const cases = reports.map((report) =>
    report.kind === 'unreadable'
      ? { name: report.name, ok: false, problem: report.problem }
      : {
          name: report.name,
          ok: isAsServed(report),
          ...report.arrangement,
          ...report.comparison,
        },
  );
  const failed = reports.filter((report) => !isAsServed(report)).length;
  const totals = { cases: reports.length, failed, ...totalsOf(reports) };
  out.write(`${JSON.stringify({ cases, totals }, null, 2)}\n`);
}

const HEAD = ['case', 'calls', 'input', 'cached', 'cache writes', 'output', 'reasoning', 'customers'];
const DIFFERS = '≠';

type Figures = Pick<Comparison, 'calls' | 'tokens' | 'customers'>;

function cellsOf(report: CaseReport): readonly string[] {
  return [visible(report.name), ...(report.kind === 'compared' ? figuresOf(report.comparison) : [])];
}

function figuresOf({ calls, tokens, customers }: Figures): readonly string[] {
  const { input, cacheRead, cacheWrite, output, reasoning } = tokens;
  return [calls, input, cacheRead, cacheWrite, output, reasoning, customers].map(({ expected, found }) =>
    expected === found ? grouped(found) : `${grouped(expected)}${DIFFERS}${grouped(found)}`,
  );
}

function resultOf(report: CaseReport, paint: Paint): string {
  if (report.kind === 'unreadable') return paint('red', visible(report.problem));
  const [first, ...others] = report.comparison.differences;
  if (first === undefined) return paint('green', 'ok');
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return paint('red', `${arrangementOf(report.arrangement)}${visible(first)}${more}`);
}

/** Said only where it is not how the capture was sent. */
function arrangementOf({ encoding, order }: Arrangement): string {
  const words = [encoding === 'captured' ? '' : encoding, order === 'forwards' ? '' : order];
  const said = words.filter((word) => word !== '').join(', ');
  return said === '' ? '' : `[${said}] `;
}

function totalsOf(reports: readonly CaseReport[]): Figures {
  const comparisons = reports.flatMap((report) => (report.kind === 'compared' ? [report.comparison] : []));
  const total = (read: (comparison: Comparison) => ExpectedAndFound): ExpectedAndFound => ({
    expected: sum(comparisons.map((comparison) => read(comparison).expected)),
    found: sum(comparisons.map((comparison) => read(comparison).found)),
  });
  return {
    calls: total(({ calls }) => calls),
    tokens: perClass((of) => total(({ tokens }) => tokens[of])),
    customers: total(({ customers }) => customers),
  };
}
