/** Where the billing periods of a customer begin (convention C11). */
export interface Anchor {
  /** Day of the month, 1 to 31: clamped to the last day of shorter months, never forgotten. */
  readonly day: number;
  /** IANA name of the zone whose midnight counts, for instance `Europe/Berlin`. */
  readonly zone: string;
}

/** Calendar months in UTC: what a customer has of whom nothing is known. */
export const DEFAULT_ANCHOR: Anchor = { day: 1, zone: 'UTC' };

/** `[startMicros, endMicros)`, microseconds since the Unix epoch. */
export interface PeriodBounds {
  readonly startMicros: number;
  readonly endMicros: number;
}
