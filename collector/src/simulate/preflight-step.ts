import { fundsAt, type PreflightEstimate, preflight, preflightEstimate } from '@spanledger/metering';
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

/**
 * The pre-flight check before an action, by the rule and the plan of this moment. Where the service would go by what
 * actions have burned lately, a simulation asks for what is expected: a story should not depend on a guess.
 */
export function checkOf(deed: CheckDeed, ledger: SimulatedLedger): CheckReport {
  const { nowMicros, catalogue } = ledger;
  const funds = fundsAt(ledger.openAccount(deed.customer), nowMicros);
  const estimate = preflightEstimate(
    { ...deed, atMicros: nowMicros },
    { rule: ledger.rules.ruleAt(deed.feature, nowMicros), plan: funds.terms, catalogue, tenant: TENANT },
  );
  const balance = { available: creditsText(funds.available), held: creditsText(funds.held) };
  if (estimate.kind !== 'known') {
    const message = `Nothing is known of the credits (${reasonOf(estimate)}): say credits, or what the rule counts.`;
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
  const { credits, degraded } = estimate;
  const answer = preflight({ estimate: credits, degradedEstimate: degraded?.credits ?? null }, funds);
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

function reasonOf(estimate: Exclude<PreflightEstimate, { kind: 'known' }>): string {
  return estimate.kind === 'unpriced' ? 'no_cost' : estimate.missing;
}
