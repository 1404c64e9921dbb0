import type {
  Applied,
  Balance,
  CustomerAccount,
  EndedPeriod,
  HoldState,
  Movement,
  Outcome,
  UsageChange,
  UsageSum,
} from './account.ts';
import {
  type AccountState,
  boundariesOf,
  canBegin,
  closedUntilMicros,
  effectOf,
  fold,
  forget,
  isStepFact,
  latestOf,
  learn,
  lookAhead,
  mergeSteps,
  restore,
  stepAt,
  stepFor,
  timelineWith,
} from './account-state.ts';
import { liveThrough } from './advance.ts';
import { balanceAt } from './balance.ts';
import type { AccountFact, PeriodOpenedFact, PlanFact } from './fact.ts';
import { flowsBetween } from './flow.ts';
import { goBack, goForward, goOn, movementOf } from './fold.ts';
import type { Plans, PlanTerms } from './plan.ts';
import { addFact, type Step, stepIndexAt, usageFor } from './step.ts';
import { anyPeriodAt, periodOf, termsAt } from './timeline.ts';

/**
 * An account from all that is known of it. `asOfMicros`: up to where its movements were booked (the latest
 * `stepMicros` of them), because lots expire by time alone; by default the latest fact or usage.
 *
 * The life of an account, which its owner tells it in the order in which he comes to know:
 *
 * 1. `advance`, before anything else at any instant: periods open and close, lots expire, holds expire.
 * 2. `apply` a fact, or `use` credits: when it belongs into an earlier step, the account is folded again from there.
 * 3. Book the movements that each of these returns: the differences to what was booked.
 */
export function openAccount(
  customer: string,
  facts: readonly AccountFact[],
  usage: readonly UsageSum[],
  asOfMicros: number = latestOf(facts, usage),
): CustomerAccount {
  const state = restore(facts, usage, asOfMicros);
  forget(state);
  return new Account(customer, state);
}

class Account implements CustomerAccount {
  readonly customer: string;
  #state: AccountState;

  constructor(customer: string, state: AccountState) {
    this.customer = customer;
    this.#state = state;
  }

  advance(nowMicros: number, plans: Plans, firstMicros: number | null = null): Outcome {
    return liveThrough(this.#state, nowMicros, plans, firstMicros);
  }

  use(change: UsageChange): readonly Movement[] {
    const state = this.#state;
    const { atMicros, belongsToPeriod } = this.#bookingOf(change);
    const step = stepFor(state, atMicros);
    const effectiveMicros = Math.max(atMicros, step.startMicros);
    const hold = change.actionId === null ? null : state.holds.forAction(change.actionId, effectiveMicros);
    const purse = usageFor(step, hold, belongsToPeriod);
    if (step === state.steps.at(-1)) {
      const movements = goOn(state.standing, state.timeline, step, purse, change.amount, effectiveMicros);
      if (movements !== null) return movements;
    }
    purse.amount += change.amount;
    step.lastUsageMicros = Math.max(step.lastUsageMicros, effectiveMicros);
    const index = stepIndexAt(state.steps, step.startMicros);
    const usage = { purse, amount: change.amount, effectiveMicros };
    return fold(state, index, { step, usage });
  }

  /**
   * Its own instant; or, of a closed period, now (convention C16). Never ahead of what the account has lived through:
   * clocks differ, and what the next boundary brings is not known before.
   */
  #bookingOf(change: UsageChange): { readonly atMicros: number; readonly belongsToPeriod: number | null } {
    const { timeline, agenda, nowMicros } = this.#state;
    const latestMicros = Math.max(nowMicros, agenda.nextMicros - 1);
    const isLate = change.eventMicros < closedUntilMicros(timeline);
    const wantedMicros = isLate ? change.recordedMicros : Math.min(change.eventMicros, change.recordedMicros);
    const atMicros = Math.min(wantedMicros, latestMicros);
    if (atMicros > nowMicros) this.#state.nowMicros = atMicros;
    // What happened before the first period was booked in that.
    const period = periodOf(timeline, change.eventMicros)?.number ?? timeline.periods[0]?.number ?? null;
    return { atMicros, belongsToPeriod: isLate ? period : null };
  }

  apply(fact: AccountFact): Applied {
    const state = this.#state;
    const nowMicros = Math.max(state.nowMicros, Math.min(fact.recordedMicros, state.agenda.nextMicros - 1));
    const boundaries = boundariesOf(timelineWith(state.timeline, fact), fact, nowMicros);
    const past = boundaries.filter((boundary) => boundary <= nowMicros);
    if (!past.every((boundary) => canBegin(state, boundary))) return { needsUsage: true };

    state.nowMicros = nowMicros;
    learn(state, fact);
    for (const boundary of boundaries) if (boundary > nowMicros) state.agenda.add(boundary, true);
    if (isPlanned(fact)) lookAhead(state);
    if (isStepFact(fact) && effectOf(fact) > nowMicros) state.scheduled.push(fact);
    if (past.length === 0) return { needsUsage: false, movements: [] };

    for (const boundary of past) stepAt(state, boundary);
    const step = stepAt(state, isStepFact(fact) ? effectOf(fact) : Math.min(...past));
    if (isStepFact(fact) && effectOf(fact) <= nowMicros) addFact(step, fact);
    const index = stepIndexAt(state.steps, Math.min(...past));
    const movements = fold(state, index, { step, usage: null });
    forget(state);
    return { needsUsage: false, movements };
  }

  rebuild(facts: readonly AccountFact[], usage: readonly UsageSum[]): readonly Movement[] {
    const before = this.#state;
    const state = restore(facts, usage, Math.max(before.nowMicros, latestOf(facts, usage)));
    const movements: Movement[] = [];
    const keptMicros = before.steps[0]?.startMicros;
    if (before.isMerged && keptMicros !== undefined) {
      mergeSteps(state, Math.max(0, stepIndexAt(state.steps, keptMicros - 1) + 1));
      for (const flow of flowsBetween(before.merged, state.merged)) {
        movements.push(movementOf(keptMicros, flow, keptMicros, true));
      }
    }
    goBack(state.standing, state.steps, 0);
    for (const step of state.steps) {
      step.boundaryFlows = [];
      step.usageFlows = [];
      step.courses.length = 0;
    }
    const divided = new Map<Step, number>();
    for (const old of before.steps) {
      const step = state.steps[stepIndexAt(state.steps, old.startMicros)];
      if (step?.startMicros === old.startMicros) {
        if (old.lastUsageMicros > step.lastUsageMicros) {
          divided.set(step, step.lastUsageMicros);
          // What it loses was used later than all that is left: it is taken back when the last of it has been used, so
          // that no lot is given back at an earlier time what was drawn from it since.
          step.lastUsageMicros = old.lastUsageMicros;
        }
        step.boundaryFlows = old.boundaryFlows;
        step.usageFlows = old.usageFlows;
        step.courses.push(...old.courses);
      } else {
        for (const flow of flowsBetween([...old.boundaryFlows, ...old.usageFlows], [])) {
          movements.push(movementOf(old.startMicros, flow, old.lastUsageMicros, true));
        }
      }
    }
    movements.push(...goForward(state.standing, state.timeline, state.steps, 0, null));
    for (const [step, lastMicros] of divided) step.lastUsageMicros = lastMicros;
    forget(state);
    this.#state = state;
    return movements;
  }

  balance(atMicros: number): Balance {
    const { timeline } = this.#state;
    const closedUntil = closedUntilMicros(timeline);
    if (atMicros < closedUntil) {
      throw new RangeError(
        `at ${atMicros} is forgotten what is closed until ${closedUntil}: ask its history`,
      );
    }
    return balanceAt(this.#state, atMicros, anyPeriodAt(timeline, atMicros));
  }

  termsAt(atMicros: number): PlanTerms | null {
    return termsAt(this.#state.timeline, atMicros);
  }

  periodAt(atMicros: number): PeriodOpenedFact | null {
    return anyPeriodAt(this.#state.timeline, atMicros);
  }

  period(number: number): PeriodOpenedFact | null {
    return this.#state.timeline.periods.findLast((period) => period.number === number)?.fact ?? null;
  }

  endedPeriods(atMicros: number): readonly EndedPeriod[] {
    const { timeline } = this.#state;
    const closedUntil = closedUntilMicros(timeline);
    return timeline.periods.filter(
      ({ startMicros, endMicros }) => startMicros >= closedUntil && endMicros <= atMicros,
    );
  }

  hold(hold: string): HoldState | null {
    return this.#state.holds.get(hold);
  }

  mayHaveForgotten(hold: string): boolean {
    return this.#state.holds.mayHaveForgotten(hold);
  }

  recall(hold: string, facts: readonly AccountFact[]): void {
    this.#state.holds.recall(hold, facts);
  }

  get planFacts(): readonly PlanFact[] {
    return this.#state.timeline.planFacts;
  }

  get nextDueMicros(): number {
    return this.#state.agenda.nextMicros;
  }

  get closedUntilMicros(): number | null {
    const closedUntil = closedUntilMicros(this.#state.timeline);
    return closedUntil === Number.NEGATIVE_INFINITY ? null : closedUntil;
  }
}

function isPlanned(fact: AccountFact): boolean {
  return (
    fact.kind === 'subscribed' ||
    fact.kind === 'plan_changed' ||
    fact.kind === 'canceled' ||
    fact.kind === 'period_opened' ||
    fact.kind === 'period_closed'
  );
}
