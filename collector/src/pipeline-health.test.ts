import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ReceiverState } from './messages.ts';
import { databaseBytes, PipelineHealth, type PipelineHealthParts } from './pipeline-health.ts';
import { ReaderError } from './reader/errors.ts';
import { StatementCounts } from './reader/statement-counts.ts';
import type { PipelineSample } from './store/pipeline-samples.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 10, 22, 12);

const STATE: ReceiverState = {
  run: 'run-1',
  requests: 7,
  requestsRefused: 1,
  requestsDeferred: 2,
  spans: 0,
  rejectedSpans: 3,
  logRecords: 0,
  bodyBytes: 0,
  refused: {},
  journalLagBytes: 10,
  journalWaitingMs: 20,
  journalKeptBytes: 30,
  journalSyncs: 0,
  residentBytes: 40,
  ledgerRestarts: 9,
  ledgerEnds: { memory: 2, overdue: 3, killed: 4, exit: 0 },
};

/**
 * Its clock goes on only while it is waited for: by the time, and as much more as is given for each wait. After these it
 * stands still.
 */
function onAClock(lateMs: readonly number[], changes: Partial<PipelineHealthParts['samples']> = {}) {
  const clock = { millis: NOON + 40_000 };
  const added: PipelineSample[] = [];
  const forgotten: number[] = [];
  const failures: unknown[] = [];
  const statements = new StatementCounts();
  const still = Promise.withResolvers<void>();
  const left = [...lateMs];
  const health = new PipelineHealth({
    samples: {
      async add(sample) {
        added.push(sample);
      },
      async forget(beforeMillis) {
        forgotten.push(beforeMillis);
      },
      ...changes,
    },
    statements,
    databaseBytes: async () => 50,
    memoryBytes: () => 60,
    isReadingPaused: () => true,
    nowMillis: () => clock.millis,
    async wait(millis, signal) {
      const late = left.shift();
      if (late !== undefined) {
        clock.millis += millis + late;
        return;
      }
      still.resolve();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', reject, { once: true }));
    },
    onFailed: (error) => failures.push(error),
  });
  return { health, clock, added, forgotten, failures, statements, still: still.promise };
}

/** Minutes after noon, to the hundredth. */
const minutesOf = (samples: readonly PipelineSample[]) =>
  samples.map(({ atMillis }) => Math.round((atMillis - NOON) / (MINUTE_MS / 100)) / 100);

describe('the health of the pipeline', () => {
  it('is written down at the start, at each full minute although nothing happens, and at the end', async () => {
    const { health, clock, still, added } = onAClock([0, 0, 0]);
    health.start();
    health.hear(STATE);
    await still;
    clock.millis += 6_000;
    await health.stop();
    expect(minutesOf(added)).toEqual([0.67, 1, 2, 3, 3.1]);
  });

  it('has one sample for each minute where timers are a little early or late', async () => {
    const { health, still, added } = onAClock([-1, 3, -200, 400, 0]);
    health.start();
    health.hear(STATE);
    await still;
    expect(minutesOf(added).map(Math.round)).toEqual([1, 1, 2, 3, 4, 5]);
    await health.stop();
  });

  it('leaves out the minutes in which the process was held up, and goes on with full ones', async () => {
    const { health, still, added } = onAClock([150_000, 0]);
    health.start();
    health.hear(STATE);
    await still;
    expect(minutesOf(added)).toEqual([0.67, 3.5, 4]);
    await health.stop();
  });

  it('is what both processes tell', async () => {
    const { health, added, still } = onAClock([]);
    health.start();
    health.hear(STATE);
    await still;
    expect(added).toEqual([
      {
        atMillis: NOON + 40_000,
        main: {
          run: 'run-1',
          requests: 7,
          requestsRefused: 1,
          requestsDeferred: 2,
          rejectedSpans: 3,
          ledgerRestarts: 9,
          readerKills: 5,
        },
        statements: { all: 0, failed: 0, ended: 0 },
        journalLagBytes: 10,
        journalWaitingMs: 20,
        journalKeptBytes: 30,
        databaseBytes: 50,
        ledgerMemoryBytes: 60,
        receiverMemoryBytes: 40,
        isReadingPaused: true,
      },
    ]);
    await health.stop();
  });

  it('is not written down of a main process that has told nothing', async () => {
    const { health, added } = onAClock([0]);
    health.start();
    await health.stop();
    expect(added).toEqual([]);
  });

  it('counts statements in one sample each, and in the next one when a sample could not be written', async () => {
    const written: PipelineSample['statements'][] = [];
    let attempts = 0;
    const { health, statements, still, failures } = onAClock([0, 0], {
      async add(sample) {
        attempts++;
        statements.noteBegun();
        if (attempts === 2) {
          statements.noteBegun();
          statements.noteError(
            new ReaderError('SL_QUERY_LIMIT', 'queryCanceled', 'The query was cancelled.'),
          );
          throw new Error('disk full');
        }
        statements.noteBegun();
        statements.noteError(new Error('a mistake'));
        written.push(sample.statements);
      },
    });
    health.start();
    health.hear(STATE);
    await still;
    await health.stop();
    expect(failures).toEqual([new Error('disk full')]);
    expect(written).toEqual([
      { all: 0, failed: 0, ended: 0 },
      { all: 4, failed: 1, ended: 1 },
      { all: 2, failed: 1, ended: 0 },
    ]);
  });

  it('is kept for 35 days: what is older goes at the start and once a day', async () => {
    const { health, still, forgotten } = onAClock([0, DAY_MS, 0, 0]);
    health.start();
    health.hear(STATE);
    await still;
    await health.stop();
    const from = NOON - 35 * DAY_MS;
    expect(forgotten).toEqual([from + 40_000, from + DAY_MS + MINUTE_MS * 2]);
  });
});

describe('the size of the database', () => {
  it('is that of the file and of its write-ahead log, where there is one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spanledger-size-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'ledger.duckdb');
    await writeFile(path, Buffer.alloc(1000));
    expect(await databaseBytes(path)).toBe(1000);
    await writeFile(`${path}.wal`, Buffer.alloc(23));
    expect(await databaseBytes(path)).toBe(1023);
  });
});
