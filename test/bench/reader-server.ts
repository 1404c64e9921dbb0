import { parentPort, workerData } from 'node:worker_threads';
import pino from 'pino';
import { READER_LIMITS } from '../../collector/src/reader/limits.ts';
import { Readers } from '../../collector/src/reader/readers.ts';
import { CLIENT_CATALOGUE, makeCatalogue, SqlPort } from '../../collector/src/sql-port.ts';
import { STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';

/**
 * The server's thread of the benchmark: a ledger file with its SQL port, as the ledger process has them, and the same
 * file asked directly. Gets statements, and tells how many milliseconds each took without any port.
 */
const { path } = workerData as { path: string };
const store = await DuckDbStore.open({ ...STORE_DEFAULTS, threads: 1, path, create: false });
const config = { users: new Map(), limits: READER_LIMITS, tls: null };
const readers = await Readers.open(store.instance, { catalogue: CLIENT_CATALOGUE });
const catalogue = makeCatalogue(store.instance, config);
const port = await SqlPort.open({
  readers,
  catalogue,
  config,
  host: '127.0.0.1',
  port: 0,
  log: pino({ level: 'silent' }),
});
await catalogue;
const connection = await store.instance.connect();
await connection.run(`SET search_path = 'public'`);

parentPort?.on('message', async (sql: string | null) => {
  if (sql === null) {
    await port.close();
    connection.closeSync();
    await store.close();
    parentPort?.postMessage('closed');
    process.exit();
  }
  const startMs = performance.now();
  const reader = await connection.runAndReadAll(sql);
  reader.getRows();
  parentPort?.postMessage(performance.now() - startMs);
});
parentPort?.postMessage(port.port);
