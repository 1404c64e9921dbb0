import { fingerprint } from './fingerprint.ts';
import type { Attributes, AttributeValue } from './span.ts';

/** Names of customers, features and models are short; a longer one is a payload that landed in the wrong attribute. */
const MAX_LABEL_CHARACTERS = 1000;
const KEPT_CHARACTERS = 980;

/**
 * A label as it is stored, or null when there is none. Numbers and booleans become text, because ids are often sent
 * as numbers. Blank is none. NUL is replaced, because readers (C strings, the PostgreSQL wire) cannot carry it. All
 * other characters, newlines included, stay as sent.
 */
export function label(value: AttributeValue | undefined): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return labelOfText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : null;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return null;
}

/** The first of these keys that holds a label. */
export function firstLabel(attributes: Attributes, keys: readonly string[]): string | null {
  for (const key of keys) {
    const found = label(attributes.get(key));
    if (found !== null) return found;
  }
  return null;
}

function labelOfText(text: string): string | null {
  // Almost every label starts with a visible character; only the others need the whole text looked at.
  if (!(text.charCodeAt(0) > 0x20) && text.trim() === '') return null;
  const clean = text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
  return clean.length > MAX_LABEL_CHARACTERS ? shortened(clean) : clean;
}

/** Keeps a fingerprint of the whole, so that two long names with the same beginning stay two names. */
function shortened(text: string): string {
  const cutsPair = (text.charCodeAt(KEPT_CHARACTERS - 1) & 0xfc00) === 0xd800;
  return `${text.slice(0, cutsPair ? KEPT_CHARACTERS - 1 : KEPT_CHARACTERS)}…#${fingerprint(text)}`;
}
