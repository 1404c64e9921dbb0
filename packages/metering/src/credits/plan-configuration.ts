/**
 * Plans as they are written, in the section `plans` of `spanledger.yaml` and in scenarios. Amounts are texts, as
 * written, so that no number becomes a float on its way; whole numbers have been checked against their bounds.
 */
export interface PlansConfiguration {
  readonly [plan: string]: PlanConfiguration | readonly PlanConfiguration[];
}

/** One version of a plan. */
export interface PlanConfiguration {
  /** An instant, or a date, which begins at 00:00 UTC. Only the first version may be without: it holds since ever. */
  readonly from?: string | undefined;
  readonly fee_usd: string;
  /** Credits of each period. */
  readonly allowance: string;
  /** Fee ÷ allowance when left out (convention C6). */
  readonly credit_value_usd?: string | undefined;
  /** 1 when left out. */
  readonly multiplier?: string | undefined;
  /** `block` when left out. */
  readonly overage?: OverageConfiguration | undefined;
  readonly rollover?: RolloverConfiguration | undefined;
  readonly trial?: TrialConfiguration | undefined;
  readonly restored_days?: number | undefined;
  readonly alerts?: { readonly thresholds?: readonly number[] | undefined } | undefined;
}

export interface OverageConfiguration {
  readonly policy: 'charge' | 'block' | 'allow' | 'degrade';
  /** Per credit; under `charge`, and there it must be. */
  readonly price_usd?: string | undefined;
  /** Credits per period, under `charge`. */
  readonly limit?: string | undefined;
  /** Under `allow`. */
  readonly repay?: boolean | undefined;
}

export interface RolloverConfiguration {
  readonly up_to?: string | undefined;
  /** 1 when left out. */
  readonly periods?: number | undefined;
}

export interface TrialConfiguration {
  readonly days: number;
  readonly credits: string;
}
