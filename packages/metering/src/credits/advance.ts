import type { Movement, Outcome } from './account.ts';
import {
  type AccountState,
  boundariesOf,
  closedUntilMicros,
  effectOf,
  fold,
  forget,
  lastClosed,
  learn,
  lookAhead,
  stepAt,
} from './account-state.ts';
import { CLOSE_GRACE_MICROS, closePeriod } from './closing.ts';
import type { AccountFact, GrantedFact, HoldEndedFact, PeriodOpenedFact } from './fact.ts';
import { DEFAULT_ANCHOR, periodAt } from './period.ts';
import type { Plans, PlanTerms } from './plan.ts';
import { periodTotals } from './standing.ts';
import { addFact, type StepFact, stepIndexAt } from './step.ts';
import { nextPlanned, type PlannedPeriod, plannedAt, type Timeline } from './timeline.ts';

/**
 * Everything whose time has come, one instant after the other.
 *
 * @param firstMicros usage that is about to be booked: with it the account begins, if nothing has happened before
 */
export function liveThrough(
  state: AccountState,
  nowMicros: number,
  plans: Plans,
  firstMicros: number | null,
): Outcome {
  if (state.timeline.periods.length === 0) {
    const startMicros = firstStart(state, nowMicros, firstMicros);
    if (startMicros !== null) state.agenda.add(startMicros, true);
  }
  if (state.agenda.nextMicros > nowMicros) {
    if (nowMicros > state.nowMicros) state.nowMicros = nowMicros;
    return NOTHING;
  }
  const facts: AccountFact[] = [];
  const movements: Movement[] = [];
  while (state.agenda.nextMicros <= nowMicros) {
    const atMicros = state.agenda.nextMicros;
    const isBoundary = state.agenda.take();
    if (atMicros > state.nowMicros) state.nowMicros = atMicros;
    live(state, atMicros, isBoundary, { plans, recordedMicros: nowMicros, facts, movements });
  }
  if (nowMicros > state.nowMicros) state.nowMicros = nowMicros;
  forget(state);
  return { facts, movements };
}

const NOTHING: Outcome = { facts: [], movements: [] };

interface Life {
  readonly plans: Plans;
  readonly recordedMicros: number;
  readonly facts: AccountFact[];
  readonly movements: Movement[];
}

/** One instant: holds expire, a period opens, what was to come comes; then the account is folded; then periods close. */
function live(state: AccountState, atMicros: number, isBoundary: boolean, life: Life): void {
  const stepFacts: StepFact[] = [];
  for (const { fact } of state.holds.expiredAt(atMicros)) {
    stepFacts.push(holdExpired(fact.hold, atMicros, life.recordedMicros));
  }
  const planned = duePeriod(state, atMicros);
  if (planned !== null) {
    const opened = openPeriod(state.timeline, planned, life);
    take(state, opened, life);
    const allowance = allowanceOf(opened, life.recordedMicros);
    if (allowance !== null) stepFacts.push(allowance);
  }
  for (const fact of stepFacts) take(state, fact, life);

  for (const fact of state.scheduled) if (effectOf(fact) <= atMicros) stepFacts.push(fact);
  if (isBoundary || stepFacts.length > 0) {
    state.scheduled = state.scheduled.filter((fact) => effectOf(fact) > atMicros);
    const step = stepAt(state, atMicros);
    for (const fact of stepFacts) addFact(step, fact);
    const index = stepIndexAt(state.steps, atMicros);
    life.movements.push(...fold(state, index, { step, usage: null }));
  }
  closePeriods(state, atMicros, life);
}

/** A fact that the passing of time has made. */
function take(state: AccountState, fact: AccountFact, life: Life): void {
  learn(state, fact);
  life.facts.push(fact);
  for (const boundary of boundariesOf(state.timeline, fact, state.nowMicros)) {
    if (boundary > state.nowMicros) state.agenda.add(boundary, true);
  }
  if (fact.kind === 'period_opened') lookAhead(state);
}

/**
 * Where the account begins: with the first subscription, or with the calendar month of the first thing that happened.
 * Null: nothing has, and who is only asked about needs no periods.
 */
function firstStart(state: AccountState, nowMicros: number, firstMicros: number | null): number | null {
  const subscribed = state.timeline.course.find(({ kind }) => kind === 'subscribed')?.atMicros;
  const first = state.steps[0]?.startMicros ?? firstMicros ?? undefined;
  if (subscribed !== undefined && subscribed <= Math.min(nowMicros, first ?? nowMicros)) return subscribed;
  return first === undefined ? null : periodAt(DEFAULT_ANCHOR, first).startMicros;
}

function duePeriod(state: AccountState, atMicros: number): PlannedPeriod | null {
  const { timeline } = state;
  if (timeline.periods.length === 0) return plannedAt(timeline, atMicros);
  const planned = nextPlanned(timeline);
  return planned !== null && planned.startMicros <= atMicros ? planned : null;
}

function openPeriod(timeline: Timeline, planned: PlannedPeriod, life: Life): PeriodOpenedFact {
  const { startMicros, endMicros, isTrial, anchor } = planned;
  const period = Math.max(0, ...timeline.opened.map((opened) => opened.period)) + 1;
  return {
    kind: 'period_opened',
    id: `period:${period}:opened`,
    atMicros: startMicros,
    recordedMicros: life.recordedMicros,
    actor: null,
    reason: null,
    period,
    bounds: { startMicros, endMicros },
    isTrial,
    terms: planned.plan === null ? null : termsFor(timeline, planned.plan, startMicros, life.plans),
    anchor,
  };
}

/** A plan that is no longer in the configuration goes on as it was: its subscribers have not canceled. */
function termsFor(timeline: Timeline, plan: string, atMicros: number, plans: Plans): PlanTerms | null {
  const terms = plans.termsAt(plan, atMicros);
  if (terms !== null) return terms;
  return timeline.opened.findLast((opened) => opened.terms?.plan === plan)?.terms ?? null;
}

/** Lots of a plan burn among themselves by their expiry. */
const PLAN_PRIORITY = 0;

function allowanceOf(opened: PeriodOpenedFact, recordedMicros: number): GrantedFact | null {
  const { terms, isTrial, period, bounds } = opened;
  const amount = isTrial ? (terms?.trial?.credits ?? 0n) : (terms?.allowance ?? 0n);
  if (terms === null || amount <= 0n) return null;
  const kind = isTrial ? 'trial' : 'allowance';
  return {
    kind: 'granted',
    id: `period:${period}:${kind}`,
    atMicros: bounds.startMicros,
    recordedMicros,
    actor: null,
    reason: null,
    lot: {
      id: `${kind}:${period}`,
      kind,
      amount,
      priority: PLAN_PRIORITY,
      effectiveMicros: bounds.startMicros,
      expiresMicros: bounds.endMicros,
      source: `period:${period}`,
      paidUsd: isTrial ? null : terms.fee,
    },
  };
}

function holdExpired(hold: string, atMicros: number, recordedMicros: number): HoldEndedFact {
  return {
    kind: 'hold_ended',
    id: `hold:${hold}:expired`,
    atMicros,
    recordedMicros,
    actor: null,
    reason: null,
    hold,
    end: 'expired',
    actual: 0n,
    isLate: false,
  };
}

/** In their order, each once the next one is open: before, its end may still come earlier. */
function closePeriods(state: AccountState, atMicros: number, life: Life): void {
  const closedUntil = closedUntilMicros(state.timeline);
  const { periods } = state.timeline;
  for (const [index, period] of periods.entries()) {
    if (period.startMicros < closedUntil) continue;
    if (index === periods.length - 1 || period.endMicros + CLOSE_GRACE_MICROS > atMicros) return;
    const totals = periodTotals(state.standing, period.number);
    const previous = lastClosed(state.timeline);
    const closed = closePeriod(period, totals, previous, life.recordedMicros, CLOSE_GRACE_MICROS);
    take(state, closed, life);
  }
}
