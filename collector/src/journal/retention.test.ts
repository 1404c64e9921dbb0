import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommittedSegment, countExpired } from './retention.ts';

const segments: CommittedSegment[] = [10, 20, 30].map((id) => ({ id, bytes: 100, sealedAtMillis: id + 10 }));

describe('committed segments', () => {
  it('stay while they are young and few', () => {
    expect(countExpired(segments, { maxAgeMs: 100, maxBytes: 300 }, 60)).toBe(0);
  });

  it('go once they are older than the age, not at it', () => {
    expect(countExpired(segments, { maxAgeMs: 40, maxBytes: 300 }, 60)).toBe(0);
    expect(countExpired(segments, { maxAgeMs: 39, maxBytes: 300 }, 60)).toBe(1);
  });

  it('go, the oldest first, until the rest is within the bytes', () => {
    expect(countExpired(segments, { maxAgeMs: 1e9, maxBytes: 299 }, 60)).toBe(1);
    expect(countExpired(segments, { maxAgeMs: 1e9, maxBytes: 100 }, 60)).toBe(2);
    expect(countExpired(segments, { maxAgeMs: 1e9, maxBytes: 0 }, 60)).toBe(3);
  });

  it('never exceed either bound afterwards', () => {
    const any = fc.array(fc.record({ bytes: fc.nat(500), sealedAtMillis: fc.nat(1000) }));
    fc.assert(
      fc.property(any, fc.nat(1000), fc.nat(3000), (sizes, maxAgeMs, maxBytes) => {
        const inOrder = sizes.toSorted((a, b) => a.sealedAtMillis - b.sealedAtMillis);
        const all = inOrder.map((size, id) => ({ id, ...size }));
        const kept = all.slice(countExpired(all, { maxAgeMs, maxBytes }, 1000));
        expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(maxBytes);
        expect(kept.every(({ sealedAtMillis }) => 1000 - sealedAtMillis <= maxAgeMs)).toBe(true);
      }),
    );
  });
});
