import type { PeriodOpenedFact, PlanFact, SubscribedFact } from './fact.ts';

/**
 * What holds of all that was told about the plans of a customer, in order of time. What is told later wins over
 * everything told before for the same time or a later one: an upgrade today undoes the downgrade that was to come at
 * the end of the period, and a change for that time undoes a cancellation.
 */
export function courseOf(facts: readonly PlanFact[]): readonly PlanFact[] {
  let course: readonly PlanFact[] = [];
  for (const fact of facts) {
    course = [...course.filter((earlier) => earlier.atMicros < fact.atMicros), fact];
  }
  return course;
}

/** The plan that a customer has at one instant, and what is to come of it. */
export interface Subscription {
  readonly plan: string;
  readonly began: SubscribedFact;
  /** The next change or cancellation that was decided and has not come; null: none. */
  readonly next: PlanFact | null;
}

/** Null: no plan holds at that instant. */
export function subscriptionAt(facts: readonly PlanFact[], atMicros: number): Subscription | null {
  const course = courseOf(facts);
  let began: SubscribedFact | null = null;
  let plan: string | null = null;
  for (const fact of course) {
    if (fact.atMicros > atMicros) break;
    switch (fact.kind) {
      case 'subscribed':
        began = fact;
        plan = fact.plan;
        break;
      case 'plan_changed':
        plan = fact.to;
        break;
      case 'canceled':
        plan = null;
        break;
    }
  }
  if (began === null || plan === null) return null;
  return { plan, began, next: course.find((fact) => fact.atMicros > atMicros) ?? null };
}

export function hadTrial(facts: readonly PlanFact[]): boolean {
  return facts.some((fact) => fact.kind === 'subscribed' && fact.trialEndsMicros !== null);
}

/** A period with the end that it really had: a subscription that began amid it has ended it. */
export function periodAsItWas(period: PeriodOpenedFact, facts: readonly PlanFact[]): PeriodOpenedFact {
  const { startMicros, endMicros } = period.bounds;
  const cut = courseOf(facts).find(
    ({ kind, atMicros }) => kind === 'subscribed' && startMicros < atMicros && atMicros < endMicros,
  );
  return cut === undefined ? period : { ...period, bounds: { startMicros, endMicros: cut.atMicros } };
}
