import type { MicroCredits } from '../amount.ts';
import { aCourse, aLotCourse, type Course, type LotCourse, levelFor, reach } from './course.ts';
import { smaller } from './cover.ts';
import type { Flow } from './flow.ts';
import { heldOf, type Standing } from './standing.ts';
import type { Step } from './step.ts';

/**
 * From which level each course of a step begins, so that what was booked within the step and what is now known of its
 * beginning go together. A lot has several courses (what is available of it, and what each hold has of it) and one
 * amount, which all of them share: what the one needs for draws that stand at their instants, another has to do without
 * until those are corrected, where both together would be more than was granted.
 *
 * Courses are added to the step for those that do without.
 */
export function levelsOf(standing: Standing, step: Step): Map<Course, MicroCredits> {
  const levels = new Map<Course, MicroCredits>();
  for (const course of step.courses) levels.set(course, levelFor(course, openingOf(standing, step, course)));
  for (const whole of new Set(step.courses.map((course) => course.whole))) {
    lower(standing, step, whole, levels);
  }
  return levels;
}

/**
 * As far as nothing goes below zero, which comes before the limit where both cannot be: only the limit of a lot made by
 * the account can have fallen so far.
 */
function lower(standing: Standing, step: Step, whole: LotCourse, levels: Map<Course, MicroCredits>): void {
  let excess = -roomIn(standing, whole, levels);
  if (excess <= 0n) return;
  addHolders(standing, step, whole.lot);
  for (const course of step.courses) {
    if (course.whole !== whole) continue;
    const level = levels.get(course) ?? openingOf(standing, step, course);
    const spared = smaller(excess, level + course.low);
    levels.set(course, level - spared);
    excess -= spared;
  }
}

/** Courses of all that has something of the lot. In an order that is the same after a restart. */
function addHolders(standing: Standing, step: Step, lot: string): void {
  const holds = [...standing.held].filter(([, byLot]) => byLot.has(lot)).map(([hold]) => hold);
  const courses = [courseFor(step, 'available', lot, null)];
  for (const hold of holds.sort()) courses.push(courseFor(step, 'held', lot, hold));
  for (const course of courses) reach(course, step.lastUsageMicros);
}

/** By how much a lot stays below its amount where it has most; below zero: it is above it. */
export function roomIn(
  standing: Standing,
  whole: LotCourse,
  levels: ReadonlyMap<Course, MicroCredits>,
): MicroCredits {
  const known = standing.lots.get(whole.lot);
  if (known === undefined) return 0n;
  let room = known.received - known.available - known.held - whole.high;
  for (const [course, level] of levels) {
    if (course.whole === whole) room -= level - nowIn(standing, course);
  }
  return room;
}

/** The course of the lot that a flow of usage takes from; null: it takes from none. */
export function courseOf(step: Step, { from, fromLot, hold }: Flow): Course | null {
  if (fromLot === null || (from !== 'available' && from !== 'held')) return null;
  return courseFor(step, from, fromLot, from === 'held' ? hold : null);
}

function courseFor(step: Step, account: Course['account'], lot: string, hold: string | null): Course {
  let whole: LotCourse | null = null;
  for (const course of step.courses) {
    if (course.lot !== lot) continue;
    if (course.account === account && course.hold === hold) return course;
    whole = course.whole;
  }
  const added = aCourse(account, hold, step.startMicros, whole ?? aLotCourse(lot, step.startMicros));
  step.courses.push(added);
  return added;
}

/** What it has at the beginning of the step, of which the account has all flows. */
export function openingOf(standing: Standing, step: Step, course: Course): MicroCredits {
  let opening = nowIn(standing, course);
  for (const flow of step.usageFlows) {
    if (flow.fromLot !== course.lot || flow.from !== course.account) continue;
    if (course.account === 'available' || flow.hold === course.hold) opening += flow.amount;
  }
  return opening;
}

/** What it has at the end of the last step that the account has flows of. */
export function nowIn(standing: Standing, course: Course): MicroCredits {
  if (course.hold !== null) return heldOf(standing, course.hold, course.lot);
  return standing.lots.get(course.lot)?.available ?? 0n;
}
