import type { Movement, UsageSum } from './account.ts';
import { Agenda } from './agenda.ts';
import { CLOSE_GRACE_MICROS } from './closing.ts';
import type { AccountFact, PeriodClosedFact } from './fact.ts';
import type { Flow } from './flow.ts';
import { merge } from './flow.ts';
import { type Cause, foldFrom, goForward } from './fold.ts';
import { Holds } from './holds.ts';
import { DEFAULT_ANCHOR, periodAt } from './period.ts';
import { emptyStanding, type Standing } from './standing.ts';
import { addFact, aStep, hasUsage, type Step, type StepFact, stepIndexAt, usageFor } from './step.ts';
import {
  EMPTY_TIMELINE,
  nextPlanned,
  openingAt,
  plannedUntil,
  type Timeline,
  withClosed,
  withOpened,
  withPlanFact,
} from './timeline.ts';

/** All that an account knows. Mutable: it is folded on in place. */
export interface AccountState {
  timeline: Timeline;
  steps: Step[];
  readonly holds: Holds;
  readonly agenda: Agenda;
  /** Facts that take effect later than now. */
  scheduled: StepFact[];
  readonly standing: Standing;
  /** The flows of steps that are not kept one by one any more and whose period is still open, without their holds. */
  merged: Flow[];
  isMerged: boolean;
  /** Up to where the time line was lived through: nothing on the agenda is due before. */
  nowMicros: number;
  /** Lots whose expiry was put on the agenda, so that new ones are noticed. */
  lotsSeen: number;
}

function emptyState(): AccountState {
  return {
    timeline: EMPTY_TIMELINE,
    steps: [],
    holds: new Holds(),
    agenda: new Agenda(),
    scheduled: [],
    standing: emptyStanding(),
    merged: [],
    isMerged: false,
    nowMicros: Number.NEGATIVE_INFINITY,
    lotsSeen: 0,
  };
}

/** When what a fact does to credits takes effect: a lot that is granted ahead of its time is granted when it begins. */
export function effectOf(fact: StepFact): number {
  return fact.kind === 'granted' ? Math.max(fact.atMicros, fact.lot.effectiveMicros) : fact.atMicros;
}

export function isStepFact(fact: AccountFact): fact is StepFact {
  return (
    fact.kind === 'granted' || fact.kind === 'withdrawn' || fact.kind === 'hold' || fact.kind === 'hold_ended'
  );
}

/** The time line with the fact in it. */
export function timelineWith(timeline: Timeline, fact: AccountFact): Timeline {
  switch (fact.kind) {
    case 'subscribed':
    case 'plan_changed':
    case 'canceled':
      return withPlanFact(timeline, fact);
    case 'period_opened':
      return withOpened(timeline, fact);
    case 'period_closed':
      return withClosed(timeline, fact);
    default:
      return timeline;
  }
}

/**
 * The instants at which steps begin because of a fact, past and future. They follow from facts alone, never from
 * amounts, so that an account that is opened has the steps of the one that lived.
 */
export function boundariesOf(timeline: Timeline, fact: AccountFact, nowMicros: number): readonly number[] {
  switch (fact.kind) {
    case 'granted': {
      const { expiresMicros } = fact.lot;
      return expiresMicros === null ? [effectOf(fact)] : [effectOf(fact), expiresMicros];
    }
    case 'withdrawn':
    case 'hold':
    case 'hold_ended':
      return [fact.atMicros];
    case 'subscribed':
      return [fact.atMicros, ...plannedUntil(timeline, nowMicros)];
    case 'plan_changed':
      return fact.terms === null ? plannedUntil(timeline, nowMicros) : [fact.atMicros];
    case 'canceled':
      return plannedUntil(timeline, nowMicros);
    case 'period_opened': {
      const { startMicros, endMicros } = fact.bounds;
      const rollover = openingAt(timeline, startMicros)?.rollover ?? null;
      return rollover === null ? [startMicros, endMicros] : [startMicros, endMicros, rollover.expiresMicros];
    }
    default:
      return [];
  }
}

/** Takes a fact in, all but its step. */
export function learn(state: AccountState, fact: AccountFact): void {
  state.timeline = timelineWith(state.timeline, fact);
  state.holds.learn(fact);
  if (fact.kind === 'hold' || fact.kind === 'heartbeat') state.agenda.add(fact.expiresMicros, false);
}

/** When the next period is to open, and when those that are over are to close. */
export function lookAhead(state: AccountState): void {
  const { timeline, agenda } = state;
  const planned = nextPlanned(timeline);
  if (planned !== null) agenda.add(planned.startMicros, true);
  const closedUntil = closedUntilMicros(timeline);
  for (const period of timeline.periods) {
    if (period.startMicros >= closedUntil) agenda.add(period.endMicros + CLOSE_GRACE_MICROS, false);
  }
}

export function lastClosed(timeline: Timeline): PeriodClosedFact | null {
  return timeline.closed.at(-1) ?? null;
}

/** −Infinity: none is closed. */
export function closedUntilMicros(timeline: Timeline): number {
  const last = lastClosed(timeline);
  if (last === null) return Number.NEGATIVE_INFINITY;
  const period = timeline.periods.findLast(({ number }) => number === last.period);
  return period?.endMicros ?? Number.NEGATIVE_INFINITY;
}

/** Whether a step can begin there although usage is known only as sums. */
export function canBegin(state: AccountState, atMicros: number): boolean {
  const step = state.steps[stepIndexAt(state.steps, atMicros)];
  if (step === undefined) return !state.isMerged;
  return step.startMicros === atMicros || !hasUsage(step) || atMicros > step.lastUsageMicros;
}

/** The step that begins there, begun if need be. */
export function stepAt(state: AccountState, atMicros: number): Step {
  const index = stepIndexAt(state.steps, atMicros);
  const known = state.steps[index];
  if (known?.startMicros === atMicros) return known;
  const step = aStep(atMicros);
  state.steps.splice(index + 1, 0, step);
  return step;
}

export function fold(state: AccountState, index: number, cause: Cause | null): readonly Movement[] {
  const movements = foldFrom(state.standing, state.timeline, state.steps, index, cause);
  noteLots(state);
  return movements;
}

/** Lots that the account has made have to expire in their time. */
function noteLots(state: AccountState): void {
  const { lots } = state.standing;
  if (lots.size === state.lotsSeen) return;
  state.lotsSeen = lots.size;
  for (const { lot, isMade } of lots.values()) {
    const { expiresMicros } = lot;
    if (isMade && expiresMicros !== null && expiresMicros > state.nowMicros) {
      state.agenda.add(expiresMicros, true);
    }
  }
}

/**
 * An account from the beginning: all facts, then the usage in its steps, then one fold over all of it.
 * `lotEnds`: expiries that no fact tells of, known from the fold before.
 */
export function restore(
  facts: readonly AccountFact[],
  usage: readonly UsageSum[],
  asOfMicros: number,
  lotEnds: readonly number[] = [],
): AccountState {
  const state = emptyState();
  state.nowMicros = asOfMicros;
  const starts = new Set<number>(lotEnds);
  for (const fact of facts.toSorted((one, other) => one.recordedMicros - other.recordedMicros)) {
    learn(state, fact);
    // What is planned depends on facts to come, so it is asked for at the end.
    for (const start of boundariesOf(state.timeline, fact, Number.NEGATIVE_INFINITY)) starts.add(start);
  }
  for (const start of plannedUntil(state.timeline, asOfMicros)) starts.add(start);
  beginSteps(state, starts);
  for (const fact of facts) {
    if (!isStepFact(fact)) continue;
    if (effectOf(fact) > asOfMicros) state.scheduled.push(fact);
    else addFact(stepAt(state, effectOf(fact)), fact);
  }
  for (const sum of usage) {
    const step = stepFor(state, sum.stepMicros ?? sum.effectiveMicros);
    usageFor(step, sum.hold, sum.belongsToPeriod).amount += sum.amount;
    // What was corrected when a step was divided is later than what is left of it.
    const endMicros =
      state.steps[stepIndexAt(state.steps, step.startMicros) + 1]?.startMicros ?? Number.POSITIVE_INFINITY;
    const lastMicros = Math.min(sum.effectiveMicros, endMicros - 1);
    step.lastUsageMicros = Math.max(step.lastUsageMicros, lastMicros);
  }
  goForward(state.standing, state.timeline, state.steps, 0, null);
  noteLots(state);
  lookAhead(state);
  const missing = missingLotEnds(state);
  return missing.length === 0 ? state : restore(facts, usage, asOfMicros, [...lotEnds, ...missing]);
}

/** Up to where an account was lived through at least, by what is known of it. */
export function latestOf(facts: readonly AccountFact[], usage: readonly UsageSum[]): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const { recordedMicros } of facts) latest = Math.max(latest, recordedMicros);
  for (const { effectiveMicros } of usage) latest = Math.max(latest, effectiveMicros);
  return latest;
}

function beginSteps(state: AccountState, starts: ReadonlySet<number>): void {
  for (const start of [...starts].sort((one, other) => one - other)) {
    if (start > state.nowMicros) state.agenda.add(start, true);
    else state.steps.push(aStep(start));
  }
}

function missingLotEnds(state: AccountState): readonly number[] {
  const missing: number[] = [];
  for (const { lot, isMade } of state.standing.lots.values()) {
    const { expiresMicros } = lot;
    if (!isMade || expiresMicros === null || expiresMicros > state.nowMicros) continue;
    const step = state.steps[stepIndexAt(state.steps, expiresMicros)];
    if (step?.startMicros !== expiresMicros) missing.push(expiresMicros);
  }
  return missing;
}

/** The step of an instant; what is earlier than all steps belongs to the first. */
export function stepFor(state: AccountState, atMicros: number): Step {
  const step = state.steps[Math.max(0, stepIndexAt(state.steps, atMicros))];
  if (step !== undefined) return step;
  // Usage before anything else is known of the customer: a calendar month begins.
  return stepAt(state, periodAt(DEFAULT_ANCHOR, atMicros).startMicros);
}

/** So many steps are kept to be folded again: usage that is later than 2,000 holds is booked at the oldest of them. */
const MAX_STEPS = 2_000;
/** Merged so many at a time, because moving the rest up costs something. */
const STEPS_MERGED_AT_ONCE = 200;

/** Keeps the steps that may still change. */
export function forget(state: AccountState): void {
  const closedUntil = closedUntilMicros(state.timeline);
  let count = Math.max(0, stepIndexAt(state.steps, closedUntil));
  const tooMany = state.steps.length - MAX_STEPS;
  if (tooMany >= STEPS_MERGED_AT_ONCE) count = Math.max(count, tooMany);
  mergeSteps(state, Math.min(count, state.steps.length - 1));
}

/** The oldest steps become one sum. */
export function mergeSteps(state: AccountState, count: number): void {
  if (count <= 0) return;
  for (const step of state.steps.splice(0, count)) {
    for (const flow of [...step.boundaryFlows, ...step.usageFlows]) {
      merge(state.merged, { ...flow, hold: null });
    }
  }
  state.isMerged = true;
  const closed = new Set(state.timeline.closed.map(({ period }) => period));
  state.merged = state.merged.filter(({ period }) => period === null || !closed.has(period));
  for (const number of state.standing.periods.keys()) {
    if (number !== null && closed.has(number)) state.standing.periods.delete(number);
  }
  const keptMicros = state.steps[0]?.startMicros ?? Number.NEGATIVE_INFINITY;
  for (const hold of state.holds.forgetEndedBefore(keptMicros)) state.standing.usedByHold.delete(hold);
}
