import type { SpanKey } from '../usage.ts';
import {
  type ActionCharge,
  type ActionLeaf,
  basisOf,
  type ChargingBasis,
  compareLeaves,
  inOrder,
  type LeafShare,
  nextShare,
  OUT_OF_RANGE,
  outOfRange,
  type RunningSums,
  sumsBefore,
  type Verdict,
} from './action.ts';
import type { ActionTerms } from './measure.ts';
import type { CreditRules } from './rule.ts';

/**
 * After so many calls each the sums are kept. A call in the middle is counted from the last of these marks on, and what
 * is kept stays small beside the calls themselves.
 */
const CALLS_PER_MARK = 64;

/**
 * An action that is charged again and again while its calls come in: an agent may run for days. Each time it gives the
 * shares that `rateAction` gives for all calls, but only from the first call on that is new or has changed: no share of
 * an earlier one can be another than before. So a call that comes last costs nearly nothing however many were before it
 * (they are looked through, not computed), and one in the middle what the calls after it cost.
 */
export class GrowingAction {
  /** In order, as of the last look. */
  readonly #leaves: ActionLeaf[] = [];
  /** What has changed since; null: it is gone. */
  readonly #changes = new Map<SpanKey, ActionLeaf | null>();
  /** Where the first of the changes is, or was; null: nothing has changed. */
  #firstChange: ActionLeaf | null = null;
  /** So many calls, from the first on, bear what they bore when the action was last charged. */
  #unchanged = 0;
  #basis: ChargingBasis | null = null;
  /** After `CALLS_PER_MARK` calls, twice as many, and so on. */
  readonly #marks: RunningSums[] = [];
  /** After all the calls that there were when the action was last charged. */
  #last: { readonly calls: number; readonly sums: RunningSums } | null = null;

  /** A call is new (`before` is null), tells something else, or is not of the action any more (`now` is null). */
  change(before: ActionLeaf | null, now: ActionLeaf | null): void {
    for (const leaf of [before, now]) {
      if (leaf === null) continue;
      if (this.#firstChange === null || compareLeaves(leaf, this.#firstChange) < 0) this.#firstChange = leaf;
    }
    if (before !== null) this.#changes.set(before.key, null);
    if (now !== null) this.#changes.set(now.key, now);
  }

  /** All calls, in the order in which they are counted. */
  get leaves(): readonly ActionLeaf[] {
    if (this.#firstChange === null) return this.#leaves;
    const from = positionOf(this.#firstChange, this.#leaves);
    this.#unchanged = Math.min(this.#unchanged, from);
    const kept = this.#leaves.splice(from).filter(({ key }) => !this.#changes.has(key));
    const changed = [...this.#changes.values()].filter((leaf) => leaf !== null);
    for (const leaf of inOrder([...kept, ...changed])) this.#leaves.push(leaf);
    this.#changes.clear();
    this.#firstChange = null;
    return this.#leaves;
  }

  /** The shares of the calls from the first on that may bear another one than when this was last asked. */
  rate(rules: CreditRules, plan: ActionTerms | null): ActionCharge<ActionLeaf> {
    const { leaves } = this;
    const basis = basisOf(leaves, rules, plan);
    if (this.#basis === null || !areTheSame(basis, this.#basis)) this.#unchanged = 0;
    const { calls, sums } = this.#sumsFor(basis);
    const shares: LeafShare<ActionLeaf>[] = [];
    for (const [index, leaf] of leaves.slice(calls).entries()) {
      const charge = nextShare(sums, leaf, basis);
      if (charge === OUT_OF_RANGE) {
        // A count that cannot be true is rare, and taken back at last: then all is counted from the beginning.
        this.#basis = null;
        this.#last = null;
        return outOfRange(leaves, basis);
      }
      const counted = calls + index + 1;
      if (counted > this.#unchanged) shares.push({ leaf, charge });
      if (counted % CALLS_PER_MARK === 0) this.#marks[counted / CALLS_PER_MARK - 1] = { ...sums };
    }
    this.#basis = basis;
    this.#unchanged = leaves.length;
    this.#last = { calls: leaves.length, sums };
    const { feature, rule } = basis;
    return { feature, rule, credits: sums.credits, shares };
  }

  /** After as many of the calls that have not changed as are known. */
  #sumsFor(basis: ChargingBasis): { readonly calls: number; readonly sums: RunningSums } {
    const marked = Math.floor(this.#unchanged / CALLS_PER_MARK);
    const mark = this.#marks[marked - 1];
    // What comes last is what is usual.
    if (this.#unchanged > 0 && this.#last?.calls === this.#unchanged) return this.#last;
    if (mark !== undefined) return { calls: marked * CALLS_PER_MARK, sums: { ...mark } };
    return { calls: 0, sums: sumsBefore(basis) };
  }
}

/** Whether every call bears under the one what it bears under the other. */
function areTheSame(one: ChargingBasis, other: ChargingBasis): boolean {
  return (
    one.rule === other.rule &&
    one.ruleVersion === other.ruleVersion &&
    one.waitingSuccesses === other.waitingSuccesses &&
    isSameVerdict(one.verdict, other.verdict)
  );
}

function isSameVerdict(one: Verdict, other: Verdict): boolean {
  if (one.kind === 'not_charged') return other.kind === 'not_charged' && one.reason === other.reason;
  return (
    other.kind === 'charged' &&
    one.terms === other.terms &&
    one.scale.numerator === other.scale.numerator &&
    one.scale.denominator === other.scale.denominator
  );
}

/** How many of the calls come before it. */
function positionOf(leaf: ActionLeaf, leaves: readonly ActionLeaf[]): number {
  let low = 0;
  let high = leaves.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = leaves[middle];
    if (other !== undefined && compareLeaves(other, leaf) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
