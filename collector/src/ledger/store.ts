import type { KeptObservation, Movement, UsageRecord } from '@spanledger/metering';
import type { JournalPosition } from '../journal/index.ts';
import type { RejectedSpan } from '../otlp/index.ts';
import type { AccountStore } from './account-store.ts';
import type { ActionKey, HeldLeaf } from './action.ts';
import type { RerateStore } from './rerate-store.ts';
import type { StoredRating } from './stored-rating.ts';

/** One observed span on its way into the ledger: what it says, for ever. */
export interface KeptSpan {
  readonly tenant: string;
  readonly receivedAtMillis: number;
  readonly kept: KeptObservation;
  /** The names under which spans of other traces may tell of the same call, as numbers; three at most. */
  readonly links: readonly number[];
}

/** What the ledger now says of one gen-ai span, on its way into it: a usage record, rated and booked. */
export interface Posting {
  readonly tenant: string;
  /** When the span itself was received. */
  readonly receivedAtMillis: number;
  readonly usage: UsageRecord;
  readonly rating: StoredRating;
  /** What is booked by it: all of it the first time, later only the difference. */
  readonly bookings: readonly Booking[];
  /** When what is booked became known: the arrival that led to it, or the end of a wait. */
  readonly recordedAtMillis: number;
  /** Stands for everything the usage record says. */
  readonly digest: number;
  /** What it takes the place of; null for the first. */
  readonly replaces: Replaced | null;
}

/** Credits that move on the account of a customer. */
export interface Booking {
  readonly customer: string;
  readonly movement: Movement;
}

export interface Replaced {
  /** From 1 on. */
  readonly revision: number;
  readonly eventTimeMicros: number;
}

/** A span that arrived but could not be metered. */
export interface Rejection {
  readonly tenant: string;
  readonly receivedAtMillis: number;
  readonly span: RejectedSpan;
}

/** A span kept aside because counting it would contradict what is booked, or because the core refused it. */
export interface Quarantined {
  readonly tenant: string;
  readonly receivedAtMillis: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly reason: 'conflicting_copy' | 'event_in_future' | 'event_long_ago' | 'assertion_failed';
  /** What came, as JSON, for a person to look at. */
  readonly content: string;
}

/** A range of the journal that does not match its checksums. */
export interface Damage {
  readonly position: JournalPosition;
  readonly bytes: number;
  readonly reason: string;
}

/** What a batch did, for the counters. */
export interface BatchCounts {
  readonly bodies: number;
  readonly spans: number;
  readonly notModelCalls: number;
  /** Usage records of spans seen for the first time. */
  readonly posted: number;
  /** Usage records that took the place of earlier ones. */
  readonly corrected: number;
  /** Copies that tell the same or less: ignored (convention C15). A copy that tells more takes the place of the span. */
  readonly duplicates: number;
  /** Copies that tell as much, but other things: quarantined, the first stays (convention C15). */
  readonly conflicts: number;
}

export interface TraceKey {
  readonly tenant: string;
  readonly traceId: string;
}

/** A trace as the ledger holds it. */
export interface HeldTrace extends TraceKey {
  readonly spans: readonly HeldSpan[];
  readonly records: readonly HeldRecord[];
}

export interface HeldSpan {
  readonly kept: KeptObservation;
  readonly receivedAtMillis: number;
}

/** The current usage record of a span, as far as a later decision needs it. */
export interface HeldRecord {
  readonly spanId: string;
  readonly revision: number;
  readonly eventTimeMicros: number;
  readonly digest: number;
  readonly rating: StoredRating;
  /** Its part in an action; null: it burns no credits, whatever the rules. */
  readonly leaf: HeldLeaf | null;
}

/** An action by the id that an app gave it; its calls may be in several traces. */
export type NamedAction = ActionKey & { readonly actionId: string };

/** A call of an action, as the ledger holds it. */
export interface HeldAction {
  readonly traceId: string;
  readonly spanId: string;
  readonly leaf: HeldLeaf;
  readonly rating: StoredRating;
}

/** A link key of a call, to be looked for among the calls of its time. */
export interface LinkQuery {
  readonly tenant: string;
  readonly link: number;
  readonly startTimeMicros: number;
  readonly endTimeMicros: number;
}

export interface LinkedTrace extends TraceKey {
  readonly link: number;
}

/** A trace of which time alone will change something. */
export interface DueTrace extends TraceKey {
  readonly dueAtMicros: number;
}

/**
 * What the ledger holds. `keep`, `post` and the other additions collect an open batch; `commit` writes it and the
 * journal position in one transaction. What is added while a commit runs belongs to the next batch; one commit runs at
 * a time. After a failed commit the store is done for. Two implementations pass one contract suite: DuckDB and memory.
 */
export interface LedgerStore extends LedgerMemory, RerateStore, AccountStore {
  /** Up to where the journal has been posted; null for an empty ledger. */
  readonly position: JournalPosition | null;
  keep(span: KeptSpan): void;
  post(posting: Posting): void;
  /** Remembers when a trace must be looked at again; null when it need not. */
  setDue(trace: TraceKey, dueAtMicros: number | null): void;
  reject(rejection: Rejection): void;
  quarantine(span: Quarantined): void;
  damage(range: Damage): void;
  commit(position: JournalPosition | null, counts: BatchCounts, nowMillis: number): Promise<void>;
}

/** What the ledger remembers of what it holds, the open batch included. */
export interface LedgerMemory {
  /**
   * False: the ledger surely holds nothing of this trace; true: it may. From now on it may, so ask once for each
   * trace. `eventTimeMicros` is the end of any of its spans.
   */
  mayHoldTrace(trace: TraceKey, eventTimeMicros: number): boolean;
  /** The same for a link key of a call that ended then. */
  mayHoldLink(link: number, eventTimeMicros: number): boolean;
  /** Those of the traces that the ledger holds. */
  loadTraces(traces: readonly TraceKey[]): Promise<readonly HeldTrace[]>;
  /**
   * The traces with a call of that link that ran at the same time, give or take `LINK_WINDOW_MICROS`; of a link that
   * very many traces share, some more than `MAX_TRACES_OF_A_LINK` of them.
   */
  findLinked(queries: readonly LinkQuery[]): Promise<readonly LinkedTrace[]>;
  /** The same for an action that an app has named, by its `actionLink`. */
  mayHoldAction(link: number, eventTimeMicros: number): boolean;
  /** The calls of those actions that the ledger holds. */
  loadActions(actions: readonly NamedAction[]): Promise<readonly HeldAction[]>;
  /** All traces that wait, when the ledger is opened. */
  loadDue(): Promise<readonly DueTrace[]>;
}

/** Clocks of two machines differ by minutes at most, and gateways report with delay. */
export const LINK_WINDOW_MICROS = 15 * 60 * 1_000_000;

/** What ran at one time as `decide` sees it, so that the store finds what would be one call in memory. */
export function ranTogether(
  one: { readonly startTimeMicros: number; readonly endTimeMicros: number },
  other: { readonly startTimeMicros: number; readonly endTimeMicros: number },
): boolean {
  return (
    one.startTimeMicros <= other.endTimeMicros + LINK_WINDOW_MICROS &&
    other.startTimeMicros <= one.endTimeMicros + LINK_WINDOW_MICROS
  );
}
