import { SQLSTATE, SqlError } from '../errors.ts';
import { BodyReader } from '../wire/body.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import { invalidText, outOfRange, type TypeCodec, unfit, type Value } from './codec.ts';

/**
 * Exact decimals. Their binary format is a row of digits to the base 10,000 with the place of the first one, so decimal
 * text goes in and out by cutting it in fours; no binary float comes near it.
 */

/** What a `numeric` of PostgreSQL can hold: digits before and after the point. */
const MAX_INTEGER_DIGITS = 131_072;
const MAX_FRACTION_DIGITS = 16_383;

const POSITIVE = 0x0000;
const NEGATIVE = 0x4000;
const SPECIAL: Readonly<Record<string, number>> = { NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 };

/** What PostgreSQL writes for the scale of infinity; nobody reads it. */
const INFINITE_SCALE = 0x20;

const DECIMAL = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,7}))?\s*$/;

/** The modifier of `numeric(precision, scale)` for a `Field`. */
export function numericModifier(precision: number, scale: number): number {
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

export const numeric: TypeCodec = {
  name: 'numeric',
  oid: 1700,
  arrayOid: 1231,
  size: -1,
  plainInArrays: true,
  writeText: (out, value) => out.ascii(asDecimal(value)),
  writeBinary: (out, value) => writeBinary(out, asDecimal(value)),
  readText,
  readBinary,
};

/** A backend gives plain digits; anything else would reach clients as it is. */
const PLAIN = /^-?\d+(?:\.\d+)?$/;

function asDecimal(value: Value): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'string' || !(PLAIN.test(value) || Object.hasOwn(SPECIAL, value)))
    throw unfit('numeric', value);
  return value;
}

function readText(text: string): string {
  const match = DECIMAL.exec(text);
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match ?? [];
  if (match === null || whole.length + fraction.length === 0) return readSpecial(text);
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  // Where the point stands in the digits, once the exponent is worked off.
  const point = whole.length + exponent;
  const scale = Math.max(0, digits.length - point);
  if (scale > MAX_FRACTION_DIGITS || point > MAX_INTEGER_DIGITS) throw overflow();
  const padded = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0');
  const before = (point <= 0 ? '' : padded.slice(0, point)).replace(/^0+/, '');
  const after = point <= 0 ? padded : padded.slice(point);
  if (before.length > MAX_INTEGER_DIGITS) throw overflow();
  const value = after === '' ? before || '0' : `${before || '0'}.${after}`;
  return sign === '-' && /[1-9]/.test(value) ? `-${value}` : value;
}

function readSpecial(text: string): string {
  const word = text.trim().toLowerCase();
  if (word === 'nan') return 'NaN';
  if (/^\+?inf(inity)?$/.test(word)) return 'Infinity';
  if (/^-inf(inity)?$/.test(word)) return '-Infinity';
  throw invalidText('numeric', text);
}

function overflow(): SqlError {
  return new SqlError(SQLSTATE.numericValueOutOfRange, 'value overflows numeric format');
}

function writeBinary(out: Outgoing, decimal: string): void {
  const special = SPECIAL[decimal];
  if (special !== undefined) {
    writeHeader(out, 0, 0, special, decimal === 'NaN' ? 0 : INFINITE_SCALE);
    return;
  }
  const isNegative = decimal.startsWith('-');
  const start = isNegative ? 1 : 0;
  const dot = decimal.indexOf('.');
  const point = dot < 0 ? decimal.length : dot;
  const scale = dot < 0 ? 0 : decimal.length - dot - 1;
  if (point - start > MAX_INTEGER_DIGITS || scale > MAX_FRACTION_DIGITS)
    throw outOfRange('numeric', `${decimal.slice(0, 20)}…`);

  // Groups are numbered from the point: 0 is the one before it, -1 the first one after it.
  let first = Math.ceil((point - start) / 4) - 1;
  let last = -Math.ceil(scale / 4);
  while (first >= last && groupOf(decimal, start, point, first) === 0) first--;
  while (last <= first && groupOf(decimal, start, point, last) === 0) last++;

  const count = first - last + 1;
  writeHeader(out, count, count === 0 ? 0 : first, isNegative && count > 0 ? NEGATIVE : POSITIVE, scale);
  for (let group = first; group >= last; group--) out.int16(groupOf(decimal, start, point, group));
}

/** The four digits of a group as one number; beyond both ends there are zeros. */
function groupOf(decimal: string, start: number, point: number, group: number): number {
  // Digits after the point stand one further to the right, because of the point itself.
  const from = point - 4 * (group + 1) + (group < 0 ? 1 : 0);
  let value = 0;
  for (let at = from; at < from + 4; at++) {
    const digit = at < start || at >= decimal.length ? 0 : decimal.charCodeAt(at) - 0x30;
    value = 10 * value + digit;
  }
  return value;
}

function writeHeader(out: Outgoing, groups: number, weight: number, sign: number, scale: number): void {
  out.count(groups);
  out.int16(weight);
  out.count(sign);
  out.count(scale);
}

function readBinary(bytes: Buffer): string {
  const reader = new BodyReader(bytes);
  const count = reader.count();
  const weight = reader.int16();
  const sign = reader.count();
  const scale = reader.count();
  const special = Object.entries(SPECIAL).find(([, code]) => code === sign)?.[0];
  if (special !== undefined) return special;
  if (sign !== POSITIVE && sign !== NEGATIVE) throw invalidBinary('sign');
  if (scale > MAX_FRACTION_DIGITS) throw invalidBinary('scale');
  if (4 * (weight + 1) > MAX_INTEGER_DIGITS) throw overflow();

  const groups: string[] = [];
  for (let i = 0; i < count; i++) {
    const group = reader.count();
    if (group > 9_999) throw invalidBinary('digit');
    groups.push(String(group).padStart(4, '0'));
  }
  reader.end();

  // All digits from the first one on, and where the point stands among them.
  const point = 4 * (weight + 1);
  const digits = groups.join('');
  const shifted = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0');
  const whole = (point <= 0 ? '' : shifted.slice(0, point)).replace(/^0+/, '');
  const fraction = (point <= 0 ? shifted : shifted.slice(point)).padEnd(scale, '0').slice(0, scale);
  const value = scale === 0 ? whole || '0' : `${whole || '0'}.${fraction}`;
  return sign === NEGATIVE && /[1-9]/.test(value) ? `-${value}` : value;
}

function invalidBinary(part: string): SqlError {
  return new SqlError(SQLSTATE.invalidBinaryRepresentation, `invalid ${part} in external "numeric" value`);
}
