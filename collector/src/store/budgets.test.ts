import type { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../ledger/store.ts';
import { type Budget, writeBudgets } from './budgets.ts';
import type { DuckDbStore } from './store.ts';
import { anOldLedger } from './testing/old-ledger.ts';
import {
  aContainerPosting,
  aFailedPosting,
  anUnpricedPosting,
  aPosting,
  spanId,
} from './testing/postings.ts';
import { foldAll } from './testing/rollups.ts';
import { aStore, commitAt, NOON, read } from './testing/stores.ts';

const NOON_MICROS = NOON * 1000;
const HOUR_MICROS = 3_600_000_000;

const ANYTHING: Budget['scope'] = {
  customer: null,
  feature: null,
  environment: null,
  usageClass: null,
  provider: null,
  model: null,
  tenant: null,
};

function aBudget(name: string, scope: Partial<Budget['scope']> = {}, amount = 10n ** 15n): Budget {
  return { name, amount, scope: { ...ANYTHING, ...scope } };
}

async function postInto(store: DuckDbStore, postings: readonly Posting[], batch: number): Promise<void> {
  for (const [index, posting] of postings.entries()) {
    const usage = { ...posting.usage, spanId: spanId(batch * 1000 + index + 1) };
    store.post({ ...posting, usage });
  }
  await commitAt(store, batch);
}

const aCall = fc
  .record({
    make: fc.constantFrom(aPosting, aPosting, aFailedPosting, anUnpricedPosting, aContainerPosting),
    customer: fc.constantFrom('cus_acme', 'cus_globex', null),
    feature: fc.constantFrom('search', 'chat', null),
    environment: fc.constantFrom('production', null),
    usageClass: fc.constantFrom('customer', 'internal'),
    requestModel: fc.constantFrom('gpt-4o', 'o3'),
    eventTimeMicros: fc.constantFrom(NOON_MICROS, NOON_MICROS + 1, NOON_MICROS - HOUR_MICROS),
  })
  .map(({ make, ...usage }) => make({ ...usage, responseModel: null }));

const aScope: fc.Arbitrary<Budget['scope']> = fc.record({
  customer: fc.constantFrom(null, null, 'cus_acme', 'cus_nobody'),
  feature: fc.constantFrom(null, 'search'),
  environment: fc.constantFrom(null, null, 'production'),
  usageClass: fc.constantFrom(null, null, 'internal'),
  provider: fc.constantFrom(null, null, 'openai', 'anthropic'),
  model: fc.constantFrom(null, null, 'o3'),
  tenant: fc.constantFrom(null, null, 'default', 'another'),
});

const COLUMNS = {
  customer: 'customer',
  feature: 'feature',
  environment: 'environment',
  usageClass: 'usage_class',
  provider: 'provider',
  model: 'model',
  tenant: 'tenant',
} as const;

/** What one budget must show, asked of the calls themselves. */
function expectedOf(instance: DuckDBInstance, { name, scope }: Budget) {
  const conditions = (Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).flatMap((key) => {
    const value = scope[key];
    return value === null ? [] : [`${COLUMNS[key]} = '${value}'`];
  });
  return read(
    instance,
    `SELECT '${name}' AS budget, date_trunc('hour', event_time) AS hour, sum(cost_usd) AS cost_usd,
       count(*) FILTER (cost_usd IS NULL) AS unpriced_calls
     FROM usage WHERE ${["billing_role = 'billed'", ...conditions].join(' AND ')} GROUP BY ALL ORDER BY hour`,
  );
}

describe('the view budget_hourly', () => {
  it('has for each budget and hour the sums of the calls within its scope, folded into rollups or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aCall, { minLength: 3, maxLength: 15 }),
        fc.array(aCall, { maxLength: 8 }),
        fc.array(aScope, { minLength: 1, maxLength: 3 }),
        async (folded, tail, scopes) => {
          const { store } = await aStore();
          const { instance } = store;
          const budgets = [ANYTHING, ...scopes].map((scope, index) => aBudget(`b${index}`, scope));
          await writeBudgets(instance, budgets);
          await postInto(store, folded, 1);
          await foldAll(instance);
          await postInto(store, tail, 2);
          for (const budget of budgets) {
            expect(
              await read(instance, `FROM budget_hourly WHERE budget = '${budget.name}' ORDER BY hour`),
            ).toEqual(await expectedOf(instance, budget));
          }
        },
      ),
      { numRuns: 5 },
    );
  });

  it('counts a call in every budget that it is within, and nothing where there is no budget', async () => {
    const { store } = await aStore();
    const { instance } = store;
    await postInto(store, [aPosting(), anUnpricedPosting()], 1);
    expect(await read(instance, 'FROM budget_hourly')).toEqual([]);
    await writeBudgets(instance, [aBudget('all'), aBudget('acme', { customer: 'cus_acme' })]);
    const sums = { hour: '2026-11-22T12:00:00Z', cost_usd: '0.002275000000000', unpriced_calls: '1' };
    expect(await read(instance, 'FROM budget_hourly ORDER BY budget')).toEqual([
      { budget: 'acme', ...sums },
      { budget: 'all', ...sums },
    ]);
  });

  it('shows no cost, and not 0, where no call has a price', async () => {
    const { store } = await aStore();
    await writeBudgets(store.instance, [aBudget('all')]);
    await postInto(store, [anUnpricedPosting()], 1);
    expect(await read(store.instance, 'SELECT cost_usd, unpriced_calls FROM budget_hourly')).toEqual([
      { cost_usd: null, unpriced_calls: '1' },
    ]);
  });

  it('counts what was in a ledger before there were budgets', async () => {
    const { store } = await aStore({ path: await anOldLedger(), create: false });
    await writeBudgets(store.instance, [aBudget('all'), aBudget('other', { customer: 'cus_globex' })]);
    expect(await read(store.instance, 'FROM budget_hourly')).toEqual([
      { budget: 'all', hour: '2026-11-22T12:00:00Z', cost_usd: '1.000000000000000', unpriced_calls: '0' },
    ]);
  });

  it('looks at no sums of hours that are not asked for', async () => {
    const { store } = await aStore();
    const { instance } = store;
    await writeBudgets(instance, [aBudget('all'), aBudget('acme', { customer: 'cus_acme' })]);
    await postInto(store, [aPosting(), aPosting({ eventTimeMicros: NOON_MICROS - HOUR_MICROS })], 1);
    await foldAll(instance);
    const connection = await instance.connect();
    try {
      const plan = await connection.runAndReadAll(
        `EXPLAIN (FORMAT JSON) FROM public.budget_hourly
         WHERE hour >= '2026-11-22 12:00:00+00'::TIMESTAMPTZ AND hour <= '2026-11-22 13:00:00+00'::TIMESTAMPTZ`,
      );
      const scans = nodesOf(JSON.parse(String(plan.getRows()[0]?.[1]))).filter(({ extra_info: extra }) =>
        String(extra?.Table ?? '').endsWith('usage_hourly_sum'),
      );
      expect(scans.length).toBeGreaterThan(0);
      for (const { extra_info: extra } of scans) expect(String(extra?.Filters)).toMatch(/hour>=.*hour<=/s);
    } finally {
      connection.closeSync();
    }
  });
});

interface PlanNode {
  readonly extra_info?: Readonly<Record<string, unknown>>;
  readonly children?: readonly PlanNode[];
}

function nodesOf(nodes: readonly PlanNode[]): PlanNode[] {
  return nodes.flatMap((node) => [node, ...nodesOf(node.children ?? [])]);
}

describe('the view budgets', () => {
  it('has what is configured last, exactly, and NULL where any usage counts', async () => {
    const { instance } = (await aStore()).store;
    await writeBudgets(instance, [aBudget('before'), aBudget('kept', {}, 5n)]);
    await writeBudgets(instance, [
      aBudget("it's ours", { usageClass: 'internal', environment: 'production' }, 2500n * 10n ** 15n + 1n),
      aBudget('kept', { model: 'o3' }, 10n ** 23n - 1n),
    ]);
    const any = {
      customer: null,
      feature: null,
      environment: null,
      usage_class: null,
      provider: null,
      model: null,
      tenant: null,
    };
    expect(await read(instance, 'FROM budgets ORDER BY budget')).toEqual([
      {
        budget: "it's ours",
        amount_usd: '2500.000000000000001',
        ...any,
        environment: 'production',
        usage_class: 'internal',
      },
      { budget: 'kept', amount_usd: '99999999.999999999999999', ...any, model: 'o3' },
    ]);
  });
});
