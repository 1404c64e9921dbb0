import type { MicroCredits, UsdFemto } from '../amount.ts';
import type { Lot } from './lot.ts';
import type { Anchor, PeriodBounds } from './period.ts';
import type { PlanTerms } from './plan.ts';

/**
 * What happened to a customer's account besides usage: append-only, and with the usage it is all there is to know. The
 * account is a pure function of both. Facts pin what they were decided by (terms, amounts, instants), so that a changed
 * configuration changes nothing that has happened.
 */
export type AccountFact =
  | SubscribedFact
  | PlanChangeFact
  | CanceledFact
  | PeriodOpenedFact
  | PeriodClosedFact
  | GrantedFact
  | WithdrawnFact
  | HoldFact
  | HeartbeatFact
  | HoldEndedFact
  | AlertFact;

/** What decides which plan holds when. Of those for one time or a later one, the one that was told last holds. */
export type PlanFact = SubscribedFact | PlanChangeFact | CanceledFact;

interface FactBase {
  /** Never the same twice for one customer. */
  readonly id: string;
  /** When it takes effect, microseconds since the Unix epoch. */
  readonly atMicros: number;
  /** When the ledger was told. */
  readonly recordedMicros: number;
  /** Who did it and why; null for what the ledger does by itself. */
  readonly actor: string | null;
  readonly reason: string | null;
}

/** A plan begins, with its trial if it has one and the customer had none. Periods start at the anchor (C11). */
export interface SubscribedFact extends FactBase {
  readonly kind: 'subscribed';
  readonly plan: string;
  readonly anchor: Anchor;
  /** The end of the trial; null: none. */
  readonly trialEndsMicros: number | null;
}

/** `atMicros` is when the new plan holds: at once for an upgrade, the end of the period for a downgrade (C12). */
export interface PlanChangeFact extends FactBase {
  readonly kind: 'plan_changed';
  readonly from: string;
  readonly to: string;
  /** Terms from then on in the running period (an upgrade); null: the next period opens with its own. */
  readonly terms: PlanTerms | null;
  /** Prorated by local calendar days; the day of change counts for the new plan. 0 at a period's end. */
  readonly extraFee: UsdFemto;
}

/** No period opens at or after `atMicros`. */
export interface CanceledFact extends FactBase {
  readonly kind: 'canceled';
}

/** A period has begun, under these terms. Its allowance is a `granted` fact of its own. */
export interface PeriodOpenedFact extends FactBase {
  readonly kind: 'period_opened';
  /** The id of the period: its number, counted from the customer's first one. */
  readonly period: number;
  readonly bounds: PeriodBounds;
  readonly isTrial: boolean;
  /** Null: no plan; what lots do not cover is overdraft (policy allow). */
  readonly terms: PlanTerms | null;
  readonly anchor: Anchor;
}

/** The period's totals are frozen (C16, I20). */
export interface PeriodClosedFact extends FactBase {
  readonly kind: 'period_closed';
  readonly period: number;
  /** Of the canonical text of its totals and of the hash of the period before. */
  readonly hash: string;
}

export interface GrantedFact extends FactBase {
  readonly kind: 'granted';
  readonly lot: Lot;
}

/** Credits taken away by hand (a negative adjustment); never more than was available. */
export interface WithdrawnFact extends FactBase {
  readonly kind: 'withdrawn';
  readonly amount: MicroCredits;
}

/** Credits set aside for something that is about to happen (C14). */
export interface HoldFact extends FactBase {
  readonly kind: 'hold';
  /** The caller's id. */
  readonly hold: string;
  readonly amount: MicroCredits;
  readonly expiresMicros: number;
  readonly feature: string | null;
  /** Usage of this action is what the hold is for: its settlement releases what is left and debits nothing. */
  readonly actionId: string | null;
}

/** A sign of life moves the end of a hold. */
export interface HeartbeatFact extends FactBase {
  readonly kind: 'heartbeat';
  readonly hold: string;
  readonly expiresMicros: number;
}

/** A hold ends once; a settlement after its expiry is an ordinary debit, marked `isLate` (C14). */
export interface HoldEndedFact extends FactBase {
  readonly kind: 'hold_ended';
  readonly hold: string;
  readonly end: 'settled' | 'released' | 'expired';
  /** What is debited by it; 0 unless settled. */
  readonly actual: MicroCredits;
  readonly isLate: boolean;
}

/** Fires at most once for each period and level (C19, I26). */
export interface AlertFact extends FactBase {
  readonly kind: 'alert';
  readonly period: number;
  /** `threshold:80`, `exhaustion_forecast`, `negative_margin`. */
  readonly alert: string;
  /** What was found, for people and webhooks; amounts as decimal texts. */
  readonly detail: Readonly<Record<string, string>>;
}
