import { describe, expect, it } from 'vitest';
import { endPointHash, hashOfSignature } from './channel-binding.ts';

describe('the hash of tls-server-end-point', () => {
  it.each([
    ['sha256WithRSAEncryption', 'sha256'],
    ['ecdsa-with-SHA384', 'sha384'],
    ['sha1WithRSAEncryption', 'sha256'],
    ['md5WithRSAEncryption', 'sha256'],
    ['ED25519', undefined],
    ['RSASSA-PSS', undefined],
    [undefined, undefined],
  ])('of a certificate signed with %s is %s', (algorithm, hash) => {
    expect(hashOfSignature(algorithm)).toBe(hash);
  });

  it('there is none without encryption', () => {
    expect(endPointHash(undefined)).toBeUndefined();
  });
});
