import { CREDIT_SCALE, formatDecimal, instantMicros, parseDecimal, USD_SCALE } from '@spanledger/metering';
import { Type } from 'typebox';
import { aProblem, type Problem } from './problems.ts';

/**
 * Amounts come and go as decimal texts, never as numbers, and instants as RFC 3339. What the schemas let pass fits the
 * ledger's columns: credits DECIMAL(18, 6), money beside them DECIMAL(23, 15).
 */
export const CreditsText = Type.String({
  pattern: '^[0-9]{1,12}(\\.[0-9]{1,6})?$',
  description: 'Credits: a decimal text with at most 6 places.',
  examples: ['80', '12.5'],
});
export const SignedCreditsText = Type.String({
  pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,6})?$',
  description: 'Credits, signed: a decimal text with at most 6 places.',
  examples: ['-15'],
});
export const UsdText = Type.String({
  pattern: '^[0-9]{1,8}(\\.[0-9]{1,15})?$',
  description: 'USD: a decimal text with at most 15 places.',
  examples: ['49.00'],
});
export const InstantText = Type.String({
  minLength: 10,
  maxLength: 40,
  description: 'RFC 3339 (2026-12-01T00:00:00Z), or a date, which begins at 00:00 UTC.',
  examples: ['2026-12-31T23:00:00Z'],
});

/** What answers hold: of any size, and signed. */
export const Decimal = Type.String({ description: 'A decimal number, exactly.' });
export const DecimalOrNull = Type.Union([Decimal, Type.Null()]);
export const Instant = Type.String({ description: 'RFC 3339, in UTC.' });
export const InstantOrNull = Type.Union([Instant, Type.Null()]);
export const TextOrNull = Type.Union([Type.String(), Type.Null()]);

/** A text that has passed its schema. */
export function microCredits(text: string): bigint {
  return amountOf(text, CREDIT_SCALE);
}

/** A text that has passed its schema. */
export function usdFemto(text: string): bigint {
  return amountOf(text, USD_SCALE);
}

function amountOf(text: string, scale: number): bigint {
  const parsed = parseDecimal(text, scale);
  if (parsed.kind === 'rejected') throw new RangeError(`no amount has passed as one: ${text}`);
  return parsed.value;
}

/** Null: it is left out, or is no instant, and then the problem is noted. */
export function instantOf(text: string | undefined, path: string, problems: Problem[]): number | null {
  if (text === undefined) return null;
  const micros = instantMicros(text);
  if (micros === null) problems.push(aProblem(path, 'an instant (2026-12-01T00:00:00Z) or a date', text));
  return micros;
}

export function creditsText(amount: bigint): string {
  return formatDecimal(amount, CREDIT_SCALE);
}

export function usdText(amount: bigint): string {
  return formatDecimal(amount, USD_SCALE);
}

export function instantText(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}

export function instantTextOrNull(atMicros: number | null): string | null {
  return atMicros === null ? null : instantText(atMicros);
}
