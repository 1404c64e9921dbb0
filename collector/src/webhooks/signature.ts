import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Signing and verifying as the Standard Webhooks specification has it ("Signature scheme", symmetric): `v1,` and the
 * base64 of HMAC-SHA256 over `id.timestamp.body`.
 */

export type SigningKey = Buffer;

const SECRET_PREFIX = 'whsec_';
/** Bytes, by the specification. */
const SHORTEST_KEY = 24;
const LONGEST_KEY = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export const SECRET_SHAPE = `${SECRET_PREFIX} and the base64 of ${SHORTEST_KEY} to ${LONGEST_KEY} random bytes`;

/** The keys of one secret, or of several that are separated by spaces; null where any is not of the shape. */
export function signingKeys(secrets: string): readonly SigningKey[] | null {
  const keys: SigningKey[] = [];
  for (const secret of secrets.trim().split(/\s+/)) {
    const text = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : '';
    const key = BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
    if (key.length < SHORTEST_KEY || key.length > LONGEST_KEY) return null;
    keys.push(key);
  }
  return keys;
}

export interface SignedHeaders {
  readonly 'webhook-id': string;
  /** Seconds since the Unix epoch, of this attempt. */
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

export function sign(
  keys: readonly SigningKey[],
  messageId: string,
  timestampSeconds: number,
  payload: string,
): SignedHeaders {
  const timestamp = String(timestampSeconds);
  return {
    'webhook-id': messageId,
    'webhook-timestamp': timestamp,
    'webhook-signature': keys
      .map((key) => `v1,${hmac(key, messageId, timestamp, payload).toString('base64')}`)
      .join(' '),
  };
}

/** Older and younger messages are refused, so that a captured one cannot be sent again for ever. */
const TOLERANCE_SECONDS = 300;

/**
 * What a receiver does: whether the message is from who knows the secret, and of now. The comparison takes the same
 * time wherever the signatures differ.
 */
export function verify(
  keys: readonly SigningKey[],
  headers: Readonly<Partial<Record<keyof SignedHeaders, string | undefined>>>,
  payload: string,
  nowSeconds: number,
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (id === undefined || timestamp === undefined || signatures === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) {
    return false;
  }
  const given = signatures
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'));
  return keys.some((key) => {
    const expected = hmac(key, id, timestamp, payload);
    return given.some(
      (signature) => signature.length === expected.length && timingSafeEqual(signature, expected),
    );
  });
}

function hmac(key: SigningKey, messageId: string, timestamp: string, payload: string): Buffer {
  return createHmac('sha256', key).update(`${messageId}.${timestamp}.${payload}`).digest();
}
