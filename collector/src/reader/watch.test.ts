import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Watch, type WatchOptions } from './watch.ts';

const NEVER = new AbortController().signal;
const TIMEOUT_MS = 1000;
const OVERDUE_AFTER_MS = 500;

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function aWatch(options: Partial<WatchOptions> = {}) {
  const onOverdue = vi.fn<() => void>();
  const interrupt = vi.spyOn(connection, 'interrupt');
  interrupt.mockClear();
  const watch = new Watch(connection, {
    timeoutMs: TIMEOUT_MS,
    signal: NEVER,
    onOverdue,
    overdueAfterMs: OVERDUE_AFTER_MS,
    ...options,
  });
  return { watch, onOverdue, interrupt };
}

/** A step of the engine that does not hear the interrupt. */
function aDeafStep() {
  return Promise.withResolvers<string>();
}

describe('a statement past its time', () => {
  it('is interrupted again and again, and is overdue when the engine does not stop', async () => {
    const { watch, onOverdue, interrupt } = aWatch();
    const deaf = aDeafStep();
    const step = watch.step(deaf.promise);
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    expect(interrupt).not.toHaveBeenCalled();
    vi.advanceTimersByTime(OVERDUE_AFTER_MS);
    expect(interrupt.mock.calls.length).toBeGreaterThan(5);
    expect(onOverdue).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onOverdue).toHaveBeenCalledOnce();
    deaf.resolve('done');
    expect(await step).toBe('done');
    watch.stop();
  });

  it('is not overdue when the engine stops in time', async () => {
    const { watch, onOverdue } = aWatch();
    const deaf = aDeafStep();
    const step = watch.step(deaf.promise);
    vi.advanceTimersByTime(TIMEOUT_MS + 1);
    deaf.reject(new Error('INTERRUPT Error: Interrupted!'));
    await expect(step).rejects.toThrow();
    expect(() => watch.expectGoingOn()).toThrow('longer than 1 s');
    watch.stop();
    vi.advanceTimersByTime(10 * TIMEOUT_MS);
    expect(onOverdue).not.toHaveBeenCalled();
  });

  it('is not overdue while it is its reader who lets it wait', async () => {
    const { watch, onOverdue } = aWatch();
    await watch.step(Promise.resolve('rows'));
    vi.advanceTimersByTime(10 * TIMEOUT_MS);
    expect(onOverdue).not.toHaveBeenCalled();
    watch.stop();
  });
});

describe('a statement that is cancelled', () => {
  it('is interrupted at once, and overdue no sooner than without that', () => {
    const controller = new AbortController();
    const { watch, onOverdue, interrupt } = aWatch({ signal: controller.signal });
    watch.step(aDeafStep().promise).catch(() => {});
    controller.abort();
    expect(interrupt).toHaveBeenCalled();
    vi.advanceTimersByTime(TIMEOUT_MS + OVERDUE_AFTER_MS - 1);
    expect(onOverdue).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onOverdue).toHaveBeenCalledOnce();
    watch.stop();
  });
});
