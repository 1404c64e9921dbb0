import { NO_PLANS } from '@spanledger/metering';
import type { ApiParts } from './api.ts';

/** An API that is asked for nothing but what it is: for its description, and for tests about something else. */
export const NEVER_ASKED: ApiParts = {
  query: notAskedHere,
  trace: notAskedHere,
  rerating: { start: notAskedHere, report: notAskedHere, whatIf: notAskedHere },
  credits: {
    ledger: {
      accounts: {
        during: notAskedHere,
        find: () => null,
        has: () => false,
        look: notAskedHere,
        termsAt: () => null,
        plans: NO_PLANS,
      },
      commands: { run: notAskedHere, profileOf: () => null },
      get currentBook(): never {
        throw new Error('not asked here');
      },
      whenReady: Promise.resolve(),
      whenCommitted: notAskedHere,
    },
    query: notAskedHere,
    sums: notAskedHere,
    openReader: notAskedHere,
    nowMillis: () => 0,
  },
  redeliver: async () => 0,
  readiness: () => ({ isReady: false, lagBytes: 0, waitingMs: 0, lastCommitAt: null }),
  metrics: notAskedHere,
  onSurprise(error) {
    throw error;
  },
};

function notAskedHere(): Promise<never> {
  return Promise.reject(new Error('not asked here'));
}
