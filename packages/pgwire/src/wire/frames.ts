import { brokenProtocol } from '../errors.ts';

/** One message as it came, without its length: nothing is known of its content yet. */
export interface Frame {
  /** The type byte as a character; empty during start-up, where messages have none (54.7, StartupMessage). */
  readonly type: string;
  readonly body: Buffer;
}

/** What may come next: whether it has a type byte, and how long it may be. */
export interface FrameRule {
  readonly typed: boolean;
  /** The longest body of a message of this type, or `undefined` when no message of this type may come. */
  readonly maxBytes: (type: string) => number | undefined;
}

const LENGTH_BYTES = 4;
/** Above this an emptied buffer is given back, so that one large statement does not stay for the whole session. */
const KEPT_BYTES = 65_536;

/**
 * Cuts the bytes of a connection into messages (54.1.1, "Messaging Overview"), whatever pieces they come in. Nothing
 * is kept that the rule of the moment does not allow: a message is refused by its header, before its body is read.
 */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** Bytes that have come and are not yet part of a message that was read. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    const buffered = this.bufferedBytes;
    if (this.#end + chunk.length > this.#bytes.length) {
      const wanted = buffered + chunk.length;
      // Room for as much again, so that what is kept is moved rarely, however small the pieces are.
      const target = 2 * wanted <= this.#bytes.length ? this.#bytes : Buffer.allocUnsafe(2 * wanted);
      this.#bytes.copy(target, 0, this.#start, this.#end);
      this.#bytes = target;
      this.#start = 0;
      this.#end = buffered;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole message, or `undefined` until more bytes have come.
   *
   * @throws {SqlError} FATAL 08P01 when the header announces what may not come.
   */
  next(rule: FrameRule): Frame | undefined {
    const headerBytes = (rule.typed ? 1 : 0) + LENGTH_BYTES;
    // The type is judged as soon as it is there: whoever speaks another protocol is told at the first byte.
    if (this.bufferedBytes === 0) return undefined;
    const type = rule.typed ? String.fromCharCode(this.#bytes[this.#start] ?? 0) : '';
    const maxBytes = rule.maxBytes(type);
    if (maxBytes === undefined) throw brokenProtocol(`invalid frontend message type ${type.charCodeAt(0)}`);
    if (this.bufferedBytes < headerBytes) return undefined;

    const length = this.#bytes.readInt32BE(this.#start + headerBytes - LENGTH_BYTES);
    const bodyBytes = length - LENGTH_BYTES;
    if (bodyBytes < 0 || bodyBytes > maxBytes) throw brokenProtocol('invalid message length');
    if (this.bufferedBytes < headerBytes + bodyBytes) return undefined;

    const from = this.#start + headerBytes;
    const body = Buffer.from(this.#bytes.subarray(from, from + bodyBytes));
    this.#start = from + bodyBytes;
    if (this.#start === this.#end) this.#emptied();
    return { type, body };
  }

  #emptied(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.alloc(0);
  }
}
