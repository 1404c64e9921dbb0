import type { AttributeValue } from './span.ts';

export const MICROS_PER_SECOND = 1_000_000;
export const MICROS_PER_MILLI = 1000;

/** A duration as sent (a number, sometimes as text) in whole microseconds; null where it is none or negative. */
export function microsOf(value: AttributeValue | undefined, microsPerUnit: number): number | null {
  const amount = typeof value === 'bigint' || isText(value) ? Number(value) : value;
  if (typeof amount !== 'number' || !(amount >= 0)) return null;
  const micros = Math.round(amount * microsPerUnit);
  return Number.isSafeInteger(micros) ? micros : null;
}

/** Blank is no zero. */
function isText(value: AttributeValue | undefined): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
