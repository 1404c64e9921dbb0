import { schemeColor } from '../colors.ts';
import { numbersOf } from '../frame.ts';
import { flagAt, textAt } from '../json.ts';
import { type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { areaBetween, svg, timeAxis, type ValueAxis, valueAxes, xOf } from '../plot.ts';
import { px } from '../text.ts';

/** Rows of cells over time: each number of the frame is a row, bottom up. */
export function drawHeatmap({ options, canvas, fields }: PanelInput): Drawing {
  const rows = fields.filter(({ field }) => field.type === 'number');
  const times = fields.find(({ field }) => field.type === 'time')?.field.values ?? [];
  const values = rows.flatMap(({ field }) => numbersOf(field).filter((value) => value !== null));
  if (rows.length === 0 || times.length === 0 || values.length === 0) return NO_DATA;
  const high = Math.max(...values);
  const axis: ValueAxis = {
    scale: { min: 0, max: rows.length },
    ticks: rows.map(({ name }, index) => ({ value: index + 0.5, text: name })),
    isRight: false,
    isHidden: false,
    hasGrid: false,
  };
  const area = areaBetween(canvas.widthPx, canvas.heightPx, [axis]);
  const scale = { min: canvas.range.fromMs, max: canvas.range.toMs };
  const at = (index: number): number => xOf(scale, area, Number(times[index] ?? scale.max));
  const gaps = times.slice(1).map((_, index) => at(index + 1) - at(index));
  const width = Math.max(1, Math.min(...gaps.filter((gap) => gap > 0), area.width));
  const height = area.height / rows.length;
  const scheme = textAt(options, 'color', 'scheme') ?? 'Oranges';
  const isReversed = flagAt(options, 'color', 'reverse') ?? canvas.theme.name === 'dark';
  const cells = rows.flatMap((row, index) =>
    numbersOf(row.field).map((value, column) => {
      if (value === null || value <= 0 || at(column) < area.left - 0.5) return '';
      // Grafana's exponent of one half: small counts are to be seen beside large ones.
      const color = schemeColor(scheme, Math.sqrt(value / high), isReversed);
      return `<rect x="${px(at(column))}" y="${px(area.top + area.height - height * (index + 1) + 0.5)}" width="${px(Math.max(1, width - 1))}" height="${px(Math.max(1, height - 1))}" fill="${color}"/>`;
    }),
  );
  const content = valueAxes([axis], area, canvas.theme) + timeAxis(canvas, area) + cells.join('');
  const isCalculated = flagAt(options, 'calculate') === true;
  return drawing(
    svg(canvas.widthPx, canvas.heightPx, content),
    isCalculated ? ['a heat map that calculates its buckets is drawn without doing so'] : [],
  );
}
