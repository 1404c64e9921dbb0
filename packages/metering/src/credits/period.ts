import { dateOfDay, dayOfDate, daysInMonth } from './calendar.ts';
import { localDayAt, startOfDay } from './zone.ts';

/** Where the billing periods of a customer begin (convention C11). */
export interface Anchor {
  /** Day of the month, 1 to 31: clamped to the last day of shorter months, never forgotten. */
  readonly day: number;
  /** IANA name of the zone whose midnight counts, for instance `Europe/Berlin`. */
  readonly zone: string;
}

/** Calendar months in UTC: what a customer has of whom nothing is known. */
export const DEFAULT_ANCHOR: Anchor = { day: 1, zone: 'UTC' };

/** `[startMicros, endMicros)`, microseconds since the Unix epoch. */
export interface PeriodBounds {
  readonly startMicros: number;
  readonly endMicros: number;
}

/**
 * The period of an instant: from midnight to midnight of the anchor day, in the customer's zone and always by the
 * original anchor (convention C11, invariant I18).
 */
export function periodAt(anchor: Anchor, atMicros: number): PeriodBounds {
  const { zone } = anchor;
  const { year, month } = dateOfDay(localDayAt(zone, atMicros));
  const startOfMonth = anchorStart(anchor, year, month);
  return atMicros < startOfMonth
    ? { startMicros: anchorStart(anchor, year, month - 1), endMicros: startOfMonth }
    : { startMicros: startOfMonth, endMicros: anchorStart(anchor, year, month + 1) };
}

/** So many periods without a gap. The first is the one that contains `startMicros`, cut to begin there. */
export function periodsFrom(anchor: Anchor, startMicros: number, count: number): readonly PeriodBounds[] {
  const periods: PeriodBounds[] = [];
  let start = startMicros;
  while (periods.length < count) {
    const { endMicros } = periodAt(anchor, start);
    periods.push({ startMicros: start, endMicros });
    start = endMicros;
  }
  return periods;
}

/**
 * How many local calendar days lie between the dates of two instants, negative when the second is earlier. Daylight
 * saving does not matter: each date counts one, also the one that a zone has skipped by crossing the date line.
 */
export function localDays(zone: string, fromMicros: number, toMicros: number): number {
  return localDayAt(zone, toMicros) - localDayAt(zone, fromMicros);
}

/** The instant at which the local day of an instant began. */
export function startOfLocalDay(zone: string, atMicros: number): number {
  return startOfDay(zone, localDayAt(zone, atMicros));
}

/** The beginning of the day that is so many local calendar days after (or before) that of the instant. */
export function addLocalDays(zone: string, atMicros: number, days: number): number {
  return startOfDay(zone, localDayAt(zone, atMicros) + days);
}

/** Where the period of a month begins. Months beyond 1 to 12 belong to the years around. */
function anchorStart(anchor: Anchor, year: number, month: number): number {
  const day = Math.min(anchor.day, daysInMonth(year, month));
  return startOfDay(anchor.zone, dayOfDate({ year, month, day }));
}

export { isZone } from './zone.ts';
