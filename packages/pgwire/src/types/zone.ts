import { SQLSTATE, SqlError } from '../errors.ts';

/** Where a session says it is: decides how `timestamptz` is written as text, and read from text without an offset. */
export interface Zone {
  /** As `SHOW TimeZone` answers. */
  readonly name: string;
  /** Seconds east of Greenwich at that instant, in seconds since 1970-01-01 00:00 UTC. */
  readonly offsetSeconds: (unixSeconds: number) => number;
}

export const UTC: Zone = { name: 'UTC', offsetSeconds: () => 0 };

const HOUR_SECONDS = 3_600;
/** PostgreSQL's own bound for offsets. */
const MAX_OFFSET_SECONDS = 15 * HOUR_SECONDS + 59 * 60 + 59;
/** No zone has ever changed its offset within one of these, so an offset holds for all of it. */
const SLOT_SECONDS = 900;
/** Asking for an offset is slow; a result usually spans few hours, and a long one goes through them in order. */
const KEPT_SLOTS = 4_096;
/** Beyond these instants no calendar of the platform reaches. */
const CALENDAR_SECONDS = 8.64e12;

/** The name of a fixed zone as `fixedZone` writes it: what it is called, then its POSIX offset. */
const FIXED = /^<([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?>[+-]\d\d(?::\d\d)*$/;

/**
 * The zone of a name of the IANA database, or of an offset in hours (`+2`, `-3.5`; ISO, east is positive), as
 * `SET TimeZone` takes them. POSIX zones (`CET-1CEST`) are not known.
 *
 * @throws {SqlError} 22023
 */
export function zoneOf(name: string): Zone {
  const hours = /^\s*([+-]?\d{1,2}(?:\.\d{1,6})?)\s*$/.exec(name)?.[1];
  if (hours !== undefined) return fixedZone(Math.round(Number(hours) * HOUR_SECONDS), name);
  const [, sign, ...clock] = FIXED.exec(name) ?? [];
  if (sign !== undefined) {
    const [hour = 0, minute = 0, second = 0] = clock.map((part) => Number(part ?? 0));
    const size = hour * HOUR_SECONDS + minute * 60 + second;
    return fixedZone(sign === '-' ? 0 - size : size, name);
  }
  if (/^(utc|gmt|z|zulu|etc\/utc)$/i.test(name)) return UTC;
  let calendar: Intl.DateTimeFormat;
  try {
    calendar = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    throw unknownZone(name);
  }
  // The platform takes `+02:00` for a name; PostgreSQL reads such a text with the opposite sign.
  if (/^[+-]/.test(name)) throw unknownZone(name);
  return calendarZone(calendar);
}

function unknownZone(name: string): SqlError {
  return new SqlError(SQLSTATE.invalidParameterValue, `invalid value for parameter "TimeZone": "${name}"`);
}

function fixedZone(offset: number, name: string): Zone {
  if (Math.abs(offset) > MAX_OFFSET_SECONDS) throw unknownZone(name);
  const east = writeOffset(offset);
  const west = writeOffset(-offset);
  return { name: `<${east}>${west}`, offsetSeconds: () => offset };
}

function calendarZone(calendar: Intl.DateTimeFormat): Zone {
  const kept = new Map<number, number>();
  return {
    name: calendar.resolvedOptions().timeZone,
    offsetSeconds(unixSeconds) {
      const slot = Math.floor(
        Math.max(-CALENDAR_SECONDS, Math.min(CALENDAR_SECONDS, unixSeconds)) / SLOT_SECONDS,
      );
      let offset = kept.get(slot);
      if (offset === undefined) {
        offset = readOffset(calendar, slot * SLOT_SECONDS);
        if (kept.size >= KEPT_SLOTS) kept.clear();
        kept.set(slot, offset);
      }
      return offset;
    },
  };
}

function readOffset(calendar: Intl.DateTimeFormat, unixSeconds: number): number {
  const name = calendar.formatToParts(unixSeconds * 1_000).find(({ type }) => type === 'timeZoneName')?.value;
  // `GMT`, `GMT+02:00`, `GMT-00:25:21`
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name ?? '');
  if (match?.[1] === undefined) return 0;
  const seconds = Number(match[2]) * HOUR_SECONDS + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

/** `+02`, `-03:30`, `+00:19:32`: minutes and seconds only when they are not zero. */
export function writeOffset(seconds: number): string {
  const size = Math.abs(seconds);
  const minutes = Math.floor(size / 60) % 60;
  const rest = size % 60;
  let text = `${seconds < 0 ? '-' : '+'}${two(Math.floor(size / HOUR_SECONDS))}`;
  if (minutes > 0 || rest > 0) text += `:${two(minutes)}`;
  if (rest > 0) text += `:${two(rest)}`;
  return text;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
