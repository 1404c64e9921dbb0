import { SQLSTATE, SqlError } from '../errors.ts';
import { BodyReader } from '../wire/body.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import { type TypeCodec, unfit, type Value } from './codec.ts';
import type { Zone } from './zone.ts';

type Item = Value | null;

/** As PostgreSQL's own bound; deeper is a mistake. */
const MAX_DIMENSIONS = 6;

/** Arrays of a type: one dimension, or nested ones of which all rows are of the same length. */
export function arrayOf(element: TypeCodec): TypeCodec {
  const name = `${element.name}[]`;
  return {
    name,
    oid: element.arrayOid,
    arrayOid: 0,
    size: -1,
    plainInArrays: false,
    writeText: (out, value, zone) => writeItems(out, asItems(name, value), element, zone),
    writeBinary(out, value) {
      const items = asItems(name, value);
      const dimensions = dimensionsOf(items);
      if (dimensions === undefined) throw new TypeError('the rows of a nested array are not of one length');
      writeHeader(out, dimensions, items, element, 1);
      writeBinaryItems(out, items, element);
    },
    readText: (text, zone) => readText(text, element, zone),
    readBinary: (bytes) => readBinary(bytes, element),
  };
}

/**
 * The catalogue's own arrays (`int2vector`, `oidvector`): text with blanks between, and counted from 0 in binary.
 */
export function vectorOf(
  element: TypeCodec,
  names: { readonly name: string; readonly oid: number; readonly arrayOid: number },
): TypeCodec {
  return {
    ...names,
    size: -1,
    plainInArrays: false,
    writeText(out, value, zone) {
      for (const [i, item] of asItems(names.name, value).entries()) {
        if (item === null) throw unfit(names.name, 'NULL');
        if (i > 0) out.ascii(' ');
        element.writeText(out, item, zone);
      }
    },
    writeBinary(out, value) {
      const items = asItems(names.name, value);
      // One dimension even when there is nothing in it.
      writeHeader(out, [items.length], items, element, 0);
      writeBinaryItems(out, items, element);
    },
    readText: (text, zone) =>
      text
        .trim()
        .split(/\s+/)
        .filter((item) => item !== '')
        .map((item) => element.readText(item, zone)),
    readBinary: (bytes) => readBinary(bytes, element),
  };
}

function isItems(value: Item): value is readonly Item[] {
  return Array.isArray(value);
}

function asItems(name: string, value: Value): readonly Item[] {
  if (!isItems(value)) throw unfit(name, value);
  return value;
}

// Text

/** What an element may not contain without quotes. The word NULL, in any case, is NULL itself. */
const NEEDS_QUOTES = /^$|[\s{}",\\]|^null$/i;

function writeItems(out: Outgoing, items: readonly Item[], element: TypeCodec, zone: Zone): void {
  out.ascii('{');
  for (const [i, item] of items.entries()) {
    if (i > 0) out.ascii(',');
    if (item === null) out.ascii('NULL');
    else if (isItems(item)) writeItems(out, item, element, zone);
    else writeItem(out, item, element, zone);
  }
  out.ascii('}');
}

function writeItem(out: Outgoing, item: Value, element: TypeCodec, zone: Zone): void {
  const at = out.length;
  element.writeText(out, item, zone);
  if (element.plainInArrays) return;
  const text = out.textSince(at);
  if (!NEEDS_QUOTES.test(text)) return;
  out.cut(at);
  out.text(`"${text.replace(/["\\]/g, '\\$&')}"`);
}

/** `{1,NULL,3}`, `{{"a b",c},{d,e}}`; bounds in front (`[0:1]={…}`) are read and forgotten. */
function readText(text: string, element: TypeCodec, zone: Zone): readonly Item[] {
  const start = /^\s*(?:(?:\[[+-]?\d{1,9}(?::[+-]?\d{1,9})?\])+\s*=)?\s*/.exec(text)?.[0].length ?? 0;
  const parser = new ArrayParser(text, start, (item) => element.readText(item, zone));
  return parser.whole();
}

/** Goes once over the text, from left to right. */
class ArrayParser {
  readonly #text: string;
  readonly #read: (item: string) => Value;
  #at: number;

  constructor(text: string, at: number, read: (item: string) => Value) {
    this.#text = text;
    this.#at = at;
    this.#read = read;
  }

  whole(): readonly Item[] {
    const items = this.#items(1);
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#malformed();
    if (dimensionsOf(items) === undefined) throw this.#malformed();
    return items;
  }

  #items(depth: number): readonly Item[] {
    if (this.#text[this.#at] !== '{' || depth > MAX_DIMENSIONS) throw this.#malformed();
    this.#at++;
    this.#blanks();
    const items: Item[] = [];
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return items;
    }
    while (true) {
      this.#blanks();
      items.push(this.#text[this.#at] === '{' ? this.#items(depth + 1) : this.#item());
      this.#blanks();
      const next = this.#text[this.#at++];
      if (next === '}') return items;
      if (next !== ',') throw this.#malformed();
    }
  }

  #item(): Item {
    return this.#text[this.#at] === '"' ? this.#read(this.#quoted()) : this.#unquoted();
  }

  #quoted(): string {
    let item = '';
    this.#at++;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at++];
      if (character === '"') return item;
      item += character === '\\' ? (this.#text[this.#at++] ?? '') : character;
    }
    throw this.#malformed();
  }

  #unquoted(): Item {
    let item = '';
    let isEscaped = false;
    while (this.#at < this.#text.length && !/[,{}"]/.test(this.#text[this.#at] ?? '')) {
      const character = this.#text[this.#at++];
      isEscaped ||= character === '\\';
      item += character === '\\' ? (this.#text[this.#at++] ?? '') : character;
    }
    item = item.trim();
    if (item === '') throw this.#malformed();
    return !isEscaped && item.toUpperCase() === 'NULL' ? null : this.#read(item);
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #malformed(): SqlError {
    return new SqlError(SQLSTATE.invalidTextRepresentation, `malformed array literal: "${this.#text}"`);
  }
}

/** The length of each dimension; `undefined` when rows differ, or items and rows are mixed. */
function dimensionsOf(items: readonly Item[]): readonly number[] | undefined {
  if (items.length === 0) return [];
  const [first] = items;
  if (first === undefined || !isItems(first)) return items.some(isItems) ? undefined : [items.length];
  const inner = dimensionsOf(first);
  if (inner === undefined || inner.length === 0) return undefined;
  for (const item of items.slice(1)) {
    if (!isItems(item)) return undefined;
    const dimensions = dimensionsOf(item);
    if (dimensions === undefined || dimensions.join() !== inner.join()) return undefined;
  }
  return [items.length, ...inner];
}

// Binary: dimensions, whether there are NULLs, the type of the items, length and lower bound of each dimension, items.

function writeHeader(
  out: Outgoing,
  dimensions: readonly number[],
  items: readonly Item[],
  element: TypeCodec,
  lowerBound: number,
): void {
  out.int32(dimensions.length);
  out.int32(hasNull(items) ? 1 : 0);
  out.uint32(element.oid);
  for (const length of dimensions) {
    out.int32(length);
    out.int32(lowerBound);
  }
}

function hasNull(items: readonly Item[]): boolean {
  return items.some((item) => item === null || (isItems(item) && hasNull(item)));
}

function writeBinaryItems(out: Outgoing, items: readonly Item[], element: TypeCodec): void {
  for (const item of items) {
    if (item === null) out.int32(-1);
    else if (isItems(item)) writeBinaryItems(out, item, element);
    else {
      const at = out.reserveLength();
      element.writeBinary(out, item);
      out.fillValueLength(at);
    }
  }
}

function readBinary(bytes: Buffer, element: TypeCodec): readonly Item[] {
  const reader = new BodyReader(bytes);
  const depth = reader.int32();
  if (depth < 0 || depth > MAX_DIMENSIONS) throw invalidBinary(`${depth} dimensions`);
  reader.int32();
  const itemOid = reader.uint32();
  if (itemOid !== element.oid) throw invalidBinary(`items of type ${itemOid} instead of ${element.oid}`);
  const lengths: number[] = [];
  for (let i = 0; i < depth; i++) {
    lengths.push(reader.int32());
    reader.int32();
  }
  const isEmpty = depth === 0 || (depth === 1 && lengths[0] === 0);
  // Every item has at least a length, so more than that were never sent: nothing is allocated by a number alone.
  const count = lengths.reduce((product, length) => product * length, 1);
  if (!isEmpty && (lengths.some((length) => length < 1) || count > reader.remainingBytes / 4))
    throw invalidBinary('dimensions');
  const items = isEmpty ? [] : readRows(reader, lengths, element);
  reader.end();
  return items;
}

function readRows(reader: BodyReader, [length = 0, ...inner]: readonly number[], element: TypeCodec): Item[] {
  return Array.from({ length }, () => {
    if (inner.length > 0) return readRows(reader, inner, element);
    const itemBytes = reader.int32();
    return itemBytes === -1 ? null : element.readBinary(reader.bytes(itemBytes));
  });
}

function invalidBinary(what: string): SqlError {
  return new SqlError(SQLSTATE.invalidBinaryRepresentation, `invalid array in binary format: ${what}`);
}
