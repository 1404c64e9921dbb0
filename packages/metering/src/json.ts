import type { AttributeValue } from './span.ts';

/** A value out of a JSON text. Nothing is known about it until it is asked. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/**
 * Texts longer than this are payloads, not usage: parsing them would cost more than everything else that is done
 * with a span. The reader cuts attribute values at the same length.
 */
const MAX_JSON_CHARACTERS = 64 * 1024;

/** The object that an attribute holds as JSON text, or null: several emitters put usage and labels there. */
export function jsonObject(value: AttributeValue | undefined): JsonObject | null {
  const parsed = jsonValue(value, '{');
  return isObject(parsed) ? parsed : null;
}

let recentText = '';
let recentObject: JsonObject | null = null;

/** The same for long texts of which several things are asked one after the other: the last one is parsed once. */
export function recentJsonObject(text: string): JsonObject | null {
  if (text !== recentText) {
    recentObject = jsonObject(text);
    recentText = text;
  }
  return recentObject;
}

/** The same, parsed only where a word stands in the text without which nothing would be found. */
export function jsonWith(word: string, value: AttributeValue | undefined): JsonObject | null {
  return typeof value === 'string' && value.includes(word) ? jsonObject(value) : null;
}

/** The list that an attribute holds, as an OTLP array or as JSON text. */
export function jsonList(value: AttributeValue | undefined): readonly (Json | AttributeValue)[] | null {
  if (typeof value === 'object') return value;
  const parsed = jsonValue(value, '[');
  return Array.isArray(parsed) ? parsed : null;
}

/** The value at a path of keys, or undefined. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let found = value;
  for (const key of path) {
    if (!isObject(found)) return undefined;
    found = found[key];
  }
  return found;
}

/** A JSON value as an attribute value, so that counts and labels have one reader. */
export function scalar(value: Json | undefined): AttributeValue | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function jsonValue(value: AttributeValue | undefined, opening: '{' | '['): Json | undefined {
  if (typeof value !== 'string' || value.length > MAX_JSON_CHARACTERS) return undefined;
  const text = value.trimStart();
  if (!text.startsWith(opening)) return undefined;
  try {
    const parsed: Json = JSON.parse(text);
    return parsed;
  } catch {
    // A text that was cut off or is no JSON says nothing; the span's other attributes still do.
    return undefined;
  }
}
