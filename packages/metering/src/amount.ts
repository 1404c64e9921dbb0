/**
 * Exact amounts. Money and credits are bigint counts of a fixed small unit from end to end; a binary float never
 * holds one (invariant I24).
 */

/** USD in units of 10⁻¹⁵. */
export type UsdFemto = bigint;
/** Credits in units of 10⁻⁶. */
export type MicroCredits = bigint;
/** An exact quotient; the denominator is positive. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const USD_SCALE = 15;
export const CREDIT_SCALE = 6;
/** The most credits that an allowance, a lot or an action may have: less than 10¹², which 18 digits hold. */
export const MAX_CREDITS: MicroCredits = 10n ** 18n - 1n;
/** Prices are held per million tokens with this many decimal places, so price × tokens is already 10⁻¹⁵ USD. */
export const RATE_SCALE = 9;

/** The most that a fee or a price may be: less than 10⁸ USD, so that sums of them fit the 38 digits of a ledger. */
export const MAX_USD: UsdFemto = 10n ** 23n - 1n;

/** A decimal text as a count of 10⁻ˢᶜᵃˡᵉ, or why it is none. */
export type ParsedDecimal =
  | { readonly kind: 'decimal'; readonly value: bigint }
  | { readonly kind: 'rejected'; readonly reason: DecimalProblem };

/** `not_decimal`: no number at all, NaN and Infinity included. `too_precise`: digits would be lost at this scale. */
export type DecimalProblem = 'not_decimal' | 'too_precise' | 'too_long';

/** Longer than any amount that fits a DECIMAL(38), with room for a sign, a point and an exponent. */
const MAX_DECIMAL_CHARACTERS = 64;
/** Far beyond any price or amount, and small enough to bound the work. */
const MAX_EXPONENT = 64;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * Reads a decimal text exactly: `"0.07"` at scale 2 is `7n`. Exponents are allowed when the value is still exactly
 * representable (`"5e-7"` at scale 9 is `500n`). Nothing is ever rounded here.
 */
export function parseDecimal(text: string, scale: number): ParsedDecimal {
  if (text.length > MAX_DECIMAL_CHARACTERS) return { kind: 'rejected', reason: 'too_long' };
  const parts = DECIMAL.exec(text);
  if (parts === null) return { kind: 'rejected', reason: 'not_decimal' };
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = parts;
  const digits = whole + fraction;
  if (digits === '') return { kind: 'rejected', reason: 'not_decimal' };
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_EXPONENT) return { kind: 'rejected', reason: 'too_long' };

  const shift = scale - fraction.length + exponent;
  const unscaled = BigInt(digits);
  const power = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && unscaled % power !== 0n) return { kind: 'rejected', reason: 'too_precise' };
  const magnitude = shift < 0 ? unscaled / power : unscaled * power;
  return { kind: 'decimal', value: sign === '-' ? -magnitude : magnitude };
}

/**
 * The canonical text of an amount: no exponent, no trailing zeros beyond `minFraction` places, never `-0`.
 * `parseDecimal(formatDecimal(value, scale), scale)` gives `value` again.
 */
export function formatDecimal(value: bigint, scale: number, minFraction = 0): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits
    .slice(digits.length - scale)
    .replace(/0+$/, '')
    .padEnd(minFraction, '0');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative ? `-${text}` : text;
}

/**
 * Division rounded half to even. The magnitude is rounded and the sign restored afterwards: bigint division
 * truncates toward zero, so rounding a negative quotient directly would go the wrong way.
 * Throws RangeError unless the denominator is positive.
 */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  assertPositive(denominator);
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  const quotient = magnitude / denominator;
  const twiceRest = (magnitude - quotient * denominator) * 2n;
  const roundsUp = twiceRest > denominator || (twiceRest === denominator && quotient % 2n === 1n);
  const rounded = roundsUp ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/**
 * Division rounded to the nearest, halves away from zero: the rounding of invoice lines and prorated credits
 * (conventions C1, C12). Throws RangeError unless the denominator is positive.
 */
export function divideHalfAwayFromZero(numerator: bigint, denominator: bigint): bigint {
  assertPositive(denominator);
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (magnitude * 2n + denominator) / (denominator * 2n);
  return numerator < 0n ? -rounded : rounded;
}

/** Division rounded toward +∞. Throws RangeError unless the denominator is positive. */
export function divideCeil(numerator: bigint, denominator: bigint): bigint {
  assertPositive(denominator);
  const truncated = numerator / denominator;
  return truncated * denominator < numerator ? truncated + 1n : truncated;
}

/** The smallest multiple that is not below the exact quotient: the one rounding a charge gets (convention C4). */
export function ceilToMultiple(value: Ratio, multiple: bigint): bigint {
  assertPositive(multiple);
  return divideCeil(value.numerator, value.denominator * multiple) * multiple;
}

/** A quotient in lowest terms: equal ones look equal, and products stay small. Both parts must be positive or 0. */
export function reduced(numerator: bigint, denominator: bigint): Ratio {
  assertPositive(denominator);
  let [larger, smaller] = [numerator, denominator];
  while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
  return { numerator: numerator / larger, denominator: denominator / larger };
}

function assertPositive(divisor: bigint): void {
  if (divisor <= 0n) throw new RangeError(`expected a positive divisor, got ${divisor}`);
}
