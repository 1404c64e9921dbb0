import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JOINED_PACKAGES } from './joined-packages.ts';

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/** By Node itself, as programs are: a test runner sees modules in its own way. */
async function byNode(program: string): Promise<string> {
  const args = ['--conditions=@spanledger/source', '--input-type=module', '--eval', program];
  const { stdout } = await run(process.execPath, args, { cwd: SOURCES });
  return stdout;
}

interface Seen {
  /** What each package exports, by its name. */
  readonly exported: Readonly<Record<string, readonly string[]>>;
  readonly loaded: readonly string[];
}

async function seenWith(folder: URL | null): Promise<Seen> {
  const joined = folder === null ? 'null' : `new URL(${JSON.stringify(folder.href)})`;
  return JSON.parse(
    await byNode(`
      import { registerHooks } from 'node:module';
      import { JOINED_PACKAGES, useJoinedPackages } from './joined-packages.ts';
      const loaded = [];
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
      useJoinedPackages(${joined});
      const exported = {};
      for (const name of JOINED_PACKAGES) exported[name] = Object.keys(await import(name)).sort();
      console.log(JSON.stringify({ exported, loaded }));`),
  );
}

describe('joined packages', () => {
  let folder: string;
  let joined: Seen;
  let installed: Seen;

  beforeAll(async () => {
    // Where Node finds what is not joined.
    await mkdir(CACHE, { recursive: true });
    folder = await mkdtemp(join(CACHE, 'joined-'));
    const url = pathToFileURL(`${folder}/`);
    await byNode(`
      import { joinPackages } from './join-packages.ts';
      await joinPackages(new URL(${JSON.stringify(url.href)}));`);
    joined = await seenWith(url);
    installed = await seenWith(null);
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(JOINED_PACKAGES)('export what the package exports: %s', (name) => {
    const exported = (installed.exported[name] ?? []).filter((one) => one !== 'module.exports');
    expect(exported).not.toEqual([]);
    expect(joined.exported[name]).toEqual(exported);
  });

  it('take the place of the files that they are made of', () => {
    const roots = [...new Set(JOINED_PACKAGES.map(packageOf))];
    const filesOf = ({ loaded }: Seen, root: string) =>
      loaded.filter((url) => url.includes(`/node_modules/${root}/`)).length;
    expect(roots.filter((root) => filesOf(installed, root) === 0)).toEqual([]);
    expect(roots.filter((root) => filesOf(joined, root) > 0)).toEqual([]);
  });

  it('are only used where they are: else the packages themselves are loaded', async () => {
    const { exported } = await seenWith(pathToFileURL(join(folder, 'of-other-versions/')));
    expect(exported).toEqual(installed.exported);
  });

  it('are all that the sources import of these packages, of which there must not be two', async () => {
    const roots = new Set(JOINED_PACKAGES.map(packageOf));
    const imported = (await specifiersIn(SOURCES)).filter((name) => roots.has(packageOf(name)));
    expect(imported.length).toBeGreaterThan(0);
    expect(imported.filter((name) => !JOINED_PACKAGES.includes(name))).toEqual([]);
  });
});

/** `@scope/name` or `name`, without a path in it. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

async function specifiersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  const texts = await Promise.all(
    files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  );
  return texts.flatMap((text) =>
    [...text.matchAll(/\b(?:from|import\() ?'([^'.][^']*)'/g)].flatMap(([, specifier]) => specifier ?? []),
  );
}
