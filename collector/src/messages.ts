import type { ErrorCode } from './errors.ts';
import type { JournalPosition } from './journal/index.ts';

/** What the two processes say to each other over their IPC channel. */

/** From the main process to the ledger process. */
export type ToLedger =
  | {
      readonly type: 'start';
      /** Text of spanledger.yaml, or null, and the environment: both processes read the same configuration. */
      readonly configText: string | null;
      readonly environment: Readonly<Record<string, string | undefined>>;
      /** Whether a missing ledger file is created. */
      readonly create: boolean;
      /** After a restart: the port that the first ledger process got. */
      readonly apiPort: number | null;
      /** Null until the journal is open. */
      readonly durableEnd: JournalPosition | null;
    }
  | { readonly type: 'durable'; readonly end: JournalPosition }
  | { readonly type: 'receiver'; readonly state: ReceiverState }
  /** The configuration has changed; prices and credit rules are taken over. */
  | { readonly type: 'reload'; readonly configText: string | null }
  /** Post everything up to the durable end, fold the write-ahead log into the file, and exit. */
  | { readonly type: 'drain' };

/** From the ledger process to the main process. */
export type FromLedger =
  | { readonly type: 'ready'; readonly position: JournalPosition | null; readonly apiPort: number }
  | { readonly type: 'committed'; readonly position: JournalPosition }
  /** It cannot start; the message is for the operator. */
  | { readonly type: 'fatal'; readonly code: ErrorCode; readonly message: string };

/** Counters of the main process, shown by the API of the ledger process. */
export interface ReceiverState {
  readonly requests: number;
  readonly spans: number;
  readonly rejectedSpans: number;
  readonly logRecords: number;
  readonly bodyBytes: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly journalLagBytes: number;
  readonly journalKeptBytes: number;
  readonly journalSyncs: number;
  readonly residentBytes: number;
  readonly ledgerRestarts: number;
}
