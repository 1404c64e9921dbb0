import type { MicroCredits, UsdFemto } from '../amount.ts';
import type { Catalogue } from '../catalogue.ts';
import { expectedCost } from '../expected-cost.ts';
import type { TokenClasses } from '../usage.ts';
import { type ExpectedUse, estimateCredits } from './estimate.ts';
import type { PlanTerms } from './plan.ts';
import type { DatedRule } from './rule.ts';
import type { RuleTerms } from './terms.ts';

/** What somebody who asks whether an action may begin says of it. */
export interface AskedAction {
  readonly customer: string;
  readonly atMicros: number;
  /** What it will take, where that is known; null: it is estimated. */
  readonly credits: MicroCredits | null;
  /** How many calls, all alike. */
  readonly calls: number;
  /** Of each call. */
  readonly tokens: TokenClasses | null;
  /** Of all calls together, by the model that is asked for; null: it follows from the tokens. */
  readonly cost: UsdFemto | null;
  readonly model: string | null;
  /** By any of its names; null: the one whose model it is. */
  readonly provider: string | null;
}

/** What actions like it have burned lately. */
export interface RecentUse {
  readonly median: MicroCredits;
  /** Nine of ten actions burned no more. */
  readonly high: MicroCredits;
}

/** The smaller form of an action: what it takes, and by which model; null: by the same. */
export interface DegradedEstimate {
  readonly model: string | null;
  readonly credits: MicroCredits;
}

export interface KnownEstimate {
  readonly kind: 'known';
  readonly credits: MicroCredits;
  /** What it is from: what was said, the rule alone, the use that is expected, or that no rule charges for it. */
  readonly by: 'credits' | 'rule' | 'expected_use' | 'recent_actions' | 'least' | 'not_charged';
  /** The median of recent actions, where it is from them. */
  readonly usual: MicroCredits | null;
  /** Null: there is no smaller form, or nobody can say what it takes. */
  readonly degraded: DegradedEstimate | null;
}

export type PreflightEstimate =
  | KnownEstimate
  /** Tokens are expected, the rule counts what they cost, and their model has no price. */
  | { readonly kind: 'unpriced' }
  /** Nothing was said of what the rule counts: what is left to go by is how much actions burn, which `byRecentUse` asks for. */
  | Unsaid;

export interface Unsaid {
  readonly kind: 'unsaid';
  readonly missing: 'no_cost' | 'no_tokens';
  /** What every action that the rule charges takes at least. */
  readonly least: MicroCredits;
  readonly degraded: DegradedEstimate | null;
}

/** What decides an estimate beside what is asked: the rule, the plan and the prices of then. */
export interface EstimateTerms {
  /** Null: no rule charges for the feature. */
  readonly rule: DatedRule | null;
  /** Null: no plan. */
  readonly plan: PlanTerms | null;
  /** Asked only where tokens are expected: for the model, and for that of the smaller form. */
  readonly catalogue: Catalogue;
  readonly tenant: string;
}

/** How many credits an action will take, before it begins (convention C13), and its smaller form if it has one. */
export function preflightEstimate(asked: AskedAction, terms: EstimateTerms): PreflightEstimate {
  const { rule, plan } = terms;
  const degraded = rule === null ? null : degradedEstimate(rule, asked, terms);
  const known = (credits: MicroCredits, by: KnownEstimate['by']): KnownEstimate => ({
    kind: 'known',
    credits,
    by,
    usual: null,
    degraded,
  });
  if (asked.credits !== null) return known(asked.credits, 'credits');
  if (rule === null) return NOT_CHARGED;
  const estimate = estimateCredits(rule, expectedUse(asked, asked.model, terms), plan);
  if (estimate.kind === 'credits') {
    const isSaid = asked.tokens !== null || asked.cost !== null;
    return known(estimate.credits, rule.charging.kind !== 'fixed' && isSaid ? 'expected_use' : 'rule');
  }
  // By the rule, cost cannot become credits: nothing of it is charged.
  if (estimate.reason === 'no_credit_value') return NOT_CHARGED;
  if (asked.tokens !== null) return { kind: 'unpriced' };
  return { kind: 'unsaid', missing: estimate.reason, least: leastOf(rule), degraded };
}

/** The estimate for who has said nothing: as much as nine of ten recent actions took, or the least that one takes. */
export function byRecentUse({ least, degraded }: Unsaid, recent: RecentUse | null): KnownEstimate {
  return recent === null
    ? { kind: 'known', credits: least, by: 'least', usual: null, degraded }
    : { kind: 'known', credits: recent.high, by: 'recent_actions', usual: recent.median, degraded };
}

const NOT_CHARGED: KnownEstimate = {
  kind: 'known',
  credits: 0n,
  by: 'not_charged',
  usual: null,
  degraded: null,
};

function degradedEstimate(
  { degraded }: DatedRule,
  asked: AskedAction,
  terms: EstimateTerms,
): DegradedEstimate | null {
  if (degraded === null) return null;
  const use = expectedUse(asked, degraded.model ?? asked.model, terms);
  const estimate = estimateCredits(degraded.terms, use, terms.plan);
  return estimate.kind === 'credits' ? { model: degraded.model, credits: estimate.credits } : null;
}

function expectedUse(
  asked: AskedAction,
  model: string | null,
  { catalogue, tenant }: EstimateTerms,
): ExpectedUse {
  const { calls, tokens, provider, customer, atMicros } = asked;
  // What was said of the cost holds for the model that is asked for; what another one costs follows from the tokens.
  const saidCost = model === asked.model ? asked.cost : null;
  if (tokens === null) return { calls, cost: saidCost ?? undefined };
  // Each call is priced by itself, because a tier is that of one request, not of their sum.
  const costOfCall =
    saidCost !== null || model === null
      ? null
      : expectedCost({ tokens, model, provider, customer, atMicros }, catalogue, tenant);
  const cost = saidCost ?? (costOfCall === null ? undefined : costOfCall * BigInt(calls));
  return { calls, cost, tokens: times(tokens, calls) };
}

function times(tokens: TokenClasses, calls: number): TokenClasses {
  return {
    uncachedInput: tokens.uncachedInput * calls,
    cacheRead: tokens.cacheRead * calls,
    cacheWrite: tokens.cacheWrite * calls,
    visibleOutput: tokens.visibleOutput * calls,
    reasoning: tokens.reasoning * calls,
  };
}

function leastOf({ minimum, increment, cap }: RuleTerms): MicroCredits {
  const least = minimum > increment ? minimum : increment;
  return cap !== null && least > cap ? cap : least;
}
