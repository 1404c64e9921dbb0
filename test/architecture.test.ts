import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Who may import whom. An allow-list, because linters' deny-globs miss cases: what is not named here is not allowed.
 * Paths are relative to the root; a folder stands for all files below it. `node:*` and packages are named as imported.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'packages/semconv/src': [],
  'packages/metering/src': ['packages/semconv/src'],
  // Someone else's backend could be behind it: it knows of nothing else here.
  'packages/pgwire/src': ['node:'],
  'packages/instrumentation/src': [
    'packages/semconv/src',
    'node:',
    '@opentelemetry/api',
    'import-in-the-middle',
    'require-in-the-middle',
    // Loaded only when the app has it installed and no tracer provider of its own.
    '@opentelemetry/sdk-node',
  ],
  'collector/src/otlp': ['packages/metering/src', 'collector/src/errors.ts', 'node:'],
  'collector/src/journal': ['collector/src/errors.ts', 'node:'],
  'collector/src/ledger': [
    'packages/metering/src',
    'collector/src/journal',
    'collector/src/otlp',
    'collector/src/errors.ts',
    'node:',
  ],
  'collector/src/catalogue': [
    'packages/metering/src',
    'collector/src/errors.ts',
    'collector/src/settings-file.ts',
    '@pydantic/genai-prices',
    'typebox',
    'yaml',
    'node:',
  ],
  'collector/src/pricing': [
    'packages/metering/src',
    'collector/src/catalogue',
    'collector/src/errors.ts',
    'collector/src/terminal.ts',
    'commander',
    'typebox',
    'node:',
  ],
  'collector/src/import': [
    'packages/metering/src',
    'packages/semconv/src',
    'collector/src/otlp',
    'collector/src/errors.ts',
    'collector/src/table.ts',
    'collector/src/terminal.ts',
    'commander',
    'typebox',
    'node:',
  ],
  'collector/src/export': [
    'packages/metering/src',
    'collector/src/errors.ts',
    'collector/src/terminal.ts',
    '@duckdb/node-api',
    'commander',
    'fastify',
    'typebox',
    'node:',
  ],
  'collector/src/store': [
    'packages/metering/src',
    'collector/src/ledger',
    'collector/src/catalogue',
    'collector/src/journal',
    'collector/src/otlp',
    'collector/src/webhooks',
    'collector/src/errors.ts',
    '@duckdb/node-api',
    '@duckdb/node-bindings',
    'node:',
  ],
  'collector/src/webhooks': ['node:'],
  'collector/src/reader': [
    'packages/pgwire/src',
    'collector/src/store/json-values.ts',
    'collector/src/store/contract-comments.ts',
    'collector/src/errors.ts',
    '@duckdb/node-api',
    '@duckdb/node-bindings',
    'node:',
  ],
  'collector/src/snapshot': [
    'collector/src/store/views.ts',
    'collector/src/export/exact-columns.ts',
    'collector/src/export/sql-text.ts',
    'collector/src/errors.ts',
    'collector/src/terminal.ts',
    '@duckdb/node-api',
    'commander',
    'fastify',
    'typebox',
    'node:',
  ],
  'collector/src/receiver': [
    'collector/src/journal',
    'collector/src/otlp',
    'collector/src/errors.ts',
    'fastify',
    'node:',
  ],
  'collector/src/api': [
    'packages/metering/src',
    'collector/src/ledger',
    'collector/src/errors.ts',
    'fastify',
    '@fastify/type-provider-typebox',
    'typebox',
    'node:',
  ],
  'collector/src/doctor': [
    'packages/metering/src',
    'collector/src/otlp',
    'collector/src/errors.ts',
    'typebox',
    'node:',
  ],
  // Puts the real ledger together over a store in memory.
  'collector/src/simulate': [
    'packages/metering/src',
    'packages/semconv/src',
    'collector/src/ledger',
    'collector/src/store/memory.ts',
    'collector/src/catalogue',
    'collector/src/journal',
    'collector/src/otlp',
    'collector/src/config-credits.ts',
    'collector/src/config-plans.ts',
    'collector/src/errors.ts',
    'collector/src/settings-file.ts',
    'collector/src/table.ts',
    'collector/src/terminal.ts',
    'commander',
    'typebox',
    'node:',
  ],
  // The demo is a user of the product: it talks to it over its interfaces and reads only its own folder.
  'collector/src/demo': ['node:', 'openai', 'packages/instrumentation/src', '@opentelemetry/api'],
};

/** Files directly in collector/src put the parts together: they may import anything, and nothing below imports them. */
const COMPOSITION = 'collector/src';

interface Import {
  readonly file: string;
  readonly target: string;
}

/** The formatter puts every import at the start of a line, or the end of a list of names. */
const IMPORT =
  /^(?:import|export|\})[^'\n]*\bfrom '(?<static>[^']+)'|^import '(?<bare>[^']+)'|\bimport\('(?<dynamic>[^']+)'\)/gm;

async function importsBelow(folder: string): Promise<Import[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  const imports: Import[] = [];
  for (const entry of entries) {
    const file = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (!entry.isFile() || !/\.(m|c)?ts$/.test(file) || /\.test\.ts$|\/testing\/|\/test\//.test(file))
      continue;
    const text = await readFile(join(root, file), 'utf8');
    for (const { groups } of text.matchAll(IMPORT)) {
      const specifier = groups?.static ?? groups?.bare ?? groups?.dynamic;
      if (specifier !== undefined) imports.push({ file, target: targetOf(file, specifier) });
    }
  }
  return imports;
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.'))
    return relative(root, resolve(root, dirname(file), specifier))
      .split(sep)
      .join('/');
  const own = /^@spanledger\/([a-z]+)/.exec(specifier)?.[1];
  return own === undefined ? specifier : `packages/${own}/src/index.ts`;
}

/** The dashboards are a package of their own: what Grafana loads, and what stands in for Grafana in tests and pictures. */
const DASHBOARDS: Readonly<Record<string, readonly string[]>> = {
  'dashboards/src': ['dashboards/alerts', '@grafana/grafana-foundation-sdk', 'node:'],
  'dashboards/alerts': [
    'dashboards/src',
    'dashboards/grafana',
    '@grafana/grafana-foundation-sdk',
    'pg',
    'yaml',
    'node:',
  ],
  'dashboards/grafana': ['pg', 'typebox', 'yaml', 'node:'],
  'dashboards/render': ['dashboards/grafana', 'pg', 'typebox', 'node:'],
  'dashboards/setup': [
    'dashboards/src',
    'dashboards/alerts',
    '@grafana/grafana-foundation-sdk',
    // The ports and paths of the service that it tells about.
    'collector/src/config.ts',
    'collector/src/terminal.ts',
    'node:',
  ],
  // Runs in a container that has nothing but Node.
  'dashboards/compose': ['node:'],
};

describe('imports', () => {
  for (const [folder, allowed] of Object.entries({ ...ALLOWED, ...DASHBOARDS })) {
    it(`of ${folder} are ${allowed.length === 0 ? 'its own files' : allowed.join(', ')}`, async () => {
      const imports = await importsBelow(folder);
      expect(imports.length, `${folder} has imports to check`).toBeGreaterThanOrEqual(
        folder === 'packages/semconv/src' ? 0 : 1,
      );
      const forbidden = imports.filter(
        ({ target }) =>
          !target.startsWith(`${folder}/`) &&
          !allowed.some(
            (name) => target === name || target.startsWith(name.endsWith(':') ? name : `${name}/`),
          ),
      );
      expect(forbidden).toEqual([]);
    });
  }

  it('every folder of the sources has a rule', async () => {
    const folders = await Promise.all(
      ['packages', COMPOSITION].map(async (parent) =>
        (await readdir(join(root, parent), { withFileTypes: true }))
          .filter((entry) => entry.isDirectory())
          .map((entry) => (parent === 'packages' ? `packages/${entry.name}/src` : `${parent}/${entry.name}`)),
      ),
    );
    expect(folders.flat().sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  it('only main.ts reads the environment, the arguments and signals', async () => {
    const entries = await readdir(join(root, COMPOSITION), { recursive: true, withFileTypes: true });
    const offenders: string[] = [];
    for (const entry of entries) {
      const file = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
      const isExempt = file === 'collector/src/main.ts' || file.startsWith('collector/src/demo/');
      if (!entry.isFile() || !file.endsWith('.ts') || /\.test\.ts$|\/testing\//.test(file) || isExempt)
        continue;
      if (/process\.(env|argv|on\()/.test(await readFile(join(root, file), 'utf8'))) offenders.push(file);
    }
    expect(offenders).toEqual([]);
  });
});
