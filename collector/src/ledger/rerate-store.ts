import type { ReratePolicy, Tally } from '@spanledger/metering';
import type { HeldLeaf } from './action.ts';
import type { RatedUsage, RatedUsageReader, UsageSelection } from './rated-usage.ts';
import type { Booking } from './store.ts';
import type { StoredRating } from './stored-rating.ts';

/** Work that rates a part of the ledger again, slice by slice. */
export interface RerateJob {
  readonly id: string;
  /** `new_book`: what had no price is tried again by itself whenever the price book is another one. */
  readonly reason: 'request' | 'new_book';
  readonly selection: UsageSelection;
  readonly policy: ReratePolicy;
  /** The price book that it rates by. */
  readonly bookVersion: string;
  /** `replaced`: the book changed under it, and another job began the same work anew. */
  readonly state: 'open' | 'done' | 'replaced';
  readonly replacedBy: string | null;
  /** Everything selected before this is done. */
  readonly nextMicros: number;
  /** Calls that were selected when it was asked for; more may come meanwhile. */
  readonly total: number;
  readonly examined: number;
  readonly changed: number;
  readonly transfers: number;
  readonly requestedAtMillis: number;
  readonly finishedAtMillis: number | null;
}

export type RerateDimension = 'model' | 'customer';
export type RerateTally = Tally<RerateDimension>;

/** A usage whose rating is another one now. */
export interface Rerating {
  readonly rated: RatedUsage;
  readonly rating: StoredRating;
  /** Its part in an action, as it is now; null: it has none. */
  readonly leaf: HeldLeaf | null;
  /** The difference of credits: new entries, nothing that was booked is touched. */
  readonly bookings: readonly Booking[];
}

/** One step of a job: all of it becomes durable together, or nothing. */
export interface RerateStep {
  /** As they are after it. */
  readonly jobs: readonly RerateJob[];
  readonly reratings: readonly Rerating[];
  /** What the step examined, for the first of the jobs. */
  readonly tally: RerateTally | null;
  readonly nowMillis: number;
}

/** What the ledger is asked for to rate itself again. */
export interface RerateStore {
  /** Reads what is committed; not while a commit runs, or anything waits for one. */
  readonly ratedUsage: RatedUsageReader;
  /** Those that are not finished, in the order in which they were asked for. */
  loadOpenJobs(): Promise<readonly RerateJob[]>;
  /** The book by which what had no price was last tried again. */
  lastTriedBook(): Promise<string | null>;
  /** Writes in a transaction of its own; nothing may wait for a commit. */
  rerate(step: RerateStep): Promise<void>;
}
