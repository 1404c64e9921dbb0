import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'rolldown';
import { JOINED_FOLDERS, JOINED_PACKAGES, joinedFile, joinedFolder } from './joined-packages.ts';

/**
 * Not joined, because they find files beside their own: the engine its library, the logger the program of its thread.
 * Node loads them where they are installed.
 */
const LEFT_AS_THEY_ARE = ['@duckdb/node-bindings', 'pino'];

/**
 * Writes the joined files of what is installed, and removes those of what was; called after `npm install`.
 *
 * @returns where they are; null: nothing is installed that could be joined
 */
export async function joinInstalledPackages(): Promise<URL | null> {
  const folder = joinedFolder();
  if (folder === null) return null;
  await mkdir(JOINED_FOLDERS, { recursive: true });
  // Programs may be starting meanwhile: they find all of it or nothing.
  const unfinished = new URL(`unfinished-${process.pid}/`, JOINED_FOLDERS);
  await joinPackages(unfinished);
  await rm(folder, { recursive: true, force: true });
  for (const name of await readdir(JOINED_FOLDERS)) {
    const other = new URL(`${name}/`, JOINED_FOLDERS);
    if (other.href !== unfinished.href) await rm(other, { recursive: true, force: true });
  }
  await rename(unfinished, folder);
  return folder;
}

/** Each package as a module with the exports that Node sees of it; what several need is in files between them. */
export async function joinPackages(folder: URL): Promise<void> {
  const entries = await Promise.all(
    JOINED_PACKAGES.map(async (name) => [`joined:${name}`, await entryOf(name)] as const),
  );
  // Only here: where packages for development are left out, there is none, and that is told like any other failure.
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    input: Object.fromEntries(JOINED_PACKAGES.map((name) => [joinedFile(name), `joined:${name}`])),
    platform: 'node',
    external: (id) => LEFT_AS_THEY_ARE.some((name) => id === name || id.startsWith(`${name}/`)),
    resolve: { conditionNames: ['node', 'import', 'default'] },
    plugins: [entriesFrom(new Map(entries))],
  });
  await bundle.write({
    dir: fileURLToPath(folder),
    format: 'esm',
    entryFileNames: '[name]',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await bundle.close();
}

/** Node tells the names that a CommonJS module exports by reading it; of a joined one it can only read what is said. */
async function entryOf(name: string): Promise<string> {
  const { default: whole, 'module.exports': commonJs, ...exported } = await import(name);
  const from = JSON.stringify(name);
  if (commonJs === undefined) {
    return `export * from ${from};${whole === undefined ? '' : `export { default } from ${from};`}`;
  }
  const names = Object.keys(exported);
  return [
    `import whole from ${from};`,
    'export default whole;',
    ...names.map((exportName, at) => `const _${at} = whole.${exportName};`),
    `export { ${names.map((exportName, at) => `_${at} as ${exportName}`).join(', ')} };`,
  ].join('\n');
}

function entriesFrom(entries: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'entries',
    resolveId(id, importer) {
      if (entries.has(id)) return id;
      // As our sources would find it.
      if (importer !== undefined && entries.has(importer)) return this.resolve(id, import.meta.filename);
      return null;
    },
    load: (id) => entries.get(id) ?? null,
  };
}

if (import.meta.main) {
  try {
    await joinInstalledPackages();
  } catch (error) {
    console.warn(`The packages are used file by file, and programs start more slowly: ${error}`);
  }
}
