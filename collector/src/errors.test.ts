import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERRORS, SpanledgerError } from './errors.ts';

const sources = fileURLToPath(new URL('.', import.meta.url));

/** For each code, the product's files (tests aside) that name it. */
async function filesByCode(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const file of await readdir(sources, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file === 'errors.ts') continue;
    const text = await readFile(join(sources, file), 'utf8');
    for (const [code] of text.matchAll(/\bSL(?:_[A-Z]+)+\b(?!_)/g))
      found.set(code, [...(found.get(code) ?? []), file]);
  }
  return found;
}

describe('error codes', () => {
  it('that the sources name are all declared', async () => {
    const named = [...(await filesByCode()).keys()];
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((code) => !(code in ERRORS))).toEqual([]);
  });

  it('that are declared are all used', async () => {
    const used = await filesByCode();
    expect(Object.keys(ERRORS).filter((code) => !used.has(code))).toEqual([]);
  });

  it('have a sentence each, and no two the same', () => {
    const sentences = Object.values(ERRORS);
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(new Set(sentences).size).toBe(sentences.length);
  });
});

describe('a coded error', () => {
  it('carries its code, its sentence and its cause', () => {
    const cause = new Error('EIO');
    const error = new SpanledgerError('SL_STORE_LOCKED', 'The file is in use.', { cause });
    expect(error).toMatchObject({
      name: 'SpanledgerError',
      code: 'SL_STORE_LOCKED',
      message: 'The file is in use.',
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });
});
