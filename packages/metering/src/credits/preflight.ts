import { CREDIT_SCALE, formatDecimal, type MicroCredits } from '../amount.ts';
import type { CustomerAccount } from './account.ts';
import type { PlanTerms } from './plan.ts';

/** What somebody wants to do, in credits as far as they can be known beforehand. Never negative. */
export interface PreflightRequest {
  readonly estimate: MicroCredits;
  /** By the degraded rule of the feature; null: it has none. */
  readonly degradedEstimate: MicroCredits | null;
}

export type PreflightReason =
  /** The credits that are available are enough. */
  | 'COVERED'
  /** What they do not cover is sold, within the limit. */
  | 'OVERAGE'
  /** What they do not cover is lent. */
  | 'OVERDRAFT'
  /** Nothing is refused to a customer without a plan. */
  | 'NO_PLAN'
  /** Only the degraded form fits. */
  | 'DEGRADED'
  | 'INSUFFICIENT_CREDITS'
  | 'OVERAGE_LIMIT';

export interface Preflight {
  readonly answer: 'allow' | 'degrade' | 'deny';
  readonly reason: PreflightReason;
  /** The reason in a sentence, with the numbers that decided. */
  readonly message: string;
  /** Of what is allowed: that of the degraded rule under `degrade`. Of what was asked for when denied. */
  readonly estimate: MicroCredits;
  /** The part of it that the available credits do not cover, when holds have taken what they were promised. */
  readonly uncovered: MicroCredits;
  readonly available: MicroCredits;
  readonly held: MicroCredits;
  /** What open holds may still take beyond what they hold: what is available covers that first. */
  readonly promised: MicroCredits;
  /** Available and held. */
  readonly remaining: MicroCredits;
}

/** What an account has at an instant, as far as it decides what may begin. */
export interface Funds {
  readonly available: MicroCredits;
  readonly held: MicroCredits;
  /** What open holds may still take beyond what they hold. */
  readonly promised: MicroCredits;
  /** That belongs to the period of then, so far. */
  readonly overage: MicroCredits;
  /** Null: no plan. */
  readonly terms: PlanTerms | null;
}

/** The account has been advanced to then. */
export function fundsAt(account: Pick<CustomerAccount, 'balance' | 'termsAt'>, atMicros: number): Funds {
  const { available, held, promised, periodUsage, lateOverage } = account.balance(atMicros);
  // What belongs to a closed period neither fills the limit of this one nor makes room in it.
  const overage = lateOverage.reduce((rest, late) => rest - late.overage, periodUsage.overage);
  return { available, held, promised, overage, terms: account.termsAt(atMicros) };
}

/** Whether something may begin (convention C13). It only reads: usage that happens all the same is always recorded. */
export function preflight(request: PreflightRequest, funds: Funds): Preflight {
  const { estimate, degradedEstimate } = request;
  const free = positive(freeOf(funds));
  const answer = (verdict: Verdict, of: MicroCredits = estimate): Preflight => ({
    ...verdict,
    estimate: of,
    uncovered: positive(of - free),
    available: funds.available,
    held: funds.held,
    promised: funds.promised,
    remaining: funds.available + funds.held,
  });

  if (estimate <= free) {
    return answer({
      answer: 'allow',
      reason: 'COVERED',
      message: `${availability(funds)} and cover the estimate of ${credits(estimate)}.`,
    });
  }
  const policy = funds.terms?.overage.policy ?? null;
  switch (policy) {
    case null:
      return answer({
        answer: 'allow',
        reason: 'NO_PLAN',
        message:
          'The customer has no plan, and nothing is refused; what no credits cover is counted as overdraft.',
      });
    case 'allow':
      return answer({
        answer: 'allow',
        reason: 'OVERDRAFT',
        message: `${credits(estimate - free)} beyond what is available are lent.`,
      });
    case 'charge':
      return answer(withinLimit(estimate, funds));
    case 'degrade':
      if (degradedEstimate !== null && degradedEstimate <= free) {
        return answer(
          {
            answer: 'degrade',
            reason: 'DEGRADED',
            message: `${availability(funds)}, not the estimate of ${credits(estimate)}; the degraded form takes ${credits(degradedEstimate)}.`,
          },
          degradedEstimate,
        );
      }
      return answer(insufficient(estimate, funds));
    case 'block':
      return answer(insufficient(estimate, funds));
  }
}

type Verdict = Pick<Preflight, 'answer' | 'reason' | 'message'>;

function withinLimit(estimate: MicroCredits, funds: Funds): Verdict {
  const limit = funds.terms?.overage.limit ?? null;
  const free = freeOf(funds);
  // With what open holds were promised already, so that many at once cannot pass the limit together.
  const overage = funds.overage + estimate - free;
  if (limit !== null && overage > limit) {
    return {
      answer: 'deny',
      reason: 'OVERAGE_LIMIT',
      message: `It would bring the overage of this period to ${credits(overage)}, and its limit is ${credits(limit)}. Top up, change the plan, or wait for the next period.`,
    };
  }
  return {
    answer: 'allow',
    reason: 'OVERAGE',
    message: `${credits(estimate - positive(free))} beyond what is available are charged as overage.`,
  };
}

function insufficient(estimate: MicroCredits, funds: Funds): Verdict {
  return {
    answer: 'deny',
    reason: 'INSUFFICIENT_CREDITS',
    message: `${availability(funds)}, not the ${credits(estimate)} that are needed. Top up, change the plan, or wait for the next period.`,
  };
}

/** What nobody was promised. Below zero where holds were promised more than there is. */
function freeOf({ available, promised }: Funds): MicroCredits {
  return available - promised;
}

function availability({ available, promised }: Funds): string {
  const but = promised === 0n ? '' : ` but for ${credits(promised)} that open holds were promised`;
  return `${credits(available)} are available${but}`;
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}

function credits(amount: MicroCredits): string {
  return `${formatDecimal(amount, CREDIT_SCALE)} credits`;
}
