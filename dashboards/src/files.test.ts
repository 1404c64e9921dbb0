import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from './files.ts';

const folder = new URL('../', import.meta.url);

describe('what is generated', () => {
  it.each(generatedFiles())('is committed as it would be written now: $path', async ({ path, text }) => {
    expect(await readFile(new URL(path, folder), 'utf8')).toBe(text);
  });

  it('is all that is there', async () => {
    const paths = (await readdir(new URL('generated/', folder))).map((name) => `generated/${name}`);
    expect(paths.sort()).toEqual(
      generatedFiles()
        .map(({ path }) => path)
        .filter((path) => path.startsWith('generated/'))
        .sort(),
    );
  });
});
