import { describe, expect, it } from 'vitest';
import { type AccountStatement, anAccount, aPeriod, credits, micros, terms } from '../../test/accounts.ts';
import type { HoldState } from './account.ts';
import type { Decided } from './commands.ts';
import type { HoldEndedFact, HoldFact } from './fact.ts';
import {
  type AuthoriseCommand,
  decideAuthorise,
  decideHeartbeat,
  decideRelease,
  decideSettle,
  MAX_HOLD_MICROS,
} from './hold-commands.ts';
import type { PlanConfiguration } from './plan-configuration.ts';

const NOW = micros('2026-11-11T10:00:00Z');
const HOUR_MICROS = 3_600_000_000;
const NOVEMBER = { startMicros: micros('2026-11-01T00:00Z'), endMicros: micros('2026-12-01T00:00Z') };
const COMMAND = { id: 'c2', actor: null, reason: null };
const BASE = { atMicros: NOW - 1, recordedMicros: NOW - 1, actor: null, reason: null };

const FACT: HoldFact = {
  ...BASE,
  kind: 'hold',
  id: 'command:c1',
  hold: 'h1',
  amount: credits('80'),
  expiresMicros: NOW + HOUR_MICROS,
  feature: null,
  actionId: null,
};

function state(end: HoldEndedFact['end'] | null, actionId: string | null = null): HoldState {
  const ended: HoldEndedFact | null =
    end === null
      ? null
      : { ...BASE, kind: 'hold_ended', id: 'first', hold: 'h1', end, actual: credits('30'), isLate: false };
  return { fact: { ...FACT, actionId }, expiresMicros: FACT.expiresMicros, ended };
}

function holding(...holds: readonly HoldState[]) {
  return anAccount({ available: credits('100'), period: aPeriod(NOVEMBER), holds });
}

function under(overage: PlanConfiguration['overage'], more: AccountStatement = {}) {
  return anAccount({ available: credits('100'), period: aPeriod(NOVEMBER, terms({ overage })), ...more });
}

function authorise(amount: string, account = holding(), more: Partial<AuthoriseCommand> = {}): Decided {
  const { hold, expiresMicros, feature, actionId } = FACT;
  const command = { ...COMMAND, hold, expiresMicros, feature, actionId, amount: credits(amount), ...more };
  return decideAuthorise(account, command, NOW);
}

function settle(actual: string | null, ...holds: readonly HoldState[]): Decided {
  const command = { ...COMMAND, hold: 'h1', actual: actual === null ? null : credits(actual) };
  return decideSettle(holding(...holds), command, NOW);
}

function outcome(decided: Decided): string {
  return decided.kind === 'refused' ? decided.code : decided.kind;
}

describe('authorising a hold', () => {
  it('takes at most what is available, where credits that run out block', () => {
    expect(authorise('100')).toEqual({
      kind: 'facts',
      facts: [{ ...FACT, atMicros: NOW, recordedMicros: NOW, id: 'command:c2', amount: credits('100') }],
    });
    expect(authorise('100.000001')).toEqual({
      kind: 'refused',
      code: 'INSUFFICIENT_CREDITS',
      message:
        '100 credits are available, not the 100.000001 credits that are needed. Top up, change the plan, or wait for the next period.',
    });
    expect(outcome(authorise('101', under({ policy: 'degrade' })))).toBe('INSUFFICIENT_CREDITS');
  });

  it('goes up to the limit of overage where that is charged, and anywhere where it is lent', () => {
    const charged = under(
      { policy: 'charge', price_usd: '1', limit: '50' },
      { usage: { overage: credits('20') } },
    );
    expect(outcome(authorise('130', charged))).toBe('facts');
    expect(outcome(authorise('130.1', charged))).toBe('OVERAGE_LIMIT');
    expect(outcome(authorise('1000000', under({ policy: 'charge', price_usd: '1' })))).toBe('facts');
    expect(outcome(authorise('1000000', under({ policy: 'allow' })))).toBe('facts');
    expect(outcome(authorise('1000000', anAccount({})))).toBe('facts');
  });

  it('is repeated with the first answer, and refused when the id is that of another hold', () => {
    expect(authorise('80', holding(state(null)))).toEqual({ kind: 'repeated', fact: FACT });
    expect(outcome(authorise('80', holding(state('settled'))))).toBe('repeated');
    expect(outcome(authorise('81', holding(state(null))))).toBe('HOLD_EXISTS');
  });

  it('needs an amount, and an end within a day', () => {
    expect(outcome(authorise('0'))).toBe('INVALID_AMOUNT');
    expect(outcome(authorise('1', holding(), { expiresMicros: NOW }))).toBe('INVALID_EXPIRY');
    expect(outcome(authorise('1', holding(), { expiresMicros: NOW + MAX_HOLD_MICROS }))).toBe('facts');
    expect(outcome(authorise('1', holding(), { expiresMicros: NOW + MAX_HOLD_MICROS + 1 }))).toBe(
      'HOLD_TOO_LONG',
    );
  });
});

describe('a heartbeat', () => {
  const beat = (expiresMicros: number, ...holds: readonly HoldState[]) =>
    decideHeartbeat(holding(...holds), { ...COMMAND, hold: 'h1', expiresMicros }, NOW);

  it('makes a hold longer, never shorter', () => {
    const later = FACT.expiresMicros + 1;
    expect(beat(later, state(null))).toMatchObject({
      kind: 'facts',
      facts: [{ kind: 'heartbeat', hold: 'h1', expiresMicros: later }],
    });
    expect(beat(NOW + 1, state(null))).toEqual({ kind: 'facts', facts: [] });
  });

  it('does not bring a hold back', () => {
    expect(outcome(beat(FACT.expiresMicros))).toBe('HOLD_UNKNOWN');
    expect(outcome(beat(FACT.expiresMicros, state('expired')))).toBe('HOLD_ENDED');
    expect(outcome(beat(NOW + MAX_HOLD_MICROS + 1, state(null)))).toBe('HOLD_TOO_LONG');
  });
});

describe('settling a hold', () => {
  it('charges what was used, more than was held included', () => {
    for (const actual of ['0', '30', '200']) {
      expect(settle(actual, state(null))).toMatchObject({
        kind: 'facts',
        facts: [{ kind: 'hold_ended', hold: 'h1', end: 'settled', actual: credits(actual), isLate: false }],
      });
    }
  });

  it('I16: a second time gives the first answer, whatever is charged now', () => {
    expect(settle('99', state('settled'))).toEqual({ kind: 'repeated', fact: state('settled').ended });
  });

  it('after its expiry is an ordinary debit that was late', () => {
    expect(settle('30', state('expired'))).toMatchObject({
      facts: [{ kind: 'hold_ended', end: 'settled', actual: credits('30'), isLate: true }],
    });
  });

  it('I16: is refused for a hold that was released, or never was', () => {
    expect(outcome(settle('30', state('released')))).toBe('HOLD_ENDED');
    expect(outcome(settle('30'))).toBe('HOLD_UNKNOWN');
  });

  it('says what was used for a hold without an action, and nothing for one whose calls say it', () => {
    expect(outcome(settle(null, state(null)))).toBe('ACTUAL_REQUIRED');
    expect(outcome(settle('30', state(null, 'a1')))).toBe('ACTUAL_UNEXPECTED');
    expect(settle(null, state(null, 'a1'))).toMatchObject({ facts: [{ actual: 0n }] });
    expect(outcome(settle('-1', state(null)))).toBe('INVALID_AMOUNT');
  });
});

describe('releasing a hold', () => {
  const release = (...holds: readonly HoldState[]) =>
    decideRelease(holding(...holds), { ...COMMAND, hold: 'h1' }, NOW);

  it('gives everything back, once', () => {
    expect(release(state(null))).toMatchObject({
      facts: [{ kind: 'hold_ended', end: 'released', actual: 0n }],
    });
    expect(release(state('released'))).toEqual({ kind: 'repeated', fact: state('released').ended });
    expect(outcome(release(state('expired')))).toBe('repeated');
  });

  it('is refused when the hold was settled, or never was', () => {
    expect(release(state('settled'))).toEqual({
      kind: 'refused',
      code: 'HOLD_ENDED',
      message: 'Expected an open hold; h1 was settled. Authorise another one.',
    });
    expect(outcome(release())).toBe('HOLD_UNKNOWN');
  });
});
