import { describe, expect, it } from 'vitest';
import { ReadingPause } from './reading-pause.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

function aPause() {
  let nowMs = 5000;
  const pause = new ReadingPause(() => nowMs);
  /** Some time later the ledger process ends: how long nobody may read then, in seconds. */
  const endAfter = (ms: number) => {
    nowMs += ms;
    pause.noteEnd();
    return pause.remainingMs / SECOND_MS;
  };
  return {
    pause,
    endAfter,
    /** As soon as readers are let in again. */
    endOnceOpen: () => endAfter(pause.remainingMs),
    wait(ms: number) {
      nowMs += ms;
      return pause.remainingMs / SECOND_MS;
    },
  };
}

describe('readers', () => {
  it('are let in again at once after a mistake, and after the same once more', () => {
    const { pause, endAfter } = aPause();
    expect(pause.remainingMs).toBe(0);
    expect(endAfter(SECOND_MS)).toBe(0);
    expect(endAfter(SECOND_MS)).toBe(0);
  });

  it('are kept away after that, each time for twice as long, and never for longer than ten minutes', () => {
    const attack = aPause();
    const pauses = Array.from({ length: 9 }, () => attack.endOnceOpen());
    expect(pauses).toEqual([0, 0, 60, 120, 240, 480, 600, 600, 600]);
  });

  it('are let in again when the time is over', () => {
    const { endAfter, wait } = aPause();
    for (const _ of [1, 2, 3]) endAfter(SECOND_MS);
    expect(wait(59 * SECOND_MS)).toBe(1);
    expect(wait(SECOND_MS)).toBe(0);
  });

  it('are not blamed for what ends while none of them can read', () => {
    const { endAfter, endOnceOpen, wait } = aPause();
    for (const _ of [1, 2, 3]) endAfter(SECOND_MS);
    for (let ends = 0; ends < 20; ends++) endAfter(SECOND_MS);
    expect(wait(0), 'the pause is not longer for that').toBe(40);
    expect(endOnceOpen()).toBe(120);
  });

  it('are forgiven after half an hour', () => {
    const { endAfter, endOnceOpen } = aPause();
    for (const _ of [1, 2, 3, 4]) endOnceOpen();
    expect(endAfter(31 * MINUTE_MS)).toBe(0);
  });

  it('who send the worst they have without end leave nearly all of a day to posting', () => {
    const attack = aPause();
    let pausedSeconds = 0;
    let ends = 0;
    const WHOLE_DAY = 24 * 3600;
    while (pausedSeconds < WHOLE_DAY) {
      pausedSeconds += attack.endOnceOpen();
      ends++;
    }
    expect(ends).toBeLessThan(160);
  });
});
