import Table from 'cli-table3';
import type { QueryAnswer } from './api/query-answer.ts';
import { visible } from './terminal.ts';

/** Prints a query's answer: a table for people, or a JSON array with one row on each line for programs. */
export function printRows(out: NodeJS.WritableStream, { columns, rows }: QueryAnswer, asJson: boolean): void {
  if (asJson) {
    const objects = rows.map((row) =>
      JSON.stringify(Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]))),
    );
    out.write(objects.length === 0 ? '[]\n' : `[\n${objects.join(',\n')}\n]\n`);
    return;
  }
  out.write(`${tableText({ columns, rows })}\n(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})\n`);
}

/** The table alone, without a line break at its end. */
export function tableText({ columns, rows }: Pick<QueryAnswer, 'columns' | 'rows'>): string {
  const table = new Table({
    head: columns.map(({ name }) => shown(name)),
    colAligns: columns.map(({ type }) => (isNumeric(type) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    chars: PLAIN,
  });
  for (const row of rows) table.push(row.map(shown));
  return table.toString();
}

/** Lines that every terminal and every mail program can show. */
const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  right: '',
  'right-mid': '',
  mid: '-',
  'mid-mid': '+',
  middle: '|',
};

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL)/.test(type);
}

/** NULL is said, not left blank. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return visible(typeof value === 'string' ? value : JSON.stringify(value));
}
