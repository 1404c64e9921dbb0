import { withAlpha } from '../colors.ts';
import { axisText, type DrawnField, isHidden } from '../field.ts';
import { numbersOf } from '../frame.ts';
import { flagAt, listAt, numberAt, textAt } from '../json.ts';
import { calcCells, calcNames, drawLegend, type LegendEntry, legendCalcs, legendOf } from '../legend.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import {
  type Area,
  areaBetween,
  marks,
  svg,
  timeAxis,
  type ValueAxis,
  valueAxes,
  withLegend,
  xOf,
  yOf,
} from '../plot.ts';
import { binaryStep, type Scale, ticks, valueRange, valueStep } from '../scale.ts';
import { px } from '../text.ts';

interface Series {
  readonly drawn: DrawnField;
  readonly points: readonly Point[];
  readonly style: string;
  readonly axisKey: string;
}

interface Point {
  readonly timeMs: number;
  readonly value: number | null;
  /** Where the value is drawn: on top of those it is stacked on. */
  readonly top: number | null;
  readonly base: number | null;
}

const TICK_SPACE_PX = 32;
const BINARY_UNITS: ReadonlySet<string> = new Set(['bytes', 'kbytes', 'mbytes', 'gbytes', 'binBps']);

export function drawTimeseries(input: PanelInput): Drawing {
  const { canvas, options, fields } = input;
  const problems: string[] = [];
  const all = seriesOf(fields);
  if (all.length === 0 || all.every(({ points }) => points.length === 0)) return withProblem(NO_DATA, fields);
  const visible = stacked(all.filter(({ drawn }) => !isHidden(drawn, 'viz')));
  if (visible.some(({ drawn }) => textAt(drawn.custom, 'scaleDistribution', 'type') === 'log'))
    problems.push('a logarithmic axis is drawn linear');

  const legend = drawLegend(
    legendOf(options, legendEntries(all, legendCalcs(options)), calcNames(legendCalcs(options))),
    canvas.widthPx,
    canvas.heightPx,
  );
  const widthPx = canvas.widthPx - legend.widthPx;
  const heightPx = canvas.heightPx - legend.heightPx;
  const axes = axesOf(visible, heightPx - 32, canvas);
  const area = areaBetween(
    widthPx,
    heightPx,
    axes.map(({ axis }) => axis),
  );
  const clip = `clip-${canvas.panelId}`;
  const content = [
    `<clipPath id="${clip}"><rect x="${px(area.left)}" y="${px(area.top - 2)}" width="${px(area.width)}" height="${px(area.height + 4)}"/></clipPath>`,
    valueAxes(
      axes.map(({ axis }) => axis),
      area,
      canvas.theme,
    ),
    timeAxis(canvas, area),
    `<g clip-path="url(#${clip})">`,
    ...axes.map(({ key, axis }) =>
      thresholdAreas(
        visible.filter(({ axisKey }) => axisKey === key),
        axis.scale,
        area,
      ),
    ),
    ...visible.map((series, index) => {
      const scale = axes.find(({ key }) => key === series.axisKey)?.axis.scale ?? { min: 0, max: 1 };
      return seriesSvg(series, visible, scale, area, canvas, `fill-${canvas.panelId}-${index}`);
    }),
    '</g>',
    marks(canvas, area),
  ];
  return drawing(withLegend(legend.widthPx > 0, svg(widthPx, heightPx, content.join('')), legend.html), [
    ...problems,
    ...legend.problems,
  ]);
}

function withProblem(none: Drawing, fields: readonly DrawnField[]): Drawing {
  const hasRows = fields.some(({ field }) => field.values.length > 0);
  return hasRows && !fields.some(({ field }) => field.type === 'time')
    ? drawing('<div class="nodata">Data is missing a time field</div>', ['data is missing a time field'])
    : none;
}

function seriesOf(fields: readonly DrawnField[]): readonly Series[] {
  return fields.flatMap((drawn): Series[] => {
    const { field, frame } = drawn;
    const time = frame.fields.find(({ type }) => type === 'time');
    if (field.type !== 'number' || time === undefined) return [];
    const numbers = numbersOf(field);
    const sign = textAt(drawn.custom, 'transform') === 'negative-Y' ? -1 : 1;
    const points = time.values.flatMap((timeMs, index): Point[] => {
      if (typeof timeMs !== 'number') return [];
      const value = numbers[index] ?? null;
      const top = value === null ? null : value * sign;
      return [{ timeMs, value, top, base: null }];
    });
    const soft = `${numberAt(drawn.custom, 'axisSoftMin')}/${numberAt(drawn.custom, 'axisSoftMax')}`;
    const placement = textAt(drawn.custom, 'axisPlacement') ?? 'auto';
    const axisKey = [
      drawn.unit,
      placement,
      drawn.min,
      drawn.max,
      soft,
      textAt(drawn.custom, 'axisLabel'),
    ].join('|');
    return [{ drawn, points, style: textAt(drawn.custom, 'drawStyle') ?? 'line', axisKey }];
  });
}

/** Puts the series of a stacking group on top of one another; where one has no value, it adds nothing. */
function stacked(series: readonly Series[]): readonly Series[] {
  const sums = new Map<string, Map<number, number>>();
  const totals = new Map<string, Map<number, number>>();
  const groupOf = ({ drawn, axisKey, style }: Series): string =>
    `${axisKey}|${textAt(drawn.custom, 'stacking', 'group') ?? 'A'}|${style}`;
  for (const each of series)
    if (textAt(each.drawn.custom, 'stacking', 'mode') === 'percent')
      for (const { timeMs, value } of each.points) add(totals, groupOf(each), timeMs, Math.abs(value ?? 0));
  return series.map((each) => {
    const mode = textAt(each.drawn.custom, 'stacking', 'mode') ?? 'none';
    if (mode !== 'normal' && mode !== 'percent') return each;
    const points = each.points.map((point) => {
      const total = mode === 'percent' ? (totals.get(groupOf(each))?.get(point.timeMs) ?? 0) || 1 : 1;
      const own = (point.top ?? 0) / total;
      const group = `${groupOf(each)}|${own < 0 ? '-' : '+'}`;
      const base = sums.get(group)?.get(point.timeMs) ?? 0;
      add(sums, group, point.timeMs, own);
      return { ...point, base, top: point.value === null && each.style === 'bars' ? null : base + own };
    });
    return { ...each, points };
  });
}

function add(sums: Map<string, Map<number, number>>, group: string, timeMs: number, value: number): void {
  const inner = sums.get(group) ?? new Map<number, number>();
  inner.set(timeMs, (inner.get(timeMs) ?? 0) + value);
  sums.set(group, inner);
}

function axesOf(
  series: readonly Series[],
  heightPx: number,
  canvas: Canvas,
): readonly { readonly key: string; readonly axis: ValueAxis }[] {
  const keys = [...new Set(series.map(({ axisKey }) => axisKey))];
  let shown = 0;
  return keys.map((key) => {
    const members = series.filter(({ axisKey }) => axisKey === key);
    const first = members[0]?.drawn;
    const placement = textAt(first?.custom, 'axisPlacement') ?? 'auto';
    const isHiddenAxis = placement === 'hidden';
    const isRight = placement === 'right' || (placement === 'auto' && shown > 0);
    if (!isHiddenAxis) shown += 1;
    const scale = scaleOf(members);
    const stepOf = BINARY_UNITS.has(first?.unit ?? '') ? binaryStep : valueStep;
    const step = stepOf(scale, heightPx, TICK_SPACE_PX);
    const isPercentStack = textAt(first?.custom, 'stacking', 'mode') === 'percent';
    const axis: ValueAxis = {
      scale,
      ticks: ticks(scale, step).map((value) => ({
        value,
        text: isPercentStack ? `${Math.round(value * 100)}%` : axisText(first, value, step, canvas.now),
      })),
      label: textAt(first?.custom, 'axisLabel'),
      isRight,
      isHidden: isHiddenAxis,
      hasGrid: shown <= 1 && !isHiddenAxis,
      color: textAt(first?.custom, 'axisColorMode') === 'series' ? first?.color : undefined,
    };
    return { key, axis };
  });
}

function scaleOf(members: readonly Series[]): Scale {
  const first = members[0]?.drawn;
  const values = members.flatMap(({ points }) => points.flatMap(({ top }) => (top === null ? [] : [top])));
  const touchesZero = members.some(
    ({ style, drawn }) => style === 'bars' || (textAt(drawn.custom, 'stacking', 'mode') ?? 'none') !== 'none',
  );
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const highest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (values.length === 0) return { min: first?.min ?? 0, max: first?.max ?? 100 };
  if (textAt(first?.custom, 'stacking', 'mode') === 'percent') return { min: 0, max: 1 };
  const softMin = numberAt(first?.custom, 'axisSoftMin') ?? (touchesZero ? 0 : undefined);
  return valueRange(lowest, highest, {
    min: first?.min,
    max: first?.max,
    softMin,
    softMax: numberAt(first?.custom, 'axisSoftMax'),
  });
}

function thresholdAreas(members: readonly Series[], scale: Scale, area: Area): string {
  const drawn = members.find(
    ({ drawn: each }) => (textAt(each.custom, 'thresholdsStyle', 'mode') ?? 'off') !== 'off',
  )?.drawn;
  if (drawn === undefined) return '';
  const mode = textAt(drawn.custom, 'thresholdsStyle', 'mode') ?? 'off';
  return drawn.thresholds
    .map(({ from, color }, index) => {
      const low = Math.max(scale.min, from);
      const high = Math.min(scale.max, drawn.thresholds[index + 1]?.from ?? Number.POSITIVE_INFINITY);
      const band =
        mode.includes('area') && high > low
          ? `<rect x="${px(area.left)}" y="${px(yOf(scale, area, high))}" width="${px(area.width)}" height="${px(yOf(scale, area, low) - yOf(scale, area, high))}" fill="${withAlpha(color, 0.12)}"/>`
          : '';
      const isInside = from > scale.min && from < scale.max;
      const dashes = mode.includes('dashed') ? ' stroke-dasharray="10 10"' : '';
      const rule =
        (mode.includes('line') || mode.includes('dashed')) && isInside
          ? `<path d="M${px(area.left)} ${px(yOf(scale, area, from))}h${px(area.width)}" stroke="${withAlpha(color, 0.7)}" stroke-width="2"${dashes}/>`
          : '';
      return band + rule;
    })
    .join('');
}

function seriesSvg(
  series: Series,
  all: readonly Series[],
  scale: Scale,
  area: Area,
  canvas: Canvas,
  gradientId: string,
): string {
  const { drawn, style } = series;
  const time = { min: canvas.range.fromMs, max: canvas.range.toMs };
  const place = (value: number): number => yOf(scale, area, value);
  const at = (timeMs: number): number => xOf(time, area, timeMs);
  if (style === 'bars') return barsSvg(series, at, place, area);
  const lineWidth = numberAt(drawn.custom, 'lineWidth') ?? 1;
  const below = textAt(drawn.custom, 'fillBelowTo');
  const floor = all.find((other) => other.drawn.name === below);
  const opacity = (numberAt(drawn.custom, 'fillOpacity') ?? (floor === undefined ? 0 : 35)) / 100;
  const interpolation = textAt(drawn.custom, 'lineInterpolation') ?? 'linear';
  const runs = runsOf(series, at, place, scale, floor);
  const gradient = textAt(drawn.custom, 'gradientMode') === 'opacity';
  const fill = gradient ? `url(#${gradientId})` : withAlpha(drawn.color, opacity);
  const definition = gradient
    ? `<linearGradient id="${gradientId}" x1="0" y1="${px(area.top)}" x2="0" y2="${px(area.top + area.height)}" gradientUnits="userSpaceOnUse"><stop offset="0" stop-color="${withAlpha(drawn.color, opacity)}"/><stop offset="1" stop-color="${withAlpha(drawn.color, 0)}"/></linearGradient>`
    : '';
  const parts = runs.map((run) => {
    const top = pathThrough(
      run.map(({ x, y }) => [x, y]),
      interpolation,
    );
    const bottom = pathThrough(
      [...run].reverse().map(({ x, base }) => [x, base]),
      backwards(interpolation),
    );
    const filled =
      opacity > 0 && run.length > 1 ? `<path d="${top}L${bottom.slice(1)}Z" fill="${fill}"/>` : '';
    const stroke =
      lineWidth > 0 && run.length > 1 && style === 'line'
        ? `<path d="${top}" fill="none" stroke="${drawn.color}" stroke-width="${lineWidth}" stroke-linejoin="round"${dashOf(drawn)}/>`
        : '';
    return filled + stroke;
  });
  return definition + parts.join('') + pointsSvg(series, runs, area);
}

function dashOf(drawn: DrawnField): string {
  const kind = textAt(drawn.custom, 'lineStyle', 'fill') ?? 'solid';
  if (kind === 'solid') return '';
  const given = listAt(drawn.custom, 'lineStyle', 'dash').filter((part) => typeof part === 'number');
  const dash = given.length > 0 ? given : kind === 'dot' ? [0, 10] : [10, 10];
  return ` stroke-dasharray="${dash.join(' ')}"${kind === 'dot' ? ' stroke-linecap="round"' : ''}`;
}

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly base: number;
}

/** The stretches without a gap. */
function runsOf(
  { points, drawn }: Series,
  at: (timeMs: number) => number,
  place: (value: number) => number,
  scale: Scale,
  floor: Series | undefined,
): readonly (readonly Placed[])[] {
  const spanNulls = numberAt(drawn.custom, 'spanNulls');
  const isSpanned = flagAt(drawn.custom, 'spanNulls') === true;
  const zero = Math.max(scale.min, Math.min(scale.max, 0));
  const floors = new Map(floor?.points.map(({ timeMs, top }) => [timeMs, top]));
  const runs: Placed[][] = [[]];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { timeMs, top, base } of points) {
    if (top === null) {
      if (!isSpanned && spanNulls === undefined) runs.push([]);
      continue;
    }
    if (spanNulls !== undefined && timeMs - lastMs > spanNulls) runs.push([]);
    lastMs = timeMs;
    const bottom = floor === undefined ? (base ?? zero) : (floors.get(timeMs) ?? zero);
    runs.at(-1)?.push({ x: at(timeMs), y: place(top), base: place(bottom) });
  }
  return runs.filter((run) => run.length > 0);
}

function backwards(interpolation: string): string {
  if (interpolation === 'stepAfter') return 'stepBefore';
  return interpolation === 'stepBefore' ? 'stepAfter' : interpolation;
}

function pathThrough(points: readonly (readonly [number, number])[], interpolation: string): string {
  if (interpolation === 'smooth' && points.length > 2) return smoothPath(points);
  return points
    .map(([x, y], index) => {
      if (index === 0) return `M${px(x)} ${px(y)}`;
      if (interpolation === 'stepAfter') return `H${px(x)}V${px(y)}`;
      if (interpolation === 'stepBefore') return `V${px(y)}H${px(x)}`;
      return `L${px(x)} ${px(y)}`;
    })
    .join('');
}

/** A monotone cubic spline: it never swings beyond the values. */
function smoothPath(points: readonly (readonly [number, number])[]): string {
  const slopes = points.slice(1).map(([x, y], index) => {
    const [beforeX, beforeY] = points[index] ?? [x, y];
    return x === beforeX ? 0 : (y - beforeY) / (x - beforeX);
  });
  const tangent = (index: number): number => {
    const before = slopes[index - 1];
    const after = slopes[index];
    if (before === undefined || after === undefined) return before ?? after ?? 0;
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  };
  return points
    .map(([x, y], index) => {
      const previous = points[index - 1];
      if (previous === undefined) return `M${px(x)} ${px(y)}`;
      const [beforeX, beforeY] = previous;
      const third = (x - beforeX) / 3;
      return `C${px(beforeX + third)} ${px(beforeY + third * tangent(index - 1))} ${px(x - third)} ${px(y - third * tangent(index))} ${px(x)} ${px(y)}`;
    })
    .join('');
}

function pointsSvg(
  { drawn, style, points }: Series,
  runs: readonly (readonly Placed[])[],
  area: Area,
): string {
  const size = numberAt(drawn.custom, 'pointSize') ?? 5;
  const wish = textAt(drawn.custom, 'showPoints') ?? 'auto';
  const isSparse = points.length * size * 2 <= area.width;
  const all = style === 'points' || wish === 'always' || (wish === 'auto' && isSparse);
  // A value between two gaps would not be seen as a line, so it is a point in any case.
  const shown = all ? runs.flat() : runs.filter((run) => run.length === 1).flat();
  return shown
    .map(({ x, y }) => `<circle cx="${px(x)}" cy="${px(y)}" r="${px(size / 2)}" fill="${drawn.color}"/>`)
    .join('');
}

function barsSvg(
  { drawn, points }: Series,
  at: (timeMs: number) => number,
  place: (value: number) => number,
  area: Area,
): string {
  const gaps = points.slice(1).map(({ timeMs }, index) => at(timeMs) - at(points[index]?.timeMs ?? timeMs));
  const slot = Math.min(area.width, ...gaps.filter((gap) => gap > 0));
  const factor = numberAt(drawn.custom, 'barWidthFactor') ?? 0.6;
  const width = Math.max(1, Math.min(slot * factor, numberAt(drawn.custom, 'barMaxWidth') ?? 200));
  const alignment = numberAt(drawn.custom, 'barAlignment') ?? 0;
  const opacity = (numberAt(drawn.custom, 'fillOpacity') ?? 0) / 100;
  const lineWidth = numberAt(drawn.custom, 'lineWidth') ?? 1;
  const bars = points.map(({ timeMs, value, top, base }) => {
    if (value === null || top === null || value === 0) return '';
    const x = at(timeMs) - (alignment === 0 ? width / 2 : alignment < 0 ? width : 0);
    const from = place(base ?? 0);
    const to = place(top);
    return `M${px(x)} ${px(from)}V${px(to)}h${px(width)}V${px(from)}z`;
  });
  return `<path d="${bars.join('')}" fill="${withAlpha(drawn.color, opacity)}" stroke="${drawn.color}" stroke-width="${width < 3 ? 0 : lineWidth}"/>`;
}

function legendEntries(series: readonly Series[], calcs: readonly string[]): readonly LegendEntry[] {
  return series
    .filter(({ drawn }) => !isHidden(drawn, 'legend') && !isHidden(drawn, 'viz'))
    .map(({ drawn, style }) => ({
      name: drawn.name,
      color: drawn.color,
      cells: calcCells(drawn, drawn.field.values, calcs),
      isLine: style === 'line',
    }));
}
