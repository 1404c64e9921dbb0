import {
  type DatedRule,
  type ExpectedUse,
  estimateCredits,
  expectedCost,
  fundsAt,
  type PlanTerms,
  preflight,
} from '@spanledger/metering';
import { creditsText } from './amounts.ts';
import type { CheckDeed } from './scenario.ts';
import { type SimulatedLedger, TENANT } from './simulated-ledger.ts';

/** What a check answers. */
export interface CheckReport {
  readonly answer: 'allow' | 'degrade' | 'deny' | null;
  readonly reason: string;
  readonly message: string;
  readonly estimate: string | null;
  readonly uncovered: string | null;
  readonly available: string;
  readonly held: string;
  /** The model that is offered instead. */
  readonly degraded_model: string | null;
}

/** The pre-flight check before an action, by the rule and the plan of this moment. */
export function checkOf(deed: CheckDeed, ledger: SimulatedLedger): CheckReport {
  const { nowMicros } = ledger;
  const account = ledger.openAccount(deed.customer);
  const { available, held } = account.balance(nowMicros);
  const terms = account.termsAt(nowMicros);
  const rule = ledger.rules.ruleAt(deed.feature, nowMicros);
  const estimate = estimateOf(deed, rule, terms, ledger);
  const balance = { available: creditsText(available), held: creditsText(held) };
  if (estimate.kind === 'unknown') {
    const message = `Nothing is known of the credits (${estimate.reason}): say credits, or what the rule counts.`;
    return {
      answer: null,
      reason: 'NO_ESTIMATE',
      message,
      estimate: null,
      uncovered: null,
      ...balance,
      degraded_model: null,
    };
  }
  const degraded = rule?.degraded ?? null;
  const degradedEstimate =
    degraded === null ? null : estimateCredits(degraded.terms, expectedOf(deed, ledger), terms);
  const answer = preflight(
    {
      estimate: estimate.credits,
      degradedEstimate: degradedEstimate?.kind === 'credits' ? degradedEstimate.credits : null,
    },
    fundsAt(account, nowMicros),
  );
  return {
    answer: answer.answer,
    reason: answer.reason,
    message: answer.message,
    estimate: creditsText(answer.estimate),
    uncovered: creditsText(answer.uncovered),
    ...balance,
    degraded_model: answer.answer === 'degrade' ? (degraded?.model ?? null) : null,
  };
}

function estimateOf(
  deed: CheckDeed,
  rule: DatedRule | null,
  terms: PlanTerms | null,
  ledger: SimulatedLedger,
) {
  if (deed.credits !== null) return { kind: 'credits', credits: deed.credits } as const;
  // What no rule charges takes nothing.
  if (rule === null) return { kind: 'credits', credits: 0n } as const;
  return estimateCredits(rule, expectedOf(deed, ledger), terms);
}

function expectedOf(deed: CheckDeed, ledger: SimulatedLedger): ExpectedUse {
  const { tokens, calls, model, provider, customer } = deed;
  const cost =
    deed.cost ??
    (tokens === null || model === null
      ? null
      : expectedCost(
          { tokens, model, provider, customer, atMicros: ledger.nowMicros },
          ledger.catalogue,
          TENANT,
        ));
  return { calls, ...(cost === null ? {} : { cost }), ...(tokens === null ? {} : { tokens }) };
}
