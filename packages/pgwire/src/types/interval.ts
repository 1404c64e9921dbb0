import { SQLSTATE, SqlError } from '../errors.ts';
import { exactly, type Interval, outOfRange, type TypeCodec, unfit, type Value } from './codec.ts';
import { writeFraction } from './datetime.ts';

/** Spans of time. Text is written as `IntervalStyle` `postgres` does; read as that, or as ISO 8601 durations. */
export const interval: TypeCodec = {
  name: 'interval',
  oid: 1186,
  arrayOid: 1187,
  size: 16,
  plainInArrays: false,
  writeText: (out, value) => out.ascii(writeInterval(asInterval(value))),
  writeBinary(out, value) {
    const { months, days, micros } = asInterval(value);
    out.int64(micros);
    out.int32(days);
    out.int32(months);
  },
  readText: readInterval,
  readBinary(bytes) {
    exactly(bytes, 16, 'interval');
    return { micros: bytes.readBigInt64BE(0), days: bytes.readInt32BE(8), months: bytes.readInt32BE(12) };
  },
};

function asInterval(value: Value): Interval {
  if (typeof value !== 'object' || !('months' in value)) throw unfit('interval', value);
  return value;
}

function writeInterval({ months, days, micros }: Interval): string {
  const parts: string[] = [];
  let isAfterNegative = false;
  const add = (count: number, unit: string): void => {
    if (count === 0) return;
    // After a negative part, a positive one says so.
    parts.push(`${isAfterNegative && count > 0 ? '+' : ''}${count} ${unit}${count === 1 ? '' : 's'}`);
    isAfterNegative = count < 0;
  };
  add(Math.trunc(months / 12), 'year');
  add(months % 12, 'mon');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const size = micros < 0n ? -micros : micros;
    const seconds = size / 1_000_000n;
    const sign = micros < 0n ? '-' : isAfterNegative ? '+' : '';
    const fraction = Number(size % 1_000_000n);
    const clock = [seconds / 3_600n, (seconds / 60n) % 60n, seconds % 60n]
      .map((part) => String(part).padStart(2, '0'))
      .join(':');
    parts.push(`${sign}${clock}${fraction === 0 ? '' : `.${writeFraction(fraction)}`}`);
  }
  return parts.join(' ');
}

type Unit = 'months' | 'days' | 'micros';

/** How many months, days or microseconds the units have, by each of their spellings. */
const UNITS: ReadonlyMap<string, readonly [Unit, bigint]> = new Map(
  (
    [
      ['millennium millennia millenniums mil mils', 'months', 12_000n],
      ['century centuries cent c', 'months', 1_200n],
      ['decade decades dec decs', 'months', 120n],
      ['year years yr yrs y', 'months', 12n],
      ['month months mon mons', 'months', 1n],
      ['week weeks w', 'days', 7n],
      ['day days d', 'days', 1n],
      ['hour hours hr hrs h', 'micros', 3_600_000_000n],
      ['minute minutes min mins m', 'micros', 60_000_000n],
      ['second seconds sec secs s', 'micros', 1_000_000n],
      ['millisecond milliseconds msec msecs ms', 'micros', 1_000n],
      ['microsecond microseconds usec usecs us', 'micros', 1n],
    ] as const
  ).flatMap(([names, unit, size]) => names.split(' ').map((name) => [name, [unit, size]] as const)),
);
const ISO_DATE_UNITS: Readonly<Record<string, string>> = { Y: 'year', M: 'month', W: 'week', D: 'day' };
const ISO_TIME_UNITS: Readonly<Record<string, string>> = { H: 'hour', M: 'minute', S: 'second' };

/** What a fraction of one unit is in the next smaller kind: 30 days to a month, 24 hours to a day. */
const DAYS_PER_MONTH = 30n;
const DAY_MICROS = 86_400_000_000n;
/** Digits of a fraction that are read; more than any microsecond needs. */
const FRACTION_DIGITS = 9;
const FRACTION_SCALE = 10n ** BigInt(FRACTION_DIGITS);

const CLOCK = /^([+-]?)(\d{1,9}):(\d\d?)(?::(\d\d?)(?:\.(\d*))?)?$/;
const COUNT = /^([+-]?)(\d{0,18})(?:\.(\d*))?$/;
/** Longer texts are none that a client writes. */
const MAX_CHARACTERS = 1_000;

function readInterval(text: string): Interval {
  if (text.length > MAX_CHARACTERS) throw invalidInterval(`${text.slice(0, 20)}…`);
  const sum = new Sum(text);
  const written = text.trim().replace(/^@\s*/, '');
  if (/^-?P/i.test(written)) readDuration(written.toUpperCase(), sum);
  else readWords(written.toLowerCase(), sum);
  return sum.interval();
}

/** `1 year 2 mons -3 days 04:05:06.7`, `1.5 hours`, `2 days ago`; a count without a unit is of seconds. */
function readWords(written: string, sum: Sum): void {
  const isAgo = /\sago$/.test(written);
  const words = written
    .replace(/\sago$/, '')
    .replace(/([\d.])([a-z])/g, '$1 $2')
    .replace(/([a-z])([\d+-])/g, '$1 $2')
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) throw invalidInterval(sum.text);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const clock = CLOCK.exec(word);
    if (clock !== null) {
      const [, sign = '', hours = '', minutes = '', seconds = '0', fraction = ''] = clock;
      sum.add(sign, hours, '', 'hour');
      sum.add(sign, minutes, '', 'minute');
      sum.add(sign, seconds, fraction, 'second');
      continue;
    }
    const [, sign = '', whole = '', fraction = ''] = COUNT.exec(word) ?? [];
    const unit = words[i + 1];
    if (unit !== undefined && UNITS.has(unit)) i++;
    sum.add(sign, whole, fraction, unit !== undefined && UNITS.has(unit) ? unit : 'second');
  }
  if (isAgo) sum.negate();
}

/** ISO 8601: `P1Y2M3DT4H5M6.7S`. */
function readDuration(written: string, sum: Sum): void {
  const match = /^(-?)P((?:[+-]?[\d.]+[YMWD])*)(?:T((?:[+-]?[\d.]+[HMS])+))?$/.exec(written);
  if (match === null) throw invalidInterval(sum.text);
  const [, sign, datePart = '', timePart = ''] = match;
  if (datePart === '' && timePart === '') throw invalidInterval(sum.text);
  for (const [part, units] of [
    [datePart, ISO_DATE_UNITS],
    [timePart, ISO_TIME_UNITS],
  ] as const) {
    for (const [, partSign = '', count = '', unit = ''] of part.matchAll(/([+-]?)([\d.]+)([A-Z])/g)) {
      const [, , whole = '', fraction = ''] = COUNT.exec(count) ?? [];
      sum.add(partSign, whole, fraction, units[unit] ?? '');
    }
  }
  if (sign === '-') sum.negate();
}

/** Adds parts up exactly; a fraction of a month goes on as days, a fraction of a day as time. */
class Sum {
  readonly text: string;
  #months = 0n;
  #days = 0n;
  #micros = 0n;

  constructor(text: string) {
    this.text = text;
  }

  add(sign: string, whole: string, fraction: string, unitName: string): void {
    const unit = UNITS.get(unitName);
    if (unit === undefined || whole.length + fraction.length === 0) throw invalidInterval(this.text);
    const [kind, size] = unit;
    const digits = BigInt(fraction.slice(0, FRACTION_DIGITS).padEnd(FRACTION_DIGITS, '0'));
    const count = (BigInt(whole || '0') * FRACTION_SCALE + digits) * (sign === '-' ? -size : size);
    if (kind === 'micros') {
      this.#micros += rounded(count);
      return;
    }
    const units = count / FRACTION_SCALE;
    let rest = count % FRACTION_SCALE;
    if (kind === 'months') {
      this.#months += units;
      rest *= DAYS_PER_MONTH;
      this.#days += rest / FRACTION_SCALE;
      rest %= FRACTION_SCALE;
    } else this.#days += units;
    this.#micros += rounded(rest * DAY_MICROS);
  }

  negate(): void {
    this.#months = -this.#months;
    this.#days = -this.#days;
    this.#micros = -this.#micros;
  }

  interval(): Interval {
    const [months, days, micros] = [this.#months, this.#days, this.#micros];
    if (BigInt.asIntN(32, months) !== months || BigInt.asIntN(32, days) !== days)
      throw outOfRange('interval', this.text);
    if (BigInt.asIntN(64, micros) !== micros) throw outOfRange('interval', this.text);
    return { months: Number(months), days: Number(days), micros };
  }
}

function rounded(scaled: bigint): bigint {
  const half = scaled < 0n ? -(FRACTION_SCALE / 2n) : FRACTION_SCALE / 2n;
  return (scaled + half) / FRACTION_SCALE;
}

function invalidInterval(text: string): SqlError {
  return new SqlError(SQLSTATE.invalidDatetimeFormat, `invalid input syntax for type interval: "${text}"`);
}
