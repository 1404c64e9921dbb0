import { microsOf } from '../duration.ts';
import { firstLabel } from '../label.ts';
import type { Attributes } from '../span.ts';
import { firstCount } from '../tokens.ts';

/** One number or name that spans can tell, under any of these keys, in order of precedence. */
export interface Reading {
  readonly keys: readonly string[];
  /** Its own among all readings, or that of the few it comes with, so that a number can say which are worth a look. */
  readonly bit: number;
}

/** What there is to read: the attributes, and the bits of the readings of which a key is among them. */
export interface Readable {
  readonly attributes: Attributes;
  readonly readings: number;
}

/** Every reading that was made so far; whole once the modules that make readings are loaded. */
export const ALL_READINGS: Reading[] = [];

const MAX_BITS = 32;
let bits = 0;

/** A bit that no other reading has: for one reading, or for several of which most spans tell none. */
export function newBit(): number {
  if (bits === MAX_BITS) throw new Error('a set of readings has no more bits');
  return 1 << bits++;
}

export function reading(...keys: readonly string[]): Reading {
  return readingUnder(newBit(), ...keys);
}

/** A reading that shares its bit with others: a span that tells one of them is asked for all. */
export function readingUnder(bit: number, ...keys: readonly string[]): Reading {
  const made = { keys, bit };
  ALL_READINGS.push(made);
  return made;
}

export function isTold({ readings }: Readable, bit: number): boolean {
  return (readings & bit) !== 0;
}

export function countOf(from: Readable, { bit, keys }: Reading): number | null {
  return isTold(from, bit) ? firstCount(from.attributes, keys) : null;
}

export function labelOf(from: Readable, { bit, keys }: Reading): string | null {
  return isTold(from, bit) ? firstLabel(from.attributes, keys) : null;
}

/** Microseconds; `microsPerUnit` tells the unit in which the emitters send it. */
export function durationOf(from: Readable, { bit, keys }: Reading, microsPerUnit: number): number | null {
  if (!isTold(from, bit)) return null;
  for (const key of keys) {
    const micros = microsOf(from.attributes.get(key), microsPerUnit);
    if (micros !== null) return micros;
  }
  return null;
}
