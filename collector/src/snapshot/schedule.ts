export interface Schedule {
  readonly everyMs: number;
  /** When the last one was begun, whatever became of it; null: never. Milliseconds since the Unix epoch. */
  readonly lastBegunMillis: () => number | null;
  /** Makes the next one; does not throw. */
  readonly make: () => Promise<void>;
  readonly nowMillis: () => number;
  /** Resolves after the time, or throws when the signal says that it is over. */
  readonly wait: (millis: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Makes one after the other, each so long after the one before was begun; until the signal says so. What was begun
 * before a restart counts: a snapshot that ends the process is not tried again at once.
 */
export async function runSchedule(
  { everyMs, lastBegunMillis, make, nowMillis, wait }: Schedule,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const last = lastBegunMillis();
    // Never longer than the interval, also when the clock was set back.
    const waitMs = last === null ? 0 : Math.min(Math.max(last + everyMs - nowMillis(), 0), everyMs);
    try {
      await wait(waitMs, signal);
    } catch {
      return;
    }
    // Somebody may have asked for one meanwhile.
    if (lastBegunMillis() === last) await make();
  }
}
