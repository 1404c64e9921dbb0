import type { MicroCredits } from '../amount.ts';
import type { AccountFact, HoldEndedFact, HoldFact, PeriodOpenedFact, PlanFact } from './fact.ts';
import type { Lot } from './lot.ts';
import type { Plans, PlanTerms } from './plan.ts';

/**
 * `issued` is the tenant's side of every grant; all others are the customer's. Each lot has its own `available` and
 * `held`; `available`, `held` and `used` are never below zero. `overage`, `overrun` and `overdraft` are below zero by what
 * lots did not cover; above it only where more usage was taken back than there is anything left to give it back to.
 */
export type AccountName =
  | 'issued'
  | 'available'
  | 'held'
  | 'used'
  | 'expired'
  | 'overage'
  | 'overrun'
  | 'overdraft';

/**
 * Why credits move. What corrects an earlier movement has the kind of that one, the other sides, and `isCorrection`.
 * `usage` and `capture` (from what a hold has set aside for its action) come of usage alone, `settlement` of a fact
 * alone: so usage can be summed up from movements without counting the settlements again.
 */
export type MovementKind =
  | 'grant'
  | 'withdrawal'
  | 'usage'
  | 'hold'
  | 'capture'
  | 'settlement'
  | 'release'
  | 'expiry'
  | 'rollover'
  | 'repayment';

/** One amount from one account to another: what leaves the one arrives in the other (I1). Never changed afterwards. */
export interface Movement {
  readonly from: AccountName;
  /** The lot, for `available` and `held`; null for the others. */
  readonly fromLot: string | null;
  readonly to: AccountName;
  readonly toLot: string | null;
  /** Always positive. */
  readonly amount: MicroCredits;
  readonly kind: MovementKind;
  /** True: it takes back, or moves elsewhere, what was booked before more was known. */
  readonly isCorrection: boolean;
  readonly effectiveMicros: number;
  /** Beginning of the step of the account that it belongs to: the last instant before it at which anything but usage happened. */
  readonly stepMicros: number;
  /** The hold that it belongs to, usage beyond what was held included; null for all else. */
  readonly hold: string | null;
  /** The number of the period it is booked in. */
  readonly period: number | null;
  /**
   * The closed period that late usage belongs to (C16); null: the one it is booked in. Of a repayment, the period in
   * which was lent what it repays.
   */
  readonly belongsToPeriod: number | null;
}

/** More or less usage than was booked so far. */
export interface UsageChange {
  /** Signed; never 0. */
  readonly amount: MicroCredits;
  /** End of the call. */
  readonly eventMicros: number;
  /** When the ledger came to know: late usage of a closed period is booked then (C16). */
  readonly recordedMicros: number;
  /** The action it belongs to: it is captured from the hold for that action first. */
  readonly actionId: string | null;
}

/**
 * Credits used, summed over usage of one step (or finer), as it was booked: what an account is opened from. Movements
 * of the kinds `usage` and `capture` into `used`, less those out of it; settlements are facts and no part of it.
 */
export interface UsageSum {
  /**
   * `stepMicros` of the movements. None, for a rebuild, which has to divide steps: the step is found by the effective
   * time, so the sums are as fine as these times.
   */
  readonly stepMicros?: number | null;
  /** Latest effective time of the movements. */
  readonly effectiveMicros: number;
  readonly amount: MicroCredits;
  /** The hold it was captured from first. */
  readonly hold: string | null;
  readonly belongsToPeriod: number | null;
}

/** What a customer has at one instant. `granted − usedFromLots − expired − held = available` (I4). */
export interface Balance extends BookedBalance {
  /**
   * What open holds may still take beyond what is held: they were authorised for more than there was (overage that is
   * sold, overdraft that is lent), or late usage came before them. It comes from what is available, then from nothing.
   */
  readonly promised: MicroCredits;
}

/** The part of it that movements add up to. */
export interface BookedBalance {
  readonly atMicros: number;
  readonly period: PeriodOpenedFact | null;
  readonly available: MicroCredits;
  readonly held: MicroCredits;
  readonly lots: readonly LotBalance[];
  /**
   * Of the running period; what lots covered and what they did not. What its allowance repaid is covered in it, so its
   * overdraft is below zero where more was repaid than lent, and all periods add up to the total.
   */
  readonly periodUsage: UsageTotals;
  /** The part of its overage that belongs to closed periods, ascending. */
  readonly lateOverage: readonly LateOverage[];
  /** Since the beginning. */
  readonly total: UsageTotals & { readonly granted: MicroCredits; readonly expired: MicroCredits };
}

/**
 * Overage of late usage or, below zero, of usage that was taken back after the close of its period (C17). It has the
 * price of that period, and counts for its limit.
 */
export interface LateOverage {
  /** That it belongs to. */
  readonly period: PeriodOpenedFact;
  readonly overage: MicroCredits;
}

export interface UsageTotals {
  /** All of it. */
  readonly used: MicroCredits;
  readonly overage: MicroCredits;
  readonly overrun: MicroCredits;
  readonly overdraft: MicroCredits;
}

/** `amount = consumed + expired + rolledOver + available + held + withdrawn` (I3). */
export interface LotBalance {
  readonly lot: Lot;
  readonly consumed: MicroCredits;
  readonly expired: MicroCredits;
  readonly rolledOver: MicroCredits;
  readonly withdrawn: MicroCredits;
  readonly available: MicroCredits;
  readonly held: MicroCredits;
}

/** What an account does, as the rest of the program sees it; see `openAccount`. */
export interface CustomerAccount {
  readonly customer: string;
  /**
   * Everything whose time has come: periods open and close, lots expire and roll over, holds expire. An account to which
   * nothing has happened has no periods yet; `firstMicros` is that of usage which is about to be booked.
   */
  advance(nowMicros: number, plans: Plans, firstMicros?: number | null): Outcome;
  /** Usage that has happened is always booked (C13). */
  use(change: UsageChange): readonly Movement[];
  /**
   * Something was done to the account. The fact has been checked against it (`commands.ts`). Where it takes effect
   * amid usage that is known only as a sum (a subscription from last month on), the account cannot tell which part came
   * before: then `needsUsage` is true and nothing has happened; call `rebuild`.
   */
  apply(fact: AccountFact): Applied;
  /** Puts all usage and facts in the place of what the account knows; the movements are the difference. */
  rebuild(facts: readonly AccountFact[], usage: readonly UsageSum[]): readonly Movement[];
  /**
   * @throws {RangeError} for an instant before `closedUntilMicros`: what closed periods had is forgotten; see
   *   `openHistory`, and the ledger's own sums
   */
  balance(atMicros: number): Balance;
  /** The terms that hold for an action of that time; null: no plan. */
  termsAt(atMicros: number): PlanTerms | null;
  /** The period of an instant, opened or not; the calendar month in UTC where no plan says otherwise. */
  periodAt(atMicros: number): PeriodOpenedFact | null;
  /** A period that was opened, by its number; null: there is none. */
  period(number: number): PeriodOpenedFact | null;
  /** The periods that have ended by then and are not closed: late usage may still be booked in them (C16). */
  endedPeriods(atMicros: number): readonly EndedPeriod[];
  /** A hold by the caller's id; null: there is none, or it ended so long ago that it was forgotten. */
  hold(hold: string): HoldState | null;
  /** There is no such hold now, and there may have been one; only who has all facts can tell. */
  mayHaveForgotten(hold: string): boolean;
  /**
   * All that was ever told of a hold: where the account has forgotten it, it can answer for it again. Nothing: there
   * was none, and its id is free. Nothing moves.
   */
  recall(hold: string, facts: readonly AccountFact[]): void;
  /** All subscriptions, plan changes and cancellations, in the order in which they were told (see `subscription.ts`). */
  readonly planFacts: readonly PlanFact[];
  /** By time alone nothing changes before this instant, when `advance` has to be called. Infinity: never. */
  readonly nextDueMicros: number;
  /** Nothing before it may change any more: the end of the last closed period (I20). Null: none is closed. */
  readonly closedUntilMicros: number | null;
}

export interface EndedPeriod {
  readonly number: number;
  /** As it has ended: a subscription that began since may have ended it early. */
  readonly endMicros: number;
}

/** Where a hold stands. */
export interface HoldState {
  readonly fact: HoldFact;
  /** As heartbeats have moved it. */
  readonly expiresMicros: number;
  /** Null: it is open. A late settlement takes the place of the expiry: it is the answer that is repeated (C14). */
  readonly ended: HoldEndedFact | null;
}

export type Applied =
  | { readonly needsUsage: false; readonly movements: readonly Movement[] }
  | { readonly needsUsage: true };

/** Facts that the passing of time has made, and the movements of credits by them. */
export interface Outcome {
  readonly facts: readonly AccountFact[];
  readonly movements: readonly Movement[];
}
