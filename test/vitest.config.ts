import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

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
/**
 * What keeps nothing in its modules, leaves the process that it runs in as it is, and opens no ledger: loading all of it
 * anew for each file took longer than most of these tests.
 */
const PURE = [
  'packages/{metering,pgwire/src}/**/*.test.ts',
  'collector/src/{catalogue,demo,doctor,import,journal,otlp,pricing,receiver,simulate,webhooks}/**/*.test.ts',
  'collector/src/reader/catalogue/{rewrite,tokens,types}.test.ts',
  'collector/src/{config*,describe-api,print-*,table,terminal}.test.ts',
  'dashboards/{alerts,grafana,setup,src}/**/*.test.ts',
  'test/{golden,scenarios}/**/*.test.ts',
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

/** They take longest though they are short: begun last, as the shortest are, they would run alone at the end. */
const LONGEST = [
  'test/faults/kill.test.ts',
  'test/attacks/bombs.test.ts',
  'test/faults/snapshot.test.ts',
  'test/faults/stop.test.ts',
  'test/faults/ledger-process.test.ts',
  'test/clients/clients.integration.test.ts',
  'test/integration/corpus.integration.test.ts',
  'test/integration/rerate.integration.test.ts',
].map((path) => `${root}${path}`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.includes(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    maxWorkers: MAX_WORKERS,
    sequence: { sequencer: LongestFirst },
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
