import type { TimeRange } from './interval.ts';

/** `now`, `now-30d`, `now/M`, `now-1M/M`: the times that dashboards and panels are saved with. In UTC. */

/**
 * @param bound which end of a rounded unit is meant: `now/d` begins with the day, or ends with it.
 * @throws on text that is no such time.
 */
export function resolveTime(text: string, now: Date, bound: 'from' | 'to'): Date {
  const [, sign, count, unit, rounding] =
    /^now(?:([+-])(\d+)([smhdwMQy]))?(?:\/([smhdwMQy]))?$/.exec(text.trim()) ?? [];
  if (!/^now/.test(text.trim()) || (unit === undefined && rounding === undefined && text.trim() !== 'now'))
    throw new Error(`not a relative time: '${text}'`);
  const shifted = unit === undefined ? now : shift(now, Number(`${sign}${count}`), unit);
  if (rounding === undefined) return shifted;
  const start = startOf(shifted, rounding);
  return bound === 'from' ? start : new Date(shift(start, 1, rounding).getTime() - 1);
}

/** The range that a panel asks for: its own `timeFrom` before the dashboard's, and both ends moved by `timeShift`. */
export function panelRange(
  range: TimeRange,
  {
    timeFrom,
    timeShift,
  }: { readonly timeFrom?: string | undefined; readonly timeShift?: string | undefined },
  now: Date,
): TimeRange {
  const own = timeFrom === undefined || timeFrom === '' ? range : rangeOf(timeFrom, now);
  if (timeShift === undefined || timeShift === '') return own;
  const [, count, unit] = /^-?(\d+)([smhdwMQy])$/.exec(timeShift) ?? [];
  if (unit === undefined) throw new Error(`not a time shift: '${timeShift}'`);
  return {
    from: shift(own.from, -Number(count), unit),
    to: shift(own.to, -Number(count), unit),
  };
}

function rangeOf(timeFrom: string, now: Date): TimeRange {
  const text = timeFrom.startsWith('now') ? timeFrom : `now-${timeFrom}`;
  return { from: resolveTime(text, now, 'from'), to: now };
}

function shift(instant: Date, count: number, unit: string): Date {
  const moved = new Date(instant);
  switch (unit) {
    case 's':
      moved.setTime(moved.getTime() + count * 1000);
      break;
    case 'm':
      moved.setTime(moved.getTime() + count * 60_000);
      break;
    case 'h':
      moved.setTime(moved.getTime() + count * 3_600_000);
      break;
    case 'd':
      moved.setUTCDate(moved.getUTCDate() + count);
      break;
    case 'w':
      moved.setUTCDate(moved.getUTCDate() + 7 * count);
      break;
    default:
      return shiftMonths(instant, count * (unit === 'M' ? 1 : unit === 'Q' ? 3 : 12));
  }
  return moved;
}

/** A month before 31 March is the last day of February. */
function shiftMonths(instant: Date, months: number): Date {
  const moved = new Date(instant);
  const day = moved.getUTCDate();
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const days = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(day, days));
  return moved;
}

function startOf(instant: Date, unit: string): Date {
  const [year, month, date] = [instant.getUTCFullYear(), instant.getUTCMonth(), instant.getUTCDate()];
  switch (unit) {
    case 'y':
      return new Date(Date.UTC(year, 0));
    case 'Q':
      return new Date(Date.UTC(year, month - (month % 3)));
    case 'M':
      return new Date(Date.UTC(year, month));
    case 'w':
      // Grafana's week begins as the browser's does; in UTC and English on Sunday.
      return new Date(Date.UTC(year, month, date - instant.getUTCDay()));
    case 'd':
      return new Date(Date.UTC(year, month, date));
    default: {
      const unitMs = unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1000;
      return new Date(Math.floor(instant.getTime() / unitMs) * unitMs);
    }
  }
}
