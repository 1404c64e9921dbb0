import type { CheckNews, CheckQuestion, CheckReply } from './api/check-messages.ts';
import type { ErrorCode } from './errors.ts';
import type { JournalPosition } from './journal/index.ts';
import type { EndReason } from './supervisor.ts';

/** What the processes and threads of the service say to each other. */

/** From the main process to the ledger process. */
export type ToLedger =
  | {
      readonly type: 'start';
      /** Text of spanledger.yaml, or null, and the environment: both processes read the same configuration. */
      readonly configText: string | null;
      readonly environment: Readonly<Record<string, string | undefined>>;
      /** Whether a missing ledger file is created. */
      readonly create: boolean;
      /** Null until the journal is open. */
      readonly durableEnd: JournalPosition | null;
      /** The port for clients of PostgreSQL that the process before it had; null: the configured one. */
      readonly sqlPort: number | null;
      /** For how long nobody may read, in milliseconds: readers may have ended the processes before this one. */
      readonly readingPauseMs: number;
    }
  | { readonly type: 'durable'; readonly end: JournalPosition }
  | { readonly type: 'receiver'; readonly state: ReceiverState }
  /** The configuration has changed; prices, credit rules and budgets are taken over. */
  | { readonly type: 'reload'; readonly configText: string | null }
  /** What the main process wants to know, to answer checks by itself. */
  | { readonly type: 'ask'; readonly id: number; readonly question: CheckQuestion }
  /** News of these customers are wanted no longer. */
  | { readonly type: 'forget'; readonly customers: readonly string[] }
  /** Post everything up to the durable end, fold the write-ahead log into the file, and exit. */
  | { readonly type: 'drain' };

/** From the ledger process to the main process. */
export type FromLedger =
  /** `apiPort`: where this process serves the API to the main process. */
  | {
      readonly type: 'ready';
      readonly position: JournalPosition | null;
      readonly apiPort: number;
      readonly sqlPort: number;
    }
  | { readonly type: 'reply'; readonly id: number; readonly reply: CheckReply }
  | { readonly type: 'news'; readonly news: CheckNews }
  | { readonly type: 'committed'; readonly position: JournalPosition }
  /** A statement of a reader does not end, and nothing within this process can end it. */
  | { readonly type: 'overdue' }
  /** It cannot start; the message is for the operator. */
  | { readonly type: 'fatal'; readonly code: ErrorCode; readonly message: string };

/** What the thread that serves the API begins with. */
export interface FrontStart {
  readonly configText: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** From the main process to the thread that serves the API. */
export type ToFront =
  /** `port`: that which the thread before it had; null: the configured one. */
  | { readonly type: 'listen'; readonly port: number | null }
  /** Where the ledger process serves what is handed on; null: it is being started. */
  | { readonly type: 'ledger'; readonly port: number | null }
  | { readonly type: 'reply'; readonly id: number; readonly reply: CheckReply }
  | { readonly type: 'news'; readonly news: CheckNews }
  | { readonly type: 'reload'; readonly configText: string | null }
  | { readonly type: 'close' };

/** From that thread to the main process. */
export type FromFront =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'ask'; readonly id: number; readonly question: CheckQuestion }
  | { readonly type: 'forget'; readonly customers: readonly string[] };

/** Counters of the main process, shown by the API of the ledger process and kept as samples. */
export interface ReceiverState {
  /** Of the main process that counts; the next one has another, and counts from 0. */
  readonly run: string;
  readonly requests: number;
  /** Answered with 4xx: the sender must not repeat them. */
  readonly requestsRefused: number;
  /** Answered with 503: the sender is to come again. */
  readonly requestsDeferred: number;
  readonly spans: number;
  readonly rejectedSpans: number;
  readonly logRecords: number;
  readonly bodyBytes: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly journalLagBytes: number;
  /** Since when the oldest of these bytes are on disk. */
  readonly journalWaitingMs: number;
  readonly journalKeptBytes: number;
  readonly journalSyncs: number;
  readonly residentBytes: number;
  readonly ledgerRestarts: number;
  /** How often the ledger process has ended, by why. */
  readonly ledgerEnds: Readonly<Record<EndReason, number>>;
}
