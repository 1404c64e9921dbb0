import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type MainCounts, type PipelineSample, PipelineSamples } from './pipeline-samples.ts';
import { anOldLedger } from './testing/old-ledger.ts';
import { aPosting } from './testing/postings.ts';
import { aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const DAY_MS = 86_400_000;

const NOTHING_COUNTED: MainCounts = {
  run: 'run-1',
  requests: 0,
  requestsRefused: 0,
  requestsDeferred: 0,
  rejectedSpans: 0,
  ledgerRestarts: 0,
  readerKills: 0,
};

function aSample(main: Partial<MainCounts> = {}, changes: Partial<PipelineSample> = {}): PipelineSample {
  return {
    atMillis: NOON,
    main: { ...NOTHING_COUNTED, ...main },
    statements: { all: 0, failed: 0, ended: 0 },
    journalLagBytes: 0,
    journalWaitingMs: 0,
    journalKeptBytes: 0,
    databaseBytes: 0,
    ledgerMemoryBytes: 0,
    receiverMemoryBytes: 0,
    isReadingPaused: false,
    ...changes,
  };
}

it('a sample is a row of pipeline_health, also in a ledger from before there were any', async () => {
  const { store } = await aStore({ path: await anOldLedger(), create: false });
  const samples = await PipelineSamples.open(store.instance);
  const main = {
    requests: 10,
    requestsRefused: 1,
    requestsDeferred: 2,
    rejectedSpans: 3,
    ledgerRestarts: 4,
    readerKills: 5,
  };
  await samples.add(
    aSample(main, {
      statements: { all: 9, failed: 2, ended: 1 },
      journalLagBytes: 2 ** 40,
      journalWaitingMs: 1250,
      journalKeptBytes: 77,
      databaseBytes: 2 ** 41,
      ledgerMemoryBytes: 400_000_000,
      receiverMemoryBytes: 100_000_000,
      isReadingPaused: true,
    }),
  );
  expect(await read(store.instance, 'FROM pipeline_health')).toEqual([
    {
      sampled_at: '2026-11-22T12:00:00Z',
      journal_lag_bytes: String(2 ** 40),
      journal_waiting_seconds: 1.25,
      journal_kept_bytes: '77',
      requests: '10',
      requests_refused: '1',
      requests_deferred: '2',
      rejected_spans: '3',
      ledger_restarts: '4',
      reader_kills: '5',
      statements: '9',
      statements_failed: '2',
      statements_ended: '1',
      database_bytes: String(2 ** 41),
      ledger_memory_bytes: '400000000',
      receiver_memory_bytes: '100000000',
      reading_paused: true,
    },
  ]);
  samples.close();
});

/** What may come between two samples. */
const someEvents = fc.record({
  requests: fc.nat({ max: 5 }),
  refused: fc.nat({ max: 5 }),
  next: fc.constantFrom('nothing', 'nothing', 'ledger process restarts', 'main process restarts'),
});

it('whatever restarts in between, samples add up to what has happened, and none is below zero', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someEvents, { minLength: 1, maxLength: 12 }), async (events) => {
      const { store } = await aStore();
      let samples = await PipelineSamples.open(store.instance);
      let main = NOTHING_COUNTED;
      const happened = { requests: 0, refused: 0, restarts: 0 };
      for (const [index, { requests, refused, next }] of events.entries()) {
        happened.requests += requests;
        happened.refused += refused;
        main = {
          ...main,
          requests: main.requests + requests,
          requestsRefused: main.requestsRefused + refused,
        };
        await samples.add(aSample(main, { atMillis: NOON + index }));
        if (next === 'main process restarts') main = { ...NOTHING_COUNTED, run: `run-${index + 2}` };
        if (next === 'nothing') continue;
        samples.close();
        samples = await PipelineSamples.open(store.instance);
        if (next !== 'ledger process restarts') continue;
        happened.restarts++;
        main = { ...main, ledgerRestarts: main.ledgerRestarts + 1 };
      }
      await samples.add(aSample(main));
      samples.close();
      expect(
        await readOne(
          store.instance,
          `SELECT sum(requests)::INTEGER AS requests, sum(requests_refused)::INTEGER AS refused,
             sum(ledger_restarts)::INTEGER AS restarts,
             count(*) FILTER (requests < 0 OR requests_refused < 0 OR ledger_restarts < 0)::INTEGER AS below_zero,
             count(*)::INTEGER AS samples
           FROM pipeline_health`,
        ),
      ).toEqual({ ...happened, below_zero: 0, samples: events.length + 1 });
    }),
    { numRuns: 6 },
  );
});

it('a count that is smaller than before, which cannot be, takes nothing away', async () => {
  const { store } = await aStore();
  const samples = await PipelineSamples.open(store.instance);
  await samples.add(aSample({ requests: 9 }));
  await samples.add(aSample({ requests: 4 }));
  await samples.add(aSample({ requests: 6 }));
  samples.close();
  expect(
    await readOne(store.instance, 'SELECT sum(requests)::INTEGER AS requests FROM pipeline_health'),
  ).toEqual({ requests: 11 });
});

it('a sample that cannot be written counts nothing, and the next one counts for it', async () => {
  const { store } = await aStore();
  const samples = await PipelineSamples.open(store.instance);
  await samples.add(aSample({ requests: 1 }));
  // Past the 64 bits of the column: it fails between the statements of the transaction.
  await expect(samples.add(aSample({ requests: 5 }, { databaseBytes: 2 ** 70 }))).rejects.toThrow();
  await samples.add(aSample({ requests: 7 }));
  samples.close();
  expect(
    await read(store.instance, 'SELECT requests::INTEGER AS requests FROM pipeline_health ORDER BY ALL'),
  ).toEqual([{ requests: 1 }, { requests: 6 }]);
});

it('samples are written while the ledger has a batch open, and both are there after', async () => {
  const { store } = await aStore();
  const samples = await PipelineSamples.open(store.instance);
  store.post(aPosting());
  const committing = commitAt(store, 1);
  await samples.add(aSample({ requests: 1 }));
  await committing;
  store.post(aPosting({ spanId: 'b'.repeat(16) }));
  await samples.add(aSample({ requests: 2 }));
  await commitAt(store, 2);
  samples.close();
  expect(
    await readOne(
      store.instance,
      'SELECT (SELECT count(*) FROM usage)::INTEGER AS calls, count(*)::INTEGER AS samples FROM pipeline_health',
    ),
  ).toEqual({ calls: 2, samples: 2 });
});

it('samples from before an instant are forgotten, and no others', async () => {
  const { store } = await aStore();
  const samples = await PipelineSamples.open(store.instance);
  for (const days of [0, 1, 2, 3]) await samples.add(aSample({}, { atMillis: NOON + days * DAY_MS }));
  await samples.forget(NOON + 2 * DAY_MS);
  samples.close();
  expect(await read(store.instance, 'SELECT sampled_at FROM pipeline_health ORDER BY ALL')).toEqual([
    { sampled_at: '2026-11-24T12:00:00Z' },
    { sampled_at: '2026-11-25T12:00:00Z' },
  ]);
});
