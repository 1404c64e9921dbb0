import { instantMicros } from '@spanledger/metering';

const EPOCH = /^(\d{9,19})(?:\.(\d{1,9}))?$/;

/** What a time must be, for people. */
export const TIME_EXPECTATION =
  'a time: RFC 3339 (2026-01-15T12:00:00Z; without an offset UTC), or seconds, milliseconds, microseconds or nanoseconds since 1970';

/**
 * Microseconds since the Unix epoch, null for no time. Of a number its size tells the unit: the same digits would be in
 * 1966 or in the year 5138 in the next unit.
 */
export function timeMicros(text: string): number | null {
  const [, digits, fraction = ''] = EPOCH.exec(text.trim()) ?? [];
  if (digits === undefined) return positive(instantMicros(text));
  if (digits.length <= 11) return positive(Number(digits) * 1_000_000 + Number(micros(fraction, 6)));
  if (digits.length <= 14) return positive(Number(digits) * 1000 + Number(micros(fraction, 3)));
  // Finer than a microsecond the ledger does not keep.
  if (digits.length <= 17) return positive(Number(digits));
  return positive(Number(digits.slice(0, -3)));
}

function micros(fraction: string, places: number): string {
  return fraction.padEnd(places, '0').slice(0, places);
}

/** The first instant of all is what programs write that know none. */
function positive(value: number | null): number | null {
  return value !== null && value > 0 && Number.isSafeInteger(value) ? value : null;
}
