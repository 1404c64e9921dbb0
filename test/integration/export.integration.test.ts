import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { aDataDirectory } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { spanledger } from '../program.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const CALLS = 3000;
const FIRST_END_MS = Date.UTC(2025, 8, 30, 20);
const HOSTILE = 'Eve, "the\nquoted"';
const CUSTOMERS = ['cus_acme', HOSTILE, null];
const CONFIGURATION = `
credits:
  default: {cost_plus: {target_margin: "0.5", credit_value_usd: "0.0007", increment: "0.000001"}}
`;

type Times = Readonly<{ from?: string; to?: string }>;

/** Over some hours on both sides of a month's end; every tenth of a model without a price. */
function calls() {
  return aRequest(
    Array.from({ length: CALLS }, (_, number) => {
      const end = BigInt(FIRST_END_MS + number * 10_000) * 1_000_000n;
      const customer = CUSTOMERS[number % CUSTOMERS.length] ?? null;
      return aRequestSpan({
        traceId: (number + 1).toString(16).padStart(32, '0'),
        spanId: (number + 1).toString(16).padStart(16, '0'),
        startTimeUnixNano: String(end - 500_000_000n),
        endTimeUnixNano: String(end),
        attributes: attributes({
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.response.model': number % 10 === 0 ? 'nobody-knows-it' : 'gpt-4o-2024-08-06',
          'gen_ai.usage.input_tokens': 1000 + number,
          'gen_ai.usage.output_tokens': 7 + (number % 13),
          'spanledger.feature.name': number % 2 === 0 ? 'chat' : 'search',
          ...(customer === null ? {} : { 'spanledger.customer.id': customer }),
        }),
      });
    }),
  );
}

/** What a reader of the file gets, by a program that knows nothing of how it was made. */
async function read(path: string, sql: string): Promise<Record<string, string | null>> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const file = `'${path.replaceAll("'", "''")}'`;
  // Amounts stay texts until they are decimals again: a float on the way would show.
  const source = path.endsWith('.csv') ? `read_csv(${file}, all_varchar = true)` : `read_parquet(${file})`;
  const [row] = (await connection.runAndReadAll(sql.replace('FILE', source))).getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => [name, value?.toString() ?? null]),
  );
}

async function ledgerTotals(service: RunningService, where = 'true') {
  const [row] = await service.query(
    `SELECT count(*)::VARCHAR AS calls, sum(cost_usd)::VARCHAR AS cost, sum(credits)::DECIMAL(38, 6)::VARCHAR AS credits,
       sum(input_tokens + output_tokens)::VARCHAR AS tokens, count(*) FILTER (cost_usd IS NULL)::VARCHAR AS unpriced,
       count(DISTINCT customer)::VARCHAR AS customers
     FROM usage WHERE billing_role = 'billed' AND ${where}`,
  );
  return row ?? {};
}

it('I23: CSV, Parquet and FOCUS exports add up to the ledger, and to what queries say', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, CONFIGURATION);
  const service = await startServiceProcess({ dataDir, configFile });
  expect((await post(service.otlpUrl, calls())).status).toBe(200);
  await until(
    'all calls are posted',
    30_000,
    async () => (await ledgerTotals(service)).calls === String(CALLS),
  );

  const pathOf = (what: string, format: string, times: object) =>
    join(dataDir, `${what}${Object.keys(times).length}.${format}`);
  const byCommand = async (what: string, format: string, times: Times = {}) => {
    const path = pathOf(what, format, times);
    const options = Object.entries({ ...times, format, out: path, url: service.apiUrl });
    const command = ['export', what, ...options.flatMap(([name, value]) => [`--${name}`, value])];
    const { exitCode, stderr } = await spanledger(command);
    expect([exitCode, stderr], command.join(' ')).toEqual([
      0,
      expect.stringMatching(/rows?, [\d,]+ bytes written/),
    ]);
    return path;
  };
  const byApi = async (what: string, format: string, times: Times = {}) => {
    const path = pathOf(what, format, times);
    const query = new URLSearchParams({ format, ...times });
    const answer = await fetch(new URL(`/api/export/${what}?${query}`, service.apiUrl));
    expect(answer.status).toBe(200);
    await writeFile(path, await answer.bytes());
    return path;
  };
  const range = { from: '2025-10-01', to: '2025-10-01T03:00:00Z' };
  const inRange =
    "event_time >= TIMESTAMPTZ '2025-10-01' AND event_time < TIMESTAMPTZ '2025-10-01 03:00:00+00'";
  const all = await ledgerTotals(service);
  const some = await ledgerTotals(service, inRange);
  expect(all).toMatchObject({ unpriced: String(CALLS / 10), customers: '2' });
  expect(Number(some.calls)).toBeGreaterThan(1000);
  expect(Number(some.calls)).toBeLessThan(CALLS);
  const [used] = await service.query(
    `SELECT sum(credits)::DECIMAL(38, 6)::VARCHAR AS used FROM credit_ledger WHERE account = 'used'`,
  );

  for (const [format, save] of [
    ['csv', byCommand],
    ['parquet', byApi],
  ] as const) {
    for (const [totals, times] of [
      [all, {}],
      [some, range],
    ] as const) {
      const usage = await read(
        await save('usage', format, times),
        `SELECT count(*) AS calls, sum(cost_usd::DECIMAL(38, 15)) AS cost, sum(credits::DECIMAL(38, 6)) AS credits,
           sum(input_tokens::BIGINT + output_tokens::BIGINT)::VARCHAR AS tokens,
           count(*) FILTER (cost_usd IS NULL) AS unpriced, count(DISTINCT customer) AS customers
         FROM FILE WHERE billing_role = 'billed'`,
      );
      expect(usage, `usage as ${format}`).toEqual(totals);

      const focus = await read(
        await save('focus', format, times),
        `SELECT sum(x_Calls::BIGINT)::VARCHAR AS calls, sum(x_ProviderCostUsd::DECIMAL(38, 15)) AS cost,
           sum(PricingCurrencyEffectiveCost::DECIMAL(38, 6)) AS credits,
           sum(ConsumedQuantity::DECIMAL(38, 0))::VARCHAR AS tokens, sum(x_UnpricedCalls::BIGINT)::VARCHAR AS unpriced,
           (count(DISTINCT BillingAccountId) - 1)::VARCHAR AS customers
         FROM FILE`,
      );
      expect(focus, `focus as ${format}`).toEqual(totals);
    }
    const ledger = await read(
      await byCommand('ledger', format),
      `SELECT sum(credits::DECIMAL(38, 6)) AS sum, sum(credits::DECIMAL(38, 6)) FILTER (account = 'used') AS used FROM FILE`,
    );
    expect(ledger).toEqual({ sum: '0.000000', used: used?.used });
    const statements = await read(
      await save('statements', format),
      `SELECT sum(calls::BIGINT)::VARCHAR AS calls, sum(cost_usd::DECIMAL(38, 15)) AS cost,
         sum(used_credits::DECIMAL(38, 6)) AS credits FROM FILE`,
    );
    expect(statements).toEqual({ calls: all.calls, cost: all.cost, credits: all.credits });
  }

  const csv = await readFile(pathOf('usage', 'csv', {}), 'utf8');
  expect(csv, 'a hostile name is one field').toContain('"Eve, ""the\nquoted"""');
  expect(csv).toMatch(/^usage_id,event_time,.*\n[0-9a-f]{48},2025-09-30T20:00:00\.000000Z,/);
  const again = await readFile(await byApi('usage', 'csv'), 'utf8');
  expect(again === csv, 'the same ledger gives the same file').toBe(true);
  expect(await readdir(join(dataDir, 'exports')), 'nothing is left behind').toEqual([]);
  expect(await service.stop()).toBe(0);
});

it('refuses what it cannot export, and leaves no half file', async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({ dataDir });
  const out = join(dataDir, 'out.csv');
  const run = (...args: readonly string[]) =>
    spanledger(['export', ...args, '--out', out, '--url', service.apiUrl]);
  for (const [args, complaint] of [
    [['everything'], /^SL_EXPORT_REQUEST: everything is none of usage, /],
    [['usage', '--from', 'yesterday'], /^SL_EXPORT_REQUEST: yesterday is no time/],
    [['usage', '--from', '2025-10-02', '--to', '2025-10-01'], /^SL_EXPORT_REQUEST: The time must end/],
    [['usage', '--format', 'xlsx'], /^error: /],
  ] as const) {
    const { exitCode, stderr } = await run(...args);
    expect(exitCode, args.join(' ')).toBe(2);
    expect(stderr).toMatch(complaint);
  }
  expect(await readdir(dataDir)).not.toContain('out.csv');
  expect(await readdir(dataDir)).not.toContain('out.csv.part');

  const read = await fetch(new URL('/api/query', service.apiUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: `SELECT * FROM read_text('${join(dataDir, 'exports')}/*')` }),
  });
  expect(read.status, 'the folder that exports are written to is nothing for queries').toBe(400);
  const empty = await spanledger(['export', 'usage', '--url', service.apiUrl]);
  expect([empty.exitCode, empty.stderr]).toEqual([0, '']);
  expect(empty.stdout).toMatch(/^usage_id,event_time,[^\n]+\n$/);
  expect(await service.stop()).toBe(0);
});
