import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';
import type { LedgerStore, Posting } from '../ledger/store.ts';
import { MemoryStore } from './memory.ts';
import { STORE_DEFAULTS } from './open.ts';
import { DuckDbStore } from './store.ts';
import { aPosting } from './testing/postings.ts';

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function aDuckDbStore(): Promise<DuckDbStore> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-store-'));
  cleanUps.push(() => rm(directory, { recursive: true }));
  const store = await DuckDbStore.open({
    ...STORE_DEFAULTS,
    path: join(directory, 'spanledger.duckdb'),
    create: true,
  });
  cleanUps.push(() => store.close());
  return store;
}

const COUNTS = { bodies: 1, spans: 1, notModelCalls: 0 };
const NOW = Date.UTC(2026, 10, 22, 12);

function commit(store: LedgerStore, offset: number) {
  return store.commit({ segment: 1, offset }, COUNTS, NOW);
}

for (const [name, open] of [
  ['memory', async () => new MemoryStore()],
  ['DuckDB', aDuckDbStore],
] as const) {
  describe(`a ledger store in ${name}`, () => {
    it('starts empty, and remembers the position of its last commit', async () => {
      const store = await open();
      expect(store.position).toBeNull();
      store.post(aPosting());
      await commit(store, 100);
      expect(store.position).toEqual({ segment: 1, offset: 100 });
      await commit(store, 250);
      expect(store.position).toEqual({ segment: 1, offset: 250 });
    });

    it('posts each identity once, whether the copy comes in the same batch or a later one', async () => {
      const store = await open();
      const posting = aPosting();
      store.post(posting);
      store.post(posting);
      expect(await commit(store, 1)).toEqual({ posted: 1, duplicates: 1, conflicts: 0 });
      store.post(posting);
      store.post(aPosting({ spanId: 'bbbbbbbbbbbbbbbb' }));
      expect(await commit(store, 2)).toEqual({ posted: 1, duplicates: 1, conflicts: 0 });
    });

    it('keeps the first of two spans with one identity and other content, and quarantines the second', async () => {
      const store = await open();
      store.post(aPosting());
      expect(await commit(store, 1)).toEqual({ posted: 1, duplicates: 0, conflicts: 0 });
      store.post(aPosting({ customer: 'somebody else' }));
      store.post(aPosting({ eventTimeMicros: NOW * 1000 + 86_400_000_000 }));
      expect(await commit(store, 2)).toEqual({ posted: 0, duplicates: 0, conflicts: 2 });
    });

    it('treats the same ids of another tenant as another span', async () => {
      const store = await open();
      store.post(aPosting());
      store.post({ ...aPosting(), tenant: 'other' });
      expect(await commit(store, 1)).toEqual({ posted: 2, duplicates: 0, conflicts: 0 });
    });

    it('ignores when a copy was received and how it was rated: only the fact makes it equal', async () => {
      const store = await open();
      store.post(aPosting());
      const later = aPosting();
      store.post({ ...later, receivedAtMillis: later.receivedAtMillis + 5000, bookVersion: 'book-2' });
      expect(await commit(store, 1)).toEqual({ posted: 1, duplicates: 1, conflicts: 0 });
    });

    it('takes what comes while a commit runs into the next batch, copies of the running one included', async () => {
      const store = await open();
      store.post(aPosting());
      const running = commit(store, 1);
      store.post(aPosting());
      store.post(aPosting({ spanId: 'bbbbbbbbbbbbbbbb' }));
      expect(await running).toEqual({ posted: 1, duplicates: 0, conflicts: 0 });
      expect(store.position).toEqual({ segment: 1, offset: 1 });
      expect(store.pending).toBe(2);
      expect(await commit(store, 2)).toEqual({ posted: 1, duplicates: 1, conflicts: 0 });
    });

    it('finds every copy in a batch of thousands', async () => {
      const store = await open();
      const postings: Posting[] = [];
      for (let i = 1; i <= 5000; i++) postings.push(aPosting({ spanId: i.toString(16).padStart(16, '0') }));
      for (const posting of postings) store.post(posting);
      for (const posting of postings.slice(0, 3000)) store.post(posting);
      expect(await commit(store, 1)).toEqual({ posted: 5000, duplicates: 3000, conflicts: 0 });
    });
  });
}
