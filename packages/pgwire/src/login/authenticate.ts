import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Backend, Credential, Login } from '../backend.ts';
import { brokenProtocol, SQLSTATE, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { BodyReader, decodeText } from '../wire/body.ts';
import type { FrameRule } from '../wire/frames.ts';
import { authenticationSasl, authenticationSaslContinue, authenticationSaslFinal } from '../wire/replies.ts';
import type { Wire } from '../wire/wire.ts';
import { endPointHash } from './channel-binding.ts';
import { type Challenge, challenge, SCRAM, SCRAM_PLUS } from './scram.ts';
import { mockVerifier, parseVerifier, type Verifier } from './verifier.ts';

/** How users are told apart from those there are none of: not at all. */
export interface Doorkeeper {
  readonly backend: Backend;
  readonly limits: Limits;
  /** For users there are none of: the iterations that real verifiers have, and what their salts are made of. */
  readonly mockIterations: number;
  readonly mockSecret: Buffer;
}

/** The server's part of the nonce of an exchange. */
const NONCE_BYTES = 18;

/**
 * Makes sure that the user is who they say (54.3, "SASL Authentication"). An unknown user goes through the same
 * exchange as one with a wrong password, and both wait as long for the same answer.
 *
 * @returns `gone` when the client gave up
 * @throws {SqlError} FATAL 28P01 and, for exchanges that are none, 08P01, 0A000 or 28000
 */
export async function authenticate(
  wire: Wire,
  login: Login,
  { backend, limits, mockIterations, mockSecret }: Doorkeeper,
): Promise<'authenticated' | 'gone'> {
  const credential = await backend.credentialOf(login);
  if (credential?.kind === 'trust') return 'authenticated';
  const verifier = verifierOf(credential) ?? mockVerifier(login.user, mockSecret, mockIterations);
  const outcome = await exchange(wire, limits, verifier);
  if (outcome === 'gone') return 'gone';
  if (outcome === 'right' && credential !== null) return 'authenticated';
  await wait(limits.authenticationFailureDelayMs);
  throw new SqlError(SQLSTATE.invalidPassword, `password authentication failed for user "${login.user}"`, {
    severity: 'FATAL',
  });
}

function verifierOf(credential: Credential | null): Verifier | undefined {
  if (credential?.kind !== 'scram-sha-256') return undefined;
  const verifier = parseVerifier(credential.verifier);
  if (verifier === undefined) throw new TypeError('what the backend keeps of a user is no SCRAM verifier');
  return verifier;
}

async function exchange(wire: Wire, limits: Limits, verifier: Verifier): Promise<'right' | 'wrong' | 'gone'> {
  const endPoint = endPointHash(wire.tls);
  // The strongest first: clients take the first one they can.
  authenticationSasl(wire.out, endPoint === undefined ? [SCRAM] : [SCRAM_PLUS, SCRAM]);
  wire.flush();

  const initial = await nextMessage(wire, limits);
  if (initial === undefined) return 'gone';
  const body = new BodyReader(initial);
  const mechanism = body.text();
  if (mechanism !== SCRAM && !(mechanism === SCRAM_PLUS && endPoint !== undefined))
    throw brokenProtocol('client selected an invalid SASL authentication mechanism');
  const length = body.int32();
  let first: Buffer | undefined = length === -1 ? undefined : body.bytes(length);
  body.end();
  if (first === undefined) {
    // A client may wait to be asked for its first message.
    authenticationSaslContinue(wire.out, '');
    wire.flush();
    first = await nextMessage(wire, limits);
    if (first === undefined) return 'gone';
  }

  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  const asked: Challenge = challenge(decodeText(first), verifier, { mechanism, endPoint }, nonce);
  authenticationSaslContinue(wire.out, asked.message);
  wire.flush();

  const final = await nextMessage(wire, limits);
  if (final === undefined) return 'gone';
  const last = asked.answer(decodeText(final));
  if (last === undefined) return 'wrong';
  authenticationSaslFinal(wire.out, last);
  return 'right';
}

async function nextMessage(wire: Wire, limits: Limits): Promise<Buffer | undefined> {
  const rule: FrameRule = {
    typed: true,
    maxBytes: (type) => (type === 'p' ? limits.saslBytes : undefined),
  };
  return (await wire.next(rule))?.body;
}
