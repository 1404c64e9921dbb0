import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { aBatch, randomFrom, sendBatch, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** Longer than any view of a small ledger takes, on a machine that has other things to do. */
const TIMEOUT_MS = 2000;
const MAX_ROWS = 500;
const MAX_CONCURRENT = 2;
/** Without its interrupt it would run for hours. */
const ENDLESS = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7';
const TRACE_ID = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

let dataDir = '';
let service: RunningService;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanledger-query-'));
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(
    configFile,
    `query:\n  timeout_ms: ${TIMEOUT_MS}\n  max_rows: ${MAX_ROWS}\n  max_concurrent: ${MAX_CONCURRENT}\n`,
  );
  service = await startServiceProcess({ dataDir, configFile });
  const call = aRequestSpan({
    traceId: TRACE_ID,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
    }),
    startTimeUnixNano: '1767225600000000000',
    endTimeUnixNano: '1767225601250000000', // 2026-01-01T00:00:01.25Z
  });
  expect((await post(service.otlpUrl, aRequest([call]))).status).toBe(200);
  expect((await sendBatch(service.otlpUrl, aBatch(randomFrom(12), 40))).status).toBe(200);
  await until('the spans are in the ledger', 10_000, async () => (await calls()) === 41);
});

afterAll(async () => {
  const exitCode = await service?.stop();
  await removeDataDirectory(dataDir);
  expect(exitCode).toBe(0);
});

interface Answer {
  readonly status: number;
  readonly columns: readonly { name: string; type: string }[];
  readonly rows: readonly unknown[][];
  readonly error: { code: string; message: string } | undefined;
}

async function ask(body: unknown): Promise<Answer> {
  const response = await fetch(new URL('/api/query', service.apiUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const { columns = [], rows = [], error } = (await response.json()) as Partial<Answer>;
  return { status: response.status, columns, rows, error };
}

async function calls(): Promise<number> {
  const [row] = await service.query('SELECT count(*) AS calls FROM usage');
  return Number(row?.calls);
}

describe('POST /api/query answers', () => {
  it('64-bit integers and decimals as text, exactly, and instants as ISO 8601 in UTC', async () => {
    const answer = await ask({
      sql: `SELECT event_time, input_tokens, cost_usd, status, customer, duration_ms FROM usage WHERE trace_id = '${TRACE_ID}'`,
    });
    expect(answer.status).toBe(200);
    expect(answer.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'event_time TIMESTAMP WITH TIME ZONE',
      'input_tokens BIGINT',
      'cost_usd DECIMAL(38,15)',
      'status VARCHAR',
      'customer VARCHAR',
      'duration_ms DOUBLE',
    ]);
    // 100 x $2.50 + 20 x $10.00 for each million tokens.
    expect(answer.rows).toEqual([['2026-01-01T00:00:01.25Z', '100', '0.000450000000000', 'ok', null, 1250]]);
  });

  it('numbers that no double holds, unchanged', async () => {
    const answer = await ask({
      sql: "SELECT 9007199254740993::BIGINT, '12345678901234567890.123456789012345'::DECIMAL(38, 15), TRUE, NULL",
    });
    expect(answer.rows).toEqual([['9007199254740993', '12345678901234567890.123456789012345', true, null]]);
  });

  it('columns in their order, with the same name twice', async () => {
    const answer = await ask({ sql: 'SELECT 1 AS a, 2 AS b, 3 AS a' });
    expect(answer.columns.map(({ name }) => name)).toEqual(['a', 'b', 'a']);
    expect(answer.rows).toEqual([[1, 2, 3]]);
  });

  it('with the values of $1, $2, which are never read as SQL', async () => {
    const sql = 'SELECT $1 AS text, $2::INTEGER + 1 AS sum, $3 AS nothing';
    const answer = await ask({ sql, params: ["'; DROP TABLE usage; --", 41, null] });
    expect(answer.rows).toEqual([["'; DROP TABLE usage; --", 42, null]]);
  });

  it('no rows with the columns all the same', async () => {
    const answer = await ask({ sql: 'SELECT usage_id FROM usage WHERE false' });
    expect(answer.columns).toEqual([{ name: 'usage_id', type: 'VARCHAR' }]);
    expect(answer.rows).toEqual([]);
  });

  it('every view that readers are promised', async () => {
    for (const view of [
      'usage',
      'usage_hourly',
      'budgets',
      'budget_hourly',
      'dimension_values',
      'margin_hourly',
      'pipeline_health',
      'actions',
      'credit_balances',
      'credit_ledger',
      'statements',
      'currency_rates',
      'customers',
      'prices',
      'price_changes',
      'price_history',
      'unpriced',
      'ingest_health',
      'webhook_deliveries',
      'alert_dead_letters',
    ]) {
      const answer = await ask({ sql: `SELECT * FROM ${view} LIMIT 3` });
      expect(answer.error, view).toBeUndefined();
      expect(answer.columns.length, view).toBeGreaterThan(0);
    }
  });
});

describe('what is not one read-only query is refused, and changes nothing', () => {
  const outside = join(tmpdir(), `spanledger-never-written-${process.pid}`);
  for (const sql of [
    'INSERT INTO ledger.word VALUES (999, $$x$$)',
    'INSERT INTO usage SELECT * FROM usage',
    "UPDATE ledger.usage_record SET customer = 'me'",
    'DELETE FROM ledger.usage_record',
    'TRUNCATE ledger.usage_record',
    'DROP TABLE ledger.usage_record',
    'DROP VIEW usage',
    'CREATE TABLE mine AS SELECT 1',
    'CREATE TEMP TABLE mine AS SELECT 1',
    'CREATE OR REPLACE VIEW usage AS SELECT 1',
    'CREATE MACRO one() AS 1',
    'ALTER TABLE ledger.usage_record ADD COLUMN x INTEGER',
    `ATTACH '${outside}' AS other`,
    'DETACH spanledger',
    'USE ledger',
    `COPY usage TO '${outside}'`,
    `COPY ledger.word FROM '/etc/passwd'`,
    `EXPORT DATABASE '${outside}'`,
    `IMPORT DATABASE '${outside}'`,
    'PRAGMA disable_optimizer',
    'PRAGMA force_checkpoint',
    "PRAGMA memory_limit='1KB'",
    "SET memory_limit = '1KB'",
    "SET GLOBAL TimeZone = 'America/New_York'",
    'RESET memory_limit',
    'CALL pragma_version()',
    'INSTALL httpfs',
    'LOAD httpfs',
    'CHECKPOINT',
    'FORCE CHECKPOINT',
    'VACUUM',
    'ANALYZE',
    'BEGIN TRANSACTION',
    'COMMIT',
    'ROLLBACK',
    'PREPARE p AS DELETE FROM ledger.word',
    'EXPLAIN ANALYZE DELETE FROM ledger.usage_record',
    'SELECT 1; SELECT 2',
    'SELECT 1; DROP TABLE ledger.usage_record',
    'COMMIT; DELETE FROM ledger.usage_record',
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    "SELECT * FROM read_duckdb('/etc/passwd')",
    "SELECT getenv('PATH')",
    "SELECT * FROM query('DELETE FROM ledger.word')",
    'SELECT * FROM force_checkpoint()',
    'SELECT nextval($$x$$)',
    '-- only a comment',
    ';',
    '   ',
    'SELEC 1',
    'SELECT * FROM no_such_view',
    "SELECT 'not closed",
  ]) {
    it(sql, async () => {
      const answer = await ask({ sql });
      expect(answer.status).toBe(400);
      expect(answer.error?.code).toMatch(/^SL_QUERY_(REFUSED|FAILED)$/);
      expect(answer.error?.message.length).toBeGreaterThan(10);
      expect(answer.error?.message, 'no stack').not.toMatch(/\n\s+at /);
      expect(await calls()).toBe(41);
    });
  }

  // SELECTs to DuckDB, which its lock on the configuration does not hold.
  for (const sql of [
    'SELECT * FROM enable_logging()',
    "SELECT * FROM query('SELECT * FROM enable_' || 'logging()')",
    'SELECT * FROM disable_logging()',
    'SELECT * FROM truncate_duckdb_logs()',
    'SELECT * FROM enable_profiling()',
    'SELECT * FROM checkpoint()',
  ]) {
    it(`${sql} would change what others see, and is refused`, async () => {
      const answer = await ask({ sql });
      expect(answer.error?.code).toBe('SL_QUERY_REFUSED');
    });
  }

  it('a body that is not the request says so', async () => {
    for (const body of ['', '{', '[]', {}, { sql: '' }, { sql: 1 }, { sql: 'SELECT 1', param: [] }]) {
      const answer = await ask(body);
      expect(answer.status, JSON.stringify(body)).toBe(400);
      expect(answer.error?.code).toBe('SL_API_REQUEST');
    }
    const response = await fetch(new URL('/api/nothing', service.apiUrl));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'SL_API_PATH' } });
  });
});

describe('a query past a limit is ended', () => {
  it('by its rows', async () => {
    expect((await ask({ sql: `SELECT * FROM range(${MAX_ROWS})` })).rows.length).toBe(MAX_ROWS);
    const answer = await ask({ sql: `SELECT * FROM range(${MAX_ROWS + 1})` });
    expect(answer.status).toBe(422);
    expect(answer.error).toMatchObject({
      code: 'SL_QUERY_LIMIT',
      message: expect.stringContaining(`${MAX_ROWS} rows`),
    });
    expect((await ask({ sql: 'SELECT * FROM range(1000000000)' })).error?.code).toBe('SL_QUERY_LIMIT');
  });

  it('by its time, while spans go on being posted', async () => {
    const senders = startSenders({ url: () => service.otlpUrl, random: randomFrom(11), senders: 1 });
    const before = await calls();
    const startedAt = performance.now();
    const answer = await ask({ sql: ENDLESS });
    const tookMs = performance.now() - startedAt;
    expect(await calls(), 'spans were posted while it ran').toBeGreaterThan(before);
    await senders.finish();
    expect(answer.status).toBe(422);
    expect(answer.error).toMatchObject({
      code: 'SL_QUERY_LIMIT',
      message: expect.stringContaining('than 2 s'),
    });
    expect(tookMs).toBeGreaterThan(TIMEOUT_MS - 50);
    expect(tookMs).toBeLessThan(TIMEOUT_MS + 3000);
    await until('all of them are in the ledger', 10_000, async () => {
      return (await calls()) === before + senders.acknowledged.size;
    });
  });

  it('before it begins, when as many as allowed are running; the next one after them runs', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask({ sql: ENDLESS })));
    const codes = answers.map(({ error }) => error?.code).sort();
    expect(codes).toEqual([...Array(3).fill('SL_QUERY_BUSY'), ...Array(2).fill('SL_QUERY_LIMIT')]);
    const busy = answers.find(({ error }) => error?.code === 'SL_QUERY_BUSY');
    expect(busy?.status).toBe(503);
    expect((await ask({ sql: 'SELECT 1' })).rows).toEqual([[1]]);
  });
});

describe('the state of the service', () => {
  it('/healthz is ok, and /readyz becomes ready', async () => {
    const health = await fetch(new URL('/healthz', service.apiUrl));
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    await until('it is ready', 5000, async () => {
      const ready = await fetch(new URL('/readyz', service.apiUrl));
      const state = (await ready.json()) as { status: string; last_commit_at: string };
      return (
        ready.status === 200 && state.status === 'ready' && !Number.isNaN(Date.parse(state.last_commit_at))
      );
    });
  });

  it('/metrics is the Prometheus text format, with the numbers of both processes', async () => {
    await until(
      'the receiver has reported',
      5000,
      async () => (await metrics()).get('spanledger_requests') !== 0,
    );
    const values = await metrics();
    for (const name of [
      'spanledger_usage_records_total',
      'spanledger_spans_total',
      'spanledger_bodies_total',
      'spanledger_duplicate_spans_total',
      'spanledger_conflicting_spans_total',
      'spanledger_commits_total',
      'spanledger_commit_duration_seconds_count',
      'spanledger_requests',
      'spanledger_received_spans',
      'spanledger_rejected_spans',
      'spanledger_received_bytes',
      'spanledger_journal_lag_bytes',
      'spanledger_journal_waiting_seconds',
      'spanledger_journal_kept_bytes',
      'spanledger_journal_syncs',
      'spanledger_receiver_resident_bytes',
      'spanledger_ledger_restarts',
      'spanledger_ledger_resident_bytes',
    ]) {
      expect(values.get(name), name).toBeGreaterThanOrEqual(0);
    }
    expect(values.get('spanledger_usage_records_total')).toBeGreaterThanOrEqual(41);
    expect(values.get('spanledger_ledger_restarts')).toBe(0);
  });
});

/** The values without labels; every line must be one that Prometheus can read. */
async function metrics(): Promise<Map<string, number>> {
  const response = await fetch(new URL('/metrics', service.apiUrl));
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || /^# (HELP|TYPE) /.test(line)) continue;
    const [, name = '', labels, value] =
      /^([a-z_]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? ([-+0-9.eE]+|NaN|[+-]Inf)$/.exec(line) ?? [];
    expect(name, `a line of metrics: ${line}`).not.toBe('');
    if (labels === undefined) values.set(name, Number(value));
  }
  return values;
}
