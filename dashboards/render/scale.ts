import { dateText } from './dates.ts';
import { textWidth } from './text.ts';

/** Ranges and ticks of axes, by the rules of uPlot as Grafana sets it up. */

export interface Scale {
  readonly min: number;
  readonly max: number;
}

export interface RangeWish {
  /** Hard ends: `min` and `max` of the field. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Ends that the axis has at least: `axisSoftMin`, `axisSoftMax`. */
  readonly softMin?: number | undefined;
  readonly softMax?: number | undefined;
}

const PADDING = 0.1;

/** The values with a tenth of room on both sides; zero is an end where no value lies beyond it. */
export function valueRange(lowest: number, highest: number, wish: RangeWish): Scale {
  const spread = highest - lowest;
  const size = spread || Math.max(Math.abs(lowest), Math.abs(highest)) || 1000;
  const base = 10 ** Math.floor(Math.log10(size)) / 10;
  const lowPadding = spread === 0 ? size * (lowest === 0 ? PADDING : 1) : size * PADDING;
  const highPadding = spread === 0 ? size * (highest === 0 ? PADDING : 1) : size * PADDING;
  const paddedLow = round(Math.floor((lowest - lowPadding) / base) * base);
  const paddedHigh = round(Math.ceil((highest + highPadding) / base) * base);
  const min =
    wish.min ??
    Math.min(lowest >= 0 && paddedLow <= 0 ? 0 : paddedLow, wish.softMin ?? Number.POSITIVE_INFINITY);
  const max =
    wish.max ??
    Math.max(highest <= 0 && paddedHigh >= 0 ? 0 : paddedHigh, wish.softMax ?? Number.NEGATIVE_INFINITY);
  return max > min ? { min, max } : { min, max: min + 1 };
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}

const STEPS = [1, 2, 2.5, 5];

/** The smallest round step whose ticks are at least so far apart. */
export function valueStep(scale: Scale, lengthPx: number, spacePx: number): number {
  const least = ((scale.max - scale.min) * spacePx) / Math.max(1, lengthPx);
  const power = Math.floor(Math.log10(least));
  for (const exponent of [power, power + 1])
    for (const step of STEPS) {
      const value = round(step * 10 ** exponent);
      if (value >= least) return value;
    }
  return round(10 ** (power + 2));
}

/** As `valueStep`, for axes of bytes that count by 1,024: a power of two. */
export function binaryStep(scale: Scale, lengthPx: number, spacePx: number): number {
  return 2 ** Math.ceil(Math.log2(((scale.max - scale.min) * spacePx) / Math.max(1, lengthPx)));
}

export function ticks(scale: Scale, step: number): readonly number[] {
  const first = Math.ceil(round(scale.min / step));
  const last = Math.floor(round(scale.max / step));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => round((first + index) * step));
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const TIME_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((count) => count * HOUR),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 30, 60, 90, 180].map((count) => count * DAY),
  YEAR,
];

export interface TimeTick {
  readonly timeMs: number;
  readonly text: string;
}

export function timeTicks(scale: Scale, widthPx: number): readonly TimeTick[] {
  const rangeMs = scale.max - scale.min;
  const fits = (stepMs: number): boolean =>
    (stepMs / rangeMs) * widthPx >= textWidth(dateText(0, timePattern(stepMs, rangeMs)), 12) + 18;
  const step = TIME_STEPS.find(fits) ?? YEAR;
  const pattern = timePattern(step, rangeMs);
  return ticksOfTime(scale, step).map((timeMs) => ({ timeMs, text: dateText(timeMs, pattern) }));
}

/** Steps of more than a day count from the first day of the range's month, so that they fall on whole days. */
function ticksOfTime(scale: Scale, step: number): readonly number[] {
  const start = new Date(scale.min);
  const origin = step > DAY ? Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), 1) : 0;
  return ticks({ min: scale.min - origin, max: scale.max - origin }, step).map((time) => time + origin);
}

function timePattern(stepMs: number, rangeMs: number): string {
  if (stepMs < MINUTE) return 'HH:mm:ss';
  if (rangeMs <= DAY) return 'HH:mm';
  if (stepMs < DAY) return 'MM/DD HH:mm';
  return rangeMs < YEAR ? 'MM/DD' : 'YYYY-MM';
}
