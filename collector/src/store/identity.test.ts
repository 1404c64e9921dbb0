import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { IdentityFilter, linkWords, TABLE_IDENTITIES, tenantSeed, traceWords } from './identity.ts';

const ACME = tenantSeed('acme');
const GLOBEX = tenantSeed('globex');
const PLENTY = { maxIdentities: 10_000_000 };
const NOON_MICROS = Date.UTC(2026, 10, 22, 12) * 1000;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** The identity of the trace with this number. */
function numbered(number: number) {
  return traceWords(hex(number, 32));
}

describe('an identity', () => {
  it('is the bits of a trace id, most significant first', () => {
    const words = traceWords('00000001fffffffe0000000389abcdef');
    expect(words.map((word) => word >>> 0)).toEqual([1, 0xfffffffe, 3, 0x89abcdef]);
  });

  it('is the bits of a link, up to the largest', () => {
    const bits = (link: number) => linkWords(link).map((word) => word >>> 0);
    expect(bits(5)).toEqual([0, 5]);
    expect(bits(2 ** 31)).toEqual([0, 0x8000_0000]);
    expect(bits(2 ** 32 + 1)).toEqual([1, 1]);
    expect(bits(2 ** 53 - 1)).toEqual([0x1f_ffff, 0xffff_ffff]);
  });
});

describe('the identity filter', () => {
  it('knows an identity again, also at another time', () => {
    const filter = new IdentityFilter(PLENTY);
    expect(filter.addIfNew(ACME, numbered(1), NOON_MICROS)).toBe(true);
    expect(filter.addIfNew(ACME, numbered(1), NOON_MICROS)).toBe(false);
    expect(filter.addIfNew(ACME, numbered(1), NOON_MICROS + 1)).toBe(false);
  });

  it('says new the first time and never again, whatever comes in between', () => {
    let seenAgain = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            tenant: fc.constantFrom('acme', 'globex', ''),
            trace: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.nat()),
            eventTimeMicros: fc.integer({ min: 0, max: NOON_MICROS }),
          }),
          { maxLength: 200, size: 'max' },
        ),
        (arrivals) => {
          const filter = new IdentityFilter(PLENTY);
          const seen = new Set<string>();
          for (const { tenant, trace, eventTimeMicros } of arrivals) {
            const words = numbered(trace);
            const identity = `${tenant} ${trace}`;
            // With so few in a table, a false alarm would be a mistake too.
            expect(filter.addIfNew(tenantSeed(tenant), words, eventTimeMicros)).toBe(!seen.has(identity));
            if (seen.has(identity)) seenAgain++;
            seen.add(identity);
          }
        },
      ),
    );
    expect(seenAgain).toBeGreaterThan(100);
  });

  it('keeps tenants apart', () => {
    const filter = new IdentityFilter(PLENTY);
    expect(filter.addIfNew(ACME, numbered(1), NOON_MICROS)).toBe(true);
    expect(filter.addIfNew(GLOBEX, numbered(1), NOON_MICROS)).toBe(true);
    expect(filter.addIfNew(ACME, numbered(1), NOON_MICROS)).toBe(false);
    expect(filter.addIfNew(GLOBEX, numbered(1), NOON_MICROS)).toBe(false);
  });

  it('tells identities apart that differ in one bit', () => {
    const filter = new IdentityFilter(PLENTY);
    let isNew = 0;
    for (let bit = 0; bit < 128; bit++) {
      const id = (1n << BigInt(bit)).toString(16).padStart(32, '0');
      if (filter.addIfNew(ACME, traceWords(id), NOON_MICROS)) isNew++;
    }
    expect(isNew).toBe(128);
    const links = new IdentityFilter(PLENTY);
    for (let bit = 0; bit < 53; bit++) if (links.addIfNew(0, linkWords(2 ** bit), NOON_MICROS)) isNew++;
    expect(isNew).toBe(128 + 53);
  });

  // One chance in 10⁹ each: a single false alarm in these 200,000 would already show a weak hash.
  it.each<[string, (n: number) => readonly number[]]>([
    ['trace ids count up', (n) => traceWords(hex(n, 32))],
    ['one half counts up and the other down', (n) => traceWords(hex(n, 16) + hex(0xffffffff - n, 16))],
    ['both halves are equal', (n) => traceWords(hex(n, 16).repeat(2))],
    ['only the highest digits of the trace id differ', (n) => traceWords(hex(n, 8).padEnd(32, '0'))],
    ['all words of the id are equal', (n) => traceWords(hex(n + 1, 8).repeat(4))],
    ['links count up', (n) => linkWords(n)],
    ['only the highest bits of the links differ', (n) => linkWords(n * 2 ** 33)],
  ])('raises no false alarm when %s', (_what, wordsOf) => {
    const filter = new IdentityFilter(PLENTY);
    let falseAlarms = 0;
    for (let n = 1; n <= 200_000; n++) {
      if (!filter.addIfNew(ACME, wordsOf(n), NOON_MICROS)) falseAlarms++;
    }
    expect(falseAlarms).toBe(0);
  });

  it('raises no false alarm in a million ids that count up', () => {
    const filter = new IdentityFilter(PLENTY);
    let falseAlarms = 0;
    for (let n = 1; n <= 1_000_000; n++) if (!filter.addIfNew(ACME, [0, 1, 0, n], NOON_MICROS)) falseAlarms++;
    expect(falseAlarms).toBe(0);
  });
});

describe('an identity filter that had to drop its oldest table', () => {
  const filter = new IdentityFilter({ maxIdentities: 1 });
  const newestDropped = NOON_MICROS + 1000;

  // The first is younger than all others, so that only a maximum over all event times is right.
  const eventTimeOf = (n: number) => (n === 1 ? newestDropped : NOON_MICROS);

  beforeAll(() => {
    let isNew = 0;
    for (let n = 1; n <= TABLE_IDENTITIES; n++) {
      if (filter.addIfNew(ACME, [1, 2, 3, n], eventTimeOf(n))) isNew++;
    }
    // Three million in one table have a chance of 1 in 300 for one false alarm.
    expect(isNew).toBeGreaterThanOrEqual(TABLE_IDENTITIES - 3);
    // The one that does not fit any more is new, and makes the room.
    expect(filter.addIfNew(ACME, [9, 9, 9, 0], newestDropped + 1)).toBe(true);
  });

  it('never calls a dropped identity new', () => {
    for (let n = 1; n <= TABLE_IDENTITIES; n += 10_007) {
      expect(filter.addIfNew(ACME, [1, 2, 3, n], eventTimeOf(n))).toBe(false);
    }
  });

  it('says probably seen to strangers of a time that it forgot, and new to later ones', () => {
    expect(filter.addIfNew(ACME, [9, 9, 9, 1], NOON_MICROS)).toBe(false);
    expect(filter.addIfNew(ACME, [9, 9, 9, 2], newestDropped)).toBe(false);
    expect(filter.addIfNew(ACME, [9, 9, 9, 3], newestDropped + 1)).toBe(true);
  });

  it('still knows what the newer table holds', () => {
    expect(filter.addIfNew(ACME, [9, 9, 9, 0], newestDropped + 1)).toBe(false);
  });
});
