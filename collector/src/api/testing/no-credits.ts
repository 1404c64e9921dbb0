import { NO_PLANS } from '@spanledger/metering';
import type { CreditsParts } from '../credits.ts';

/** For tests that ask about something else, and for whoever only wants the API described. */
export const NO_CREDITS: CreditsParts = {
  ledger: {
    accounts: { find: () => null, plans: NO_PLANS },
    commands: { run: notAskedHere, profileOf: () => null },
    get currentBook(): never {
      throw new Error('not asked here');
    },
    whenReady: Promise.resolve(),
    whenCommitted: () => Promise.resolve(),
  },
  query: notAskedHere,
  sums: notAskedHere,
  openReader: notAskedHere,
  nowMillis: () => 0,
};

function notAskedHere(): Promise<never> {
  return Promise.reject(new Error('not asked here'));
}
