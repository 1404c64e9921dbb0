import { describe, expect, it } from 'vitest';
import { credits, NO_UNITS, ruleFor, usd } from '../../test/actions.ts';
import { aCard, NO_TOKENS, NOON_MICROS, rates } from '../../test/builders.ts';
import type { Catalogue } from '../catalogue.ts';
import { estimateCredits } from './estimate.ts';
import {
  type AskedAction,
  byRecentUse,
  type PreflightEstimate,
  preflightEstimate,
} from './preflight-estimate.ts';
import type { RuleConfiguration } from './rule-configuration.ts';

/** A token of `big` costs 10 USD per million, above 1000 of input twice that; one of `small` a dollar. */
const CATALOGUE: Catalogue = {
  find({ model }) {
    const card = {
      big: aCard({
        standard: {
          rates: rates({ input: 10n }),
          tiers: [{ threshold: 1000, operator: 'gt', rates: rates({ input: 20n }) }],
        },
      }),
      small: aCard({ standard: { rates: rates({ input: 1n }), tiers: [] } }),
    }[model];
    return card === undefined
      ? { kind: 'unpriced', reason: 'unknown_model', detail: null }
      : { kind: 'found', card, matchKind: 'exact', region: null };
  },
};

const COST_PLUS: RuleConfiguration = {
  cost_plus: { markup: '0', credit_value_usd: '0.01' },
  increment: '0.000001',
};

function estimate(rule: RuleConfiguration | null, asked: Partial<AskedAction>): PreflightEstimate {
  return preflightEstimate(
    {
      customer: 'acme',
      atMicros: NOON_MICROS,
      credits: null,
      calls: 1,
      tokens: null,
      cost: null,
      model: null,
      provider: 'openai',
      ...asked,
    },
    {
      rule: rule === null ? null : ruleFor(rule).ruleAt(null, NOON_MICROS),
      plan: null,
      catalogue: CATALOGUE,
      tenant: 'house',
    },
  );
}

const input = (uncachedInput: number) => ({ ...NO_TOKENS, uncachedInput });

describe('the estimate of a check', () => {
  it('is what was said, whatever the rule makes of the rest', () => {
    expect(estimate(COST_PLUS, { credits: credits('7'), model: 'big', tokens: input(10) })).toMatchObject({
      kind: 'known',
      credits: credits('7'),
      by: 'credits',
    });
    expect(estimate(null, { credits: credits('7') })).toMatchObject({ credits: credits('7'), by: 'credits' });
  });

  it('prices each call by itself: two calls of 600 tokens are no request of 1200, which would cost twice as much', () => {
    const two = estimate(COST_PLUS, { model: 'big', tokens: input(600), calls: 2 });
    // 1200 tokens × 10 USD per million = 0.012 USD = 1.2 credits.
    expect(two).toMatchObject({ kind: 'known', credits: credits('1.2'), by: 'expected_use' });
    expect(estimate(COST_PLUS, { model: 'big', tokens: input(1200) })).toMatchObject({
      credits: credits('2.4'),
    });
  });

  it('counts the tokens of all calls', () => {
    const rule = { tokens: { input: '1', output: '0' }, increment: '0.000001' };
    const expected = estimateCredits(
      ruleFor(rule).ruleAt(null, 0) ?? expect.fail('there is a rule'),
      { tokens: input(3000), calls: 3, units: { ...NO_UNITS, requests: 3 } },
      null,
    );
    expect(estimate(rule, { tokens: input(1000), calls: 3 })).toMatchObject({
      credits: expected.kind === 'credits' ? expected.credits : null,
      by: 'expected_use',
    });
  });

  it('prices the smaller form by its own model: what was said of the cost holds for the one that is asked for', () => {
    const degrading: RuleConfiguration = { ...COST_PLUS, degraded: { ...COST_PLUS, model: 'small' } };
    expect(estimate(degrading, { model: 'big', tokens: input(1000) })).toMatchObject({
      credits: credits('1'),
      degraded: { model: 'small', credits: credits('0.1') },
    });
    expect(estimate(degrading, { model: 'big', tokens: input(1000), cost: usd('0.5') })).toMatchObject({
      credits: credits('50'),
      degraded: { model: 'small', credits: credits('0.1') },
    });
    expect(estimate(degrading, { model: 'big', cost: usd('0.5') })).toMatchObject({
      credits: credits('50'),
      degraded: null,
    });
  });

  it('is nothing where no rule charges, or cost has no value in credits', () => {
    expect(estimate(null, { model: 'big', tokens: input(1) })).toMatchObject({
      credits: 0n,
      by: 'not_charged',
    });
    expect(estimate({ cost_plus: { markup: '0' } }, { model: 'big', tokens: input(1) })).toMatchObject({
      credits: 0n,
      by: 'not_charged',
    });
  });

  it('is never a guess where tokens are expected of a model without a price', () => {
    expect(estimate(COST_PLUS, { model: 'unheard-of', tokens: input(1) })).toEqual({ kind: 'unpriced' });
  });

  it('goes by recent actions where nothing is said that the rule counts, else by the least', () => {
    const unsaid = estimate({ ...COST_PLUS, increment: '0.5', minimum: '0.1', cap: '20' }, {});
    if (unsaid.kind !== 'unsaid') expect.fail('nothing was said');
    expect(unsaid.missing).toBe('no_cost');
    expect(byRecentUse(unsaid, { median: credits('4'), high: credits('9') })).toMatchObject({
      credits: credits('9'),
      usual: credits('4'),
      by: 'recent_actions',
    });
    expect(byRecentUse(unsaid, null)).toMatchObject({ credits: credits('0.5'), usual: null, by: 'least' });
  });

  it('needs nothing to be said where the rule charges a fixed amount', () => {
    expect(estimate({ fixed: { credits: '5' } }, { tokens: input(1), model: 'unheard-of' })).toMatchObject({
      kind: 'known',
      credits: credits('5'),
      by: 'rule',
    });
  });
});
