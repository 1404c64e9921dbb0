import { createHash } from 'node:crypto';
import { decideSubscribe, openAccount, plans } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateHistory, type HistoryOptions } from './generate.ts';
import { DAY_MICROS, HOUR_MICROS, isIn, storyOf } from './story.ts';
import { sumsBy, type Truth, truthJson } from './truth.ts';

/** A Monday at noon. */
const NOW = Date.UTC(2026, 10, 23, 12) * 1000;

/** All of it, taken: a fingerprint of the bytes, and the truth about them. */
function month(options: Partial<HistoryOptions> = {}): { readonly bytes: string; readonly truth: Truth } {
  const history = generateHistory({ days: 30, nowMicros: NOW, seed: 1, size: 0.2, ...options });
  const hash = createHash('sha256');
  for (const { bytes } of history.bodies) hash.update(bytes);
  for (const { bytes } of history.lateBodies) hash.update(bytes);
  return { bytes: hash.digest('hex'), truth: history.truth };
}

const { truth } = month();
const story = storyOf(30, NOW);
const micros = (hour: string) => Date.parse(hour) * 1000;

describe('a history', () => {
  it('is the same to the byte for the same options, and another for another seed', () => {
    const short = { days: 2, size: 0.1 };
    const one = month(short);
    const same = month(short);
    expect(same.bytes).toBe(one.bytes);
    expect(truthJson(same.truth)).toBe(truthJson(one.truth));
    expect(month({ ...short, seed: 2 }).bytes).not.toBe(one.bytes);
  });

  it('lies between its start and now, and reaches the current hour', () => {
    const hours = truth.rows.map(({ hour }) => micros(hour));
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(story.startMicros);
    expect(Math.max(...hours)).toBeLessThanOrEqual(NOW);
    expect(Math.max(...hours)).toBeGreaterThanOrEqual(NOW - 2 * HOUR_MICROS);
  });

  it('has every part of the story in it', () => {
    const tell = (
      dimension: 'feature' | 'provider' | 'usageClass' | 'environment' | 'service' | 'customer',
    ) => [...sumsBy(truth.rows, [dimension]).keys()].sort();
    expect(tell('feature')).toHaveLength(7);
    expect(tell('provider')).toEqual(['anthropic', 'gcp.gemini', 'mistral_ai', 'openai']);
    expect(tell('usageClass')).toEqual(['customer', 'internal', 'test', 'trial']);
    expect(tell('environment')).toEqual(['production', 'staging']);
    expect(tell('service')).toEqual(['agent-worker', 'desk-api']);
    expect(tell('customer')).toHaveLength(15);
    const { deliveries } = truth;
    for (const [name, count] of Object.entries(deliveries)) expect(count, name).toBeGreaterThan(0);
  });

  it('grows, and rests on weekends', () => {
    const byDay = new Map<number, number>();
    for (const { hour, sums } of truth.rows) {
      const day = Math.floor(micros(hour) / DAY_MICROS);
      byDay.set(day, (byDay.get(day) ?? 0) + sums.calls);
    }
    const first = Math.floor(story.startMicros / DAY_MICROS);
    const week = (number: number) =>
      [0, 1, 2, 3, 4, 5, 6].reduce((sum, day) => sum + (byDay.get(first + number * 7 + day) ?? 0), 0);
    expect(week(3)).toBeGreaterThan(week(0) * 1.15);
    const on = (weekday: number) =>
      [...byDay].reduce(
        (sum, [day, calls]) => sum + (new Date(day * 864e5).getUTCDay() === weekday ? calls : 0),
        0,
      );
    expect(on(0) + on(6)).toBeLessThan(on(2));
  });

  it('switches the model, and fails while the provider has trouble', () => {
    const modelOf = (isBefore: boolean, model: string) =>
      truth.rows.some(
        (row) =>
          row.model === model &&
          (isBefore
            ? micros(row.hour) + HOUR_MICROS < story.modelSwitchMicros
            : micros(row.hour) > story.modelSwitchMicros + HOUR_MICROS),
      );
    expect([modelOf(true, 'gpt-4.1'), modelOf(true, 'gpt-5-mini')]).toEqual([true, false]);
    expect([modelOf(false, 'gpt-4.1'), modelOf(false, 'gpt-5-mini')]).toEqual([false, true]);

    const share = (rows: Truth['rows']) => {
      const sums = sumsBy(rows, ['provider']).get('anthropic');
      return (sums?.failedCalls ?? 0) / (sums?.calls ?? 1);
    };
    const inTrouble = truth.rows.filter(({ hour }) => isIn(story.incident, micros(hour)));
    expect(share(inTrouble)).toBeGreaterThan(0.1);
    expect(share(truth.rows.filter((row) => !inTrouble.includes(row)))).toBeLessThan(0.03);
  });
});

describe('the story', () => {
  it('has its instants between the start of credits and now, however long it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), anyNow(), (days, nowMicros) => {
        const told = storyOf(days, nowMicros);
        const instants = [
          told.betterCacheMicros,
          told.modelSwitchMicros,
          told.priceCutMicros,
          told.incident.toMicros,
          told.unpricedModelMicros,
          told.cacheCollapse.fromMicros,
          told.cacheCollapse.toMicros,
        ];
        for (const instant of instants) {
          expect(instant).toBeGreaterThanOrEqual(told.creditsMicros);
          expect(instant).toBeLessThanOrEqual(nowMicros);
        }
      }),
    );
  });

  it('has all its credits in periods that are open, on any day of any year', () => {
    const read = plans({ any: { fee_usd: '1', allowance: '1' } });
    if (read.kind !== 'plans') throw new Error('the plan of this test is wrong');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), anyNow(), (days, nowMicros) => {
        const { accounts } = generateHistory({ days, nowMicros, seed: 1, size: 1 });
        const subscriptions = accounts.filter(({ path }) => path.endsWith('/subscription'));
        expect(subscriptions.length).toBeGreaterThan(10);
        for (const { body } of subscriptions) {
          const account = openAccount('any', [], []);
          const decided = decideSubscribe(
            account,
            {
              id: 's',
              actor: null,
              reason: null,
              plan: 'any',
              startMicros: micros(String(body.start)),
              zone: 'UTC',
              anchorDay: typeof body.anchor_day === 'number' ? body.anchor_day : null,
              withTrial: false,
            },
            read.plans,
            nowMicros,
          );
          if (decided.kind !== 'facts') throw new Error(JSON.stringify(decided));
          for (const fact of decided.facts) account.apply(fact);
          account.advance(nowMicros, read.plans);
          expect(account.closedUntilMicros).toBeNull();
        }
      }),
      { numRuns: 60 },
    );
  });
});

function anyNow() {
  return fc
    .integer({ min: Date.UTC(2026, 0, 5) / 60_000, max: Date.UTC(2032, 0, 1) / 60_000 })
    .map((minute) => minute * 60_000_000);
}
