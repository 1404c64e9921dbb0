/** A date of the Gregorian calendar, in no particular zone. */
export interface CalendarDate {
  readonly year: number;
  /** 1 to 12; `dayOfDate` also takes months beyond, which belong to the years around. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

const DAY_MS = 86_400_000;

/** The number of a date, counted from 1970-01-01: consecutive dates have consecutive numbers. */
export function dayOfDate({ year, month, day }: CalendarDate): number {
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

export function dateOfDay(day: number): CalendarDate {
  const date = new Date(day * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

export function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
