import { mkdtemp } from 'node:fs/promises';
import { connect as connectSocket, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { removeDataDirectory } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { randomFrom, type Senders, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';
import { askSql, connectAs, USERS, writeAttackedConfig } from './attackers.ts';

/** What clients can do to the port rather than with statements; spans come in all the while. */

const TIMEOUT_MS = 1500;
const ANSWERED_WITHIN_MS = 5000;

let dataDir = '';
let service: RunningService;
let senders: Senders;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanledger-connections-'));
  service = await startServiceProcess({
    dataDir,
    configFile: await writeAttackedConfig(dataDir, { timeoutMs: TIMEOUT_MS }),
  });
  senders = startSenders({ url: () => service.otlpUrl, random: randomFrom(81), senders: 2, pauseMs: 100 });
});

afterAll(async () => {
  await service?.stop();
  await removeDataDirectory(dataDir);
});

async function connect(): Promise<pg.Client> {
  const client = await connectAs(service, 'ann');
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

/** Somebody else is answered, and spans are acknowledged. */
async function expectOthersAreServed(): Promise<void> {
  const acknowledged = senders.acknowledgedBatches();
  const startedAt = performance.now();
  expect(await askSql(await connect(), 'SELECT 1', 'extended')).toMatchObject({ code: null, rows: [[1]] });
  expect(performance.now() - startedAt).toBeLessThan(ANSWERED_WITHIN_MS);
  await until(
    'spans are acknowledged',
    ANSWERED_WITHIN_MS,
    () => senders.acknowledgedBatches() > acknowledged,
  );
}

/** A socket that sends each byte by itself. */
function byteByByte(): Socket {
  const socket = new Socket().setNoDelay(true);
  const write = socket.write.bind(socket);
  socket.write = (bytes: string | Uint8Array): boolean => {
    let isTaken = true;
    for (const byte of typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
      isTaken = write(Buffer.of(byte));
    return isTaken;
  };
  return socket;
}

describe('who has not logged in', () => {
  it('by the hundred, saying nothing or a byte at a time, is sent away, and does not keep others from it', async () => {
    const { hostname, port } = new URL(service.sqlUrl);
    let ended = 0;
    const sockets = Array.from({ length: 300 }, (_, index) => {
      const socket = connectSocket({ host: hostname, port: Number(port) });
      socket.on('error', () => {});
      socket.resume(); // the end comes after what the port has to say
      socket.once('close', () => ended++);
      // The length of a startup message, and then one byte of it after the other.
      if (index % 2 === 0) {
        const slowly = setInterval(() => socket.writable && socket.write(Buffer.of(0)), 300);
        socket.once('close', () => clearInterval(slowly));
      }
      return socket;
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    // As PostgreSQL does, the port lets in so many at once that have not logged in, and gives them ten seconds.
    await until('all of them have been sent away', 30_000, () => ended === sockets.length);
    await expectOthersAreServed();
  });
});

describe('who has logged in', () => {
  it('cannot keep results open by the hundred, nor keep others from theirs', async () => {
    const holder = await connect();
    const codes: (string | null)[] = [];
    for (let cursor = 0; cursor < 100; cursor++) {
      const { code } = await askSql(
        holder,
        `DECLARE c${cursor} CURSOR WITH HOLD FOR SELECT range, 'x' FROM range(1000000)`,
        'simple',
      );
      codes.push(code);
      if (code === null) await askSql(holder, `FETCH 1 FROM c${cursor}`, 'simple');
    }
    expect(codes.filter((code) => code === null).length).toBeLessThanOrEqual(64);
    expect(new Set(codes.slice(64))).not.toContain(null);
    await expectOthersAreServed();
  });

  it('is refused a write, however its bytes are split', async () => {
    const { hostname, port } = new URL(service.sqlUrl);
    const client = new pg.Client({
      host: hostname,
      port: Number(port),
      database: 'spanledger',
      user: 'boss',
      password: USERS.boss.password,
      stream: byteByByte,
    });
    await client.connect();
    onTestFinished(() => client.end().catch(() => {}));
    expect(await askSql(client, 'SELECT 1; DELETE FROM ledger.word', 'simple')).toMatchObject({
      code: '25006',
    });
    expect(await askSql(client, 'SELECT count(*) > 0 FROM usage', 'extended')).toMatchObject({ code: null });
  });

  const SIZE = 1_000_000;
  it.each([
    ['nothing but a quote', `SELECT '${'x'.repeat(SIZE)}`],
    ['a dollar quote that never ends', `SELECT $x$${'$x'.repeat(SIZE / 2)}`],
    ['comments in comments', `${'/*'.repeat(SIZE / 2)}`],
    ['a line of comment', `-- ${'-'.repeat(SIZE)}`],
    ['brackets', '('.repeat(SIZE)],
    ['dots', `SELECT a${'.a'.repeat(SIZE / 2)}`],
    ['casts', `SELECT 1${'::int'.repeat(SIZE / 5)}`],
    ['colons', `SELECT ${'::'.repeat(SIZE / 2)}`],
    ['names', `SELECT ${'current_schema,'.repeat(SIZE / 15)}1`],
    ['parameters', `SELECT ${'$1,'.repeat(SIZE / 3)}1`],
    ['a number', `SELECT ${'9'.repeat(SIZE)}`],
    ['spaces', `SELECT${' '.repeat(SIZE)}1`],
  ])('is answered or refused soon for a statement of a megabyte: %s', async (_, sql) => {
    const client = await connect();
    const [{ code }] = await Promise.all([askSql(client, sql, 'extended'), expectOthersAreServed()]);
    expect(code === null || /^[0-9A-Z]{5}$/.test(code)).toBe(true);
    expect(code).not.toBe('XX000');
  });

  it('is refused thousands of statements at once, and more than a message may have', async () => {
    const client = await connect();
    expect(await askSql(client, ';SELECT 1'.repeat(5000), 'simple')).toMatchObject({ code: '54000' });
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    const { code } = await askSql(client, `SELECT '${'x'.repeat(5_000_000)}'`, 'simple');
    expect(code).toMatch(/^(54000|08P01|connection)$/);
    await ended;
    await expectOthersAreServed();
  });
});

it('in the end the ledger has every span that was acknowledged, once', async () => {
  await senders.finish();
  expect(senders.sentAgain(), 'requests that were not acknowledged').toBe(0);
  expect(senders.slowestAnswerMs()).toBeLessThan(ANSWERED_WITHIN_MS);
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, senders.acknowledged);
});
