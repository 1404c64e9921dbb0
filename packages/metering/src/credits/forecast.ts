import type { BookedBalance } from './account.ts';

/** Of a shorter time one busy hour would be taken for the month. */
const MIN_FORECAST_MICROS = 24 * 3_600_000_000;

/**
 * When the credits run out if the use of the period goes on as it was on average, microseconds since the Unix epoch.
 * Null: not before the period ends, by then they have run out already, or the period is younger than a day. That lots
 * expire or begin before then is not foreseen.
 */
export function exhaustionForecast({
  atMicros,
  period,
  available,
  held,
  periodUsage,
}: BookedBalance): number | null {
  if (period === null) return null;
  const { startMicros, endMicros } = period.bounds;
  const elapsedMicros = atMicros - startMicros;
  const remaining = available + held;
  const { used } = periodUsage;
  if (elapsedMicros < MIN_FORECAST_MICROS || remaining <= 0n || used <= 0n) return null;
  // At the same pace as `used` in the time elapsed; rounded up to a microsecond.
  const leftMicros = (remaining * BigInt(elapsedMicros) + used - 1n) / used;
  return leftMicros < BigInt(endMicros - atMicros) ? atMicros + Number(leftMicros) : null;
}
