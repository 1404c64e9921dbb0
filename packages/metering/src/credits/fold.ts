import type { MicroCredits } from '../amount.ts';
import type { Movement } from './account.ts';
import { cross } from './boundary.ts';
import { type Course, drawsAmid, reach, standAt, takesBackAmid } from './course.ts';
import { cover, type Purse } from './cover.ts';
import { type Flow, flowsBetween, merge } from './flow.ts';
import { courseOf, levelsOf, nowIn, openingOf, roomIn } from './levels.ts';
import { heldBy, moveBack, type Standing } from './standing.ts';
import type { Step, UsageOfStep } from './step.ts';
import { lastTermsOf, openingAt, periodOf, type Timeline, termsOf } from './timeline.ts';

/** What has happened that makes it necessary to fold again: its own movements are no corrections. */
export interface Cause {
  readonly step: Step;
  readonly usage: {
    readonly purse: UsageOfStep;
    readonly amount: MicroCredits;
    readonly effectiveMicros: number;
  } | null;
}

/**
 * Folds the account again from a step on. What was booked stays; the differences are the movements.
 *
 * 1. Go back: take the flows of all steps from the last one down to that one off what the account has.
 * 2. Go forward: cross each boundary and cover the usage of each step, as if for the first time.
 * 3. Of each step, book what is different, at instants that leave no lot below zero or above its amount.
 */
export function foldFrom(
  standing: Standing,
  timeline: Timeline,
  steps: readonly Step[],
  index: number,
  cause: Cause | null,
): readonly Movement[] {
  goBack(standing, steps, index);
  return goForward(standing, timeline, steps, index, cause);
}

/** What the account had before a step. */
export function goBack(standing: Standing, steps: readonly Step[], index: number): void {
  for (let back = steps.length - 1; back >= index; back--) {
    const step = steps[back];
    if (step !== undefined) takeBack(standing, step);
  }
}

export function goForward(
  standing: Standing,
  timeline: Timeline,
  steps: readonly Step[],
  index: number,
  cause: Cause | null,
): readonly Movement[] {
  const movements: Movement[] = [];
  for (let forward = index; forward < steps.length; forward++) {
    const step = steps[forward];
    if (step === undefined) continue;
    const { boundaryFlows, usageFlows } = step;
    foldStep(standing, timeline, step);
    for (const flow of flowsBetween(boundaryFlows, step.boundaryFlows)) {
      const isCorrection = cause?.step !== step || flow.amount < 0n;
      movements.push(movementOf(step.startMicros, flow, step.startMicros, isCorrection));
    }
    correctUsage(standing, step, usageFlows, cause, movements);
  }
  return movements;
}

function takeBack(standing: Standing, step: Step): void {
  for (const flow of step.usageFlows) moveBack(standing, flow);
  for (const flow of step.boundaryFlows) moveBack(standing, flow);
}

/** Before the first period is opened, what happens is in it already. */
const FIRST_PERIOD = 1;

function foldStep(standing: Standing, timeline: Timeline, step: Step): void {
  const period = periodOf(timeline, step.startMicros);
  step.period = period?.number ?? (timeline.opened.length === 0 ? FIRST_PERIOD : null);
  step.terms = period === null ? null : termsOf(timeline, period, step.startMicros);
  step.boundaryFlows = [];
  step.usageFlows = [];
  step.drawing = 'none';
  cross(standing, step, openingAt(timeline, step.startMicros));
  for (const usage of step.usage) {
    cover(standing, step, purseOf(timeline, step, usage), usage.amount, step.usageFlows);
    noteDrawing(step, usage);
  }
}

/** What belongs to a closed period was used under its terms, whatever holds where it is booked. */
function purseOf(timeline: Timeline, step: Step, { hold, belongsToPeriod }: UsageOfStep): Purse {
  const terms = belongsToPeriod === null ? step.terms : lastTermsOf(timeline, belongsToPeriod);
  return { hold, belongsToPeriod, terms };
}

function noteDrawing(step: Step, usage: UsageOfStep): void {
  if (step.drawing === 'given_back') return;
  if (usage.amount < 0n) {
    step.drawing = 'given_back';
    return;
  }
  const isCaptured = step.usageFlows.every((flow) => flow.hold !== usage.hold || flow.kind === 'capture');
  if (usage.amount === 0n || (usage.hold !== null && isCaptured)) return;
  step.drawing = step.drawing === 'none' ? usage : 'several';
}

/**
 * Usage in the last step, in the usual case: nothing that was booked changes, so only what is new is covered. Null: it
 * has to be folded.
 */
export function goOn(
  standing: Standing,
  timeline: Timeline,
  step: Step,
  usage: UsageOfStep,
  amount: MicroCredits,
  effectiveMicros: number,
): readonly Movement[] | null {
  if (amount < 0n || step.drawing === 'given_back') return null;
  if (usage.hold !== null && heldBy(standing, usage.hold) < amount) {
    if (step.drawing !== 'none' && step.drawing !== usage) return null;
    step.drawing = usage;
  } else if (usage.hold === null) {
    if (step.drawing !== 'none' && step.drawing !== usage) return null;
    step.drawing = usage;
  }
  usage.amount += amount;
  if (effectiveMicros > step.lastUsageMicros) step.lastUsageMicros = effectiveMicros;
  const flows: Flow[] = [];
  cover(standing, step, purseOf(timeline, step, usage), amount, flows);
  return flows.map((flow) => {
    merge(step.usageFlows, flow);
    return movementOf(step.startMicros, flow, instantOf(standing, step, flow, effectiveMicros), false);
  });
}

/** Its own instant, unless a lot was emptied by what came later in the step: then with the latest usage. */
function instantOf(standing: Standing, step: Step, flow: Flow, wantedMicros: number): number {
  const course = courseOf(step, flow);
  if (course === null) return wantedMicros;
  // The flow has happened already: the level is what there was before it, without the course.
  const level = nowIn(standing, course) + flow.amount - course.end;
  let atMicros = wantedMicros;
  if (wantedMicros < course.endMicros && !drawsAmid(course, flow.amount, level)) {
    atMicros = step.lastUsageMicros;
  }
  reach(course, atMicros);
  standAt(course, course.end - flow.amount);
  return atMicros;
}

/** Books what has become different in the usage of a step that was folded again. */
function correctUsage(
  standing: Standing,
  step: Step,
  before: readonly Flow[],
  cause: Cause | null,
  movements: Movement[],
): void {
  const changes = flowsBetween(before, step.usageFlows).map((flow) => ({ ...flow }));
  for (const flow of changes) courseOf(step, flow);
  for (const course of step.courses) reach(course, step.lastUsageMicros);
  const levels = levelsOf(standing, step);
  for (const [course, level] of levels) {
    const added = level - openingOf(standing, step, course) - course.shift;
    course.shift += added;
    if (added === 0n) continue;
    const early = shiftFlow(step, course, -added);
    movements.push(movementOf(step.startMicros, early, step.startMicros, true));
    merge(changes, { ...early, amount: added });
  }
  for (const flow of changes) {
    if (flow.amount === 0n) continue;
    const own = cause !== null && cause.step === step && isOf(flow, cause) ? cause.usage : null;
    const course = courseOf(step, flow);
    let atMicros = step.lastUsageMicros;
    if (own !== null && own.effectiveMicros < atMicros) {
      if (course === null || fitsAmid(standing, course, flow.amount, levels)) {
        atMicros = own.effectiveMicros;
      }
    }
    movements.push(movementOf(step.startMicros, flow, atMicros, own === null || flow.amount < 0n));
  }
  for (const course of step.courses) {
    standAt(course, nowIn(standing, course) - (levels.get(course) ?? 0n));
  }
}

/** Whether a difference can be booked amid what was booked of its lot in the step; if so, the course knows of it. */
function fitsAmid(
  standing: Standing,
  course: Course,
  amount: MicroCredits,
  levels: ReadonlyMap<Course, MicroCredits>,
): boolean {
  return amount > 0n
    ? drawsAmid(course, amount, levels.get(course) ?? 0n)
    : takesBackAmid(course, -amount, roomIn(standing, course.whole, levels));
}

/** Whether a difference is what the cause itself wants booked: its purse, its direction. */
function isOf(flow: Flow, cause: Cause): boolean {
  const { usage } = cause;
  return (
    usage !== null &&
    usage.purse.hold === flow.hold &&
    usage.purse.belongsToPeriod === flow.belongsToPeriod &&
    usage.amount > 0n === flow.amount > 0n
  );
}

/** A correction at the beginning of a step that is taken back at its end: the sums of usage stay what they are. */
function shiftFlow(step: Step, course: Course, amount: MicroCredits): Flow {
  return {
    from: course.account,
    fromLot: course.lot,
    to: 'used',
    toLot: null,
    kind: course.account === 'held' ? 'capture' : 'usage',
    hold: course.hold,
    period: step.period,
    belongsToPeriod: null,
    amount,
  };
}

/** Flows below zero go the other way. */
export function movementOf(
  stepMicros: number,
  flow: Flow,
  effectiveMicros: number,
  isCorrection: boolean,
): Movement {
  const { amount, kind, hold, period, belongsToPeriod } = flow;
  const isForward = amount > 0n;
  return {
    from: isForward ? flow.from : flow.to,
    fromLot: isForward ? flow.fromLot : flow.toLot,
    to: isForward ? flow.to : flow.from,
    toLot: isForward ? flow.toLot : flow.fromLot,
    amount: isForward ? amount : -amount,
    kind,
    isCorrection,
    effectiveMicros,
    stepMicros,
    hold,
    period,
    belongsToPeriod,
  };
}
