import type { Role } from './roles.ts';

/** What one role may take of the ledger process. */
export interface ReaderLimits {
  /** More rows than this end the statement: whoever wants millions should aggregate or take an export. */
  readonly maxRows: number;
  /** About as many bytes of results end it too; rows of long texts are larger than they look. */
  readonly maxResultBytes: number;
  /** From the start of a statement to its last row, waiting for the client included: it holds a view of the past open. */
  readonly timeoutMs: number;
  /** Statements that run at once. Each holds a thread of the libuv pool, which commits need too. */
  readonly maxConcurrent: number;
  /** Sessions at once. */
  readonly maxSessions: number;
}

const MIB = 1024 * 1024;

/** Pools of Grafana and BI tools have some ten connections each and ask with a few; a customer's page asks little. */
export const READER_LIMITS: Readonly<Record<Role, ReaderLimits>> = {
  admin: {
    maxRows: 1_000_000,
    maxResultBytes: 256 * MIB,
    timeoutMs: 60_000,
    maxConcurrent: 4,
    maxSessions: 20,
  },
  analyst: {
    maxRows: 1_000_000,
    maxResultBytes: 256 * MIB,
    timeoutMs: 30_000,
    maxConcurrent: 4,
    maxSessions: 50,
  },
  customer: {
    maxRows: 100_000,
    maxResultBytes: 32 * MIB,
    timeoutMs: 10_000,
    maxConcurrent: 2,
    maxSessions: 20,
  },
};
