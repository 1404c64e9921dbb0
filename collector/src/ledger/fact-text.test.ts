import type { AccountFact } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factOf, factText } from './fact-text.ts';

/** Anything that people may write, and above all what looks like an amount as it is stored. */
const words = fc.oneof(fc.string(), fc.stringMatching(/^~{0,2}-?[0-9]{1,20}n$/));
const amount = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });

function aGrant(
  id: string,
  actor: string | null,
  reason: string | null,
  credits: bigint,
  paidUsd: bigint | null,
): AccountFact {
  return {
    kind: 'granted',
    id,
    atMicros: 1,
    recordedMicros: 2,
    actor,
    reason,
    lot: {
      id,
      kind: 'purchased',
      amount: credits,
      priority: 0,
      effectiveMicros: 1,
      expiresMicros: null,
      source: id,
      paidUsd,
    },
  };
}

describe('a fact as text', () => {
  it('I24: comes back as it was, amounts to the last digit, whatever people have written in it', () => {
    fc.assert(
      fc.property(
        words,
        fc.option(words),
        fc.option(words),
        amount,
        fc.option(amount),
        (id, actor, reason, credits, paid) => {
          const fact = aGrant(id, actor, reason, credits, paid);
          expect(factOf(factText(fact))).toEqual(fact);
        },
      ),
    );
  });

  it('has amounts as integers that end in n, which the views of the ledger read', () => {
    expect(JSON.parse(factText(aGrant('1n', null, null, 12_345_678_901_000_001n, null)))).toMatchObject({
      id: '~1n',
      lot: { amount: '12345678901000001n', paidUsd: null },
    });
  });
});
