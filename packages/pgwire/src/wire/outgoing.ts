/** A message is written whole before it leaves, so this is the room that most rows find. */
const INITIAL_BYTES = 65_536 + 8_192;
/** Up to here a loop over the characters is faster than the call that copies them. */
const SHORT_CHARACTERS = 24;

/**
 * What is to be sent, as one run of bytes: rows are encoded straight into it, a length being filled in when its end is
 * known. `take` hands the bytes over; they are not written to again.
 */
export class Outgoing {
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    // Few bytes are copied, so that a short answer does not keep a large buffer while it waits to be sent.
    if (this.#length < INITIAL_BYTES >> 4) {
      const copy = Buffer.from(taken);
      this.#length = 0;
      return copy;
    }
    this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#length = 0;
    return taken;
  }

  /** Forgets what was written after `length`, such as the first half of a row that cannot be encoded. */
  cut(length: number): void {
    this.#length = length;
  }

  /** What was written from `from` on, as text. */
  textSince(from: number): string {
    return this.#bytes.toString('utf8', from, this.#length);
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  int16(value: number): void {
    this.#room(2);
    this.#length = this.#bytes.writeInt16BE(value, this.#length);
  }

  /** A count of up to 65,535. */
  count(value: number): void {
    this.#room(2);
    this.#length = this.#bytes.writeUInt16BE(value, this.#length);
  }

  int32(value: number): void {
    this.#room(4);
    this.#put32(this.#length, value);
    this.#length += 4;
  }

  uint32(value: number): void {
    this.int32(value | 0);
  }

  int64(value: bigint): void {
    this.#room(8);
    this.#length = this.#bytes.writeBigInt64BE(value, this.#length);
  }

  float32(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeFloatBE(value, this.#length);
  }

  float64(value: number): void {
    this.#room(8);
    this.#length = this.#bytes.writeDoubleBE(value, this.#length);
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Text of which every character is known to be ASCII: digits, dates, names of types. */
  ascii(text: string): void {
    const { length } = text;
    this.#room(length);
    if (length > SHORT_CHARACTERS) {
      this.#length += this.#bytes.write(text, this.#length, length, 'latin1');
      return;
    }
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  /** The last `count` decimal digits of a number that is not negative, zeros in front included. */
  digits(value: number, count: number): void {
    this.#room(count);
    const bytes = this.#bytes;
    let rest = value;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const next = Math.floor(rest / 10);
      bytes[at] = 0x30 + (rest - 10 * next);
      rest = next;
    }
    this.#length += count;
  }

  text(text: string): void {
    const { length } = text;
    this.#room(3 * length);
    if (length <= SHORT_CHARACTERS) {
      const bytes = this.#bytes;
      let at = this.#length;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      if (i === length) {
        this.#length = at;
        return;
      }
    }
    this.#length += this.#bytes.write(text, this.#length, 3 * length, 'utf8');
  }

  /** A `String` of the protocol. A NUL would end it early and shift all that follows, so it cannot be part of one. */
  cstring(text: string): void {
    this.text(text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text);
    this.byte(0);
  }

  /** Leaves room for a length, and says where. */
  reserveLength(): number {
    this.#room(4);
    const at = this.#length;
    this.#length += 4;
    return at;
  }

  /** Fills in the length of a value: of what follows the length itself. */
  fillValueLength(at: number): void {
    this.#put32(at, this.#length - at - 4);
  }

  /** Begins a message of this type; `end` takes what this returns. */
  begin(type: string): number {
    this.byte(type.charCodeAt(0));
    return this.reserveLength();
  }

  /** Fills in the length of a message, which counts the length itself. */
  end(at: number): void {
    this.#put32(at, this.#length - at);
  }

  #put32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #room(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
