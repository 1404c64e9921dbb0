import { describe, expect, it } from 'vitest';
import { anAccount, credits, micros } from '../../test/accounts.ts';
import type { Decided } from './commands.ts';
import {
  type AdjustCommand,
  decideAdjust,
  decideGrant,
  decideTopUp,
  type TopUpCommand,
} from './lot-commands.ts';

const NOW = micros('2026-11-11T10:00:00Z');
const COMMAND = { id: 'c1', actor: 'ann', reason: 'goodwill', expiresMicros: null, priority: null };
const LATER = NOW + 1;

function topUp(more: Partial<TopUpCommand> = {}): Decided {
  return decideTopUp({ ...COMMAND, amount: credits('1000'), paidUsd: 5_000_000_000_000_000n, ...more }, NOW);
}

function adjust(amount: bigint, more: Partial<AdjustCommand> = {}): Decided {
  const account = anAccount({ available: credits('10'), held: credits('90') });
  return decideAdjust(account, { ...COMMAND, amount, ...more }, NOW);
}

function outcome(decided: Decided): string {
  return decided.kind === 'refused' ? decided.code : decided.kind;
}

describe('a top-up', () => {
  it('is a lot of purchased credits that remembers what was paid', () => {
    expect(topUp()).toEqual({
      kind: 'facts',
      facts: [
        {
          kind: 'granted',
          id: 'command:c1',
          atMicros: NOW,
          recordedMicros: NOW,
          actor: 'ann',
          reason: 'goodwill',
          lot: {
            id: 'purchased:c1',
            kind: 'purchased',
            amount: credits('1000'),
            priority: 0,
            effectiveMicros: NOW,
            expiresMicros: null,
            source: 'command:c1',
            paidUsd: 5_000_000_000_000_000n,
          },
        },
      ],
    });
  });

  it('may end, and burn before or after others', () => {
    expect(topUp({ expiresMicros: LATER, priority: -1 })).toMatchObject({
      facts: [{ lot: { expiresMicros: LATER, priority: -1 } }],
    });
  });

  it('is refused without credits, with a price below zero, or when it has ended already', () => {
    expect(outcome(topUp({ amount: 0n }))).toBe('INVALID_AMOUNT');
    expect(outcome(topUp({ paidUsd: -1n }))).toBe('INVALID_AMOUNT');
    expect(outcome(topUp({ expiresMicros: NOW }))).toBe('INVALID_EXPIRY');
  });
});

describe('a grant', () => {
  it('is a lot of promotional credits', () => {
    expect(decideGrant({ ...COMMAND, amount: credits('50'), expiresMicros: LATER }, NOW)).toMatchObject({
      facts: [{ kind: 'granted', lot: { kind: 'promotional', amount: credits('50'), paidUsd: null } }],
    });
  });
});

describe('an adjustment', () => {
  it('gives credits as a promotional lot', () => {
    expect(adjust(credits('5'))).toMatchObject({
      facts: [{ kind: 'granted', lot: { kind: 'promotional', amount: credits('5') } }],
    });
  });

  it('takes at most what is available: neither what is held nor what was used', () => {
    expect(adjust(-credits('10'))).toMatchObject({ facts: [{ kind: 'withdrawn', amount: credits('10') }] });
    expect(adjust(-credits('10') - 1n)).toEqual({
      kind: 'refused',
      code: 'INSUFFICIENT_CREDITS',
      message: 'Expected at most the 10 credits that are available, got 10.000001 credits to be taken.',
    });
  });

  it('is never made by nobody or for no reason, and never of nothing', () => {
    expect(outcome(adjust(1n, { reason: ' ' }))).toBe('REASON_REQUIRED');
    expect(outcome(adjust(1n, { actor: null }))).toBe('REASON_REQUIRED');
    expect(outcome(adjust(0n))).toBe('INVALID_AMOUNT');
  });
});
