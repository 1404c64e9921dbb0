import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import type { ReceiverState } from './messages.ts';
import { readinessOf } from './readiness.ts';

const { journal } = readConfig(null, {});

function aReceiver(state: Partial<ReceiverState>): ReceiverState {
  return {
    run: 'run-1',
    requests: 0,
    requestsRefused: 0,
    requestsDeferred: 0,
    spans: 0,
    rejectedSpans: 0,
    logRecords: 0,
    bodyBytes: 0,
    refused: {},
    journalLagBytes: 0,
    journalWaitingMs: 0,
    journalKeptBytes: 0,
    journalSyncs: 0,
    residentBytes: 0,
    ledgerRestarts: 0,
    ledgerEnds: { memory: 0, overdue: 0, killed: 0, exit: 0 },
    ...state,
  };
}

function isReady(state: Partial<ReceiverState>): boolean {
  return readinessOf(aReceiver(state), null, journal).isReady;
}

it('a ledger that has posted everything, or is a few seconds behind, is ready', () => {
  expect(isReady({})).toBe(true);
  expect(isReady({ journalLagBytes: 50_000_000, journalWaitingMs: 5_000 })).toBe(true);
});

it('a ledger that has not posted a single body for half a minute is not ready, however small that is', () => {
  expect(isReady({ journalLagBytes: 200, journalWaitingMs: 30_000 })).toBe(true);
  expect(isReady({ journalLagBytes: 200, journalWaitingMs: 30_001 })).toBe(false);
});

it('nor is one with more to post than may wait, nor one of which the main process has said nothing yet', () => {
  expect(isReady({ journalLagBytes: journal.max_lag_bytes })).toBe(false);
  expect(readinessOf(null, null, journal)).toEqual({
    isReady: false,
    lagBytes: 0,
    waitingMs: 0,
    lastCommitAt: null,
  });
});
