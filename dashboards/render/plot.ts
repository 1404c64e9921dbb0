import type { Theme } from './colors.ts';
import type { Canvas } from './panel.ts';
import { type Scale, type TimeTick, timeTicks } from './scale.ts';
import { escaped, px, textWidth } from './text.ts';

/** The frame of a chart: axes, grid, and the area inside in which values are drawn, as SVG. */

export interface AxisTick {
  readonly value: number;
  readonly text: string;
}

export interface ValueAxis {
  readonly scale: Scale;
  readonly ticks: readonly AxisTick[];
  readonly label?: string | undefined;
  readonly isRight: boolean;
  readonly isHidden: boolean;
  readonly hasGrid: boolean;
  /** The axis takes the colour of its only series. */
  readonly color?: string | undefined;
}

export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export const FONT_PX = 12;
const BOTTOM_PX = 24;
const TOP_PX = 8;

/** How wide an axis at the side is: its longest text, room beside it, its label. */
export function axisWidth(axis: ValueAxis): number {
  if (axis.isHidden) return 0;
  const texts = axis.ticks.map(({ text }) => textWidth(text, FONT_PX));
  return Math.max(8, ...texts) + 15 + (axis.label === undefined || axis.label === '' ? 0 : 20);
}

/** The area that is left between the axes. */
export function areaBetween(
  widthPx: number,
  heightPx: number,
  axes: readonly ValueAxis[],
  bottomPx = BOTTOM_PX,
): Area {
  const left = axes.filter(({ isRight }) => !isRight).reduce((sum, axis) => sum + axisWidth(axis), 0);
  const right = axes.filter(({ isRight }) => isRight).reduce((sum, axis) => sum + axisWidth(axis), 0);
  return {
    left: left || 8,
    top: TOP_PX,
    width: Math.max(10, widthPx - (left || 8) - (right || 12)),
    height: Math.max(10, heightPx - TOP_PX - bottomPx),
  };
}

export function yOf(scale: Scale, area: Area, value: number): number {
  return area.top + area.height * (1 - (value - scale.min) / (scale.max - scale.min));
}

export function xOf(scale: Scale, area: Area, value: number): number {
  return area.left + (area.width * (value - scale.min)) / (scale.max - scale.min);
}

export function valueAxes(axes: readonly ValueAxis[], area: Area, theme: Theme): string {
  let leftEdge = area.left;
  let rightEdge = area.left + area.width;
  return axes
    .map((axis) => {
      const grid = axis.hasGrid
        ? axis.ticks.map(({ value }) =>
            line(area.left, yOf(axis.scale, area, value), area.left + area.width, theme.gridLine),
          )
        : [];
      if (axis.isHidden) return grid.join('');
      const x = axis.isRight ? rightEdge + 7 : leftEdge - 7;
      const texts = axis.ticks.map(({ value, text }) =>
        svgText(
          text,
          x,
          yOf(axis.scale, area, value) + 4,
          axis.isRight ? 'start' : 'end',
          axis.color ?? theme.text,
        ),
      );
      const width = axisWidth(axis);
      const labelX = axis.isRight ? rightEdge + width - 6 : leftEdge - width + 13;
      const middle = area.top + area.height / 2;
      const turn = axis.isRight ? 90 : -90;
      const label =
        axis.label === undefined || axis.label === ''
          ? ''
          : `<text transform="translate(${px(labelX)},${px(middle)}) rotate(${turn})" text-anchor="middle" fill="${theme.text}">${escaped(axis.label)}</text>`;
      if (axis.isRight) rightEdge += width;
      else leftEdge -= width;
      return [...grid, ...texts, label].join('');
    })
    .join('');
}

function line(x1: number, y: number, x2: number, color: string): string {
  return `<path d="M${px(x1)} ${px(Math.round(y) + 0.5)}H${px(x2)}" stroke="${color}"/>`;
}

export function timeAxis(canvas: Canvas, area: Area): string {
  const scale = { min: canvas.range.fromMs, max: canvas.range.toMs };
  return timeTicks(scale, area.width)
    .map(({ timeMs, text }: TimeTick) => {
      const x = xOf(scale, area, timeMs);
      const half = textWidth(text, FONT_PX) / 2;
      // Texts at the ends that would leave the picture are left out; their lines stay.
      const fits = x - half >= 0 && x + half <= area.left + area.width + 40;
      const grid = `<path d="M${px(Math.round(x) + 0.5)} ${px(area.top)}V${px(area.top + area.height)}" stroke="${canvas.theme.gridLine}"/>`;
      return grid + (fits ? svgText(text, x, area.top + area.height + 18, 'middle', canvas.theme.text) : '');
    })
    .join('');
}

/** Annotations: dashed lines with a mark at their foot. */
export function marks(canvas: Canvas, area: Area): string {
  const scale = { min: canvas.range.fromMs, max: canvas.range.toMs };
  return canvas.annotations
    .filter(({ timeMs }) => timeMs >= scale.min && timeMs <= scale.max)
    .map(({ timeMs, color }) => {
      const x = Math.round(xOf(scale, area, timeMs)) + 0.5;
      const foot = area.top + area.height;
      return (
        `<path d="M${px(x)} ${px(area.top)}V${px(foot)}" stroke="${color}" stroke-dasharray="5 5" stroke-width="1"/>` +
        `<path d="M${px(x - 5)} ${px(foot + 6)}h10l-5 -6z" fill="${color}"/>`
      );
    })
    .join('');
}

export function svgText(
  text: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  color: string,
): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" fill="${color}">${escaped(text)}</text>`;
}

export function svg(widthPx: number, heightPx: number, content: string): string {
  return `<svg width="${px(widthPx)}" height="${px(heightPx)}" font-size="${FONT_PX}">${content}</svg>`;
}

/** Chart and legend beside or above each other. */
export function withLegend(isRight: boolean, chart: string, legend: string): string {
  return `<div class="viz ${isRight ? 'row' : 'column'}">${chart}${legend}</div>`;
}
