import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageOf } from './alert.ts';
import { type Answer, afterAttempt, MAX_ATTEMPTS } from './delivery.ts';
import { deliveriesOf } from './endpoint.ts';
import { anAlert, anEndpoint, NOON } from './testing/alerts.ts';

const HOUR_MS = 3_600_000;
const answered = (status: number): Answer => ({ kind: 'answered', status });
const UNANSWERED: Answer = { kind: 'unanswered', problem: 'not reached: ECONNREFUSED' };

describe('an attempt', () => {
  it.each([200, 201, 202, 204, 299])('that is answered with %i has delivered', (status) => {
    expect(afterAttempt({ failures: 3 }, answered(status), NOON, 0)).toEqual({
      state: 'delivered',
      atMillis: NOON,
      status,
      problem: null,
      nextAttemptMillis: null,
    });
  });

  it('that is answered with 410 was the last', () => {
    expect(afterAttempt({ failures: 0 }, answered(410), NOON, 0)).toMatchObject({
      state: 'dead',
      status: 410,
      nextAttemptMillis: null,
    });
  });

  it.each([
    ['301', answered(301), 'redirects are not followed'],
    ['400', answered(400), 'answered with 400'],
    ['503', answered(503), 'answered with 503'],
    ['nothing', UNANSWERED, 'not reached: ECONNREFUSED'],
  ])('that is answered with %s is made again', (_what, answer, problem) => {
    expect(afterAttempt({ failures: 0 }, answer, NOON, 0)).toMatchObject({
      state: 'pending',
      problem,
      nextAttemptMillis: NOON + 10_000,
    });
  });

  it('waits twice as long each time, and gives up after about a day', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        let now = NOON;
        let delay = 0;
        for (let failures = 0; failures < MAX_ATTEMPTS - 1; failures++) {
          const { nextAttemptMillis } = afterAttempt({ failures }, UNANSWERED, now, random);
          if (nextAttemptMillis === null) throw new Error(`gave up after ${failures + 1}`);
          expect(nextAttemptMillis - now).toBeGreaterThanOrEqual(2 * delay - 1);
          delay = nextAttemptMillis - now;
          now = nextAttemptMillis;
        }
        expect(afterAttempt({ failures: MAX_ATTEMPTS - 1 }, UNANSWERED, now, random).state).toBe('dead');
        expect(now - NOON).toBeGreaterThan(22 * HOUR_MS);
        expect(now - NOON).toBeLessThan(28 * HOUR_MS);
      }),
    );
  });
});

describe('a message', () => {
  it('says what, when, whose and how much', () => {
    const { payload } = messageOf(anAlert());
    expect(JSON.parse(payload)).toEqual({
      type: 'alert.threshold',
      timestamp: '2026-11-22T12:00:00.000Z',
      data: {
        alert_id: 'alert:3:threshold:80',
        alert: 'threshold:80',
        tenant: 'default',
        customer: 'cus_acme',
        period: 3,
        detail: { used: '80.5', allowance: '100' },
      },
    });
  });

  it('has the id of its alert: the same every time, and of no other customer or tenant', () => {
    const id = (changes = {}) => messageOf(anAlert(changes)).messageId;
    expect(id()).toBe(id({ detail: {} }));
    const others = [
      id(),
      id({ customer: 'cus_other' }),
      id({ tenant: 'other' }),
      id({ id: 'alert:4:threshold:80' }),
    ];
    expect(new Set(others).size).toBe(4);
    expect(id({ customer: 'größer.\r\nx-evil: 1' })).toMatch(/^msg_[0-9a-f]{32}$/);
  });

  it('goes to each endpoint that wants it, once', () => {
    const all = anEndpoint('https://all.example/');
    const some = anEndpoint('https://some.example/', ['threshold', 'negative_margin']);
    const none = anEndpoint('https://none.example/', ['negative_margin']);
    const wanted = deliveriesOf([messageOf(anAlert())], [all, some, none], NOON);
    expect(wanted.map(({ urlHost }) => urlHost)).toEqual(['all.example', 'some.example']);
  });
});
