import type { MicroCredits } from '../amount.ts';

/**
 * How what a lot has available (or holds for one hold) went down and up within a step, as booked, relative to what it
 * had at the beginning.
 *
 * Why it is needed: a correction has to be booked at some instant, and at no instant may the lot be below zero or above
 * its amount (I3). Lots that had less than was known when usage was drawn from them need their credits back before the
 * draws; lots that gained need them after. The extremes of the course tell what is allowed, without a memory of every
 * draw. What is available of a lot and what each hold has of it are courses of their own, and none of them is ever below
 * zero; the amount of the lot is the limit of all of them together.
 */
export interface Course {
  readonly account: 'available' | 'held';
  readonly lot: string;
  /** For `held`. */
  readonly hold: string | null;
  /** What corrections have added at the beginning of the step. */
  shift: MicroCredits;
  /** The lowest before `endMicros`, the beginning (0) included. */
  low: MicroCredits;
  /** Where it stands since `endMicros`. */
  end: MicroCredits;
  endMicros: number;
  readonly whole: LotCourse;
}

/** The same of all that the lot has, available and held: the sum of its courses. */
export interface LotCourse {
  readonly lot: string;
  /** The highest before `endMicros`, the beginning (0) included. */
  high: MicroCredits;
  end: MicroCredits;
  endMicros: number;
}

export function aCourse(
  account: Course['account'],
  hold: string | null,
  startMicros: number,
  whole: LotCourse,
): Course {
  const { lot } = whole;
  return { account, lot, hold, shift: 0n, low: 0n, end: 0n, endMicros: startMicros, whole };
}

export function aLotCourse(lot: string, startMicros: number): LotCourse {
  return { lot, high: 0n, end: 0n, endMicros: startMicros };
}

/** The course goes on to a later instant. */
export function reach(course: Course, atMicros: number): void {
  const { whole } = course;
  if (atMicros > whole.endMicros) {
    if (whole.end > whole.high) whole.high = whole.end;
    whole.endMicros = atMicros;
  }
  if (atMicros <= course.endMicros) return;
  if (course.end < course.low) course.low = course.end;
  course.endMicros = atMicros;
}

/** From its latest instant on it stands elsewhere. */
export function standAt(course: Course, end: MicroCredits): void {
  course.whole.end += end - course.end;
  course.end = end;
}

/** The level nearest to `wanted` from which the course never goes below zero. */
export function levelFor(course: Course, wanted: MicroCredits): MicroCredits {
  return wanted + course.low < 0n ? -course.low : wanted;
}

/**
 * Whether so much may be drawn at an instant amid the course; if so, the course knows of it. All that comes later moves
 * with it. Its end is the caller's to set.
 */
export function drawsAmid(course: Course, amount: MicroCredits, level: MicroCredits): boolean {
  if (level + course.low - amount < 0n) return false;
  course.low -= amount;
  return true;
}

/** The same for what is given back: whether there is `room` for it in the lot. */
export function takesBackAmid(course: Course, amount: MicroCredits, room: MicroCredits): boolean {
  if (amount > room) return false;
  course.whole.high += amount;
  return true;
}
