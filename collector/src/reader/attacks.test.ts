import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBValue } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf } from './answer.ts';
import { READER_LIMITS } from './limits.ts';
import { Readers } from './readers.ts';
import type { Reader } from './roles.ts';
import { aLedgerOfCustomers, CUSTOMERS, type Ledger } from './testing/ledgers.ts';
import { REFUSED } from './testing/refused.ts';

const NEVER = new AbortController().signal;
const ADMIN: Reader = { role: 'admin' };
const ANALYST: Reader = { role: 'analyst' };
const ACME: Reader = { role: 'customer', customer: 'acme' };

let ledger: Ledger;
let readers: Readers;
/** With the limits that readers have. */
let patient: Readers;
let folder: string;
beforeAll(async () => {
  ledger = await aLedgerOfCustomers();
  const short = { timeoutMs: 1000 };
  readers = await Readers.open(ledger.store.instance, {
    limits: {
      admin: { ...READER_LIMITS.admin, ...short },
      analyst: { ...READER_LIMITS.analyst, ...short },
      customer: { ...READER_LIMITS.customer, ...short },
    },
  });
  patient = await Readers.open(ledger.store.instance);
  folder = await mkdtemp(join(tmpdir(), 'spanledger-attack-'));
  await writeFile(join(folder, 'secret.csv'), 'secret\n1\n');
});
afterAll(async () => {
  await ledger.close();
  await rm(folder, { recursive: true, force: true });
});

async function ask(reader: Reader, sql: string, params: readonly DuckDBValue[] = []): Promise<unknown[][]> {
  const session = readers.openSession(reader);
  try {
    return (await answerOf(session, sql, params, NEVER)).rows;
  } finally {
    await session.close();
  }
}

/** What is told of it: the code, the SQLSTATE, the words. */
async function refusalOf(reader: Reader, sql: string, params: readonly DuckDBValue[] = []) {
  const told = await ask(reader, sql, params).then(
    (rows) => ({ rows }),
    (error: unknown) => error,
  );
  expect(told, `${reader.role}: ${sql}`).toMatchObject({
    code: expect.stringMatching(/^SL_QUERY_/),
    sqlState: expect.stringMatching(/^[0-9A-Z]{5}$/),
  });
  return told as { code: string; sqlState: string; message: string };
}

/** Everything that readers must not change. */
async function stateOfTheLedger(): Promise<unknown> {
  const connection = await ledger.store.instance.connect();
  const answer = await connection.runAndReadAll(`
    SELECT (SELECT count(*) FROM ledger.usage_record), (SELECT count(*) FROM ledger.word),
      (SELECT string_agg(schema_name || '.' || table_name, ' ' ORDER BY schema_name, table_name) FROM duckdb_tables()),
      (SELECT string_agg(sql, ' ' ORDER BY sql) FROM duckdb_views() WHERE NOT internal),
      (SELECT string_agg(database_name, ' ' ORDER BY database_name) FROM duckdb_databases()),
      (SELECT string_agg(name || value, ' ' ORDER BY name) FROM duckdb_settings() WHERE name <> 'search_path')`);
  connection.closeSync();
  return [answer.getRowsJson(), await readdir(folder)];
}

describe('a statement that reaches beyond the contract is refused, and changes nothing', () => {
  it('in at least sixty ways, each once', () => {
    expect(REFUSED.length).toBeGreaterThanOrEqual(60);
    expect(new Set(REFUSED.map(([, sql]) => sql)).size).toBe(REFUSED.length);
  });

  it('for every role, with the SQLSTATE that says why', async () => {
    const before = await stateOfTheLedger();
    const answers: string[] = [];
    const expected: string[] = [];
    for (const [sqlState, written] of REFUSED) {
      const sql = written.replaceAll('@', folder);
      for (const reader of [ADMIN, ANALYST, ACME]) {
        const told = await refusalOf(reader, sql);
        // EXPLAIN is refused to customers whatever it explains.
        const isForNobody = reader === ACME && /^EXPLAIN/.test(sql);
        answers.push(`${reader.role} ${told.sqlState} ${written.slice(0, 100)}`);
        expected.push(`${reader.role} ${isForNobody ? '42501' : sqlState} ${written.slice(0, 100)}`);
        expect(told.message).not.toContain('\n    at ');
      }
    }
    expect(answers).toEqual(expected);
    expect(await stateOfTheLedger()).toEqual(before);
  }, 60_000);
});

describe('a statement that would run for ever is ended in time', () => {
  it.each([
    'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b',
    'SELECT sum(g) FROM (SELECT 500000000000 AS n) t, generate_series(1, t.n) u(g)',
    'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r',
    "WITH RECURSIVE r AS (SELECT 'x' AS n UNION ALL SELECT n || n FROM r) SELECT max(length(n)) FROM r",
    'SELECT len(list(range)) FROM range(10000000000)',
    'SELECT count(DISTINCT range) FROM range(100000000000)',
    'SELECT range FROM range(10000000000) ORDER BY hash(range)',
    `SELECT count(*) FROM usage a${Array.from({ length: 20 }, (_, n) => `, usage b${n}`).join('')}`,
    'EXPLAIN ANALYZE SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b',
  ])(
    '%s',
    async (sql) => {
      const startedAt = performance.now();
      const told = await refusalOf(ANALYST, sql);
      // A query that needs more memory than there is ends for that reason, if it is first.
      expect(['57014', '53200']).toContain(told.sqlState);
      expect(performance.now() - startedAt).toBeLessThan(6000);
      expect(await ask(ANALYST, 'SELECT 1')).toEqual([[1]]);
    },
    10_000,
  );
});

describe('what people ask is answered', () => {
  it.each([
    'SELECT customer, count(*), sum(cost_usd) FROM usage GROUP BY 1 ORDER BY 2 DESC LIMIT 10',
    'SELECT * FROM public.usage',
    'SELECT * FROM spanledger.public.usage',
    'SELECT * FROM PUBLIC."USAGE"',
    'TABLE usage_hourly',
    "SELECT time_bucket(INTERVAL '1 hour', event_time) AS time, sum(credits) AS value FROM usage WHERE event_time BETWEEN '2026-11-22T00:00:00Z' AND '2026-11-23T00:00:00Z' GROUP BY 1 ORDER BY 1",
    'SELECT floor(extract(epoch FROM event_time) / 3600) * 3600 AS time FROM usage',
    'WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 FROM a) SELECT * FROM a, b',
    'WITH usage AS (SELECT 1 AS n) SELECT n FROM usage',
    'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r',
    'SELECT (WITH inner_one AS (SELECT 1) SELECT count(*) FROM inner_one), count(*) FROM usage',
    'FROM generate_series(1, 3) AS i',
    "SELECT * FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', INTERVAL 1 HOUR)",
    "PIVOT usage ON provider IN ('openai') USING sum(cost_usd) GROUP BY feature",
    'SELECT list_transform([1, 2], x -> x + 1), [x * 2 FOR x IN [1, 2] IF x > 1]',
    "SELECT regexp_replace(model, '-[0-9]{8}$', '') FROM usage",
    `SELECT '{"a": {"b": 1}}'::JSON -> 'a' -> 'b', '{"a": 1}'::JSON ->> '$.a'`,
    "SELECT COLUMNS('.*_tokens') FROM usage",
    'SELECT * EXCLUDE (customer) FROM usage',
    "SELECT replace(feature, 'a', 'b'), format('{:.2f} {}', 1.5, 'x'), printf('%5.2f', 1.5) FROM usage",
    'SELECT row_number() OVER (PARTITION BY customer ORDER BY event_time) AS n FROM usage QUALIFY n = 1',
    'SELECT median(duration_ms), quantile_cont(duration_ms, [0.5, 0.95]) FROM usage',
    'SELECT customer, feature, sum(credits) FROM usage GROUP BY ROLLUP (customer, feature)',
    'SELECT * FROM usage ASOF JOIN actions ON usage.event_time >= actions.ended_at',
    'SELECT * FROM usage USING SAMPLE 10 PERCENT',
    "SELECT CASE WHEN status = 'ok' THEN 1 ELSE 0 END, coalesce(NULL, 1), nullif(1, 2), try_cast('x' AS INTEGER) FROM usage",
    "SELECT customer FROM usage WHERE customer LIKE 'a%' AND customer NOT IN ('b') AND feature ~ '[0-9]+' COLLATE nocase",
    'DESCRIBE usage',
    'SUMMARIZE SELECT credits FROM usage',
    'SHOW TABLES',
    'EXPLAIN SELECT count(*) FROM usage',
    'EXPLAIN (FORMAT json) SELECT count(*) FROM usage',
    'EXPLAIN ANALYZE SELECT count(*) FROM usage',
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    "/* a comment; with 'a quote */ SELECT 1 -- and more\n;",
    'SELECT current_date, now(), current_user, version()',
    `SELECT ${Array.from({ length: 2000 }, (_, n) => n).join(', ')}`,
    'SELECT customer FROM usage UNION SELECT customer FROM actions EXCEPT SELECT NULL ORDER BY 1',
    'SELECT * FROM usage UNION ALL BY NAME SELECT * FROM usage INTERSECT SELECT * FROM usage',
    `SELECT 1 ${'UNION ALL SELECT 1 '.repeat(400)}`,
    'SELECT * FROM (SELECT 1 AS n UNION ALL SELECT 2) t JOIN (VALUES (1), (2)) v(n) USING (n)',
    `SELECT 1 AS a0, ${Array.from({ length: 30 }, (_, n) => `a${n} + 1 AS a${n + 1}`).join(', ')}`,
    `SELECT 1 AS a0, ${Array.from({ length: 10 }, (_, n) => `a${n} + a${n} AS a${n + 1}`).join(', ')}`,
    'SELECT u.*, a.* FROM usage u JOIN actions a USING (action_id)',
    'SELECT * FROM (SELECT *, credits * 2 AS twice FROM (SELECT * FROM usage WHERE credits > 0))',
    "SELECT max(COLUMNS('.*_tokens')), COLUMNS('.*_tokens') + COLUMNS('.*_tokens') FROM usage GROUP BY ALL",
    `WITH a0 AS (FROM usage), ${Array.from({ length: 8 }, (_, n) => `a${n + 1} AS (SELECT l.* FROM a${n} l JOIN a${n} r USING (usage_id))`).join(', ')} SELECT count(*) FROM a8`,
    `WITH a0 AS (FROM usage), ${Array.from({ length: 30 }, (_, n) => `a${n + 1} AS (SELECT *, 1 FROM a${n})`).join(', ')} SELECT count(*) FROM a30`,
    `SELECT count(*) FROM usage ${Array.from({ length: 20 }, (_, n) => `LEFT JOIN usage u${n} ON u${n}.usage_id = usage.usage_id`).join(' ')}`,
    `SELECT ${Array.from({ length: 50 }, (_, n) => `count(DISTINCT customer) FILTER (duration_ms > ${n})`).join(', ')} FROM usage`,
    `PIVOT usage ON provider IN (${Array.from({ length: 200 }, (_, n) => `'p${n}'`).join(', ')}) USING sum(cost_usd) GROUP BY feature`,
    `SELECT count(*) FROM usage WHERE customer IN (${Array.from({ length: 5000 }, (_, n) => `'c${n}'`).join(', ')})`,
  ])('%s', async (sql) => {
    const session = patient.openSession(ANALYST);
    const answer = await answerOf(session, sql, [], NEVER);
    await session.close();
    expect(answer.columns.length).toBeGreaterThan(0);
  });
});

describe('a customer', () => {
  const VIEWS = [
    'usage',
    'usage_hourly',
    'actions',
    'credit_ledger',
    'credit_balances',
    'credit_lots',
    'credit_holds',
    'billing_periods',
    'statements',
  ];

  it('sees their own rows, all of them, and nobody else’s', async () => {
    for (const [customer, calls] of Object.entries(CUSTOMERS)) {
      const rows = await ask(
        { role: 'customer', customer },
        'SELECT customer, count(*)::INTEGER FROM usage GROUP BY 1',
      );
      expect(rows).toEqual([[customer, calls]]);
    }
    for (const view of VIEWS) {
      const rows = await ask(
        ACME,
        `SELECT DISTINCT customer FROM ${view} WHERE customer IS DISTINCT FROM 'acme'`,
      );
      expect(rows, view).toEqual([]);
    }
    expect(await ask({ role: 'customer', customer: "x' OR '1'='1" }, 'FROM usage')).toEqual([]);
  });

  it('sees nothing on a connection that nobody has named the customer of', async () => {
    const connection = await ledger.store.instance.connect();
    for (const view of VIEWS) {
      expect((await connection.runAndReadAll(`FROM customer.${view}`)).getRows(), view).toEqual([]);
    }
    connection.closeSync();
  });

  it('finds no column of cost, price or margin in any view', async () => {
    for (const view of VIEWS) {
      const columns = await ask(ACME, `DESCRIBE ${view}`);
      expect(columns.length).toBeGreaterThan(3);
      const named = columns.map(([name]) => String(name));
      expect(
        named.filter((name) => /usd|cost|price|margin|fee|_value|(^|_)paid/.test(name)),
        view,
      ).toEqual([]);
    }
  });

  it.each([
    'FROM public.usage',
    'FROM spanledger.public.usage',
    'SELECT customer FROM "public"."usage"',
    'FROM prices',
    'FROM customers',
    'FROM webhook_deliveries',
    'FROM account_history',
    'FROM alerts',
    'WITH usage AS (FROM public.usage) FROM usage',
    'WITH public AS (SELECT 1) FROM public.usage',
    'SELECT (SELECT count(*) FROM public.usage)',
    'SELECT * FROM usage u WHERE EXISTS (FROM public.usage p WHERE p.feature > u.feature)',
    'SELECT * FROM usage UNION ALL BY NAME SELECT * FROM public.usage',
    'FROM ledger.usage_record',
    'FROM information_schema.tables',
    'FROM duckdb_tables',
    'FROM pg_catalog.pg_class',
  ])('cannot reach beyond: %s', async (sql) => {
    const { sqlState, message } = await refusalOf(ACME, sql);
    expect(sqlState).toBe('42P01');
    expect(message).not.toContain('globex');
  });

  it.each([
    'FROM duckdb_tables()',
    'FROM duckdb_views()',
    "FROM pragma_table_info('public.usage')",
    'SHOW TABLES',
    'EXPLAIN SELECT * FROM usage',
    'EXPLAIN ANALYZE SELECT * FROM usage',
    '/* */ explain (format json) FROM usage',
    "SET VARIABLE spanledger_customer = 'globex'",
    "SELECT getvariable('spanledger_customer')",
    'SELECT stats(customer) FROM usage',
  ])('is not told of others: %s', async (sql) => {
    expect((await refusalOf(ACME, sql)).sqlState).toBe('42501');
  });

  it('stays who they are whatever stands in parameters', async () => {
    expect(
      await ask(ACME, 'SELECT count(*)::INTEGER FROM usage WHERE customer = $1 OR $2', ['globex', true]),
    ).toEqual([[CUSTOMERS.acme]]);
    expect(await ask(ACME, 'SELECT $1::VARCHAR', ["'; SET VARIABLE x = 1; --"])).toEqual([
      ["'; SET VARIABLE x = 1; --"],
    ]);
  });

  // Conditions of a reader must not be tried on rows of others before those are left out: one that fails would tell.
  it.each([
    'SELECT count(*)::INTEGER FROM usage WHERE feature::INTEGER = 7',
    'SELECT count(*)::INTEGER FROM usage WHERE 1 / (feature::INTEGER - 6) = 1',
    'SELECT count(feature::INTEGER)::INTEGER FROM usage',
    "SELECT count(*)::INTEGER FROM usage WHERE (feature || '')::INTEGER > 0 AND length(feature) < 100",
    'SELECT count(*)::INTEGER FROM (SELECT feature::INTEGER AS f FROM usage) WHERE f = 7',
    'SELECT count(*)::INTEGER FROM usage u JOIN (SELECT DISTINCT feature FROM usage) v ON u.feature::INTEGER = v.feature::INTEGER',
    "SELECT count(*)::INTEGER FROM usage WHERE CASE WHEN starts_with(feature, 'secret') THEN feature::INTEGER ELSE 1 END = 1",
    'SELECT count(*)::INTEGER FROM usage WHERE feature::INTEGER IN (SELECT feature::INTEGER FROM usage)',
  ])('learns nothing by conditions that fail on the rows of others: %s', async (sql) => {
    expect(await ask(ACME, sql)).toEqual([[CUSTOMERS.acme]]);
  });

  it('is told of a failure without the value that it is about', async () => {
    const { sqlState, message } = await refusalOf(
      { role: 'customer', customer: 'globex' },
      'SELECT feature::INTEGER FROM usage',
    );
    expect(sqlState).toBe('22P02');
    expect(message).not.toContain('secret');
    const told = await refusalOf(ANALYST, "SELECT feature::INTEGER FROM usage WHERE customer = 'globex'");
    expect(told.message).toContain('secret of globex');
  });
});
