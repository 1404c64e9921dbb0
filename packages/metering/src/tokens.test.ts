import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OverlapEvidence, type ReportedCounts, resolveTokens } from './tokens.ts';
import { inputTokens, outputTokens } from './usage.ts';

const NO_EVIDENCE: OverlapEvidence = { declaredInclusive: false, total: null };

function resolve(counts: Partial<ReportedCounts>, evidence: Partial<OverlapEvidence> = {}) {
  const none = { input: null, output: null, cacheRead: null, cacheWrite: null, reasoning: null };
  return resolveTokens({ ...none, ...counts }, false, () => ({ ...NO_EVIDENCE, ...evidence }));
}

describe('token classes', () => {
  it('take cached tokens out of input and reasoning out of output', () => {
    // Worked example 3 of the conventions.
    expect(resolve({ input: 3000, output: 600, cacheRead: 1000, reasoning: 200 })).toEqual({
      status: 'reported',
      reason: null,
      tokens: { uncachedInput: 2000, cacheRead: 1000, cacheWrite: 0, visibleOutput: 400, reasoning: 200 },
    });
  });

  it('are the same for inclusive counts and for exclusive counts that prove themselves', () => {
    const inclusive = resolve({ input: 84_564, output: 10, cacheRead: 84_562 });
    const exclusive = resolve({ input: 2, output: 10, cacheRead: 84_562 });
    expect(exclusive.tokens).toEqual(inclusive.tokens);
    expect(exclusive.reason).toBe('proved: cached beside input');
  });

  it('believe a total that only adds up with the cached part beside input', () => {
    const proved = resolve({ input: 50_000, output: 100, cacheRead: 40_000 }, { total: 90_100 });
    expect(proved.tokens?.uncachedInput).toBe(50_000);
    const unproved = resolve({ input: 50_000, output: 100, cacheRead: 40_000 }, { total: 50_100 });
    expect(unproved.tokens?.uncachedInput).toBe(10_000);
  });

  it('believe a total that only adds up with reasoning beside output', () => {
    const { tokens, reason } = resolve({ input: 100, output: 50, reasoning: 20 }, { total: 170 });
    expect(tokens).toMatchObject({ visibleOutput: 50, reasoning: 20 });
    expect(reason).toBe('proved: reasoning beside output');
  });

  it('take nothing from a total that fits two readings', () => {
    const { tokens } = resolve({ input: 100, output: 50, cacheRead: 20, reasoning: 20 }, { total: 170 });
    expect(tokens).toMatchObject({ uncachedInput: 80, visibleOutput: 30 });
  });

  it('count reasoning beside output when it is larger', () => {
    expect(resolve({ input: 5, output: 10, reasoning: 30 }).tokens).toMatchObject({
      visibleOutput: 10,
      reasoning: 30,
    });
  });

  it('do not exist when parts exceed what is declared to contain them', () => {
    expect(resolve({ input: 10, output: 5, cacheRead: 20 }, { declaredInclusive: true })).toEqual({
      status: 'invalid',
      tokens: null,
      reason: 'declared inclusive, but parts exceed wholes: cached 20 of 10, reasoning 0 of 5',
    });
  });

  it.each([
    [{ input: 1200 }, 'no output count (input 1200)'],
    [{ output: 30 }, 'no input count (output 30)'],
    [{}, 'no token counts'],
  ])('do not exist for half a count: %j', (counts, reason) => {
    expect(resolve(counts)).toEqual({ status: 'missing', tokens: null, reason });
  });

  it('need no output where the answer is not made of tokens', () => {
    const counts = { input: 8, output: null, cacheRead: null, cacheWrite: null, reasoning: null };
    expect(resolveTokens(counts, true, () => NO_EVIDENCE).tokens?.visibleOutput).toBe(0);
  });

  it('are never negative and add up to what was reported, or say which part stood beside its whole', () => {
    const maybe = fc.option(fc.integer({ min: 0, max: 2000 }), { nil: null });
    const counts = fc.record({
      input: fc.integer({ min: 0, max: 2000 }),
      output: fc.integer({ min: 0, max: 2000 }),
      cacheRead: maybe,
      cacheWrite: maybe,
      reasoning: maybe,
    });
    const evidence = fc.record({
      declaredInclusive: fc.boolean(),
      total: fc.option(fc.integer({ min: 0, max: 8000 }), { nil: null }),
    });
    fc.assert(
      fc.property(counts, evidence, (sent, proof) => {
        const { tokens, status, reason } = resolveTokens(sent, false, () => proof);
        if (tokens === null) {
          expect(status).toBe('invalid');
          expect(proof.declaredInclusive).toBe(true);
          return;
        }
        expect(Object.values(tokens).every((value) => Number.isSafeInteger(value) && value >= 0)).toBe(true);
        const cached = (sent.cacheRead ?? 0) + (sent.cacheWrite ?? 0);
        const beside = { input: reason?.includes('beside input'), output: reason?.includes('beside output') };
        expect(inputTokens(tokens)).toBe(sent.input + (beside.input ? cached : 0));
        expect(outputTokens(tokens)).toBe(sent.output + (beside.output ? (sent.reasoning ?? 0) : 0));
      }),
    );
  });
});
