import { copyBytes, hashBytes, sameBytes, viewOf } from './bytes.ts';

/**
 * Strings by their bytes. Making a string costs a call into the runtime (0.1 to 0.2 µs); the same few models,
 * providers and customers come in every span, and the id of a parent in all its children, and are found here
 * instead. Each hash has one place and newer bytes take it, so neither a flood of unique values nor chosen
 * collisions can make it slow or large.
 */
export class StringCache {
  readonly #encoding: 'utf8' | 'hex';
  readonly #maxBytes: number;
  readonly #mask: number;
  readonly #bytes: DataView;
  readonly #lengths: Uint8Array;
  readonly #hashes: Int32Array;
  readonly #strings: string[];
  /** The hash that wants each place: it gets it when it comes again. Null where the first time is enough. */
  readonly #candidates: Int32Array | null;

  /**
   * `places` is a power of two; `maxBytes`, below 256, is the longest kept. With `keep` on second sight, values that
   * never come again (response ids) push nothing out and cost no copying.
   */
  constructor(
    encoding: 'utf8' | 'hex',
    maxBytes: number,
    places: number,
    keep: 'first sight' | 'second sight',
  ) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
    this.#mask = places - 1;
    this.#bytes = viewOf(new Uint8Array(places * maxBytes));
    this.#lengths = new Uint8Array(places);
    this.#hashes = new Int32Array(places);
    this.#strings = new Array<string>(places).fill('');
    this.#candidates = keep === 'second sight' ? new Int32Array(places) : null;
  }

  /** The bytes of `buffer` from `start` to `end` as a string; what is no UTF-8 becomes U+FFFD. `view` covers `buffer`. */
  read(buffer: Buffer, view: DataView, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return '';
    if (length > this.#maxBytes) return buffer.toString(this.#encoding, start, end);
    const hash = hashBytes(view, start, length);
    const place = hash & this.#mask;
    const at = place * this.#maxBytes;
    // Without the hash, unlike bytes would be told apart only by fetching the kept ones from a slower cache.
    if (
      this.#hashes[place] === hash &&
      this.#lengths[place] === length &&
      sameBytes(view, start, this.#bytes, at, length)
    ) {
      return this.#strings[place] ?? '';
    }
    const string = buffer.toString(this.#encoding, start, end);
    const candidates = this.#candidates;
    if (candidates !== null && candidates[place] !== hash) {
      candidates[place] = hash;
      return string;
    }
    copyBytes(view, start, this.#bytes, at, length);
    this.#hashes[place] = hash;
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
