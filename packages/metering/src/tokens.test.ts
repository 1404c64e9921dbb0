import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CountConventions } from './tokens.ts';
import { count, NO_COUNTS, type ReportedCounts, resolveTokens, UNKNOWN_CONVENTIONS } from './tokens.ts';
import { inputTokens, outputTokens } from './usage.ts';

function resolve(counts: Partial<ReportedCounts>, conventions: Partial<CountConventions> = {}) {
  return resolveTokens({ ...NO_COUNTS, ...counts }, false, () => ({
    ...UNKNOWN_CONVENTIONS,
    ...conventions,
  }));
}

describe('a count', () => {
  it.each([
    [7, 7],
    [0, 0],
    [12.0, 12],
    ['42', 42],
    [' 42 ', 42],
    ['42.0', 42],
    [42n, 42],
    [1_000_000_000_000, 1_000_000_000_000],
  ])('of %s is %s', (value, expected) => {
    expect(count(value)).toBe(expected);
  });

  it.each([
    undefined,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    1.5,
    '',
    ' ',
    'None',
    'null',
    'NaN',
    '-3',
    '0x10',
    '1e3',
    true,
    [[]],
    [[5]],
    2n ** 60n,
    1_000_000_000_001,
  ])('of %s is missing, not zero', (value) => {
    expect(count(value)).toBeNull();
  });
});

describe('token classes', () => {
  it('take cached tokens out of input and reasoning out of output', () => {
    // Worked example 3 of the conventions.
    expect(resolve({ input: 3000, output: 600, cacheRead: 1000, reasoning: 200 })).toEqual({
      status: 'reported',
      reason: null,
      semantics: { cache: 'assumed', reasoning: 'assumed' },
      tokens: { uncachedInput: 2000, cacheRead: 1000, cacheWrite: 0, visibleOutput: 400, reasoning: 200 },
    });
  });

  it('are the same for inclusive counts and for exclusive counts that prove themselves', () => {
    const inclusive = resolve({ input: 84_564, output: 10, cacheRead: 84_562 });
    const exclusive = resolve({ input: 2, output: 10, cacheRead: 84_562 });
    expect(exclusive.tokens).toEqual(inclusive.tokens);
    expect(exclusive).toMatchObject({
      reason: 'proved: cached beside input',
      semantics: { cache: 'proved' },
    });
  });

  it('believe a total that only adds up with the cached part beside input', () => {
    const proved = resolve({ input: 50_000, output: 100, cacheRead: 40_000, total: 90_100 });
    expect(proved.tokens?.uncachedInput).toBe(50_000);
    const unproved = resolve({ input: 50_000, output: 100, cacheRead: 40_000, total: 50_100 });
    expect(unproved.tokens?.uncachedInput).toBe(10_000);
  });

  it('believe a total that only adds up with reasoning beside output', () => {
    const { tokens, reason } = resolve({ input: 100, output: 50, reasoning: 20, total: 170 });
    expect(tokens).toMatchObject({ visibleOutput: 50, reasoning: 20 });
    expect(reason).toBe('proved: reasoning beside output');
  });

  it('take nothing from a total that fits two readings', () => {
    const { tokens } = resolve({ input: 100, output: 50, cacheRead: 20, reasoning: 20, total: 170 });
    expect(tokens).toMatchObject({ uncachedInput: 80, visibleOutput: 30 });
  });

  it('believe a total that only adds up with both parts beside their wholes, also where these are equal', () => {
    const equal = { input: 1, output: 11, cacheRead: 11, reasoning: 11, total: 34 };
    expect(resolve(equal)).toMatchObject({
      tokens: { uncachedInput: 1, cacheRead: 11, visibleOutput: 11, reasoning: 11 },
      reason: 'proved: cached beside input, reasoning beside output',
    });
    const inOutput = resolve({ ...equal, total: 23 });
    expect(inOutput.tokens).toMatchObject({ uncachedInput: 1, visibleOutput: 0, reasoning: 11 });
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
    const counts = { ...NO_COUNTS, input: 8 };
    expect(resolveTokens(counts, true, () => UNKNOWN_CONVENTIONS).tokens?.visibleOutput).toBe(0);
  });

  it('I13: are never negative and add up to what was reported, or say which part stood beside its whole', () => {
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
      fc.property(counts, evidence, (sent, { total, ...proof }) => {
        const { tokens, status, reason } = resolve({ ...sent, total }, proof);
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

  it('are the same however an emitter counts, once it is known how', () => {
    const part = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(part, part, part, part, part, (fresh, cacheRead, cacheWrite, visible, reasoning) => {
        const parts = { cacheRead, cacheWrite, reasoning };
        const cached = cacheRead + cacheWrite;
        const inside = { input: fresh + cached, output: visible + reasoning, ...parts };
        const beside = { input: fresh, output: visible, ...parts };
        const classes = { uncachedInput: fresh, cacheRead, cacheWrite, visibleOutput: visible, reasoning };
        expect(resolve(inside, { declaredInclusive: true }).tokens).toEqual(classes);
        expect(resolve(inside, { cached: 'inside', reasoning: 'inside' }).tokens).toEqual(classes);
        expect(resolve(beside, { cached: 'beside', reasoning: 'beside' }).tokens).toEqual(classes);
        expect(resolve({ ...inside, uncachedInput: fresh }, { reasoning: 'inside' }).tokens).toEqual(classes);
        // The uncached part by name says all, whatever the emitter means by input.
        expect(resolve({ ...beside, uncachedInput: fresh }, { reasoning: 'beside' }).tokens).toEqual(classes);
        const total = fresh + cached + visible + reasoning;
        expect(resolve({ ...beside, total }).tokens).toEqual(classes);
      }),
    );
  });

  it('say how their overlap was decided, the better reason before the lesser', () => {
    const sent = { input: 100, output: 50, cacheRead: 30 };
    const levelOf = (counts: Partial<ReportedCounts>, conventions: Partial<CountConventions> = {}) => {
      const resolved = resolve(counts, conventions);
      return resolved.status === 'reported' ? resolved.semantics.cache : resolved.status;
    };
    expect(levelOf({ ...sent, cacheRead: 0 })).toBeNull();
    expect(levelOf(sent)).toBe('assumed');
    expect(levelOf(sent, { cached: 'beside' })).toBe('table');
    expect(levelOf({ ...sent, total: 180 }, { cached: 'inside' })).toBe('proved');
    expect(levelOf({ ...sent, total: 180 }, { declaredInclusive: true })).toBe('declared');
  });

  it('find cache writes that no one names, where the uncached part and the whole are stated', () => {
    expect(resolve({ input: 3713, uncachedInput: 3443, cacheRead: 220, output: 1 }).tokens).toEqual({
      uncachedInput: 3443,
      cacheRead: 220,
      cacheWrite: 50,
      visibleOutput: 1,
      reasoning: 0,
    });
  });

  it("count the prompts of Gemini's own tools as input beside the prompt", () => {
    expect(resolve({ input: 100, output: 5, toolPrompt: 7 }).tokens?.uncachedInput).toBe(107);
  });
});
