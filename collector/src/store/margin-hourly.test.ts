import type { AccountFact, PlanTerms } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../ledger/store.ts';
import type { DuckDbStore } from './store.ts';
import { aFailedPosting, anUnpricedPosting, aPosting, aPostingOf, spanId } from './testing/postings.ts';
import { foldAll } from './testing/rollups.ts';
import { aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const NOON_MICROS = NOON * 1000;
const MINUTE_MICROS = 60_000_000;
const HOUR_MICROS = 60 * MINUTE_MICROS;

/** A plan of 100 credits for so many USD, so that a credit is worth a hundredth of that. */
function theTerms(plan: string, feeUsd: bigint): PlanTerms {
  return {
    plan,
    version: `${plan}@1`,
    fee: feeUsd * 10n ** 15n,
    allowance: 100_000_000n,
    creditValue: { numerator: feeUsd * 10n ** 15n, denominator: 100n },
    multiplier: { numerator: 1n, denominator: 1n },
    overage: { policy: 'block', price: null, limit: null, repaysOverdraft: false },
    rollover: null,
    trial: null,
    restoredDays: null,
    thresholds: [],
  };
}

interface Period {
  /** Minutes after noon. */
  readonly from: number;
  readonly to: number;
  readonly terms: PlanTerms | null;
}

function opened({ from, to, terms }: Period, period: number): AccountFact {
  const startMicros = NOON_MICROS + from * MINUTE_MICROS;
  return {
    kind: 'period_opened',
    id: `period:${period}:opened`,
    atMicros: startMicros,
    recordedMicros: startMicros,
    actor: null,
    reason: null,
    period,
    bounds: { startMicros, endMicros: NOON_MICROS + to * MINUTE_MICROS },
    isTrial: false,
    terms,
    anchor: { day: 1, zone: 'UTC' },
  };
}

async function aStoreWith(
  periods: readonly Period[],
  postings: readonly Posting[],
  customer = 'cus_acme',
): Promise<DuckDbStore> {
  const { store } = await aStore();
  store.book({
    tenant: 'default',
    customer,
    facts: periods.map((period, index) => opened(period, index + 1)),
    movements: [],
    recordedAtMillis: NOON,
  });
  for (const [index, posting] of postings.entries()) {
    store.post({ ...posting, usage: { ...posting.usage, spanId: spanId(index + 1) } });
  }
  await commitAt(store, 1);
  return store;
}

/** A call so many minutes after noon, of five credits. */
function aCallAt(minute: number, customer: string | null = 'cus_acme'): Posting {
  return aPosting({ customer, eventTimeMicros: NOON_MICROS + minute * MINUTE_MICROS });
}

const plansByHour = (store: DuckDbStore) =>
  read(
    store.instance,
    `SELECT strftime(hour AT TIME ZONE 'UTC', '%H:%M') AS hour, plan, value_usd FROM margin_hourly ORDER BY hour`,
  );

describe('the view margin_hourly', () => {
  it('values the credits of an hour as the plan of its period does, beside the cost of all calls', async () => {
    const store = await aStoreWith(
      [{ from: -600, to: 600, terms: theTerms('pro', 50n) }],
      [
        aCallAt(0),
        aCallAt(59),
        aFailedPosting(),
        anUnpricedPosting(),
        aPosting({ usageClass: 'internal' }, { credits: 0n, creditStatus: 'not_charged:internal' }),
      ],
    );
    expect(await read(store.instance, 'FROM margin_hourly')).toEqual([
      {
        hour: '2026-11-22T12:00:00Z',
        customer: 'cus_acme',
        plan: 'pro',
        credits: '10.000000',
        credit_value_usd: '0.500000000000000',
        value_usd: '5.000000000000000',
        cost_usd: '0.009100000000000',
        unpriced_calls: '1',
        uncharged_calls: '1',
        tenant: 'default',
      },
    ]);
  });

  it('knows no value, and not 0, without a plan, and tells the cost all the same', async () => {
    const noPlan = [{ from: -600, to: 600, terms: null }];
    const store = await aStoreWith(noPlan, [aCallAt(0), aCallAt(0, 'cus_globex'), aCallAt(0, null)]);
    const row = { plan: null, credits: '5.000000', credit_value_usd: null, value_usd: null };
    const cost = { cost_usd: '0.002275000000000' };
    expect(
      await read(
        store.instance,
        'SELECT customer, plan, credits, credit_value_usd, value_usd, cost_usd FROM margin_hourly ORDER BY customer',
      ),
    ).toEqual([
      { customer: 'cus_acme', ...row, ...cost },
      { customer: 'cus_globex', ...row, ...cost },
      { customer: null, ...row, ...cost },
    ]);
  });

  it('takes the last upgrade in a period for all of it, as billing_periods does', async () => {
    const store = await aStoreWith([{ from: 0, to: 600, terms: theTerms('pro', 50n) }], [aCallAt(0)]);
    store.book({
      tenant: 'default',
      customer: 'cus_acme',
      facts: [
        {
          kind: 'plan_changed',
          id: 'upgrade',
          atMicros: NOON_MICROS + 30 * MINUTE_MICROS,
          recordedMicros: NOON_MICROS,
          actor: null,
          reason: null,
          terms: theTerms('max', 200n),
          from: 'pro',
          to: 'max',
          extraFee: 0n,
        },
      ],
      movements: [],
      recordedAtMillis: NOON,
    });
    await commitAt(store, 2);
    const value = { credit_value_usd: '2.000000000000000' };
    expect(await readOne(store.instance, 'SELECT credit_value_usd FROM billing_periods')).toEqual(value);
    expect(await readOne(store.instance, 'SELECT credit_value_usd FROM margin_hourly')).toEqual(value);
  });

  it('counts an hour to the period that covers its beginning, else to the first that begins within it', async () => {
    const [pro, max] = [theTerms('pro', 100n), theTerms('max', 200n)];
    const store = await aStoreWith(
      [
        { from: 10, to: 20, terms: pro },
        { from: 20, to: 90, terms: max },
        { from: 90, to: 180, terms: pro },
      ],
      [-30, 5, 25, 85, 95, 125, 185].map((minute) => aCallAt(minute)),
    );
    expect(await plansByHour(store)).toEqual([
      { hour: '11:00', plan: null, value_usd: null },
      { hour: '12:00', plan: 'pro', value_usd: '10.000000000000000' },
      { hour: '13:00', plan: 'max', value_usd: '20.000000000000000' },
      { hour: '14:00', plan: 'pro', value_usd: '5.000000000000000' },
      { hour: '15:00', plan: null, value_usd: null },
    ]);
  });

  it('finds that period wherever boundaries lie, and sums up to what usage does', async () => {
    const plans = [null, theTerms('pro', 50n), theTerms('max', 200n)];
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.integer({ min: -130, max: 130 }).map((minute) => minute - (minute % 5)),
          {
            minLength: 2,
            maxLength: 7,
          },
        ),
        fc.array(
          fc.record({
            make: fc.constantFrom(aPosting, aPosting, aFailedPosting, anUnpricedPosting),
            minute: fc.integer({ min: -200, max: 200 }),
            customer: fc.constantFrom('cus_acme', 'cus_acme', 'cus_globex', null),
          }),
          { minLength: 5, maxLength: 20 },
        ),
        async (boundaries, calls) => {
          const starts = boundaries.sort((a, b) => a - b);
          const periods = starts.slice(0, -1).map((from, index) => ({
            from,
            to: starts[index + 1] ?? from,
            terms: plans[index % plans.length] ?? null,
          }));
          const store = await aStoreWith(
            periods,
            calls.map(({ make, minute, customer }) =>
              make({ customer, eventTimeMicros: NOON_MICROS + minute * MINUTE_MICROS }),
            ),
          );
          const { instance } = store;
          await foldAll(instance);
          const sums = (from: string, unpriced: string) =>
            readOne(
              instance,
              `SELECT sum(credits)::VARCHAR AS credits, sum(cost_usd)::VARCHAR AS cost, ${unpriced}::INTEGER AS unpriced FROM ${from}`,
            );
          expect(await sums('margin_hourly', 'sum(unpriced_calls)')).toEqual(
            await sums("usage WHERE billing_role = 'billed'", 'count(*) FILTER (cost_usd IS NULL)'),
          );
          const rows = await read(
            instance,
            `SELECT epoch_us(hour)::VARCHAR AS hour, customer, plan FROM margin_hourly`,
          );
          expect(rows.length).toBeGreaterThan(0);
          for (const { hour, customer, plan } of rows) {
            const minute = (Number(hour) - NOON_MICROS) / MINUTE_MICROS;
            const period =
              periods.find(({ from, to }) => from <= minute && minute < to) ??
              periods.find(({ from }) => minute <= from && from < minute + 60);
            expect({ minute, plan }).toEqual({
              minute,
              plan: customer === 'cus_acme' ? (period?.terms?.plan ?? null) : null,
            });
          }
        },
      ),
      { numRuns: 6 },
    );
  });

  it('is exact for amounts that no product of whole decimals holds', async () => {
    const { store } = await aStore();
    const largest = await readOne(
      store.instance,
      `SELECT ledger.worth_of(999999999999.999999::DECIMAL(38, 6), 99999999.999999999999999::DECIMAL(38, 15)) AS most,
         ledger.worth_of(0.000001::DECIMAL(38, 6), 0.000000000999999::DECIMAL(38, 15)) AS least`,
    );
    expect(largest).toEqual({ most: '99999999999999999899.999000000000000', least: '0.000000000000001' });
  });

  it('takes an hour only of those asked for', async () => {
    const store = await aStoreWith(
      [{ from: -600, to: 600, terms: theTerms('pro', 50n) }],
      [aPostingOf(1n, 1n, { eventTimeMicros: NOON_MICROS - HOUR_MICROS }), aCallAt(0)],
    );
    expect(
      await read(
        store.instance,
        `SELECT hour, credits FROM margin_hourly WHERE hour >= '2026-11-22 12:00:00+00' AND hour <= '2026-11-22 12:30:00+00'`,
      ),
    ).toEqual([{ hour: '2026-11-22T12:00:00Z', credits: '5.000000' }]);
  });
});
