import pino, { type Logger } from 'pino';

/** One JSON line an event, to standard error: standard output belongs to what a command prints. */
export function createLogger(level: string, process: 'receiver' | 'ledger' | 'api'): Logger {
  return pino(
    { level, base: { process }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
