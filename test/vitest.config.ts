import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Workspace packages are tested from their sources, never from a build. */
const resolve = { conditions: ['@spanledger/source', 'node'] };
const ssr = { resolve: { conditions: ['@spanledger/source', 'node'] } };

const INTEGRATION = '**/*.integration.test.ts';
const FAULTS = 'test/faults/**/*.test.ts';
const SOURCES = ['packages/**/*.test.ts', 'collector/**/*.test.ts', 'test/**/*.test.ts'];
const NEVER = ['**/node_modules/**', '**/dist/**'];

/** Vitest leaves one core to itself, which on two cores makes it one file after the other. */
const MAX_WORKERS = 2;

export default defineConfig({
  test: {
    maxWorkers: MAX_WORKERS,
    projects: [
      {
        root,
        resolve,
        ssr,
        test: {
          name: 'unit',
          maxWorkers: MAX_WORKERS,
          include: SOURCES,
          exclude: [...NEVER, INTEGRATION, FAULTS],
          testTimeout: 30_000,
        },
      },
      {
        root,
        resolve,
        ssr,
        test: {
          name: 'integration',
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
        // One at a time: these tests measure promises under load, not each other.
        test: {
          name: 'faults',
          include: [FAULTS],
          exclude: NEVER,
          testTimeout: 240_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
