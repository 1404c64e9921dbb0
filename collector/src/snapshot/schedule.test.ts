import { expect, it } from 'vitest';
import { runSchedule } from './schedule.ts';

const EVERY_MS = 60_000;
/** How long each one takes to make. */
const MAKING_MS = 7_000;

/** A schedule on a clock of its own, to its end after so many were made. */
async function scheduled(lastBegun: number | null, count: number, startsAt = 1_000_000) {
  const events: string[] = [];
  const stop = new AbortController();
  let now = startsAt;
  let last = lastBegun;
  let made = 0;
  await runSchedule(
    {
      everyMs: EVERY_MS,
      lastBegunMillis: () => last,
      async make() {
        events.push(`made at ${now - startsAt}`);
        last = now;
        now += MAKING_MS;
        if (++made === count) stop.abort();
      },
      nowMillis: () => now,
      async wait(millis) {
        events.push(`waited ${millis}`);
        now += millis;
      },
    },
    stop.signal,
  );
  return events;
}

it('a schedule without a past begins at once, and keeps its interval whatever making one takes', async () => {
  expect(await scheduled(null, 3)).toEqual([
    'waited 0',
    'made at 0',
    'waited 53000',
    'made at 60000',
    'waited 53000',
    'made at 120000',
  ]);
});

it('after a restart it waits for what is left of the interval', async () => {
  expect(await scheduled(990_000, 1)).toEqual(['waited 50000', 'made at 50000']);
});

it('what is overdue is made at once, and only once', async () => {
  expect(await scheduled(0, 2)).toEqual(['waited 0', 'made at 0', 'waited 53000', 'made at 60000']);
});

it('a clock that was set back makes it wait no longer than the interval', async () => {
  expect(await scheduled(9_000_000, 1)).toEqual(['waited 60000', 'made at 60000']);
});

it('one that somebody asked for meanwhile counts', async () => {
  const stop = new AbortController();
  let last: number | null = 0;
  let waits = 0;
  await runSchedule(
    {
      everyMs: EVERY_MS,
      lastBegunMillis: () => last,
      make: () => Promise.reject(new Error('none is due')),
      nowMillis: () => 30_000,
      async wait() {
        if (++waits === 1) last = 29_000;
        else stop.abort();
        stop.signal.throwIfAborted();
      },
    },
    stop.signal,
  );
  expect(waits).toBe(2);
});
