import { SQLSTATE, SqlError } from '../errors.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import { type CivilDate, dateOfDays, daysOfDate } from './calendar.ts';
import { exactly, type Infinite, type TimeWithZone, type TypeCodec, unfit, type Value } from './codec.ts';
import { UTC, writeOffset, type Zone } from './zone.ts';

/**
 * Dates and times. Outside they are counted from 1970, as backends do; on the wire from 2000-01-01. Text is ISO, which
 * every `DateStyle` of a session begins with here, and is read as ISO.
 */

const DAY_MICROS = 86_400_000_000n;
const SECOND_MICROS = 1_000_000n;
/** 2000-01-01, from 1970-01-01. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = BigInt(EPOCH_DAYS) * DAY_MICROS;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT32_MAX = 0x7fff_ffff;
const INT32_MIN = -0x8000_0000;

/** 4714-11-24 BC, where days are counted from by astronomers, and the last instants that fit, as PostgreSQL has them. */
const FIRST_DAY = -2_440_588;
const LAST_DAY = 2_147_483_493 + FIRST_DAY;
const FIRST_MICROS = BigInt(FIRST_DAY) * DAY_MICROS;
const END_MICROS = 9_223_371_331_200_000_000n + EPOCH_MICROS;

export const date: TypeCodec = {
  name: 'date',
  oid: 1082,
  arrayOid: 1182,
  size: 4,
  plainInArrays: true,
  writeText(out, value) {
    if (isInfinite(value)) return out.ascii(value);
    const day = asDay(value);
    out.ascii(writeDay(day));
    if (day < FIRST_COMMON_DAY) out.ascii(' BC');
  },
  writeBinary(out, value) {
    if (isInfinite(value)) return out.int32(value === 'infinity' ? INT32_MAX : INT32_MIN);
    out.int32(asDay(value) - EPOCH_DAYS);
  },
  readText(text) {
    const infinite = readInfinite(text);
    if (infinite !== undefined) return infinite;
    const { day } = readIso('date', text);
    if (day < FIRST_DAY || day > LAST_DAY) throw outOfDays('date', text);
    return day;
  },
  readBinary(bytes) {
    const day = exactly(bytes, 4, 'date').readInt32BE();
    if (day === INT32_MAX) return 'infinity';
    if (day === INT32_MIN) return '-infinity';
    if (day + EPOCH_DAYS < FIRST_DAY || day + EPOCH_DAYS > LAST_DAY) throw outOfDays('date', String(day));
    return day + EPOCH_DAYS;
  },
};

function asDay(value: Value): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw unfit('date', value);
  return value;
}

export const time: TypeCodec = {
  name: 'time without time zone',
  oid: 1083,
  arrayOid: 1183,
  size: 8,
  plainInArrays: true,
  writeText: (out, value) => writeClock(out, ...secondsOf(asMicros('time', value))),
  writeBinary: (out, value) => out.int64(asMicros('time', value)),
  readText: (text) => readTime('time', text).micros,
  readBinary: (bytes) => timeOfDay(exactly(bytes, 8, 'time').readBigInt64BE(), 'time'),
};

export const timetz: TypeCodec = {
  name: 'time with time zone',
  oid: 1266,
  arrayOid: 1270,
  size: 12,
  plainInArrays: true,
  writeText(out, value) {
    const { micros, offsetSeconds } = asTimeWithZone(value);
    writeClock(out, ...secondsOf(micros));
    out.ascii(writeOffset(offsetSeconds));
  },
  writeBinary(out, value) {
    const { micros, offsetSeconds } = asTimeWithZone(value);
    out.int64(micros);
    // West is positive on the wire.
    out.int32(-offsetSeconds);
  },
  readText(text, zone) {
    const { micros, offsetSeconds } = readTime('time with time zone', text);
    // No date tells whether it is summer; a fixed instant gives one answer for every reader.
    return { micros, offsetSeconds: offsetSeconds ?? zone.offsetSeconds(0) };
  },
  readBinary(bytes) {
    exactly(bytes, 12, 'timetz');
    return { micros: timeOfDay(bytes.readBigInt64BE(), 'timetz'), offsetSeconds: 0 - bytes.readInt32BE(8) };
  },
};

function asTimeWithZone(value: Value): TimeWithZone {
  if (typeof value !== 'object' || !('offsetSeconds' in value)) throw unfit('timetz', value);
  return value;
}

export const timestamp: TypeCodec = timestampCodec(
  { name: 'timestamp without time zone', oid: 1114, arrayOid: 1115 },
  false,
);
export const timestamptz: TypeCodec = timestampCodec(
  { name: 'timestamp with time zone', oid: 1184, arrayOid: 1185 },
  true,
);

function timestampCodec(
  names: { readonly name: string; readonly oid: number; readonly arrayOid: number },
  isZoned: boolean,
): TypeCodec {
  return {
    ...names,
    size: 8,
    // There is a blank between date and time.
    plainInArrays: false,
    writeText(out, value, zone) {
      if (isInfinite(value)) return out.ascii(value);
      writeTimestamp(out, asMicros(names.name, value), isZoned ? zone : undefined);
    },
    writeBinary(out, value) {
      if (isInfinite(value)) return out.int64(value === 'infinity' ? INT64_MAX : INT64_MIN);
      out.int64(asMicros(names.name, value) - EPOCH_MICROS);
    },
    readText(text, zone) {
      const infinite = readInfinite(text);
      if (infinite !== undefined) return infinite;
      const { day, micros, offsetSeconds } = readIso(names.name, text);
      const local = BigInt(day) * DAY_MICROS + micros;
      return inRange(isZoned ? local - offsetMicros(local, offsetSeconds, zone) : local, names.name, text);
    },
    readBinary(bytes) {
      const micros = exactly(bytes, 8, names.name).readBigInt64BE();
      if (micros === INT64_MAX) return 'infinity';
      if (micros === INT64_MIN) return '-infinity';
      return inRange(micros + EPOCH_MICROS, names.name, String(micros));
    },
  };
}

/**
 * How far local time is ahead. Where clocks go back, a time that comes twice is the second one; where they go forward,
 * a time that never comes is read as if they had not, which is what PostgreSQL does.
 */
function offsetMicros(localMicros: bigint, written: number | undefined, zone: Zone): bigint {
  if (written !== undefined) return BigInt(written) * SECOND_MICROS;
  const [local] = secondsOf(localMicros);
  const before = zone.offsetSeconds(local - SECONDS_PER_DAY);
  const after = zone.offsetSeconds(local + SECONDS_PER_DAY);
  const isAfter = zone.offsetSeconds(local - after) === after;
  return BigInt(isAfter ? after : before) * SECOND_MICROS;
}

function asMicros(type: string, value: Value): bigint {
  if (typeof value !== 'bigint') throw unfit(type, value);
  return value;
}

function isInfinite(value: Value): value is Infinite {
  return value === 'infinity' || value === '-infinity';
}

function inRange(micros: bigint, type: string, text: string): bigint {
  if (micros < FIRST_MICROS || micros >= END_MICROS) throw outOfDays(type, text);
  return micros;
}

function timeOfDay(micros: bigint, type: string): bigint {
  if (micros < 0n || micros > DAY_MICROS) throw outOfDays(type, String(micros));
  return micros;
}

function outOfDays(type: string, text: string): SqlError {
  return new SqlError(SQLSTATE.datetimeFieldOverflow, `${type} out of range: "${text}"`);
}

// Writing

/** 0001-01-01: what is before is written as a year BC. */
const FIRST_COMMON_DAY = -719_162;
const SECONDS_PER_DAY = 86_400;

/** Results come in order more often than not, so the last day is written once for all its rows. */
let lastDay = Number.NaN;
let lastDayText = '';

function writeDay(day: number): string {
  if (day !== lastDay) {
    const { year, month, day: dayOfMonth } = dateOfDays(day);
    lastDayText = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two(month)}-${two(dayOfMonth)}`;
    lastDay = day;
  }
  return lastDayText;
}

function writeTimestamp(out: Outgoing, micros: bigint, zone: Zone | undefined): void {
  const [utcSeconds, fraction] = secondsOf(micros);
  const offset = zone === undefined || zone === UTC ? 0 : zone.offsetSeconds(utcSeconds);
  const seconds = utcSeconds + offset;
  const day = Math.floor(seconds / SECONDS_PER_DAY);
  out.ascii(writeDay(day));
  out.byte(BLANK);
  writeClock(out, seconds - day * SECONDS_PER_DAY, fraction);
  if (zone !== undefined) out.ascii(offset === 0 ? '+00' : writeOffset(offset));
  if (day < FIRST_COMMON_DAY) out.ascii(' BC');
}

/** Whole seconds, rounded down, and the microseconds on top; without bigint division wherever a number will do. */
function secondsOf(micros: bigint): readonly [seconds: number, micros: number] {
  const small = Number(micros);
  if (Number.isSafeInteger(small)) {
    const seconds = Math.floor(small / 1e6);
    return [seconds, small - 1e6 * seconds];
  }
  const fraction = ((micros % SECOND_MICROS) + SECOND_MICROS) % SECOND_MICROS;
  return [Number((micros - fraction) / SECOND_MICROS), Number(fraction)];
}

const BLANK = 0x20;
const COLON = 0x3a;

/** `04:05:06.789`; up to 24:00:00, which is a time of day, too. */
function writeClock(out: Outgoing, secondOfDay: number, micros: number): void {
  const minutes = Math.floor(secondOfDay / 60);
  out.digits(Math.floor(minutes / 60), 2);
  out.byte(COLON);
  out.digits(minutes % 60, 2);
  out.byte(COLON);
  out.digits(secondOfDay % 60, 2);
  if (micros > 0) out.ascii(`.${writeFraction(micros)}`);
}

/** Six digits without the zeros at the end. */
export function writeFraction(micros: number): string {
  let value = micros;
  let digits = 6;
  for (; value % 10 === 0 && digits > 1; digits--) value /= 10;
  return String(value).padStart(digits, '0');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

// Reading

interface Written {
  readonly day: number;
  readonly micros: bigint;
  /** `undefined` when the text does not say. */
  readonly offsetSeconds: number | undefined;
}

const OFFSET = String.raw`(?:\s*(?:(?<utc>z|utc|gmt)|(?<sign>[+-])(?<oh>\d{1,2})(?::?(?<om>\d\d))?(?::?(?<os>\d\d))?))?`;
const CLOCK = String.raw`(?<h>\d{1,2}):(?<mi>\d\d)(?::(?<s>\d\d)(?:\.(?<f>\d{1,12}))?)?`;
const ISO = new RegExp(
  String.raw`^\s*(?<y>\d{4,7})-(?<mo>\d{1,2})-(?<d>\d{1,2})(?:(?:\s+|t)${CLOCK}${OFFSET})?\s*(?<bc>bc)?\s*$`,
  'i',
);
const ISO_TIME = new RegExp(String.raw`^\s*${CLOCK}${OFFSET}\s*$`, 'i');

function readInfinite(text: string): Infinite | undefined {
  const word = text.trim().toLowerCase();
  if (word === 'infinity' || word === '+infinity') return 'infinity';
  return word === '-infinity' ? '-infinity' : undefined;
}

function readIso(type: string, text: string): Written {
  if (/^\s*epoch\s*$/i.test(text)) return { day: 0, micros: 0n, offsetSeconds: 0 };
  const parts = ISO.exec(text)?.groups;
  if (parts === undefined) throw invalidDatetime(type, text);
  const year = Number(parts.y);
  const written: CivilDate = {
    year: parts.bc === undefined ? year : 1 - year,
    month: Number(parts.mo),
    day: Number(parts.d),
  };
  const day = year === 0 ? undefined : daysOfDate(written);
  if (day === undefined) throw overflow(text);
  return { day, micros: readClock(parts, text), offsetSeconds: readOffset(parts, text) };
}

function readTime(type: string, text: string): Omit<Written, 'day'> {
  const parts = ISO_TIME.exec(text)?.groups;
  if (parts === undefined) throw invalidDatetime(type, text);
  const micros = readClock(parts, text);
  return { micros: timeOfDay(micros, type), offsetSeconds: readOffset(parts, text) };
}

type Parts = Readonly<Record<string, string | undefined>>;

function readClock({ h = '0', mi = '0', s = '0', f = '' }: Parts, text: string): bigint {
  const [hours, minutes, seconds] = [Number(h), Number(mi), Number(s)];
  const isEndOfDay = hours === 24 && minutes === 0 && seconds === 0 && Number(f) === 0;
  if ((hours > 23 && !isEndOfDay) || minutes > 59 || seconds > 60) throw overflow(text);
  // Microseconds are all there is; further digits round.
  const micros = BigInt(Math.round(Number(`0.${f}0`) * 1e6));
  return BigInt(hours * 3_600 + minutes * 60 + seconds) * SECOND_MICROS + micros;
}

function readOffset({ utc, sign, oh, om = '0', os = '0' }: Parts, text: string): number | undefined {
  if (utc !== undefined) return 0;
  if (sign === undefined) return undefined;
  const [hours, minutes, seconds] = [Number(oh), Number(om), Number(os)];
  if (hours > 15 || minutes > 59 || seconds > 59)
    throw new SqlError(SQLSTATE.datetimeFieldOverflow, `time zone displacement out of range: "${text}"`);
  const size = hours * 3_600 + minutes * 60 + seconds;
  return sign === '-' ? 0 - size : size;
}

function invalidDatetime(type: string, text: string): SqlError {
  return new SqlError(SQLSTATE.invalidDatetimeFormat, `invalid input syntax for type ${type}: "${text}"`);
}

function overflow(text: string): SqlError {
  return new SqlError(SQLSTATE.datetimeFieldOverflow, `date/time field value out of range: "${text}"`);
}
