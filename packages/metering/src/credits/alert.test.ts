import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccountStatement,
  aLot,
  anAccount,
  aPeriod,
  credits,
  micros,
  terms,
  usedLot,
} from '../../test/accounts.ts';
import { alertsDue, lateAlertsDue } from './alert.ts';
import type { KnownCost } from './margin.ts';

const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };
const DAY_MICROS = 86_400_000_000;
/** So late that no forecast is made of what the other tests use. */
const LAST_DAY = NOVEMBER.endMicros - 1;
const FREE: KnownCost = { cost: 0n, unpricedCalls: 0 };
const ALLOWANCE = aLot('period:1', {
  amount: credits('20000'),
  effectiveMicros: NOVEMBER.startMicros,
  expiresMicros: NOVEMBER.endMicros,
});
const TOP_UP = aLot('purchased:c1', {
  kind: 'purchased',
  amount: credits('50000'),
  effectiveMicros: NOVEMBER.startMicros,
});

function using(used: bigint, more: AccountStatement = {}) {
  const consumed = used < ALLOWANCE.amount ? used : ALLOWANCE.amount;
  return anAccount({
    period: aPeriod(NOVEMBER),
    lots: [usedLot(ALLOWANCE, consumed)],
    usage: { used, overrun: used - consumed },
    ...more,
  });
}

function due(
  account: ReturnType<typeof anAccount>,
  {
    fired = [],
    cost = FREE,
    nowMicros = LAST_DAY,
  }: { fired?: string[]; cost?: KnownCost; nowMicros?: number } = {},
): string[] {
  return alertsDue(account, cost, new Set(fired), nowMicros).map(({ alert }) => alert);
}

describe('threshold alerts', () => {
  it('are due when the use first reaches a level of the allowance, to the micro-credit', () => {
    expect(due(using(credits('10000') - 1n))).toEqual([]);
    expect(due(using(credits('10000')))).toEqual(['threshold:50']);
    expect(due(using(credits('16000')), { fired: ['threshold:50'] })).toEqual(['threshold:80']);
    expect(due(using(credits('20001')))).toEqual(['threshold:50', 'threshold:80', 'threshold:100']);
  });

  it('tell what was found, under a name of their own for each customer, period and level', () => {
    const [alert] = alertsDue(using(credits('10000.5')), FREE, new Set(), LAST_DAY);
    expect(alert).toEqual({
      kind: 'alert',
      id: expect.stringMatching(/^alert:[0-9a-f]{16}:1:threshold:50$/),
      atMicros: LAST_DAY,
      recordedMicros: LAST_DAY,
      actor: null,
      reason: null,
      period: 1,
      alert: 'threshold:50',
      detail: { percent: '50', used: '10000.5', allowance: '20000' },
    });
    const other = { ...using(credits('10000.5')), customer: 'other' };
    expect(alertsDue(other, FREE, new Set(), LAST_DAY)[0]?.id).not.toBe(alert?.id);
  });

  it('do not move when credits are topped up', () => {
    const lots = [usedLot(ALLOWANCE, credits('10000')), usedLot(TOP_UP, 0n)];
    expect(due(using(credits('10000'), { lots }))).toEqual(['threshold:50']);
  });

  it('count the extra allowance of an upgrade, and not that of the period before', () => {
    const extra = aLot('upgrade:c1', {
      ...ALLOWANCE,
      id: 'upgrade:c1',
      effectiveMicros: NOVEMBER.startMicros + 5,
    });
    const before = aLot('period:0', { effectiveMicros: 0, expiresMicros: NOVEMBER.startMicros });
    const lots = [usedLot(ALLOWANCE, credits('10000')), usedLot(extra, 0n), usedLot(before, credits('100'))];
    expect(due(using(credits('10000'), { lots }))).toEqual([]);
  });

  it('are those of the plan, and of the trial while it lasts', () => {
    const plan = terms({ alerts: { thresholds: [25, 150] } });
    expect(due(using(credits('30000'), { period: aPeriod(NOVEMBER, plan) }))).toEqual([
      'threshold:25',
      'threshold:150',
    ]);
    const trial = aLot('trial', { ...ALLOWANCE, id: 'trial', kind: 'trial', amount: credits('500') });
    const period = aPeriod(NOVEMBER, terms(), { isTrial: true });
    expect(due(using(credits('250'), { period, lots: [usedLot(trial, credits('250'))] }))).toEqual([
      'threshold:50',
    ]);
  });

  it('never come without an allowance', () => {
    expect(due(using(credits('5'), { lots: [] }))).toEqual([]);
    expect(due(using(credits('5'), { period: null }))).toEqual([]);
  });

  it('I26: each level fires at most once, whatever usage and corrections come', () => {
    const uses = fc.array(fc.bigInt({ min: 0n, max: credits('30000') }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(uses, (steps) => {
        const fired: string[] = [];
        for (const used of steps) {
          const account = using(used);
          fired.push(...due(account, { fired, nowMicros: NOVEMBER.startMicros + 3 * DAY_MICROS }));
        }
        expect(new Set(fired).size).toBe(fired.length);
        const reached = [50n, 80n, 100n].filter((percent) =>
          steps.some((used) => used * 100n >= ALLOWANCE.amount * percent),
        );
        expect(fired.filter((alert) => alert.startsWith('threshold'))).toHaveLength(reached.length);
      }),
    );
  });
});

describe('alerts of a period that has ended', () => {
  const ENDED = { number: 1, endMicros: NOVEMBER.endMicros };
  const LATER = NOVEMBER.endMicros + 5_000_000;

  it('C19: are those of the levels that its use has reached since, told when that is known', () => {
    const fired = new Set(['threshold:50']);
    const [alert, ...more] = lateAlertsDue(using(credits('17000')), ENDED, fired, LATER);
    expect(more).toEqual([]);
    expect(alert).toMatchObject({
      alert: 'threshold:80',
      period: 1,
      atMicros: LATER,
      recordedMicros: LATER,
      detail: { percent: '80', used: '17000', allowance: '20000' },
    });
    expect(alert?.id).toMatch(/^alert:[0-9a-f]{16}:1:threshold:80$/);
  });

  it('are looked for as of its last instant, when its allowance had not expired', () => {
    const asked: number[] = [];
    const account = using(credits('10000'));
    const noted = {
      ...account,
      balance: (atMicros: number) => {
        asked.push(atMicros);
        return account.balance(atMicros);
      },
    };
    expect(lateAlertsDue(noted, ENDED, new Set(), LATER)).toHaveLength(1);
    expect(asked).toEqual([LAST_DAY]);
  });

  it('foresee nothing', () => {
    expect(lateAlertsDue(using(credits('5000')), ENDED, new Set(), LATER)).toEqual([]);
  });
});

describe('the forecast of exhaustion', () => {
  const at = (days: number) => ({ nowMicros: NOVEMBER.startMicros + days * DAY_MICROS });

  it('is due when the pace of the period uses everything up before its end', () => {
    // 1,000 a day: 20,000 last for 20 days of 30.
    expect(due(using(credits('5000')), at(5))).toEqual(['exhaustion_forecast']);
    const [alert] = alertsDue(using(credits('5000')), FREE, new Set(), at(5).nowMicros);
    expect(alert?.detail).toEqual({
      used: '5000',
      remaining: '15000',
      exhausted_at: '2026-11-21T00:00:00.000Z',
      period_ends_at: '2026-12-01T00:00:00.000Z',
    });
    expect(due(using(credits('5000')), { ...at(5), fired: ['exhaustion_forecast'] })).toEqual([]);
  });

  it('waits for a day of data', () => {
    expect(due(using(credits('5000')), { nowMicros: NOVEMBER.startMicros + DAY_MICROS - 1 })).toEqual([]);
    expect(due(using(credits('5000')), at(1))).toEqual(['exhaustion_forecast']);
  });

  it('is none when the credits last, when top-ups make them last, or when they are gone', () => {
    expect(due(using(credits('3000')), at(5))).toEqual([]);
    const lots = [usedLot(ALLOWANCE, credits('5000')), usedLot(TOP_UP, 0n)];
    expect(due(using(credits('5000'), { lots }), at(5))).toEqual([]);
    expect(
      due(using(credits('20000')), { ...at(5), fired: ['threshold:50', 'threshold:80', 'threshold:100'] }),
    ).toEqual([]);
    expect(due(using(0n), at(5))).toEqual([]);
  });
});

describe('the alert of a negative margin', () => {
  it('is due when the known cost is above what the credits are worth', () => {
    // 100 credits at 0.00245 USD.
    const value = 245_000_000_000_000n;
    const account = using(credits('100'));
    expect(due(account, { cost: { cost: value, unpricedCalls: 0 } })).toEqual([]);
    expect(due(account, { cost: { cost: value + 1n, unpricedCalls: 0 } })).toEqual(['negative_margin']);
    const [alert] = alertsDue(account, { cost: value + 1n, unpricedCalls: 3 }, new Set(), LAST_DAY);
    expect(alert?.detail).toEqual({
      revenue_value_usd: '0.245',
      cost_usd: '0.245000000000001',
      unpriced_calls: '3',
    });
  });

  it('is not guessed where cost or value are not known', () => {
    expect(due(using(credits('100')), { cost: { cost: null, unpricedCalls: 5 } })).toEqual([]);
    const free = aPeriod(NOVEMBER, terms({ fee_usd: '0' }));
    expect(
      due(using(credits('100'), { period: free }), { cost: { cost: 10n ** 18n, unpricedCalls: 0 } }),
    ).toEqual([]);
  });
});
