import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from './saslprep.ts';

/** What the server keeps instead of a password: enough to check a proof, not enough to make one. */
export interface Verifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export const KEY_BYTES = 32;
/** As PostgreSQL, and the least that RFC 7677 allows. A login is computed by the client, once. */
export const DEFAULT_ITERATIONS = 4_096;
const SALT_BYTES = 16;
/** Higher counts would only keep clients busy; a text with one is a mistake. */
const MAX_ITERATIONS = 10_000_000;

const derive = promisify(pbkdf2);

/**
 * The verifier of a password, in the form that PostgreSQL keeps in `pg_authid.rolpassword`:
 * `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 5803; keys by RFC 5802, 3). The password cannot be read
 * from it, but whoever has it can pose as the server and try passwords as fast as they can, so keep it to yourself.
 *
 * @param iterations at least 4,096; the same for all users, because a client sees the number before it has logged in
 */
export async function scramVerifier(
  password: string,
  { iterations = DEFAULT_ITERATIONS, salt = randomBytes(SALT_BYTES) }: VerifierOptions = {},
): Promise<string> {
  if (password === '') throw new RangeError('an empty password is none');
  if (!(Number.isInteger(iterations) && iterations >= DEFAULT_ITERATIONS && iterations <= MAX_ITERATIONS))
    throw new RangeError(`iterations must be ${DEFAULT_ITERATIONS} to ${MAX_ITERATIONS}`);
  const salted = await derive(saslprep(password), salt, iterations, KEY_BYTES, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  const serverKey = hmac(salted, 'Server Key');
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return `SCRAM-SHA-256$${iterations}:${text(salt)}$${text(storedKey)}:${text(serverKey)}`;
}

export interface VerifierOptions {
  readonly iterations?: number;
  /** Random unless it is given, as tests do. */
  readonly salt?: Uint8Array;
}

const BASE64 = '((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)';
const VERIFIER = new RegExp(`^SCRAM-SHA-256\\$(\\d{1,8}):${BASE64}\\$${BASE64}:${BASE64}$`);

/** `undefined` for a text that is no verifier. */
export function parseVerifier(text: string): Verifier | undefined {
  const match = VERIFIER.exec(text);
  if (match === null) return undefined;
  const [, iterationsText, ...encoded] = match;
  const iterations = Number(iterationsText);
  const [salt, storedKey, serverKey] = encoded.map((part) => Buffer.from(part ?? '', 'base64'));
  if (salt === undefined || storedKey?.length !== KEY_BYTES || serverKey?.length !== KEY_BYTES)
    return undefined;
  if (salt.length === 0 || iterations < 1 || iterations > MAX_ITERATIONS) return undefined;
  return { iterations, salt, storedKey, serverKey };
}

/**
 * A verifier for a user there is none of, which no password fits. The salt is the same at every attempt, as that of a
 * real user is; nobody without the secret can tell them apart.
 */
export function mockVerifier(user: string, secret: Buffer, iterations: number): Verifier {
  return {
    iterations,
    salt: hmac(secret, `salt of ${user}`).subarray(0, SALT_BYTES),
    storedKey: randomBytes(KEY_BYTES),
    serverKey: randomBytes(KEY_BYTES),
  };
}

export function hmac(key: Uint8Array, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest();
}
