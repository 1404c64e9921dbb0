import { describe, expect, it } from 'vitest';
import { sha256 } from './sha256.ts';

describe('SHA-256', () => {
  // The examples of FIPS 180-4 and RFC 6234, and lengths around one block.
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
    [
      '0123456701234567012345670123456701234567012345670123456701234567'.repeat(10),
      '594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5',
    ],
  ])('of a published example is the published value', (text, hash) => {
    expect(sha256(text)).toBe(hash);
  });
});
