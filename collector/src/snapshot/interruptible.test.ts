import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it, onTestFinished } from 'vitest';
import { interruptible, paced } from './interruptible.ts';

const ENDLESS = 'SELECT count(*) FROM range(1000000000000) a(x) WHERE x % 7 = 3';

async function aConnection() {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  onTestFinished(() => {
    connection.closeSync();
    instance.closeSync();
  });
  return connection;
}

it('a statement is broken off with the reason of the signal, and the connection goes on', async () => {
  const connection = await aConnection();
  const short = new AbortController();
  const reason = new Error('the disk is short');
  const running = interruptible(connection, short.signal, () => connection.run(ENDLESS));
  short.abort(reason);
  await expect(running).rejects.toBe(reason);
  const next = new AbortController().signal;
  const rows = await interruptible(connection, next, () => connection.runAndReadAll('SELECT 1'));
  expect(rows.getRows()).toEqual([[1]]);
});

it('nothing is run once the signal has said so', async () => {
  const connection = await aConnection();
  const reason = new Error('stopped');
  const run = () => Promise.reject(new Error('was run'));
  await expect(interruptible(connection, AbortSignal.abort(reason), run)).rejects.toBe(reason);
});

it('a mistake of the statement is told as it is', async () => {
  const connection = await aConnection();
  const run = () => connection.run('SELECT nothing');
  await expect(interruptible(connection, new AbortController().signal, run)).rejects.toThrow(/nothing/);
});

it('a rest is broken off, too', async () => {
  const connection = await aConnection();
  const stop = new AbortController();
  const reason = new Error('stopped');
  const resting = paced(connection, stop.signal, async () => {
    queueMicrotask(() => setImmediate(() => stop.abort(reason)));
    await connection.run('SELECT count(*) FROM range(100000000)');
  });
  await expect(resting).rejects.toBe(reason);
});
