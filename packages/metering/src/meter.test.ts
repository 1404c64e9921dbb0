import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCard, aChat, aSpan, rates } from '../test/builders.ts';
import type { Catalogue } from './catalogue.ts';
import { creditRules } from './credits/rule.ts';
import { type Book, meter } from './meter.ts';

const catalogue: Catalogue = {
  find: ({ model }) =>
    model === 'gpt-4o'
      ? {
          kind: 'found',
          matchKind: 'exact',
          card: aCard({ rates: rates({ uncachedInput: 3n, visibleOutput: 15n }) }),
        }
      : { kind: 'unpriced', reason: 'unknown_model' },
};

function aBook(): Book {
  const parsed = creditRules({
    default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.001', increment: '1' } },
  });
  if (parsed.kind === 'problems') throw new Error('the book of this test is wrong');
  return { catalogue, rules: parsed.rules };
}

describe('a metered span', () => {
  it('tells what was used, what it cost, what it burned and who pays', () => {
    const metered = meter(aChat(), aBook());
    expect(metered?.usage.tokens).toMatchObject({ uncachedInput: 1000, visibleOutput: 100 });
    // 1000 × 3 + 100 × 15 = 4,500 USD per million = 0.0045 USD; ÷ 0.5 ÷ 0.001 = 9 credits
    expect(metered?.rating).toMatchObject({ kind: 'priced', cost: 4_500_000_000_000n });
    expect(metered?.charge).toMatchObject({ kind: 'charged', credits: 9_000_000n });
    expect(metered?.transfer).toMatchObject({ customer: 'acme', amount: 9_000_000n });
  });

  it('is nothing when the span is no model call', () => {
    expect(meter(aSpan(), aBook())).toBeNull();
  });

  it('is the same however often it is delivered', () => {
    const counts = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(counts, counts, (input, output) => {
        const span = () =>
          aChat({ 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output });
        expect(meter(span(), aBook())).toEqual(meter(span(), aBook()));
      }),
    );
  });

  it('never has a number for an unknown model', () => {
    fc.assert(
      fc.property(
        fc.string().filter((model) => model !== 'gpt-4o'),
        (model) => {
          const metered = meter(aChat({ 'gen_ai.request.model': model }), aBook());
          expect(metered?.rating).toEqual({
            kind: 'unpriced',
            status: 'unpriced:unknown_model',
            reason: 'unknown_model',
          });
          expect(metered?.charge).toEqual({ kind: 'pending', reason: 'unpriced' });
          expect(metered?.transfer).toBeNull();
        },
      ),
    );
  });

  it('costs and burns nothing when it only repeats its children', () => {
    const metered = meter(aChat({ 'gen_ai.operation.name': 'invoke_agent' }), aBook());
    expect(metered).toMatchObject({
      rating: { kind: 'not_billed' },
      charge: { kind: 'not_charged', reason: 'not_billed' },
      transfer: null,
    });
  });

  it('of internal usage has its cost and touches no account', () => {
    const metered = meter(aChat({ 'spanledger.usage.class': 'internal' }), aBook());
    expect(metered).toMatchObject({
      rating: { cost: 4_500_000_000_000n },
      charge: { kind: 'not_charged', reason: 'internal' },
      transfer: null,
    });
  });
});
