import { rate } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../../collector/src/ledger/store.ts';
import { MemoryStore } from '../../collector/src/store/memory.ts';
import { aSchedule, BOOK, expectedRecords, follow, inKeyOrder } from '../schedule.ts';

/** What is booked for each span and customer in the end, all transfers together; nothing where they cancel out. */
function booked(postings: readonly Posting[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { metered, transfers } of postings) {
    const { traceId, spanId } = metered.usage;
    for (const { customer, to, amount } of transfers) {
      const key = `${traceId}/${spanId} ${customer}`;
      sums.set(key, (sums.get(key) ?? 0n) + (to === 'used' ? amount : -amount));
    }
  }
  return new Map([...sums].filter(([, sum]) => sum !== 0n).sort());
}

describe('the ledger in memory', () => {
  it('is the same in the end for any order, batching, repetition and restart', async () => {
    let corrections = 0;
    let restarts = 0;
    let copies = 0;
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.integer({ min: 1, max: 8 }), async (random, size) => {
        const schedule = aSchedule((below) => random.next().value % below, size);
        const store = new MemoryStore();
        for (const upTo of schedule.restarts) {
          await follow(schedule, store, upTo);
          store.crash();
          restarts++;
        }
        // The last process ends long after: whatever waited has waited long enough.
        await follow(schedule, store, schedule.journal.items.length);

        const expected = inKeyOrder(expectedRecords(schedule.captures));
        expect(inKeyOrder(store.current.map(({ metered }) => metered.usage))).toEqual(expected);
        const due = expected.flatMap((usage) => rate(usage, BOOK, 'default').transfer ?? []);
        const total = (amounts: Iterable<bigint>) => [...amounts].reduce((sum, amount) => sum + amount, 0n);
        expect(total(booked(store.postings).values())).toBe(total(due.map(({ amount }) => amount)));
        const now = store.current.map((posting) => {
          const { transfer } = posting.metered;
          return { ...posting, transfers: transfer === null ? [] : [transfer] };
        });
        expect(booked(store.postings)).toEqual(booked(now));
        expect(store.quarantined).toEqual([]);
        corrections += store.counts.reduce((sum, { corrected }) => sum + corrected, 0);
        copies += store.counts.reduce((sum, { duplicates }) => sum + duplicates, 0);
      }),
      { numRuns: 250 },
    );
    // The schedules were bad enough to mean something.
    expect(corrections).toBeGreaterThan(1000);
    expect(restarts).toBeGreaterThan(100);
    expect(copies).toBeGreaterThan(1000);
  });
});
