import type { Attributes, AttributeValue } from '@spanledger/metering';
import { hashBytes, sameBytes, viewOf } from './bytes.ts';

const NOT_WANTED = -1;

/**
 * The attribute names that metering reads. A name in a protobuf body is looked up by its bytes, so the names that
 * nobody wants (about half of them, and all of the prompt texts) never become strings.
 *
 * Every key owns a place, numbered from 0. There are no keys by prefix: what a body says must not decide how much
 * memory the reader takes, and every name that metering understands is known beforehand.
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

  constructor(keys: Iterable<string>) {
    const unique = [...new Set(keys)];
    this.size = unique.length;
    this.#names = unique;
    this.#places = new Map(unique.map((key, place) => [key, place]));

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
}

/**
 * The attributes of one span or resource while they are read; one of these serves all the spans of a body, so that
 * what they keep is allocated once and in its size.
 */
export class GatheredAttributes {
  readonly #wanted: WantedAttributes;
  readonly #none: ReadAttributes;
  readonly #places: number[] = [];
  readonly #values: (AttributeValue | undefined)[] = [];
  #count = 0;

  constructor(wanted: WantedAttributes) {
    this.#wanted = wanted;
    this.#none = new ReadAttributes(wanted, [], []);
  }

  /** The last of several values for one place counts, also when it is undefined: that one could not be read. */
  set(place: number, value: AttributeValue | undefined): void {
    let index = 0;
    while (index < this.#count && this.#places[index] !== place) index++;
    this.#places[index] = place;
    this.#values[index] = value;
    if (index === this.#count) this.#count++;
  }

  /** What was gathered since the last time. */
  take(): ReadAttributes {
    const count = this.#count;
    if (count === 0) return this.#none;
    this.#count = 0;
    return new ReadAttributes(this.#wanted, this.#places.slice(0, count), this.#values.slice(0, count));
  }
}

/**
 * The attributes of a span or resource: the few of the wanted keys that came, in the order they came in. Hundreds of
 * keys are wanted, and a span has about twenty of them: an array with a place for each would take four kilobytes a span
 * and had to be searched for the keys that came; a `Map` takes twelve times as long to fill.
 */
export class ReadAttributes implements Attributes {
  readonly #wanted: WantedAttributes;
  readonly #places: readonly number[];
  readonly #values: readonly (AttributeValue | undefined)[];

  constructor(
    wanted: WantedAttributes,
    places: readonly number[],
    values: readonly (AttributeValue | undefined)[],
  ) {
    this.#wanted = wanted;
    this.#places = places;
    this.#values = values;
  }

  get(key: string): AttributeValue | undefined {
    const place = this.#wanted.placeOf(key);
    const places = this.#places;
    for (let index = 0; index < places.length; index++) {
      if (places[index] === place) return this.#values[index];
    }
    return undefined;
  }

  keys(): string[] {
    const keys: string[] = [];
    const values = this.#values;
    for (let index = 0; index < values.length; index++) {
      if (values[index] !== undefined) keys.push(this.#wanted.keyAt(this.#places[index] ?? NOT_WANTED));
    }
    return keys;
  }
}

function tableSizeFor(keys: number): number {
  let size = 16;
  while (size < keys * 4) size *= 2;
  return size;
}
