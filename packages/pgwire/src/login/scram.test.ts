import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Binding, challenge, SCRAM, SCRAM_PLUS } from './scram.ts';
import { parseVerifier, scramVerifier, type Verifier } from './verifier.ts';

const UNBOUND: Binding = { mechanism: SCRAM, endPoint: undefined };

async function verifierOf(password: string, salt: Uint8Array): Promise<Verifier> {
  const verifier = parseVerifier(await scramVerifier(password, { salt }));
  if (verifier === undefined) throw new Error('no verifier');
  return verifier;
}

/** The client's last message, computed the other way around: from the password. */
function proven(password: string, clientFirstBare: string, serverFirst: string, channel: string): string {
  const [, nonce = '', salt = ''] = /^r=(.*),s=(.*),i=4096$/.exec(serverFirst) ?? [];
  const withoutProof = `c=${channel},r=${nonce}`;
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), 4_096, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(
    createHash('sha256').update(clientKey).digest(),
    `${clientFirstBare},${serverFirst},${withoutProof}`,
  );
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
  return `${withoutProof},p=${proof.toString('base64')}`;
}

describe('SCRAM-SHA-256', () => {
  it('is the exchange of RFC 7677, section 3', async () => {
    const verifier = await verifierOf('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
    const exchange = challenge(
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      verifier,
      UNBOUND,
      '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    );
    expect(exchange.message).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    expect(
      exchange.answer(
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      ),
    ).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  it('a wrong password is no proof', async () => {
    const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
    const exchange = challenge('n,,n=,r=abc', verifier, UNBOUND, 'def');
    expect(exchange.answer(proven('pen', 'n=,r=abc', exchange.message, 'biws'))).toBeUndefined();
  });

  it('with a bound channel the certificate is part of the proof', async () => {
    const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
    const endPoint = Buffer.alloc(32, 7);
    const header = 'p=tls-server-end-point,,';
    const exchange = challenge(`${header}n=,r=abc`, verifier, { mechanism: SCRAM_PLUS, endPoint }, 'def');
    const channel = (hash: Buffer) => Buffer.concat([Buffer.from(header), hash]).toString('base64');
    expect(exchange.answer(proven('pencil', 'n=,r=abc', exchange.message, channel(endPoint)))).toMatch(/^v=/);
    // Somebody in between has a certificate of their own.
    expect(() =>
      exchange.answer(proven('pencil', 'n=,r=abc', exchange.message, channel(Buffer.alloc(32, 8)))),
    ).toThrow('channel binding check failed');
  });

  it('a client that thinks we cannot bind the channel, although we offered, has been lied to', async () => {
    const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
    const offered: Binding = { mechanism: SCRAM, endPoint: Buffer.alloc(32) };
    expect(() => challenge('y,,n=,r=abc', verifier, offered, 'def')).toThrow(
      expect.objectContaining({ code: '28000', severity: 'FATAL' }),
    );
    expect(challenge('n,,n=,r=abc', verifier, offered, 'def').message).toMatch(/^r=abcdef,/);
    expect(challenge('y,,n=,r=abc', verifier, UNBOUND, 'def').message).toMatch(/^r=abcdef,/);
  });

  it.each([
    ['', '08P01'],
    ['n,,', '08P01'],
    ['n,,n=user', '08P01'],
    ['n,,n=user,r=', '08P01'],
    ['n,,n=user,r=a\u0000b', '08P01'],
    ['n,a=admin,n=user,r=abc', '0A000'],
    ['n,,m=ext,n=user,r=abc', '0A000'],
    ['p=tls-unique,,n=user,r=abc', '08P01'],
    ['p=tls-server-end-point,,n=user,r=abc', '08P01'],
    ['x,,n=user,r=abc', '08P01'],
  ])('%j is refused with %s', async (first, code) => {
    const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
    expect(() => challenge(first, verifier, UNBOUND, 'def')).toThrow(expect.objectContaining({ code }));
  });

  it.each(['', 'c=biws', 'c=biws,r=abcdef,p=', 'c=biws,r=abcdef,p=AAAA', 'r=abcdef,c=biws,p=AAAA'])(
    '%j is no answer to a challenge',
    async (final) => {
      const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
      const exchange = challenge('n,,n=,r=abc', verifier, UNBOUND, 'def');
      expect(() => exchange.answer(final)).toThrow(expect.objectContaining({ code: '08P01' }));
    },
  );

  it('an answer to another challenge is refused', async () => {
    const verifier = await verifierOf('pencil', Buffer.alloc(16, 1));
    const exchange = challenge('n,,n=,r=abc', verifier, UNBOUND, 'def');
    const other = exchange.message.replace('r=abcdef', 'r=abcxyz');
    expect(() => exchange.answer(proven('pencil', 'n=,r=abc', other, 'biws'))).toThrow(
      'nonce does not match',
    );
    // `eSws` is another header than the one that the client began with.
    expect(() => exchange.answer(proven('pencil', 'n=,r=abc', exchange.message, 'eSws'))).toThrow(
      'channel binding check failed',
    );
  });
});
