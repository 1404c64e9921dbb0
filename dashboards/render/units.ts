import { dateText, fromNow } from './dates.ts';

/**
 * Values as Grafana writes them with a unit. `units.expected.json` is what `@grafana/data` 13.2.3 wrote for the same
 * values, and the test compares.
 */

export interface UnitContext {
  readonly now: Date;
}

type Write = (value: number, decimals: number | undefined, context: UnitContext) => string;

export function formatUnit(
  unit: string | undefined,
  value: number,
  decimals: number | undefined,
  context: UnitContext,
): string {
  return writerOf(unit ?? 'none')(value, decimals, context);
}

/** Units whose values are instants in milliseconds, whatever the type of the field. */
export function isDateUnit(unit: string | undefined): boolean {
  return unit !== undefined && (unit.startsWith('dateTime') || unit.startsWith('time:'));
}

/** Whether this renderer writes the unit as Grafana does; an unknown one is written behind the number, as there. */
export function isKnownUnit(unit: string): boolean {
  return unit in UNITS || Object.keys(PREFIXED).some((prefix) => unit.startsWith(`${prefix}:`));
}

/** Enough decimals for about three digits that say something: the more, the smaller the value is. */
export function decimalsFor(value: number): number {
  if (value % 1 === 0 || !Number.isFinite(value)) return 0;
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const leading = Math.abs(value) / 10 ** (magnitude - 1);
  return Math.max(0, 1 - magnitude + (leading > 2.25 ? 1 : 0));
}

export function fixed(value: number, decimals = decimalsFor(value)): string {
  if (!Number.isFinite(value)) return value.toLocaleString('en-US');
  if (value === 0) return value.toFixed(decimals);
  const factor = 10 ** Math.max(0, decimals);
  const rounded = Math.round(value * factor) / factor;
  const text = String(rounded);
  if (text.includes('e')) return text;
  const given = text.includes('.') ? text.length - text.indexOf('.') - 1 : 0;
  if (given >= decimals) return text;
  return `${given === 0 ? `${text}.` : text}${'0'.repeat(decimals - given)}`;
}

/** A number with the prefix of its magnitude: K, Mi, µ … `zero` is the place of the unprefixed one. */
function scaled(factor: number, suffixes: readonly string[], zero = 0): Write {
  return (value, decimals) => {
    if (!Number.isFinite(value)) return value.toLocaleString('en-US');
    const power = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / Math.log10(factor));
    const bounded = Math.min(suffixes.length - 1 - zero, Math.max(-zero, power));
    return `${fixed(value / factor ** bounded, decimals)}${suffixes[zero + bounded] ?? ''}`;
  };
}

const SI = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const SHORT = ['', ' K', ' Mil', ' Bil', ' Tri', ' Quadr', ' Quint', ' Sext', ' Sept'];
const COUNT = ['', 'K', 'M', 'B', 'T'];

const si = (unit: string, offset = 0): Write =>
  scaled(
    1000,
    SI.map((prefix) => ` ${prefix}${unit}`),
    SI.indexOf('') + offset,
  );
const binary = (unit: string, offset = 0): Write =>
  scaled(
    1024,
    BINARY.map((prefix) => ` ${prefix}${unit}`),
    offset,
  );
const count = (unit: string): Write =>
  scaled(
    1000,
    COUNT.map((suffix) => `${suffix} ${unit}`),
  );
const plain =
  (unit = ''): Write =>
  (value, decimals) =>
    unit === '' ? fixed(value, decimals) : `${fixed(value, decimals)} ${unit}`;

function currency(symbol: string): Write {
  const size = scaled(1000, COUNT);
  return (value, decimals, context) =>
    `${value < 0 ? '-' : ''}${symbol}${size(Math.abs(value), decimals, context)}`;
}

function currencyInFull(symbol: string, isSuffix: boolean): Write {
  return (value, decimals) => {
    const text = value.toLocaleString('en-US', {
      minimumFractionDigits: decimals ?? 0,
      maximumFractionDigits: decimals ?? 1,
    });
    return isSuffix ? `${text}${symbol}` : `${symbol}${text}`;
  };
}

/** Steps of a span of time: up to which value, what one of the step is, its name. */
type Step = readonly [below: number, size: number, name: string];

const PLURAL = new Set([' min', ' hour', ' day', ' week', ' year']);

function timeSpan(steps: readonly Step[]): Write {
  return (value, decimals) => {
    const size = Math.abs(value);
    const step = steps.find(([below]) => size < below) ?? steps.at(-1);
    if (step === undefined) return fixed(value, decimals);
    const [, unit, name] = step;
    const inUnit = value / unit;
    const plural = PLURAL.has(name) && Math.abs(inUnit) > 1 && (unit !== 1 || name === ' day');
    return `${fixed(inUnit, decimals)}${name}${plural ? 's' : ''}`;
  };
}

const SECONDS: readonly Step[] = [
  [1e-6, 1e-9, ' ns'],
  [1e-3, 1e-6, ' µs'],
  [1, 1e-3, ' ms'],
  [60, 1, ' s'],
  [3600, 60, ' min'],
  [86_400, 3600, ' hour'],
  [604_800, 86_400, ' day'],
  [31_536_000, 604_800, ' week'],
  [Number.POSITIVE_INFINITY, 31_556_900, ' year'],
];
const MILLISECONDS: readonly Step[] = [
  [1000, 1, ' ms'],
  [60_000, 1000, ' s'],
  [3_600_000, 60_000, ' min'],
  [86_400_000, 3_600_000, ' hour'],
  [31_536_000_000, 86_400_000, ' day'],
  [Number.POSITIVE_INFINITY, 31_536_000_000, ' year'],
];
const MINUTES: readonly Step[] = [
  [60, 1, ' min'],
  [1440, 60, ' hour'],
  [10_080, 1440, ' day'],
  [604_800, 10_080, ' week'],
  [Number.POSITIVE_INFINITY, 525_948, ' year'],
];
const HOURS: readonly Step[] = [
  [24, 1, ' hour'],
  [168, 24, ' day'],
  [8760, 168, ' week'],
  [Number.POSITIVE_INFINITY, 8760, ' year'],
];
const DAYS: readonly Step[] = [
  [7, 1, ' day'],
  [365, 7, ' week'],
  [Number.POSITIVE_INFINITY, 365, ' year'],
];

const DURATION: readonly (readonly [string, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
  ['millisecond', 0.001],
];

/** `1 day, 2 hours`: as many parts behind the first as there are decimals. */
function duration(unitSeconds: number, name: string): Write {
  const write: Write = (value, decimals, context) => {
    if (value === 0) return `0 ${name}s`;
    if (value < 0) return `${write(-value, decimals, context)} ago`;
    const parts: string[] = [];
    let restMs = value * unitSeconds * 1000;
    for (const [part, seconds] of DURATION) {
      if (parts.length > (decimals ?? 0)) break;
      const whole = Math.floor(restMs / (seconds * 1000));
      if (whole === 0 && parts.length === 0) continue;
      parts.push(`${whole} ${part}${whole === 1 ? '' : 's'}`);
      restMs %= seconds * 1000;
    }
    return parts.join(', ');
  };
  return write;
}

/** `1 d 02:03:04` */
function clock(withDays: boolean): Write {
  const write: Write = (value, decimals, context) => {
    if (value < 0) return `${write(-value, decimals, context)} ago`;
    const days = withDays ? Math.floor(value / 86_400) : 0;
    const rest = value - days * 86_400;
    const parts = [rest / 3600, (rest % 3600) / 60, rest % 60];
    const time = parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
    return days > 0 ? `${days} d ${time}` : time;
  };
  return write;
}

const date =
  (pattern: string): Write =>
  (value) =>
    dateText(value, pattern);

/** By Grafana's ids of units. */
const UNITS: Readonly<Record<string, Write>> = {
  none: plain(),
  string: (value) => String(value),
  short: scaled(1000, SHORT),
  sishort: si(''),
  percent: (value, decimals) => `${fixed(value, decimals)}%`,
  percentunit: (value, decimals) => `${fixed(value * 100, decimals)}%`,
  locale: (value, decimals) =>
    value.toLocaleString('en-US', decimals === undefined ? {} : { maximumFractionDigits: decimals }),
  currencyUSD: currency('$'),
  currencyEUR: currency('€'),
  currencyGBP: currency('£'),
  bytes: binary('B'),
  decbytes: si('B'),
  kbytes: binary('B', 1),
  mbytes: binary('B', 2),
  gbytes: binary('B', 3),
  Bps: si('B/s'),
  binBps: binary('B/s'),
  s: (value, decimals, context) => (value === 0 ? '0 s' : timeSpan(SECONDS)(value, decimals, context)),
  ms: timeSpan(MILLISECONDS),
  m: timeSpan(MINUTES),
  h: timeSpan(HOURS),
  d: timeSpan(DAYS),
  dtdurations: duration(1, 'second'),
  dtdurationms: duration(0.001, 'millisecond'),
  dthms: clock(false),
  dtdhms: clock(true),
  cps: count('c/s'),
  ops: count('ops/s'),
  reqps: count('req/s'),
  rps: count('rd/s'),
  wps: count('wr/s'),
  cpm: count('c/m'),
  opm: count('ops/m'),
  dateTimeAsIso: date('YYYY-MM-DD HH:mm:ss'),
  dateTimeAsUS: date('MM/DD/YYYY h:mm:ss a'),
  dateTimeAsSystem: date('YYYY-MM-DD HH:mm:ss'),
  dateTimeFromNow: (value, _decimals, { now }) => fromNow(value, now),
};

/** Units that carry their own text behind a colon. */
const PREFIXED: Readonly<Record<string, (rest: string) => Write>> = {
  prefix: (rest) => (value, decimals) => `${rest}${fixed(value, decimals)}`,
  suffix: (rest) => plain(rest),
  time: (rest) => date(rest),
  si: (rest) => {
    const prefix = rest.charAt(0);
    const power = SI.indexOf(prefix);
    return prefix === '' || power < 0 ? si(rest) : si(rest.slice(1), power - SI.indexOf(''));
  },
  count: (rest) => count(rest),
  currency: (rest) => {
    const [kind, symbol = '', place] = rest.split(':');
    return kind === 'financial' ? currencyInFull(symbol, place === 'suffix') : currency(rest);
  },
};

function writerOf(unit: string): Write {
  if (unit === '') return plain();
  const known = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (known !== undefined) return known;
  const colon = unit.indexOf(':');
  const prefixed = colon > 0 ? PREFIXED[unit.slice(0, colon)] : undefined;
  return prefixed === undefined ? plain(unit) : prefixed(unit.slice(colon + 1));
}
