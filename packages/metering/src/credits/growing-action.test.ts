import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aDegradingRule,
  aKey,
  aLeaf,
  anAction,
  aPlan,
  credits,
  ruleFor,
  someLeaves,
} from '../../test/actions.ts';
import { NOON_MICROS } from '../../test/builders.ts';
import type { SpanKey } from '../usage.ts';
import { type ActionLeaf, rateAction } from './action.ts';
import { GrowingAction } from './growing-action.ts';
import type { ActionTerms } from './measure.ts';
import type { Charge } from './rate.ts';
import type { CreditRules } from './rule.ts';

const TOKENS = ruleFor({ tokens: { input: '1' }, increment: '0.1' });

/** An action, and what each of its calls bears as somebody knows it who only hears what may have changed. */
class Follower {
  readonly action = new GrowingAction();
  readonly #calls = new Map<SpanKey, ActionLeaf>();
  readonly #charges = new Map<SpanKey, Charge>();

  put(...leaves: readonly ActionLeaf[]): void {
    for (const leaf of leaves) {
      this.action.change(this.#calls.get(leaf.key) ?? null, leaf);
      this.#calls.set(leaf.key, leaf);
    }
  }

  take(key: SpanKey): void {
    const leaf = this.#calls.get(key);
    if (leaf === undefined) return;
    this.action.change(leaf, null);
    this.#calls.delete(key);
    this.#charges.delete(key);
  }

  /** How many shares were told. */
  charge(rules: CreditRules, plan: ActionTerms | null = null): number {
    const { shares } = this.action.rate(rules, plan);
    for (const { leaf, charge } of shares) this.#charges.set(leaf.key, charge);
    return shares.length;
  }

  /** Beside what all calls bear if they are looked at together. */
  compare(rules: CreditRules, plan: ActionTerms | null = null): void {
    const whole = rateAction([...this.#calls.values()], rules, plan);
    expect(this.action.leaves).toEqual(whole.shares.map(({ leaf }) => leaf));
    expect(Object.fromEntries(this.#charges)).toEqual(
      Object.fromEntries(whole.shares.map(({ leaf, charge }) => [leaf.key, charge])),
    );
    // Where it comes out of range, all of it is told each time.
    const isOutOfRange = whole.shares.some(
      ({ charge }) => charge.kind === 'not_charged' && charge.reason === 'out_of_range',
    );
    expect(this.action.rate(rules, plan)).toEqual(isOutOfRange ? whole : { ...whole, shares: [] });
  }
}

/** Calls enough that sums are kept on the way: one a second, each of a thousand tokens and one more than the one before. */
function manyCalls(count: number): readonly ActionLeaf[] {
  const tokens = { cacheRead: 0, cacheWrite: 0, visibleOutput: 0, reasoning: 0 };
  return anAction(
    ...Array.from({ length: count }, (_, call) => ({ tokens: { ...tokens, uncachedInput: 1000 + call } })),
  );
}

describe('an action that grows', () => {
  const aStep = fc.record({
    calls: someLeaves,
    /** Every call of a step bears a key of its own, or one that is there already and is changed by it. */
    first: fc.integer({ min: 0, max: 40 }),
    gone: fc.array(fc.integer({ min: 1, max: 46 }), { maxLength: 3 }),
    hasOtherTerms: fc.boolean(),
  });

  it('I6: is charged what all its calls together are charged, however they come, change and go', () => {
    const steps = fc.array(aStep, { minLength: 1, maxLength: 30, size: 'max' });
    fc.assert(
      fc.property(aDegradingRule, aPlan, aPlan, steps, (rule, plan, otherPlan, told) => {
        const rules = ruleFor(rule);
        const follower = new Follower();
        for (const { calls, first, gone, hasOtherTerms } of told) {
          const terms = hasOtherTerms ? otherPlan : plan;
          follower.put(...calls.map((call, index) => ({ ...call, key: aKey(first + index + 1) })));
          for (const number of gone) follower.take(aKey(number));
          follower.charge(rules, terms);
          follower.compare(rules, terms);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('tells of a call that comes last alone, and of one in the middle with those after it', () => {
    const follower = new Follower();
    const calls = manyCalls(500);
    follower.put(...calls);
    expect(follower.charge(TOKENS)).toBe(500);
    follower.put(aLeaf({ key: aKey(501), eventTimeMicros: NOON_MICROS + 500_000_000 }));
    expect(follower.charge(TOKENS)).toBe(1);
    follower.compare(TOKENS);
    follower.put(aLeaf({ key: aKey(502), eventTimeMicros: NOON_MICROS + 400_500_000 }));
    expect(follower.charge(TOKENS)).toBe(101);
    follower.compare(TOKENS);
    follower.take(aKey(450));
    expect(follower.charge(TOKENS)).toBe(51);
    follower.compare(TOKENS);
  });

  it('computes anew what no call before it bears, when one comes last', () => {
    let computed = 0;
    const follower = new Follower();
    follower.put(
      ...manyCalls(1000).map(({ tokens, ...call }) => ({
        ...call,
        get tokens() {
          computed++;
          return tokens;
        },
      })),
    );
    follower.charge(TOKENS);
    expect(computed).toBeGreaterThanOrEqual(1000);
    computed = 0;
    follower.put(aLeaf({ key: aKey(1001), eventTimeMicros: NOON_MICROS + 1_000_000_000 }));
    expect(follower.charge(TOKENS)).toBe(1);
    expect(computed).toBe(0);
    // And none long before it when one comes shortly before the last.
    follower.put(aLeaf({ key: aKey(1002), eventTimeMicros: NOON_MICROS + 990_500_000 }));
    follower.charge(TOKENS);
    expect(computed).toBeLessThan(300);
    follower.compare(TOKENS);
  });

  it('is told of as a whole again where a call changes what the rule says of all', () => {
    const complex = ruleFor({
      cost_plus: { markup: '0', credit_value_usd: '1' },
      complexity: [{ calls: '2', factor: '2' }],
    });
    const follower = new Follower();
    const one = credits('1') * 10n ** 9n;
    follower.put(...anAction({ cost: one, outcome: 'error' }, { cost: one, outcome: 'error' }));
    expect(follower.charge(complex)).toBe(2);
    const last = { key: aKey(3), eventTimeMicros: NOON_MICROS + 9_000_000, cost: one };
    follower.put(aLeaf(last));
    expect(follower.charge(complex), 'the action has not failed after all').toBe(3);
    follower.put(aLeaf({ ...last, key: aKey(4), cost: null }));
    expect(follower.charge(complex), 'a call that waits counts for complexity from the beginning').toBe(4);
    follower.compare(complex);
  });

  it('is told of as a whole again where a call says that the action took the smaller form, or does not any more', () => {
    // Both forms are charged by one scale, so that nothing but the terms tells them apart.
    const rules = ruleFor({
      tokens: { input: '1' },
      increment: '0.1',
      degraded: { tokens: { input: '1' }, increment: '0.1', cap: '5' },
    });
    const follower = new Follower();
    follower.put(...manyCalls(100));
    follower.charge(rules);
    const last = aLeaf({ key: aKey(101), eventTimeMicros: NOON_MICROS + 200_000_000 });
    follower.put({ ...last, isDegraded: true });
    expect(follower.charge(rules)).toBe(101);
    follower.compare(rules);
    expect(follower.action.rate(rules, null).credits).toBe(credits('5'));
    follower.put(last);
    expect(follower.charge(rules)).toBe(101);
    follower.compare(rules);
  });

  it('is not charged at all while one of its calls counts more than there can be', () => {
    const follower = new Follower();
    follower.put(...manyCalls(100));
    follower.charge(TOKENS);
    const [, , third] = manyCalls(3);
    if (third?.tokens == null) throw new Error('it has tokens');
    follower.put({ ...third, tokens: { ...third.tokens, uncachedInput: Number.MAX_SAFE_INTEGER } });
    const { credits: charged, shares } = follower.action.rate(TOKENS, null);
    expect(charged).toBe(0n);
    expect(shares.map(({ charge }) => charge)).toEqual(
      Array.from({ length: 100 }, () => ({ kind: 'not_charged', reason: 'out_of_range' })),
    );
    follower.put(third);
    expect(follower.charge(TOKENS)).toBe(100);
    follower.compare(TOKENS);
  });

  it('is charged from the beginning when all its calls have gone', () => {
    const follower = new Follower();
    follower.put(...manyCalls(100));
    follower.charge(TOKENS);
    for (let call = 1; call <= 100; call++) follower.take(aKey(call));
    expect(follower.action.leaves).toEqual([]);
    follower.put(...manyCalls(70));
    expect(follower.charge(TOKENS)).toBe(70);
    follower.compare(TOKENS);
  });
});
