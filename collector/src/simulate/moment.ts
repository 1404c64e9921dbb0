import { instantMicros } from '@spanledger/metering';

/** A point in time as people write it: by the calendar, or from now on. */
export type Moment =
  | { readonly kind: 'instant'; readonly atMicros: number }
  | { readonly kind: 'from_now'; readonly micros: number };

const DURATION = /^(-?)(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,8})s)?$/;
const MICROS_PER_SECOND = 1_000_000;

/** `3d`, `1d12h`, `-45m`: a day is 24 hours, whatever clocks are changed. Null: it is no stretch of time. */
export function durationMicros(text: string): number | null {
  const parts = DURATION.exec(text.trim());
  if (parts === null) return null;
  const [, sign, ...counts] = parts;
  if (counts.every((count) => count === undefined)) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = counts.map((count) => Number(count ?? 0));
  const micros = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * MICROS_PER_SECOND;
  return sign === '-' ? -micros : micros;
}

export function momentOf(text: string): Moment | null {
  const micros = durationMicros(text);
  if (micros !== null) return { kind: 'from_now', micros };
  const atMicros = instantMicros(text);
  return atMicros === null ? null : { kind: 'instant', atMicros };
}

export function atOf(moment: Moment, nowMicros: number): number {
  return moment.kind === 'instant' ? moment.atMicros : nowMicros + moment.micros;
}

/** As all instants are written that programs read: `2026-11-03T12:00:00.000Z`. */
export function instantText(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}
