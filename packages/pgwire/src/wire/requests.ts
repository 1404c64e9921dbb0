import { malformed } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { BodyReader } from './body.ts';
import type { Frame, FrameRule } from './frames.ts';

/** `text` is for people and `binary` for programs; each type defines both (54.1.3, "Formats and Format Codes"). */
export type Format = 'text' | 'binary';

/** What a client may ask of a session (54.7, "Message Formats"). */
export type Request =
  | { readonly kind: 'query'; readonly sql: string }
  | {
      readonly kind: 'parse';
      readonly statement: string;
      readonly sql: string;
      /** 0 leaves the type of a parameter open. */
      readonly parameterOids: readonly number[];
      readonly bytes: number;
    }
  | {
      readonly kind: 'bind';
      readonly portal: string;
      readonly statement: string;
      /** None: all text. One: for all. Otherwise one for each. */
      readonly parameterFormats: readonly Format[];
      readonly parameters: readonly (Buffer | null)[];
      readonly resultFormats: readonly Format[];
      readonly bytes: number;
    }
  | { readonly kind: 'describe'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | {
      readonly kind: 'execute';
      readonly portal: string;
      /** 0 for all rows. */
      readonly maxRows: number;
    }
  | { readonly kind: 'sync' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'function-call' }
  | { readonly kind: 'copy' }
  | { readonly kind: 'terminate' };

/** Longer than any name of a statement or portal; only messages that carry SQL or parameters may be large. */
const SMALL_MESSAGE_BYTES = 10_000;
const LARGE = new Set(['Q', 'P', 'B', 'F', 'd']);
const SMALL = new Set(['D', 'E', 'C', 'S', 'H', 'X', 'c', 'f']);

/** The messages of a session, after the login. */
export function requestRule(limits: Limits): FrameRule {
  const smallBytes = Math.min(SMALL_MESSAGE_BYTES, limits.messageBytes);
  return {
    typed: true,
    maxBytes: (type) => (LARGE.has(type) ? limits.messageBytes : SMALL.has(type) ? smallBytes : undefined),
  };
}

/**
 * What a frame that fits `requestRule` asks for.
 *
 * @throws {SqlError} 08P01 when the body is not what its type says; the next message can still be read.
 */
export function parseRequest({ type, body }: Frame): Request {
  const reader = new BodyReader(body);
  const request = readRequest(type, reader, body.length);
  // Copy data outside of a copy and function calls are passed over, whatever they say.
  if (request.kind !== 'copy' && request.kind !== 'function-call') reader.end();
  return request;
}

function readRequest(type: string, reader: BodyReader, bytes: number): Request {
  switch (type) {
    case 'Q':
      return { kind: 'query', sql: reader.text() };
    case 'P':
      return {
        kind: 'parse',
        statement: reader.text(),
        sql: reader.text(),
        parameterOids: repeat(reader, () => reader.uint32()),
        bytes,
      };
    case 'B':
      return {
        kind: 'bind',
        portal: reader.text(),
        statement: reader.text(),
        parameterFormats: repeat(reader, () => readFormat(reader)),
        parameters: repeat(reader, () => readParameter(reader)),
        resultFormats: repeat(reader, () => readFormat(reader)),
        bytes,
      };
    case 'D':
      return { kind: 'describe', target: readTarget(reader, 'DESCRIBE'), name: reader.text() };
    case 'C':
      return { kind: 'close', target: readTarget(reader, 'CLOSE'), name: reader.text() };
    case 'E':
      return { kind: 'execute', portal: reader.text(), maxRows: Math.max(0, reader.int32()) };
    case 'S':
      return { kind: 'sync' };
    case 'H':
      return { kind: 'flush' };
    case 'X':
      return { kind: 'terminate' };
    case 'F':
      return { kind: 'function-call' };
    case 'd':
    case 'c':
    case 'f':
      return { kind: 'copy' };
    default:
      throw malformed(`invalid frontend message type ${type.charCodeAt(0)}`);
  }
}

function repeat<T>(reader: BodyReader, read: () => T): readonly T[] {
  // Not allocated by the count: the bytes have to be there first.
  const items: T[] = [];
  for (let count = reader.count(); count > 0; count--) items.push(read());
  return items;
}

function readFormat(reader: BodyReader): Format {
  const code = reader.int16();
  if (code === 0) return 'text';
  if (code === 1) return 'binary';
  throw malformed(`unsupported format code: ${code}`);
}

function readParameter(reader: BodyReader): Buffer | null {
  const bytes = reader.int32();
  if (bytes === -1) return null;
  return reader.bytes(bytes);
}

function readTarget(reader: BodyReader, message: string): 'statement' | 'portal' {
  const target = reader.byte();
  if (target === 0x53) return 'statement';
  if (target === 0x50) return 'portal';
  throw malformed(`invalid ${message} message subtype ${target}`);
}
