import { divideHalfEven, formatDecimal, parseDecimal, RATE_SCALE } from '@spanledger/metering';
import type { JsonValue } from './exact-json.ts';

/** An amount of a foreign list in our unit. Zero is apart, because in these lists it mostly means "not filled in". */
export type ListedAmount =
  | { readonly kind: 'amount'; readonly text: string }
  | { readonly kind: 'zero' }
  | { readonly kind: 'malformed'; readonly problem: string };

/** More places than any price that was ever written down, so that reading loses nothing before the one rounding. */
const SOURCE_SCALE = 40;
/** Pieces are priced in USD each, as exactly as the ledger counts money. */
const PIECE_SCALE = 15;

/**
 * US dollars per million tokens from a price for `tokens` tokens (1 or 1,000,000). Places beyond the ninth are
 * rounded half-even, which also heals what went through float arithmetic (0.18000000000000002).
 */
export function perMillion(value: JsonValue, tokens: 1n | 1_000_000n): ListedAmount {
  return scaled(value, 1_000_000n / tokens, RATE_SCALE);
}

/** US dollars for one piece from a price for `pieces` of them. */
export function perPiece(value: JsonValue, pieces: 1n | 1000n): ListedAmount {
  const read = parsed(value);
  if (read.kind !== 'value') return read;
  return rounded(read.value, pieces, PIECE_SCALE, read.source);
}

/** US dollars for one hour from a price for a minute. */
export function perHour(value: JsonValue): ListedAmount {
  return scaled(value, 60n, PIECE_SCALE);
}

/** A factor (1.1), as it stands. */
export function factor(value: JsonValue): ListedAmount {
  return scaled(value, 1n, RATE_SCALE);
}

/** A count of tokens, or null if it is none; lists write 32000 and 32000.0. */
export function tokenCount(value: JsonValue | undefined): number | null {
  if (typeof value !== 'string') return null;
  const count = parseDecimal(value, 0);
  if (count.kind === 'rejected' || count.value < 0n) return null;
  const tokens = Number(count.value);
  return Number.isSafeInteger(tokens) ? tokens : null;
}

function scaled(value: JsonValue, times: bigint, scale: number): ListedAmount {
  const read = parsed(value);
  return read.kind === 'value' ? rounded(read.value * times, 1n, scale, read.source) : read;
}

type Parsed =
  | { readonly kind: 'value'; readonly value: bigint; readonly source: string }
  | Exclude<ListedAmount, { kind: 'amount' }>;

function parsed(source: JsonValue): Parsed {
  if (typeof source !== 'string') return { kind: 'malformed', problem: 'is no number' };
  const number = parseDecimal(source, SOURCE_SCALE);
  if (number.kind === 'rejected') return { kind: 'malformed', problem: `"${shortened(source)}" is no price` };
  if (number.value < 0n) return { kind: 'malformed', problem: `${source} is negative` };
  return number.value === 0n ? { kind: 'zero' } : { kind: 'value', value: number.value, source };
}

function rounded(value: bigint, divisor: bigint, scale: number, source: string): ListedAmount {
  const amount = divideHalfEven(value, divisor * 10n ** BigInt(SOURCE_SCALE - scale));
  // Rounded to nothing it would be free, which nobody said.
  if (amount === 0n) return { kind: 'malformed', problem: `${source} is smaller than a price can be` };
  return { kind: 'amount', text: formatDecimal(amount, scale) };
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
