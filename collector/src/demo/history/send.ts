import type { HistoryBody } from './outbox.ts';

/** Requests under way at once: one is on its way while another is synced to disk. */
const MAX_CONCURRENT = 3;
/** A service that takes nothing for so long has died. */
const PATIENCE_MS = 60_000;
const RETRY_AFTER_MS = 500;

/**
 * Sends bodies as exporters do: a few at once, and again where the service has no room.
 *
 * @throws {Error} where one is answered otherwise than it must be
 */
export async function sendBodies(
  url: string,
  bodies: Iterable<HistoryBody>,
  onSent: (body: HistoryBody) => void,
): Promise<void> {
  // One iterator for all: whoever is free takes the next body.
  const queue = bodies[Symbol.iterator]();
  async function worker(): Promise<void> {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      await sendBody(url, next.value);
      onSent(next.value);
    }
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, worker));
}

async function sendBody(url: string, { bytes, contentType, expectedStatus }: HistoryBody): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: Buffer.from(bytes),
    });
    const answer = await response.text();
    if (response.status === expectedStatus) return;
    if (response.status !== 503 || performance.now() > deadline) {
      throw new Error(
        `A body of the history was answered ${response.status}, not ${expectedStatus}: ${answer.slice(0, 300)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
  }
}
