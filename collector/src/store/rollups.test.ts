import { readdir, readFile } from 'node:fs/promises';
import { DuckDBInstance, type Json } from '@duckdb/node-api';
import type { Movement, PeriodBounds, PeriodOpenedFact, PlanTerms } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rerating } from '../ledger/rerate-store.ts';
import type { Posting } from '../ledger/store.ts';
import { count, declareRollups, fold, rollupViews } from './rollup.ts';
import { FOLD_AT_ROWS } from './rollup-folds.ts';
import { ROLLUPS } from './rollups.ts';
import type { DuckDbStore } from './store.ts';
import {
  aContainerPosting,
  aCorrectionOf,
  aFailedPosting,
  anUnpricedPosting,
  aPosting,
  spanId,
} from './testing/postings.ts';
import { foldAll, foldOne, rollupErrors, statementErrors } from './testing/rollups.ts';
import { afterCrash, aLedgerPath, aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const NOON_MICROS = NOON * 1000;
const HOUR_MICROS = 3_600_000_000;

const folded = (instance: DuckDBInstance) =>
  read(instance, 'SELECT name, folded_to::INTEGER AS folded_to FROM ledger.rollup ORDER BY name');

/** What may come of a span; few spans, hours and keys, so that the same are met again and again. */
const aState = fc.record({
  span: fc.integer({ min: 1, max: 6 }),
  make: fc.constantFrom(aPosting, aPosting, aFailedPosting, anUnpricedPosting, aContainerPosting),
  usage: fc.record({
    customer: fc.constantFrom('cus_acme', 'cus_globex', null),
    feature: fc.constantFrom('search', null),
    responseModel: fc.constantFrom('gpt-4o', null),
    eventTimeMicros: fc.constantFrom(NOON_MICROS, NOON_MICROS + 1, NOON_MICROS - HOUR_MICROS),
    timeToFirstTokenMicros: fc.constantFrom(null, 250_500),
    reportedCostUsd: fc.constantFrom(null, '0.0021', 'free'),
    isDegraded: fc.boolean(),
    dialect: fc.constantFrom('opentelemetry', 'openinference'),
  }),
  hasTokens: fc.boolean(),
});

type State = typeof aState extends fc.Arbitrary<infer T> ? T : never;

/** Periods that begin and end within hours, before noon, at noon, and a microsecond later. */
function bookPeriods(store: DuckDbStore): void {
  const bounds = {
    cus_acme: [NOON_MICROS - 1.5 * HOUR_MICROS, NOON_MICROS + 1, NOON_MICROS + 30 * 24 * HOUR_MICROS],
    cus_globex: [NOON_MICROS - HOUR_MICROS, NOON_MICROS],
  };
  for (const [customer, edges] of Object.entries(bounds)) {
    const facts = edges
      .slice(1)
      .map((endMicros, index) => aPeriod(index + 1, { startMicros: edges[index] ?? 0, endMicros }));
    store.book({ tenant: 'default', customer, facts, movements: [], recordedAtMillis: NOON });
  }
}

function aPeriod(period: number, bounds: PeriodBounds): PeriodOpenedFact {
  const { startMicros } = bounds;
  return {
    kind: 'period_opened',
    id: `period:${period}:opened`,
    atMicros: startMicros,
    recordedMicros: startMicros,
    actor: null,
    reason: null,
    period,
    bounds,
    isTrial: false,
    terms: { ...A_PLAN, overage: { ...A_PLAN.overage, price: BigInt(period) * 10n ** 12n } },
    anchor: { day: 1, zone: 'UTC' },
  };
}

const A_PLAN: PlanTerms = {
  plan: 'pro',
  version: 'pro@1',
  fee: 50n * 10n ** 15n,
  allowance: 100_000_000n,
  creditValue: { numerator: 10n ** 15n, denominator: 2n },
  multiplier: { numerator: 1n, denominator: 1n },
  overage: { policy: 'charge', price: null, limit: null, repaysOverdraft: false },
  rollover: null,
  trial: null,
  restoredDays: null,
  thresholds: [],
};

const A_KIND: readonly Movement['kind'][] = [
  'grant',
  'withdrawal',
  'usage',
  'hold',
  'capture',
  'settlement',
  'release',
  'expiry',
  'rollover',
  'repayment',
];
const AN_ACCOUNT: readonly Movement['from'][] = [
  'available',
  'held',
  'used',
  'overage',
  'overdraft',
  'expired',
];

const aMovement: fc.Arbitrary<Movement> = fc.record({
  from: fc.constantFrom(...AN_ACCOUNT),
  fromLot: fc.constantFrom('lot_1', 'lot_2', null),
  to: fc.constantFrom(...AN_ACCOUNT),
  toLot: fc.constantFrom('lot_1', 'lot_2', null),
  amount: fc.bigInt(1n, 10n ** 12n),
  kind: fc.constantFrom(...A_KIND),
  isCorrection: fc.boolean(),
  effectiveMicros: fc.constantFrom(NOON_MICROS, NOON_MICROS + 1, NOON_MICROS - 30 * 24 * HOUR_MICROS),
  stepMicros: fc.constant(NOON_MICROS),
  hold: fc.constant(null),
  period: fc.constantFrom(1, 2, null),
  belongsToPeriod: fc.constantFrom(1, null, null),
});

function postingOf({ span, make, usage, hasTokens }: State): Posting {
  return make({
    ...usage,
    spanId: spanId(span),
    ...(hasTokens ? {} : { tokens: null, usageStatus: 'missing' as const }),
  });
}

/** What happens between two looks at the rollups. */
const aStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('batch' as const), states: fc.array(aState, { maxLength: 8 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('fold' as const),
      rollup: fc.nat({ max: ROLLUPS.length - 1 }),
      maxRows: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('rerate' as const), cost: fc.bigInt(1n, 10n ** 12n) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill in a fold' as const) }) },
);

const someSteps = fc.array(aStep, { minLength: 4, maxLength: 8, size: 'max' });
const someStates = fc.array(aState, { minLength: 3, maxLength: 6 });

type Step = typeof aStep extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Rates again everything that is billed: half of it has no price any more. */
async function rerateAll(store: DuckDbStore, cost: bigint): Promise<number> {
  const { usages } = await store.ratedUsage.page(
    { fromMicros: 0, toMicros: NOON_MICROS + HOUR_MICROS, model: null, scope: 'all' },
    1000,
  );
  const reratings = usages.map((rated, index): Rerating => {
    const rating =
      index % 2 === 0
        ? { ...rated.rating, cost, priceStatus: 'priced' }
        : { ...rated.rating, cost: null, priceStatus: 'unpriced:unknown_model' };
    return { rated, rating, leaf: null, bookings: [] };
  });
  await store.rerate({ jobs: [], reratings, tally: null, nowMillis: NOON });
  return reratings.length;
}

describe('rollups', () => {
  it('are the sums over usage and transfers, whatever is corrected, folded, reopened or killed, and when', async () => {
    const met = { corrections: 0, rerated: 0, folded: 0, kills: 0, killsInFolds: 0 };
    await fc.assert(
      fc.asyncProperty(someSteps, someStates, async (drawn, states) => {
        // What is not always drawn is in every one of the few: corrections, a fold, a rating, a kill.
        const sure: readonly Step[] = [
          { kind: 'batch', states: [...states, ...states] },
          { kind: 'fold', rollup: 0, maxRows: 20 },
          { kind: 'rerate', cost: 7n },
          { kind: 'kill' },
        ];
        const steps = drawn.toSpliced(drawn.length >> 1, 0, ...sure);
        let open = await aStore();
        bookPeriods(open.store);
        await commitAt(open.store, 0);
        let current = new Map<string, Posting>();
        const kill = async () => {
          const copy = await afterCrash(open.path);
          await open.close();
          open = await aStore({ path: copy, create: false });
        };
        for (const [index, step] of steps.entries()) {
          switch (step.kind) {
            case 'batch':
              for (const state of step.states) {
                const now = postingOf(state);
                const before = current.get(now.usage.spanId);
                const posting = before === undefined ? now : aCorrectionOf(before, now);
                if (before !== undefined) met.corrections++;
                current.set(now.usage.spanId, posting);
                open.store.post(posting);
              }
              await commitAt(open.store, index);
              break;
            case 'fold':
              met.folded += await foldOne(open.store.instance, step.rollup, step.maxRows);
              break;
            case 'rerate':
              met.rerated += await rerateAll(open.store, step.cost);
              current = new Map([...current].map(([span, posting]) => [span, revised(posting)]));
              break;
            case 'reopen':
              await open.close();
              open = await aStore({ path: open.path, create: false });
              break;
            case 'kill':
              await kill();
              met.kills++;
              break;
            case 'kill in a fold': {
              const folding = foldAll(open.store.instance);
              const copy = await afterCrash(open.path);
              await folding;
              await open.close();
              open = await aStore({ path: copy, create: false });
              met.killsInFolds++;
              break;
            }
          }
          expect(await rollupErrors(open.store.instance), `after step ${index}, ${step.kind}`).toEqual([]);
        }
        expect(await statementErrors(open.store.instance)).toEqual([]);
        await foldAll(open.store.instance);
        expect(await rollupErrors(open.store.instance), 'folded').toEqual([]);
        expect(await statementErrors(open.store.instance), 'folded').toEqual([]);
        await open.close();
      }),
      { numRuns: 3 },
    );
    expect(met.corrections).toBeGreaterThan(0);
    expect(met.rerated).toBeGreaterThan(0);
    expect(met.folded).toBeGreaterThan(2);
    expect(met.kills + met.killsInFolds).toBeGreaterThan(0);
  }, 120_000);

  it('are what lots, periods and statements say of any movements, folded or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(aMovement, { maxLength: 12 }), { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 30 }),
        async (batches, maxRows) => {
          const { store, close } = await aStore();
          bookPeriods(store);
          for (const [index, movements] of batches.entries()) {
            for (const customer of ['cus_acme', 'cus_desk'])
              store.book({ tenant: 'default', customer, facts: [], movements, recordedAtMillis: NOON });
            await commitAt(store, index);
            for (const rollup of ROLLUPS.keys()) await foldOne(store.instance, rollup, maxRows);
            expect(await statementErrors(store.instance)).toEqual([]);
          }
          await close();
        },
      ),
      { numRuns: 3 },
    );
  });

  it('have no row where nothing is left', async () => {
    const { store } = await aStore();
    const posting = aPosting();
    store.post(posting);
    await commitAt(store, 1);
    await foldAll(store.instance);
    const elsewhere = aCorrectionOf(posting, aPosting({ customer: 'cus_globex' }));
    store.post(elsewhere);
    await commitAt(store, 2);
    const customers = 'SELECT customer, calls::INTEGER AS calls FROM usage_hourly';
    expect(await read(store.instance, customers)).toEqual([{ customer: 'cus_globex', calls: 1 }]);
    await foldAll(store.instance);
    expect(await read(store.instance, customers)).toEqual([{ customer: 'cus_globex', calls: 1 }]);
    store.post(aCorrectionOf(elsewhere, aContainerPosting({ customer: 'cus_globex' })));
    await commitAt(store, 3);
    await foldAll(store.instance);
    expect(await read(store.instance, 'FROM usage_hourly')).toEqual([]);
    expect(await read(store.instance, 'FROM ledger.usage_hourly_sum')).toEqual([]);
    expect(await rollupErrors(store.instance)).toEqual([]);
  });

  it('tell every value of a dimension, folded or not, and those of what has gone elsewhere', async () => {
    const { store } = await aStore();
    const values = (dimension: string) =>
      read(store.instance, `SELECT value FROM dimension_values WHERE dimension = '${dimension}' ORDER BY 1`);
    expect(await values('customer')).toEqual([]);
    const posting = aPosting({ customer: null, feature: 'search' });
    store.post(posting);
    store.post(
      aContainerPosting({ spanId: spanId(2), customer: 'cus_globex', responseModel: 'seen by a wrapper' }),
    );
    await commitAt(store, 1);
    const expected = [{ value: null }];
    expect(await values('customer')).toEqual(expected);
    await foldAll(store.instance);
    expect(await values('customer')).toEqual(expected);
    store.post(aCorrectionOf(posting, aPosting({ customer: 'cus_acme' })));
    await commitAt(store, 2);
    expect(await values('customer')).toEqual([{ value: 'cus_acme' }, ...expected]);
    expect(await values('feature')).toContainEqual({ value: 'search' });
    expect(await values('model')).toContainEqual({ value: 'seen by a wrapper' });
  });

  it('fold whole commits, as many as fit, and one at least', async () => {
    const { store } = await aStore();
    for (const [index, calls] of [3, 4, 20, 1].entries()) {
      for (let call = 0; call < calls; call++)
        store.post(aPosting({ spanId: spanId(100 * index + call + 1) }));
      await commitAt(store, index);
    }
    const taken = [];
    for (let rows = -1; rows !== 0; ) {
      rows = await foldOne(store.instance, 0, 8);
      taken.push(rows);
    }
    expect(taken).toEqual([7, 20, 1, 0]);
  });

  it('take the numbers of commits up where the process before left them', async () => {
    const first = await aStore();
    first.store.post(aPosting({ spanId: spanId(1) }));
    await commitAt(first.store, 1);
    await foldAll(first.store.instance);
    await first.close();
    const { store } = await aStore({ path: first.path });
    store.post(aPosting({ spanId: spanId(2) }));
    await commitAt(store, 2);
    expect(await readOne(store.instance, 'SELECT sum(calls)::INTEGER AS calls FROM usage_hourly')).toEqual({
      calls: 2,
    });
    await foldAll(store.instance);
    expect(await rollupErrors(store.instance)).toEqual([]);
  });

  it('are made anew when they are declared otherwise, and go when they are not declared', async () => {
    const { store } = await aStore();
    store.post(aPosting());
    store.post(aFailedPosting({ spanId: spanId(2) }));
    await commitAt(store, 1);
    await foldAll(store.instance);
    const [hourly, quality] = ROLLUPS;
    if (hourly === undefined || quality === undefined) throw new Error('there are rollups');
    const wider = { ...hourly, measures: [...hourly.measures, count('good_calls', "status = 'ok'")] };
    const connection = await store.instance.connect();
    await declareRollups(connection, [wider, quality]);
    await connection.run(rollupViews([wider, quality]));
    expect(await folded(store.instance)).toEqual([
      { name: 'usage_hourly', folded_to: -1 },
      { name: 'usage_quality_hourly', folded_to: 1 },
    ]);
    const good =
      'SELECT sum(good_calls)::INTEGER AS good, sum(calls)::INTEGER AS calls FROM ledger.usage_hourly';
    expect(await readOne(store.instance, good)).toEqual({ good: 1, calls: 2 });
    expect(await fold(connection, wider, 1000)).toBe(2);
    expect(await readOne(store.instance, good)).toEqual({ good: 1, calls: 2 });
    connection.closeSync();
    expect(
      await read(
        store.instance,
        "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'credit_hourly%'",
      ),
    ).toEqual([]);
  });
});

function revised(posting: Posting): Posting {
  // What was billed has been rated again: its next revision is one further.
  if (posting.usage.billingRole !== 'billed') return posting;
  const { eventTimeMicros } = posting.usage;
  return { ...posting, replaces: { revision: (posting.replaces?.revision ?? 0) + 1, eventTimeMicros } };
}

describe('a long tail', () => {
  const postMany = (store: DuckDbStore, from: number) => {
    for (let n = from; n < from + FOLD_AT_ROWS; n++) {
      store.post(aPosting({ spanId: spanId(n), eventTimeMicros: NOON_MICROS + (n % 5) * HOUR_MICROS }));
    }
  };

  it('is folded after the commit that made it long, and a short one is not', async () => {
    const { store } = await aStore();
    store.post(aPosting({ spanId: spanId(1) }));
    await commitAt(store, 1);
    await store.folds.idle();
    expect(await read(store.instance, 'FROM ledger.usage_hourly_sum')).toEqual([]);
    postMany(store, 2);
    await commitAt(store, 2);
    await store.folds.idle();
    expect(await folded(store.instance)).toEqual([
      { name: 'credit_account', folded_to: FOLD_AT_ROWS + 1 },
      { name: 'credit_booking', folded_to: FOLD_AT_ROWS + 1 },
      { name: 'credit_hourly', folded_to: FOLD_AT_ROWS + 1 },
      { name: 'customer_hourly', folded_to: 2 },
      // None of them is without a price: what was looked at is not looked at again.
      { name: 'unpriced_hourly', folded_to: 2 },
      { name: 'usage_hourly', folded_to: 2 },
      { name: 'usage_quality_hourly', folded_to: 2 },
    ]);
    expect((await read(store.instance, 'FROM ledger.usage_hourly_sum')).length).toBe(5);
    expect(await rollupErrors(store.instance)).toEqual([]);
  });

  it('that cannot be folded is told of, and folded the next time; what is read is right meanwhile', async () => {
    const failures: unknown[] = [];
    const { store } = await aStore({ onFoldFailed: (error) => failures.push(error) });
    await store.folds.idle();
    const elsewhere = await store.instance.connect();
    await elsewhere.run('BEGIN TRANSACTION');
    await elsewhere.run('UPDATE ledger.rollup SET folded_to = 0');
    postMany(store, 1);
    await commitAt(store, 1);
    await store.folds.idle();
    expect(failures).toHaveLength(1);
    await elsewhere.run('ROLLBACK');
    elsewhere.closeSync();
    expect(await rollupErrors(store.instance)).toEqual([]);
    expect(await read(store.instance, 'FROM ledger.usage_hourly_sum')).toEqual([]);
    postMany(store, FOLD_AT_ROWS + 1);
    await commitAt(store, 2);
    await store.folds.idle();
    expect(failures).toHaveLength(1);
    expect((await read(store.instance, 'FROM ledger.usage_hourly_sum')).length).toBe(5);
    expect(await rollupErrors(store.instance)).toEqual([]);
  });
});

describe('a ledger from before there were rollups', () => {
  const ROWS = 125_000;

  /** With so many calls over 50 hours, every seventh with an earlier revision, and a transfer for each. */
  async function aLedgerOfMigration10(): Promise<string> {
    const path = await aLedgerPath();
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    const folder = new URL('./migrations/', import.meta.url);
    const names = (await readdir(folder)).sort().slice(0, 10);
    await connection.run(
      'CREATE TABLE main.schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)',
    );
    for (const [index, name] of names.entries()) {
      await connection.run(await readFile(new URL(name, folder), 'utf8'));
      await connection.run('INSERT INTO main.schema_migration VALUES ($1, $2)', [index + 1, name]);
    }
    const words = [
      'default',
      'billed',
      'container',
      'ok',
      'error',
      'reported',
      'missing',
      'used',
      'overdraft',
      'usage',
    ];
    const code = (word: string) => words.indexOf(word) + 1;
    for (const word of words)
      await connection.run('INSERT INTO ledger.word VALUES ($1, $2)', [code(word), word]);
    await connection.run(
      `INSERT INTO ledger.usage_record BY NAME
       SELECT ${code('default')} AS tenant, i AS trace_id, i AS span_id,
         make_timestamptz(${NOON_MICROS} + i % 50 * ${HOUR_MICROS}) AS event_time, i AS duration_us,
         'cus_' || i % 3 AS customer, ${code('default')} AS usage_class, ${code('default')} AS operation,
         CASE WHEN i % 5 = 0 THEN NULL ELSE i END AS uncached_input_tokens, uncached_input_tokens * 0 AS cache_read_tokens,
         cache_read_tokens AS cache_write_tokens, cache_read_tokens AS visible_output_tokens, cache_read_tokens AS reasoning_tokens,
         ${code('reported')} AS usage_status, CASE WHEN i % 4 = 0 THEN ${code('container')} ELSE ${code('billed')} END AS billing_role,
         'r' AS role_reason, ${code('default')} AS dialect, ${code('ok')} AS status, event_time AS received_at,
         CASE WHEN i % 11 > 0 THEN i * 0.000001 END AS cost_usd, ${code('default')} AS price_status, 0 AS price_card,
         0 AS price_match, 0 AS book_version, i % 7 AS credits, ${code('default')} AS credit_status,
         0 AS credit_rules_version, CASE WHEN i % 7 = 0 THEN 2 ELSE 1 END AS revision, i AS digest
       FROM range(${ROWS}) r(i)`,
    );
    await connection.run(
      `INSERT INTO ledger.superseded_usage BY NAME
       SELECT * REPLACE (1 AS revision, ${code('billed')} AS billing_role), received_at AS superseded_at
       FROM ledger.usage_record WHERE revision = 2`,
    );
    await connection.run(
      `INSERT INTO ledger.credit_transfer BY NAME
       SELECT tenant, trace_id, span_id, customer, ${code('overdraft')} AS from_account, ${code('used')} AS to_account,
         ${code('usage')} AS kind, credits AS amount, event_time AS effective_at, received_at AS recorded_at,
         0 AS credit_rules_version, revision, row_number() OVER () AS entry, event_time AS step_at
       FROM ledger.usage_record`,
    );
    connection.closeSync();
    instance.closeSync();
    return path;
  }

  const sums = `SELECT (SELECT sum(calls)::INTEGER FROM usage_hourly) AS calls,
    (SELECT sum(spans)::INTEGER FROM usage_quality_hourly) AS spans,
    (SELECT sum(legs)::INTEGER FROM credit_hourly) AS legs`;
  const ALL: Json = { calls: ROWS * 0.75, spans: ROWS, legs: 2 * ROWS };

  it('has the right sums at once, and then folds what it has in portions', async () => {
    const { store } = await aStore({ path: await aLedgerOfMigration10(), create: false });
    const portions = await read(
      store.instance,
      'SELECT written_in::INTEGER AS number, count(*)::INTEGER AS rows FROM ledger.usage_record GROUP BY ALL ORDER BY ALL',
    );
    expect(portions).toEqual([
      { number: 0, rows: 122_880 },
      { number: 1, rows: ROWS - 122_880 },
    ]);
    expect(await readOne(store.instance, sums)).toEqual(ALL);
    await store.folds.idle();
    // What is left of a tail is short.
    expect(await folded(store.instance)).toEqual([
      { name: 'credit_account', folded_to: 122_880 },
      { name: 'credit_booking', folded_to: 122_880 },
      { name: 'credit_hourly', folded_to: 122_880 },
      { name: 'customer_hourly', folded_to: 0 },
      { name: 'unpriced_hourly', folded_to: 0 },
      { name: 'usage_hourly', folded_to: 0 },
      { name: 'usage_quality_hourly', folded_to: 0 },
    ]);
    expect(await readOne(store.instance, sums)).toEqual(ALL);
    await foldAll(store.instance);
    expect(await readOne(store.instance, sums)).toEqual(ALL);
    expect(await rollupErrors(store.instance)).toEqual([]);
  }, 60_000);

  it('numbers its rows alike when it is killed right after the upgrade, or later, and goes on', async () => {
    const { store, path, close } = await aStore({ path: await aLedgerOfMigration10(), create: false });
    const upgraded = await afterCrash(path);
    await store.folds.idle();
    const later = await afterCrash(path);
    await close();
    for (const copy of [upgraded, later]) {
      const again = await aStore({ path: copy, create: false });
      expect(await readOne(again.store.instance, sums)).toEqual(ALL);
      await again.close();
    }
  }, 60_000);
});
