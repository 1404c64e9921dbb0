import type { MicroCredits, Ratio, UsdFemto } from '../amount.ts';

/**
 * What a plan promises, in one version. Pinned on every period that is opened under it, so that a changed
 * configuration changes no period that has begun.
 */
export interface PlanTerms {
  readonly plan: string;
  /** Fingerprint of the terms: equal terms have equal versions, however they were written. */
  readonly version: string;
  readonly fee: UsdFemto;
  /** Credits of each period. */
  readonly allowance: MicroCredits;
  /** USD × 10¹⁵ per credit: fee ÷ allowance (convention C6) unless stated; null when neither tells. Exact. */
  readonly creditValue: Ratio | null;
  /** Every action of the plan is multiplied by it (convention C4). */
  readonly multiplier: Ratio;
  readonly overage: OverageTerms;
  /** Unused allowance that moves to the next period; null: none does. */
  readonly rollover: RolloverTerms | null;
  readonly trial: TrialTerms | null;
  /** What becomes of credits that are given back to a lot that has expired: gone, or a promotional lot of so many days. */
  readonly restoredDays: number | null;
  /** Percent of the allowance, ascending: an alert is due when the use of a period first reaches one (C19). */
  readonly thresholds: readonly number[];
}

/** What happens when credits run out (convention C13). */
export type OveragePolicy = 'charge' | 'block' | 'allow' | 'degrade';

export interface OverageTerms {
  readonly policy: OveragePolicy;
  /** Per credit, under `charge`; null under the others. */
  readonly price: UsdFemto | null;
  /** So many credits of overage per period and no more are allowed beforehand; null: no limit. */
  readonly limit: MicroCredits | null;
  /** Under `allow`: the next allowance first repays the overdraft. */
  readonly repaysOverdraft: boolean;
}

export interface RolloverTerms {
  /** At most so many credits move; null: all. */
  readonly upTo: MicroCredits | null;
  /** They live for so many periods. */
  readonly periods: number;
}

export interface TrialTerms {
  /** Local calendar days. */
  readonly days: number;
  readonly credits: MicroCredits;
}

/** All plans by name, in dated versions. */
export interface Plans {
  /** Fingerprint of all of them. */
  readonly version: string;
  /** The terms of a plan at that time; null: there is no such plan, or not yet. */
  termsAt(plan: string, atMicros: number): PlanTerms | null;
  /** Of all plans there ever was, for `expected one of …`. */
  readonly names: readonly string[];
}

/** Nobody sells anything by credits. */
export const NO_PLANS: Plans = { version: 'none', termsAt: () => null, names: [] };
