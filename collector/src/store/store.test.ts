import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerStore, Posting } from '../ledger/store.ts';
import { MemoryStore } from './memory.ts';
import { aPosting, aUsage, spanId } from './testing/postings.ts';
import { afterCrash, aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

async function countUsage(instance: DuckDBInstance): Promise<unknown> {
  return (await readOne(instance, 'SELECT count(*)::INTEGER AS n FROM usage')).n;
}

describe('a ledger file that is closed and opened again', () => {
  it('has its rows and its position', async () => {
    const { store, path, close } = await aStore();
    store.post(aPosting());
    await commitAt(store, 700);
    await close();
    const again = (await aStore({ path, create: false })).store;
    expect(again.position).toEqual({ segment: 1, offset: 700 });
    expect(await countUsage(again.instance)).toBe(1);
  });

  it('knows every span that it holds, of every tenant', async () => {
    const { store, path, close } = await aStore();
    const postings = Array.from({ length: 5000 }, (_, n) => ({
      ...aPosting({ traceId: spanId(n + 1).repeat(2), spanId: spanId(n + 1) }),
      tenant: n % 2 === 0 ? 'acme' : 'globex',
    }));
    for (const posting of postings) store.post(posting);
    await commitAt(store, 1);
    await close();
    const again = (await aStore({ path })).store;
    for (const posting of postings) again.post(posting);
    again.post({ ...aPosting({ traceId: spanId(1).repeat(2), spanId: spanId(1) }), tenant: 'globex' });
    expect(await commitAt(again, 2)).toEqual({ posted: 1, duplicates: 5000, conflicts: 0 });
    expect(await countUsage(again.instance)).toBe(5001);
  });

  it('keeps the first of two contradicting copies, and shows the other one whole', async () => {
    const { store, path, close } = await aStore();
    store.post(aPosting());
    await commitAt(store, 1);
    await close();
    const again = (await aStore({ path })).store;
    const copy = aPosting({ customer: 'somebody else' });
    again.post(copy);
    expect(await commitAt(again, 2)).toEqual({ posted: 0, duplicates: 0, conflicts: 1 });
    expect(await read(again.instance, 'SELECT customer FROM usage')).toEqual([{ customer: 'cus_acme' }]);
    const { content, ...row } = await readOne(again.instance, 'FROM ledger.quarantined_span');
    expect(row).toEqual({
      tenant: 'default',
      received_at: '2026-11-22T12:00:00.2Z',
      trace_id: copy.metered.usage.traceId,
      span_id: copy.metered.usage.spanId,
      reason: 'conflicting_copy',
    });
    expect(JSON.parse(String(content))).toEqual(copy.metered.usage);
  });

  it('keeps the words of old rows when new rows bring new words', async () => {
    const { store, path, close } = await aStore();
    store.post(aPosting({ spanId: spanId(1), operation: 'chat', dialect: 'opentelemetry' }));
    await commitAt(store, 1);
    await close();
    const again = (await aStore({ path })).store;
    again.post(aPosting({ spanId: spanId(2), operation: 'embeddings', dialect: 'openinference' }));
    await commitAt(again, 2);
    again.post(aPosting({ spanId: spanId(3), operation: 'rerank', dialect: 'opentelemetry' }));
    await commitAt(again, 3);
    expect(await read(again.instance, 'SELECT operation, dialect FROM usage ORDER BY span_id')).toEqual([
      { operation: 'chat', dialect: 'opentelemetry' },
      { operation: 'embeddings', dialect: 'openinference' },
      { operation: 'rerank', dialect: 'opentelemetry' },
    ]);
  });
});

describe('an open batch', () => {
  it('is invisible to readers however large it grows, and whole with its commit', async () => {
    const { store } = await aStore();
    for (let n = 1; n <= 40_000; n++) store.post(aPosting({ spanId: spanId(n) }));
    expect(store.pending).toBe(40_000);
    expect(await countUsage(store.instance)).toBe(0);
    await commitAt(store, 1);
    expect(store.pending).toBe(0);
    expect(await countUsage(store.instance)).toBe(40_000);
  });

  it('is gone after a crash, while the batch before it stays', async () => {
    const { store, path } = await aStore();
    store.post(aPosting({ spanId: spanId(1) }));
    await commitAt(store, 1);
    for (let n = 2; n <= 40_000; n++) store.post(aPosting({ spanId: spanId(n) }));
    const crashed = (await aStore({ path: await afterCrash(path), create: false })).store;
    expect(await countUsage(crashed.instance)).toBe(1);
    expect(crashed.position).toEqual({ segment: 1, offset: 1 });
  });

  it('is gone after closing, and posts as new when it is replayed', async () => {
    const { store, path, close } = await aStore();
    store.post(aPosting());
    await close();
    const again = (await aStore({ path })).store;
    expect(again.position).toBeNull();
    again.post(aPosting());
    expect(await commitAt(again, 1)).toEqual({ posted: 1, duplicates: 0, conflicts: 0 });
  });

  it('counts its suspects as pending too', async () => {
    const { store } = await aStore();
    store.post(aPosting());
    store.post(aPosting());
    expect(store.pending).toBe(2);
  });

  it('takes rejections, quarantined spans and damage along, and nothing before', async () => {
    const { store } = await aStore();
    const tables = `SELECT (SELECT count(*)::INTEGER FROM ledger.rejected_span) AS rejected,
      (SELECT count(*)::INTEGER FROM ledger.quarantined_span) AS quarantined,
      (SELECT count(*)::INTEGER FROM ledger.journal_damage) AS damaged`;
    fillWithTrouble(store);
    expect(await readOne(store.instance, tables)).toEqual({ rejected: 0, quarantined: 0, damaged: 0 });
    await commitAt(store, 1);
    expect(await readOne(store.instance, tables)).toEqual({ rejected: 1, quarantined: 1, damaged: 1 });
    await commitAt(store, 2);
    expect(await readOne(store.instance, tables)).toEqual({ rejected: 1, quarantined: 1, damaged: 1 });
  });
});

function fillWithTrouble(store: LedgerStore): void {
  const span = {
    traceId: '00',
    spanId: '',
    name: 'chat',
    reason: 'trace_id_invalid',
    detail: 'two digits',
  } as const;
  store.reject({ tenant: 'default', receivedAtMillis: NOON, span });
  const { traceId, spanId } = aUsage();
  const quarantined = { tenant: 'default', receivedAtMillis: NOON, traceId, spanId };
  store.quarantine({ ...quarantined, reason: 'event_in_future', content: '{}' });
  store.damage({ position: { segment: 3, offset: 64 }, bytes: 17, reason: 'checksum' });
}

describe('what is kept beside the ledger', () => {
  it('says what was rejected and what of the journal was lost', async () => {
    const { store } = await aStore();
    fillWithTrouble(store);
    await commitAt(store, 1);
    expect(await readOne(store.instance, 'FROM ledger.rejected_span')).toEqual({
      tenant: 'default',
      received_at: '2026-11-22T12:00:00Z',
      trace_id: '00',
      span_id: '',
      name: 'chat',
      reason: 'trace_id_invalid',
      detail: 'two digits',
    });
    expect(await readOne(store.instance, 'FROM ledger.journal_damage')).toEqual({
      recorded_at: '2026-11-22T12:00:00Z',
      segment: '3',
      from_offset: '64',
      bytes: '17',
      reason: 'checksum',
    });
  });
});

describe('a commit that fails', () => {
  const SABOTAGES: [string, string[]][] = [
    [
      'because the position is being changed elsewhere',
      ['BEGIN TRANSACTION', 'UPDATE ledger.journal_position SET segment = 99'],
    ],
    [
      'because a table was replaced under its rows',
      ['CREATE OR REPLACE TABLE ledger.usage_record AS FROM ledger.usage_record'],
    ],
    ['because a table is gone', ['DROP TABLE ledger.ingest_hour']],
  ];

  it.each(SABOTAGES)('%s leaves neither rows nor position', async (_why, statements) => {
    const { store, path, close } = await aStore();
    store.post(aPosting({ spanId: spanId(1) }));
    await commitAt(store, 100);
    // Enough to be in the engine already, most of them.
    for (let n = 2; n <= 20_000; n++) store.post(aPosting({ spanId: spanId(n) }));

    const elsewhere = await store.instance.connect();
    for (const statement of statements) await elsewhere.run(statement);
    await expect(commitAt(store, 200)).rejects.toMatchObject({
      code: 'SL_STORE_COMMIT_FAILED',
      cause: expect.any(Error),
    });
    expect(store.position).toEqual({ segment: 1, offset: 100 });
    elsewhere.closeSync();
    const crashed = await DuckDBInstance.create(await afterCrash(path));
    expect(
      await readOne(
        crashed,
        "SELECT string_agg(format('{:x}', span_id), ' ') AS spans FROM ledger.usage_record",
      ),
    ).toEqual({ spans: '1' });
    expect(await readOne(crashed, 'FROM ledger.journal_position')).toEqual({ segment: '1', offset: '100' });
    crashed.closeSync();
    // The process would end here; the test goes on, so what is left of the batch must not be in its way.
    await close().catch(() => {});
  });
});

describe('the memory twin', () => {
  const SPANS = 4;
  /** Few identities and few differences, so that copies and contradictions meet often. */
  const posting = fc
    .record({
      tenant: fc.constantFrom('acme', 'globex'),
      trace: fc.constantFrom('a', 'b'),
      span: fc.integer({ min: 1, max: SPANS }),
      changes: fc.constantFrom<Parameters<typeof aUsage>[0]>(
        {},
        {},
        {},
        { customer: null },
        { tokens: null, usageStatus: 'missing' },
        { timeToFirstTokenMicros: 0 },
        { eventTimeMicros: NOON * 1000 - 86_400_000_000 },
      ),
      receivedAtMillis: fc.integer({ min: NOON, max: NOON + 60_000 }),
    })
    .map(
      ({ tenant, trace, span, changes, receivedAtMillis }): Posting => ({
        ...aPosting({
          traceId: trace.repeat(32),
          actionId: trace.repeat(32),
          spanId: spanId(span),
          ...changes,
        }),
        tenant,
        receivedAtMillis,
      }),
    );
  const schedule = fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('batch' as const),
          postings: fc.array(posting, { maxLength: 12 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('reopen' as const),
          lost: fc.array(posting, { maxLength: 3 }),
        }),
      },
    ),
    { minLength: 1, maxLength: 8 },
  );

  it('agrees with DuckDB on every outcome and every row, whatever comes and whenever the file is reopened', async () => {
    let conflicts = 0;
    let reopened = 0;
    await fc.assert(
      fc.asyncProperty(schedule, async (steps) => {
        const memory = new MemoryStore();
        let open = await aStore();
        for (const [index, step] of steps.entries()) {
          if (step.kind === 'reopen') {
            for (const lost of step.lost) open.store.post(lost);
            await open.close();
            open = await aStore({ path: open.path, create: false });
            reopened++;
            continue;
          }
          for (const one of step.postings) {
            memory.post(one);
            open.store.post(one);
          }
          const expected = await commitAt(memory, index);
          expect(await commitAt(open.store, index)).toEqual(expected);
          conflicts += expected.conflicts;
        }
        expect(open.store.position).toEqual(memory.position);
        expect(await read(open.store.instance, POSTED)).toEqual(memory.postings.map(posted).sort(byText));
        expect(
          await readOne(open.store.instance, 'SELECT count(*)::INTEGER AS n FROM ledger.quarantined_span'),
        ).toEqual({ n: memory.quarantined.length });
        await open.close();
      }),
      { numRuns: 20 },
    );
    expect(conflicts).toBeGreaterThan(10);
    expect(reopened).toBeGreaterThan(10);
  });

  const POSTED = `
    SELECT tenant, usage_id, customer, usage_status, uncached_input_tokens, epoch_us(event_time) AS event_time, ttft_ms
    FROM usage ORDER BY tenant, usage_id`;

  function posted({ tenant, metered: { usage } }: Posting) {
    return {
      tenant,
      usage_id: usage.traceId + usage.spanId,
      customer: usage.customer,
      usage_status: usage.usageStatus,
      uncached_input_tokens: usage.tokens === null ? null : String(usage.tokens.uncachedInput),
      event_time: String(usage.eventTimeMicros),
      ttft_ms: usage.timeToFirstTokenMicros === null ? null : usage.timeToFirstTokenMicros / 1000,
    };
  }

  function byText(a: ReturnType<typeof posted>, b: ReturnType<typeof posted>): number {
    return a.tenant + a.usage_id < b.tenant + b.usage_id ? -1 : 1;
  }
});
