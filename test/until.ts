import { setTimeout as delay } from 'node:timers/promises';

const PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;
/** Who is asked is often who does what is waited for: a third of the time, at most, goes to answering. */
const PAUSE_OF_ASKING = 2;

/**
 * Asks again until the answer is true, for what happens in another process and cannot be awaited. An error counts as
 * "not yet": a process that is being restarted refuses connections.
 *
 * @throws after the time, with the claim that did not come true and the last error.
 */
export async function until(
  claim: string,
  withinMs: number,
  isTrue: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    const askedAt = performance.now();
    try {
      if (await isTrue()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`within ${withinMs} ms: ${claim}`, { cause });
    const askingMs = performance.now() - askedAt;
    await delay(Math.min(Math.max(PAUSE_MS, PAUSE_OF_ASKING * askingMs), LONGEST_PAUSE_MS));
  }
}
