import type { Attributes, AttributeValue } from '@spanledger/metering';
import { hashBytes, sameBytes, viewOf } from './bytes.ts';

/** The values of one span or resource: one place for each wanted key, undefined where the key did not come. */
export type WantedValues = (AttributeValue | undefined)[];

const NOT_WANTED = -1;

/**
 * The attribute names that metering reads. A name in a protobuf body is looked up by its bytes, so the names that
 * nobody wants (about half of them, and all of the prompt texts) never become strings.
 *
 * Every key owns a place, numbered from 0; the attributes of a span are an array with these places. There are no
 * keys by prefix: what a body says must not decide how much memory the reader takes, and every name that metering
 * understands is known beforehand.
 */
export class WantedAttributes {
  readonly size: number;
  readonly #places: ReadonlyMap<string, number>;
  readonly #names: readonly string[];
  /** All key bytes one after the other; key `place` starts at `#starts[place]` and ends where the next starts. */
  readonly #keys: DataView;
  readonly #starts: Int32Array;
  /** Open addressing: a place, or -1 where free. A quarter full at most, so most names need one look. */
  readonly #table: Int32Array;
  readonly #none: WantedValues;

  constructor(keys: Iterable<string>) {
    const unique = [...new Set(keys)];
    this.size = unique.length;
    this.#names = unique;
    this.#places = new Map(unique.map((key, place) => [key, place]));
    this.#none = new Array<undefined>(unique.length).fill(undefined);

    const encoded = unique.map((key) => Buffer.from(key, 'utf8'));
    this.#keys = viewOf(Buffer.concat(encoded));
    this.#starts = new Int32Array(unique.length + 1);
    this.#table = new Int32Array(tableSizeFor(unique.length)).fill(NOT_WANTED);
    let start = 0;
    for (const [place, bytes] of encoded.entries()) {
      let entry = hashBytes(this.#keys, start, bytes.length) & (this.#table.length - 1);
      while (this.#table[entry] !== NOT_WANTED) entry = (entry + 1) & (this.#table.length - 1);
      this.#table[entry] = place;
      start += bytes.length;
      this.#starts[place + 1] = start;
    }
  }

  /** The key that owns a place. */
  keyAt(place: number): string {
    return this.#names[place] ?? '';
  }

  /** The place of a key, or -1 when it is not wanted. */
  placeOf(key: string): number {
    return this.#places.get(key) ?? NOT_WANTED;
  }

  /** The same for a key that is still bytes. */
  placeOfBytes(view: DataView, start: number, length: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let entry = hashBytes(view, start, length) & mask;
    for (;;) {
      const place = table[entry] ?? NOT_WANTED;
      if (place === NOT_WANTED) return NOT_WANTED;
      const keyStart = this.#starts[place] ?? 0;
      const keyEnd = this.#starts[place + 1] ?? 0;
      if (keyEnd - keyStart === length && sameBytes(view, start, this.#keys, keyStart, length)) return place;
      entry = (entry + 1) & mask;
    }
  }

  /** Room for the values of one span: copying an array of undefined is the fastest way to a filled one. */
  newValues(): WantedValues {
    return this.#none.slice();
  }
}

/**
 * The attributes of a span or resource. Measured against a `Map` per span this takes a twelfth of the time to
 * fill, and the place makes equal attributes equal objects, whatever order they came in.
 */
export class ReadAttributes implements Attributes {
  readonly wanted: WantedAttributes;
  readonly values: readonly (AttributeValue | undefined)[];

  constructor(wanted: WantedAttributes, values: readonly (AttributeValue | undefined)[]) {
    this.wanted = wanted;
    this.values = values;
  }

  get(key: string): AttributeValue | undefined {
    const place = this.wanted.placeOf(key);
    return place === NOT_WANTED ? undefined : this.values[place];
  }

  keys(): string[] {
    const keys: string[] = [];
    const { values, wanted } = this;
    for (let place = 0; place < values.length; place++) {
      if (values[place] !== undefined) keys.push(wanted.keyAt(place));
    }
    return keys;
  }
}

function tableSizeFor(keys: number): number {
  let size = 16;
  while (size < keys * 4) size *= 2;
  return size;
}
