import { describe, expect, it } from 'vitest';
import {
  aLot,
  anAccount,
  aPeriod,
  credits,
  micros,
  subscribed,
  terms,
  usedLot,
} from '../../test/accounts.ts';
import { atZero } from './at-zero.ts';
import type { PlanFact } from './fact.ts';
import { NO_BREAKDOWN, statementOf } from './statement.ts';
import { statementJson } from './statement-json.ts';

const NOW = micros('2026-11-11T00:00:00Z');
const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };
const PLAN = terms({ overage: { policy: 'charge', price_usd: '0.003', limit: '5000' } });
const PERIOD = aPeriod(NOVEMBER, PLAN, { period: 3 });
const ALLOWANCE = aLot('period:3', {
  amount: credits('20000'),
  effectiveMicros: NOVEMBER.startMicros,
  expiresMicros: NOVEMBER.endMicros,
});
const OLD = aLot('period:2', { expiresMicros: NOVEMBER.startMicros });
const GIFT = aLot('promotional:c9', {
  kind: 'promotional',
  amount: credits('50'),
  effectiveMicros: micros('2026-11-05T00:00Z'),
  expiresMicros: micros('2026-12-05T00:00Z'),
});
const LATER = aLot('promotional:c10', { kind: 'promotional', effectiveMicros: micros('2026-11-20T00:00Z') });
const CANCELED: PlanFact = {
  kind: 'canceled',
  id: 'x',
  atMicros: NOVEMBER.endMicros,
  recordedMicros: NOW,
  actor: null,
  reason: null,
};

const ACCOUNT = {
  period: PERIOD,
  lots: [
    usedLot(GIFT, credits('50')),
    { ...usedLot(ALLOWANCE, credits('12000')), available: credits('7000'), held: credits('1000') },
    usedLot(OLD, credits('100')),
  ],
  usage: { used: credits('12051.5'), overage: credits('1.5') },
  planFacts: [subscribed(micros('2026-09-01T00:00Z'))],
};

describe('a statement', () => {
  it('says everything about a period in decimal texts', () => {
    const breakdown = {
      ...NO_BREAKDOWN,
      byFeature: [
        { name: 'translate', credits: credits('12000'), calls: 480, cost: 10n ** 14n, unpricedCalls: 0 },
        { name: null, credits: credits('51.5'), calls: 2, cost: null, unpricedCalls: 2 },
      ],
    };
    expect(statementJson(statementOf(anAccount(ACCOUNT), PERIOD, breakdown, NOW))).toEqual({
      customer: 'acme',
      at: '2026-11-11T00:00:00.000Z',
      period: {
        number: 3,
        start: '2026-11-01T00:00:00.000Z',
        end: '2026-12-01T00:00:00.000Z',
        zone: 'UTC',
        is_trial: false,
      },
      plan: 'pro',
      plan_version: PLAN.version,
      next_reset: '2026-12-01T00:00:00.000Z',
      next_plan: 'pro',
      allowance: '20000',
      granted: { allowance: '20000', promotional: '50', trial: '0', rollover: '0', purchased: '0' },
      used: '12051.5',
      used_from_lots: '12050',
      overage: '1.5',
      overrun: '0',
      overdraft: '0',
      available: '7000',
      held: '1000',
      remaining: '8000',
      at_zero: {
        code: 'charge',
        sentence: 'Further usage is charged at 0.003 USD per credit, up to 5000 credits in each period.',
      },
      overage_charge_usd: '0.0045',
      overage_charge_usd_rounded: '0.00',
      // 12,051.5 credits in ten days: 8,000 more last for 573,538.563 seconds.
      exhausted_at: '2026-11-17T15:18:58.563Z',
      lots: [
        {
          id: 'promotional:c9',
          kind: 'promotional',
          amount: '50',
          effective: '2026-11-05T00:00:00.000Z',
          expires: '2026-12-05T00:00:00.000Z',
          consumed: '50',
          expired: '0',
          rolled_over: '0',
          withdrawn: '0',
          available: '0',
          held: '0',
        },
        {
          id: 'period:3',
          kind: 'allowance',
          amount: '20000',
          effective: '2026-11-01T00:00:00.000Z',
          expires: '2026-12-01T00:00:00.000Z',
          consumed: '12000',
          expired: '0',
          rolled_over: '0',
          withdrawn: '0',
          available: '7000',
          held: '1000',
        },
      ],
      by_feature: [
        { name: 'translate', credits: '12000', calls: 480, cost_usd: '0.1', unpriced_calls: 0 },
        { name: null, credits: '51.5', calls: 2, cost_usd: null, unpriced_calls: 2 },
      ],
      by_user: [],
      by_model: [],
    });
  });

  it('of an ended period is that of its last instant, without a forecast', () => {
    const later = micros('2027-01-15T00:00Z');
    const statement = statementOf(anAccount(ACCOUNT), PERIOD, NO_BREAKDOWN, later);
    expect(statement.atMicros).toBe(NOVEMBER.endMicros - 1);
    expect(statement.exhaustedMicros).toBeNull();
  });

  it('promises no credits after a cancellation', () => {
    const account = anAccount({ ...ACCOUNT, planFacts: [...ACCOUNT.planFacts, CANCELED] });
    expect(statementOf(account, PERIOD, NO_BREAKDOWN, NOW)).toMatchObject({
      nextResetMicros: null,
      nextPlan: null,
    });
  });

  it('leaves out lots that begin later', () => {
    const account = anAccount({ ...ACCOUNT, lots: [...ACCOUNT.lots, usedLot(LATER, 0n)] });
    const { lots } = statementOf(account, PERIOD, NO_BREAKDOWN, NOW);
    expect(lots.map(({ lot }) => lot.id)).toEqual(['promotional:c9', 'period:3']);
  });

  it('rounds what is invoiced to cents, halves away from zero, and shows it exactly beside', () => {
    const account = anAccount({ ...ACCOUNT, usage: { used: credits('15'), overage: credits('15') } });
    expect(statementJson(statementOf(account, PERIOD, NO_BREAKDOWN, NOW))).toMatchObject({
      overage_charge_usd: '0.045',
      overage_charge_usd_rounded: '0.05',
    });
  });
});

describe('what happens at zero', () => {
  it('is said for every policy', () => {
    const codes = (['charge', 'block', 'allow', 'degrade'] as const).map((policy) => {
      const overage = policy === 'charge' ? { policy, price_usd: '1' } : { policy };
      return atZero(terms({ overage }));
    });
    expect(codes.map(({ code }) => code)).toEqual(['charge', 'block', 'allow', 'degrade']);
    expect(new Set(codes.map(({ sentence }) => sentence)).size).toBe(4);
    expect(atZero(terms({ overage: { policy: 'allow', repay: true } })).sentence).toContain('repaid');
    expect(atZero(null).code).toBe('no_plan');
  });
});
