import { setTimeout as delay } from 'node:timers/promises';

/** `WebhookPorts.wait` by the clock of the machine. It does not keep the process alive. */
export async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(delayMs, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
