/** A time of zero nanoseconds: in OTLP that is a field nobody set. */
export const TIME_MISSING = -1;

/**
 * Microseconds since the epoch, rounded down, of a uint64 of nanoseconds given as two unsigned 32-bit words;
 * TIME_MISSING for zero. Past the safe integers (the year 2255) the number returned is not safe, which
 * `isTimeInRange` shows.
 *
 * Exact without a BigInt: 2^32 = 1000 * 4294967 + 296, so n = high * 2^32 + low divided by 1000 is
 * high * 4294967 + (high * 296 + low) / 1000, and that last dividend stays below 2^41, where the quotient's
 * rounding error cannot reach the next integer.
 */
export function microsOfWords(low: number, high: number): number {
  if (low === 0 && high === 0) return TIME_MISSING;
  return high * 4_294_967 + Math.floor((high * 296 + low) / 1000);
}

/** The same for nanoseconds in decimal digits, as OTLP/JSON carries them. Only digits may be given. */
export function microsOfDigits(nanos: string): number {
  const micros = nanos.length > 3 ? Number(nanos.slice(0, -3)) : 0;
  return micros === 0 && Number(nanos) === 0 ? TIME_MISSING : micros;
}

export function isTimeInRange(micros: number): boolean {
  return Number.isSafeInteger(micros);
}

/**
 * A span without a start, or with a start after its end, begins when it ends. Clocks do run backwards and a call
 * that was made costs money all the same, so skew is no reason to refuse the span; only its duration is lost.
 */
export function startOrEnd(startMicros: number, endMicros: number): number {
  return startMicros === TIME_MISSING || startMicros > endMicros ? endMicros : startMicros;
}

/** The time that a log record states, or null where it states none or one that cannot be: records need no time. */
export function timeOrNull(micros: number): number | null {
  return micros === TIME_MISSING || !isTimeInRange(micros) ? null : micros;
}
