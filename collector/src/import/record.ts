import type { OutgoingSpan } from './outgoing-span.ts';

/** Where in the file something stands, for people: the first row of data is row 1. */
export interface Place {
  readonly row: number;
  readonly line: number;
}

/**
 * One row of a file before it is understood: of a CSV file texts by the names of its columns, of JSON what stood there,
 * but numbers as the text they were written in, so that no digit is lost.
 */
export interface FileRecord extends Place {
  readonly content: RecordContent;
}

export type RecordContent =
  | { readonly kind: 'fields'; readonly fields: Fields }
  /** It cannot be read at all. */
  | { readonly kind: 'broken'; readonly expected: string; readonly found: string };

export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with a row, and what was expected instead. */
export interface Problem {
  /** The column or field; null when it is the row as a whole. */
  readonly field: string | null;
  readonly expected: string;
  readonly found: string;
}

/** What a row comes to. */
export type Understood =
  | { readonly kind: 'span'; readonly span: OutgoingSpan }
  /** Rightly in such a file, but nothing that anybody was charged for. */
  | { readonly kind: 'passed_over'; readonly reason: string }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

export function problem(field: string | null, expected: string, found: unknown): Understood {
  return { kind: 'problems', problems: [{ field, expected, found: shown(found) }] };
}

const MAX_SHOWN_CHARACTERS = 80;

/** A value as people are shown it, cut where it is long: it may be a prompt. */
export function shown(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? typeof value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS - 1)}…` : text;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name, id or number as text; null where nothing stands, and for what is no scalar. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value.trim() === '' ? null : value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  return null;
}

const WHOLE_NUMBER = /^(\d{1,13})(?:\.0*)?$/;
/** As for spans: no call has more, and the bound keeps every sum a safe integer. */
const MAX_COUNT = 1_000_000_000_000;

/** A count as a whole number, or null. `1200.0` is what some tools make of whole numbers; `1,200` is none. */
export function countOf(value: unknown): number | null {
  const [, digits] = WHOLE_NUMBER.exec(textOf(value)?.trim() ?? '') ?? [];
  if (digits === undefined) return null;
  const count = Number(digits);
  return count <= MAX_COUNT ? count : null;
}

/** Fields that hold others come as such from JSON, and as a JSON text from CSV. */
export function fieldsOf(value: unknown): Fields | null {
  if (isFields(value)) return value;
  if (typeof value !== 'string' || !value.trimStart().startsWith('{')) return null;
  const parsed = parseJson(value);
  return isFields(parsed) ? parsed : null;
}

/** Numbers become the text they were written in: an amount of money must not pass through a binary float. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value,
    );
  } catch {
    return undefined;
  }
}

/** The first of some names under which a value stands: exports of one product differ in how they spell. */
export function firstOf(fields: Fields, ...names: readonly string[]): unknown {
  for (const name of names) {
    const value = fields[name];
    if (value !== undefined && value !== null && value !== '') return value;
  }
  return undefined;
}

/** What stands at a path such as `metadata.customer`, also through texts of JSON. */
export function valueAt(fields: Fields, path: string): unknown {
  if (path in fields) return fields[path];
  const dot = path.indexOf('.');
  if (dot < 0) return undefined;
  const inner = fieldsOf(fields[path.slice(0, dot)]);
  return inner === null ? undefined : valueAt(inner, path.slice(dot + 1));
}
