import type { Ratable, UsageRecord } from '@spanledger/metering';
import type { ActionKey } from './action.ts';
import type { TraceKey } from './store.ts';
import type { StoredRating } from './stored-rating.ts';

/** All that price and charge of a usage depend on: what has to be read back to rate it again. */
export type RatableUsage = Ratable &
  Pick<
    UsageRecord,
    | 'traceId'
    | 'spanId'
    | 'actionId'
    | 'eventTimeMicros'
    | 'billingRole'
    | 'usageClass'
    | 'usageStatus'
    | 'isCostOnly'
    | 'customer'
    | 'feature'
    | 'status'
    | 'outcome'
    | 'isDegraded'
    | 'tokens'
    | 'units'
  >;

/** A usage as the ledger holds it, as far as rating it again needs it. */
export interface RatedUsage extends TraceKey {
  readonly spanId: string;
  /** Where the store has it, until it is next written to. */
  readonly row: number;
  readonly revision: number;
  readonly usage: RatableUsage;
  readonly rating: StoredRating;
}

/** Which billed usage; by the time of its events, `[fromMicros, toMicros)`. */
export interface UsageSelection {
  readonly fromMicros: number;
  readonly toMicros: number;
  /** As the column `model` of the view `usage` has it; null: of all models. */
  readonly model: string | null;
  /** `unpriced`: only what has no cost, or a part of it (`unpriced:…`, `partial`). */
  readonly scope: 'all' | 'unpriced';
}

export interface UsagePage {
  readonly usages: readonly RatedUsage[];
  /** Where the next page begins; null: this was the last. */
  readonly nextMicros: number | null;
}

/** Reads what is committed, a page at a time. */
export interface RatedUsageReader {
  count(selection: UsageSelection): Promise<number>;
  /**
   * The first of the selection: about `maxRows`, because all events of one instant are in one page. In no order that
   * could be relied on.
   */
  page(selection: UsageSelection, maxRows: number): Promise<UsagePage>;
  /** All billed calls of these actions; in no order. */
  ofActions(actions: readonly ActionKey[]): Promise<readonly RatedUsage[]>;
}
