import type { CustomerAccount, UsageSum } from './account.ts';
import { latestOf, restore } from './account-state.ts';
import { balanceAt } from './balance.ts';
import type { AccountFact } from './fact.ts';
import { anyPeriodAt, termsAt } from './timeline.ts';

/** An account that is asked about any instant of its life, and told nothing. */
export type AccountHistory = Pick<
  CustomerAccount,
  'customer' | 'balance' | 'termsAt' | 'periodAt' | 'planFacts'
>;

/**
 * The account that `openAccount` opens, with everything of its closed periods that one forgets: as large as its life
 * was long, so for a question, not to be kept.
 */
export function openHistory(
  customer: string,
  facts: readonly AccountFact[],
  usage: readonly UsageSum[],
  asOfMicros: number = latestOf(facts, usage),
): AccountHistory {
  const state = restore(facts, usage, asOfMicros);
  const { timeline } = state;
  return {
    customer,
    planFacts: timeline.planFacts,
    balance: (atMicros) => balanceAt(state, atMicros, anyPeriodAt(timeline, atMicros)),
    termsAt: (atMicros) => termsAt(timeline, atMicros),
    periodAt: (atMicros) => anyPeriodAt(timeline, atMicros),
  };
}
