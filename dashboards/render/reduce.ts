import type { CellValue } from './frame.ts';

/** One value out of many, by the ids that dashboards use for it (`calcs`). */

/** What a legend's column is headed with. */
export const REDUCER_NAMES: Readonly<Record<string, string>> = {
  lastNotNull: 'Last *',
  last: 'Last',
  firstNotNull: 'First *',
  first: 'First',
  min: 'Min',
  max: 'Max',
  mean: 'Mean',
  median: 'Median',
  sum: 'Total',
  count: 'Count',
  range: 'Range',
  diff: 'Difference',
  diffperc: 'Difference percent',
  distinctCount: 'Distinct Count',
};

/** undefined where the reducer is not known here. */
export function reduce(values: readonly CellValue[], calc: string): CellValue | undefined {
  const present = values.filter((value) => value !== null);
  switch (calc) {
    case 'last':
      return values.at(-1) ?? null;
    case 'lastNotNull':
      return present.at(-1) ?? null;
    case 'first':
      return values[0] ?? null;
    case 'firstNotNull':
      return present[0] ?? null;
    case 'count':
      return present.length;
    case 'distinctCount':
      return new Set(values).size;
    default:
      return reduceNumbers(
        present.filter((value) => typeof value === 'number'),
        calc,
      );
  }
}

function reduceNumbers(numbers: readonly number[], calc: string): number | null | undefined {
  const sum = numbers.reduce((total, value) => total + value, 0);
  const first = numbers[0];
  const last = numbers.at(-1);
  if (calc === 'sum') return sum;
  if (!(calc in REDUCER_NAMES)) return undefined;
  if (first === undefined || last === undefined) return null;
  switch (calc) {
    case 'min':
      return Math.min(...numbers);
    case 'max':
      return Math.max(...numbers);
    case 'range':
      return Math.max(...numbers) - Math.min(...numbers);
    case 'mean':
      return sum / numbers.length;
    case 'median':
      return [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? null;
    case 'diff':
      return last - first;
    case 'diffperc':
      return first === 0 ? null : ((last - first) / first) * 100;
    default:
      return undefined;
  }
}
