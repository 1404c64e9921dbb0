import { explain, TOKEN_CLASSES, type TokenClasses, type UsageRecord } from '@spanledger/metering';
import { actionOf, actionText, leafOf } from '../ledger/action.ts';
import type { Posting } from '../ledger/store.ts';
import { creditsText, exactText, usdText } from './amounts.ts';
import { instantText } from './moment.ts';
import { type SimulatedLedger, TENANT } from './simulated-ledger.ts';
import { type SimulatedSpan, spanIdOf, traceIdOf } from './spans.ts';

/** What scenarios call the spans and traces that the ledger knows by their ids. */
export class SpanNames {
  readonly #spans = new Map<string, string>();
  readonly #traces = new Map<string, string>();

  constructor(spans: readonly SimulatedSpan[]) {
    for (const { name, trace } of spans) {
      this.#spans.set(spanIdOf(name), name);
      this.#traces.set(traceIdOf(trace), trace);
    }
  }

  span(spanId: string): string {
    return this.#spans.get(spanId) ?? spanId;
  }

  trace(traceId: string): string {
    return this.#traces.get(traceId) ?? traceId;
  }
}

export interface TokensReport {
  readonly uncached_input: number;
  readonly cache_read: number;
  readonly cache_write: number;
  readonly output: number;
  readonly reasoning: number;
}

/** One call that bills, or one that was decided not to. */
export interface CallReport {
  readonly span: string;
  readonly at: string;
  readonly model: string | null;
  readonly tokens: TokensReport | null;
  readonly units: Readonly<Record<string, number>> | null;
  readonly status: string;
  readonly cost_usd: string | null;
  readonly price_status: string;
  readonly price_card: string | null;
  /** Its share of the credits of the action; null while that waits. */
  readonly credits: string | null;
  readonly credit_status: string;
}

/** An action as the ledger has it now; usage that burns nothing is an action of one call. */
export interface ActionReport {
  readonly action: string;
  readonly customer: string | null;
  readonly feature: string | null;
  readonly class: string;
  readonly calls: readonly CallReport[];
  /** Disjoint classes, summed over the calls; null where none has any. */
  readonly tokens: TokensReport | null;
  readonly cost_usd: string | null;
  readonly unpriced_calls: number;
  /** Exact, before multipliers, minimum, rounding and cap; null: it is not charged. */
  readonly raw_credits: string | null;
  /** What is booked; null while nothing is known. */
  readonly credits: string | null;
  readonly credit_status: string;
  readonly multiplied_by: Readonly<Record<'complexity' | 'feature_value' | 'plan', string>> | null;
  readonly rule: string | null;
  /** Only where it was charged by what the rule says of the smaller form of the feature. */
  readonly is_degraded?: true;
  readonly rules_version: string;
  readonly plan_version: string | null;
  readonly price_cards: readonly string[];
}

/** All actions of the ledger, by their names, in the order of their first calls. */
export function actionsOf(ledger: SimulatedLedger, names: SpanNames): ReadonlyMap<string, ActionReport> {
  const groups = new Map<string, Posting[]>();
  for (const posting of ledger.store.current) {
    if (posting.usage.billingRole !== 'billed') continue;
    const key = groupOf(posting);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [posting]);
    else group.push(posting);
  }
  const reports = new Map<string, ActionReport>();
  for (const [key, postings] of groups) {
    const sorted = [...postings].sort(inOrder);
    const [first] = sorted;
    if (first !== undefined) reports.set(key, actionReport(first, sorted, ledger, names));
  }
  return reports;
}

/** The keys of the actions of which postings tell something. */
export function groupOf({ tenant, usage }: Posting): string {
  const found = actionOf(usage, tenant);
  return found.kind === 'action' ? actionText(found.action) : `${usage.traceId}/${usage.spanId}`;
}

function inOrder({ usage: one }: Posting, { usage: other }: Posting): number {
  return (
    one.eventTimeMicros - other.eventTimeMicros ||
    (`${one.traceId}/${one.spanId}` < `${other.traceId}/${other.spanId}` ? -1 : 1)
  );
}

function actionReport(
  first: Posting,
  postings: readonly Posting[],
  ledger: SimulatedLedger,
  names: SpanNames,
): ActionReport {
  const { usage } = first;
  const costs = postings.flatMap(({ rating }) => rating.cost ?? []);
  const credits = postings.flatMap(({ rating }) => rating.credits ?? []);
  const explanation = explanationOf(first, postings, ledger);
  const calculation = explanation?.calculation ?? null;
  const statuses = new Set(postings.map(({ rating }) => rating.creditStatus));
  return {
    action: usage.actionId === usage.traceId ? names.trace(usage.traceId) : usage.actionId,
    customer: usage.customer,
    feature: explanation?.feature ?? usage.feature,
    class: usage.usageClass,
    calls: postings.map((posting) => callReport(posting, names)),
    tokens: sumOf(postings.flatMap(({ usage: { tokens } }) => tokens ?? [])),
    cost_usd: costs.length === 0 ? null : usdText(sum(costs)),
    unpriced_calls: postings.length - costs.length,
    raw_credits: calculation === null ? null : exactText(calculation.raw),
    credits: credits.length === 0 ? null : creditsText(sum(credits)),
    credit_status: statuses.size === 1 ? first.rating.creditStatus : [...statuses].join(', '),
    multiplied_by:
      calculation === null
        ? null
        : {
            complexity: exactText(calculation.complexity.factor),
            feature_value: exactText(calculation.featureValue),
            plan: exactText(calculation.planMultiplier),
          },
    rule: first.rating.creditRule,
    ...(explanation?.isDegraded === true ? { is_degraded: true } : {}),
    rules_version: first.rating.rulesVersion,
    plan_version: first.rating.planTerms,
    price_cards: [...new Set(postings.flatMap(({ rating }) => rating.priceCard ?? []))],
  };
}

/** By the rules that the action was charged by; null: it is none, or nobody has these rules any more. */
function explanationOf(first: Posting, postings: readonly Posting[], ledger: SimulatedLedger) {
  const { usage, rating } = first;
  const rules = ledger.rulesOf(rating.rulesVersion);
  if (actionOf(usage, TENANT).kind === 'none' || rules === null || usage.customer === null) return null;
  const terms = ledger.openAccount(usage.customer).termsAt(usage.eventTimeMicros);
  return explain(
    postings.map((posting) => leafOf(posting.usage, posting.rating.cost)),
    rules,
    terms,
  );
}

function callReport({ usage, rating }: Posting, names: SpanNames): CallReport {
  return {
    span: names.span(usage.spanId),
    at: instantText(usage.eventTimeMicros),
    model: usage.responseModel ?? usage.requestModel,
    tokens: usage.tokens === null ? null : tokensReport(usage.tokens),
    units: unitsReport(usage.units),
    status: usage.status,
    cost_usd: rating.cost === null ? null : usdText(rating.cost),
    price_status: rating.priceStatus,
    price_card: rating.priceCard,
    credits: rating.credits === null ? null : creditsText(rating.credits),
    credit_status: rating.creditStatus,
  };
}

function unitsReport(units: UsageRecord['units']): CallReport['units'] {
  if (units === null) return null;
  const counted = Object.entries(units).filter((entry): entry is [string, number] => entry[1] !== null);
  return Object.fromEntries(counted);
}

const NO_TOKENS: TokenClasses = {
  uncachedInput: 0,
  cacheRead: 0,
  cacheWrite: 0,
  visibleOutput: 0,
  reasoning: 0,
};

function sumOf(counts: readonly TokenClasses[]): TokensReport | null {
  if (counts.length === 0) return null;
  const total = { ...NO_TOKENS };
  for (const each of counts) for (const name of TOKEN_CLASSES) total[name] += each[name];
  return tokensReport(total);
}

function tokensReport(tokens: TokenClasses): TokensReport {
  return {
    uncached_input: tokens.uncachedInput,
    cache_read: tokens.cacheRead,
    cache_write: tokens.cacheWrite,
    output: tokens.visibleOutput,
    reasoning: tokens.reasoning,
  };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
