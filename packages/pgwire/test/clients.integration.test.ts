import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import pg from 'pg';
import Cursor from 'pg-cursor';
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { scramVerifier } from '../src/index.ts';
import { selfSigned } from '../src/testing/certificate.ts';
import { allGone, memoryBackend } from '../src/testing/memory-backend.ts';
import { type Served, serve } from '../src/testing/serve.ts';

/** Real clients, as they come from their registries, against the backend in memory. */

const PASSWORD = 'grün & pencil';
const { cert, key } = selfSigned();

async function serveClients(): Promise<Served> {
  const verifier = await scramVerifier(PASSWORD);
  return serve({
    backend: memoryBackend({ users: { pia: { kind: 'scram-sha-256', verifier } } }),
    secureContext: () => createSecureContext({ cert, key }),
  });
}

async function nodePostgres(port: number, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'pia',
    password: PASSWORD,
    database: 'ledger',
    ...options,
  });
  // A server that ends while a client is saying goodbye says so, and nobody listens any more.
  client.on('error', () => {});
  await client.connect();
  return client;
}

describe('node-postgres', () => {
  it('logs in, in the clear and encrypted, with and without channel binding', async () => {
    const { port, backend } = await serveClients();
    for (const options of [
      {},
      { ssl: { ca: cert } },
      { ssl: { ca: cert }, enableChannelBinding: true },
    ] satisfies pg.ClientConfig[]) {
      const client = await nodePostgres(port, options);
      expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
      await client.end();
    }
    expect(backend.clients.map(({ isEncrypted }) => isEncrypted)).toEqual([false, true, true]);
  });

  it('does not log in with a wrong password', async () => {
    const { port } = await serveClients();
    await expect(nodePostgres(port, { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  it('reads values of all kinds, with parameters, prepared by name and not', async () => {
    const { port } = await serveClients();
    const client = await nodePostgres(port);
    const at = new Date('2026-07-01T12:34:56.789Z');
    const text =
      'select $1::int4 as i, $2::text as t, $3::timestamptz as at, $4::numeric as n, $5::bool as b, ' +
      '$6::int4[] as list, $7::jsonb as json, $8::bytea as bytes, $9::float8 as f, $10::int8 as big';
    const values = [
      7,
      'grün 🎉',
      at,
      '12.50',
      true,
      [1, null, 3],
      { a: [1] },
      Buffer.from('00ff', 'hex'),
      1.5,
      '9007199254740993',
    ];
    for (const name of [undefined, 'named', 'named']) {
      const { rows } = await client.query(name === undefined ? { text, values } : { text, values, name });
      expect(rows).toEqual([
        {
          i: 7,
          t: 'grün 🎉',
          at,
          n: '12.50',
          b: true,
          list: [1, null, 3],
          json: { a: [1] },
          bytes: Buffer.from('00ff', 'hex'),
          f: 1.5,
          big: '9007199254740993',
        },
      ]);
    }
    await client.end();
  });

  it('reads many rows, several results, and errors with all that they say', async () => {
    const { port } = await serveClients();
    const client = await nodePostgres(port);
    const { rows } = await client.query('select * from rows(25000)');
    expect(rows).toHaveLength(25_000);
    expect(rows.at(-1)).toEqual({
      i: 24_999,
      big: '24999000174993',
      amount: '24999.99',
      label: null,
      at: new Date(Date.UTC(2026, 0, 1) + 24_999_024),
      flag: false,
    });
    const several = await client.query('select 1 as a; begin; select 2 as b; commit');
    expect(Array.isArray(several) && several.map(({ command }) => command)).toEqual([
      'SELECT',
      'BEGIN',
      'SELECT',
      'COMMIT',
    ]);
    await expect(client.query("select 1; select fail('42P01', 'no such table')")).rejects.toMatchObject({
      code: '42P01',
      message: 'no such table',
      severity: 'ERROR',
      detail: 'asked for',
      hint: 'do not ask',
    });
    expect((await client.query('insert 5')).rowCount).toBe(5);
    expect((await client.query('-- ping')).command).toBe(null);
    await client.end();
  });

  it('is told of notices, and of the end of the server', async () => {
    const { port, server } = await serveClients();
    const client = await nodePostgres(port);
    const notice = once(client, 'notice');
    await client.query("select notice('by the way')");
    expect((await notice)[0]).toMatchObject({ message: 'by the way', severity: 'NOTICE' });
    const ended = once(client, 'error');
    await server.close();
    expect((await ended)[0]).toMatchObject({ code: '57P01' });
  });

  it('reads with a cursor, in pieces, and leaves the rest', async () => {
    const { port, backend } = await serveClients();
    const client = await nodePostgres(port);
    const cursor = client.query(new Cursor<{ i: number }>('select i from rows(5000)'));
    expect((await cursor.read(2)).map(({ i }) => i)).toEqual([0, 1]);
    expect(await cursor.read(1_500)).toHaveLength(1_500);
    await cursor.close();
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    expect(backend.open.executions).toBe(0);
    await client.end();
  });

  it('stops a statement that takes too long', async () => {
    const { port } = await serveClients();
    const client = await nodePostgres(port, { statement_timeout: 50 });
    await expect(client.query('select sleep(60000)')).rejects.toMatchObject({ code: '57014' });
    expect((await client.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    await client.end();
  });

  it('shares a pool of connections', async () => {
    const { port, backend } = await serveClients();
    const pool = new pg.Pool({
      host: '127.0.0.1',
      port,
      user: 'pia',
      password: PASSWORD,
      database: 'x',
      max: 4,
    });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => pool.query('select $1::int4 as i', [i])),
    );
    expect(answers.map(({ rows }) => rows[0].i)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    await pool.end();
    // The pool does not wait for its clients, and those do not want to hear that the server ends.
    await allGone(backend);
  });
});

describe('postgres.js', () => {
  function postgresJs(port: number, options: postgres.Options<Record<string, never>> = {}): postgres.Sql {
    const sql = postgres({
      host: '127.0.0.1',
      port,
      user: 'pia',
      password: PASSWORD,
      database: 'ledger',
      fetch_types: false,
      max: 2,
      onnotice: () => {},
      ...options,
    });
    onTestFinished(() => sql.end({ timeout: 1 }));
    return sql;
  }

  it('logs in and asks with parameters, encrypted as well', async () => {
    const { port } = await serveClients();
    for (const options of [{}, { ssl: { ca: cert } }]) {
      const sql = postgresJs(port, options);
      expect([...(await sql`select ${7}::int4 as i, ${'ü'}::text as t, ${null}::text as n`)]).toEqual([
        { i: 7, t: 'ü', n: null },
      ]);
    }
  });

  it('sends requests ahead of their answers, and gets each its own', async () => {
    const { port } = await serveClients();
    const sql = postgresJs(port, { max: 1 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) =>
        i % 10 === 3
          ? sql`select fail('22012', 'by zero')`.catch(({ code }) => code)
          : (await sql`select ${i}::int4 as i`)[0]?.i,
      ),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => (i % 10 === 3 ? '22012' : i)));
  });

  it('reads in pieces, and in a transaction', async () => {
    const { port } = await serveClients();
    const sql = postgresJs(port);
    let count = 0;
    for await (const rows of sql`select * from rows(2500)`.cursor(1_000)) count += rows.length;
    expect(count).toBe(2_500);
    const inside = await sql.begin('read only', async (transaction) => transaction`show timezone`);
    expect(inside[0]).toEqual({ TimeZone: 'UTC' });
    await expect(sql.begin((transaction) => transaction`select fail('22012', 'x')`)).rejects.toMatchObject({
      code: '22012',
    });
  });

  it('cancels', async () => {
    const { port, backend } = await serveClients();
    const sql = postgresJs(port);
    const running = sql`select sleep(60000)`.execute();
    await once(backend.events, 'running');
    running.cancel();
    await expect(running).rejects.toMatchObject({ code: '57014' });
  });
});

const run = promisify(execFile);
const hasPsql = spawnSync('psql', ['--version']).status === 0;
if (!hasPsql)
  console.warn('psql is not installed: its tests are skipped. `apt-get install postgresql-client`');

describe.skipIf(!hasPsql)('psql', () => {
  async function psql(port: number, commands: readonly string[], options = ''): Promise<string> {
    const { stdout, stderr } = await run(
      'psql',
      [
        '-X',
        '-q',
        '-A',
        '-t',
        '-v',
        'VERBOSITY=verbose',
        ...commands.flatMap((sql) => ['-c', sql]),
        `host=127.0.0.1 port=${port} user=pia dbname=ledger connect_timeout=5 ${options}`,
      ],
      { env: { ...process.env, PGPASSWORD: PASSWORD, PGTZ: 'Europe/Berlin' } },
    ).catch((error: { stdout: string; stderr: string }) => error);
    return `${stdout}${stderr}`;
  }

  it('asks, is told of mistakes, and goes on', async () => {
    const { port } = await serveClients();
    expect(
      await psql(port, [
        "select 1, null, 'ü'",
        ';',
        '-- nothing',
        'select 1; selec 2',
        'select at from rows(1)',
        'show client_encoding',
      ]),
    ).toBe(
      '1||ü\n1\n2026-01-01 01:00:00+01\nUTF8\nERROR:  42601: syntax error at or near "selec"\nLINE 1: select 1; selec 2\n                  ^\n',
    );
  });

  it('reads with a cursor of its own, describes, and binds', async () => {
    const { port } = await serveClients();
    expect(await psql(port, ['\\set FETCH_COUNT 2', 'select i from rows(5)'])).toBe('0\n1\n2\n3\n4\n');
    expect(
      await psql(port, [
        'begin',
        'declare c cursor for select i from rows(5)',
        'move 3 in c',
        'fetch all c',
        'commit',
      ]),
    ).toBe('3\n4\n');
  });

  it('logs in over TLS and binds the channel to the certificate', async () => {
    const { port, backend } = await serveClients();
    const folder = await mkdtemp(join(tmpdir(), 'pgwire-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const rootFile = join(folder, 'root.crt');
    await writeFile(rootFile, cert);
    const verified = `sslmode=verify-full sslrootcert=${rootFile} host=localhost hostaddr=127.0.0.1`;
    expect(await psql(port, ['select 1'], `${verified} channel_binding=require`)).toBe('1\n');
    expect(await psql(port, ['select 1'], `${verified} channel_binding=disable`)).toBe('1\n');
    expect(await psql(port, ['select 1'], 'sslmode=disable channel_binding=require')).toContain(
      'channel binding',
    );
    expect(backend.clients.map(({ isEncrypted }) => isEncrypted)).toEqual([true, true]);
  });

  it('is refused with a wrong password', async () => {
    const { port } = await serveClients();
    expect(await psql(port, ['select 1'], 'password=wrong')).toContain(
      'FATAL:  password authentication failed for user "pia"',
    );
  });

  it('cancels when it is interrupted', async () => {
    const { port, backend } = await serveClients();
    const asked = run(
      'psql',
      ['-X', '-c', 'select sleep(60000)', `host=127.0.0.1 port=${port} user=pia dbname=ledger`],
      { env: { ...process.env, PGPASSWORD: PASSWORD } },
    );
    await once(backend.events, 'running');
    asked.child.kill('SIGINT');
    await expect(asked).rejects.toMatchObject({
      stderr: expect.stringContaining('canceling statement due to user request'),
    });
  });
});
