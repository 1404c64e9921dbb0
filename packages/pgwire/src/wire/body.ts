import { malformed, SQLSTATE, SqlError } from '../errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Text of a client. Its encoding is UTF-8, and a NUL byte is no text.
 *
 * @throws {SqlError} 22021
 */
export function decodeText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new SqlError(SQLSTATE.characterNotInRepertoire, 'invalid byte sequence for encoding "UTF8"', {
      cause,
    });
  }
  if (text.includes('\0'))
    throw new SqlError(SQLSTATE.characterNotInRepertoire, 'invalid byte sequence for encoding "UTF8": 0x00');
  return text;
}

/** Reads the body of a message from its beginning to its end (54.6, "Message Data Types"). */
export class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get remainingBytes(): number {
    return this.#body.length - this.#at;
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  int16(): number {
    return this.bytes(2).readInt16BE();
  }

  /** A count: `Int16` on paper, but counts of parameters go up to 65,535. */
  count(): number {
    return this.bytes(2).readUInt16BE();
  }

  int32(): number {
    return this.bytes(4).readInt32BE();
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE();
  }

  bytes(count: number): Buffer {
    if (count < 0 || count > this.remainingBytes) throw malformed('insufficient data left in message');
    const from = this.#at;
    this.#at += count;
    return this.#body.subarray(from, this.#at);
  }

  rest(): Buffer {
    return this.bytes(this.remainingBytes);
  }

  /** A `String`: up to the next NUL. */
  text(): string {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) throw malformed('invalid string in message');
    const text = decodeText(this.#body.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  /** Whoever has read a message whole says so: what is left over means that the two sides do not agree. */
  end(): void {
    if (this.remainingBytes > 0) throw malformed('invalid message format');
  }
}
