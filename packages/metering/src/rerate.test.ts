import { describe, expect, it } from 'vitest';
import { aCard } from '../test/builders.ts';
import type { Catalogue } from './catalogue.ts';
import { creditRules } from './credits/rule.ts';
import { type RatableUsage, rate } from './meter.ts';
import { type RecordedCharge, type ReratePolicy, rateAgain } from './rerate.ts';

const USAGE: RatableUsage = {
  eventTimeMicros: Date.UTC(2026, 9, 1) * 1000,
  billingRole: 'billed',
  customer: 'cus_acme',
  feature: null,
  usageClass: 'customer',
  status: 'ok',
  provider: 'openai',
  requestModel: 'gpt-4o',
  responseModel: 'gpt-4o',
  serviceTier: null,
  region: null,
  inferenceGeo: null,
  tokens: { uncachedInput: 1_000_000, cacheRead: 0, cacheWrite: 0, visibleOutput: 0, reasoning: 0 },
  cacheWrite5m: null,
  cacheWrite1h: null,
  cacheWrite12h: null,
  modalities: null,
  units: null,
  usageStatus: 'reported',
};

/** A million tokens cost so many dollars. */
function at(usd: bigint | null): Catalogue {
  if (usd === null) return { find: () => ({ kind: 'unpriced', reason: 'unknown_model', detail: null }) };
  const card = aCard({ standard: { rates: { input: usd * 10n ** 9n }, tiers: [] } });
  return { find: () => ({ kind: 'found', card, matchKind: 'exact', region: null }) };
}

const parsed = creditRules({ default: { cost_plus: { markup: '0', credit_value_usd: '1' } } });
if (parsed.kind === 'problems') throw new Error('the rules of the tests are wrong');
const { rules } = parsed;

function charged(usd: bigint | null): RecordedCharge {
  return {
    charge: rate(USAGE, { catalogue: at(usd), rules }, 'default').charge,
    rulesVersion: rules.version,
  };
}

/** Credits after a call that was rated at one price is rated at another. */
function credits(from: bigint | null, to: bigint | null, policy: ReratePolicy): bigint | string {
  const book = { catalogue: at(to), rules, rulesOf: () => rules };
  const { charge, transfer } = rateAgain(USAGE, charged(from), book, policy, 'default');
  if (charge.kind !== 'charged') return charge.kind;
  expect(transfer?.amount).toBe(charge.credits);
  return charge.credits / 1_000_000n;
}

describe('credits of a call that is rated again', () => {
  it('follow the price, if neutral', () => {
    expect(credits(2n, 3n, 'neutral')).toBe(3n);
    expect(credits(3n, 2n, 'neutral')).toBe(2n);
  });

  it('fall and never rise, if customer favourable', () => {
    expect(credits(2n, 3n, 'customer_favourable')).toBe(2n);
    expect(credits(3n, 2n, 'customer_favourable')).toBe(2n);
  });

  it.each<ReratePolicy>(['neutral', 'customer_favourable'])('are charged where they waited: %s', (policy) => {
    expect(credits(null, 3n, policy)).toBe(3n);
  });

  it.each<ReratePolicy>(['neutral', 'customer_favourable'])('wait where the price is lost: %s', (policy) => {
    expect(credits(3n, null, policy)).toBe('pending');
  });

  it('stay where nobody has their rules any more, though the cost is corrected', () => {
    const book = { catalogue: at(3n), rules, rulesOf: () => null };
    const again = rateAgain(USAGE, charged(2n), book, 'neutral', 'default');
    expect(again.charge).toEqual(charged(2n).charge);
    expect(again.rating).toMatchObject({ cost: 3n * 10n ** 15n });
  });
});
