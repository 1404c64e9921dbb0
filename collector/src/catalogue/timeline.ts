import type { RateCard, UnpricedReason } from '@spanledger/metering';

/**
 * What a model costs over time, after all layers: segments that touch but never overlap, each half-open
 * `[from, to)`. Within a segment the first choice whose hours fit the instant holds.
 */
export type Timeline = readonly Segment[];

export interface Segment {
  /** Microseconds since the Unix epoch. */
  readonly fromMicros: number;
  /** Null: until further notice. */
  readonly toMicros: number | null;
  readonly choices: readonly Choice[];
}

export type Choice = {
  /** All of them must fit; none: at any time. */
  readonly hours: readonly Hours[];
} & (
  | { readonly kind: 'card'; readonly card: RateCard }
  | { readonly kind: 'unpriced'; readonly reason: UnpricedReason }
);

/** A window of each day on some weekdays, by a provider's clock; both must fit. */
export interface Hours {
  /** Minutes from midnight; a window whose end is not after its start runs over midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** 0 is Sunday, as in `Date`; the day on which the instant lies. */
  readonly weekdays: ReadonlySet<number>;
  readonly utcOffsetMinutes: number;
}

const MICROS_PER_MINUTE = 60_000_000;
const MINUTES_PER_DAY = 1440;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 4;

export function isWithin(hours: Hours, atMicros: number): boolean {
  const minutes = Math.floor(atMicros / MICROS_PER_MINUTE) + hours.utcOffsetMinutes;
  const day = Math.floor(minutes / MINUTES_PER_DAY);
  if (!hours.weekdays.has((((day + FIRST_WEEKDAY) % 7) + 7) % 7)) return false;
  const minute = minutes - day * MINUTES_PER_DAY;
  return hours.fromMinute < hours.toMinute
    ? minute >= hours.fromMinute && minute < hours.toMinute
    : minute >= hours.fromMinute || minute < hours.toMinute;
}

/** As `Date` counts them. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** `01:00-04:00 mon tue wed thu fri +00:00`, for people; windows that must all fit are joined with `and`. */
export function hoursText(hours: readonly Hours[]): string | null {
  if (hours.length === 0) return null;
  const windows = hours.map(({ fromMinute, toMinute, weekdays, utcOffsetMinutes: offset }) => {
    const days = [1, 2, 3, 4, 5, 6, 0].flatMap((day) => (weekdays.has(day) ? [WEEKDAYS[day]] : []));
    const zone = `${offset < 0 ? '-' : '+'}${clockText(Math.abs(offset))}`;
    const window = `${clockText(fromMinute)}-${clockText(toMinute)}`;
    return [window, ...(days.length < 7 ? days : []), zone].join(' ');
  });
  return windows.join(' and ');
}

function clockText(minutes: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export interface Interval {
  readonly fromMicros: number;
  readonly toMicros: number | null;
}

/**
 * Changes what holds in an interval: `change` is given the choices of each piece of it (none where there was nothing)
 * and answers with the new ones. Outside of the interval all stays.
 */
export function changeWithin(
  timeline: Timeline,
  within: Interval,
  change: (choices: readonly Choice[]) => readonly Choice[],
): Timeline {
  const from = within.fromMicros;
  const to = within.toMicros ?? Number.POSITIVE_INFINITY;
  const result: Segment[] = [];
  const add = (fromMicros: number, toMicros: number, choices: readonly Choice[]) => {
    if (fromMicros >= toMicros || choices.length === 0) return;
    result.push({ fromMicros, toMicros: Number.isFinite(toMicros) ? toMicros : null, choices });
  };
  let reached = from;
  for (const segment of timeline) {
    const start = segment.fromMicros;
    const end = segment.toMicros ?? Number.POSITIVE_INFINITY;
    add(start, Math.min(end, from), segment.choices);
    const inside = { from: Math.max(start, from), to: Math.min(end, to) };
    if (inside.from < inside.to) {
      add(reached, inside.from, change([]));
      add(inside.from, inside.to, change(segment.choices));
      reached = inside.to;
    }
    if (start >= to) {
      add(reached, to, change([]));
      reached = to;
    }
    add(Math.max(start, to), end, segment.choices);
  }
  add(reached, to, change([]));
  return result;
}

/** The part of a timeline inside an interval. */
export function clip(timeline: Timeline, { fromMicros, toMicros }: Interval): Timeline {
  const to = toMicros ?? Number.POSITIVE_INFINITY;
  return timeline.flatMap((segment) => {
    const start = Math.max(segment.fromMicros, fromMicros);
    const end = Math.min(segment.toMicros ?? Number.POSITIVE_INFINITY, to);
    if (start >= end) return [];
    return [{ ...segment, fromMicros: start, toMicros: Number.isFinite(end) ? end : null }];
  });
}
