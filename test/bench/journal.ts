import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  JOURNAL_DEFAULTS,
  type JournalPosition,
  JournalReader,
  JournalWriter,
} from '../../collector/src/journal/index.ts';

/** One way to keep bodies until they are consumed. */
interface Journal {
  append(body: Uint8Array): Promise<void>;
  /** Everything appended so far is consumed and may go. */
  consume(): Promise<void>;
  close(): Promise<void>;
}

export interface JournalBenchRow {
  readonly journal: string;
  readonly bodyBytes: number;
  readonly inFlight: number;
  readonly megabytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  /** CPU of the whole process, threads included. */
  readonly cpuSecondsPerGigabyte: number;
  /** How much later than due a timer of 1 ms fired: what every other request of the process waits. */
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

/** What is consumed at once: about one commit of the ledger. */
const CONSUME_EVERY_BYTES = 64e6;

const JOURNALS: Record<string, (directory: string) => Promise<Journal>> = {
  'own files': ownFiles,
  'sqlite, pages of 4 KiB': (directory) => sqlite(directory, 4096),
  'sqlite, pages of 64 KiB': (directory) => sqlite(directory, 65_536),
  'the same in a worker thread': sqliteInWorker,
};

/**
 * The journal against node:sqlite in its durable setting, in one run on one machine: bodies as a receiver gets them
 * (incompressible, 512 spans gzipped or raw), appended by a fixed number of senders that wait for their ack.
 */
export async function benchJournal(secondsEach = 2): Promise<JournalBenchRow[]> {
  const rows: JournalBenchRow[] = [];
  for (const bodyBytes of [55_000, 500_000]) {
    for (const inFlight of [8, 64]) {
      for (const [journal, open] of Object.entries(JOURNALS)) {
        rows.push({
          journal,
          bodyBytes,
          inFlight,
          ...(await measure(open, bodyBytes, inFlight, secondsEach)),
        });
      }
    }
  }
  console.table(rows);
  return rows;
}

async function measure(
  open: (directory: string) => Promise<Journal>,
  bodyBytes: number,
  inFlight: number,
  seconds: number,
): Promise<Omit<JournalBenchRow, 'journal' | 'bodyBytes' | 'inFlight'>> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-journal-'));
  try {
    const journal = await open(directory);
    const bodies = Array.from({ length: 16 }, () => randomBytes(bodyBytes));
    await run(journal, bodies, inFlight, 0.3);
    const loopDelay = monitorEventLoopDelay({ resolution: 1 });
    loopDelay.enable();
    const cpuBefore = process.cpuUsage();
    const { latenciesMs, elapsedMs } = await run(journal, bodies, inFlight, seconds);
    const cpu = process.cpuUsage(cpuBefore);
    loopDelay.disable();
    await journal.close();
    const bytes = latenciesMs.length * bodyBytes;
    latenciesMs.sort((a, b) => a - b);
    return {
      megabytesPerSecond: round(bytes / 1e3 / elapsedMs),
      recordsPerSecond: round((latenciesMs.length * 1e3) / elapsedMs),
      ackP50Ms: round(quantile(latenciesMs, 0.5)),
      ackP99Ms: round(quantile(latenciesMs, 0.99)),
      cpuSecondsPerGigabyte: round((cpu.user + cpu.system) / 1e6 / (bytes / 1e9)),
      loopDelayP99Ms: round(loopDelay.percentile(99) / 1e6),
      loopDelayMaxMs: round(loopDelay.max / 1e6),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(journal: Journal, bodies: readonly Uint8Array[], inFlight: number, seconds: number) {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1000;
  let next = 0;
  let unconsumedBytes = 0;
  const send = async () => {
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= untilMs) return;
      const body = bodies[next++ % bodies.length] ?? new Uint8Array();
      await journal.append(body);
      latenciesMs.push(performance.now() - sentMs);
      unconsumedBytes += body.byteLength;
      if (unconsumedBytes >= CONSUME_EVERY_BYTES) {
        unconsumedBytes = 0;
        await journal.consume();
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, send));
  return { latenciesMs, elapsedMs: performance.now() - startMs };
}

async function ownFiles(directory: string): Promise<Journal> {
  const writer = await JournalWriter.open({
    ...JOURNAL_DEFAULTS,
    directory,
    node: 'bench',
    retention: { maxAgeMs: 0, maxBytes: 0 },
    nowMillis: Date.now,
  });
  return {
    append: async (body) => {
      await writer.append({
        receivedAtMillis: Date.now(),
        tenant: 'acme',
        signal: 'traces',
        bodyType: 'protobuf',
        bodyEncoding: 'gzip',
        spans: 512,
        body,
      });
    },
    consume: () => writer.committed(writer.durableEnd),
    close: () => writer.close(),
  };
}

/** The same promise from SQLite: what waits goes into one transaction, which is synced before it is acked. */
async function sqlite(directory: string, pageBytes: number): Promise<Journal> {
  const database = openSqlite(directory, pageBytes);
  return {
    ...grouping(async (bodies) => database.insert(bodies)),
    consume: async () => database.removeAll(),
    close: async () => database.close(),
  };
}

/** SQLite off the main thread, so that it blocks nobody; each body is copied to get there. */
async function sqliteInWorker(directory: string): Promise<Journal> {
  const worker = new Worker(new URL(import.meta.url), { workerData: directory });
  const ask = async (message: readonly Uint8Array[] | 'remove' | 'close') => {
    worker.postMessage(message);
    await once(worker, 'message');
  };
  let busy: Promise<void> = Promise.resolve();
  const inTurn = (message: Parameters<typeof ask>[0]) => {
    busy = busy.then(() => ask(message));
    return busy;
  };
  return {
    ...grouping(inTurn),
    consume: () => inTurn('remove'),
    close: () => inTurn('close'),
  };
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const database = openSqlite(String(workerData), 65_536);
  port.on('message', (message: readonly Uint8Array[] | 'remove' | 'close') => {
    if (message === 'remove') database.removeAll();
    else if (message === 'close') database.close();
    else database.insert(message);
    port.postMessage('done');
    if (message === 'close') port.close();
  });
}

/** Appends that arrive while a group is being written share the next. */
function grouping(write: (bodies: readonly Uint8Array[]) => Promise<void>): Pick<Journal, 'append'> {
  let waiting: { body: Uint8Array; resolve: () => void }[] = [];
  let draining = false;
  const drain = async () => {
    await setImmediate();
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await write(group.map(({ body }) => body));
      for (const { resolve } of group) resolve();
      await setImmediate();
    }
    draining = false;
  };
  return {
    append(body) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ body, resolve });
      if (!draining) {
        draining = true;
        void drain();
      }
      return promise;
    },
  };
}

function openSqlite(directory: string, pageBytes: number) {
  const database = new DatabaseSync(join(directory, 'journal.sqlite'));
  database.exec(`
    PRAGMA page_size = ${pageBytes};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE journal (
      id INTEGER PRIMARY KEY, received_at INTEGER, tenant TEXT, signal INTEGER, body_type INTEGER,
      body_encoding INTEGER, spans INTEGER, body BLOB
    );`);
  const insert = database.prepare(
    'INSERT INTO journal (received_at, tenant, signal, body_type, body_encoding, spans, body) VALUES (?, ?, 1, 1, 2, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM journal WHERE id <= ?');
  let lastId: number | bigint = 0;
  return {
    insert(bodies: readonly Uint8Array[]) {
      database.exec('BEGIN');
      for (const body of bodies) lastId = insert.run(Date.now(), 'acme', 512, body).lastInsertRowid;
      database.exec('COMMIT');
    },
    removeAll() {
      remove.run(lastId);
    },
    close() {
      database.close();
    },
  };
}

/** How fast a ledger reads what is there, from a warm page cache: MB/s. */
export async function benchJournalRead(bodyBytes = 55_000, records = 5_000): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-journal-'));
  try {
    const options = { ...JOURNAL_DEFAULTS, directory, node: 'bench', nowMillis: Date.now };
    const writer = await JournalWriter.open(options);
    const body = randomBytes(bodyBytes);
    for (let n = 0; n < records; n += 50) {
      await Promise.all(
        Array.from({ length: 50 }, () =>
          writer.append({
            receivedAtMillis: Date.now(),
            tenant: 'acme',
            signal: 'traces',
            bodyType: 'protobuf',
            bodyEncoding: 'gzip',
            spans: 512,
            body,
          }),
        ),
      );
    }
    const reader = new JournalReader({ directory });
    const startMs = performance.now();
    let from: JournalPosition | null = null;
    let read = 0;
    for (;;) {
      const { items, next } = await reader.read(from, writer.durableEnd, 16e6);
      if (items.length === 0) break;
      read += items.filter((item) => item.kind === 'record').length;
      from = next;
    }
    const elapsedMs = performance.now() - startMs;
    await reader.close();
    await writer.close();
    if (read !== records) throw new Error(`${read} of ${records} records were read`);
    return round((records * bodyBytes) / 1e3 / elapsedMs);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

if (import.meta.main && isMainThread) {
  await benchJournal();
  console.log(`reading back: ${await benchJournalRead()} MB/s`);
}
