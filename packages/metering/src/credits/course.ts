import type { MicroCredits } from '../amount.ts';

/**
 * How what a lot has available (or holds for one hold) went down and up within a step, as booked, relative to what it
 * had at the beginning.
 *
 * Why it is needed: a correction has to be booked at some instant, and at no instant may the lot be below zero or above
 * its amount (I3). Lots that had less than was known when usage was drawn from them need their credits back before the
 * draws; lots that gained need them after. The extremes of the course tell what is allowed, without a memory of every
 * draw.
 */
export interface Course {
  readonly account: 'available' | 'held';
  readonly lot: string;
  /** For `held`. */
  readonly hold: string | null;
  /** What corrections have added at the beginning of the step. */
  shift: MicroCredits;
  /** Extremes before `endMicros`, the beginning (0) included. */
  low: MicroCredits;
  high: MicroCredits;
  /** Where it stands since `endMicros`. */
  end: MicroCredits;
  endMicros: number;
}

export function aCourse(
  account: Course['account'],
  lot: string,
  hold: string | null,
  startMicros: number,
): Course {
  return { account, lot, hold, shift: 0n, low: 0n, high: 0n, end: 0n, endMicros: startMicros };
}

/** The course goes on to a later instant. */
export function reach(course: Course, atMicros: number): void {
  if (atMicros <= course.endMicros) return;
  if (course.end < course.low) course.low = course.end;
  if (course.end > course.high) course.high = course.end;
  course.endMicros = atMicros;
}

/**
 * The level from which the whole course stays within zero and `limit`, as near as possible to `wanted`. Zero comes
 * before the limit where both cannot be: only the limit of a lot made by the account can have fallen so far.
 */
export function levelFor(course: Course, wanted: MicroCredits, limit: MicroCredits): MicroCredits {
  if (wanted + course.low < 0n) return -course.low;
  if (wanted + course.high <= limit) return wanted;
  const highest = limit - course.high;
  return highest + course.low < 0n ? -course.low : highest;
}

/**
 * Whether so much may be drawn (below zero: given back) at an instant amid the course; if so, the course knows of it.
 * All that comes later moves with it. Its end is the caller's to set.
 */
export function drawsAmid(
  course: Course,
  amount: MicroCredits,
  level: MicroCredits,
  limit: MicroCredits,
): boolean {
  if (amount > 0n) {
    if (level + course.low - amount < 0n) return false;
    course.low -= amount;
  } else {
    if (level + course.high - amount > limit) return false;
    course.high -= amount;
  }
  return true;
}
