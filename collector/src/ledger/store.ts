import type { Metered } from '@spanledger/metering';
import type { JournalPosition } from '../journal/index.ts';
import type { RejectedSpan } from '../otlp/index.ts';

/** A metered span on its way into the ledger. */
export interface Posting {
  readonly tenant: string;
  readonly receivedAtMillis: number;
  readonly metered: Metered;
  /** The price book and credit rules that metered it. */
  readonly bookVersion: string;
  readonly rulesVersion: string;
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
  readonly reason: 'conflicting_copy' | 'event_in_future' | 'assertion_failed';
  /** What came, as JSON, for a person to look at. */
  readonly content: string;
}

/** A range of the journal that does not match its checksums. */
export interface Damage {
  readonly position: JournalPosition;
  readonly bytes: number;
  readonly reason: string;
}

/** What happened since the last commit, beside the postings themselves. */
export interface BatchCounts {
  readonly bodies: number;
  readonly spans: number;
  readonly notModelCalls: number;
}

/** What became of the postings of one commit. */
export interface CommitOutcome {
  readonly posted: number;
  /** Copies with equal content: ignored (convention C15). */
  readonly duplicates: number;
  /** Copies with other content: quarantined, the first stays (convention C15). */
  readonly conflicts: number;
}

/**
 * Where postings become rows. `post` and the other additions collect an open batch; `commit` writes it and the
 * journal position in one transaction, each usage identity (tenant, trace id, span id) at most once for ever.
 * What is added while a commit runs belongs to the next batch; one commit runs at a time. After a failed commit the
 * store is done for. Two implementations pass one contract suite: DuckDB and memory.
 */
export interface LedgerStore {
  /** Up to where the journal has been posted; null for an empty ledger. */
  readonly position: JournalPosition | null;
  /** Postings in the open batch. */
  readonly pending: number;
  post(posting: Posting): void;
  reject(rejection: Rejection): void;
  quarantine(span: Quarantined): void;
  damage(range: Damage): void;
  commit(position: JournalPosition, counts: BatchCounts, nowMillis: number): Promise<CommitOutcome>;
}
