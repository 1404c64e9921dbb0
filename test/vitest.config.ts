import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Workspace packages are tested from their sources, never from a build. */
const resolve = { conditions: ['@spanledger/source', 'node'] };
const ssr = { resolve: { conditions: ['@spanledger/source', 'node'] } };

const INTEGRATION = '**/*.integration.test.ts';
const FAULTS = ['test/faults/**/*.test.ts', 'test/attacks/**/*.test.ts'];
const SOURCES = [
  'packages/**/*.test.ts',
  'collector/**/*.test.ts',
  'dashboards/**/*.test.ts',
  'test/**/*.test.ts',
];
/** Plain functions that keep nothing between two calls: loading them anew for each file took longer than their tests. */
const PURE = [
  'packages/metering/**/*.test.ts',
  'collector/src/{catalogue,doctor,import,otlp,pricing,simulate}/**/*.test.ts',
  'collector/src/config*.test.ts',
];
const NEVER = ['**/node_modules/**', '**/dist/**'];

// For the workers, and for the programs that tests start: reading sources is most of what short ones do.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL('../node_modules/.cache/compiled/', import.meta.url),
);

/** In memory (tmpfs on Linux). */
const SHARED_MEMORY = '/dev/shm';
/** What the tests that run at the same time write is less. A container's shared memory may have 64 MiB. */
const FREE_BYTES_ENOUGH = 2 * 1024 ** 3;

/**
 * Where tests make their temporary files: hundreds of ledger files are opened, each with several fsync, and on a disk
 * most of the time goes there. Nothing that a test can see depends on it, except in `faults`, which stays on the disk.
 */
const scratch = hasRoom(SHARED_MEMORY) ? { TMPDIR: SHARED_MEMORY } : {};

function hasRoom(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize >= FREE_BYTES_ENOUGH;
  } catch {
    return false;
  }
}

/** More than CI has cores (two): files that start services wait for them half of the time. */
const MAX_WORKERS = 3;
/** Fewer than that, because these tests bring load of their own, and say within which time what must happen. */
const MAX_FAULTS = 2;

export default defineConfig({
  test: {
    maxWorkers: MAX_WORKERS,
    projects: [
      {
        root,
        resolve,
        ssr,
        test: {
          name: 'pure',
          env: scratch,
          maxWorkers: MAX_WORKERS,
          include: PURE,
          exclude: [...NEVER, INTEGRATION],
          testTimeout: 60_000,
          isolate: false,
        },
      },
      {
        root,
        resolve,
        ssr,
        test: {
          name: 'unit',
          env: scratch,
          maxWorkers: MAX_WORKERS,
          include: SOURCES,
          exclude: [...NEVER, ...PURE, INTEGRATION, ...FAULTS],
          testTimeout: 60_000,
        },
      },
      {
        root,
        resolve,
        ssr,
        test: {
          name: 'integration',
          env: scratch,
          maxWorkers: MAX_WORKERS,
          include: [INTEGRATION],
          exclude: NEVER,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        resolve,
        ssr,
        // After the others: these tests measure promises under load, and that is to be theirs.
        test: {
          name: 'faults',
          include: FAULTS,
          exclude: NEVER,
          testTimeout: 240_000,
          hookTimeout: 60_000,
          maxWorkers: MAX_FAULTS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
