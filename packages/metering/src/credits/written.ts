import {
  CREDIT_SCALE,
  MAX_CREDITS,
  MAX_USD,
  type MicroCredits,
  parseDecimal,
  type Ratio,
  reduced,
  USD_SCALE,
  type UsdFemto,
} from '../amount.ts';

/** What is wrong with one value, in words that lead to the place and the repair. */
export interface RuleProblem {
  /** For instance `features.translate.cost_plus.increment`. */
  readonly path: string;
  readonly expected: string;
  readonly value: string;
}

/** What an amount may be, and how to say so. */
export interface Limit {
  readonly sentence: string;
  admits(value: bigint): boolean;
}

export const POSITIVE: Limit = { sentence: 'a decimal above 0', admits: (value) => value > 0n };
export const NOT_NEGATIVE: Limit = { sentence: 'a decimal of 0 or more', admits: (value) => value >= 0n };

/** An amount as it is written, in units of 10⁻ˢᶜᵃˡᵉ; null where it is none, with the problem noted. */
export function writtenAmount(
  text: string,
  scale: number,
  limit: Limit,
  path: string,
  problems: RuleProblem[],
): bigint | null {
  const parsed = parseDecimal(text, scale);
  if (parsed.kind === 'decimal' && limit.admits(parsed.value)) return parsed.value;
  problems.push({ path, expected: `${limit.sentence}, with at most ${scale} decimal places`, value: text });
  return null;
}

/** Credits as they are written; null where they are none, with the problem noted. */
export function writtenCredits(
  text: string,
  limit: Limit,
  path: string,
  problems: RuleProblem[],
): MicroCredits | null {
  const amount = writtenAmount(text, CREDIT_SCALE, limit, path, problems);
  if (amount === null || amount <= MAX_CREDITS) return amount;
  problems.push({ path, expected: 'less than 1000000000000 credits', value: text });
  return null;
}

/** A fee or a price as it is written; null where it is none, with the problem noted. */
export function writtenUsd(
  text: string,
  limit: Limit,
  path: string,
  problems: RuleProblem[],
): UsdFemto | null {
  const amount = writtenAmount(text, USD_SCALE, limit, path, problems);
  if (amount === null || amount <= MAX_USD) return amount;
  problems.push({ path, expected: 'less than 100000000 USD', value: text });
  return null;
}

/** Factors, margins and markups are read to nine places: 10⁻⁹ of a price is far below any published margin. */
export const FACTOR_SCALE = 9;
export const FACTOR_ONE: bigint = 10n ** BigInt(FACTOR_SCALE);

/** A factor above 0; null where it is none, with the problem noted. */
export function writtenFactor(text: string, path: string, problems: RuleProblem[]): Ratio | null {
  const factor = writtenAmount(text, FACTOR_SCALE, POSITIVE, path, problems);
  return factor === null ? null : reduced(factor, FACTOR_ONE);
}

/** A billion: more than any number of calls, or of tokens that a price is quoted for. */
const MAX_WHOLE_NUMBER = 1_000_000_000;

/** A whole number from 1 to a billion; null where it is none, with the problem noted. */
export function writtenCount(text: string, path: string, problems: RuleProblem[]): number | null {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_WHOLE_NUMBER) return count;
  problems.push({ path, expected: `a whole number from 1 to ${MAX_WHOLE_NUMBER}`, value: text });
  return null;
}
