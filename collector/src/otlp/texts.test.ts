import { describe, expect, it } from 'vitest';
import { hashBytes, viewOf } from './bytes.ts';
import { StringCache } from './texts.ts';

describe('the string cache', () => {
  it('gives the same string object for the same bytes once they are kept', () => {
    const cache = new StringCache('hex', 8, 16, 'first sight');
    expect(read(cache, Buffer.from([1, 2, 3, 255]))).toBe('010203ff');
    expect(read(cache, Buffer.from([1, 2, 3, 255]))).toBe('010203ff');
  });

  it('is right for many more values than it has places', () => {
    for (const keep of ['first sight', 'second sight'] as const) {
      const cache = new StringCache('utf8', 16, 4, keep);
      for (let round = 0; round < 3; round++) {
        for (const text of [
          '',
          'a',
          'ab',
          'abc',
          'abcd',
          'abce',
          'größer',
          '漢字',
          'x'.repeat(16),
          'x'.repeat(17),
        ]) {
          expect(read(cache, Buffer.from(text))).toBe(text);
        }
      }
    }
  });

  it('is right for values made to have the same hash, one of them the beginning of the other', () => {
    const short = Buffer.from('customer-1');
    const long = sameHashAs(short);
    expect(long.subarray(0, short.length)).toEqual(short);
    expect(hashOf(long)).toBe(hashOf(short));
    for (const keep of ['first sight', 'second sight'] as const) {
      const cache = new StringCache('hex', 64, 4096, keep);
      for (const bytes of [long, long, short, short, long, short]) {
        expect(read(cache, bytes)).toBe(bytes.toString('hex'));
      }
    }
  });
});

function read(cache: StringCache, bytes: Buffer): string {
  return cache.read(bytes, viewOf(bytes), 0, bytes.length);
}

function hashOf(bytes: Buffer): number {
  return hashBytes(viewOf(bytes), 0, bytes.length);
}

/** A longer value with the same beginning and hash: the hash's steps can be undone from its last word. */
function sameHashAs(short: Buffer): Buffer {
  const long = Buffer.concat([short, Buffer.alloc(14)]);
  const view = viewOf(long);
  const length = long.length;
  const middle = (length - 4) >>> 1;
  let before = Math.imul(length ^ view.getInt32(0, true), 0x9e3779b1);
  before = Math.imul(before ^ view.getInt32(middle, true), 0x85ebca6b);
  const target = hashOf(short);
  // hash = mixed ^ (mixed >>> 15): the upper 15 bits are as they were, the others follow from them.
  let mixed = target;
  for (let round = 0; round < 3; round++) mixed = target ^ (mixed >>> 15);
  view.setInt32(length - 4, Math.imul(mixed, inverseOf(0xc2b2ae35)) ^ before, true);
  return long;
}

/** Of an odd number modulo 2^32, by Newton's method: each step doubles the bits that are right. */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let step = 0; step < 5; step++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse;
}
