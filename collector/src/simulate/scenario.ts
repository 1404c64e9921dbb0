import type {
  CreditRules,
  MicroCredits,
  Plans,
  ReratePolicy,
  TokenClasses,
  UsdFemto,
} from '@spanledger/metering';
import type { PriceLayer } from '../catalogue/index.ts';
import type { Expectation } from './format.ts';
import type { Moment } from './moment.ts';
import type { SimulatedSpan } from './spans.ts';

/** A scenario as it is run: everything read, every name resolved. */
export interface Scenario {
  readonly description: string | null;
  readonly startsAtMicros: number;
  readonly prices: { readonly layer: PriceLayer; readonly isOnly: boolean };
  readonly rules: CreditRules;
  readonly plans: Plans;
  readonly steps: readonly Step[];
}

export interface Step {
  /** In the file, from 1; null for the customers of the beginning. */
  readonly number: number | null;
  readonly name: string;
  readonly note: string | null;
  /** Null: it only expects. */
  readonly deed: Deed | null;
  readonly expect: Expectation | null;
}

/** What happens in a step. */
export type Deed =
  | { readonly kind: 'usage' | 'deliver_again' | 'backfill'; readonly spans: readonly SimulatedSpan[] }
  | AccountDeed
  | CheckDeed
  | CorrectionDeed
  | { readonly kind: 'rules'; readonly rules: CreditRules }
  | { readonly kind: 'plans'; readonly plans: Plans }
  | { readonly kind: 'advance'; readonly to: Moment }
  | { readonly kind: 'close'; readonly customer: string }
  | StatementDeed;

interface OfCustomer {
  readonly customer: string;
}

interface ByHand extends OfCustomer {
  readonly actor: string | null;
  readonly reason: string | null;
}

interface OfHold extends OfCustomer {
  readonly hold: string;
}

/** What somebody asks of an account, by a command of the ledger. */
export type AccountDeed =
  | (OfCustomer & {
      readonly kind: 'subscribe';
      readonly plan: string;
      readonly start: Moment | null;
      readonly anchorDay: number | null;
      readonly zone: string;
      readonly withTrial: boolean;
    })
  | (OfCustomer & { readonly kind: 'change_plan'; readonly plan: string })
  | (OfCustomer & { readonly kind: 'cancel'; readonly when: 'period_end' | 'now' })
  | (ByHand & {
      readonly kind: 'top_up';
      readonly amount: MicroCredits;
      readonly paidUsd: UsdFemto;
      readonly expires: Moment | null;
    })
  | (ByHand & {
      readonly kind: 'grant';
      readonly amount: MicroCredits;
      readonly expires: Moment | null;
      readonly priority: number | null;
    })
  | (ByHand & { readonly kind: 'adjust'; readonly amount: MicroCredits; readonly expires: Moment | null })
  | (OfHold & {
      readonly kind: 'authorise';
      readonly amount: MicroCredits;
      readonly expires: Moment;
      readonly feature: string | null;
      readonly actionId: string | null;
    })
  | (OfHold & { readonly kind: 'heartbeat'; readonly expires: Moment })
  | (OfHold & { readonly kind: 'settle'; readonly actual: MicroCredits | null })
  | (OfHold & { readonly kind: 'release' });

export interface CheckDeed extends OfCustomer {
  readonly kind: 'check';
  readonly feature: string | null;
  /** The estimate itself; null: it follows from what is expected. */
  readonly credits: MicroCredits | null;
  /** Of all calls together. */
  readonly cost: UsdFemto | null;
  /** Of each call. */
  readonly tokens: TokenClasses | null;
  readonly calls: number;
  /** For the price of the tokens. */
  readonly model: string | null;
  readonly provider: string | null;
}

export interface CorrectionDeed {
  readonly kind: 'price_correction';
  /** Laid over all earlier ones; null: the prices stay. */
  readonly layer: PriceLayer | null;
  readonly rerate: {
    readonly policy: ReratePolicy;
    readonly from: Moment | null;
    readonly to: Moment | null;
    readonly model: string | null;
  } | null;
}

export interface StatementDeed extends OfCustomer {
  readonly kind: 'statement';
  readonly period: 'current' | 'previous' | number;
}
