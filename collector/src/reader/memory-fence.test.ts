import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DuckDbStore } from '../store/store.ts';
import { aPosting, spanId } from '../store/testing/postings.ts';
import { commitAt, optionsFor } from '../store/testing/stores.ts';
import { answerOf } from './answer.ts';
import { MemoryFence, type WorkingStatement } from './memory-fence.ts';
import { Readers } from './readers.ts';

/** Half of it is room for what a statement takes between two looks. */
const MEMORY_MB = 600;
const NEVER = new AbortController().signal;

async function aStore(): Promise<DuckDbStore> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-fence-'));
  const path = join(directory, 'spanledger.duckdb');
  const store = await DuckDbStore.open({
    ...optionsFor(path),
    create: true,
    memoryLimit: `${MEMORY_MB}MB`,
  });
  onTestFinished(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return store;
}

describe('readers that take all memory they can', () => {
  it.each([
    // Without the fence, each of them makes commits fail within a second or two.
    ['sort', 'SELECT range FROM range(10000000000) ORDER BY hash(range)'],
    [
      'keep a list',
      'SELECT len(l) FROM (SELECT list(range) AS l FROM range(60000000)) t, range(1000000000) r WHERE r.range = -1',
    ],
  ])('are stopped before commits find none: those that %s', async (_, hog) => {
    const store = await aStore();
    const readers = await Readers.open(store.instance, {
      memory: {
        maxBytes: (MEMORY_MB / 2) * 1e6,
        onSurprise(error) {
          throw error;
        },
      },
    });
    const ask = async (sql: string) => {
      const session = readers.openSession({ role: 'analyst' });
      try {
        const { rows } = await answerOf(session, sql, [], NEVER);
        return { rows };
      } catch (error) {
        return { error };
      } finally {
        await session.close();
      }
    };
    let isOver = false;
    const hogs = Promise.all([ask(hog), ask(hog)]).finally(() => {
      isOver = true;
    });
    let commits = 0;
    do {
      for (let row = 0; row < 1000; row++) store.post(aPosting({ spanId: spanId(++commits * 1000 + row) }));
      await commitAt(store, commits);
      expect(await ask('SELECT 1'), 'a small one is answered').toEqual({ rows: [[1]] });
    } while (!isOver);
    for (const told of await hogs) expect(told).toMatchObject({ error: { sqlState: '53200' } });
    expect(await ask('SELECT count(*)::INTEGER > 0 FROM usage')).toEqual({ rows: [[true]] });
  });
});

describe('the fence', () => {
  it('ends one statement at a time, the one that has worked for longest, and leaves those that wait alone', async () => {
    const store = await aStore();
    const ended: string[] = [];
    const all = Promise.withResolvers<void>();
    const aStatement = (name: string, startedAtMs: number): WorkingStatement => ({
      startedAtMs,
      endForMemory() {
        ended.push(name);
        if (ended.length === 2) all.resolve();
      },
    });
    const fence = new MemoryFence(store.instance, { maxBytes: -1, onSurprise: all.reject });
    const waiting = aStatement('waiting for its reader', 1);
    const short = aStatement('short', 3);
    const long = aStatement('long', 2);
    for (const one of [waiting, short, long]) fence.add(one);
    fence.delete(waiting);
    await all.promise;
    expect(ended).toEqual(['long', 'short']);
    for (const one of [short, long]) fence.delete(one);
  });

  it('ends nobody while there is memory', async () => {
    const store = await aStore();
    const ended: string[] = [];
    const fence = new MemoryFence(store.instance, {
      maxBytes: 1e9,
      onSurprise(error) {
        throw error;
      },
    });
    const statement = { startedAtMs: 0, endForMemory: () => ended.push('it') };
    fence.add(statement);
    // That nothing happens has no event: four looks.
    await delay(200);
    fence.delete(statement);
    expect(ended).toEqual([]);
  });
});
