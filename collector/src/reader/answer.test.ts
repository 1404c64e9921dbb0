import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../store/open.ts';
import { QueryRunner } from '../store/query.ts';
import { aPosting, spanId } from '../store/testing/postings.ts';
import { aStore, commitAt, optionsFor } from '../store/testing/stores.ts';
import { answerOf, type JsonAnswer } from './answer.ts';
import { READER_LIMITS, type ReaderLimits } from './limits.ts';
import { Readers } from './readers.ts';

/** One empty ledger for all that only reads; a file of its own for each test would be most of their time. */
let directory: string;
let empty: DuckDBInstance;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spanledger-query-'));
  empty = await openDatabase({ ...optionsFor(join(directory, 'spanledger.duckdb')), create: true });
});
afterAll(async () => {
  empty.closeSync();
  await rm(directory, { recursive: true, force: true });
});

type Param = string | number | boolean | null;

interface Asking {
  query(sql: string, params?: readonly Param[]): Promise<JsonAnswer>;
}

function aRunner(limits: Partial<ReaderLimits> = {}): Asking {
  return runnerOn(empty, limits);
}

/** As the API asks: all in one session, and nobody waits. */
function runnerOn(instance: DuckDBInstance, limits: Partial<ReaderLimits> = {}): Asking {
  const session = Readers.open(instance).then((readers) =>
    readers.openSession(
      { role: 'admin' },
      { whenBusy: 'refuse', limits: { ...READER_LIMITS.admin, ...limits } },
    ),
  );
  return { query: async (sql, params = []) => answerOf(await session, sql, params) };
}

/** Would take hours. */
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b';

describe('the answer to a query', () => {
  it('names its columns and their types', async () => {
    const runner = aRunner();
    expect(await runner.query("SELECT 1 AS n, 'x' AS text, 0.5::DECIMAL(18, 6) AS credits")).toEqual({
      columns: [
        { name: 'n', type: 'INTEGER' },
        { name: 'text', type: 'VARCHAR' },
        { name: 'credits', type: 'DECIMAL(18,6)' },
      ],
      rows: [[1, 'x', '0.500000']],
    });
  });

  it.each<[string, unknown]>([
    ['12345678901.000001::DECIMAL(18, 6)', '12345678901.000001'],
    ['-0.000000000000001::DECIMAL(38, 15)', '-0.000000000000001'],
    ['9007199254740993::BIGINT', '9007199254740993'],
    [
      'sum(x) FROM (VALUES (170141183460469231731687303715884105727::HUGEINT)) t(x)',
      '170141183460469231731687303715884105727',
    ],
    ['count(*)', '1'],
    ['7::INTEGER', 7],
    ['0.25::DOUBLE', 0.25],
    ["'NaN'::DOUBLE", 'NaN'],
    ["'-Infinity'::DOUBLE", '-Infinity'],
    ['true', true],
    ['NULL', null],
    ["'quote \" and newline \n and 🙂'", 'quote " and newline \n and 🙂'],
    ["TIMESTAMPTZ '2026-11-22 17:11:54.986797+00'", '2026-11-22T17:11:54.986797Z'],
    ["TIMESTAMPTZ '2026-11-22 17:11:54+02'", '2026-11-22T15:11:54Z'],
    ["TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'", '1969-12-31T23:59:59.999999Z'],
    ["[TIMESTAMPTZ '2026-11-22 00:00:00+00', NULL]", ['2026-11-22T00:00:00Z', null]],
    ["DATE '2026-11-22'", '2026-11-22'],
    ['[1, NULL, 3]', [1, null, 3]],
    ["{'credits': 1.5::DECIMAL(18, 6), 'n': 2}", { credits: '1.500000', n: 2 }],
  ])('has %s in JSON', async (expression, expected) => {
    const { rows } = await aRunner().query(`SELECT ${expression}`);
    expect(rows).toEqual([[expected]]);
    expect(JSON.parse(JSON.stringify(rows))).toEqual([[expected]]);
  });

  it('has columns also when there are no rows', async () => {
    const runner = aRunner();
    expect(await runner.query('SELECT customer FROM usage')).toEqual({
      columns: [{ name: 'customer', type: 'VARCHAR' }],
      rows: [],
    });
  });

  it('keeps the order of the rows over many chunks', async () => {
    const runner = aRunner();
    const { rows } = await runner.query('SELECT range::INTEGER FROM range(10000) ORDER BY range DESC');
    expect(rows.map(([n]) => n)).toEqual(Array.from({ length: 10_000 }, (_, n) => 9999 - n));
  });

  it('finds the views without naming their schema', async () => {
    const runner = aRunner();
    for (const view of [
      'usage',
      'usage_hourly',
      'actions',
      'credit_balances',
      'customers',
      'ingest_health',
    ]) {
      expect((await runner.query(`SELECT * FROM ${view}`)).rows, view).toEqual([]);
    }
  });
});

describe('parameters', () => {
  it.each<[string, Param, unknown]>([
    ['$1::VARCHAR', "it's; DROP TABLE usage --", "it's; DROP TABLE usage --"],
    ['$1::VARCHAR', '', ''],
    ['$1::BIGINT', '9007199254740993', '9007199254740993'],
    ['$1::INTEGER', 42, 42],
    ['$1::DOUBLE', 0.1, 0.1],
    ['$1::BOOLEAN', false, false],
    ['$1::VARCHAR', null, null],
    ['$1::DECIMAL(18, 6)', '0.100000', '0.100000'],
  ])('%s takes %j', async (expression, param, expected) => {
    const runner = aRunner();
    expect((await runner.query(`SELECT ${expression}`, [param])).rows).toEqual([[expected]]);
  });

  it('fill their places by number, and one may stand in many', async () => {
    const runner = aRunner();
    expect((await runner.query('SELECT $2::VARCHAR, $1::VARCHAR, $2::VARCHAR', ['one', 'two'])).rows).toEqual(
      [['two', 'one', 'two']],
    );
  });

  it('decide the types of columns that are made of them', async () => {
    const runner = aRunner();
    const answer = await runner.query('SELECT $1 AS text, $2::INTEGER + 1 AS sum, $3 AS nothing', [
      'x',
      41,
      null,
    ]);
    expect(answer.rows).toEqual([['x', 42, null]]);
    expect(answer.columns.map(({ name }) => name)).toEqual(['text', 'sum', 'nothing']);
  });

  it('bound a result', async () => {
    const runner = aRunner();
    expect((await runner.query('SELECT range::INTEGER FROM range(10) LIMIT $1', [2])).rows).toEqual([
      [0],
      [1],
    ]);
  });

  it.each<[string, Param[]]>([
    ['too few', []],
    ['too many', ['a', 'b']],
  ])('are a mistake when they are %s', async (_what, params) => {
    const runner = aRunner();
    await expect(runner.query('SELECT $1::VARCHAR', params)).rejects.toMatchObject({
      code: 'SL_QUERY_FAILED',
    });
  });
});

describe('a statement that is not one read-only query', () => {
  it.each([
    "INSERT INTO ledger.word VALUES (1, 'x')",
    "INSERT INTO ledger.word VALUES (1, 'x') RETURNING code",
    'UPDATE ledger.journal_position SET segment = 0',
    'DELETE FROM ledger.usage_record',
    'TRUNCATE ledger.usage_record',
    'DROP TABLE ledger.usage_record',
    'CREATE TABLE mine (x INTEGER)',
    'CREATE TEMP TABLE mine (x INTEGER)',
    'CREATE OR REPLACE VIEW usage AS SELECT 1',
    'ALTER TABLE ledger.word RENAME TO words',
    "ATTACH ':memory:' AS other",
    'DETACH spanledger',
    'USE ledger',
    "SET search_path = 'ledger'",
    'RESET search_path',
    'CALL pragma_version()',
    'CHECKPOINT',
    'VACUUM',
    'BEGIN TRANSACTION',
    'COMMIT',
    'ROLLBACK',
    'INSTALL httpfs',
    'PREPARE p AS SELECT 1',
    'SELECT 1; SELECT 2',
    'SELECT 1; DROP TABLE ledger.word',
  ])('is refused: %s', async (statement) => {
    const runner = aRunner();
    await expect(runner.query(statement)).rejects.toMatchObject({ code: 'SL_QUERY_REFUSED' });
  });

  it.each(['', ' ;; ', '-- only a comment'])('is refused when there is none in it: %j', async (statement) => {
    const runner = aRunner();
    await expect(runner.query(statement)).rejects.toMatchObject({
      code: expect.stringMatching(/^SL_QUERY_(REFUSED|FAILED)$/),
    });
  });

  it.each([
    "COPY ledger.word TO 'words.csv'",
    "EXPORT DATABASE 'out'",
    'PRAGMA force_checkpoint',
    "PRAGMA memory_limit = '100GB'",
    "EXPLAIN ANALYZE INSERT INTO ledger.word VALUES (1, 'x')",
    'EXPLAIN ANALYZE DELETE FROM ledger.journal_position',
    'EXPLAIN ANALYZE CREATE TABLE mine (x INTEGER)',
    "WITH w AS (INSERT INTO ledger.word VALUES (1, 'x') RETURNING code) FROM w",
    "FROM query('DROP TABLE ledger.word')",
  ])('changes nothing in disguise either: %s', async (statement) => {
    const { store } = await aStore();
    store.post(aPosting());
    await commitAt(store, 1);
    const runner = runnerOn(store.instance);
    const state = `SELECT (SELECT count(*)::INTEGER FROM ledger.word), (SELECT count(*)::INTEGER FROM ledger.journal_position),
      (SELECT count(*)::INTEGER FROM duckdb_tables())`;
    const ours = new QueryRunner(store.instance);
    const before = (await ours.query(state)).rows;
    await expect(runner.query(statement)).rejects.toMatchObject({
      code: expect.stringMatching(/^SL_QUERY_(REFUSED|FAILED)$/),
    });
    expect((await ours.query(state)).rows).toEqual(before);
  });

  it('is told what it is, and what is allowed', async () => {
    const runner = aRunner();
    await expect(runner.query('DROP TABLE ledger.word')).rejects.toThrow(
      /Only SELECT is allowed here, this is DROP/,
    );
    await expect(runner.query('SELECT 1; SELECT 2')).rejects.toThrow('One statement was expected, 2 came.');
  });
});

describe('a mistake in a query', () => {
  it.each<[string, RegExp]>([
    ['SELEKT 1', /syntax error at or near "SELEKT"/],
    ['SELECT nothing FROM usage', /"nothing" not found/],
    ['SELECT * FROM nowhere', /"nowhere" does not exist for readers\. There are: .*usage_hourly/],
    ["SELECT 'x'::INTEGER", /Could not convert string 'x' to INT32/],
  ])('is told: %s', async (sql, words) => {
    const runner = aRunner();
    await expect(runner.query(sql)).rejects.toMatchObject({
      code: 'SL_QUERY_FAILED',
      message: expect.stringMatching(words),
    });
  });

  it('in the middle of the rows ends the query with the mistake, not with half of the rows', async () => {
    const runner = aRunner();
    const sql = "SELECT CASE WHEN range = 9000 THEN 'x' ELSE '1' END::INTEGER FROM range(10000)";
    await expect(runner.query(sql)).rejects.toMatchObject({ code: 'SL_QUERY_FAILED' });
  });

  it('is in nobody’s way, however often it is made', async () => {
    const runner = aRunner({ maxConcurrent: 1 });
    for (const sql of ['SELEKT', 'SELECT 1; SELECT 2', "SELECT 'x'::INTEGER", 'DROP TABLE ledger.word']) {
      for (let time = 0; time < 5; time++) await expect(runner.query(sql)).rejects.toThrow();
      expect((await runner.query('SELECT 1')).rows, sql).toEqual([[1]]);
    }
  });
});

describe('the limits of queries', () => {
  it('let through as many rows as allowed, and not one more', async () => {
    const runner = aRunner({ maxRows: 3000 });
    expect((await runner.query('FROM range(3000)')).rows).toHaveLength(3000);
    await expect(runner.query('FROM range(3001)')).rejects.toMatchObject({
      code: 'SL_QUERY_LIMIT',
      message: expect.stringContaining('more than 3000 rows'),
    });
  });

  it('end a query that would take hours, and the next one runs', async () => {
    const runner = aRunner({ timeoutMs: 50, maxConcurrent: 1 });
    await expect(runner.query(ENDLESS)).rejects.toMatchObject({
      code: 'SL_QUERY_LIMIT',
      message: expect.stringContaining('longer than 0.05 s'),
    });
    expect((await runner.query('SELECT 1')).rows).toEqual([[1]]);
  });

  it.each([
    ['rows that come all the time', 'SELECT md5(range::VARCHAR) FROM range(10000000000)'],
    [
      'rows that never come',
      'SELECT a.range FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 8',
    ],
  ])('end a query for %s, and never pass off what came as the whole', async (_what, sql) => {
    const runner = aRunner({ timeoutMs: 300, maxRows: Number.MAX_SAFE_INTEGER });
    await expect(runner.query(sql)).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' });
  });

  it('let several run at once, turn the next one away at once, and take it later', async () => {
    const runner = aRunner({ timeoutMs: 200, maxConcurrent: 2 });
    const running = [runner.query(ENDLESS), runner.query(ENDLESS)].map((query) =>
      expect(query).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' }),
    );
    await expect(runner.query('SELECT 1')).rejects.toMatchObject({
      code: 'SL_QUERY_BUSY',
      message: expect.stringContaining('the most at once is 2'),
    });
    await Promise.all(running);
    expect((await runner.query('SELECT 1')).rows).toEqual([[1]]);
  });

  it('do not mix up what runs at once', async () => {
    const runner = aRunner({ maxConcurrent: 4 });
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => runner.query('SELECT $1::INTEGER, count(*)::INTEGER FROM range(300000)', [n])),
    );
    expect(answers.map(({ rows }) => rows)).toEqual([1, 2, 3, 4].map((n) => [[n, 300_000]]));
  });
});

describe('a reader and the writer', () => {
  it('meet only in committed batches', async () => {
    const { store } = await aStore();
    const runner = runnerOn(store.instance);
    const seen = async () => (await runner.query('SELECT count(*)::INTEGER FROM usage')).rows;
    for (let batch = 1; batch <= 3; batch++) {
      for (let n = 0; n < 20_000; n++) store.post(aPosting({ spanId: spanId(batch * 100_000 + n) }));
      expect(await seen()).toEqual([[(batch - 1) * 20_000]]);
      await commitAt(store, batch);
      expect(await seen()).toEqual([[batch * 20_000]]);
    }
  });

  it('do not stop each other: a commit passes a long query, which keeps its view of the past', async () => {
    const { store } = await aStore();
    store.post(aPosting({ spanId: spanId(1) }));
    await commitAt(store, 1);
    const runner = runnerOn(store.instance, { timeoutMs: 300 });
    const long = expect(runner.query(ENDLESS)).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' });
    store.post(aPosting({ spanId: spanId(2) }));
    await commitAt(store, 2);
    expect(store.position).toEqual({ segment: 1, offset: 2 });
    await long;
    expect((await runner.query('SELECT count(*)::INTEGER FROM usage')).rows).toEqual([[2]]);
  });
});

describe('a function that is a statement in disguise', () => {
  it.each([
    "FROM read_csv('/etc/passwd')",
    'SELECT * FROM enable_logging()',
    "SELECT * FROM enable_logging(storage='file', storage_path='/tmp/never')",
    'SELECT * FROM disable_logging()',
    'SELECT * FROM truncate_duckdb_logs()',
    'SELECT * FROM enable_profiling()',
    'SELECT * FROM checkpoint()',
    'WITH c AS (FROM checkpoint()) SELECT * FROM c',
    'SELECT (SELECT count(*) FROM checkpoint())',
    "SELECT * FROM query('SELECT * FROM enable_' || 'logging()')",
    "FROM json_execute_serialized_sql(json_serialize_sql('FROM checkpoint()'))",
    'SELECT * FROM duckdb_settings()',
    'SELECT * FROM duckdb_databases()',
    'EXPLAIN ANALYZE SELECT * FROM checkpoint()',
  ])('is refused: %s', async (statement) => {
    await expect(aRunner().query(statement)).rejects.toMatchObject({ code: 'SL_QUERY_REFUSED' });
  });

  it.each([
    'SELECT count(*) FROM usage, range(3) t(i)',
    "SELECT * FROM information_schema.columns WHERE table_name = 'usage'",
    'DESCRIBE usage',
    'SHOW TABLES',
    'SUMMARIZE usage',
    'SELECT unnest([1, 2])',
    'FROM generate_series(1, 3)',
    'VALUES (1)',
  ])('is not what people need: %s is answered', async (statement) => {
    const { columns } = await aRunner().query(statement);
    expect(columns.length).toBeGreaterThan(0);
  });
});

describe('statements that are asked for as a whole', () => {
  it('are counted once each: as run, failed, or ended by a limit', async () => {
    const readers = await Readers.open(empty);
    const limits = { ...READER_LIMITS.admin, maxRows: 10 };
    const session = readers.openSession({ role: 'admin' }, { limits });
    await answerOf(session, 'SELECT 1', []);
    await expect(answerOf(session, 'SELEC 1', [])).rejects.toThrow();
    await expect(answerOf(session, 'DROP VIEW usage', [])).rejects.toThrow();
    await expect(answerOf(session, 'SELECT $1', [])).rejects.toThrow();
    await expect(answerOf(session, 'FROM range(11)', [])).rejects.toThrow(/more than 10 rows/);
    const cancelled = AbortSignal.abort();
    await expect(answerOf(session, 'SELECT 1', [], cancelled)).rejects.toThrow(/cancelled/);
    await session.close();
    const { all, failed, ended } = readers.counts;
    expect({ all, failed, ended }).toEqual({ all: 6, failed: 3, ended: 2 });
  });
});
