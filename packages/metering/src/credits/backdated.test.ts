import { describe, expect, it } from 'vitest';
import { credits, micros, plansOf } from '../../test/accounts.ts';
import type { CustomerAccount } from './account.ts';
import { decideSince } from './backdated.ts';
import type { Decided } from './commands.ts';
import { decideTopUp } from './lot-commands.ts';
import { openAccount } from './open-account.ts';
import { decideChangePlan, decideSubscribe } from './plan-commands.ts';

const PLANS = plansOf({
  starter: { fee_usd: '10', allowance: '100' },
  pro: { fee_usd: '40', allowance: '400' },
});
const START = micros('2026-11-01T00:00:00Z');
const SINCE = micros('2026-11-16T00:00:00Z');
const NOW = micros('2026-11-20T10:00:00Z');

/** A customer of starter since November 1st, as the ledger knows it on the 20th. */
function aSubscriber(nowMicros = NOW): CustomerAccount {
  const account = openAccount('acme', [], []);
  const command = { id: 's', actor: null, reason: null, plan: 'starter', startMicros: START };
  const decided = decideSubscribe(
    account,
    { ...command, zone: 'UTC', anchorDay: null, withTrial: false },
    PLANS,
    nowMicros,
  );
  apply(account, decided);
  account.advance(nowMicros, PLANS);
  return account;
}

function apply(account: CustomerAccount, decided: Decided): void {
  if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
  for (const fact of decided.facts) expect(account.apply(fact)).toMatchObject({ needsUsage: false });
}

const TOP_UP = {
  id: 't',
  actor: 'ann',
  reason: 'ordered',
  amount: credits('50'),
  paidUsd: 0n,
  expiresMicros: null,
  priority: null,
};
const topUpSince = (account: CustomerAccount, sinceMicros: number | null, nowMicros = NOW) =>
  decideSince(account, sinceMicros, nowMicros, (atMicros) => decideTopUp(TOP_UP, atMicros));

describe('a command of the past', () => {
  it('gives credits from then on, and says when it was told', () => {
    const account = aSubscriber();
    const decided = topUpSince(account, SINCE);
    expect(decided).toMatchObject({
      facts: [{ atMicros: SINCE, recordedMicros: NOW, lot: { effectiveMicros: SINCE } }],
    });
    apply(account, decided);
    expect(account.balance(SINCE - 1).available).toBe(credits('100'));
    expect(account.balance(SINCE).available).toBe(credits('150'));
  });

  it('changes the plan as it would have been changed then: prorated by the days that were left', () => {
    const account = aSubscriber();
    const decided = decideSince(account, SINCE, NOW, (atMicros) =>
      decideChangePlan(account, { id: 'c', actor: null, reason: null, plan: 'pro' }, PLANS, atMicros),
    );
    // 15 of 30 days, of 30 USD and of 300 credits.
    expect(decided).toMatchObject({
      facts: [
        { kind: 'plan_changed', atMicros: SINCE, recordedMicros: NOW, extraFee: 15_000_000_000_000_000n },
        { kind: 'granted', atMicros: SINCE, recordedMicros: NOW, lot: { amount: credits('150') } },
      ],
    });
    apply(account, decided);
    expect(account.termsAt(SINCE - 1)?.plan).toBe('starter');
    expect(account.termsAt(SINCE)?.plan).toBe('pro');
    expect(account.balance(NOW).available).toBe(credits('250'));
  });

  it('holds from now on where no instant is said', () => {
    expect(topUpSince(aSubscriber(), null)).toMatchObject({
      facts: [{ atMicros: NOW, recordedMicros: NOW }],
    });
  });

  it('is refused in the future, and in a period that is closed (I20)', () => {
    expect(topUpSince(aSubscriber(), NOW + 1)).toMatchObject({ kind: 'refused', code: 'START_IN_FUTURE' });
    const january = micros('2027-01-10T00:00:00Z');
    const account = aSubscriber(january);
    const closedUntil = micros('2027-01-01T00:00:00Z');
    expect(account.closedUntilMicros).toBe(closedUntil);
    expect(topUpSince(account, closedUntil - 1, january)).toMatchObject({ code: 'PERIOD_CLOSED' });
    expect(topUpSince(account, closedUntil, january)).toMatchObject({ kind: 'facts' });
  });
});
