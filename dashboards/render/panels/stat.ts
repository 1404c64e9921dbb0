import { mix, textOn, withAlpha } from '../colors.ts';
import { numbersOf } from '../frame.ts';
import { flagAt, numberAt, textAt } from '../json.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { escaped, px, textWidth } from '../text.ts';
import { type Reduced, reducedValues } from './reduced.ts';

const GAP_PX = 8;
const LINE_HEIGHT = 1.2;
const MAX_TITLE_PX = 30;
/** Grafana makes a value no larger. */
const MAX_VALUE_PX = 200;

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
  const sizes = values.map((value) => layoutOf(value, width, height, showsName, textMode, options));
  // All values of a panel are as large as the one with the least room.
  const common = Math.min(...sizes.map(({ valuePx }) => valuePx));
  const problems = values.flatMap(({ shown, title }) => [
    ...(shown.text === '' ? [`no value for ${title}`] : []),
    ...(common < 14 ? [`the value '${shown.text}' has too little room`] : []),
  ]);
  const boxes = values.map((value, index) => {
    const layout = sizes[index];
    return layout === undefined
      ? ''
      : box(value, { ...layout, valuePx: common }, width, height, input, count, index);
  });
  return drawing(
    `<div class="repeat" style="flex-direction:${isVertical ? 'column' : 'row'}">${boxes.join('')}</div>`,
    [...new Set(problems)],
  );
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
}

/** As large as fits, and how Grafana puts name and value: beside each other in wide boxes, else above each other. */
function layoutOf(
  { title, shown, line }: Reduced,
  width: number,
  height: number,
  showsName: boolean,
  textMode: string,
  options: unknown,
): Layout {
  const name = textMode === 'none' || !showsName ? '' : title;
  const value = textMode === 'name' || textMode === 'none' ? '' : shown.text;
  const hasLine =
    (textAt(options, 'graphMode') ?? 'area') === 'area' && line.filter((each) => each !== null).length > 1;
  const isWide = width / height > 2.5 && flagAt(options, 'wideLayout') !== false;
  const innerWidth = width - 16;
  const innerHeight = height - 16;
  const titleWish = numberAt(options, 'text', 'titleSize');
  const valueWish = numberAt(options, 'text', 'valueSize');
  const hasRoomForLine = hasLine && height > (isWide ? 50 : 100);
  const textHeight = hasRoomForLine ? innerHeight * (isWide ? 0.6 : 0.62) : innerHeight;
  const titlePx =
    name === ''
      ? 0
      : (titleWish ??
        fitted(name, innerWidth * (isWide ? 0.6 : 1), textHeight * (isWide ? 0.55 : 0.35), MAX_TITLE_PX));
  const restHeight = isWide || name === '' ? textHeight : textHeight - titlePx * LINE_HEIGHT;
  const restWidth = isWide && name !== '' ? innerWidth * 0.4 : innerWidth;
  const valuePx = valueWish ?? fitted(value, restWidth, restHeight, MAX_VALUE_PX);
  return { isWide, hasLine: hasRoomForLine, title: name, value, titlePx, valuePx };
}

function fitted(text: string, width: number, height: number, most: number): number {
  const unit = textWidth(text, 100, 500) / 100 || 1;
  return Math.max(8, Math.min(most, height / LINE_HEIGHT, (width * 0.97) / unit));
}

function box(
  value: Reduced,
  layout: Layout,
  width: number,
  height: number,
  { options, canvas }: PanelInput,
  count: number,
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
  const isCentred = justify === 'center' || (justify === 'auto' && count === 1 && layout.title === '');
  const lineColor = isFilled ? 'rgba(255,255,255,0.6)' : color;
  const line = layout.hasLine
    ? sparkline(value, width, height * (layout.isWide ? 0.4 : 0.28), lineColor, canvas, index)
    : '';
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
  return `<div class="stat" style="width:${px(width)}px;height:${px(height)}px;flex-direction:${direction};${place};${background}">${name}${shown}${line}</div>`;
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
