import { setTimeout as delay } from 'node:timers/promises';

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
    try {
      if (await isTrue()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`within ${withinMs} ms: ${claim}`, { cause });
    await delay(25);
  }
}
