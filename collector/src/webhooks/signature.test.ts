import { describe, expect, it } from 'vitest';
import { sign, signingKeys, verify } from './signature.ts';
import { keysOf, OTHER_SECRET, SECRET } from './testing/alerts.ts';

const NOW = 1_614_265_330;
const BODY = '{"test": 2432232314}';

describe('a signature', () => {
  it('is that of the example of the specification', () => {
    const keys = keysOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(sign(keys, 'msg_p5jXN8AQM9LWM0D4loKWxJek', NOW, BODY)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is verified by who knows one of the secrets', () => {
    const headers = sign(keysOf(SECRET, OTHER_SECRET), 'msg_1', NOW, BODY);
    expect(verify(keysOf(SECRET), headers, BODY, NOW)).toBe(true);
    expect(verify(keysOf(OTHER_SECRET), headers, BODY, NOW)).toBe(true);
  });

  const headers = sign(keysOf(SECRET), 'msg_1', NOW, BODY);
  it.each([
    ['another body', headers, `${BODY} `, NOW],
    ['another id', { ...headers, 'webhook-id': 'msg_2' }, BODY, NOW],
    ['another time', { ...headers, 'webhook-timestamp': String(NOW + 1) }, BODY, NOW],
    ['a time long ago', headers, BODY, NOW + 301],
    ['a time to come', headers, BODY, NOW - 301],
    ['no signature', { ...headers, 'webhook-signature': '' }, BODY, NOW],
    ['a signature cut short', { ...headers, 'webhook-signature': 'v1,AAAA' }, BODY, NOW],
    ['no headers', {}, BODY, NOW],
  ])('is refused with %s', (_what, given, body, now) => {
    expect(verify(keysOf(SECRET), given, body, now)).toBe(false);
    expect(verify(keysOf(SECRET), headers, BODY, NOW)).toBe(true);
  });

  it('is refused by who knows another secret', () => {
    expect(verify(keysOf(OTHER_SECRET), headers, BODY, NOW)).toBe(false);
  });
});

describe('a secret', () => {
  it.each([
    ['', 'nothing'],
    ['hunter2', 'no prefix'],
    ['whsec_', 'no key'],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, 'a key too short'],
    [`whsec_${Buffer.alloc(65).toString('base64')}`, 'a key too long'],
    ['whsec_not base64 at all, but long enough to be one', 'no base64'],
    [`${SECRET} hunter2`, 'one of two'],
  ])('%j is none: %s', (secret) => {
    expect(signingKeys(secret)).toBeNull();
  });
});
