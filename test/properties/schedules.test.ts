import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../../collector/src/ledger/store.ts';
import { MemoryStore } from '../../collector/src/store/memory.ts';
import { creditsOf, type ExpectedCharge, expectedCharges, expectedUse } from '../expected-charges.ts';
import { aSchedule, BOOK, expectedRecords, follow, inKeyOrder } from '../schedule.ts';

/** What is booked for each span and customer in the end, all movements together; nothing where they cancel out. */
function booked(postings: readonly Posting[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { usage, bookings } of postings) {
    for (const { customer, movement } of bookings) {
      const { to, amount } = movement;
      add(sums, `${usage.traceId}/${usage.spanId} ${customer}`, to === 'used' ? amount : -amount);
    }
  }
  return inOrder(sums);
}

/** What must be booked for each span, and on whom. */
function due(charges: readonly ExpectedCharge[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { usage, charge, payer } of charges) {
    add(sums, `${usage.traceId}/${usage.spanId} ${payer}`, creditsOf(charge) ?? 0n);
  }
  return inOrder(sums);
}

/** What each customer has used, by all that is booked. */
function used(postings: readonly Posting[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { customer, movement } of postings.flatMap(({ bookings }) => bookings)) {
    add(sums, customer, movement.to === 'used' ? movement.amount : -movement.amount);
  }
  return inOrder(sums);
}

function add(sums: Map<string, bigint>, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

function inOrder(sums: ReadonlyMap<string, bigint>): ReadonlyMap<string, bigint> {
  return new Map([...sums].filter(([, sum]) => sum !== 0n).sort(([one], [other]) => (one < other ? -1 : 1)));
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
        expect(inKeyOrder(store.current.map(({ usage }) => usage))).toEqual(expected);
        const charges = expectedCharges(expected, BOOK);
        expect(booked(store.postings)).toEqual(due(charges));
        expect(used(store.postings)).toEqual(expectedUse(charges));
        const credits = inKeyOrder(store.current.map(({ usage, rating }) => ({ ...usage, ...rating })));
        expect(credits.map((each) => each.credits)).toEqual(charges.map(({ charge }) => creditsOf(charge)));
        expect(store.quarantined).toEqual([]);
        corrections += store.counts.reduce((sum, { corrected }) => sum + corrected, 0);
        copies += store.counts.reduce((sum, { duplicates }) => sum + duplicates, 0);
      }),
      { numRuns: 120 },
    );
    // The schedules were bad enough to mean something.
    expect(corrections).toBeGreaterThan(400);
    expect(restarts).toBeGreaterThan(40);
    expect(copies).toBeGreaterThan(400);
  });
});
