import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aRequest,
  aRequestSpan,
  attributes,
  type PlainValue,
} from '../../collector/src/otlp/testing/bodies.ts';
import { removeDataDirectory } from '../../test/data-directory.ts';
import { post } from '../../test/otlp-client.ts';
import { type RunningService, startServiceProcess } from '../../test/service.ts';
import { until } from '../../test/until.ts';
import { openPool } from '../grafana/run.ts';
import { evaluate, type Series } from './evaluate.ts';
import { alertRules } from './rules.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The price of a million input tokens of the model in these tests: one call of so many costs so many USD. */
const MODEL = 'gpt-4o';
const USD_PER_MILLION = 2.5;
const tokensFor = (usd: number) => Math.round((usd / USD_PER_MILLION) * 1_000_000);

const CONFIGURATION = `
plans:
  small: { fee_usd: 1, allowance: 100, overage: { policy: charge, price_usd: 0.01 } } # a credit is worth a cent
  large: { fee_usd: 10000, allowance: 1000000, overage: { policy: charge, price_usd: 0.01 } }
credits:
  features:
    chat: { fixed: { credits: 10 } }
budgets:
  - { name: roomy, usd_per_month: 100000 }
  - { name: spiky, usd_per_month: 40, feature: spikes }
  - { name: tight, usd_per_month: 10, feature: agent }
`;

interface Ledger {
  readonly service: RunningService;
  readonly pool: pg.Pool;
  readonly dataDir: string;
}

interface Call {
  readonly agoMs: number;
  readonly usd?: number;
  readonly customer?: string | null;
  readonly feature?: string | null;
  readonly also?: Readonly<Record<string, PlainValue>>;
  readonly failed?: boolean;
  readonly traceId?: string;
}

async function aLedger(configuration = CONFIGURATION): Promise<Ledger> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spanledger-alerts-'));
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, configuration);
  const service = await startServiceProcess({ dataDir, configFile });
  return { service, pool: openPool(service.sqlUrl), dataDir };
}

async function end(ledger: Ledger | undefined): Promise<void> {
  await ledger?.pool.end();
  await ledger?.service.stop();
  if (ledger !== undefined) await removeDataDirectory(ledger.dataDir);
}

async function subscribe({ service }: Ledger, customer: string, plan: string): Promise<void> {
  for (const [path, body] of [
    ['/api/customers', { id: customer, name: customer }],
    [`/api/customers/${customer}/subscription`, { plan }],
  ] as const) {
    const { status } = await fetch(new URL(path, service.apiUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(status).toBeLessThan(300);
  }
}

async function send({ service, pool }: Ledger, calls: readonly Call[]): Promise<void> {
  const nowMs = Date.now();
  const { rows } = await pool.query('SELECT count(*)::INTEGER AS spans FROM usage');
  const spans = calls.map(({ agoMs, usd = 0.01, customer = 'cus_fine', feature = 'chat', also, ...call }) => {
    const endMs = nowMs - agoMs;
    return aRequestSpan({
      traceId: call.traceId ?? randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      startTimeUnixNano: `${endMs - 5}000000`,
      endTimeUnixNano: `${endMs}000000`,
      ...(call.failed === true ? { status: { code: 2 } } : {}),
      attributes: attributes({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': MODEL,
        'gen_ai.usage.input_tokens': tokensFor(usd),
        'gen_ai.usage.output_tokens': 0,
        ...(customer === null ? {} : { 'spanledger.customer.id': customer }),
        ...(feature === null ? {} : { 'spanledger.feature.name': feature }),
        ...also,
      }),
    });
  });
  expect((await post(service.otlpUrl, aRequest(spans))).status).toBe(200);
  await until('all calls are in the ledger', 30_000, async () => {
    const found = await pool.query('SELECT count(*)::INTEGER AS spans FROM usage');
    return found.rows[0].spans === rows[0].spans + calls.length;
  });
}

async function seriesOf({ pool }: Ledger, name: string): Promise<readonly Series[]> {
  const rule = alertRules.find((each) => each.name === name);
  if (rule === undefined) throw new Error(`there is no rule ${name}`);
  return evaluate(pool, rule);
}

/** The labels of what fires. */
async function firing(ledger: Ledger, name: string): Promise<readonly Series['labels'][]> {
  const series = await seriesOf(ledger, name);
  return series.filter(({ isFiring }) => isFiring).map(({ labels }) => labels);
}

const names = alertRules.map(({ name }) => name);

describe('an empty ledger', () => {
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await aLedger('');
  });
  afterAll(() => end(ledger));

  it.each(names)('has one quiet row for %s', async (name) => {
    const series = await seriesOf(ledger, name);
    expect(series).toHaveLength(1);
    expect(series[0]?.isFiring).toBe(false);
    expect(new Set(Object.values(series[0]?.labels ?? {}))).toEqual(
      new Set(Object.keys(series[0]?.labels ?? {}).length === 0 ? [] : ['(none)']),
    );
  });

  it('runs every statement of the runbooks', async () => {
    const folder = new URL('../runbooks/', import.meta.url);
    const pages = (await readdir(folder)).filter((page) => page.endsWith('.md')).sort();
    let statements = 0;
    for (const page of pages) {
      const text = await readFile(new URL(page, folder), 'utf8');
      for (const [, sql = ''] of text.matchAll(/```sql\n(.*?)```/gs)) {
        statements++;
        await expect(
          ledger.pool.query(sql).then(({ rows }) => Array.isArray(rows)),
          `${page}: ${sql}`,
        ).resolves.toBe(true);
      }
    }
    expect(statements).toBeGreaterThanOrEqual(names.length);
  });
});

describe('a ledger where all is well', () => {
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await aLedger();
    await subscribe(ledger, 'cus_fine', 'large');
    const hours = Array.from({ length: 36 * 8 }, (_, index) => index * 3);
    await send(ledger, [
      ...hours.map((hour) => ({ agoMs: hour * HOUR_MS + 1000, usd: 0.1 })),
      // Without a plan, so that its cost is nobody's loss.
      { agoMs: 1000, usd: 1, feature: 'spikes', customer: 'cus_other' },
    ]);
  });
  afterAll(() => end(ledger));

  it.each(names)('raises no alarm by %s', async (name) => {
    expect(await firing(ledger, name)).toEqual([]);
  });

  it('tells how much of each budget is used', async () => {
    const series = await seriesOf(ledger, 'budget-100');
    expect(series.map(({ labels }) => labels.budget).sort()).toEqual(['roomy', 'spiky', 'tight']);
    expect(series.find(({ labels }) => labels.budget === 'spiky')?.value).toBeCloseTo(1 / 40, 9);
  });
});

describe('a ledger in trouble', () => {
  let ledger: Ledger;
  const longRun = randomBytes(16).toString('hex');
  beforeAll(async () => {
    ledger = await aLedger();
    await subscribe(ledger, 'cus_low', 'small');
    await send(ledger, [
      // A budget of 10 USD, an action above its limit.
      { agoMs: 1000, usd: 8, feature: 'agent', traceId: longRun, customer: 'cus_dear' },
      { agoMs: 900, usd: 8, feature: 'agent', traceId: longRun, customer: 'cus_dear' },
      // 90 of 100 credits within a day, worth 0.90 USD, for 18 USD of calls.
      ...Array.from({ length: 9 }, () => ({ agoMs: 2000, usd: 2, customer: 'cus_low' })),
      { agoMs: 1000, also: { 'gen_ai.request.model': 'a-model-nobody-prices' } },
      ...Array.from({ length: 3 }, () => ({ agoMs: 1000, customer: null, feature: 'orphan' })),
      { agoMs: 1000, usd: 2, feature: 'fragile', failed: true },
      { agoMs: 1000, usd: 2, feature: 'fragile' },
      // Tells that the provider charged 3 USD for what the price book says costs 2.
      { agoMs: 1000, usd: 2, feature: 'told', also: { 'gen_ai.usage.cost': 3 } },
    ]);
  });
  afterAll(() => end(ledger));

  it.each([
    'budget-50',
    'budget-80',
    'budget-100',
    'budget-forecast',
    'budget-fast-burn',
    'budget-slow-burn',
  ])('%s is about the budget that is used up, and no other', async (name) =>
    expect(await firing(ledger, name)).toEqual([{ budget: 'tight' }]),
  );

  it.each([
    ['action-over-limit', { action: longRun, feature: 'agent', customer: 'cus_dear' }],
    ['credits-running-out', { customer: 'cus_low' }],
    ['margin-negative', { customer: 'cus_low' }],
    ['unpriced-share', {}],
    ['unattributed-share', {}],
    ['error-cost-share', { feature: 'fragile' }],
    ['reconciliation-gap', { provider: 'openai' }],
  ])('%s fires', async (name, labels) => {
    expect(await firing(ledger, name)).toEqual([labels]);
  });
});

describe('a ledger that', () => {
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await aLedger();
  });
  afterAll(() => end(ledger));

  it('hears nothing for hours has no data; what comes then ends it', async () => {
    await send(ledger, [{ agoMs: 5 * HOUR_MS }]);
    expect(await firing(ledger, 'no-data')).toEqual([{}]);
    await send(ledger, [{ agoMs: 1000 }]);
    expect(await firing(ledger, 'no-data')).toEqual([]);
  });

  it('knows a feature for four weeks sees when it spends unlike itself', async () => {
    const lastHourMs = Date.now() - (Math.floor(Date.now() / HOUR_MS) * HOUR_MS - HOUR_MS / 2);
    const weeks = [1, 2, 3, 4].map((week) => ({ agoMs: lastHourMs + 7 * week * DAY_MS, usd: 2 }));
    const older = { agoMs: lastHourMs + 29 * DAY_MS };
    const young = { feature: 'young', agoMs: lastHourMs, usd: 50 };
    await send(ledger, [older, ...weeks, young, { agoMs: lastHourMs, usd: 3 }]);
    expect(await firing(ledger, 'feature-spend-anomaly')).toEqual([]);
    await send(ledger, [{ agoMs: lastHourMs, usd: 6 }]);
    expect(await firing(ledger, 'feature-spend-anomaly')).toEqual([{ feature: 'chat' }]);
  });

  it('had many cached tokens and short answers sees both change', async () => {
    const tokens = (input: number, cached: number, output: number) => ({
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.cache_read.input_tokens': cached,
      'gen_ai.usage.output_tokens': output,
    });
    const calls = (count: number, agoMs: number, also: Call['also'] = {}): readonly Call[] =>
      Array.from({ length: count }, () => ({ agoMs, feature: 'cached', also }));
    await send(ledger, calls(500, 2 * DAY_MS, tokens(4000, 2000, 10)));
    await send(ledger, calls(60, HOUR_MS, tokens(4000, 1900, 12)));
    expect(await firing(ledger, 'cache-hit-collapse')).toEqual([]);
    expect(await firing(ledger, 'output-tokens-jump')).toEqual([]);
    await send(ledger, calls(120, HOUR_MS, tokens(4000, 0, 50)));
    const labels = { feature: 'cached', model: MODEL };
    expect(await firing(ledger, 'cache-hit-collapse')).toEqual([labels]);
    expect(await firing(ledger, 'output-tokens-jump')).toEqual([labels]);
  });
});
