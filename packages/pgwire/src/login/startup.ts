import type { SecureContext } from 'node:tls';
import { brokenProtocol, SQLSTATE, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { BodyReader } from '../wire/body.ts';
import type { FrameRule } from '../wire/frames.ts';
import type { Wire } from '../wire/wire.ts';

/** What a client that connects wants (54.2.1, "Start-up"). */
export type Opening =
  | {
      readonly kind: 'session';
      /** Of protocol 3. */
      readonly minorVersion: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** Protocol options, none of which is known here. */
      readonly options: readonly string[];
    }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: Buffer }
  | { readonly kind: 'gone' };

/** Numbers that no version of the protocol will have (54.7, CancelRequest, SSLRequest, GSSENCRequest). */
const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;

const MAJOR_VERSION = 3;
/** 54.1.4, "Protocol Versions": 3.2 made the secret of cancel requests longer; 3.1 does not exist. */
export const NEWEST_MINOR_VERSION = 2;
export const NEWEST_VERSION = (MAJOR_VERSION << 16) | NEWEST_MINOR_VERSION;

/** A secret may have any length between these (54.7, CancelRequest). */
const MIN_SECRET_BYTES = 4;
const MAX_SECRET_BYTES = 256;

const OPTION_PREFIX = '_pq_.';

/**
 * Listens until the client says what it wants. Before that it may ask for encryption, which is granted if there is a
 * `secureContext` for it; each kind once, and nothing in the clear may follow a granted request.
 */
export async function readOpening(
  wire: Wire,
  limits: Limits,
  secureContext: (() => SecureContext) | undefined,
): Promise<Opening> {
  const rule: FrameRule = { typed: false, maxBytes: () => limits.startupBytes };
  const asked = new Set<number>();
  while (true) {
    const frame = await wire.next(rule);
    if (frame === undefined) return { kind: 'gone' };
    const body = new BodyReader(frame.body);
    const code = body.int32();
    if ((code === SSL_REQUEST || code === GSSENC_REQUEST) && !asked.has(code)) {
      asked.add(code);
      body.end();
      await answerEncryption(
        wire,
        code === SSL_REQUEST && wire.tls === undefined ? secureContext : undefined,
      );
    } else if (code === CANCEL_REQUEST) return readCancel(body);
    else return readStartup(code, body);
  }
}

async function answerEncryption(wire: Wire, secureContext: (() => SecureContext) | undefined): Promise<void> {
  wire.out.ascii(secureContext === undefined ? 'N' : 'S');
  if (secureContext === undefined) {
    wire.flush();
    return;
  }
  const context = secureContext();
  if (wire.hasUnread) {
    // Not even told that encryption is granted: what it said on top of the request was no request.
    wire.out.cut(0);
    throw brokenProtocol('received unencrypted data after SSL request');
  }
  wire.flush();
  await wire.encrypt(context);
}

function readCancel(body: BodyReader): Opening {
  const processId = body.int32();
  const secret = body.rest();
  if (secret.length < MIN_SECRET_BYTES || secret.length > MAX_SECRET_BYTES)
    throw brokenProtocol('invalid length of cancel request packet');
  return { kind: 'cancel', processId, secret };
}

function readStartup(version: number, body: BodyReader): Opening {
  const major = version >>> 16;
  const minor = version & 0xffff;
  if (major !== MAJOR_VERSION)
    throw new SqlError(
      SQLSTATE.featureNotSupported,
      `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR_VERSION}`,
      { severity: 'FATAL' },
    );
  const parameters = new Map<string, string>();
  const options: string[] = [];
  for (let name = body.text(); name !== ''; name = body.text()) {
    const value = body.text();
    if (name.startsWith(OPTION_PREFIX)) options.push(name);
    else parameters.set(name, value);
  }
  body.end();
  return { kind: 'session', minorVersion: minor, parameters, options };
}

/**
 * The settings within the startup parameter `options`, which are arguments as of a command line: `-c name=value` or
 * `--name=value`, a backslash taking the next character. Anything else there is meant for another server.
 */
export function settingsOfOptions(options: string): readonly (readonly [name: string, value: string])[] {
  const words = [...options.matchAll(/(?:\\[\s\S]|[^\s\\])+/g)].map(([word]) =>
    word.replace(/\\([\s\S])/g, '$1'),
  );
  const settings: (readonly [string, string])[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const setting = word === '-c' ? words[++i] : /^(?:-c|--)([^=]+=[\s\S]*)$/.exec(word)?.[1];
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(setting ?? '') ?? [];
    if (name !== undefined && value !== undefined) settings.push([name.replaceAll('-', '_'), value]);
  }
  return settings;
}
