import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credits, micros, plansOf } from '../../test/accounts.ts';
import type { CustomerAccount } from './account.ts';
import { alertsDue } from './alert.ts';
import type { Decided } from './commands.ts';
import type { AccountFact } from './fact.ts';
import { decideAuthorise, decideRelease, decideSettle } from './hold-commands.ts';
import { decideAdjust, decideGrant, decideTopUp } from './lot-commands.ts';
import { openAccount } from './open-account.ts';
import { decideCancel, decideChangePlan, decideSubscribe } from './plan-commands.ts';
import { fundsAt, preflight } from './preflight.ts';
import { NO_BREAKDOWN, statementOf } from './statement.ts';

/**
 * Commands against the account itself, the way the ledger does it: bring it to now, decide, apply.
 */
const PLANS = plansOf({
  starter: { fee_usd: '19', allowance: '100' },
  pro: { fee_usd: '49', allowance: '1000', trial: { days: 14, credits: '50' } },
  business: {
    fee_usd: '199',
    allowance: '4000',
    overage: { policy: 'charge', price_usd: '0.05', limit: '500' },
  },
});
const START = micros('2026-11-01T00:00:00+01:00');
const HOUR_MICROS = 3_600_000_000;
const FREE = { cost: 0n, unpricedCalls: 0 };

class Customer {
  readonly account: CustomerAccount = openAccount('acme', [], []);
  readonly facts: AccountFact[] = [];
  nowMicros = START;
  #commands = 0;

  at(instant: string): this {
    this.nowMicros = micros(instant);
    this.facts.push(...this.account.advance(this.nowMicros, PLANS).facts);
    return this;
  }

  command() {
    this.#commands += 1;
    return { id: `c${this.#commands}`, actor: 'ann', reason: 'because' };
  }

  /** What came of it: `facts`, `repeated`, or why it was refused. No two things happen at one instant. */
  do(decided: Decided): string {
    this.nowMicros += 1;
    if (decided.kind === 'refused') return decided.code;
    if (decided.kind === 'facts') {
      for (const fact of decided.facts) {
        if (this.account.apply(fact).needsUsage) throw new Error('expected no need of usage');
        this.facts.push(fact);
      }
      this.facts.push(...this.account.advance(this.nowMicros, PLANS).facts);
    }
    return decided.kind;
  }

  subscribe(plan: string, withTrial = false): string {
    const command = { plan, startMicros: null, zone: 'Europe/Berlin', anchorDay: null, withTrial };
    return this.do(decideSubscribe(this.account, { ...this.command(), ...command }, PLANS, this.nowMicros));
  }

  change(plan: string): string {
    return this.do(decideChangePlan(this.account, { ...this.command(), plan }, PLANS, this.nowMicros));
  }

  cancel(when: 'now' | 'period_end'): string {
    return this.do(decideCancel(this.account, { ...this.command(), when }, this.nowMicros));
  }

  authorise(hold: string, amount: bigint): string {
    const expiresMicros = this.nowMicros + HOUR_MICROS;
    const command = { ...this.command(), hold, amount, expiresMicros, feature: null, actionId: null };
    return this.do(decideAuthorise(this.account, command, this.nowMicros));
  }

  settle(hold: string, actual: bigint): string {
    return this.do(decideSettle(this.account, { ...this.command(), hold, actual }, this.nowMicros));
  }

  release(hold: string): string {
    return this.do(decideRelease(this.account, { ...this.command(), hold }, this.nowMicros));
  }

  use(amount: bigint): void {
    const { nowMicros } = this;
    this.account.use({ amount, eventMicros: nowMicros, recordedMicros: nowMicros, actionId: null });
    this.nowMicros += 1;
  }

  balance() {
    const { available, held, periodUsage } = this.account.balance(this.nowMicros);
    return { available, held, ...periodUsage };
  }

  statement() {
    const period = this.account.periodAt(this.nowMicros);
    if (period === null) throw new Error('expected a period');
    return statementOf(this.account, period, NO_BREAKDOWN, this.nowMicros);
  }
}

function aCustomerOf(plan: string): Customer {
  const customer = new Customer().at('2026-11-01T00:00:00+01:00');
  expect(customer.subscribe(plan)).toBe('facts');
  return customer;
}

describe('a customer', () => {
  it('subscribes, and has the allowance until the next local month', () => {
    const customer = aCustomerOf('pro');
    expect(customer.statement()).toMatchObject({
      allowance: credits('1000'),
      available: credits('1000'),
      nextResetMicros: micros('2026-12-01T00:00:00+01:00'),
      nextPlan: 'pro',
      atZero: { code: 'block' },
    });
    expect(customer.subscribe('pro')).toBe('ALREADY_SUBSCRIBED');
  });

  it('tries the plan once, to the midnight that ends the last day of the trial', () => {
    const customer = new Customer().at('2026-11-01T12:00:00+01:00');
    expect(customer.subscribe('pro', true)).toBe('facts');
    expect(customer.statement()).toMatchObject({
      allowance: credits('50'),
      period: { isTrial: true, bounds: { endMicros: micros('2026-11-15T00:00:00+01:00') } },
    });
    customer.at('2026-11-15T00:00:00+01:00');
    expect(customer.statement()).toMatchObject({ allowance: credits('1000'), period: { isTrial: false } });
  });

  it('upgrades at once, and has the extra allowance of the remaining days', () => {
    const customer = aCustomerOf('pro').at('2026-11-16T09:00:00+01:00');
    customer.use(credits('200'));
    expect(customer.change('business')).toBe('facts');
    // 15 of 30 days of 3,000 credits more.
    expect(customer.statement()).toMatchObject({
      allowance: credits('2500'),
      available: credits('2300'),
      terms: { plan: 'business' },
      atZero: { code: 'charge' },
    });
    customer.at('2026-12-01T00:00:00+01:00');
    expect(customer.statement()).toMatchObject({ allowance: credits('4000'), available: credits('4000') });
  });

  it('downgrades and cancels at the end of the period, and may think again', () => {
    const customer = aCustomerOf('pro').at('2026-11-10T09:00:00+01:00');
    expect(customer.change('starter')).toBe('facts');
    expect(customer.statement()).toMatchObject({ terms: { plan: 'pro' }, nextPlan: 'starter' });
    expect(customer.cancel('period_end')).toBe('facts');
    expect(customer.statement()).toMatchObject({ nextPlan: null, nextResetMicros: null });
    expect(customer.change('pro')).toBe('facts');
    expect(customer.statement().nextPlan).toBe('pro');
    expect(customer.change('starter')).toBe('facts');
    customer.at('2026-12-01T00:00:00+01:00');
    expect(customer.statement()).toMatchObject({ terms: { plan: 'starter' }, allowance: credits('100') });
  });

  it('keeps after a cancellation what was paid for, and may subscribe anew at once', () => {
    const customer = aCustomerOf('pro').at('2026-11-10T09:00:00+01:00');
    expect(customer.cancel('now')).toBe('facts');
    expect(customer.statement()).toMatchObject({
      available: credits('1000'),
      nextPlan: null,
      nextResetMicros: null,
    });
    expect(customer.cancel('now')).toBe('NOT_SUBSCRIBED');
    customer.at('2026-11-20T09:00:00+01:00');
    expect(customer.subscribe('starter')).toBe('facts');
    expect(customer.statement()).toMatchObject({ terms: { plan: 'starter' }, allowance: credits('100') });
  });

  it('has no plan, and nothing is refused, when the last period has ended', () => {
    const customer = aCustomerOf('pro').at('2026-11-10T09:00:00+01:00');
    expect(customer.cancel('period_end')).toBe('facts');
    customer.at('2026-12-01T00:00:00+01:00');
    expect(customer.statement()).toMatchObject({ terms: null, available: 0n, atZero: { code: 'no_plan' } });
    expect(customer.authorise('h1', credits('5'))).toBe('facts');
  });

  it('tops up, is given and loses credits', () => {
    const customer = aCustomerOf('starter').at('2026-11-10T09:00:00+01:00');
    const lot = { expiresMicros: null, priority: null };
    const { nowMicros, account } = customer;
    const topUp = { ...customer.command(), ...lot, amount: credits('10'), paidUsd: 10n ** 15n };
    customer.do(decideTopUp(topUp, nowMicros));
    customer.do(decideGrant({ ...customer.command(), ...lot, amount: credits('5') }, nowMicros));
    const taken = { ...customer.command(), expiresMicros: null, amount: -credits('115') };
    expect(customer.do(decideAdjust(account, { ...taken, amount: taken.amount - 1n }, nowMicros))).toBe(
      'INSUFFICIENT_CREDITS',
    );
    expect(customer.balance().available).toBe(credits('115'));
    expect(customer.do(decideAdjust(account, taken, nowMicros))).toBe('facts');
    expect(customer.balance().available).toBe(0n);
  });
});

describe('a hold', () => {
  it('of worked example 4: 80 of 100 held, 30 used, 70 left', () => {
    const customer = aCustomerOf('starter');
    expect(customer.authorise('h1', credits('80'))).toBe('facts');
    expect(customer.balance()).toMatchObject({ available: credits('20'), held: credits('80'), used: 0n });
    expect(customer.settle('h1', credits('30'))).toBe('facts');
    expect(customer.balance()).toMatchObject({ available: credits('70'), held: 0n, used: credits('30') });
    expect(customer.settle('h1', credits('99'))).toBe('repeated');
    expect(customer.release('h1')).toBe('HOLD_ENDED');
    expect(customer.authorise('h1', credits('80'))).toBe('repeated');
    expect(customer.balance()).toMatchObject({ available: credits('70'), held: 0n, used: credits('30') });
  });

  it('that has expired gives back what it held, and is settled late as an ordinary debit', () => {
    const customer = aCustomerOf('starter');
    customer.authorise('h1', credits('80'));
    customer.at('2026-11-01T01:00:01+01:00');
    expect(customer.balance()).toMatchObject({ available: credits('100'), held: 0n });
    expect(customer.settle('h1', credits('30'))).toBe('facts');
    expect(customer.facts.at(-1)).toMatchObject({ kind: 'hold_ended', end: 'settled', isLate: true });
    expect(customer.balance()).toMatchObject({ available: credits('70'), used: credits('30') });
    expect(customer.settle('h1', credits('30'))).toBe('repeated');
    expect(customer.balance().used).toBe(credits('30'));
  });

  it('may end in the very instant in which it began', () => {
    const { account, nowMicros } = aCustomerOf('starter');
    const base = { actor: null, reason: null, hold: 'h1' };
    const begin = {
      ...base,
      id: 'b',
      amount: credits('80'),
      expiresMicros: nowMicros + 9,
      feature: null,
      actionId: null,
    };
    const apply = (decided: Decided) => {
      if (decided.kind !== 'facts') throw new Error(`expected facts, got ${decided.kind}`);
      for (const fact of decided.facts) account.apply(fact);
    };
    apply(decideAuthorise(account, begin, nowMicros));
    apply(decideSettle(account, { ...base, id: 'e', actual: credits('30') }, nowMicros));
    expect(account.balance(nowMicros + 1)).toMatchObject({ available: credits('70'), held: 0n });
  });

  it('I16: ends once, and many at once never hold more than there is', () => {
    const amount = fc.bigInt({ min: 1n, max: credits('60') });
    const step = fc.record({
      hold: fc.integer({ min: 0, max: 5 }).map((number) => `h${number}`),
      what: fc.constantFrom('authorise', 'settle', 'release'),
      amount,
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const customer = aCustomerOf('starter');
        const ends = new Map<string, number>();
        for (const { hold, what, amount: asked } of steps) {
          const before = customer.balance();
          if (what === 'authorise') {
            const outcome = customer.authorise(hold, asked);
            if (outcome === 'facts') expect(asked <= before.available).toBe(true);
          } else {
            // Never more than was held, so that the sum below holds without overrun.
            const held = customer.account.hold(hold)?.fact.amount ?? 0n;
            const actual = asked < held ? asked : held;
            const outcome = what === 'settle' ? customer.settle(hold, actual) : customer.release(hold);
            if (outcome === 'facts') ends.set(hold, (ends.get(hold) ?? 0) + 1);
          }
          const { available, held, used } = customer.balance();
          expect(available >= 0n && held >= 0n).toBe(true);
          expect(available + held + used).toBe(credits('100'));
        }
        expect([...ends.values()].every((count) => count === 1)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a check', () => {
  it('says of the account what then happens: what is allowed as covered is covered', () => {
    const amounts = fc.array(fc.bigInt({ min: 1n, max: credits('40') }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(amounts, fc.constantFrom('starter', 'business'), (uses, plan) => {
        const customer = aCustomerOf(plan);
        for (const estimate of uses) {
          const before = customer.balance();
          const check = preflight(
            { estimate, degradedEstimate: null },
            fundsAt(customer.account, customer.nowMicros),
          );
          customer.use(estimate);
          const after = customer.balance();
          const uncovered = after.overage + after.overrun - before.overage - before.overrun;
          expect(check.uncovered).toBe(uncovered);
          expect(check.answer === 'deny').toBe(after.overrun > before.overrun);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('alerts of an account', () => {
  it('I26: fire once per period and level, and again in the next one', () => {
    const customer = aCustomerOf('starter');
    const fired = new Map<number, string[]>();
    const look = () => {
      const number = customer.account.periodAt(customer.nowMicros)?.period ?? -1;
      const before = fired.get(number) ?? [];
      const due = alertsDue(customer.account, FREE, new Set(before), customer.nowMicros);
      fired.set(number, [...before, ...due.map(({ alert }) => alert)]);
      return due.map(({ alert }) => alert);
    };
    customer.use(credits('80'));
    expect(look()).toEqual(['threshold:50', 'threshold:80']);
    customer.use(-credits('60'));
    expect(look()).toEqual([]);
    customer.use(credits('70'));
    expect(look()).toEqual([]);
    customer.use(credits('30'));
    expect(look()).toEqual(['threshold:100']);
    customer.at('2026-12-01T00:00:00+01:00');
    expect(look()).toEqual([]);
    customer.use(credits('50'));
    expect(look()).toEqual(['threshold:50']);
  });
});

describe('a statement of the account', () => {
  it('of a period that a subscription has ended says nothing of what came after', () => {
    const customer = new Customer().at('2026-11-05T12:00:00+01:00');
    customer.use(credits('7'));
    const period = customer.account.periodAt(customer.nowMicros);
    if (period === null) throw new Error('expected a period');
    customer.at('2026-11-11T12:00:00+01:00');
    expect(customer.subscribe('pro')).toBe('facts');
    customer.use(credits('100'));
    expect(statementOf(customer.account, period, NO_BREAKDOWN, customer.nowMicros)).toMatchObject({
      period: {
        bounds: { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-11-11T12:00:00+01:00') },
      },
      terms: null,
      allowance: 0n,
      usage: { used: credits('7'), overdraft: credits('7') },
      available: 0n,
      nextPlan: 'pro',
    });
  });

  it('is a closed set: used is what lots covered and what nothing did, remaining is available and held', () => {
    const amount = fc.bigInt({ min: 1n, max: credits('3000') });
    fc.assert(
      fc.property(fc.array(amount, { minLength: 1, maxLength: 8 }), amount, (uses, held) => {
        const customer = aCustomerOf('business');
        customer.authorise('h1', held);
        for (const use of uses) customer.use(use);
        const statement = customer.statement();
        const { used, overage, overrun, overdraft } = statement.usage;
        const consumed = statement.lots.reduce((sum, lot) => sum + lot.consumed, 0n);
        expect(used).toBe(uses.reduce((sum, use) => sum + use, 0n));
        expect(statement.usedFromLots + overage + overrun + overdraft).toBe(used);
        expect(statement.usedFromLots).toBe(consumed);
        expect(statement.remaining).toBe(statement.available + statement.held);
        expect(statement.allowance - consumed).toBe(statement.remaining);
      }),
    );
  });
});
