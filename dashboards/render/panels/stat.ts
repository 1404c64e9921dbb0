import { mix, textOn, withAlpha } from '../colors.ts';
import { numbersOf } from '../frame.ts';
import { flagAt, numberAt, textAt } from '../json.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { escaped, px, textWidth } from '../text.ts';
import { type Reduced, reducedValues } from './reduced.ts';

const GAP_PX = 8;
const LINE_HEIGHT = 1.2;
const MAX_TITLE_PX = 30;

export function drawStat(input: PanelInput): Drawing {
  const { options, canvas } = input;
  const values = reducedValues(input, 'thresholds');
  if (values.length === 0) return NO_DATA;
  const isVertical = orientationOf(textAt(options, 'orientation') ?? 'auto', canvas) === 'vertical';
  const count = values.length;
  const width = isVertical ? canvas.widthPx : (canvas.widthPx - GAP_PX * (count - 1)) / count;
  const height = isVertical ? (canvas.heightPx - GAP_PX * (count - 1)) / count : canvas.heightPx;
  const textMode = textAt(options, 'textMode') ?? 'auto';
  const showsName =
    textMode === 'name' || textMode === 'value_and_name' || (textMode === 'auto' && count > 1);
  const longest = {
    title: showsName ? longestOf(values.map(({ title }) => title)) : '',
    value: longestOf(values.map(({ shown }) => shown.text)),
  };
  const layouts = values.map((value) => layoutOf(value, longest, width, height, textMode, options));
  const smallest = Math.min(...layouts.map(({ valuePx }) => valuePx));
  const problems = values.flatMap(({ shown, title }) => [
    ...(shown.text === '' ? [`no value for ${title}`] : []),
    ...(smallest < 14 ? [`the value '${shown.text}' has too little room`] : []),
  ]);
  const boxes = values.map((value, index) => {
    const layout = layouts[index];
    return layout === undefined ? '' : box(value, layout, width, height, input, index);
  });
  return drawing(
    `<div class="repeat" style="flex-direction:${isVertical ? 'column' : 'row'}">${boxes.join('')}</div>`,
    [...new Set(problems)],
  );
}

function longestOf(texts: readonly string[]): string {
  return texts.reduce((best, text) => (text.length > best.length ? text : best), '');
}

function orientationOf(wish: string, canvas: Canvas): string {
  // Grafana's `horizontal` puts values below one another: the word is about the bars of a bar gauge.
  if (wish === 'horizontal') return 'vertical';
  if (wish === 'vertical') return 'horizontal';
  return canvas.widthPx > canvas.heightPx ? 'horizontal' : 'vertical';
}

interface Layout {
  readonly isWide: boolean;
  readonly hasLine: boolean;
  readonly title: string;
  readonly value: string;
  readonly titlePx: number;
  readonly valuePx: number;
  readonly padding: number;
  readonly linePx: number;
}

interface Names {
  /** The longest of the panel: all its values have the size that it allows. */
  readonly title: string;
  readonly value: string;
}

/** Where Grafana puts name and value, and how large: beside each other in wide boxes, else above each other. */
function layoutOf(
  { title, shown, line }: Reduced,
  longest: Names,
  width: number,
  height: number,
  textMode: string,
  options: unknown,
): Layout {
  const name = longest.title === '' ? '' : title;
  const value = textMode === 'name' || textMode === 'none' ? '' : shown.text;
  const isLineWanted = (textAt(options, 'graphMode') ?? 'area') === 'area';
  const isWide = width / height > 2.5 && flagAt(options, 'wideLayout') !== false;
  const hasLine =
    isLineWanted && line.filter((each) => each !== null).length > 1 && height > (isWide ? 50 : 100);
  const padding = height > 100 ? 12 : 8;
  const [innerWidth, innerHeight] = [width - 2 * padding, height - 2 * padding];
  const hasName = longest.title !== '';
  const titleRoom = isWide ? innerWidth * 0.6 : innerWidth;
  const titleHeight = isWide ? innerHeight * (hasLine ? 0.4 : 1) : height * 0.15;
  const titleMost = hasName ? fitted(longest.title, titleRoom, titleHeight, MAX_TITLE_PX) : 0;
  const valueRoom = !isWide ? innerWidth : innerWidth * (hasLine ? 0.4 : hasName ? 0.3 : 1);
  const valueHeight = isWide
    ? innerHeight * (hasLine ? 0.5 : 1)
    : innerHeight - (hasLine ? height * 0.25 : 0) - titleMost * LINE_HEIGHT;
  const valuePx = numberAt(options, 'text', 'valueSize') ?? fitted(longest.value, valueRoom, valueHeight);
  const titlePx = numberAt(options, 'text', 'titleSize') ?? Math.min(titleMost, valuePx * 0.7);
  const linePx = isWide ? height * 0.5 : height - (titlePx + valuePx) * LINE_HEIGHT;
  return { isWide, hasLine, title: name, value, titlePx, valuePx, padding, linePx };
}

function fitted(text: string, width: number, height: number, most = Number.POSITIVE_INFINITY): number {
  const byWidth = (width / (textWidth(text, 14, 500) + 2)) * 14;
  return Math.max(6, Math.min(most, height / LINE_HEIGHT, byWidth));
}

function box(
  value: Reduced,
  layout: Layout,
  width: number,
  height: number,
  { options, canvas }: PanelInput,
  index: number,
): string {
  const { theme } = canvas;
  const mode = textAt(options, 'colorMode') ?? 'value';
  const { color } = value.shown;
  const isFilled = mode.startsWith('background');
  const background =
    mode === 'background'
      ? `background:linear-gradient(120deg,${mix(color, '#000000', 0.15)},${color});`
      : mode === 'background_solid'
        ? `background:${color};`
        : '';
  const text = isFilled ? textOn(color, theme) : mode === 'none' ? theme.text : color;
  const nameColor = isFilled ? textOn(color, theme) : theme.text;
  const justify = textAt(options, 'justifyMode') ?? 'auto';
  const isCentred = justify === 'center' || layout.title === '';
  const lineColor = isFilled ? 'rgba(255,255,255,0.6)' : color;
  const line = layout.hasLine ? sparkline(value, width, layout.linePx, lineColor, canvas, index) : '';
  const alignment = isCentred ? 'center' : 'flex-start';
  const rest = layout.hasLine ? 'flex-start' : 'center';
  const direction = layout.isWide ? 'row' : 'column';
  const place = layout.isWide
    ? `align-items:${layout.hasLine ? 'flex-start' : 'center'};justify-content:${isCentred ? 'center' : layout.title === '' ? 'flex-start' : 'space-between'}`
    : `align-items:${alignment};justify-content:${rest}`;
  const name =
    layout.title === ''
      ? ''
      : `<div class="fit" style="font-size:${px(layout.titlePx)}px;color:${nameColor}">${escaped(layout.title)}</div>`;
  const shown = `<div class="fit" style="font-size:${px(layout.valuePx)}px;color:${text};font-weight:500">${escaped(layout.value)}</div>`;
  return `<div class="stat" style="width:${px(width)}px;height:${px(height)}px;padding:${layout.padding}px;flex-direction:${direction};${place};${background}">${name}${shown}${line}</div>`;
}

function sparkline(
  value: Reduced,
  width: number,
  height: number,
  color: string,
  canvas: Canvas,
  index: number,
): string {
  const numbers = numbersOf({ ...value.drawn.field, values: value.line });
  const points = numbers.flatMap((number, row) =>
    number === null ? [] : [{ number, timeMs: Number(value.timesMs[row] ?? row) }],
  );
  const times = points.map(({ timeMs }) => timeMs);
  const [fromMs, toMs] = [Math.min(...times), Math.max(...times)];
  const low = Math.min(...points.map(({ number }) => number), value.drawn.min ?? Number.POSITIVE_INFINITY);
  const high = Math.max(...points.map(({ number }) => number));
  const x = (timeMs: number): number => (toMs === fromMs ? 0 : ((timeMs - fromMs) / (toMs - fromMs)) * width);
  const y = (number: number): number =>
    height - 1 - (high === low ? 0.5 : (number - low) / (high - low)) * (height - 3);
  const path = points
    .map(({ number, timeMs }, row) => `${row === 0 ? 'M' : 'L'}${px(x(timeMs))} ${px(y(number))}`)
    .join('');
  const id = `spark-${canvas.panelId}-${index}`;
  return `<svg class="spark" width="${px(width)}" height="${px(height)}"><linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${withAlpha(color, 0.4)}"/><stop offset="1" stop-color="${withAlpha(color, 0.05)}"/></linearGradient><path d="${path}L${px(width)} ${px(height)}L0 ${px(height)}Z" fill="url(#${id})"/><path d="${path}" fill="none" stroke="${color}" stroke-width="1"/></svg>`;
}
