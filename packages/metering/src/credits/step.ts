import type { MicroCredits } from '../amount.ts';
import type { Course } from './course.ts';
import type { GrantedFact, HoldEndedFact, HoldFact, WithdrawnFact } from './fact.ts';
import type { Flow } from './flow.ts';
import type { PlanTerms } from './plan.ts';
import type { LotStanding } from './standing.ts';

/** What moves credits at the beginning of a step, besides time. */
export type StepFact = GrantedFact | WithdrawnFact | HoldFact | HoldEndedFact;

/**
 * A stretch of an account's time line that begins with a boundary (lots expire, periods open, facts take effect) and
 * goes on to the next one. Within it usage is only a sum: in which order it came makes no difference.
 */
export interface Step {
  readonly startMicros: number;
  /** In the order in which they take effect. */
  readonly facts: StepFact[];
  readonly usage: UsageOfStep[];
  /** Of the latest usage; the beginning where there is none. */
  lastUsageMicros: number;
  /** As folded: all below is what follows from the above and from the steps before. */
  period: number | null;
  terms: PlanTerms | null;
  validLots: readonly LotStanding[];
  boundaryFlows: Flow[];
  usageFlows: Flow[];
  /** How what lots have went up and down by usage, as booked. */
  readonly courses: Course[];
  /**
   * Whose usage took from what is available. Usage of one purse alone can go on where it stopped; where several share
   * the step, who came first would matter, so they are covered together, in order; and so would whether what is given
   * back was taken before.
   */
  drawing: UsageOfStep | 'none' | 'several' | 'given_back';
}

/** What is used in a step for one hold and one period, summed. */
export interface UsageOfStep {
  /** The hold it is captured from first. */
  readonly hold: string | null;
  /** The closed period it belongs to; null: the one it is in. */
  readonly belongsToPeriod: number | null;
  amount: MicroCredits;
}

export function aStep(startMicros: number): Step {
  return {
    startMicros,
    facts: [],
    usage: [],
    lastUsageMicros: startMicros,
    period: null,
    terms: null,
    validLots: [],
    boundaryFlows: [],
    usageFlows: [],
    courses: [],
    drawing: 'none',
  };
}

/** The place of the last step that begins at or before an instant; −1: all begin later. */
export function stepIndexAt(steps: readonly Step[], atMicros: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const step = steps[middle];
    if (step !== undefined && step.startMicros <= atMicros) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function hasUsage(step: Step): boolean {
  return step.usage.length > 0;
}

/** The sum of a purse, begun at nothing, in the order in which purses are covered. */
export function usageFor(step: Step, hold: string | null, belongsToPeriod: number | null): UsageOfStep {
  const [first] = step.usage;
  if (first !== undefined && first.hold === hold && first.belongsToPeriod === belongsToPeriod) return first;
  const known = step.usage.find((usage) => usage.hold === hold && usage.belongsToPeriod === belongsToPeriod);
  if (known !== undefined) return known;
  const added: UsageOfStep = { hold, belongsToPeriod, amount: 0n };
  const after = step.usage.findIndex((other) => compareUsage(added, other) < 0);
  step.usage.splice(after === -1 ? step.usage.length : after, 0, added);
  return added;
}

function compareUsage(one: UsageOfStep, other: UsageOfStep): number {
  return compareText(one.hold, other.hold) || (one.belongsToPeriod ?? 0) - (other.belongsToPeriod ?? 0);
}

function compareText(one: string | null, other: string | null): number {
  if (one === other) return 0;
  if (one === null) return -1;
  if (other === null) return 1;
  return one < other ? -1 : 1;
}

/** Facts of one instant: holds that end, grants, withdrawals, holds that begin; those of one kind as they were told. */
const FACT_ORDER: { readonly [Kind in StepFact['kind']]: number } = {
  hold_ended: 0,
  granted: 1,
  withdrawn: 2,
  hold: 3,
};

export function addFact(step: Step, fact: StepFact): void {
  const after = step.facts.findIndex((other) => compareFacts(fact, other) < 0);
  step.facts.splice(after === -1 ? step.facts.length : after, 0, fact);
}

function compareFacts(one: StepFact, other: StepFact): number {
  return (
    FACT_ORDER[one.kind] - FACT_ORDER[other.kind] ||
    one.recordedMicros - other.recordedMicros ||
    (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)
  );
}
