import { textOn, withAlpha } from '../colors.ts';
import { axisText, type DrawnField, isHidden } from '../field.ts';
import { numbersOf } from '../frame.ts';
import { numberAt, textAt } from '../json.ts';
import { calcCells, calcNames, drawLegend, legendCalcs, legendOf } from '../legend.ts';
import { type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { type Area, areaBetween, svg, svgText, type ValueAxis, valueAxes, withLegend, yOf } from '../plot.ts';
import { type Scale, ticks, valueRange, valueStep } from '../scale.ts';
import { cutTo, px, textWidth } from '../text.ts';

/** Bars for the rows of a table, one colour for each of its numbers. */
export function drawBarChart(input: PanelInput): Drawing {
  const { options, canvas, fields } = input;
  const wanted = textAt(options, 'xField');
  const names = fields.find(({ field, name }) =>
    wanted === undefined
      ? field.type === 'string' || field.type === 'time'
      : name === wanted || field.name === wanted,
  );
  const series = fields.filter(
    (drawn) => drawn.field.type === 'number' && drawn !== names && !isHidden(drawn, 'viz'),
  );
  if (names === undefined || series.length === 0) return NO_DATA;
  const legend = drawLegend(
    legendOf(
      options,
      series
        .filter((drawn) => !isHidden(drawn, 'legend'))
        .map((drawn) => ({
          name: drawn.name,
          color: drawn.color,
          cells: calcCells(drawn, drawn.field.values, legendCalcs(options)),
          isLine: false,
        })),
      calcNames(legendCalcs(options)),
    ),
    canvas.widthPx,
    canvas.heightPx,
  );
  const width = canvas.widthPx - legend.widthPx;
  const height = canvas.heightPx - legend.heightPx;
  const wish = textAt(options, 'orientation') ?? 'auto';
  const isHorizontal = wish === 'horizontal' || (wish === 'auto' && width < height);
  const labels = names.field.values.map((value) => names.show(value).text);
  const chart = isHorizontal
    ? lying(input, labels, series, width, height)
    : standing(input, labels, series, width, height);
  return drawing(withLegend(legend.widthPx > 0, svg(width, height, chart.content), legend.html), [
    ...legend.problems,
    ...chart.problems,
  ]);
}

interface Bar {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  /** Where it lies within its row, of 0 to 1. */
  readonly place: number;
  readonly size: number;
  readonly color: string;
  readonly drawn: DrawnField;
  readonly text: string;
}

function barsOf({ options }: PanelInput, series: readonly DrawnField[], rows: number): readonly Bar[] {
  const stacking = textAt(options, 'stacking') ?? 'none';
  const group = numberAt(options, 'groupWidth') ?? 0.7;
  const bar = numberAt(options, 'barWidth') ?? 0.97;
  return Array.from({ length: rows }, (_, row) => row).flatMap((row) => {
    const values = series.map((drawn) => numbersOf(drawn.field)[row] ?? null);
    const total =
      stacking === 'percent' ? values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0) || 1 : 1;
    let base = 0;
    return series.map((drawn, index): Bar => {
      const value = (values[index] ?? 0) / total;
      const isStacked = stacking !== 'none';
      const from = isStacked ? base : 0;
      if (isStacked) base += value;
      const shown = drawn.show(values[index] ?? null);
      const mode = textAt(drawn.config, 'color', 'mode') ?? 'palette-classic';
      const color = mode.startsWith('palette') && !shown.isMapped ? drawn.color : shown.color;
      const size = isStacked ? bar * group : (bar * group) / series.length;
      const place = isStacked ? 0.5 - size / 2 : 0.5 - group / 2 + (group / series.length) * index;
      return { row, from, to: from + value, place, size, color, drawn, text: shown.text };
    });
  });
}

function scaleOf(bars: readonly Bar[], first: DrawnField | undefined, isPercent: boolean): Scale {
  if (isPercent) return { min: 0, max: 1 };
  const ends = bars.flatMap(({ from, to }) => [from, to]);
  return valueRange(Math.min(...ends, 0), Math.max(...ends, 0), {
    min: first?.min,
    max: first?.max,
    softMin: numberAt(first?.custom, 'axisSoftMin') ?? 0,
    softMax: numberAt(first?.custom, 'axisSoftMax'),
  });
}

interface Chart {
  readonly content: string;
  readonly problems: readonly string[];
}

function standing(
  input: PanelInput,
  labels: readonly string[],
  series: readonly DrawnField[],
  width: number,
  height: number,
): Chart {
  const { canvas, options } = input;
  const bars = barsOf(input, series, labels.length);
  const first = series[0];
  const isPercent = textAt(options, 'stacking') === 'percent';
  const scale = scaleOf(bars, first, isPercent);
  const rotation = numberAt(options, 'xTickLabelRotation') ?? 0;
  const longest = Math.max(...labels.map((label) => textWidth(label, 12)));
  const bottom =
    rotation === 0 ? 24 : Math.min(height / 3, Math.abs(Math.sin((rotation * Math.PI) / 180)) * longest + 16);
  const step = valueStep(scale, height - bottom - 8, 32);
  const axis: ValueAxis = {
    scale,
    ticks: ticks(scale, step).map((value) => ({
      value,
      text: isPercent ? `${Math.round(value * 100)}%` : axisText(first, value, step, canvas.now),
    })),
    label: textAt(first?.custom, 'axisLabel'),
    isRight: textAt(first?.custom, 'axisPlacement') === 'right',
    isHidden: textAt(first?.custom, 'axisPlacement') === 'hidden',
    hasGrid: true,
  };
  const area = areaBetween(width, height, [axis], bottom);
  const slot = area.width / labels.length;
  const left = (bar: Bar): number => area.left + slot * (bar.row + bar.place);
  const rects = bars.map((bar) => {
    const [top, foot] = [
      yOf(scale, area, Math.max(bar.from, bar.to)),
      yOf(scale, area, Math.min(bar.from, bar.to)),
    ];
    return rect(left(bar), top, slot * bar.size, foot - top, bar);
  });
  const values = bars.map((bar) => {
    const fits = textWidth(bar.text, 12) <= slot * Math.max(bar.size, 1 / series.length);
    if (!showsValues(options, fits)) return '';
    const top = yOf(scale, area, Math.max(bar.from, bar.to));
    const isStacked = (textAt(options, 'stacking') ?? 'none') !== 'none';
    const middle = (yOf(scale, area, bar.from) + yOf(scale, area, bar.to)) / 2 + 4;
    return svgText(
      bar.text,
      left(bar) + (slot * bar.size) / 2,
      isStacked ? middle : top - 4,
      'middle',
      isStacked ? textOn(bar.color, canvas.theme) : canvas.theme.text,
    );
  });
  // Labels that would run into each other are left out, as Grafana does with its spacing.
  const every = rotation === 0 ? Math.max(1, Math.ceil((Math.min(longest, 160) + 8) / slot)) : 1;
  const texts = labels.map((label, row) => {
    if (row % every !== 0) return '';
    const x = area.left + slot * (row + 0.5);
    const y = area.top + area.height + 16;
    if (rotation === 0) return svgText(cutTo(label, slot * every - 4, 12), x, y, 'middle', canvas.theme.text);
    const anchor = rotation > 0 ? 'end' : 'start';
    return `<g transform="translate(${px(x)},${px(y - 4)}) rotate(${-rotation})">${svgText(label, 0, 4, anchor, canvas.theme.text)}</g>`;
  });
  const hidden = labels.length - Math.ceil(labels.length / every);
  return {
    content: valueAxes([axis], area, canvas.theme) + rects.join('') + values.join('') + texts.join(''),
    problems: hidden > 0 ? [`${hidden} of ${labels.length} names below the bars have no room`] : [],
  };
}

function lying(
  input: PanelInput,
  labels: readonly string[],
  series: readonly DrawnField[],
  width: number,
  height: number,
): Chart {
  const { canvas, options } = input;
  const { theme } = canvas;
  const bars = barsOf(input, series, labels.length);
  const first = series[0];
  const isPercent = textAt(options, 'stacking') === 'percent';
  const scale = scaleOf(bars, first, isPercent);
  const most = numberAt(options, 'xTickLabelMaxLength') ?? 0;
  const names = labels.map((label) => (most > 0 && label.length > most ? `${label.slice(0, most)}…` : label));
  const namesPx = Math.min(width * 0.45, Math.max(...names.map((name) => textWidth(name, 12))) + 12);
  const area: Area = { left: namesPx, top: 6, width: width - namesPx - 46, height: height - 30 };
  const slot = area.height / labels.length;
  const x = (value: number): number =>
    area.left + ((value - scale.min) / (scale.max - scale.min)) * area.width;
  const step = valueStep(scale, area.width, 80);
  const grid = ticks(scale, step).map((value) => {
    const text = isPercent ? `${Math.round(value * 100)}%` : axisText(first, value, step, canvas.now);
    return `<path d="M${px(Math.round(x(value)) + 0.5)} ${px(area.top)}v${px(area.height)}" stroke="${theme.gridLine}"/>${svgText(text, x(value), height - 8, 'middle', theme.text)}`;
  });
  const rects = bars.map((bar) => {
    const top = area.top + slot * (bar.row + bar.place);
    const [from, to] = [x(Math.min(bar.from, bar.to)), x(Math.max(bar.from, bar.to))];
    const isStacked = (textAt(options, 'stacking') ?? 'none') !== 'none';
    const fits = slot * bar.size >= 12 && (!isStacked || textWidth(bar.text, 12) < to - from);
    const text = showsValues(options, fits)
      ? isStacked
        ? svgText(
            bar.text,
            (from + to) / 2,
            top + (slot * bar.size) / 2 + 4,
            'middle',
            textOn(bar.color, theme),
          )
        : svgText(bar.text, to + 4, top + (slot * bar.size) / 2 + 4, 'start', theme.text)
      : '';
    return rect(from, top, to - from, slot * bar.size, bar) + text;
  });
  const every = Math.max(1, Math.ceil(14 / slot));
  const texts = names.map((name, row) =>
    row % every === 0
      ? svgText(
          cutTo(name, namesPx - 8, 12),
          area.left - 8,
          area.top + slot * (row + 0.5) + 4,
          'end',
          theme.text,
        )
      : '',
  );
  return {
    content: grid.join('') + rects.join('') + texts.join(''),
    problems: every > 1 ? [`only every ${every}th name beside the bars has room`] : [],
  };
}

function showsValues(options: unknown, fits: boolean): boolean {
  const wish = textAt(options, 'showValue') ?? 'auto';
  return wish === 'always' || (wish === 'auto' && fits);
}

function rect(x: number, y: number, width: number, height: number, { color, drawn }: Bar): string {
  const opacity = (numberAt(drawn.custom, 'fillOpacity') ?? 80) / 100;
  const line = numberAt(drawn.custom, 'lineWidth') ?? 1;
  if (height <= 0 || width <= 0) return '';
  return `<rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" fill="${withAlpha(color, opacity)}" stroke="${color}" stroke-width="${line}"/>`;
}
