import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFUSED } from '../../collector/src/reader/testing/refused.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { contentsOf, expectExactlyOnce, LEDGER_FILE, readLedgerFile } from '../ledger-file.ts';
import { randomFrom, type Senders, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';
import {
  askHttp,
  askSql,
  connectAs,
  type Outcome,
  type Protocol,
  USER_NAMES,
  type UserName,
  writeAttackedConfig,
} from './attackers.ts';

/**
 * Statements of attackers, sent to the service as people run it, over HTTP and as clients of PostgreSQL, while spans
 * come in. Each is refused with a code or ended within its limit; when all is over, the ledger has what was
 * acknowledged, and nothing else has changed.
 */

const TIMEOUT_MS = 1500;
/** An acknowledgement that waits for nothing that readers do; many times what it takes on a machine that is busy. */
const ACKNOWLEDGED_WITHIN_MS = 5000;

let dataDir = '';
/** Of somebody else, on the same machine. */
let folder = '';
let before: unknown;
let service: RunningService;
let senders: Senders;
const clients: pg.Client[] = [];

async function connect(user: UserName): Promise<pg.Client> {
  const client = await connectAs(service, user);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanledger-attacked-'));
  folder = await mkdtemp(join(tmpdir(), 'spanledger-elsewhere-'));
  await writeFile(join(folder, 'secret.csv'), 'secret\n1\n');
  before = await contentsOf(folder);
  service = await startServiceProcess({
    dataDir,
    configFile: await writeAttackedConfig(dataDir, { timeoutMs: TIMEOUT_MS }),
  });
  senders = startSenders({ url: () => service.otlpUrl, random: randomFrom(61), senders: 2, pauseMs: 100 });
  await until('spans of the customer are in the ledger', 30_000, async () => {
    const { rows } = await askHttp(service, "SELECT count(*) FROM usage WHERE customer = 'cus_000007'");
    return Number(rows[0]?.[0]) > 0;
  });
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => {})));
  await service?.stop();
  await removeDataDirectory(dataDir);
  await rm(folder, { recursive: true, force: true });
});

/**
 * What a client of PostgreSQL is told otherwise: it may send several statements in one message, or none at all; what is
 * about its session never reaches the ledger; and where PostgreSQL has a list of its own, there is one made for it.
 */
const OF_POSTGRESQL: ReadonlyMap<string, string | null> = new Map([
  ['SELECT 1; SELECT 2', null],
  ['', null],
  [';;', null],
  ['-- nothing', null],
  ["SELECT '\uD800'", null], // arrives as U+FFFD
  ["SET search_path = 'ledger'", null],
  ['RESET search_path', null],
  ['BEGIN TRANSACTION', null],
  ['COMMIT', null],
  ['SELECT txid_current()', null],
  ["SELECT current_setting('memory_limit')", null],
  ['FROM pg_catalog.pg_settings', null],
  ['FROM pg_settings', null],
  ['FROM temp.information_schema.tables', null],
  ['SET VARIABLE spanledger_customer = $$globex$$', '42601'],
  ['SHOW DATABASES', '42704'],
  ['SHOW memory_limit', '42704'],
  ['SHOW TABLES FROM ledger', '42601'],
  ['SHOW ALL TABLES', '42601'],
]);

describe('a statement that reaches beyond the contract', () => {
  it('is refused over HTTP with a code', async () => {
    const answers = await inTurns(4, REFUSED, async ([, written]) => {
      const { code } = await askHttp(service, written.replaceAll('@', folder));
      return `${code} ${written.slice(0, 80)}`;
    });
    expect(answers.length).toBeGreaterThanOrEqual(60);
    // A body that has no text of a statement does not get as far as a statement does.
    expect(
      answers.filter((answer) => !/^SL_(QUERY_(REFUSED|FAILED|LIMIT)|API_REQUEST) /.test(answer)),
    ).toEqual([]);
  });

  const PORTS: readonly { user: UserName; protocol: Protocol }[] = [
    { user: 'boss', protocol: 'simple' },
    { user: 'ann', protocol: 'extended' },
    { user: 'cust', protocol: 'simple' },
    { user: 'cust', protocol: 'extended' },
  ];
  it.each(PORTS)(
    'is refused to $user over the SQL port with its SQLSTATE ($protocol)',
    async ({ user, protocol }) => {
      const client = await connect(user);
      const unexpected: string[] = [];
      for (const [sqlState, written] of REFUSED) {
        if (written.includes('\0')) continue; // the protocol ends texts with it
        const { code, message } = await askSql(client, written.replaceAll('@', folder), protocol);
        const isExpected =
          code === sqlState ||
          OF_POSTGRESQL.get(written) === code ||
          // Several statements in one message are prepared one by one, or not at all.
          (/;/.test(written) && code !== null && /^(42601|25006|42501|0A000)$/.test(code)) ||
          (user === 'cust' && /^EXPLAIN/.test(written) && code === '42501');
        if (!isExpected)
          unexpected.push(
            `${code} instead of ${sqlState}: ${written.slice(0, 80)} (${message.slice(0, 80)})`,
          );
      }
      expect(unexpected).toEqual([]);
      expect(await askSql(client, 'SELECT 1', protocol), 'the connection goes on').toMatchObject({
        code: null,
      });
    },
  );
});

/** A conversation: statements, each with the SQLSTATE that it must meet; null: it is answered, as a session of its own. */
type Conversation = readonly (readonly [sqlState: string | RegExp | null, sql: string])[];

const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  'a search path of their own leads nowhere': [
    [null, 'SET search_path = ledger'],
    ['42P01', 'SELECT * FROM usage_record'],
    [null, 'SET search_path TO ledger, public, main, "pg_catalog"'],
    ['42P01', 'SELECT * FROM word'],
    ['42P01', 'SELECT * FROM ledger.word'],
    ['42501', "SELECT set_config('search_path', 'ledger', false) FROM duckdb_settings()"],
    [null, 'RESET search_path'],
  ],
  'a session cannot become another': [
    [/./, 'SET SESSION AUTHORIZATION boss'],
    [/./, 'SET ROLE admin'],
    [/./, 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM ledger.word'],
    [
      /./,
      "SELECT set_config('role', 'admin', false), set_config('session_authorization', 'boss', false), nope()",
    ],
    ['42P01', 'SELECT * FROM ledger.word'],
    ['25006', 'INSERT INTO usage (customer) VALUES (1)'],
  ],
  'settings of the engine are not settings of a session': [
    [/./, "SET memory_limit = '100GB'"],
    [/./, 'SET GLOBAL enable_external_access = true'],
    [/./, 'SET lock_configuration = false'],
    [/./, 'SET threads = 64'],
    [/./, "SET VARIABLE spanledger_customer = 'cus_000008'"],
    ['42501', "SELECT getvariable('spanledger_customer')"],
    ['42501', "SELECT current_setting('memory_limit') FROM read_text('/etc/passwd')"],
    [/./, 'PRAGMA enable_profiling'],
    [/./, 'PRAGMA database_list; SELECT 1'],
    [/./, 'RESET ALL; CHECKPOINT'],
  ],
  'a transaction does not make a reader a writer': [
    [null, 'BEGIN READ WRITE'],
    ['25006', 'DELETE FROM ledger.word'],
    ['25P02', 'SELECT 1'],
    [null, 'ROLLBACK'],
    ['25006', 'BEGIN; CREATE TABLE public.mine AS SELECT 1; COMMIT'],
    [null, 'ROLLBACK'],
    ['25006', 'BEGIN; SAVEPOINT a; DROP VIEW public.usage'],
    ['25006', 'ROLLBACK; DROP VIEW public.usage'],
  ],
  'what hides a statement does not help it': [
    ['25006', '/* SELECT 1 */ DELETE FROM ledger.word'],
    ['25006', "SELECT 'a'; DELETE FROM ledger.word; SELECT 'b'"],
    ['25006', 'SELECT $$a;$$; DELETE FROM ledger.word'],
    ['25006', 'SELECT $x$;$$;$x$; DELETE FROM ledger.word'],
    ['25006', '/* /* */ ; */ DELETE FROM ledger.word'],
    ['25006', "SELECT E'\\''; DELETE FROM ledger.word --'"],
    [/./, "SELECT U&'\\0027'; DELETE FROM ledger.word --"],
    ['25006', 'SELECT 1 AS "a;b"; DELETE FROM ledger.word'],
    [/^(42P01|42601)$/, 'SELECT * FROM U&"led\\0067er".word'],
    ['42P01', 'SELECT * FROM "ledger"."word"'],
    ['42P01', 'SELECT * FROM "LEDGER".word'],
    ['42P01', 'SELECT * FROM ledger /**/ . /**/ word'],
    ['42P01', 'SELECT * FROM spanledger.ledger.word'],
    ['42P01', 'TABLE ledger.word'],
  ],
  'what PostgreSQL has to run code, copy or call is not there': [
    [/./, 'COPY usage TO STDOUT'],
    [/./, 'COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)'],
    [/./, 'COPY usage FROM STDIN'],
    [/./, "COPY (SELECT 1) TO PROGRAM 'touch @/x'"],
    [/./, 'DO $$ BEGIN PERFORM pg_sleep(60); END $$'],
    [/./, 'CALL checkpoint()'],
    [/./, "CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql"],
    [/./, 'CREATE MACRO usage() AS 1'],
    [/./, 'PREPARE p AS DELETE FROM ledger.word'],
    [/./, 'EXECUTE p'],
    [/./, "SELECT pg_read_file('/etc/passwd')"],
    [/./, "SELECT pg_ls_dir('/')"],
    [/./, "SELECT lo_import('/etc/passwd')"],
    [/./, "SELECT dblink('host=127.0.0.1', 'SELECT 1')"],
    [/./, 'SELECT pg_terminate_backend(1)'],
    [/./, 'SELECT pg_cancel_backend(1)'],
    [/./, 'SELECT pg_sleep(3600)'],
    [/./, 'SELECT pg_advisory_lock(1)'],
    [/./, 'LOCK TABLE usage'],
    [/./, 'VACUUM'],
    [/./, 'GRANT ALL ON usage TO ann'],
    [/./, "ALTER ROLE ann PASSWORD 'x'"],
    [/./, 'NOTIFY a'],
    [null, 'LISTEN a'],
    [null, 'UNLISTEN *'],
    [null, 'DISCARD ALL'],
  ],
  'the catalogue tells of the contract only': [
    ['42P01', 'SELECT * FROM pgcompat.main.x'],
    ['42P01', 'SELECT * FROM known.main.usage_record'],
    ['42P01', 'SELECT * FROM temp.main.x'],
    ['42501', "SELECT * FROM query('SELECT * FROM ledger.word')"],
    ['42501', "SELECT * FROM query_table('ledger.word')"],
    ['42501', "SELECT * FROM sqlite_scan('x', 'y')"],
    ['42501', "SELECT * FROM pragma_storage_info('usage')"],
    ['42501', 'SELECT * FROM duckdb_secrets()'],
    ['42501', 'SELECT * FROM duckdb_settings()'],
    ['42501', 'SELECT * FROM duckdb_logs()'],
    ['42501', 'SELECT * FROM duckdb_temporary_files()'],
    ['42501', 'SELECT * FROM checkpoint()'],
    ['42501', 'SELECT * FROM force_checkpoint()'],
  ],
};

describe('over a connection of its own', () => {
  const CASES = USER_NAMES.flatMap((user) => Object.keys(CONVERSATIONS).map((name) => ({ user, name })));
  it.each(CASES)('$user: $name', async ({ user, name }) => {
    const client = await connect(user);
    const answers: string[] = [];
    const expected: string[] = [];
    for (const [sqlState, written] of CONVERSATIONS[name] ?? []) {
      const { code, message } = await askSql(client, written.replaceAll('@', folder), 'simple');
      const isMet =
        sqlState instanceof RegExp
          ? code !== null
            ? sqlState.test(code)
            : sqlState.test('')
          : code === sqlState;
      answers.push(`${isMet ? sqlState : `${code} ${message.slice(0, 100)}`}: ${written}`);
      expected.push(`${sqlState}: ${written}`);
      expect(message).not.toContain('node_modules');
    }
    expect(answers).toEqual(expected);
    expect(await askSql(client, 'SELECT 1', 'simple'), 'the connection goes on').toMatchObject({
      code: null,
    });
  });
});

describe('a customer', () => {
  /** Whatever is told of a statement: rows or words. */
  const told = ({ rows, message }: Outcome) => JSON.stringify(rows) + message;

  it.each(['simple', 'extended'] as const)(
    'finds nobody else, whatever they name (%s)',
    async (protocol: Protocol) => {
      const client = await connect('cust');
      for (const sql of [
        'SELECT DISTINCT customer FROM usage',
        'SELECT DISTINCT customer FROM usage_hourly',
        'SELECT DISTINCT customer FROM actions',
        "SELECT * FROM usage WHERE customer <> 'cus_000007' OR true",
        "SELECT * FROM usage WHERE customer = 'cus_000008' UNION ALL SELECT * FROM usage",
        'SELECT customer::INTEGER FROM usage',
        'SELECT error(customer) FROM usage',
        'SELECT 1 / (length(customer) - length(customer)) FROM usage',
        'SELECT CAST(customer || feature AS DATE) FROM usage',
        "SELECT regexp_matches(customer, '(') FROM usage",
        "SELECT json_extract(customer, '$.x') FROM usage",
        "SELECT strptime(customer, '%Y') FROM usage",
        "SELECT min(customer), max(customer), string_agg(DISTINCT customer, ',') FROM usage",
        'SELECT approx_top_k(customer, 10), histogram(customer) FROM usage',
        'SUMMARIZE usage',
        'SELECT * FROM pg_stats',
        'SELECT * FROM pg_catalog.pg_class',
        "SELECT reltuples FROM pg_class WHERE relname = 'usage'",
        'SELECT * FROM pg_stat_activity',
        'SELECT * FROM pg_catalog.pg_views',
        "SELECT pg_get_viewdef('usage'::regclass)",
        'SELECT * FROM information_schema.views',
        'SELECT * FROM public.usage',
        'EXPLAIN SELECT * FROM usage',
        'EXPLAIN ANALYZE SELECT * FROM usage',
      ]) {
        const outcome = await askSql(client, sql, protocol);
        expect(outcome.code, sql).not.toBe('connection');
        expect(
          told(outcome)
            .replaceAll('cus_000007', '')
            .replaceAll('cus_000008', sql.includes('cus_000008') ? '' : 'x'),
          sql,
        ).not.toMatch(/cus_\d{6}/);
      }
    },
  );

  it('cannot use what another connection has prepared or opened', async () => {
    const ann = await connect('ann');
    const cust = await connect('cust');
    await ann.query({ name: 'theirs', text: 'SELECT customer FROM usage', values: [] });
    await ann.query('BEGIN');
    await ann.query('DECLARE c CURSOR FOR SELECT customer FROM usage');
    await cust.query('BEGIN');
    expect(await askSql(cust, 'FETCH 1 FROM c', 'simple')).toMatchObject({ code: '34000' });
    await cust.query('ROLLBACK');
    expect(await askSql(cust, 'EXECUTE theirs', 'simple')).not.toMatchObject({ code: null });
    expect(await askSql(cust, 'DEALLOCATE theirs', 'simple')).toMatchObject({ code: '26000' });
    expect(await askSql(ann, 'FETCH 1 FROM c', 'simple')).toMatchObject({ code: null });
  });
});

/** Runs for ever, or takes all memory, unless something ends it: each goes another way, and none ends the process. */
const ENDED: readonly string[] = [
  'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b',
  'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r',
  "WITH RECURSIVE r AS (SELECT 'x' AS n UNION ALL SELECT n || n FROM r) SELECT max(length(n)) FROM r",
  'SELECT len(list(range)) FROM range(10000000000)',
  'SELECT count(DISTINCT range) FROM range(100000000000)',
  'SELECT range FROM range(10000000000) ORDER BY hash(range)',
  'SELECT median(range), mode(range), histogram(range) FROM range(10000000000)',
  "SELECT length(string_agg(range::VARCHAR, ',')) FROM range(10000000000)",
  'SELECT json_group_array(range) FROM range(10000000000)',
  'SELECT max(s) FROM (SELECT list(range) OVER (ORDER BY range) AS s FROM range(1000000))',
  'SELECT max(s) FROM (SELECT sum(range) OVER (ORDER BY range ROWS 1000000 PRECEDING) AS s FROM range(100000000))',
  'SELECT count(*) FROM range(1000000000) a(x) JOIN range(1000000000) b(x) ON a.x = b.x',
  'SELECT count(*) FROM range(100000000) a(x) ASOF JOIN range(100000000) b(x) ON a.x >= b.x',
  'WITH a AS MATERIALIZED (SELECT * FROM range(100000) x, range(100000) y) SELECT count(*) FROM a, a b',
  "SELECT count(*) FROM generate_series(TIMESTAMP '0001-01-01', TIMESTAMP '9999-01-01', INTERVAL 1 MICROSECOND)",
  'SELECT count(*) FROM (SELECT range FROM range(1000000000) INTERSECT SELECT range + 1 FROM range(1000000000))',
  'SELECT * FROM range(100000000000)',
  "SELECT range, 'a long text, over and over again' FROM range(100000000000)",
];

describe('a statement that would run for ever', () => {
  it('is ended within its limit, six at a time over both ports', async () => {
    const pool = await Promise.all((['boss', 'ann', 'boss', 'ann', 'cust', 'cust'] as const).map(connect));
    const pid = await service.ledgerPid();
    const outcomes = await inTurns(pool.length, ENDED, async (sql, turn) => {
      const client = pool[turn];
      if (client === undefined) throw new Error('there is one for each turn');
      const startedAt = performance.now();
      const [{ code }, http] = await Promise.all([askSql(client, sql, 'extended'), askHttp(service, sql)]);
      return { sql, code, http: http.code, ms: performance.now() - startedAt };
    });
    for (const { sql, code, http, ms } of outcomes) {
      // Interrupted, out of memory, too many rows, or not even begun because others have all places.
      expect(['57014', '53200', '53400', '53300'], sql).toContain(code);
      expect(['SL_QUERY_LIMIT', 'SL_QUERY_BUSY'], sql).toContain(http);
      // Waiting for its turn, running, and being noticed.
      expect(ms, sql).toBeLessThan(3 * TIMEOUT_MS + 5000);
    }
    expect(await service.ledgerPid(), 'no process was ended for that').toBe(pid);
  }, 60_000);
});

describe('when all of it is over', () => {
  it('the ledger file is held by the ledger process alone', async () => {
    const opening = promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { DuckDBInstance } from '@duckdb/node-api';
       await DuckDBInstance.create(process.argv[1], { access_mode: 'READ_ONLY' });`,
      join(dataDir, LEDGER_FILE),
    ]);
    await expect(opening).rejects.toThrow(/lock/i);
  });

  it('every span was acknowledged in time and is in the ledger once, and nothing else has changed', async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
    await senders.finish();
    expect(senders.acknowledgedBatches()).toBeGreaterThan(20);
    expect(senders.sentAgain(), 'requests that were not acknowledged').toBe(0);
    expect(senders.slowestAnswerMs()).toBeLessThan(ACKNOWLEDGED_WITHIN_MS);
    expect(await service.stop()).toBe(0);
    await expectExactlyOnce(dataDir, senders.acknowledged);

    expect(await contentsOf(folder), 'nothing was written elsewhere').toEqual(before);
    expect((await readdir(dataDir)).sort()).toEqual(await filesOfAnUntouchedService());
    const catalogue = (directory: string) =>
      readLedgerFile(
        directory,
        `SELECT 'table' AS kind, schema_name || '.' || table_name AS name, sql FROM duckdb_tables()
         UNION ALL SELECT 'view', schema_name || '.' || view_name, sql FROM duckdb_views() WHERE NOT internal
         UNION ALL SELECT 'macro', schema_name || '.' || function_name, macro_definition FROM duckdb_functions() WHERE NOT internal
         ORDER BY ALL`,
      );
    expect(await catalogue(dataDir)).toEqual(await catalogue(untouched));
  });
});

let untouched = '';

/** What a service leaves behind that nobody has attacked. */
async function filesOfAnUntouchedService(): Promise<string[]> {
  untouched = await mkdtemp(join(tmpdir(), 'spanledger-untouched-'));
  const other = await startServiceProcess({
    dataDir: untouched,
    configFile: await writeAttackedConfig(untouched, { timeoutMs: TIMEOUT_MS }),
  });
  const few = startSenders({ url: () => other.otlpUrl, random: randomFrom(62), senders: 1 });
  await until('something was posted', 10_000, () => few.acknowledgedBatches() > 2);
  await few.finish();
  expect(await other.stop()).toBe(0);
  return (await readdir(untouched)).sort();
}

afterAll(() => (untouched === '' ? undefined : removeDataDirectory(untouched)));

/** Some at once: each turn takes the next one when its last is done. */
async function inTurns<Item, Result>(
  turns: number,
  items: readonly Item[],
  work: (item: Item, turn: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: turns }, async (_, turn) => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) {
        results.push(await work(item, turn));
      }
    }),
  );
  return results;
}
