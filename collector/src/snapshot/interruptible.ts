import { setTimeout as delay } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';

/** An interrupt that comes between two steps of a statement is forgotten, so it is sent until the statement is over. */
const INTERRUPT_EVERY_MS = 50;

/** Runs statements of the connection, and breaks them off with the reason of the signal. */
export async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  let repeated: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    repeated = setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(repeated);
  }
}

/**
 * The same, and rests afterwards for as long as it took: where the cores are busy, whoever posts comes first, and a
 * snapshot has time.
 */
export async function paced<T>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  const result = await interruptible(connection, signal, run);
  await delay(performance.now() - begun, undefined, { signal }).catch(() => signal.throwIfAborted());
  return result;
}
