import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scramVerifier } from '@spanledger/pgwire';
import pg from 'pg';
import Cursor from 'pg-cursor';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { selfSigned } from '../../packages/pgwire/src/testing/certificate.ts';
import {
  bind,
  cancelRequest,
  execute,
  parse,
  RawClient,
  sync,
} from '../../packages/pgwire/src/testing/raw-client.ts';
import type { ReaderConfig, ReaderUser } from './config-readers.ts';
import { READER_LIMITS, type ReaderLimits } from './reader/limits.ts';
import { Readers } from './reader/readers.ts';
import type { Role } from './reader/roles.ts';
import { aLedgerOfCustomers, type Ledger } from './reader/testing/ledgers.ts';
import { CLIENT_CATALOGUE, makeCatalogue, SqlPort } from './sql-port.ts';

/** The ledger over the wire, with node-postgres as it comes from its registry. */

const PASSWORD = 'correct horse';
const SILENT = pino({ level: 'silent' });
/** The text of every value, as it was sent. */
const AS_SENT = { getTypeParser: () => (text: string) => text };

let ledger: Ledger;
let readers: Readers;
let port: SqlPort;
let verifier: string;
let catalogue: Promise<void>;

beforeAll(async () => {
  ledger = await aLedgerOfCustomers();
  catalogue = makeCatalogue(ledger.store.instance, configOf([]));
  readers = await readersOf({});
  port = await openPort({});
  verifier = await scramVerifier(PASSWORD, { iterations: 4096 });
});
afterAll(async () => {
  await port.close();
  await ledger.close();
});

function readersOf(limits: Partial<ReaderLimits>): Promise<Readers> {
  const changed = Object.entries(READER_LIMITS).map(([role, known]) => [role, { ...known, ...limits }]);
  return Readers.open(ledger.store.instance, {
    limits: Object.fromEntries(changed) as Record<Role, ReaderLimits>,
    catalogue: CLIENT_CATALOGUE,
  });
}

function configOf(users: readonly ReaderUser[], tls: ReaderConfig['tls'] = null): ReaderConfig {
  return { users: new Map(users.map((user) => [user.name, user])), limits: READER_LIMITS, tls };
}

function openPort(options: { config?: ReaderConfig; readers?: Readers }): Promise<SqlPort> {
  return SqlPort.open({
    readers: options.readers ?? readers,
    catalogue,
    config: options.config ?? configOf([]),
    host: '127.0.0.1',
    port: 0,
    log: SILENT,
  });
}

/** Another port over the same ledger, which is closed after the test. */
async function anotherPort(options: { config?: ReaderConfig; readers?: Readers }): Promise<SqlPort> {
  const opened = await openPort(options);
  onTestFinished(() => opened.close());
  return opened;
}

async function connect(options: pg.ClientConfig = {}, to = port): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: to.port,
    user: 'pia',
    database: 'spanledger',
    ...options,
  });
  client.on('error', () => {});
  onTestFinished(() => client.end());
  await client.connect();
  return client;
}

/** The only value of the only row, as its text was sent. */
async function theValue(client: pg.Client, sql: string, values: readonly unknown[] = []): Promise<unknown> {
  const { rows } = await client.query({
    text: sql,
    values: [...values],
    rowMode: 'array',
    types: AS_SENT,
  });
  return rows[0]?.[0];
}

/** What the library keeps of its connection, and does not tell its types. */
interface Inside {
  readonly processID: number;
  readonly secretKey: number;
  readonly connection: { readonly stream: { destroy(): void } };
}

const inside = (client: pg.Client) => client as unknown as Inside;

/** On a connection of its own; resolves when the server has closed that. */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = inside(client);
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(secretKey);
  const raw = await RawClient.connect(port.port);
  raw.send(cancelRequest(processID, secret));
  await raw.untilEnd();
}

/** With parameters of which the client says the types; node-postgres never does. */
async function firstRow(sql: string, oids: readonly number[], values: readonly string[]): Promise<string> {
  const raw = await RawClient.session(port.port, { user: 'pia', database: 'spanledger' });
  raw.send(parse(sql, '', oids), bind({ values }), execute(), sync);
  const lines = await raw.until('Z');
  raw.destroy();
  return lines.find((line) => line.startsWith('D '))?.slice(2) ?? lines.join('\n');
}

/** What the engine's text of a value is to PostgreSQL. */
function asPostgres(text: string): string {
  if (text === 'true') return 't';
  return text.startsWith('[') ? `{${text.slice(1, -1).replaceAll(', ', ',')}}` : text;
}

describe('a client', () => {
  it('reads the views, and is told who it is', async () => {
    const client = await connect();
    const { rows } = await client.query(
      'SELECT customer, count(*) AS calls FROM usage GROUP BY ALL ORDER BY calls DESC',
    );
    expect(rows).toEqual([
      { customer: 'acme', calls: '30' },
      { customer: 'globex', calls: '20' },
      { customer: "o'brien", calls: '5' },
    ]);
    expect(await theValue(client, 'SELECT current_user')).toBe('pia');
  });

  it.each([
    ['42P01', 'SELECT * FROM nowhere'],
    ['42703', 'SELECT nothing FROM usage'],
    ['42601', 'SELEC 1'],
    ['25006', 'DELETE FROM usage'],
    ['42501', "SELECT * FROM read_text('/etc/passwd')"],
  ])('is told %s of %s, and goes on', async (code, sql) => {
    const client = await connect();
    await expect(client.query(sql)).rejects.toMatchObject({ code });
    await expect(client.query({ text: sql, values: [], name: 'once' })).rejects.toMatchObject({ code });
    expect(await theValue(client, 'SELECT 1')).toBe('1');
  });

  it('sends several statements at once, such as a dashboard that sets its time zone first', async () => {
    const client = await connect();
    const results = (await client.query({
      text: "SET TIMEZONE = 'Europe/Berlin'; SELECT TIMESTAMPTZ '2026-07-01 12:00:00+00' AS t; ; -- nothing\nSELECT 2",
      types: AS_SENT,
    })) as unknown as pg.QueryResult[];
    expect(results.map(({ command, rows }) => [command, rows])).toEqual([
      ['SET', []],
      ['SELECT', [{ t: '2026-07-01 14:00:00+02' }]],
      ['SELECT', [{ '?column?': '2' }]],
    ]);
  });

  it('takes large results in portions, from several cursors in turns', async () => {
    const client = await connect();
    const cursor = await client.query(new Cursor('SELECT range AS n FROM range(50000)'));
    let count = 0;
    for (;;) {
      const rows = await cursor.read(9_999);
      if (rows.length === 0) break;
      count += rows.length;
    }
    expect(count).toBe(50_000);

    await client.query('BEGIN');
    for (const order of ['ASC', 'DESC'])
      await client.query(
        `DECLARE ${order}_first CURSOR FOR SELECT range AS n FROM range(50000) ORDER BY n ${order}`,
      );
    const fetched = [];
    for (const order of ['ASC', 'DESC', 'ASC', 'DESC'])
      fetched.push((await client.query(`FETCH 2 FROM ${order}_first`)).rows.map(({ n }) => n));
    expect(fetched).toEqual([
      ['0', '1'],
      ['49999', '49998'],
      ['2', '3'],
      ['49997', '49996'],
    ]);
    await client.query('COMMIT');
  });

  it('cancels what takes too long', async () => {
    const client = await connect();
    const other = await connect();
    const pid = await theValue(client, 'SELECT pg_backend_pid()');
    expect(Number(pid)).toBeGreaterThan(0);
    const running = client.query('SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b');
    await cancel(client);
    await expect(running).rejects.toMatchObject({ code: '57014' });
    expect(await theValue(other, 'SELECT 1')).toBe('1');
  });

  it('is ended by its own timeout, and by that of its role', async () => {
    const endless = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b';
    const client = await connect();
    await client.query('SET statement_timeout = 50');
    await expect(client.query(endless)).rejects.toMatchObject({ code: '57014' });
    const short = await anotherPort({ readers: await readersOf({ timeoutMs: 100 }) });
    const limited = await connect({}, short);
    await expect(limited.query(endless)).rejects.toMatchObject({
      code: '57014',
      message: expect.stringContaining('longer than 0.1 s'),
    });
  });

  it('frees what it ran when it is gone', async () => {
    const single = await readersOf({ maxConcurrent: 1, maxSessions: 2 });
    const to = await anotherPort({ readers: single });
    const gone = await connect({}, to);
    const other = await connect({}, to);
    gone.query('SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b').catch(() => {});
    await expect(connect({}, to)).rejects.toMatchObject({ code: '53300' });
    inside(gone).connection.stream.destroy();
    expect(await theValue(other, 'SELECT 1')).toBe('1');
  });
});

describe('values arrive as they are', () => {
  it.each([
    'true',
    '(-32768)::SMALLINT',
    '255::UTINYINT',
    '(-5)::TINYINT',
    '65535::USMALLINT',
    '4294967295::UINTEGER',
    '(-2147483648)::INTEGER',
    '9223372036854775807::BIGINT',
    '(-9223372036854775808)::BIGINT',
    '9007199254740993::BIGINT',
    '18446744073709551615::UBIGINT',
    '170141183460469231731687303715884105727::HUGEINT',
    '(-170141183460469231731687303715884105727)::HUGEINT',
    '(-1)::HUGEINT',
    '9007199254740991::HUGEINT',
    '9007199254740992::HUGEINT',
    '340282366920938463463374607431768211455::UHUGEINT',
    '(-0.5)::DECIMAL(4, 3)',
    '123456.789::DECIMAL(9, 3)',
    '(-123456789012345.678)::DECIMAL(18, 3)',
    '0.000000000000001::DECIMAL(38, 15)',
    '(-12345678901234567890123.123456789012345)::DECIMAL(38, 15)',
    '12345678901234567890123456789012345678::DECIMAL(38, 0)',
    "DATE '0044-03-15'",
    "DATE '2026-02-28'",
    "DATE 'infinity'",
    "TIME '23:59:59.999999'",
    "TIMESTAMP '2026-11-23 08:15:30.123456'",
    "TIMESTAMP '1969-12-31 23:59:59.999999'",
    "TIMESTAMP '-infinity'",
    "TIMESTAMPTZ '2026-11-23 08:15:30.123456+00'",
    "'fifteen letters of text, and some: äöü 💶'",
    "'twelve bytes'",
    "''",
    '[1, NULL, 3]::INTEGER[]',
    "INTERVAL '04:05:06.789'",
    "'12345678-9abc-def0-1234-56789abcdef0'::UUID",
    "'1011'::BIT",
    "'b'::ENUM('a', 'b')",
  ])('%s', async (expression) => {
    const client = await connect();
    const [text, again] = [expression, `(${expression})::VARCHAR`].map((sql) =>
      theValue(client, `SELECT ${sql}`),
    );
    expect(await text).toBe(asPostgres(String(await again)));
  });

  it.each([
    ["TIMESTAMP_NS '2026-11-23 08:15:30.123456789'", '2026-11-23 08:15:30.123456'],
    ["TIMESTAMP_S '2026-11-23 08:15:30'", '2026-11-23 08:15:30'],
    ["TIMESTAMP_MS '1969-12-31 23:59:59.999'", '1969-12-31 23:59:59.999'],
    ["'\\xDE\\xAD'::BLOB", '\\xdead'],
    ["'1.5'::DOUBLE", '1.5'],
    ["'1.1'::FLOAT", '1.1'],
    ["'nan'::DOUBLE", 'NaN'],
    ["INTERVAL '14 months 3 days'", '1 year 2 mons 3 days'],
    [
      "{'cost': 0.10::DECIMAL(38, 15), 'calls': 9007199254740993}",
      '{"cost":"0.100000000000000","calls":"9007199254740993"}',
    ],
    ["MAP {'a': 1}", '[{"key":"a","value":1}]'],
    ['[[1], [2, 3]]', '[[1],[2,3]]'],
    [`'{"a": 1}'::JSON`, '{"a": 1}'],
    ["['it''s', 'a \"b\"', NULL]", `{it's,"a \\"b\\"",NULL}`],
    ['[1.50::DECIMAL(5, 2)]', '{1.50}'],
    ["[DATE '2026-01-01']", '{2026-01-01}'],
    ["[TIMESTAMPTZ '2026-01-01 00:00:00+00']", '{"2026-01-01 00:00:00+00"}'],
    ['NULL', null],
    ['NULL::DECIMAL(38, 15)', null],
  ])('%s', async (expression, expected) => {
    expect(await theValue(await connect(), `SELECT ${expression}`)).toBe(expected);
  });

  it('in rows by the thousand, with NULLs among them', async () => {
    const client = await connect();
    const { rows } = await client.query({
      text: `SELECT range AS n, CASE WHEN range % 3 = 0 THEN NULL ELSE range * 0.001 END AS cost,
               CASE WHEN range % 2 = 0 THEN 'the same long text in many rows' ELSE 'n' || range END AS name
             FROM range(10000)`,
      rowMode: 'array',
      types: AS_SENT,
    });
    expect(rows).toHaveLength(10_000);
    expect(
      rows.every(
        ([n, cost, name], at) =>
          n === String(at) &&
          cost === (at % 3 === 0 ? null : (at / 1000).toFixed(3)) &&
          name === (at % 2 === 0 ? 'the same long text in many rows' : `n${at}`),
      ),
    ).toBe(true);
  });
});

describe('parameters mean what the client says', () => {
  it.each([
    ['SELECT count(*) FROM usage WHERE customer = $1', ['acme'], '30'],
    ['SELECT count(*) FROM usage WHERE input_tokens > $1', [5], '55'],
    ['SELECT count(*) FROM usage WHERE cost_usd > $1', ['0.000000000000001'], '55'],
    ['SELECT count(*) FROM usage WHERE event_time < $1', [new Date('2100-01-01')], '55'],
    ['SELECT count(*) FROM usage WHERE customer = ANY($1)', [['acme', "o'brien"]], '35'],
    ['SELECT count(*) FROM usage WHERE input_tokens = ANY($1)', [[-1, -2]], '0'],
    ['SELECT count(*) FROM usage WHERE ($1 IS NULL OR customer = $1)', [null], '55'],
    ['SELECT count(*) FROM usage WHERE ($1 IS NULL OR customer = $1)', ['globex'], '20'],
    ['SELECT count(*) FROM (SELECT * FROM usage LIMIT $1)', [7], '7'],
    ['SELECT $1', ['text'], 'text'],
    ['SELECT $1', [null], null],
    ['SELECT $1::int + 1', ['41'], '42'],
    ['SELECT sum($1 * 2) FROM range(3)', [7], '42'],
    ["SELECT $1 || '!'", ['hi'], 'hi!'],
    ['SELECT $2 || $1', ['a', 'b'], 'ba'],
    ["SELECT '$1' || $1 /* $2 */", ['a'], '$1a'],
    ['SELECT count(*) FROM unnest($1::text[])', [['a', 'b']], '2'],
    ['SELECT max(i) FROM generate_series(1, $1) AS t(i)', [5], '5'],
    ["SELECT DATE_TRUNC($1, TIMESTAMPTZ '2026-11-23 08:15:00+00')", ['day'], '2026-11-23 00:00:00+00'],
    [
      'SELECT $1::numeric(38, 15)',
      ['12345678901234567890123.123456789012345'],
      '12345678901234567890123.123456789012345',
    ],
    ['SELECT $1::timestamptz', ['2026-11-23T08:15:30.123456Z'], '2026-11-23 08:15:30.123456+00'],
  ])('%s with %j', async (sql, values, expected) => {
    expect(await theValue(await connect(), sql, values)).toBe(expected);
  });

  it.each([
    [16, 't', 't'],
    [21, '-5', '-5'],
    [23, '7', '7'],
    [20, '9007199254740993', '9007199254740993'],
    [700, '1.5', '1.5'],
    [701, '0.1', '0.1'],
    [1700, '0.000000000000001', '0.000000000000001'],
    [25, 'text', 'text'],
    [1043, 'text', 'text'],
    [1082, '2026-11-23', '2026-11-23'],
    [1083, '08:15:30.5', '08:15:30.5'],
    [1114, '2026-11-23 08:15:30.123456', '2026-11-23 08:15:30.123456'],
    [1184, '2026-11-23 09:15:30+01', '2026-11-23 08:15:30+00'],
    [1186, '1 day 02:00:00', '1 day 02:00:00'],
    [17, '\\xdead', '\\xdead'],
    [2950, '12345678-9abc-def0-1234-56789abcdef0', '12345678-9abc-def0-1234-56789abcdef0'],
    [114, '{"a": 1}', '{"a": 1}'],
    [1007, '{1,2,NULL}', '{1,2,NULL}'],
    [1009, '{a,"b c",NULL}', '{a,"b c",NULL}'],
    [1231, '{1.5}', '{1.500000000000000}'],
    [1185, '{"2026-11-23 08:15:30+00"}', '{"2026-11-23 08:15:30+00"}'],
    [1184, 'infinity', 'infinity'],
  ])('of type %i: %s', async (oid, value, expected) => {
    expect(await firstRow('SELECT $1', [oid], [value])).toBe(expected);
  });

  it('of which nobody can tell the type are said to be so', async () => {
    const client = await connect();
    await expect(client.query('SELECT $2::int', [1, 2])).rejects.toMatchObject({ code: '42P18' });
  });

  it('that are numbers of more digits than there are types for are refused, not rounded', async () => {
    const client = await connect();
    const sql = 'SELECT count(*) FROM usage WHERE cost_usd > $1';
    await expect(client.query(sql, ['1'.repeat(39)])).rejects.toMatchObject({ code: '22003' });
    await expect(client.query(sql, [`0.${'1'.repeat(39)}`])).rejects.toMatchObject({ code: '22003' });
  });
});

describe('users', () => {
  const users = (): ReaderUser[] => [
    { name: 'ada', reader: { role: 'analyst' }, verifier },
    { name: 'acme', reader: { role: 'customer', customer: 'acme' }, verifier },
  ];

  it('log in with their password, and see what their role does', async () => {
    const to = await anotherPort({ config: configOf(users()) });
    const ada = await connect({ user: 'ada', password: PASSWORD }, to);
    expect(await theValue(ada, 'SELECT count(DISTINCT customer) FROM usage')).toBe('3');
    const acme = await connect({ user: 'acme', password: PASSWORD }, to);
    expect(await theValue(acme, 'SELECT count(*) FROM usage')).toBe('30');
    await expect(acme.query('SELECT cost_usd FROM usage')).rejects.toMatchObject({ code: '42703' });
    // What clients write by themselves leads to the customer's own rows.
    expect(await theValue(acme, 'SELECT count(*) FROM public.usage')).toBe('30');
    await expect(acme.query('SELECT cost_usd FROM public.usage')).rejects.toMatchObject({
      code: '42703',
    });
    await expect(acme.query('SELECT * FROM public.customers')).rejects.toMatchObject({ code: '42P01' });
  });

  it.each([
    ['a wrong password', { user: 'ada', password: 'wrong' }, '28P01'],
    ['an unknown user', { user: 'eve', password: PASSWORD }, '28P01'],
    ['another database', { user: 'ada', password: PASSWORD, database: 'postgres' }, '3D000'],
  ])('%s is refused', async (_what, options, code) => {
    const to = await anotherPort({ config: configOf(users()) });
    await expect(connect(options, to)).rejects.toMatchObject({ code });
  });

  it('that are added while the service runs log in from then on, and nobody without a password', async () => {
    const to = await anotherPort({});
    await connect({ user: 'anybody' }, to);
    await to.useConfig(configOf(users()));
    await connect({ user: 'ada', password: PASSWORD }, to);
    await expect(connect({ user: 'anybody' }, to)).rejects.toThrow(/password/);
  });

  it('that are taken away lose their connections', async () => {
    const to = await anotherPort({ config: configOf(users()) });
    const ada = await connect({ user: 'ada', password: PASSWORD }, to);
    const acme = await connect({ user: 'acme', password: PASSWORD }, to);
    const ended = new Promise<Error>((resolve) => ada.once('error', resolve));
    await to.useConfig(configOf(users().slice(1)));
    expect(await ended).toMatchObject({ code: '57P01' });
    expect(await theValue(acme, 'SELECT count(*) FROM usage')).toBe('30');
  });
});

describe('encryption', () => {
  it('is used with the certificate of the configuration, and can be asked of everybody', async () => {
    const { cert, key } = selfSigned();
    const folder = await mkdtemp(join(tmpdir(), 'spanledger-tls-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem'), isRequired: true };
    await writeFile(tls.certFile, cert);
    await writeFile(tls.keyFile, key);
    const to = await anotherPort({ config: configOf([], tls) });
    const client = await connect({ ssl: { ca: cert } }, to);
    expect(await theValue(client, 'SELECT 1')).toBe('1');
    await expect(connect({}, to)).rejects.toMatchObject({ code: '28000' });
  });

  it('with a certificate that is not there does not start', async () => {
    const tls = { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem', isRequired: false };
    await expect(openPort({ config: configOf([], tls) })).rejects.toMatchObject({
      code: 'SL_CONFIG_INVALID',
      message: expect.stringContaining('/nowhere/cert.pem'),
    });
  });
});

describe('statements of clients are counted', () => {
  it('each once, however often it was tried: as run, failed or cancelled', async () => {
    const counted = await readersOf({});
    const to = await anotherPort({ readers: counted });
    const client = await connect({}, to);
    const of = ({ all, failed, ended }: Readers['counts']) => ({ all, failed, ended });

    await client.query('SELECT count(*) FROM usage');
    // The types of the parameter are guessed, and prepared again for each guess.
    await client.query('SELECT count(*) FROM usage WHERE event_time > $1', ['2026-01-01']);
    expect(of(counted.counts)).toEqual({ all: 2, failed: 0, ended: 0 });

    await expect(client.query('SELECT nothing FROM usage')).rejects.toThrow(/nothing/);
    await expect(client.query('SELECT * FROM ledger.usage_record')).rejects.toThrow();
    await expect(client.query("SELECT 'x'::INTEGER FROM usage")).rejects.toThrow();
    expect(of(counted.counts)).toEqual({ all: 5, failed: 3, ended: 0 });

    const few = await readersOf({ maxRows: 10 });
    const narrow = await connect({}, await anotherPort({ readers: few }));
    await expect(narrow.query('SELECT usage_id FROM usage')).rejects.toThrow(/more than 10 rows/);
    expect(of(few.counts)).toEqual({ all: 1, failed: 0, ended: 1 });
  });
});
