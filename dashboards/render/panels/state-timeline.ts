import { textOn, withAlpha } from '../colors.ts';
import { type DrawnField, isHidden } from '../field.ts';
import type { CellValue } from '../frame.ts';
import { flagAt, numberAt, textAt } from '../json.ts';
import { drawLegend, legendOf } from '../legend.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import {
  type Area,
  areaBetween,
  svg,
  svgText,
  timeAxis,
  type ValueAxis,
  valueAxes,
  withLegend,
  xOf,
} from '../plot.ts';
import { px, textWidth } from '../text.ts';

interface State {
  readonly fromMs: number;
  readonly toMs: number;
  readonly value: CellValue;
}

/** A band for each field, in the colour of the state that it is in. */
export function drawStateTimeline({ options, canvas, fields }: PanelInput): Drawing {
  const rows = fields.filter((drawn) => drawn.field.type !== 'time' && !isHidden(drawn, 'viz'));
  if (rows.length === 0 || !fields.some(({ field }) => field.type === 'time')) return NO_DATA;
  const states = rows.map((drawn) => statesOf(drawn, canvas, flagAt(options, 'mergeValues') !== false));
  const entries = new Map<string, string>();
  rows.forEach((drawn, index) => {
    for (const { value } of states[index] ?? []) entries.set(drawn.show(value).text, drawn.show(value).color);
  });
  const legend = drawLegend(
    legendOf(
      options,
      [...entries].map(([name, color]) => ({ name, color, cells: [], isLine: false })),
      [],
    ),
    canvas.widthPx,
    canvas.heightPx,
  );
  const width = canvas.widthPx - legend.widthPx;
  const height = canvas.heightPx - legend.heightPx;
  const axis: ValueAxis = {
    scale: { min: 0, max: rows.length },
    ticks: rows.map(({ name }, index) => ({ value: rows.length - index - 0.5, text: name })),
    isRight: false,
    isHidden: false,
    hasGrid: false,
  };
  const area = areaBetween(width, height, [axis]);
  const bands = rows.map((drawn, index) =>
    band(drawn, states[index] ?? [], index, rows.length, area, options, canvas),
  );
  const content = valueAxes([axis], area, canvas.theme) + timeAxis(canvas, area) + bands.join('');
  return drawing(withLegend(legend.widthPx > 0, svg(width, height, content), legend.html), legend.problems);
}

function statesOf({ field, frame }: DrawnField, { range }: Canvas, isMerged: boolean): readonly State[] {
  const times = frame.fields.find(({ type }) => type === 'time')?.values ?? [];
  const states: State[] = [];
  times.forEach((time, index) => {
    if (typeof time !== 'number') return;
    const next = times[index + 1];
    const toMs = Math.min(range.toMs, typeof next === 'number' ? next : range.toMs);
    const value = field.values[index] ?? null;
    const last = states.at(-1);
    if (isMerged && last !== undefined && last.value === value) states[states.length - 1] = { ...last, toMs };
    else states.push({ fromMs: Math.max(range.fromMs, time), toMs, value });
  });
  return states.filter(({ value, fromMs, toMs }) => value !== null && toMs > fromMs);
}

function band(
  drawn: DrawnField,
  states: readonly State[],
  row: number,
  count: number,
  area: Area,
  options: unknown,
  { range, theme }: Canvas,
): string {
  const scale = { min: range.fromMs, max: range.toMs };
  const slot = area.height / count;
  const height = slot * (numberAt(options, 'rowHeight') ?? 0.9);
  const top = area.top + slot * row + (slot - height) / 2;
  const opacity = (numberAt(drawn.custom, 'fillOpacity') ?? 70) / 100;
  return states
    .map(({ fromMs, toMs, value }) => {
      const { text, color } = drawn.show(value);
      const [left, right] = [xOf(scale, area, fromMs), xOf(scale, area, toMs)];
      const isWritten = textAt(options, 'showValue') !== 'never' && textWidth(text, 12) + 8 < right - left;
      const written = isWritten
        ? svgText(text, left + 4, top + height / 2 + 4, 'start', textOn(color, theme))
        : '';
      return `<rect x="${px(left)}" y="${px(top)}" width="${px(right - left)}" height="${px(height)}" fill="${withAlpha(color, opacity)}"/>${written}`;
    })
    .join('');
}
