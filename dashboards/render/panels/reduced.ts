import { paletteColor } from '../colors.ts';
import { type DrawnField, regularExpression, type Shown } from '../field.ts';
import { type CellValue, rowCount } from '../frame.ts';
import { flagAt, numberAt, textAt, textsAt } from '../json.ts';
import type { PanelInput } from '../panel.ts';
import { reduce } from '../reduce.ts';

/** What stat, gauge, bar gauge and pie chart show: one value for each field, or for each row (`reduceOptions`). */

export interface Reduced {
  readonly title: string;
  readonly shown: Shown;
  readonly drawn: DrawnField;
  /** The values over time behind it, for a sparkline. */
  readonly line: readonly CellValue[];
  readonly timesMs: readonly CellValue[];
}

/** As many as Grafana shows of rows where the panel sets no limit. */
const MAX_ROWS = 25;

export function reducedValues(
  { options, fields, canvas }: PanelInput,
  defaultColorMode: string,
): readonly Reduced[] {
  const selected = fields.filter((drawn) =>
    isSelected(drawn, textAt(options, 'reduceOptions', 'fields') ?? ''),
  );
  if (flagAt(options, 'reduceOptions', 'values') !== true) {
    const calc = textsAt(options, 'reduceOptions', 'calcs')[0] ?? 'lastNotNull';
    return selected.map((drawn) => {
      const time = drawn.frame.fields.find(({ type }) => type === 'time');
      return {
        title: drawn.name,
        shown: drawn.show(reduce(drawn.field.values, calc) ?? null),
        drawn,
        line: drawn.field.values,
        timesMs: time?.values ?? [],
      };
    });
  }
  const limit = numberAt(options, 'reduceOptions', 'limit') ?? MAX_ROWS;
  const rows = selected.flatMap((drawn) => {
    const label = drawn.frame.fields.find((field) => field.type === 'string' && field !== drawn.field);
    const isOnly = selected.filter(({ frame }) => frame === drawn.frame).length === 1;
    return Array.from({ length: rowCount(drawn.frame) }, (_, row) => {
      const name = label === undefined ? undefined : String(label.values[row] ?? '');
      const title = name === undefined ? drawn.name : isOnly ? name : `${name} ${drawn.name}`;
      return { title, shown: drawn.show(drawn.field.values[row] ?? null), drawn, line: [], timesMs: [] };
    });
  });
  return rows.slice(0, limit).map((row, index) => {
    const mode = textAt(row.drawn.config, 'color', 'mode') ?? defaultColorMode;
    if (mode !== 'palette-classic' || row.shown.isMapped) return row;
    return { ...row, shown: { ...row.shown, color: paletteColor(index, canvas.theme) } };
  });
}

/** No pattern: the numbers. */
function isSelected({ field, name }: DrawnField, pattern: string): boolean {
  if (pattern === '') return field.type === 'number' || field.type === 'boolean';
  const expression = pattern.startsWith('/') ? regularExpression(pattern) : undefined;
  return expression === undefined
    ? pattern === name || pattern === field.name
    : expression.test(name) || expression.test(field.name);
}
