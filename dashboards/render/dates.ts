/** Instants as Grafana writes them, in UTC: patterns of moment.js, and `3 hours ago`. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

const PART = /\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|ddd|HH|H|hh|h|mm|m|ss|s|SSS|A|a/g;

const two = (value: number): string => String(value).padStart(2, '0');

export function dateText(timeMs: number, pattern: string): string {
  const at = new Date(timeMs);
  if (Number.isNaN(at.getTime())) return 'Invalid date';
  const hour = at.getUTCHours();
  const parts: Readonly<Record<string, string>> = {
    YYYY: String(at.getUTCFullYear()),
    YY: two(at.getUTCFullYear() % 100),
    MMMM: at.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' }),
    MMM: MONTHS[at.getUTCMonth()] ?? '',
    MM: two(at.getUTCMonth() + 1),
    M: String(at.getUTCMonth() + 1),
    DD: two(at.getUTCDate()),
    D: String(at.getUTCDate()),
    ddd: WEEKDAYS[at.getUTCDay()] ?? '',
    HH: two(hour),
    H: String(hour),
    hh: two(hour % 12 || 12),
    h: String(hour % 12 || 12),
    mm: two(at.getUTCMinutes()),
    m: String(at.getUTCMinutes()),
    ss: two(at.getUTCSeconds()),
    s: String(at.getUTCSeconds()),
    SSS: String(at.getUTCMilliseconds()).padStart(3, '0'),
    A: hour < 12 ? 'AM' : 'PM',
    a: hour < 12 ? 'am' : 'pm',
  };
  return pattern.replace(PART, (part, literal: string | undefined) => literal ?? parts[part] ?? part);
}

/** Up to how many of a unit one says the unit: what moment.js calls thresholds. */
const SPANS: readonly (readonly [below: number, unitSeconds: number, one: string, many: string])[] = [
  [45, 1, 'a few seconds', 'a few seconds'],
  [45, 60, 'a minute', 'minutes'],
  [22, 3600, 'an hour', 'hours'],
  [26, 86_400, 'a day', 'days'],
  [11, 2_629_746, 'a month', 'months'],
  [Number.POSITIVE_INFINITY, 31_556_952, 'a year', 'years'],
];

export function fromNow(timeMs: number, now: Date): string {
  const seconds = Math.round((timeMs - now.getTime()) / 1000);
  const size = Math.abs(seconds);
  const span = SPANS.find(([below, unit]) => Math.round(size / unit) < below);
  if (span === undefined) return '';
  const [, unit, one, many] = span;
  const count = Math.max(1, Math.round(size / unit));
  const text = unit === 1 || count === 1 ? one : `${count} ${many}`;
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}
