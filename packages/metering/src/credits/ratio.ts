import { type Ratio, reduced } from '../amount.ts';

/**
 * Exact quotients where being read by people matters more than speed: always in lowest terms, written as `33/10`.
 * Nothing here is negative.
 */
export type RatioText = `${bigint}/${bigint}`;

export const ZERO: Ratio = { numerator: 0n, denominator: 1n };
export const ONE: Ratio = { numerator: 1n, denominator: 1n };

export function sum(one: Ratio, other: Ratio): Ratio {
  return reduced(
    one.numerator * other.denominator + other.numerator * one.denominator,
    one.denominator * other.denominator,
  );
}

export function product(...factors: readonly Ratio[]): Ratio {
  let { numerator, denominator } = ONE;
  for (const factor of factors) {
    numerator *= factor.numerator;
    denominator *= factor.denominator;
  }
  return reduced(numerator, denominator);
}

/** Throws RangeError when the divisor is 0. */
export function quotient(dividend: Ratio, divisor: Ratio): Ratio {
  return product(dividend, { numerator: divisor.denominator, denominator: divisor.numerator });
}

export function isAbove(one: Ratio, other: Ratio): boolean {
  return one.numerator * other.denominator > other.numerator * one.denominator;
}

export function formatRatio({ numerator, denominator }: Ratio): RatioText {
  return `${numerator}/${denominator}`;
}

/** Throws unless the text is one that `formatRatio` wrote. */
export function parseRatio(text: string): Ratio {
  const [, numerator, denominator] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (numerator === undefined || denominator === undefined) throw new RangeError(`no quotient: ${text}`);
  return reduced(BigInt(numerator), BigInt(denominator));
}
