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
