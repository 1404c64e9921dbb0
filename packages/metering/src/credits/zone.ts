/**
 * When the days of a time zone begin. All that is known of zones comes from `Intl`, which is slow to ask and answers
 * for single instants only; so its answers are kept as stretches of one UTC day in which an offset holds.
 *
 * Days are numbered from 1970-01-01 (`calendar.ts`). They tile the time line: a day lasts from its first instant to the
 * first instant of the next, so the hour that some zones repeat around midnight belongs to the new day both times.
 */

const SECOND_MICROS = 1_000_000;
const DAY_MICROS = 86_400 * SECOND_MICROS;

/** No zone was ever further from UTC than Manila and Alaska before they changed sides: 15:56 behind, 15:14 ahead. */
const MAX_OFFSET_MICROS = 16 * 3600 * SECOND_MICROS;

/** The number of the local day that an instant is in. */
export function localDayAt(zone: string, atMicros: number): number {
  const stretch = stretches(zone, Math.floor(atMicros / DAY_MICROS)).find(
    ({ toMicros }) => atMicros < toMicros,
  );
  if (stretch === undefined) throw new RangeError(`expected an instant, got ${atMicros}`);
  let day = Math.floor((atMicros + stretch.offsetMicros) / DAY_MICROS);
  // Clocks that are set back just after midnight show the old date again, although the new day has begun; and a day
  // that was skipped begins together with the one after it.
  while (startOfDay(zone, day + 1) <= atMicros) day += 1;
  return day;
}

/** The first instant at which the clocks of the zone show that day or a later one. */
export function startOfDay(zone: string, day: number): number {
  const midnight = day * DAY_MICROS;
  const firstUtcDay = Math.floor((midnight - MAX_OFFSET_MICROS) / DAY_MICROS);
  for (let utcDay = firstUtcDay; utcDay <= firstUtcDay + 3; utcDay += 1) {
    for (const { fromMicros, toMicros, offsetMicros } of stretches(zone, utcDay)) {
      const start = Math.max(fromMicros, midnight - offsetMicros);
      if (start < toMicros) return start;
    }
  }
  throw new RangeError(
    `expected a day that begins within ${MAX_OFFSET_MICROS} µs of UTC, got ${day} in ${zone}`,
  );
}

/** Whether `Intl` knows a zone of that name. Plain offsets (`+01:00`) are none: they have no daylight saving to follow. */
export function isZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    offsetFormat(name);
    return true;
  } catch {
    return false;
  }
}

/** Part of one UTC day in which one offset holds: local time = UTC + offset. */
interface Stretch {
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly offsetMicros: number;
}

interface Zone {
  readonly format: Intl.DateTimeFormat;
  readonly stretchesByUtcDay: Map<number, readonly Stretch[]>;
}

/** More zones than there are; names in other spellings must not fill the memory. */
const MAX_ZONES = 1000;
/** Twenty years of days, 0.2 kB each. */
const MAX_DAYS_PER_ZONE = 7305;

const zones = new Map<string, Zone>();

function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (zones.size >= MAX_ZONES) zones.clear();
  const zone = { format: offsetFormat(name), stretchesByUtcDay: new Map<number, readonly Stretch[]>() };
  zones.set(name, zone);
  return zone;
}

/** @throws {RangeError} when there is no such zone */
function offsetFormat(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
}

function stretches(name: string, utcDay: number): readonly Stretch[] {
  const zone = zoneOf(name);
  const known = zone.stretchesByUtcDay.get(utcDay);
  if (known !== undefined) return known;
  if (zone.stretchesByUtcDay.size >= MAX_DAYS_PER_ZONE) zone.stretchesByUtcDay.clear();
  const found = findStretches(zone.format, utcDay * DAY_MICROS);
  zone.stretchesByUtcDay.set(utcDay, found);
  return found;
}

/** No zone has ever changed its offset twice within one UTC day, so two answers tell whether it did once. */
function findStretches(format: Intl.DateTimeFormat, fromMicros: number): readonly Stretch[] {
  const toMicros = fromMicros + DAY_MICROS;
  const before = offsetAt(format, fromMicros);
  const after = offsetAt(format, toMicros);
  if (before === after) return [{ fromMicros, toMicros, offsetMicros: before }];
  let [unchangedSeconds, changedSeconds] = [0, DAY_MICROS / SECOND_MICROS];
  while (changedSeconds - unchangedSeconds > 1) {
    const middle = Math.floor((unchangedSeconds + changedSeconds) / 2);
    if (offsetAt(format, fromMicros + middle * SECOND_MICROS) === before) unchangedSeconds = middle;
    else changedSeconds = middle;
  }
  const changeMicros = fromMicros + changedSeconds * SECOND_MICROS;
  const stretch = { fromMicros, toMicros: changeMicros, offsetMicros: before };
  const last = { fromMicros: changeMicros, toMicros, offsetMicros: after };
  return changeMicros === toMicros ? [stretch] : [stretch, last];
}

const OFFSET = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/;

function offsetAt(format: Intl.DateTimeFormat, atMicros: number): number {
  const text = format.format(atMicros / 1000);
  const parts = OFFSET.exec(text);
  if (parts === null) throw new Error(`expected a text that ends with an offset from GMT, got ${text}`);
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = parts;
  const magnitude = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * SECOND_MICROS;
  return sign === '-' ? -magnitude : magnitude;
}
