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
/** Prices are held per million tokens with this many decimal places, so price × tokens is already 10⁻¹⁵ USD. */
export const RATE_SCALE = 9;
