/**
 * JSON with every number as the text that stands in the file. A price that passes through a binary float can lose
 * digits or gain some (0.1 + 0.2), and nobody would see it; its own text cannot.
 */
export type JsonValue = string | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export type ReadJson =
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'not_json'; readonly detail: string };

export function readExactJson(text: string): ReadJson {
  try {
    const value: JsonValue = JSON.parse(text, numbersAsText);
    return { kind: 'json', value };
  } catch (error) {
    // Nested so deeply that walking it does not fit on the stack (RangeError), which no list is.
    if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error;
    return { kind: 'not_json', detail: error.message };
  }
}

/** The third argument holds the source text of primitive values (ECMAScript 2026, `JSON.parse` source text access). */
function numbersAsText(_key: string, value: JsonValue | number, context?: { readonly source?: string }) {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
