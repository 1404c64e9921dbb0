import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aCostPlus,
  aDecimal,
  aLeaf,
  anAction,
  aPlan,
  aRule,
  aTokenRule,
  credits,
  NO_UNITS,
  ruleFor,
  rulesOf,
  someLeaves,
  someTokens,
  usd,
} from '../../test/actions.ts';
import { NO_TOKENS, NOON_MICROS } from '../../test/builders.ts';
import type { TokenClasses } from '../usage.ts';
import { type ActionCharge, type ActionLeaf, rateAction } from './action.ts';
import { explain } from './explain.ts';
import type { VersionsConfiguration } from './rule-configuration.ts';

function sharesOf({ shares }: ActionCharge<ActionLeaf>): (string | bigint)[] {
  return shares.map(({ charge }) =>
    charge.kind === 'charged' ? charge.credits : charge.kind === 'pending' ? 'pending' : charge.reason,
  );
}

describe('an action', () => {
  it('of a fixed rule burns its credits once, however many calls it takes (worked example 1)', () => {
    const rules = ruleFor({ fixed: { credits: '25' } });
    const translations = [
      anAction({}),
      anAction({}, {}, {}),
      anAction({ status: 'error', outcome: 'ok' }, {}),
      anAction({ status: 'error' }),
    ].map((leaves) => rateAction(leaves, rules, null));
    expect(translations.map((charge) => charge.credits)).toEqual([
      credits('25'),
      credits('25'),
      credits('25'),
      0n,
    ]);
    expect(translations.map(sharesOf)).toEqual([
      [credits('25')],
      [credits('25'), 0n, 0n],
      [credits('25'), 0n],
      ['failed'],
    ]);
  });

  describe('that took the smaller form of its feature (C13)', () => {
    const rules = ruleFor({
      fixed: { credits: '50' },
      degraded: { model: 'small', fixed: { credits: '5' } },
    });

    it('is charged as a whole for that form, whichever of its calls says so', () => {
      const marks = [[], [0], [2], [0, 1, 2]];
      const charges = marks.map((marked) =>
        rateAction(
          anAction(...[0, 1, 2].map((call) => ({ isDegraded: marked.includes(call) }))),
          rules,
          null,
        ),
      );
      expect(charges.map((charge) => charge.credits)).toEqual(
        ['50', '5', '5', '5'].map((amount) => credits(amount)),
      );
      expect(charges.map(sharesOf)).toEqual([
        [credits('50'), 0n, 0n],
        ...[1, 2, 3].map(() => [credits('5'), 0n, 0n]),
      ]);
    });

    it('is so too where only a call without a price, or one that failed, says it', () => {
      const byCost = ruleFor({
        cost_plus: { target_margin: '0', credit_value_usd: '0.01' },
        degraded: { cost_plus: { target_margin: '0', credit_value_usd: '0.1' } },
      });
      const unpriced = anAction({ cost: usd('1') }, { cost: null, isDegraded: true });
      expect(sharesOf(rateAction(unpriced, byCost, null))).toEqual([credits('10'), 'pending']);
      const failed = anAction({}, { status: 'error', outcome: 'ok', isDegraded: true });
      expect(rateAction(failed, rules, null).credits).toBe(credits('5'));
    });

    it('is charged as always by a rule that offers none', () => {
      const plain = ruleFor({ fixed: { credits: '50' } });
      expect(rateAction(anAction({ isDegraded: true }), plain, null).credits).toBe(credits('50'));
    });

    it('burns in failure what the smaller form says of failure', () => {
      const always = ruleFor({
        fixed: { credits: '50' },
        charge: 'always',
        degraded: { fixed: { credits: '5' } },
      });
      const failed = { status: 'error', outcome: 'error' } as const;
      expect(rateAction(anAction(failed), always, null).credits).toBe(credits('50'));
      expect(rateAction(anAction({ ...failed, isDegraded: true }), always, null).credits).toBe(0n);
    });

    it('burns exactly what a rule of nothing but that form charges, rounded once', () => {
      fc.assert(
        fc.property(aRule(), aRule(), someLeaves, aPlan, (full, smaller, leaves, plan) => {
          const isDegraded = leaves.some((leaf) => leaf.isDegraded);
          const charge = rateAction(leaves, ruleFor({ ...full, degraded: smaller }), plan);
          const alone = rateAction(leaves, ruleFor(isDegraded ? smaller : full), plan);
          expect([charge.credits, sharesOf(charge)]).toEqual([alone.credits, sharesOf(alone)]);
        }),
      );
    });
  });

  it('under cost-plus is worth its cost and the margin, by target or by markup (worked example 2)', () => {
    const leaves = anAction({ cost: usd('0.033') });
    const byMargin = ruleFor({ cost_plus: { target_margin: '0.5', credit_value_usd: '0.02' } });
    const byMarkup = ruleFor({ cost_plus: { markup: '0.5', credit_value_usd: '0.02' } });
    expect(rateAction(leaves, byMargin, null).credits).toBe(credits('4'));
    expect(rateAction(leaves, byMarkup, null).credits).toBe(credits('3'));
  });

  it('under a rule for tokens pays each class at its own rate (worked example 3)', () => {
    const rules = ruleFor({
      tokens: { uncached_input: '1', cache_read: '0.1', output: '4', reasoning: '8' },
      increment: '0.1',
    });
    const tokens = { ...NO_TOKENS, uncachedInput: 2000, cacheRead: 1000, visibleOutput: 400, reasoning: 200 };
    // 2 + 0.1 + 1.6 + 1.6
    expect(rateAction(anAction({ tokens }), rules, null).credits).toBe(credits('5.3'));
  });

  it('is rounded once, not call by call', () => {
    const rules = ruleFor({ cost_plus: { markup: '0', credit_value_usd: '1' } });
    const leaves = anAction({ cost: usd('0.4') }, { cost: usd('0.4') }, { cost: usd('0.4') });
    const charge = rateAction(leaves, rules, null);
    expect(charge.credits).toBe(credits('2'));
    expect(sharesOf(charge)).toEqual([credits('1'), 0n, credits('1')]);
  });

  it('has the feature of its first call that has one, and the rule of the time of its first call', () => {
    const secondMicros = NOON_MICROS + 1_000_000;
    const rules = rulesOf({
      features: {
        write: [
          { fixed: { credits: '1' } },
          { from: new Date(secondMicros / 1000).toISOString(), fixed: { credits: '2' } },
        ],
      },
    });
    const charge = rateAction(
      anAction({ feature: null }, { feature: 'write' }, { feature: 'read' }),
      rules,
      null,
    );
    expect(charge).toMatchObject({ feature: 'write', credits: credits('1'), rule: { fromMicros: null } });
    const later = rateAction([aLeaf({ eventTimeMicros: secondMicros })], rules, null);
    expect(later).toMatchObject({ credits: credits('2'), rule: { fromMicros: secondMicros } });
  });

  it('costs more the more of its calls succeed, where the rule says so', () => {
    const rules = ruleFor({
      fixed: { credits: '10' },
      complexity: [
        { calls: '2', factor: '1.5' },
        { calls: '3', factor: '2' },
      ],
    });
    const leaves = anAction({}, { status: 'error' }, {}, {});
    expect(sharesOf(rateAction(leaves, rules, null))).toEqual([
      credits('10'),
      0n,
      credits('5'),
      credits('5'),
    ]);
  });

  it('may become cheaper by a further call, whose share is then below zero', () => {
    const rules = ruleFor({ fixed: { credits: '10' }, complexity: [{ calls: '2', factor: '0.5' }] });
    const charge = rateAction(anAction({}, {}), rules, null);
    expect(charge.credits).toBe(credits('5'));
    expect(sharesOf(charge)).toEqual([credits('10'), credits('-5')]);
  });

  it('is multiplied first, then raised to the minimum, rounded up, and capped', () => {
    const rule = { fixed: { credits: '2' }, feature_value: '1.5', increment: '0.4' };
    const plan = { creditValue: null, multiplier: { numerator: 1n, denominator: 2n }, version: null };
    const creditsOf = (terms: object) => rateAction([aLeaf()], ruleFor({ ...rule, ...terms }), plan).credits;
    // 2 × 1.5 × 0.5 = 1.5
    expect(creditsOf({})).toBe(credits('1.6'));
    expect(creditsOf({ minimum: '1.7' })).toBe(credits('2'));
    expect(creditsOf({ cap: '1.1' })).toBe(credits('1.1'));
    expect(creditsOf({ minimum: '1.7', cap: '1.9' })).toBe(credits('1.9'));
  });

  it('pays by the piece, each started minute of each call', () => {
    const rules = ruleFor({
      units: { image: '5', minute: '2', second: '0.05', page: '0.5', request: '1', web_search: '1' },
      increment: '0.01',
    });
    const creditsOf = (...units: readonly ActionLeaf['units'][]) =>
      rateAction(anAction(...units.map((each) => ({ tokens: null, units: each }))), rules, null).credits;
    expect(creditsOf(null)).toBe(credits('1'));
    expect(creditsOf({ ...NO_UNITS, requests: 3, images: 2 })).toBe(credits('13'));
    expect(creditsOf({ ...NO_UNITS, milliseconds: 60_000 })).toBe(credits('6'));
    expect(creditsOf({ ...NO_UNITS, milliseconds: 60_200 })).toBe(credits('8.01'));
    expect(creditsOf({ ...NO_UNITS, milliseconds: 1 }, { ...NO_UNITS, milliseconds: 1 })).toBe(
      credits('6.01'),
    );
    expect(creditsOf({ ...NO_UNITS, pages: 3, webSearches: 1 })).toBe(credits('3.5'));
  });

  it("charges units of the app's own to the thousandth, by their own names", () => {
    const rules = ruleFor({ units: { document: '2', 'e-mail': '0.007' }, increment: '0.000001' });
    const creditsOf = (unit: string, ...thousandths: readonly number[]) => {
      const calls = thousandths.map((each) => ({
        tokens: null,
        units: { ...NO_UNITS, custom: { unit, thousandths: each } },
      }));
      return rateAction(anAction(...calls), rules, null).credits;
    };
    expect(creditsOf('document', 2500)).toBe(credits('5'));
    expect(creditsOf('document', 1, 1)).toBe(credits('0.004'));
    expect(creditsOf('e-mail', 1)).toBe(credits('0.000007'));
    expect(creditsOf('letter', 1000)).toBe(0n);
    expect(creditsOf('constructor', 1000)).toBe(0n);
  });

  it('takes the credit value of the plan where the rule has none, and burns nothing where nobody has one', () => {
    const rules = ruleFor({ cost_plus: { target_margin: '0.5' } });
    const leaves = anAction({ cost: usd('0.033') }, { cost: null });
    const worth = (creditValue: { numerator: bigint; denominator: bigint } | null) => ({
      creditValue,
      multiplier: { numerator: 1n, denominator: 1n },
      version: 'plan-1',
    });
    const third = { numerator: usd('0.04'), denominator: 2n };
    expect(rateAction(leaves, rules, worth(third)).credits).toBe(credits('4'));
    for (const plan of [worth(null), null]) {
      const charge = rateAction(leaves, rules, plan);
      expect(charge.credits).toBe(0n);
      expect(sharesOf(charge)).toEqual(['no_credit_value', 'no_credit_value']);
    }
  });

  it('burns nothing where it would be more than there can be, whichever of its calls says so', () => {
    const rules = ruleFor({ tokens: { input: '1', per: '1' } });
    const huge = { ...NO_TOKENS, uncachedInput: 1_000_000_000_000 };
    const leaves = anAction({ tokens: { ...NO_TOKENS, uncachedInput: 7 } }, { tokens: huge });
    const charge = rateAction(leaves, rules, null);
    expect(charge.credits).toBe(0n);
    expect(sharesOf(charge)).toEqual(['out_of_range', 'out_of_range']);
    expect(explain(leaves, rules, null)).toMatchObject({
      status: 'not_charged:out_of_range',
      credits: '0',
      calculation: { raw: '1000000000007/1' },
    });
    const most = { ...huge, uncachedInput: 999_999_999_999 };
    expect(rateAction(anAction({ tokens: most }), rules, null).credits).toBe(credits('999999999999'));
  });

  it('without a rule burns nothing', () => {
    const charge = rateAction(anAction({}), rulesOf({}), null);
    expect(charge).toMatchObject({ rule: null, credits: 0n });
    expect(sharesOf(charge)).toEqual(['no_rule']);
  });

  it('without calls is none', () => {
    expect(rateAction([], ruleFor({ fixed: { credits: '1' } }), null)).toMatchObject({
      credits: 0n,
      shares: [],
    });
  });
});

describe('an action that failed', () => {
  const failed = anAction(
    { status: 'error', cost: usd('1') },
    { status: 'ok', outcome: 'error', cost: usd('1') },
  );
  const rule = { cost_plus: { markup: '0', credit_value_usd: '1' }, minimum: '5' };

  it('burns nothing, not even the minimum, although one of its calls succeeded', () => {
    const charge = rateAction(failed, ruleFor(rule), null);
    expect(charge.credits).toBe(0n);
    expect(sharesOf(charge)).toEqual(['failed', 'failed']);
  });

  it('burns like any other where the rule charges always', () => {
    const charge = rateAction(failed, ruleFor({ ...rule, charge: 'always' }), null);
    expect(sharesOf(charge)).toEqual([credits('5'), 0n]);
  });

  it('has not failed when something around a failed call succeeded: its cost counts', () => {
    const leaves = anAction({ status: 'error', outcome: 'ok', cost: usd('7') }, { cost: usd('1') });
    expect(rateAction(leaves, ruleFor(rule), null).credits).toBe(credits('8'));
  });
});

describe('a call without a price', () => {
  const rules = ruleFor({
    cost_plus: { markup: '0', credit_value_usd: '1' },
    minimum: '3',
    complexity: [{ calls: '2', factor: '2' }],
  });

  it('waits alone: the others are charged, and its success counts', () => {
    const charge = rateAction(anAction({ cost: null }, { cost: usd('5') }, { cost: usd('1') }), rules, null);
    expect(sharesOf(charge)).toEqual(['pending', credits('10'), credits('2')]);
    expect(charge.credits).toBe(credits('12'));
  });

  it('lets its action wait where no call has one: a minimum is no price', () => {
    const charge = rateAction(anAction({ cost: null }, { cost: null }), rules, null);
    expect(charge.credits).toBeNull();
    expect(sharesOf(charge)).toEqual(['pending', 'pending']);
  });

  it('burns fixed credits all the same', () => {
    const fixed = ruleFor({ fixed: { credits: '2' } });
    expect(sharesOf(rateAction(anAction({ cost: null }, { cost: null }), fixed, null))).toEqual([
      credits('2'),
      0n,
    ]);
  });

  it('pays for its tokens; without counts it waits', () => {
    const byTokens = ruleFor({ tokens: { input: '1' } });
    const tokens = { ...NO_TOKENS, uncachedInput: 5000 };
    expect(sharesOf(rateAction(anAction({ cost: null, tokens }, { tokens: null }), byTokens, null))).toEqual([
      credits('5'),
      'pending',
    ]);
  });
});

describe('the shares of an action', () => {
  it('add up to its credits, whatever the rule', () => {
    fc.assert(
      fc.property(aRule(), someLeaves, aPlan, (rule, leaves, plan) => {
        const charge = rateAction(leaves, ruleFor(rule), plan);
        const total = charge.shares.reduce(
          (all, { charge: share }) => all + (share.kind === 'charged' ? share.credits : 0n),
          0n,
        );
        expect(charge.credits ?? 0n).toBe(total);
        expect(charge.shares).toHaveLength(leaves.length);
      }),
    );
  });

  it('I6: are the same in whatever order the calls come', () => {
    const shuffled = someLeaves.chain((leaves) =>
      fc.tuple(fc.constant(leaves), fc.shuffledSubarray([...leaves], { minLength: leaves.length })),
    );
    fc.assert(
      fc.property(aRule(), shuffled, aPlan, (rule, [leaves, permuted], plan) => {
        const rules = ruleFor(rule);
        expect(rateAction(permuted, rules, plan)).toEqual(rateAction(leaves, rules, plan));
      }),
    );
  });

  it('do not change by a further call at the end, if all are known', () => {
    const known = someLeaves.map((leaves) =>
      leaves.map((leaf, index) => ({
        ...leaf,
        cost: leaf.cost ?? 1n,
        tokens: leaf.tokens ?? NO_TOKENS,
        feature: 'write',
        outcome: 'ok' as const,
        eventTimeMicros: NOON_MICROS + index,
      })),
    );
    fc.assert(
      fc.property(aRule(), known, aPlan, (rule, leaves, plan) => {
        const rules = ruleFor(rule);
        const all = rateAction(leaves, rules, plan).shares;
        const before = rateAction(leaves.slice(0, -1), rules, plan).shares;
        expect(all.slice(0, -1)).toEqual(before);
      }),
    );
  });
});

describe('the credits of an action', () => {
  it('I11: are at least the raw credits after the minimum, and exceed them by less than one increment', () => {
    let charged = 0;
    fc.assert(
      fc.property(aRule({ without: ['cap'] }), someLeaves, aPlan, (rule, leaves, plan) => {
        const rules = ruleFor(rule);
        const { credits: burned, rule: dated } = rateAction(leaves, rules, plan);
        const { calculation, status } = explain(leaves, rules, plan);
        // What is more than there can be is not charged.
        if (status !== 'charged' || calculation === null || burned === null || dated === null) return;
        charged++;
        expect(burned % dated.increment).toBe(0n);
        // In whole numbers: credits × denominator against numerator × 10⁶.
        const [numerator = '', denominator = ''] = calculation.multiplied.split('/');
        const reaches = (amount: bigint) =>
          amount >= dated.minimum && amount * BigInt(denominator) >= BigInt(numerator) * 1_000_000n;
        expect(reaches(burned)).toBe(true);
        if (burned > 0n) expect(reaches(burned - dated.increment)).toBe(false);
      }),
    );
    expect(charged).toBeGreaterThan(20);
  });

  it('I12: realise at least the target margin over all calls, failed ones too, uncapped and with factors of 1 or more', () => {
    const margins = fc.integer({ min: 0, max: 999 });
    const atLeastOne = aDecimal(2, { min: 1, max: 3 });
    let charged = 0;
    fc.assert(
      fc.property(
        margins,
        aDecimal(5, { min: 0.00001, max: 1 }),
        atLeastOne,
        atLeastOne,
        fc.constantFrom('1', '0.01', '3'),
        fc.boolean(),
        someLeaves,
        (margin, value, featureValue, factor, increment, isValueOfPlan, leaves) => {
          const rules = ruleFor({
            cost_plus: {
              target_margin: `${margin}e-3`,
              credit_value_usd: isValueOfPlan ? undefined : value,
            },
            feature_value: featureValue,
            complexity: [{ calls: '2', factor }],
            increment,
          });
          const plan = {
            creditValue: { numerator: usd(value), denominator: 1n },
            multiplier: { numerator: 5n, denominator: 4n },
            version: null,
          };
          const { credits: burned, shares } = rateAction(leaves, rules, plan);
          if (burned === null || shares.some(({ charge }) => charge.kind !== 'charged')) return;
          charged++;
          const cost = leaves.reduce((all, leaf) => all + (leaf.cost ?? 0n), 0n);
          const revenueTimesMillion = burned * usd(value);
          expect(revenueTimesMillion * BigInt(1000 - margin) >= cost * 1000n * 1_000_000n).toBe(true);
        },
      ),
    );
    expect(charged).toBeGreaterThan(10);
  });

  it('I15: do not change when the tokens of a call are split over two', () => {
    const split = someTokens.chain((tokens) =>
      fc
        .record({
          uncachedInput: fc.integer({ min: 0, max: tokens.uncachedInput }),
          cacheRead: fc.integer({ min: 0, max: tokens.cacheRead }),
          cacheWrite: fc.integer({ min: 0, max: tokens.cacheWrite }),
          visibleOutput: fc.integer({ min: 0, max: tokens.visibleOutput }),
          reasoning: fc.integer({ min: 0, max: tokens.reasoning }),
        })
        .map((part) => ({ tokens, part })),
    );
    const without = ['complexity'] as const;
    fc.assert(
      fc.property(aRule({ charging: aTokenRule, without }), split, aPlan, (rule, { tokens, part }, plan) => {
        const rules = ruleFor(rule);
        const rest: TokenClasses = {
          uncachedInput: tokens.uncachedInput - part.uncachedInput,
          cacheRead: tokens.cacheRead - part.cacheRead,
          cacheWrite: tokens.cacheWrite - part.cacheWrite,
          visibleOutput: tokens.visibleOutput - part.visibleOutput,
          reasoning: tokens.reasoning - part.reasoning,
        };
        const whole = rateAction(anAction({ tokens }), rules, plan).credits;
        expect(whole).not.toBeNull();
        expect(rateAction(anAction({ tokens: part }, { tokens: rest }), rules, plan).credits).toBe(whole);
      }),
    );
  });

  it('I15: nor when its cost is', () => {
    const without = ['complexity'] as const;
    const cost = fc.bigInt({ min: 0n, max: 10n ** 15n });
    fc.assert(
      fc.property(aRule({ charging: aCostPlus, without }), cost, cost, aPlan, (rule, one, other, plan) => {
        const rules = ruleFor(rule);
        const whole = rateAction(anAction({ cost: one + other }), rules, plan).credits;
        expect(rateAction(anAction({ cost: one }, { cost: other }), rules, plan).credits).toBe(whole);
      }),
    );
  });

  it('I24: are exact where a binary float is not', () => {
    // In floats 0.07 / 0.5 / 0.02 is 7.000000000000001, and rounds up to 8.
    const rules = ruleFor({ cost_plus: { target_margin: '0.5', credit_value_usd: '0.02' } });
    expect(rateAction(anAction({ cost: usd('0.07') }), rules, null).credits).toBe(credits('7'));
    const large = '12345678901.000001';
    expect(rateAction(anAction({}), ruleFor({ fixed: { credits: large } }), null).credits).toBe(
      credits(large),
    );
    const tenths = anAction(...Array.from({ length: 10 }, () => ({ cost: usd('0.1') })));
    const atCost = ruleFor({ cost_plus: { markup: '0', credit_value_usd: '1' } });
    expect(rateAction(tenths, atCost, null).credits).toBe(credits('1'));
  });
});

describe('a rule with versions', () => {
  it('I10: charges an action by the version that holds at its first call; a later one changes nothing before it', () => {
    const from = '2026-12-01';
    const fromMicros = Date.UTC(2026, 11, 1) * 1000;
    const firstCalls = fc.integer({ min: fromMicros - 2, max: fromMicros + 1 });
    fc.assert(
      fc.property(
        fc.record({ fallback: aRule(), old: aRule(), next: aRule() }),
        firstCalls,
        someLeaves,
        aPlan,
        ({ fallback, old, next }, firstMicros, someCalls, plan) => {
          const leaves = someCalls.map((leaf, index) => ({
            ...leaf,
            feature: 'write',
            eventTimeMicros: firstMicros + index,
          }));
          const creditsUnder = (write: VersionsConfiguration | undefined) => {
            const features = write === undefined ? {} : { write };
            return rateAction(leaves, rulesOf({ features, default: fallback }), plan).credits;
          };
          const isBefore = firstMicros < fromMicros;
          expect(creditsUnder([old, { ...next, from }])).toBe(creditsUnder(isBefore ? old : next));
          // A feature that has no rule yet has the default rule until its first one begins.
          expect(creditsUnder({ ...next, from })).toBe(creditsUnder(isBefore ? undefined : next));
        },
      ),
    );
  });
});
