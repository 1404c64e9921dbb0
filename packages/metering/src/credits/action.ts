import { MAX_CREDITS, type MicroCredits, type Ratio } from '../amount.ts';
import type { CallStatus, SpanKey } from '../usage.ts';
import {
  type ActionTerms,
  creditsFor,
  incrementsPerQuantity,
  isMeasured,
  type MeasuredUsage,
  quantityOf,
} from './measure.ts';
import type { Charge, NotChargedReason } from './rate.ts';
import type { CreditRules, DatedRule } from './rule.ts';
import type { RuleTerms } from './terms.ts';

/** A billed call, as the credits of its action depend on it. */
export interface ActionLeaf extends MeasuredUsage {
  readonly key: SpanKey;
  /** End of the call, microseconds since the Unix epoch. */
  readonly eventTimeMicros: number;
  readonly feature: string | null;
  readonly status: CallStatus;
  /** The status of the outermost gen-ai span around the call in its action; its own where there is none. */
  readonly outcome: CallStatus;
  /** It says that its action took the smaller form of the feature (convention C13). */
  readonly isDegraded: boolean;
}

/** The part of an action's credits that one of its calls bears. */
export interface LeafShare<Leaf> {
  readonly leaf: Leaf;
  /** Of either sign: a further call can make the calls before it cheaper. All shares add up to the action's credits. */
  readonly charge: Charge;
}

/** What an action burns. */
export interface ActionCharge<Leaf> {
  /** That of its first call that has one. */
  readonly feature: string | null;
  /** Null: there is none. */
  readonly rule: DatedRule | null;
  /** Null while nothing of it is known. */
  readonly credits: MicroCredits | null;
  /** Of each call, in the order of event time. */
  readonly shares: readonly LeafShare<Leaf>[];
}

/**
 * The credits of an action: raw credits of all its calls, × complexity × feature value × plan multiplier, at least the
 * minimum, rounded up once to the increment, at most the cap (convention C4). Each call bears what the action costs
 * with it more than without it, in the order of event time, then trace id, then span id; so the shares add up exactly,
 * and a call that comes last changes nobody else's.
 *
 * The rule is the one that holds at the end of the first call (C9). Calls that failed bring their cost into an action
 * that succeeded, so that it covers all of it (I12); an action without any success burns nothing, unless its rule says
 * otherwise (C8). One call that says so makes it the smaller form of the feature, charged by what the rule says of that,
 * if anything (C13). A call of which the rule's measure is not known yet waits (C20), and the others do not wait for it.
 */
export function rateAction<Leaf extends ActionLeaf>(
  leaves: readonly Leaf[],
  rules: CreditRules,
  plan: ActionTerms | null,
): ActionCharge<Leaf> {
  return rateInOrder(inOrder(leaves), rules, plan);
}

/** Leaves in the order in which they are counted. */
export function inOrder<Leaf extends ActionLeaf>(leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.length < 2 ? leaves : leaves.toSorted(compareLeaves);
}

/** By event time, then trace id, then span id: no two calls are equal. */
export function compareLeaves(one: ActionLeaf, other: ActionLeaf): number {
  if (one.eventTimeMicros !== other.eventTimeMicros) return one.eventTimeMicros - other.eventTimeMicros;
  return one.key < other.key ? -1 : one.key > other.key ? 1 : 0;
}

function rateInOrder<Leaf extends ActionLeaf>(
  leaves: readonly Leaf[],
  rules: CreditRules,
  plan: ActionTerms | null,
): ActionCharge<Leaf> {
  const basis = basisOf(leaves, rules, plan);
  const sums = sumsBefore(basis);
  const shares: LeafShare<Leaf>[] = [];
  for (const leaf of leaves) {
    const charge = nextShare(sums, leaf, basis);
    if (charge === OUT_OF_RANGE) return outOfRange(leaves, basis);
    shares.push({ leaf, charge });
  }
  const { feature, rule } = basis;
  return { feature, rule, credits: sums.credits, shares };
}

/** The action is not charged then, whatever its other calls are. */
export const OUT_OF_RANGE: Charge = { kind: 'not_charged', reason: 'out_of_range' };

export function outOfRange<Leaf>(
  leaves: readonly Leaf[],
  { feature, rule }: ChargingBasis,
): ActionCharge<Leaf> {
  return { feature, rule, credits: 0n, shares: leaves.map((leaf) => ({ leaf, charge: OUT_OF_RANGE })) };
}

/** What the share of every call depends on, and only all calls together tell. */
export interface ChargingBasis {
  readonly feature: string | null;
  readonly rule: DatedRule | null;
  readonly ruleVersion: string;
  readonly verdict: Verdict;
  /** See `waitingSuccesses`. */
  readonly waitingSuccesses: number;
}

/** @param leaves in order */
export function basisOf(
  leaves: readonly ActionLeaf[],
  rules: CreditRules,
  plan: ActionTerms | null,
): ChargingBasis {
  const feature = leaves.find((leaf) => leaf.feature !== null)?.feature ?? null;
  const rule = rules.ruleAt(feature, leaves[0]?.eventTimeMicros ?? 0);
  const verdict = verdictOn(leaves, rule, plan);
  return {
    feature,
    rule,
    ruleVersion: rules.version,
    verdict,
    waitingSuccesses: verdict.kind === 'charged' ? waitingSuccesses(leaves, verdict.terms) : 0,
  };
}

/** What the calls of an action come to, up to one of them. */
export interface RunningSums {
  quantity: bigint;
  successes: number;
  /** Null while nothing is known. */
  credits: MicroCredits | null;
}

export function sumsBefore({ verdict, waitingSuccesses }: ChargingBasis): RunningSums {
  return { quantity: 0n, successes: waitingSuccesses, credits: verdict.kind === 'charged' ? null : 0n };
}

/** What the next call of an action bears; the sums go on to it. `OUT_OF_RANGE`: the sums are of no use any more. */
export function nextShare(
  sums: RunningSums,
  leaf: ActionLeaf,
  { verdict, ruleVersion }: ChargingBasis,
): Charge {
  if (verdict.kind === 'not_charged') return verdict;
  const { terms, scale } = verdict;
  const measured = quantityOf(terms, leaf);
  if (measured === null) return PENDING;
  // Fixed credits are for the action, not for each of its calls.
  sums.quantity = terms.charging.kind === 'fixed' ? measured : sums.quantity + measured;
  if (leaf.status === 'ok') sums.successes++;
  const before: MicroCredits = sums.credits ?? 0n;
  const credits = creditsFor(terms, scale, sums.quantity, sums.successes);
  if (credits > MAX_CREDITS) return OUT_OF_RANGE;
  sums.credits = credits;
  return { kind: 'charged', credits: credits - before, ruleVersion };
}

const PENDING: Charge = { kind: 'pending', reason: 'unpriced' };

/** By which terms an action is charged, or why it is not. */
export type Verdict =
  | { readonly kind: 'charged'; readonly terms: RuleTerms; readonly scale: Ratio }
  | { readonly kind: 'not_charged'; readonly reason: NotChargedReason };

export function verdictOn(
  leaves: readonly Pick<ActionLeaf, 'outcome' | 'isDegraded'>[],
  rule: DatedRule | null,
  plan: ActionTerms | null,
): Verdict {
  const terms = rule === null ? null : termsFor(leaves, rule);
  const isFailed = leaves.every(({ outcome }) => outcome === 'error');
  if (isFailed && terms?.chargesFailed !== true) return { kind: 'not_charged', reason: 'failed' };
  if (terms === null) return { kind: 'not_charged', reason: 'no_rule' };
  const scale = incrementsPerQuantity(terms, plan);
  return scale === null
    ? { kind: 'not_charged', reason: 'no_credit_value' }
    : { kind: 'charged', terms, scale };
}

/** A rule that offers no smaller form charges every action alike, whatever its calls say. */
function termsFor(leaves: readonly Pick<ActionLeaf, 'isDegraded'>[], rule: DatedRule): RuleTerms {
  const { degraded } = rule;
  return degraded !== null && leaves.some(({ isDegraded }) => isDegraded) ? degraded.terms : rule;
}

/**
 * Calls that wait for a price already count for the complexity of their action: that they succeeded is known. They
 * count from its beginning on, because a call that waits cannot bear a share.
 */
function waitingSuccesses(leaves: readonly ActionLeaf[], terms: RuleTerms): number {
  if (terms.complexity.length === 0) return 0;
  return successfulCalls(leaves.filter((leaf) => !isMeasured(terms, leaf)));
}

/** What complexity counts (convention C4). */
export function successfulCalls(leaves: readonly Pick<ActionLeaf, 'status'>[]): number {
  return leaves.filter(({ status }) => status === 'ok').length;
}
