import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccountStatement,
  anAccount,
  aPeriod,
  credits,
  micros,
  plansOf,
  subscribed,
  terms,
} from '../../test/accounts.ts';
import type { Decided } from './commands.ts';
import type { AccountFact, PlanFact } from './fact.ts';
import {
  type ChangePlanCommand,
  decideCancel,
  decideChangePlan,
  decideSubscribe,
  type SubscribeCommand,
} from './plan-commands.ts';
import { subscriptionAt } from './subscription.ts';

const PLANS = plansOf({
  starter: { fee_usd: '19', allowance: '5000' },
  pro: { fee_usd: '49', allowance: '20000', trial: { days: 14, credits: '500' } },
  business: { fee_usd: '199', allowance: '100000' },
  generous: { fee_usd: '49', allowance: '30000' },
});
const NOW = micros('2026-11-11T10:00:00Z');
const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };
const COMMAND = { id: 'c1', actor: 'ann', reason: null };
const PRO = PLANS.termsAt('pro', NOW);

function factsOf(decided: Decided): readonly AccountFact[] {
  if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
  return decided.facts;
}

function codeOf(decided: Decided): string {
  if (decided.kind !== 'refused') throw new Error(`was not refused: ${decided.kind}`);
  return decided.code;
}

function subscribe(account: AccountStatement, command: Partial<SubscribeCommand> = {}): Decided {
  const complete: SubscribeCommand = {
    ...COMMAND,
    plan: 'pro',
    startMicros: null,
    zone: 'Europe/Berlin',
    anchorDay: null,
    withTrial: true,
    ...command,
  };
  return decideSubscribe(anAccount(account), complete, PLANS, NOW);
}

/** A customer of pro in November. */
const CUSTOMER: AccountStatement = {
  period: aPeriod(NOVEMBER, PRO),
  planFacts: [subscribed(NOVEMBER.startMicros)],
};

function change(plan: string, account: AccountStatement = CUSTOMER, nowMicros = NOW): Decided {
  const command: ChangePlanCommand = { ...COMMAND, plan };
  return decideChangePlan(anAccount(account), command, PLANS, nowMicros);
}

function planFactsOf(decided: Decided): readonly PlanFact[] {
  return factsOf(decided).filter(
    (fact): fact is PlanFact =>
      fact.kind === 'subscribed' || fact.kind === 'plan_changed' || fact.kind === 'canceled',
  );
}

describe('a subscription', () => {
  it('begins now, with the local day of the start as anchor and the trial of the plan', () => {
    expect(factsOf(subscribe({}))).toEqual([
      {
        kind: 'subscribed',
        id: 'command:c1',
        atMicros: NOW,
        recordedMicros: NOW,
        actor: 'ann',
        reason: null,
        plan: 'pro',
        anchor: { day: 11, zone: 'Europe/Berlin' },
        trialEndsMicros: micros('2026-11-25T00:00+01:00'),
      },
    ]);
  });

  it('takes the date of its anchor from the clocks of the customer', () => {
    const late = micros('2026-10-31T23:30:00Z');
    expect(factsOf(subscribe({}, { startMicros: late }))).toMatchObject([
      { anchor: { day: 1, zone: 'Europe/Berlin' }, atMicros: late },
    ]);
  });

  it('has a trial once, and only where it is wanted and the plan has one', () => {
    const canceled: PlanFact = {
      kind: 'canceled',
      id: 'x',
      atMicros: micros('2026-10-01T00:00Z'),
      recordedMicros: 0,
      actor: null,
      reason: null,
    };
    const before = [subscribed(micros('2026-09-01T00:00Z'), 'pro', { trialEndsMicros: 1 }), canceled];
    const without = [{ trialEndsMicros: null }];
    expect(factsOf(subscribe({ planFacts: before }))).toMatchObject(without);
    expect(factsOf(subscribe({}, { withTrial: false }))).toMatchObject(without);
    expect(factsOf(subscribe({}, { plan: 'starter' }))).toMatchObject(without);
  });

  it('is refused with what is wrong and what to do', () => {
    expect(codeOf(subscribe({}, { startMicros: NOW + 1 }))).toBe('START_IN_FUTURE');
    expect(codeOf(subscribe({}, { startMicros: Date.UTC(1926, 10, 23) * 1000 }))).toBe('START_TOO_EARLY');
    expect(codeOf(subscribe({ closedUntilMicros: NOW }, { startMicros: NOW - 1 }))).toBe('PERIOD_CLOSED');
    expect(codeOf(subscribe({}, { zone: 'Mars/Olympus' }))).toBe('INVALID_ANCHOR');
    expect(codeOf(subscribe({}, { anchorDay: 32 }))).toBe('INVALID_ANCHOR');
    expect(codeOf(subscribe({}, { anchorDay: 1.5 }))).toBe('INVALID_ANCHOR');
    expect(codeOf(subscribe(CUSTOMER))).toBe('ALREADY_SUBSCRIBED');
    expect(codeOf(subscribe(CUSTOMER, { startMicros: NOVEMBER.startMicros - 1 }))).toBe('ALREADY_SUBSCRIBED');
    expect(subscribe({}, { plan: 'gold' })).toEqual({
      kind: 'refused',
      code: 'UNKNOWN_PLAN',
      message: 'Expected one of business, generous, pro, starter, in force by then; got gold.',
    });
  });
});

describe('an upgrade', () => {
  it('holds at once; fee and allowance are those of the remaining days, the day of the change included', () => {
    // 20 of 30 days remain: 150 USD and 80,000 credits more per period.
    expect(factsOf(change('business'))).toEqual([
      {
        kind: 'plan_changed',
        id: 'command:c1',
        atMicros: NOW,
        recordedMicros: NOW,
        actor: 'ann',
        reason: null,
        from: 'pro',
        to: 'business',
        terms: PLANS.termsAt('business', NOW),
        extraFee: 100_000_000_000_000_000n,
      },
      {
        kind: 'granted',
        id: 'command:c1:allowance',
        atMicros: NOW,
        recordedMicros: NOW,
        actor: 'ann',
        reason: null,
        lot: {
          id: 'upgrade:c1',
          kind: 'allowance',
          amount: credits('53333'),
          priority: 0,
          effectiveMicros: NOW,
          expiresMicros: NOVEMBER.endMicros,
          source: 'command:c1',
          paidUsd: null,
        },
      },
    ]);
  });

  it('may be to a higher allowance for the same fee', () => {
    expect(factsOf(change('generous'))).toMatchObject([
      { kind: 'plan_changed', atMicros: NOW, extraFee: 0n },
      { lot: { amount: credits('6667') } },
    ]);
  });

  it('counts days by the calendar of the customer, whatever daylight saving does', () => {
    const anchor = { day: 1, zone: 'Europe/Berlin' };
    const march = {
      startMicros: micros('2026-03-01T00:00+01:00'),
      endMicros: micros('2026-04-01T00:00+02:00'),
    };
    const account = {
      ...CUSTOMER,
      period: aPeriod(march, PRO, { anchor }),
      planFacts: [subscribed(march.startMicros)],
    };
    // The 29th, by the clocks of the customer: 3 of 31 days. By UTC it is still the 28th.
    const facts = factsOf(change('generous', account, micros('2026-03-29T00:30+01:00')));
    expect(facts).toMatchObject([{}, { lot: { amount: credits('968') } }]);
  });

  it('never costs more than the whole difference, nor less for an earlier change', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: NOVEMBER.startMicros, max: NOVEMBER.endMicros - 1 }),
        fc.integer({ min: NOVEMBER.startMicros, max: NOVEMBER.endMicros - 1 }),
        (one, other) => {
          const feeAt = (nowMicros: number) => {
            const [fact] = factsOf(change('business', CUSTOMER, nowMicros));
            if (fact?.kind !== 'plan_changed') throw new Error('expected a change of plan');
            return fact.extraFee;
          };
          const [earlier, later] = [feeAt(Math.min(one, other)), feeAt(Math.max(one, other))];
          expect(earlier <= 150_000_000_000_000_000n && later <= earlier && later > 0n).toBe(true);
        },
      ),
    );
  });

  it('during a trial costs nothing and adds nothing', () => {
    const trial = { ...CUSTOMER, period: aPeriod(NOVEMBER, PRO, { isTrial: true }) };
    expect(factsOf(change('business', trial))).toMatchObject([
      { kind: 'plan_changed', atMicros: NOW, extraFee: 0n },
    ]);
  });

  it('undoes the downgrade or cancellation that was to come', () => {
    const downgrade = planFactsOf(change('starter'));
    const upgrade = planFactsOf(change('business'));
    const facts = [...(CUSTOMER.planFacts ?? []), ...downgrade, ...upgrade];
    expect(subscriptionAt(facts, NOVEMBER.endMicros)).toMatchObject({ plan: 'business', next: null });
  });
});

describe('a downgrade', () => {
  it('waits for the end of the period and gives nothing back', () => {
    expect(factsOf(change('starter'))).toMatchObject([
      {
        kind: 'plan_changed',
        from: 'pro',
        to: 'starter',
        atMicros: NOVEMBER.endMicros,
        terms: null,
        extraFee: 0n,
      },
    ]);
    const facts = [...(CUSTOMER.planFacts ?? []), ...planFactsOf(change('starter'))];
    expect(subscriptionAt(facts, NOW)).toMatchObject({ plan: 'pro', next: { kind: 'plan_changed' } });
    expect(subscriptionAt(facts, NOVEMBER.endMicros)).toMatchObject({ plan: 'starter', next: null });
  });

  it('is undone by changing to the plan that the customer has', () => {
    const planFacts = [...(CUSTOMER.planFacts ?? []), ...planFactsOf(change('starter'))];
    const undone = [...planFacts, ...planFactsOf(change('pro', { ...CUSTOMER, planFacts }))];
    expect(subscriptionAt(undone, NOVEMBER.endMicros)?.plan).toBe('pro');
    expect(codeOf(change('pro', { ...CUSTOMER, planFacts: undone }))).toBe('SAME_PLAN');
  });
});

describe('a change of plan', () => {
  it('is refused where it changes nothing or cannot be', () => {
    expect(codeOf(change('pro'))).toBe('SAME_PLAN');
    expect(codeOf(change('gold'))).toBe('UNKNOWN_PLAN');
    expect(codeOf(change('business', { period: aPeriod(NOVEMBER, null) }))).toBe('NOT_SUBSCRIBED');
  });

  it('is decided by the terms of the running period, whatever the configuration says by now', () => {
    const dear = terms({ fee_usd: '500' });
    expect(factsOf(change('business', { ...CUSTOMER, terms: dear }))).toMatchObject([
      { kind: 'plan_changed', atMicros: NOVEMBER.endMicros },
    ]);
  });
});

describe('a cancellation', () => {
  it('ends the plan with the period, or at once', () => {
    const account = anAccount(CUSTOMER);
    expect(factsOf(decideCancel(account, { ...COMMAND, when: 'period_end' }, NOW))).toMatchObject([
      { kind: 'canceled', atMicros: NOVEMBER.endMicros, recordedMicros: NOW },
    ]);
    expect(factsOf(decideCancel(account, { ...COMMAND, when: 'now' }, NOW))).toMatchObject([
      { kind: 'canceled', atMicros: NOW },
    ]);
  });

  it('needs a plan, and is not repeated', () => {
    const planFacts = [
      ...(CUSTOMER.planFacts ?? []),
      ...planFactsOf(decideCancel(anAccount(CUSTOMER), { ...COMMAND, when: 'period_end' }, NOW)),
    ];
    const account = anAccount({ ...CUSTOMER, planFacts });
    expect(codeOf(decideCancel(account, { ...COMMAND, when: 'period_end' }, NOW))).toBe('ALREADY_CANCELED');
    expect(factsOf(decideCancel(account, { ...COMMAND, when: 'now' }, NOW))).toHaveLength(1);
    expect(codeOf(decideCancel(anAccount({}), { ...COMMAND, when: 'now' }, NOW))).toBe('NOT_SUBSCRIBED');
    expect(subscriptionAt(planFacts, NOVEMBER.endMicros)).toBeNull();
  });
});
