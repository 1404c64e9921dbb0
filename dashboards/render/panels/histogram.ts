import { withAlpha } from '../colors.ts';
import { type DrawnField, isHidden } from '../field.ts';
import { numbersOf } from '../frame.ts';
import { numberAt } from '../json.ts';
import { drawLegend, legendOf } from '../legend.ts';
import { type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { areaBetween, svg, svgText, type ValueAxis, valueAxes, withLegend, xOf, yOf } from '../plot.ts';
import { ticks, valueRange, valueStep } from '../scale.ts';
import { px } from '../text.ts';

/** Grafana aims at this many buckets where the panel does not say how large they are. */
const BUCKETS = 30;

/** How many values fall into which bucket. */
export function drawHistogram(input: PanelInput): Drawing {
  const { options, canvas, fields } = input;
  const series = fields.filter((drawn) => drawn.field.type === 'number' && !isHidden(drawn, 'viz'));
  const values = series.flatMap(({ field }) => numbersOf(field).filter((value) => value !== null));
  const first = series[0];
  if (first === undefined || values.length === 0) return NO_DATA;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const count = numberAt(options, 'bucketCount') ?? BUCKETS;
  const size =
    numberAt(options, 'bucketSize') ?? valueStep({ min: low, max: Math.max(high, low + 1e-9) }, count, 1);
  const offset = numberAt(options, 'bucketOffset') ?? 0;
  const bucketOf = (value: number): number => Math.floor((value - offset) / size);
  const buckets = Array.from(
    { length: bucketOf(high) - bucketOf(low) + 1 },
    (_, index) => bucketOf(low) + index,
  );
  const counts = series.map(({ field }) => {
    const numbers = numbersOf(field).filter((value) => value !== null);
    return buckets.map((bucket) => numbers.filter((value) => bucketOf(value) === bucket).length);
  });
  const legend = drawLegend(
    legendOf(
      options,
      series.map((drawn) => ({ name: drawn.name, color: drawn.color, cells: [], isLine: false })),
      [],
    ),
    canvas.widthPx,
    canvas.heightPx,
  );
  const width = canvas.widthPx - legend.widthPx;
  const height = canvas.heightPx - legend.heightPx;
  const scale = valueRange(0, Math.max(...counts.flat()), { min: 0 });
  const step = Math.max(1, valueStep(scale, height - 32, 32));
  const axis: ValueAxis = {
    scale,
    ticks: ticks(scale, step).map((value) => ({ value, text: value.toLocaleString('en-US') })),
    isRight: false,
    isHidden: false,
    hasGrid: true,
  };
  const area = areaBetween(width, height, [axis]);
  const across = { min: (buckets[0] ?? 0) * size + offset, max: ((buckets.at(-1) ?? 0) + 1) * size + offset };
  const bars = series.flatMap((drawn, index) =>
    buckets.map((bucket, place) => bar(drawn, bucket * size + offset, counts[index]?.[place] ?? 0)),
  );
  function bar(drawn: DrawnField, from: number, inBucket: number): string {
    const [left, right] = [xOf(across, area, from), xOf(across, area, from + size)];
    const top = yOf(scale, area, inBucket);
    const opacity = (numberAt(drawn.custom, 'fillOpacity') ?? 80) / 100;
    return `<rect x="${px(left + 0.5)}" y="${px(top)}" width="${px(Math.max(0, right - left - 1))}" height="${px(area.top + area.height - top)}" fill="${withAlpha(drawn.color, opacity)}" stroke="${drawn.color}"/>`;
  }
  const acrossStep = valueStep(across, area.width, 70);
  const texts = ticks(across, acrossStep).map((value) =>
    svgText(
      first.show(value).text,
      xOf(across, area, value),
      area.top + area.height + 18,
      'middle',
      canvas.theme.text,
    ),
  );
  const content = valueAxes([axis], area, canvas.theme) + bars.join('') + texts.join('');
  return drawing(withLegend(legend.widthPx > 0, svg(width, height, content), legend.html), legend.problems);
}
