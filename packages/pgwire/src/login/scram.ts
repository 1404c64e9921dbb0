import { createHash, timingSafeEqual } from 'node:crypto';
import { malformed, SQLSTATE, SqlError } from '../errors.ts';
import { hmac, KEY_BYTES, type Verifier } from './verifier.ts';

/**
 * The server's side of SCRAM-SHA-256 (54.3.1, "SCRAM-SHA-256 Authentication"; RFC 5802, RFC 7677), as two steps of
 * pure text. With `-PLUS` the proof covers the server's certificate, so that nobody in between can pass it on.
 */
export const SCRAM = 'SCRAM-SHA-256';
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS';

/** How the exchange is bound to the encrypted channel it runs in. */
export interface Binding {
  /** What the client has chosen of what it was offered. */
  readonly mechanism: typeof SCRAM | typeof SCRAM_PLUS;
  /** The hash of the server's certificate (RFC 5929, tls-server-end-point), when `-PLUS` was offered. */
  readonly endPoint: Buffer | undefined;
}

/** After the first message of the client. */
export interface Challenge {
  readonly message: string;
  /**
   * What the client answers, checked.
   *
   * @returns the last message of the server, or `undefined` when the password is wrong
   * @throws {SqlError} 08P01 for an answer that is none
   */
  readonly answer: (clientFinal: string) => string | undefined;
}

const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/;
const END_POINT = 'tls-server-end-point';

/**
 * @param nonce the server's part of the nonce: printable, without commas, new for every exchange
 * @throws {SqlError} 08P01, 0A000, 28000
 */
export function challenge(
  clientFirst: string,
  verifier: Verifier,
  binding: Binding,
  nonce: string,
): Challenge {
  const { header, bare, bound } = readHeader(clientFirst, binding);
  const clientNonce = readFirst(bare);
  const wholeNonce = clientNonce + nonce;
  const serverFirst = `r=${wholeNonce},s=${verifier.salt.toString('base64')},i=${verifier.iterations}`;
  // The client repeats its header, and with `-PLUS` what it believes the server's certificate to be.
  const expectedBinding = Buffer.concat([Buffer.from(header), bound]);

  return {
    message: serverFirst,
    answer(clientFinal) {
      const { withoutProof, channel, nonce: answered, proof } = readFinal(clientFinal);
      if (!expectedBinding.equals(channel))
        throw new SqlError(SQLSTATE.invalidAuthorizationSpecification, 'SCRAM channel binding check failed', {
          severity: 'FATAL',
        });
      if (answered !== wholeNonce) throw malformedScram('nonce does not match');

      const signed = `${bare},${serverFirst},${withoutProof}`;
      const clientSignature = hmac(verifier.storedKey, signed);
      const clientKey = Buffer.from(proof.map((byte, i) => byte ^ (clientSignature[i] ?? 0)));
      const isRight = timingSafeEqual(createHash('sha256').update(clientKey).digest(), verifier.storedKey);
      return isRight ? `v=${hmac(verifier.serverKey, signed).toString('base64')}` : undefined;
    },
  };
}

interface Header {
  readonly header: string;
  /** The message without its header, which is part of what is signed. */
  readonly bare: string;
  readonly bound: Buffer;
}

/** RFC 5802, 6: whether the client binds the channel, could, or cannot. */
function readHeader(clientFirst: string, { mechanism, endPoint }: Binding): Header {
  const match = /^(?:(?<flag>[ny])|p=(?<name>[A-Za-z0-9.-]+)),(?<authzid>[^,]*),(?<bare>.*)$/s.exec(
    clientFirst,
  );
  if (match?.groups === undefined) throw malformedScram('no header');
  const { flag, name, authzid, bare = '' } = match.groups;
  if (authzid !== '')
    throw new SqlError(
      SQLSTATE.featureNotSupported,
      'client uses authorization identity, but it is not supported',
      { severity: 'FATAL' },
    );
  const header = clientFirst.slice(0, clientFirst.length - bare.length);
  if (mechanism === SCRAM_PLUS) {
    if (name === undefined) throw malformedScram('no channel binding with a mechanism that has it');
    if (name !== END_POINT || endPoint === undefined)
      throw malformedScram(`unsupported channel-binding type "${name}"`);
    return { header, bare, bound: endPoint };
  }
  if (name !== undefined) throw malformedScram('channel binding with a mechanism that has none');
  // It could, and believes that we cannot, although we offered: somebody in between took the offer away.
  if (flag === 'y' && endPoint !== undefined)
    throw new SqlError(
      SQLSTATE.invalidAuthorizationSpecification,
      'SCRAM channel binding negotiation error',
      {
        severity: 'FATAL',
        detail: 'The client supports SCRAM channel binding but thinks the server does not.',
      },
    );
  return { header, bare, bound: Buffer.alloc(0) };
}

/** The nonce of the client. Its user name is not looked at: it has said who it is when it connected. */
function readFirst(bare: string): string {
  if (bare.startsWith('m='))
    throw new SqlError(SQLSTATE.featureNotSupported, 'client requires an unsupported SCRAM extension', {
      severity: 'FATAL',
    });
  const nonce = /^n=[^,]*,r=([^,]*)(?:,.*)?$/s.exec(bare)?.[1];
  if (nonce === undefined || !PRINTABLE.test(nonce)) throw malformedScram('no nonce');
  return nonce;
}

function readFinal(clientFinal: string): {
  readonly withoutProof: string;
  readonly channel: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
} {
  const match = /^(c=([A-Za-z0-9+/=]*),r=([^,]*)(?:,.*)?),p=([A-Za-z0-9+/=]*)$/s.exec(clientFinal);
  if (match === null) throw malformedScram('no proof');
  const [, withoutProof = '', channel = '', nonce = '', encodedProof = ''] = match;
  const proof = Buffer.from(encodedProof, 'base64');
  if (proof.length !== KEY_BYTES) throw malformedScram('malformed proof');
  return { withoutProof, channel: Buffer.from(channel, 'base64'), nonce, proof };
}

function malformedScram(why: string): SqlError {
  return malformed(`malformed SCRAM message: ${why}`);
}
