import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * Packages in one file each, instead of the hundreds that they are installed as. Finding, reading and linking a file
 * takes Node half a millisecond, whatever is in it, and each process and thread of the service does it anew: that was
 * half of the time of a start, and most of that of a command. Why so: `decisions/0021`.
 */

/** What the sources import of packages that have many files. */
export const JOINED_PACKAGES: readonly string[] = [
  '@duckdb/node-api',
  '@fastify/type-provider-typebox',
  'cli-table3',
  'commander',
  'fastify',
  'prom-client',
  'typebox',
  'typebox/compile',
  'typebox/system',
  'typebox/value',
  'yaml',
];

const PACKAGES = new URL('../../node_modules/', import.meta.url);
/** What npm has installed, by its own account. */
const INSTALLED = new URL('.package-lock.json', PACKAGES);
/** A folder for each state of what is installed. */
export const JOINED_FOLDERS = new URL('.cache/spanledger/joined/', PACKAGES);

/**
 * From here on this thread loads the joined files, if there are any of exactly what is installed; else it loads the
 * packages themselves, which takes longer and is the same. To be called before any of the packages is imported.
 */
export function useJoinedPackages(folder: URL | null = joinedFolder()): void {
  if (folder === null || !existsSync(folder)) return;
  const files = new Map(JOINED_PACKAGES.map((name) => [name, new URL(joinedFile(name), folder).href]));
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const url = files.get(specifier);
      return url === undefined
        ? nextResolve(specifier, context)
        : { url, format: 'module', shortCircuit: true };
    },
  });
}

/** Named by what it is made of, so that it is never used for other versions. Null: npm has not installed here. */
export function joinedFolder(): URL | null {
  let installed: Buffer;
  try {
    installed = readFileSync(INSTALLED);
  } catch {
    return null;
  }
  const hash = createHash('sha256').update(installed).update(JOINED_PACKAGES.join('\n'));
  return new URL(`${hash.digest('hex').slice(0, 16)}/`, JOINED_FOLDERS);
}

export function joinedFile(name: string): string {
  return `${name.replaceAll('/', '.')}.mjs`;
}
