import type { MicroCredits } from '../amount.ts';
import type { Balance, LateOverage, LotBalance, UsageTotals } from './account.ts';
import type { AccountState } from './account-state.ts';
import type { HoldFact, PeriodOpenedFact } from './fact.ts';
import {
  heldBy,
  type LotStanding,
  move,
  moveBack,
  type PeriodTotals,
  type Standing,
  type Totals,
} from './standing.ts';
import { stepIndexAt } from './step.ts';
import type { Timeline } from './timeline.ts';

/**
 * What the account has at an instant; in the past as of the end of the step of then, because within a step usage is
 * only a sum.
 */
export function balanceAt(state: AccountState, atMicros: number, period: PeriodOpenedFact | null): Balance {
  const { standing, steps } = state;
  const later = steps.slice(Math.max(0, stepIndexAt(steps, atMicros) + 1));
  const flows = later.flatMap((step) => [...step.boundaryFlows, ...step.usageFlows]);
  // There and back again: every flow is undone exactly, and nobody else looks in between.
  for (const flow of flows.toReversed()) moveBack(standing, flow);
  const balance = balanceOf(state, atMicros, period);
  for (const flow of flows) move(standing, flow);
  return balance;
}

function balanceOf(
  { standing, holds, timeline }: AccountState,
  atMicros: number,
  period: PeriodOpenedFact | null,
): Balance {
  const lots = standing.burnOrder.filter(({ received }) => received !== 0n).map(lotBalance);
  const ofPeriod = period === null ? undefined : standing.periods.get(period.period);
  const { granted, expired } = standing.total;
  return {
    atMicros,
    period,
    available: lots.reduce((sum, { available }) => sum + available, 0n),
    held: lots.reduce((sum, { held }) => sum + held, 0n),
    promised: holds.openAt(atMicros).reduce((sum, hold) => sum + promisedTo(standing, hold), 0n),
    lots,
    periodUsage: ofPeriod === undefined ? NOTHING_USED : periodUsageOf(ofPeriod),
    lateOverage: ofPeriod === undefined ? [] : lateOverageOf(timeline, ofPeriod),
    total: { ...usageTotals(standing.total), granted, expired },
  };
}

/** What a hold was authorised for, less what it holds and what its action has used already. */
function promisedTo(standing: Standing, { hold, amount }: HoldFact): MicroCredits {
  const rest = amount - heldBy(standing, hold) - (standing.usedByHold.get(hold) ?? 0n);
  return rest > 0n ? rest : 0n;
}

const NOTHING_USED: UsageTotals = { used: 0n, overage: 0n, overrun: 0n, overdraft: 0n };

function usageTotals({ used, overage, overrun, overdraft }: Totals): UsageTotals {
  return { used, overage, overrun, overdraft };
}

function periodUsageOf(totals: PeriodTotals): UsageTotals {
  return { ...usageTotals(totals), overdraft: totals.overdraft - totals.repaid };
}

function lateOverageOf(timeline: Timeline, { lateOverage }: PeriodTotals): readonly LateOverage[] {
  if (lateOverage.size === 0) return [];
  return timeline.periods.flatMap(({ number, fact }) => {
    const overage = lateOverage.get(number);
    return overage === undefined ? [] : { period: fact, overage };
  });
}

function lotBalance(standing: LotStanding): LotBalance {
  const { lot, isMade, received, consumed, expired, rolledOver, withdrawn, available, held } = standing;
  return {
    lot: isMade ? { ...lot, amount: received } : { ...lot },
    consumed,
    expired,
    rolledOver,
    withdrawn,
    available,
    held,
  };
}
