import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import postgres from 'postgres';
import { DEFAULT_LIMITS } from '../../packages/pgwire/src/limits.ts';
import { rowWriter } from '../../packages/pgwire/src/query/row-writer.ts';
import { UTC } from '../../packages/pgwire/src/types/zone.ts';
import { Outgoing } from '../../packages/pgwire/src/wire/outgoing.ts';
import type { Format } from '../../packages/pgwire/src/wire/requests.ts';
import { BATCHES, FIELDS, ROWS } from './pgwire-rows.ts';

export interface PgwireFigure {
  readonly way: string;
  readonly rowsPerSecond: number;
  readonly megabytesPerSecond: number;
}

const RUNS = 3;
const QUERY = 'select everything';

/**
 * How fast rows reach real clients. The server has a thread of its own, as it has a process of its own in the product;
 * `replayed` is the same client reading the same bytes from a socket that only repeats them, which is the most that
 * any server could do for it.
 */
export async function benchPgwire(): Promise<readonly PgwireFigure[]> {
  const worker = new Worker(new URL('./pgwire-server.ts', import.meta.url));
  try {
    const [{ port }] = await once(worker, 'message');
    const recording = await record(port);
    worker.postMessage(recording);
    const [{ port: replayPort }] = await once(worker, 'message');
    const bytes = recording.length;
    return [
      await measure('encoding alone, text', bytes, async () => encode('text')),
      await measure('encoding alone, binary', bytes, async () => encode('binary')),
      await measure('a socket that only counts', bytes, async () => void (await record(port))),
      await measure('node-postgres, replayed', bytes, await nodePostgres(replayPort)),
      await measure('node-postgres', bytes, await nodePostgres(port)),
      await measure('node-postgres, arrays, replayed', bytes, await nodePostgres(replayPort, 'array')),
      await measure('node-postgres, arrays', bytes, await nodePostgres(port, 'array')),
      await measure('postgres.js, replayed', bytes, await postgresJs(replayPort)),
      await measure('postgres.js', bytes, await postgresJs(port)),
    ];
  } finally {
    await worker.terminate();
  }
}

/** The median of some runs; the first one is only to get warm. */
async function measure(way: string, bytes: number, run: () => Promise<unknown>): Promise<PgwireFigure> {
  await run();
  const seconds: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now();
    await run();
    seconds.push((performance.now() - started) / 1_000);
  }
  const median = seconds.sort((a, b) => a - b)[RUNS >> 1] ?? Number.NaN;
  return {
    way,
    rowsPerSecond: Math.round(ROWS / median),
    megabytesPerSecond: Number((bytes / median / 1e6).toFixed(1)),
  };
}

function encode(format: Format): void {
  const formats = FIELDS.map(() => format);
  const out = new Outgoing();
  const writer = rowWriter(FIELDS, formats, UTC);
  for (const batch of BATCHES) {
    for (let row = 0; row < batch.rowCount; out.take())
      row = writer.write(out, { batch, from: row, to: batch.rowCount }, row, () => out.length >= 65_536);
  }
}

async function nodePostgres(port: number, rowMode?: 'array'): Promise<() => Promise<void>> {
  return async () => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'bench' });
    await client.connect();
    const { rows } =
      rowMode === undefined ? await client.query(QUERY) : await client.query({ text: QUERY, rowMode });
    await client.end();
    if (rows.length !== ROWS) throw new Error(`${rows.length} rows instead of ${ROWS}`);
  };
}

async function postgresJs(port: number): Promise<() => Promise<void>> {
  return async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port,
      user: 'bench',
      database: 'bench',
      max: 1,
      fetch_types: false,
    });
    const rows = await sql.unsafe(QUERY).simple();
    await sql.end();
    if (rows.length !== ROWS) throw new Error(`${rows.length} rows instead of ${ROWS}`);
  };
}

/** Everything that the server sends from the first row's description to the end of the answer. */
async function record(port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0bench\0\0', 'latin1');
  startup.writeInt32BE(startup.length);
  socket.write(startup);
  const ready = Buffer.from('Z\0\0\0\x05I', 'latin1');
  const chunks: Buffer[] = [];
  let isAsked = false;
  for await (const chunk of socket) {
    if (!Buffer.isBuffer(chunk)) continue;
    if (isAsked) chunks.push(chunk);
    if (!chunk.subarray(-ready.length).equals(ready)) continue;
    if (isAsked) break;
    isAsked = true;
    const query = Buffer.from(`Q\0\0\0\0${QUERY}\0`, 'latin1');
    query.writeInt32BE(query.length - 1, 1);
    socket.write(query);
  }
  if (Buffer.concat(chunks).length < DEFAULT_LIMITS.startupBytes) throw new Error('no rows were sent');
  return Buffer.concat(chunks);
}

if (import.meta.main) console.table(await benchPgwire());
