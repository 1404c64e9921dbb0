import type { PeriodOpening } from './boundary.ts';
import type { PeriodClosedFact, PeriodOpenedFact, PlanFact } from './fact.ts';
import { type Anchor, DEFAULT_ANCHOR, type PeriodBounds, periodAt, periodsFrom } from './period.ts';
import type { PlanTerms } from './plan.ts';
import { courseOf, subscriptionAt } from './subscription.ts';

/** The periods of a customer and what decides about them. Periods tile the time line from the first one on (I18). */
export interface Timeline {
  /** As they were told. */
  readonly planFacts: readonly PlanFact[];
  readonly opened: readonly PeriodOpenedFact[];
  readonly closed: readonly PeriodClosedFact[];
  /** What holds of all that was told about plans. */
  readonly course: readonly PlanFact[];
  /** What holds of all that was opened, ascending. */
  readonly periods: readonly Period[];
}

export interface Period extends PeriodBounds {
  readonly number: number;
  /** Its bounds were what was expected then; a subscription that began since has ended it earlier. */
  readonly fact: PeriodOpenedFact;
}

/** A period that has yet to be opened. */
export interface PlannedPeriod extends PeriodBounds {
  /** Null: no plan. */
  readonly plan: string | null;
  readonly isTrial: boolean;
  readonly anchor: Anchor;
}

export const EMPTY_TIMELINE: Timeline = { planFacts: [], opened: [], closed: [], course: [], periods: [] };

export function withPlanFact(timeline: Timeline, fact: PlanFact): Timeline {
  const planFacts = [...timeline.planFacts, fact];
  return { ...timeline, planFacts, course: courseOf(planFacts) };
}

export function withOpened(timeline: Timeline, fact: PeriodOpenedFact): Timeline {
  const opened = [...timeline.opened, fact];
  return { ...timeline, opened, periods: periodsOf(opened) };
}

export function withClosed(timeline: Timeline, fact: PeriodClosedFact): Timeline {
  return { ...timeline, closed: [...timeline.closed, fact] };
}

/**
 * What was opened later holds: when a month without plan was opened, and then somebody subscribed from an earlier day
 * on, that month has never been.
 */
function periodsOf(opened: readonly PeriodOpenedFact[]): readonly Period[] {
  const valid: PeriodOpenedFact[] = [];
  for (const period of opened.toSorted((one, other) => one.period - other.period)) {
    while ((valid.at(-1)?.bounds.startMicros ?? Number.NEGATIVE_INFINITY) >= period.bounds.startMicros) {
      valid.pop();
    }
    valid.push(period);
  }
  return valid.map((fact, index) => {
    const next = valid[index + 1]?.bounds.startMicros ?? Number.POSITIVE_INFINITY;
    const { startMicros, endMicros } = fact.bounds;
    return { number: fact.period, fact, startMicros, endMicros: Math.min(endMicros, next) };
  });
}

export function periodOf(timeline: Timeline, atMicros: number): Period | null {
  for (let index = timeline.periods.length - 1; index >= 0; index--) {
    const period = timeline.periods[index];
    if (period === undefined || period.startMicros > atMicros) continue;
    return atMicros < period.endMicros ? period : null;
  }
  return null;
}

/** The terms of a period at one instant: those that it opened with, or those that it was upgraded to since. */
export function termsOf(timeline: Timeline, period: Period, atMicros: number): PlanTerms | null {
  let { terms } = period.fact;
  for (const fact of timeline.course) {
    if (fact.kind !== 'plan_changed' || fact.terms === null) continue;
    if (fact.atMicros >= period.startMicros && fact.atMicros <= atMicros) terms = fact.terms;
  }
  return terms;
}

/** The terms at the end of a period; null: it had no plan, or there is none of that number. */
export function lastTermsOf(timeline: Timeline, number: number): PlanTerms | null {
  const period = timeline.periods.findLast((candidate) => candidate.number === number);
  return period === undefined ? null : termsOf(timeline, period, period.endMicros - 1);
}

/** The terms that hold for an action of that time; null: no plan. */
export function termsAt(timeline: Timeline, atMicros: number): PlanTerms | null {
  const period = periodOf(timeline, atMicros);
  return period === null
    ? (foreseenPeriodAt(timeline, atMicros)?.terms ?? null)
    : termsOf(timeline, period, atMicros);
}

/** The period of an instant, opened or not. */
export function anyPeriodAt(timeline: Timeline, atMicros: number): PeriodOpenedFact | null {
  return periodOf(timeline, atMicros)?.fact ?? foreseenPeriodAt(timeline, atMicros);
}

/** What the opening of a period at that instant does to lots; null: none opens there. */
export function openingAt(timeline: Timeline, atMicros: number): PeriodOpening | null {
  const index = timeline.periods.findIndex(({ startMicros }) => startMicros === atMicros);
  const period = timeline.periods[index];
  if (period === undefined) return null;
  const overage = period.fact.terms?.overage;
  return {
    rollover: rolloverInto(timeline, period, timeline.periods[index - 1]),
    repaysOverdraft: overage?.policy === 'allow' && overage.repaysOverdraft,
  };
}

function rolloverInto(
  timeline: Timeline,
  period: Period,
  previous: Period | undefined,
): PeriodOpening['rollover'] {
  if (previous === undefined || previous.endMicros !== period.startMicros) return null;
  const terms = termsOf(timeline, previous, previous.endMicros - 1)?.rollover ?? null;
  // Who has no plan any more takes nothing along.
  if (terms === null || period.fact.terms === null) return null;
  const lived = periodsFrom(period.fact.anchor, period.startMicros, terms.periods).at(-1);
  if (lived === undefined) return null;
  return {
    upTo: terms.upTo,
    lotId: `rollover:${previous.number}`,
    source: `period:${previous.number}`,
    expiresMicros: lived.endMicros,
  };
}

/** The period that opens next: that of a subscription from an earlier day on comes before all else. */
export function nextPlanned(timeline: Timeline): PlannedPeriod | null {
  const last = timeline.periods.at(-1) ?? null;
  const begins = timeline.course.find(
    (fact) => fact.kind === 'subscribed' && !hasBegun(timeline, fact.atMicros),
  );
  if (begins !== undefined && last !== null && begins.atMicros <= last.startMicros) {
    return plannedAt(timeline, begins.atMicros);
  }
  return plannedAfter(timeline, last);
}

function hasBegun(timeline: Timeline, atMicros: number): boolean {
  return timeline.opened.some(({ bounds, terms }) => terms !== null && bounds.startMicros === atMicros);
}

/** The period that opens next after the given one; null after nothing: as long as nothing is subscribed. */
function plannedAfter(timeline: Timeline, previous: PeriodBounds | null): PlannedPeriod | null {
  const begins = timeline.course.find(
    ({ kind, atMicros }) =>
      kind === 'subscribed' && atMicros > (previous?.startMicros ?? Number.NEGATIVE_INFINITY),
  );
  const startMicros = Math.min(
    previous?.endMicros ?? Number.POSITIVE_INFINITY,
    begins?.atMicros ?? Number.POSITIVE_INFINITY,
  );
  return startMicros === Number.POSITIVE_INFINITY ? null : plannedAt(timeline, startMicros);
}

export function plannedAt(timeline: Timeline, startMicros: number): PlannedPeriod {
  const subscription = subscriptionAt(timeline.planFacts, startMicros);
  const began = subscription?.began ?? null;
  const anchor = began?.anchor ?? DEFAULT_ANCHOR;
  const plan = subscription?.plan ?? null;
  const trialEnds = began !== null && began.atMicros === startMicros ? began.trialEndsMicros : null;
  if (trialEnds !== null && trialEnds > startMicros) {
    return { startMicros, endMicros: trialEnds, plan, isTrial: true, anchor };
  }
  const endMicros = periodsFrom(anchor, startMicros, 1)[0]?.endMicros ?? startMicros;
  return { startMicros, endMicros, plan, isTrial: false, anchor };
}

/** All boundaries between periods that are to be opened up to an instant, the last one that is open left out. */
export function plannedUntil(timeline: Timeline, untilMicros: number): readonly number[] {
  const instants: number[] = [];
  let planned = nextPlanned(timeline);
  while (planned !== null && planned.startMicros <= untilMicros) {
    instants.push(planned.startMicros);
    planned = plannedAfter(timeline, planned);
  }
  return instants;
}

/** Twenty years of months: who asks for later ones gets no answer, and costs no more. */
const MAX_FORESEEN = 240;

/** A period that has not been opened, as it would be by what is known: under the terms of today if the plan stays. */
export function foreseenPeriodAt(timeline: Timeline, atMicros: number): PeriodOpenedFact | null {
  const last = timeline.periods.at(-1) ?? null;
  let number = Math.max(0, ...timeline.opened.map(({ period }) => period));
  let planned =
    last === null && !timeline.course.some(({ atMicros: began }) => began <= atMicros)
      ? plannedAt(timeline, periodAt(DEFAULT_ANCHOR, atMicros).startMicros)
      : nextPlanned(timeline);
  for (let count = 0; planned !== null && count < MAX_FORESEEN; count++) {
    number += 1;
    if (atMicros < planned.startMicros) return null;
    if (atMicros < planned.endMicros) return foreseen(timeline, planned, number);
    planned = plannedAfter(timeline, planned);
  }
  return null;
}

function foreseen(timeline: Timeline, planned: PlannedPeriod, period: number): PeriodOpenedFact {
  const { startMicros, endMicros, plan, isTrial, anchor } = planned;
  const last = timeline.periods.at(-1) ?? null;
  const terms = last === null ? null : termsOf(timeline, last, Number.POSITIVE_INFINITY);
  return {
    kind: 'period_opened',
    id: `period:${period}:opened`,
    atMicros: startMicros,
    recordedMicros: startMicros,
    actor: null,
    reason: null,
    period,
    bounds: { startMicros, endMicros },
    isTrial,
    terms: plan !== null && terms?.plan === plan ? terms : null,
    anchor,
  };
}
