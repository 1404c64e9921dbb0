import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';

const TODAY = Date.UTC(2026, 10, 23) * 1000;

function refusal(text: string): string {
  try {
    readConfig(text, {});
  } catch (error) {
    if (error instanceof SpanledgerError) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('plans in the configuration', () => {
  it('are none where nothing is said', () => {
    expect(readConfig(null, {}).plans.names).toEqual([]);
  });

  it('are read exactly, with or without quotes, in one version or several', () => {
    const { plans } = readConfig(
      `
plans:
  free: { fee_usd: 0, allowance: 100, overage: { policy: degrade } }
  pro:
    - fee_usd: 49
      allowance: 20000
      credit_value_usd: 0.00245
      overage: { policy: charge, price_usd: "0.003", limit: 5000 }
      rollover: { up_to: 5000, periods: 2 }
      trial: { days: 14, credits: 500 }
      alerts: { thresholds: [90] }
    - from: 2026-12-01
      fee_usd: 59
      allowance: 20000.5
      overage: { policy: allow, repay: true }
`,
      {},
    );
    expect(plans.names).toEqual(['free', 'pro']);
    expect(plans.termsAt('pro', TODAY)).toMatchObject({
      fee: 49_000_000_000_000_000n,
      creditValue: { numerator: 2_450_000_000_000n, denominator: 1n },
      rollover: { upTo: 5_000_000_000n, periods: 2 },
      trial: { days: 14, credits: 500_000_000n },
      thresholds: [90],
    });
    expect(plans.termsAt('pro', Date.UTC(2026, 11, 1) * 1000)).toMatchObject({
      allowance: 20_000_500_000n,
      overage: { policy: 'allow', repaysOverdraft: true },
    });
  });

  it('with mistakes are told of at their place', () => {
    expect(
      refusal('plans: { pro: { fee_usd: 49, allowance: 1, trial: { days: 1.5, credits: 5 } } }'),
    ).toContain('plans.pro.trial.days: must be integer, found "1.5"');
    expect(refusal('plans: { pro: { fee_usd: 4 9, allowance: 1, overage: { policy: charge } } }')).toContain(
      'plans.pro.overage.price_usd: must be a price under the policy charge, found nothing',
    );
    expect(refusal('plans: { pro: [{ fee_usd: 49 }] }')).toContain('plans.pro.0');
    expect(refusal('plans: { pro: 5 }')).toContain('plans.pro: must be a plan: {fee_usd, allowance, …}');
  });
});
