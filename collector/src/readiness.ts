import type { Readiness } from './api/api.ts';
import type { Config } from './config.ts';
import type { ReceiverState } from './messages.ts';

/**
 * Whether what is asked of the ledger is answered by what has happened: not while much waits to be posted, nor while
 * little has been waiting for long. Spans are accepted all the same.
 *
 * @param receiver what the main process said last; null: nothing yet
 */
export function readinessOf(
  receiver: ReceiverState | null,
  lastCommitAt: string | null,
  { max_lag_bytes: maxLagBytes, ready_within_ms: readyWithinMs }: Config['journal'],
): Readiness {
  const lagBytes = receiver?.journalLagBytes ?? 0;
  const waitingMs = receiver?.journalWaitingMs ?? 0;
  const isReady = receiver !== null && lagBytes < maxLagBytes && waitingMs <= readyWithinMs;
  return { isReady, lagBytes, waitingMs, lastCommitAt };
}
