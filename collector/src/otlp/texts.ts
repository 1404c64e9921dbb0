import { copyBytes, hashBytes, sameBytes, viewOf } from './bytes.ts';

/**
 * Strings by their bytes. Making a string costs a call into the runtime (about 0.1 µs); the same few models,
 * providers and customers come in every span, and the id of a parent in all its children, and are found here
 * instead. Each hash has one place and the newest bytes take it, so neither a flood of unique values nor chosen
 * collisions can make it slow or large.
 */
export class StringCache {
  readonly #encoding: 'utf8' | 'hex';
  readonly #maxBytes: number;
  readonly #mask: number;
  readonly #view: DataView;
  readonly #lengths: Uint8Array;
  readonly #strings: string[];

  /** `places` is a power of two; `maxBytes`, a multiple of 4 below 256, is the longest kept. */
  constructor(encoding: 'utf8' | 'hex', maxBytes: number, places: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
    this.#mask = places - 1;
    this.#view = viewOf(new Uint8Array(places * maxBytes));
    this.#lengths = new Uint8Array(places);
    this.#strings = new Array<string>(places).fill('');
  }

  /** The bytes of `buffer` from `start` to `end` as a string; what is no UTF-8 becomes U+FFFD. `view` covers `buffer`. */
  read(buffer: Buffer, view: DataView, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return '';
    if (length > this.#maxBytes) return buffer.toString(this.#encoding, start, end);
    const place = hashBytes(view, start, length) & this.#mask;
    const at = place * this.#maxBytes;
    if (this.#lengths[place] === length && sameBytes(view, start, this.#view, at, length)) {
      return this.#strings[place] ?? '';
    }
    const string = buffer.toString(this.#encoding, start, end);
    copyBytes(view, start, this.#view, at, length);
    this.#lengths[place] = length;
    this.#strings[place] = string;
    return string;
  }
}

/**
 * Where to cut UTF-8 so that at most `maxBytes` stay and no character is split: a byte 10xxxxxx continues the
 * character before it (RFC 3629, section 3). A character has at most three of those, so bytes that are no UTF-8
 * cannot move the cut further.
 */
export function cutAt(view: DataView, start: number, end: number, maxBytes: number): number {
  if (end - start <= maxBytes) return end;
  const limit = start + maxBytes;
  for (let cut = limit; cut > start && cut > limit - 4; cut--) {
    if ((view.getUint8(cut) & 0xc0) !== 0x80) return cut;
  }
  return limit;
}

/** The same cut for a text that is a string already (JSON). */
export function cutText(text: string, maxBytes: number): string {
  // A UTF-16 unit takes at most three bytes of UTF-8, which spares counting for nearly every text.
  if (text.length * 3 <= maxBytes) return text;
  // No more than `maxBytes` units can be kept, so the rest of a very long text need not be encoded at all.
  const bytes = Buffer.from(text.slice(0, maxBytes + 1), 'utf8');
  if (bytes.length <= maxBytes && text.length <= maxBytes) return text;
  return bytes.toString('utf8', 0, cutAt(viewOf(bytes), 0, bytes.length, maxBytes));
}
