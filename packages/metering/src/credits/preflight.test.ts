import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anAccount, aPeriod, credits, micros, terms } from '../../test/accounts.ts';
import type { PlanConfiguration } from './plan-configuration.ts';
import { fundsAt, type Preflight, preflight } from './preflight.ts';

const NOW = micros('2026-11-11T10:00:00Z');
const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };

/** 100 credits are available, 20 held, and 30 of overage used, under some policy. */
function check(
  overage: PlanConfiguration['overage'] | null,
  estimate: string,
  degraded: string | null = null,
): Preflight {
  const account = anAccount({
    available: credits('100'),
    held: credits('20'),
    usage: { overage: credits('30') },
    period: aPeriod(NOVEMBER, overage === null ? null : terms({ overage })),
  });
  const degradedEstimate = degraded === null ? null : credits(degraded);
  return preflight({ estimate: credits(estimate), degradedEstimate }, fundsAt(account, NOW));
}

describe('a check before an action', () => {
  it.each([
    { policy: 'charge', price_usd: '1' },
    { policy: 'block' },
    { policy: 'allow' },
    { policy: 'degrade' },
  ] as const)('allows what is available, whatever happens at zero: $policy', (overage) => {
    expect(check(overage, '100', '1')).toEqual({
      answer: 'allow',
      reason: 'COVERED',
      message: '100 credits are available and cover the estimate of 100 credits.',
      estimate: credits('100'),
      uncovered: 0n,
      available: credits('100'),
      held: credits('20'),
      promised: 0n,
      remaining: credits('120'),
    });
  });

  it('denies more than is available where credits that run out block; what is held does not count', () => {
    expect(check({ policy: 'block' }, '100.000001', '5')).toEqual({
      answer: 'deny',
      reason: 'INSUFFICIENT_CREDITS',
      message:
        '100 credits are available, not the 100.000001 credits that are needed. Top up, change the plan, or wait for the next period.',
      estimate: credits('100.000001'),
      uncovered: 1n,
      available: credits('100'),
      held: credits('20'),
      promised: 0n,
      remaining: credits('120'),
    });
  });

  it('sells overage up to its limit, with that of the period so far', () => {
    const overage = { policy: 'charge', price_usd: '1', limit: '50' } as const;
    expect(check(overage, '120')).toMatchObject({
      answer: 'allow',
      reason: 'OVERAGE',
      uncovered: credits('20'),
    });
    expect(check(overage, '120.1')).toMatchObject({ answer: 'deny', reason: 'OVERAGE_LIMIT' });
    expect(check({ policy: 'charge', price_usd: '1' }, '9999')).toMatchObject({ answer: 'allow' });
  });

  it('counts what open holds were promised beyond what they hold: against what is available, then the limit', () => {
    const promised = (available: string, overage: PlanConfiguration['overage'], estimate: string) =>
      preflight(
        { estimate: credits(estimate), degradedEstimate: null },
        fundsAt(
          anAccount({
            available: credits(available),
            promised: credits('30'),
            period: aPeriod(NOVEMBER, terms({ overage })),
          }),
          NOW,
        ),
      );
    const charge = { policy: 'charge', price_usd: '1', limit: '50' } as const;
    expect(promised('0', charge, '20')).toMatchObject({ answer: 'allow', reason: 'OVERAGE' });
    expect(promised('0', charge, '20.1')).toMatchObject({ answer: 'deny', reason: 'OVERAGE_LIMIT' });
    expect(promised('100', charge, '70')).toMatchObject({ reason: 'COVERED', uncovered: 0n });
    expect(promised('100', charge, '71')).toMatchObject({ reason: 'OVERAGE', uncovered: credits('1') });
    expect(promised('100', { policy: 'block' }, '70')).toMatchObject({ answer: 'allow' });
    expect(promised('100', { policy: 'block' }, '71')).toMatchObject({
      answer: 'deny',
      message: expect.stringMatching(
        /^100 credits are available but for 30 credits that open holds were promised, not the 71 credits/,
      ),
    });
    expect(promised('10', { policy: 'block' }, '0')).toMatchObject({ answer: 'allow', reason: 'COVERED' });
  });

  it('offers the degraded form while that fits, then denies', () => {
    const overage = { policy: 'degrade' } as const;
    expect(check(overage, '101', '100')).toMatchObject({
      answer: 'degrade',
      reason: 'DEGRADED',
      estimate: credits('100'),
      uncovered: 0n,
    });
    expect(check(overage, '102', '101')).toMatchObject({ answer: 'deny', reason: 'INSUFFICIENT_CREDITS' });
    expect(check(overage, '101')).toMatchObject({ answer: 'deny', reason: 'INSUFFICIENT_CREDITS' });
  });

  it('lends under the policy allow, and refuses nothing to a customer without a plan', () => {
    expect(check({ policy: 'allow' }, '101')).toMatchObject({ answer: 'allow', reason: 'OVERDRAFT' });
    expect(check(null, '101')).toMatchObject({ answer: 'allow', reason: 'NO_PLAN' });
  });

  it('is never allowed under block or degrade beyond what is available', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: credits('1000') }),
        fc.option(fc.bigInt({ min: 0n, max: credits('1000') })),
        fc.bigInt({ min: 0n, max: credits('1000') }),
        fc.constantFrom('block', 'degrade'),
        (estimate, degradedEstimate, available, policy) => {
          const account = anAccount({ available, period: aPeriod(NOVEMBER, terms({ overage: { policy } })) });
          const {
            answer,
            estimate: allowed,
            uncovered,
          } = preflight({ estimate, degradedEstimate }, fundsAt(account, NOW));
          if (answer !== 'deny') expect([allowed <= available, uncovered]).toEqual([true, 0n]);
          if (estimate <= available) expect(answer).toBe('allow');
        },
      ),
    );
  });
});
