import { isMainThread } from 'node:worker_threads';
import { abandonOpenCalls } from '../openai/metered-call.ts';
import { field } from '../shape.ts';
import type { Outbox } from './outbox.ts';

/** How long a signal may be held back for the last spans. */
const LAST_FLUSH_MS = 2000;

/**
 * Sends the last spans when the process ends by itself or by a signal, without changing how it ends.
 * `process.exit()` runs nothing asynchronous: up to one second of spans is lost there.
 */
export function flushAtEnd(outbox: Outbox): void {
  process.once('beforeExit', () => {
    abandonOpenCalls();
    // The request keeps the process alive until it is answered or times out; nothing else does.
    if (!outbox.isEmpty) void outbox.forceFlush();
  });
  if (!isMainThread) return;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) flushOnSignal(signal, outbox);
}

/**
 * A listener suppresses the signal's default, death. So where ours is the only one, it brings the default back after
 * the flush; where the app has its own, the app decides, and we only send.
 *
 * First in the list: a `once` listener of the app that ran before us would already be gone, and look like no listener.
 */
function flushOnSignal(signal: 'SIGTERM' | 'SIGINT', outbox: Outbox): void {
  const onSignal = (): void => {
    const others = process.listenerCount(signal) - 1 - signalExitListeners();
    // A second signal, from a person who does not want to wait, finds nothing of ours.
    process.removeListener(signal, onSignal);
    abandonOpenCalls();
    const flushed = outbox.forceFlush();
    if (others > 0) return;
    const end = (): void => {
      clearTimeout(deadline);
      process.kill(process.pid, signal);
    };
    const deadline = setTimeout(end, LAST_FLUSH_MS);
    void flushed.then(end, end);
  };
  process.prependListener(signal, onSignal);
}

/**
 * The widespread `signal-exit` package listens too, and ends the process only when it is alone. It publishes its own
 * count for this purpose; once our listener is gone and the signal is sent again, it is alone.
 */
function signalExitListeners(): number {
  const published =
    field(process, Symbol.for('signal-exit emitter'), 'count') ??
    field(process, '__signal_exit_emitter__', 'count');
  return typeof published === 'number' ? published : 0;
}
