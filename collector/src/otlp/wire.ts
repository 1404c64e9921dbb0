import { SpanledgerError } from '../errors.ts';
import { viewOf } from './bytes.ts';
import type { Signal } from './signal.ts';

/** Protobuf wire types (protobuf.dev/programming-guides/encoding). */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
const GROUP_START = 3;
const GROUP_END = 4;
export const FIXED32 = 5;

const WIRE_TYPE_NAMES = [
  'varint',
  '64 bits',
  'length-delimited',
  'group start',
  'group end',
  '32 bits',
  '6',
  '7',
];

/** Where a body that is not of this signal may belong. */
const OTHER_SIGNALS: Readonly<Record<Signal, string>> = {
  traces: 'logs go to /v1/logs, metrics are not taken',
  logs: 'traces go to /v1/traces, metrics are not taken',
};

/** The fields of a message that are known, by number: what they are called and how they must be encoded. */
export interface MessageShape {
  readonly name: string;
  readonly fields: readonly (KnownField | undefined)[];
}

interface KnownField {
  readonly name: string;
  readonly wireType: number;
}

export function messageShape(
  name: string,
  fields: Readonly<Record<number, readonly [string, number]>>,
): MessageShape {
  const byNumber: (KnownField | undefined)[] = [];
  for (const [number, [field, wireType]] of Object.entries(fields)) {
    byNumber[Number(number)] = { name: field, wireType };
  }
  // Without holes the array is read faster.
  return { name, fields: Array.from(byNumber) };
}

/**
 * A place in protobuf bytes and the few reads that the wire format is made of. Every read is given the end of the
 * message it belongs to and never passes it; what does not fit throws SL_OTLP_MALFORMED with the byte's number.
 */
export class WireReader {
  readonly buffer: Buffer;
  readonly view: DataView;
  position = 0;
  /** The two words of the varint that `varint64` read last, unsigned: no object for each number. */
  low = 0;
  high = 0;
  readonly #maxDepth: number;
  readonly #signal: Signal;

  constructor(bytes: Uint8Array, maxDepth: number, signal: Signal) {
    // Always a Buffer, whatever came: one type of object keeps the compiled code on its fast path.
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = viewOf(bytes);
    this.#maxDepth = maxDepth;
    this.#signal = signal;
  }

  /** A field's tag: number << 3 | wire type. Never of field number 0. */
  tag(end: number): number {
    const at = this.position;
    const tag = this.uint32(end);
    if (tag < 8) this.malformed(at, 'a field number above 0', 'field number 0');
    return tag;
  }

  /** A length, checked against what is left of the message; returns where the field ends. */
  fieldEnd(end: number): number {
    const at = this.position;
    const length = this.uint32(end);
    const fieldEnd = this.position + length;
    if (fieldEnd > end) {
      this.malformed(
        at,
        `a length of at most ${end - this.position}`,
        `${length}; the body is cut off or damaged`,
      );
    }
    return fieldEnd;
  }

  /** A varint that must fit 32 bits. Nearly all tags and lengths are one byte, which is all this reads itself. */
  uint32(end: number): number {
    const at = this.position;
    if (at < end) {
      const byte = this.view.getUint8(at);
      if (byte < 0x80) {
        this.position = at + 1;
        return byte;
      }
    }
    this.varint64(end);
    if (this.high !== 0) this.malformed(at, 'a number below 2^32', 'a larger one');
    return this.low;
  }

  /** An int64 as a number when that is exact, otherwise as a bigint. */
  int64(end: number): number | bigint {
    this.varint64(end);
    const number = (this.high | 0) * 2 ** 32 + this.low;
    if (Number.isSafeInteger(number)) return number;
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** A varint of up to 64 bits into `low` and `high`. */
  varint64(end: number): void {
    const start = this.position;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const at = start + index;
      if (at >= end)
        this.malformed(start, 'a varint', 'the end of its message; the body is cut off or damaged');
      const byte = this.view.getUint8(at);
      const bits = byte & 0x7f;
      if (index < 4) {
        low |= bits << (index * 7);
      } else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        high |= bits << (index * 7 - 32);
      }
      if (byte < 0x80) {
        if (index === 9 && byte > 1) break;
        this.position = at + 1;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    this.malformed(start, 'a varint of at most 64 bits in 10 bytes', 'a longer one');
  }

  float64(end: number): number {
    const at = this.#advance(8, end);
    return this.view.getFloat64(at, true);
  }

  /** Reads a uint64 of fixed width into `low` and `high`. */
  fixed64(end: number): void {
    const at = this.#advance(8, end);
    this.low = this.view.getUint32(at, true);
    this.high = this.view.getUint32(at + 4, true);
  }

  /**
   * Passes over a field that is not read. A known one must be encoded as its schema says: protobuf would take it
   * for an unknown field, but then the body of another signal would pass as spans without ids.
   */
  skip(tag: number, end: number, message: MessageShape): void {
    const wireType = tag & 7;
    const known = message.fields[tag >>> 3];
    if (known !== undefined && known.wireType !== wireType) {
      this.malformed(
        this.position,
        `${message.name}.${known.name} encoded as ${WIRE_TYPE_NAMES[known.wireType]}`,
        `${WIRE_TYPE_NAMES[wireType]}; the body may be another signal (${OTHER_SIGNALS[this.#signal]})`,
      );
    }
    this.#skipValue(tag, end, 0);
  }

  #skipValue(tag: number, end: number, depth: number): void {
    switch (tag & 7) {
      case VARINT:
        this.varint64(end);
        return;
      case FIXED64:
        this.#advance(8, end);
        return;
      case LENGTH_DELIMITED:
        this.position = this.fieldEnd(end);
        return;
      case GROUP_START:
        this.#skipGroup(tag, end, depth + 1);
        return;
      case FIXED32:
        this.#advance(4, end);
        return;
      default:
        this.malformed(this.position, 'a field', `wire type ${WIRE_TYPE_NAMES[tag & 7]}`);
    }
  }

  /** Groups are deprecated, but an unknown field may be one; it ends with a tag of the same number. */
  #skipGroup(startTag: number, end: number, depth: number): void {
    if (depth > this.#maxDepth)
      this.malformed(this.position, `groups at most ${this.#maxDepth} deep`, 'a deeper one');
    const endTag = (startTag & ~7) | GROUP_END;
    for (;;) {
      const tag = this.tag(end) | 0;
      if (tag === endTag) return;
      this.#skipValue(tag, end, depth);
    }
  }

  #advance(byteCount: number, end: number): number {
    const at = this.position;
    if (byteCount > end - at) {
      this.malformed(at, `${byteCount} bytes`, `${end - at}; the body is cut off or damaged`);
    }
    this.position = at + byteCount;
    return at;
  }

  malformed(at: number, expected: string, got: string): never {
    throw new SpanledgerError(
      'SL_OTLP_MALFORMED',
      `The body is not an OTLP ${this.#signal} request: at byte ${at} expected ${expected}, got ${got}.`,
    );
  }
}
