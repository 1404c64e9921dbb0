import { withAlpha } from '../colors.ts';
import type { DrawnField, Shown } from '../field.ts';
import { flagAt, numberAt, textAt } from '../json.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { escaped, px, textWidth } from '../text.ts';
import { type Reduced, reducedValues } from './reduced.ts';

/** Bar gauges and gauges: values between two ends. */

const GAP_PX = 10;

function shareOf(shown: Shown, { low, high }: DrawnField): number {
  if (shown.numeric === null || high === low) return 0;
  return Math.max(0, Math.min(1, (shown.numeric - low) / (high - low)));
}

export function drawBarGauge(input: PanelInput): Drawing {
  const { options, canvas } = input;
  const values = reducedValues(input, 'thresholds');
  if (values.length === 0) return NO_DATA;
  const wish = textAt(options, 'orientation') ?? 'auto';
  const isHorizontal = wish === 'horizontal' || (wish === 'auto' && canvas.widthPx <= canvas.heightPx * 1.4);
  return isHorizontal ? horizontalBars(values, input) : verticalBars(values, input);
}

function horizontalBars(values: readonly Reduced[], { options, canvas }: PanelInput): Drawing {
  const gap = values.length > 8 ? 6 : GAP_PX;
  const height = Math.min(300, Math.max(10, (canvas.heightPx - gap * (values.length - 1)) / values.length));
  const isAbove = height >= 40 && textAt(options, 'namePlacement') !== 'left';
  const fontPx = Math.max(9, Math.min(isAbove ? 16 : 16, height * (isAbove ? 0.3 : 0.6)));
  const namesPx = isAbove
    ? 0
    : Math.min(canvas.widthPx * 0.4, Math.max(...values.map(({ title }) => textWidth(title, fontPx))) + 12);
  const barPx = isAbove ? height - fontPx * 1.6 : height;
  const valueFont = numberAt(options, 'text', 'valueSize') ?? Math.max(10, Math.min(barPx * 0.55, 28));
  const textPx = Math.max(...values.map(({ shown }) => textWidth(shown.text, valueFont, 500))) + 14;
  const isHidden = textAt(options, 'valueMode') === 'hidden';
  const length = canvas.widthPx - namesPx - (isHidden ? 0 : textPx);
  const bars = values.map((value) => {
    const share = shareOf(value.shown, value.drawn);
    const bar = barHtml(value, share, length, barPx, options, canvas);
    const text = isHidden
      ? ''
      : `<span class="fit" style="font-size:${px(valueFont)}px;width:${px(textPx)}px;padding-left:8px;font-weight:500;color:${value.shown.color}">${escaped(value.shown.text)}</span>`;
    const name = `<div class="fit" style="font-size:${px(fontPx)}px;${isAbove ? `height:${px(fontPx * 1.6)}px` : `width:${px(namesPx)}px;padding-right:8px;box-sizing:border-box`}">${escaped(value.title)}</div>`;
    return isAbove
      ? `<div style="height:${px(height)}px">${name}<div class="bar">${bar}${text}</div></div>`
      : `<div class="bar" style="height:${px(height)}px">${name}${bar}${text}</div>`;
  });
  const needed = values.length * (height + gap) - gap;
  const problems = [
    ...(needed > canvas.heightPx + 1 ? ['bars scroll out of the panel'] : []),
    ...(height < 14 ? [`${values.length} bars have too little room`] : []),
    ...values
      .filter(({ title }) => !isAbove && textWidth(title, fontPx) > namesPx)
      .map(({ title }) => `the name '${title}' is cut`),
  ];
  return drawing(`<div class="bars" style="gap:${gap}px">${bars.join('')}</div>`, problems);
}

function barHtml(
  value: Reduced,
  share: number,
  length: number,
  thick: number,
  options: unknown,
  { theme }: Canvas,
): string {
  const { color } = value.shown;
  const mode = textAt(options, 'displayMode') ?? 'gradient';
  const isUnfilledShown = flagAt(options, 'showUnfilled') !== false;
  const empty = isUnfilledShown ? `background:${theme.secondary};` : '';
  if (mode === 'lcd') {
    const cells = Math.max(1, Math.floor(length / 14));
    const lit = Math.round(cells * share);
    const blocks = Array.from(
      { length: cells },
      (_, index) =>
        `<i style="flex:1;border-radius:2px;background:${index < lit ? color : withAlpha(color, 0.2)}"></i>`,
    );
    return `<div style="width:${px(length)}px;height:${px(thick)}px;display:flex;gap:2px">${blocks.join('')}</div>`;
  }
  const fill =
    mode === 'gradient'
      ? `background:linear-gradient(90deg,${withAlpha(color, 0.3)},${color})`
      : `background:${withAlpha(color, 0.35)};border-right:2px solid ${color};box-sizing:border-box`;
  return `<div style="width:${px(length)}px;height:${px(thick)}px;border-radius:3px;${empty}"><div style="width:${px(Math.max(1, length * share))}px;height:${px(thick)}px;border-radius:3px;${fill}"></div></div>`;
}

function verticalBars(values: readonly Reduced[], { canvas }: PanelInput): Drawing {
  const width = (canvas.widthPx - GAP_PX * (values.length - 1)) / values.length;
  const length = canvas.heightPx - 52;
  const bars = values.map((value) => {
    const share = shareOf(value.shown, value.drawn);
    const { color } = value.shown;
    return `<div class="upright" style="width:${px(width)}px"><div class="fit" style="font-size:16px;font-weight:500;color:${color}">${escaped(value.shown.text)}</div><div style="height:${px(length)}px;width:100%;background:${canvas.theme.secondary};border-radius:3px;display:flex;align-items:flex-end"><div style="width:100%;height:${px(length * share)}px;border-radius:3px;background:linear-gradient(0deg,${withAlpha(color, 0.3)},${color})"></div></div><div class="fit">${escaped(value.title)}</div></div>`;
  });
  return drawing(`<div class="repeat" style="flex-direction:row;gap:${GAP_PX}px">${bars.join('')}</div>`);
}

/** Where the arc begins and how far it goes, degrees clockwise from the right. */
const ARC_FROM = 150;
const ARC_SWEEP = 240;

export function drawGauge(input: PanelInput): Drawing {
  const { options, canvas } = input;
  const values = reducedValues(input, 'thresholds');
  if (values.length === 0) return NO_DATA;
  const isRow = canvas.widthPx > canvas.heightPx;
  const width = isRow ? canvas.widthPx / values.length : canvas.widthPx;
  const height = isRow ? canvas.heightPx : canvas.heightPx / values.length;
  const gauges = values.map((value) => gaugeSvg(value, width, height, values, options, canvas));
  return drawing(
    `<div class="repeat" style="gap:0;flex-direction:${isRow ? 'row' : 'column'}">${gauges.join('')}</div>`,
  );
}

function gaugeSvg(
  value: Reduced,
  width: number,
  height: number,
  all: readonly Reduced[],
  options: unknown,
  { theme }: Canvas,
): string {
  const titlePx = all.length > 1 ? 22 : 0;
  const radius = Math.max(10, Math.min(width / 2 - 6, (height - titlePx - 4) / 1.55));
  const thick = radius * 0.22;
  const [cx, cy] = [width / 2, radius + 4];
  const ends = value.drawn;
  const share = shareOf(value.shown, ends);
  const arc = (from: number, to: number, r: number, w: number, color: string): string => {
    const point = (part: number): string => {
      const angle = ((ARC_FROM + ARC_SWEEP * part) * Math.PI) / 180;
      return `${px(cx + r * Math.cos(angle))} ${px(cy + r * Math.sin(angle))}`;
    };
    const isLarge = (to - from) * ARC_SWEEP > 180 ? 1 : 0;
    return `<path d="M${point(from)}A${px(r)} ${px(r)} 0 ${isLarge} 1 ${point(to)}" fill="none" stroke="${color}" stroke-width="${px(w)}"/>`;
  };
  const inner = radius - thick * 0.75;
  const steps = value.drawn.thresholds.map(({ from, color }, index) => {
    const part = (bound: number): number =>
      Math.max(0, Math.min(1, (bound - ends.low) / (ends.high - ends.low || 1)));
    const to = value.drawn.thresholds[index + 1]?.from ?? Number.POSITIVE_INFINITY;
    return part(to) > part(from) ? arc(part(from), part(to), radius - 2, 4, color) : '';
  });
  const markers = flagAt(options, 'showThresholdMarkers') === false ? '' : steps.join('');
  const fontPx = Math.min(radius * 0.42, (radius * 1.1) / (textWidth(value.shown.text, 100, 500) / 100 || 1));
  const text = `<text x="${px(cx)}" y="${px(cy + fontPx * 0.35)}" text-anchor="middle" font-size="${px(fontPx)}" font-weight="500" fill="${value.shown.color}">${escaped(value.shown.text)}</text>`;
  const title =
    titlePx === 0
      ? ''
      : `<text x="${px(cx)}" y="${px(height - 6)}" text-anchor="middle" font-size="14" fill="${theme.text}">${escaped(value.title)}</text>`;
  return `<svg width="${px(width)}" height="${px(height)}">${arc(0, 1, inner, thick, theme.secondary)}${share > 0 ? arc(0, share, inner, thick, value.shown.color) : ''}${markers}${text}${title}</svg>`;
}
