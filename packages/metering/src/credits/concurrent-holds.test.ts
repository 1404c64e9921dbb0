import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credits, micros, plansOf } from '../../test/accounts.ts';
import { Books } from '../../test/books.ts';
import type { Decided } from './commands.ts';
import { decideAuthorise, decideRelease, decideSettle } from './hold-commands.ts';
import { decideTopUp } from './lot-commands.ts';
import { decideSubscribe } from './plan-commands.ts';

/** Each gives 100 credits. */
const PLANS = plansOf({
  limited: {
    fee_usd: '19',
    allowance: '100',
    overage: { policy: 'charge', price_usd: '0.05', limit: '50' },
  },
  unlimited: { fee_usd: '19', allowance: '100', overage: { policy: 'charge', price_usd: '0.05' } },
  block: { fee_usd: '19', allowance: '100', overage: { policy: 'block' } },
  degrade: { fee_usd: '19', allowance: '100', overage: { policy: 'degrade' } },
  allow: { fee_usd: '19', allowance: '100', overage: { policy: 'allow' } },
});
const START = micros('2026-11-01T00:00:00Z');
const HOUR_MICROS = 3_600_000_000;
const LIMIT = credits('50');

/** One whose credits are used by nothing but holds, each for no more than it was authorised for. */
class HoldingCustomer {
  readonly books = new Books(PLANS);
  readonly #used = new Map<string, bigint>();
  readonly #amounts = new Map<string, bigint>();
  #nowMicros = START;
  #commands = 0;

  constructor(plan: string) {
    const start = { plan, startMicros: null, zone: 'UTC', anchorDay: 1, withTrial: false };
    this.#do(decideSubscribe(this.books.account, { ...this.#command(), ...start }, PLANS, START));
  }

  get balance() {
    return this.books.account.balance(this.#nowMicros);
  }

  get balanceReopened() {
    return this.books.reopened().balance(this.#nowMicros);
  }

  get openHolds(): readonly string[] {
    return [...this.#amounts.keys()];
  }

  authorise(hold: string, amount: bigint, isForAction: boolean): boolean {
    const expiresMicros = this.#nowMicros + HOUR_MICROS;
    const actionId = isForAction ? `action of ${hold}` : null;
    const command = { ...this.#command(), hold, amount, expiresMicros, feature: null, actionId };
    const isGranted = this.#do(decideAuthorise(this.books.account, command, this.#nowMicros));
    if (isGranted) this.#amounts.set(hold, amount);
    return isGranted;
  }

  /** Usage of the action of a hold, or its settlement: as much of what is left of it as is asked for. */
  take(hold: string, asked: bigint): void {
    const amount = this.#amounts.get(hold) ?? 0n;
    const rest = amount - (this.#used.get(hold) ?? 0n);
    const taken = asked < rest ? asked : rest;
    const actionId = this.books.account.hold(hold)?.fact.actionId ?? null;
    if (actionId === null) {
      this.#do(
        decideSettle(this.books.account, { ...this.#command(), hold, actual: taken }, this.#nowMicros),
      );
      this.#amounts.delete(hold);
    } else if (taken > 0n) {
      const nowMicros = this.#nowMicros;
      this.books.use({ amount: taken, eventMicros: nowMicros, recordedMicros: nowMicros, actionId });
      this.#used.set(hold, amount - rest + taken);
      this.#nowMicros += 1;
    }
  }

  release(hold: string): void {
    this.#do(decideRelease(this.books.account, { ...this.#command(), hold }, this.#nowMicros));
    this.#amounts.delete(hold);
  }

  topUp(amount: bigint): void {
    const command = { ...this.#command(), amount, paidUsd: 0n, expiresMicros: null, priority: null };
    this.#do(decideTopUp(command, this.#nowMicros));
  }

  #command() {
    this.#commands += 1;
    return { id: `c${this.#commands}`, actor: 'ann', reason: 'because' };
  }

  /** True: something has come of it. */
  #do(decided: Decided): boolean {
    this.#nowMicros += 1;
    if (decided.kind !== 'facts') return false;
    for (const fact of decided.facts) this.books.apply(fact);
    return true;
  }
}

const anAmount = fc.bigInt({ min: 1n, max: credits('60') });
const someSteps = fc.array(
  fc.record({
    what: fc.constantFrom('authorise', 'authorise', 'authorise', 'take', 'take', 'release', 'top up'),
    amount: anAmount,
    isForAction: fc.boolean(),
    pick: fc.nat(20),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('holds at once', () => {
  it.each(['limited', 'unlimited', 'block', 'degrade', 'allow'])(
    'I16: never take more together than may be granted, in whatever order they take it: %s',
    (plan) => {
      let beyond = 0;
      let refused = 0;
      fc.assert(
        fc.property(someSteps, (steps) => {
          const customer = new HoldingCustomer(plan);
          for (const [index, { what, amount, isForAction, pick }] of steps.entries()) {
            const hold = customer.openHolds[pick % customer.openHolds.length];
            if (what === 'authorise') {
              if (!customer.authorise(`h${index}`, amount, isForAction)) refused++;
            } else if (what === 'top up') customer.topUp(amount);
            else if (hold === undefined) continue;
            else if (what === 'take') customer.take(hold, amount);
            else customer.release(hold);
          }
          const { available, held, promised, total } = customer.balance;
          const uncovered = total.overage + total.overrun + total.overdraft;
          const most = available > promised ? 0n : promised - available;
          // Now everybody takes all that was granted.
          for (const hold of customer.openHolds) customer.take(hold, credits('60'));
          const after = customer.balance.total;
          expect(after.used - total.used).toBe(held + promised);
          expect(after.overage + after.overrun + after.overdraft - uncovered).toBe(most);
          if (after.overage + after.overdraft > 0n) beyond++;
          if (plan === 'limited') expect(after.overage <= LIMIT).toBe(true);
          expect(after.overrun).toBe(0n);
        }),
        { numRuns: 200 },
      );
      // It was tried: what may go beyond the lots did, and what may not was refused.
      expect(beyond > 0).toBe(plan !== 'block' && plan !== 'degrade');
      expect(refused > 0).toBe(plan !== 'unlimited' && plan !== 'allow');
    },
  );

  it('are promised no less when the account is opened again', () => {
    const customer = new HoldingCustomer('limited');
    expect(customer.authorise('h1', credits('80'), true)).toBe(true);
    expect(customer.authorise('h2', credits('50'), true)).toBe(true);
    customer.take('h2', credits('25'));
    expect(customer.balance).toMatchObject({ available: 0n, held: credits('80'), promised: credits('25') });
    expect(customer.balanceReopened).toEqual(customer.balance);
    expect(customer.authorise('h3', credits('20.000001'), false)).toBe(false);
    expect(customer.authorise('h3', credits('20'), false)).toBe(true);
  });
});
