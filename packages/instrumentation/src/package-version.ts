import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { field, text } from './shape.ts';

/** The version in the package.json of a package's root directory, or undefined. */
export function packageVersionAt(directory: string | undefined): string | undefined {
  return directory === undefined ? undefined : manifestVersion(directory, undefined);
}

/** The version of the package called `name` that the file at `url` belongs to. */
export function packageVersionOf(url: string, name: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  let directory = dirname(fileURLToPath(url));
  while (dirname(directory) !== directory) {
    const version = manifestVersion(directory, name);
    if (version !== undefined) return version;
    directory = dirname(directory);
  }
  return undefined;
}

function manifestVersion(directory: string, name: string | undefined): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return name === undefined || field(manifest, 'name') === name
      ? text(field(manifest, 'version'))
      : undefined;
  } catch {
    // No readable manifest here: the package's root is further up, or its version stays unknown.
    return undefined;
  }
}
