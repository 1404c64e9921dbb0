import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeldTrace, LedgerStore, Posting } from '../ledger/store.ts';
import { MemoryStore } from './memory.ts';
import { anOldLedger } from './testing/old-ledger.ts';
import {
  aContainerPosting,
  aCorrectionOf,
  aKeptSpan,
  aPosting,
  aPostingOf,
  aUsage,
  spanId,
} from './testing/postings.ts';
import { afterCrash, aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const NOON_MICROS = NOON * 1000;

async function countUsage(instance: DuckDBInstance): Promise<unknown> {
  return (await readOne(instance, 'SELECT count(*)::INTEGER AS n FROM usage')).n;
}

function traceId(number: number): string {
  return number.toString(16).padStart(32, '0');
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

  it('knows every trace and every link that it holds, of every tenant, and no others', async () => {
    const { store, path, close } = await aStore();
    const tenantOf = (n: number) => (n % 2 === 0 ? 'acme' : 'globex');
    const linkOf = (n: number) => 2 ** 50 + n;
    // One, two or three links, or none.
    const linksOf = (n: number) => [0, 1, 2].slice(0, n % 4).map((more) => linkOf(n * 4 + more));
    for (let n = 1; n <= 5000; n++)
      store.keep(aKeptSpan({ tenant: tenantOf(n), traceId: traceId(n), links: linksOf(n) }));
    await commitAt(store, 1);
    await close();
    const again = (await aStore({ path })).store;
    for (let n = 1; n <= 5000; n++) {
      expect(again.mayHoldTrace({ tenant: tenantOf(n), traceId: traceId(n) }, NOON_MICROS)).toBe(true);
      for (const link of linksOf(n)) expect(again.mayHoldLink(link, NOON_MICROS)).toBe(true);
      expect(again.mayHoldLink(linkOf(n * 4 + 3), NOON_MICROS)).toBe(false);
      expect(again.mayHoldTrace({ tenant: tenantOf(n + 1), traceId: traceId(n) }, NOON_MICROS)).toBe(false);
    }
    expect(again.mayHoldLink(0, NOON_MICROS)).toBe(false);
  });

  it('has what it was told of traces, their records and their waits', async () => {
    const { store, path, close } = await aStore();
    const key = { tenant: 'acme', traceId: 'a'.repeat(32) };
    const span = aKeptSpan({ tenant: 'acme', links: [5] });
    const posting = { ...aPosting(), tenant: 'acme' };
    store.keep(span);
    store.post(posting);
    store.setDue(key, NOON_MICROS + 60_000_000);
    await commitAt(store, 1);
    const before = await store.loadTraces([key]);
    await close();
    const again = (await aStore({ path })).store;
    expect(await again.loadTraces([key])).toEqual(before);
    expect(before).toMatchObject([
      { ...key, spans: [{ kept: span.kept }], records: [{ revision: 1, digest: posting.digest }] },
    ]);
    expect(await again.loadDue()).toEqual([{ ...key, dueAtMicros: NOON_MICROS + 60_000_000 }]);
    const linked = await again.findLinked([
      { tenant: 'acme', link: 5, startTimeMicros: NOON_MICROS, endTimeMicros: NOON_MICROS },
    ]);
    expect(linked).toEqual([{ ...key, link: 5 }]);
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

  it('stores a shape once while it is remembered, and reads it alike when it was learnt again', async () => {
    const { store, path, close } = await aStore();
    const shapes =
      'SELECT count(*)::INTEGER AS rows, count(DISTINCT content)::INTEGER AS shapes FROM ledger.span_shape';
    for (let n = 1; n <= 100; n++) store.keep(aKeptSpan({ spanId: spanId(n) }));
    await commitAt(store, 1);
    store.keep(aKeptSpan({ spanId: spanId(101) }));
    await commitAt(store, 2);
    expect(await readOne(store.instance, shapes)).toEqual({ rows: 1, shapes: 1 });
    await close();
    const again = (await aStore({ path })).store;
    again.keep(aKeptSpan({ spanId: spanId(102) }));
    await commitAt(again, 3);
    expect(await readOne(again.instance, shapes)).toEqual({ rows: 2, shapes: 1 });
    const [trace] = await again.loadTraces([{ tenant: 'default', traceId: 'a'.repeat(32) }]);
    const { kept } = aKeptSpan();
    expect(trace?.spans.map((span) => span.kept)).toEqual(
      Array.from({ length: 102 }, (_, index) => ({ ...kept, spanId: spanId(index + 1) })),
    );
  });
});

describe('an open batch', () => {
  it('is invisible to readers however large it grows, and whole with its commit', async () => {
    const { store } = await aStore();
    const counts = `SELECT (SELECT count(*)::INTEGER FROM usage) AS usage,
      (SELECT count(*)::INTEGER FROM ledger.span) AS spans, (SELECT count(*)::INTEGER FROM credit_ledger) AS legs`;
    for (let n = 1; n <= 40_000; n++) {
      store.keep(aKeptSpan({ spanId: spanId(n) }));
      store.post(aPosting({ spanId: spanId(n) }));
    }
    expect(await readOne(store.instance, counts)).toEqual({ usage: 0, spans: 0, legs: 0 });
    await commitAt(store, 1);
    expect(await readOne(store.instance, counts)).toEqual({ usage: 40_000, spans: 40_000, legs: 80_000 });
  });

  it('is gone after a crash, while the batch before it stays', async () => {
    const { store, path } = await aStore();
    store.keep(aKeptSpan({ traceId: traceId(1) }));
    store.post(aPosting({ traceId: traceId(1), spanId: spanId(1) }));
    await commitAt(store, 1);
    store.post(aCorrectionOf(aPosting({ traceId: traceId(1), spanId: spanId(1) }), aContainerPosting()));
    store.setDue({ tenant: 'default', traceId: traceId(2) }, NOON_MICROS);
    for (let n = 2; n <= 40_000; n++) {
      store.keep(aKeptSpan({ traceId: traceId(n), links: [n] }));
      store.post(aPosting({ traceId: traceId(n), spanId: spanId(n) }));
    }
    const crashed = (await aStore({ path: await afterCrash(path), create: false })).store;
    expect(await countUsage(crashed.instance)).toBe(1);
    expect(crashed.position).toEqual({ segment: 1, offset: 1 });
    expect(await read(crashed.instance, 'SELECT billing_role, revision FROM usage')).toEqual([
      { billing_role: 'billed', revision: '1' },
    ]);
    expect(await read(crashed.instance, 'FROM corrections')).toEqual([]);
    expect(await crashed.loadDue()).toEqual([]);
    expect(crashed.mayHoldTrace({ tenant: 'default', traceId: traceId(1) }, NOON_MICROS)).toBe(true);
    expect(crashed.mayHoldTrace({ tenant: 'default', traceId: traceId(2) }, NOON_MICROS)).toBe(false);
    expect(crashed.mayHoldLink(2, NOON_MICROS)).toBe(false);
  });

  it('is gone after closing', async () => {
    const { store, path, close } = await aStore();
    const key = { tenant: 'default', traceId: 'a'.repeat(32) };
    store.keep(aKeptSpan());
    store.post(aPosting());
    store.setDue(key, NOON_MICROS);
    await close();
    const again = (await aStore({ path })).store;
    expect(again.position).toBeNull();
    expect(again.mayHoldTrace(key, NOON_MICROS)).toBe(false);
    expect(await again.loadTraces([key])).toEqual([]);
    expect(await again.loadDue()).toEqual([]);
    again.post(aPosting());
    await commitAt(again, 1);
    expect(await countUsage(again.instance)).toBe(1);
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
    store.post(aCorrectionOf(aPosting({ spanId: spanId(1) }), aContainerPosting({ spanId: spanId(1) })));
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
        `SELECT string_agg(format('{:x}', span_id), ' ') AS spans, max(revision)::INTEGER AS revision,
           (SELECT count(*)::INTEGER FROM ledger.superseded_usage) AS superseded FROM ledger.usage_record`,
      ),
    ).toEqual({ spans: '1', revision: 1, superseded: 0 });
    expect(await readOne(crashed, 'FROM ledger.journal_position')).toEqual({ segment: '1', offset: '100' });
    crashed.closeSync();
    // The process would end here; the test goes on, so what is left of the batch must not be in its way.
    await close().catch(() => {});
  });
});

describe('a correction', () => {
  it('moves the record before it, whole, to the superseded ones', async () => {
    const { store } = await aStore();
    const first = aPosting({
      requestId: 'req_1',
      feature: 'search',
      serviceTier: 'flex',
      region: 'eu',
      cacheWrite12h: 7,
      units: {
        requests: 1,
        webSearches: 2,
        images: 3,
        milliseconds: 4,
        pages: 5,
        custom: { unit: 'document', thousandths: 6 },
      },
    });
    store.post(first);
    await commitAt(store, 1);
    const columns = (table: string) =>
      read(
        store.instance,
        `SELECT column_name, data_type FROM information_schema.columns
         WHERE table_schema = 'ledger' AND table_name = '${table}' ORDER BY ordinal_position`,
      );
    // Rows are moved by the names of the columns, so a new one of the records must be one of the superseded ones too.
    const superseded = await columns('superseded_usage');
    const current = await columns('usage_record');
    const ofBoth = superseded.filter(({ column_name }) => !String(column_name).match(/^superseded_(at|in)$/));
    const inOrder = (columns: typeof current) =>
      [...columns].sort((one, other) => (String(one.column_name) < String(other.column_name) ? -1 : 1));
    expect(inOrder(ofBoth)).toEqual(inOrder(current));
    expect(superseded).toHaveLength(current.length + 2);
    const before = await readOne(store.instance, 'FROM ledger.usage_record');
    store.post(aCorrectionOf(first, aContainerPosting()));
    await commitAt(store, 2, {}, NOON + 5000);
    expect(await readOne(store.instance, 'FROM ledger.superseded_usage')).toEqual({
      ...before,
      superseded_at: '2026-11-22T12:00:05Z',
      superseded_in: '2',
    });
    expect(await read(store.instance, 'SELECT billing_role, revision FROM usage')).toEqual([
      { billing_role: 'container', revision: '2' },
    ]);
  });

  it('of a record of the same batch leaves one record, and the one before it readable', async () => {
    const { store } = await aStore();
    const first = aPosting();
    const second = aCorrectionOf(first, aPosting({ customer: 'cus_globex' }));
    store.post(first);
    store.post(second);
    store.post(aCorrectionOf(second, aContainerPosting()));
    await commitAt(store, 1);
    expect(await read(store.instance, 'SELECT revision, billing_role FROM usage')).toEqual([
      { revision: '3', billing_role: 'container' },
    ]);
    expect(
      await read(store.instance, 'SELECT revision, customer FROM corrections ORDER BY revision'),
    ).toEqual([
      { revision: '1', customer: 'cus_acme' },
      { revision: '2', customer: 'cus_globex' },
    ]);
    expect(await creditsOf(store.instance)).toEqual({ booked: [], used: [] });
  });

  it('finds what it replaces after a restart, and in a large ledger, and touches nothing else', async () => {
    const { store, path, close } = await aStore();
    const usageOf = (n: number) => ({
      spanId: spanId(n),
      traceId: traceId(n % 100),
      eventTimeMicros: NOON_MICROS + n,
    });
    const count = 30_000;
    for (let n = 1; n <= count; n++) store.post(aPosting(usageOf(n)));
    await commitAt(store, 1);
    await close();
    const again = (await aStore({ path })).store;
    for (let n = 3; n <= count; n += 3) {
      const other = aPosting({ ...usageOf(n), customer: 'cus_globex' });
      again.post(aCorrectionOf(aPosting(usageOf(n)), other));
    }
    await commitAt(again, 2);
    expect(
      await read(
        again.instance,
        `SELECT customer, revision, count(*)::INTEGER AS n, count(DISTINCT span_id)::INTEGER AS spans,
           bool_and((epoch_us(event_time) - ${NOON_MICROS}) % 3 = 0) AS is_third
         FROM usage GROUP BY ALL ORDER BY customer`,
      ),
    ).toEqual([
      { customer: 'cus_acme', revision: '1', n: 20_000, spans: 20_000, is_third: false },
      { customer: 'cus_globex', revision: '2', n: 10_000, spans: 10_000, is_third: true },
    ]);
    expect(
      await readOne(
        again.instance,
        'SELECT count(*)::INTEGER AS n, count(DISTINCT usage_id)::INTEGER AS ids FROM corrections',
      ),
    ).toEqual({ n: 10_000, ids: 10_000 });
    expect(await creditsOf(again.instance)).toEqual({
      booked: [
        { customer: 'cus_acme', credits: '100000.000000' },
        { customer: 'cus_globex', credits: '50000.000000' },
      ],
      used: [
        { customer: 'cus_acme', credits: '100000.000000' },
        { customer: 'cus_globex', credits: '50000.000000' },
      ],
    });
  });

  it('leaves booked what usage burns, whoever paid before, how much, and however often that changes', async () => {
    let givenBack = 0;
    let further = 0;
    const state = fc.record({
      span: fc.integer({ min: 1, max: 4 }),
      customer: fc.constantFrom('cus_acme', 'cus_acme', 'cus_globex', null),
      credits: fc.bigInt({ min: 0n, max: 10n ** 13n }),
      isBilled: fc.constantFrom(true, true, true, false),
      eventTimeMicros: fc.integer({ min: NOON_MICROS - 3_600_000_000, max: NOON_MICROS }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(state, { selector: ({ span }) => span, minLength: 1 }), {
          minLength: 4,
          maxLength: 8,
          size: 'max',
        }),
        async (batches) => {
          const { store, close } = await aStore();
          const current = new Map<number, Posting>();
          let replaced = 0;
          for (const [index, batch] of batches.entries()) {
            for (const { span, customer, credits, isBilled, eventTimeMicros } of batch) {
              const changes = { spanId: spanId(span), eventTimeMicros, customer };
              const now = isBilled
                ? aPostingOf(1n, customer === null ? 0n : credits, changes)
                : aContainerPosting(changes);
              const before = current.get(span);
              if (before !== undefined) replaced++;
              const posting = before === undefined ? now : aCorrectionOf(before, now);
              const { length } = posting.bookings.filter(({ movement }) => movement.isCorrection);
              givenBack += length;
              if (before !== undefined) further += posting.bookings.length - length;
              current.set(span, posting);
              store.post(posting);
            }
            await commitAt(store, index);
            const { booked, used } = await creditsOf(store.instance);
            expect(booked).toEqual(used);
          }
          expect(await countUsage(store.instance)).toBe(current.size);
          expect((await read(store.instance, 'FROM corrections')).length).toBe(replaced);
          const [trace] = await store.loadTraces([{ tenant: 'default', traceId: 'a'.repeat(32) }]);
          const held = new Map(trace?.records.map((record) => [record.spanId, record]));
          expect(held.size).toBe(current.size);
          for (const [span, { usage, rating }] of current) {
            const record = held.get(spanId(span));
            expect(record?.rating).toEqual(rating);
            expect(record?.leaf?.action.customer ?? null).toBe(
              usage.billingRole === 'billed' ? usage.customer : null,
            );
          }
          await close();
        },
      ),
      { numRuns: 6 },
    );
    expect(givenBack).toBeGreaterThan(3);
    expect(further).toBeGreaterThan(3);
  });
});

/** What is booked, and what usage says it should be; customers with nothing are left out. */
async function creditsOf(instance: DuckDBInstance) {
  return {
    booked: await read(
      instance,
      `SELECT customer, sum(credits) AS credits FROM credit_ledger WHERE account = 'used'
       GROUP BY ALL HAVING sum(credits) <> 0 ORDER BY customer`,
    ),
    used: await read(
      instance,
      `SELECT customer, sum(credits) AS credits FROM usage WHERE customer IS NOT NULL
       GROUP BY ALL HAVING sum(credits) <> 0 ORDER BY customer`,
    ),
  };
}

describe('a ledger of the first schema', () => {
  it('is upgraded with its rows, its position and its counters', async () => {
    const { store } = await aStore({ path: await anOldLedger(), create: false });
    expect(store.position).toEqual({ segment: 3, offset: 4096 });
    expect(
      await read(
        store.instance,
        'SELECT span_id, customer, input_tokens, revision, superseded_by FROM usage ORDER BY span_id',
      ),
    ).toEqual(
      [1, 2].map((n) => ({
        span_id: spanId(n),
        customer: 'cus_acme',
        input_tokens: '100',
        revision: '1',
        superseded_by: null,
      })),
    );
    expect(
      await read(store.instance, "SELECT transfer_id, credits FROM credit_ledger WHERE account = 'used'"),
    ).toEqual([{ transfer_id: 'n1-1', credits: '7.000000' }]);
    expect(await read(store.instance, 'FROM corrections')).toEqual([]);
    await commitAt(store, 5000, { corrected: 2 });
    expect(await readOne(store.instance, 'SELECT spans, corrections FROM ingest_health')).toEqual({
      spans: '3',
      corrections: '2',
    });
  });

  it('knows its spans as settled: they may be held, and they are loaded without what they said', async () => {
    const { store } = await aStore({ path: await anOldLedger(), create: false });
    const keys = [1, 2, 3].map((n) => ({ tenant: 'default', traceId: traceId(n) }));
    expect(keys.map((key) => store.mayHoldTrace(key, NOON_MICROS))).toEqual([true, true, false]);
    const traces = await store.loadTraces(keys);
    const byId = (a: HeldTrace, b: HeldTrace) => (a.traceId < b.traceId ? -1 : 1);
    expect([...traces].sort(byId)).toEqual(
      [1, 2].map((n) => ({
        tenant: 'default',
        traceId: traceId(n),
        spans: [],
        records: [
          {
            spanId: spanId(n),
            revision: 1,
            eventTimeMicros: NOON_MICROS,
            digest: 0,
            rating: {
              cost: 500_000_000_000_000n,
              priceStatus: 'priced',
              priceCard: 'card',
              priceMatch: 'exact',
              bookVersion: 'book-0',
              priceNote: null,
              costKnownPart: null,
              credits: 7_000_000n,
              creditStatus: 'charged',
              rulesVersion: 'rules-0',
              creditRule: null,
              planTerms: null,
            },
            leaf: {
              action: {
                tenant: 'default',
                customer: 'cus_acme',
                actionId: null,
                traceId: traceId(n),
                feature: null,
              },
              leaf: {
                key: `${traceId(n)}/${spanId(n)}`,
                eventTimeMicros: NOON_MICROS,
                feature: null,
                status: 'ok',
                outcome: 'ok',
                isDegraded: false,
                cost: 500_000_000_000_000n,
                tokens: { uncachedInput: 100, cacheRead: 0, cacheWrite: 0, visibleOutput: 10, reasoning: 0 },
                units: null,
              },
            },
          },
        ],
      })),
    );
  });

  it('still knows them when newer spans have joined, and the file was closed and opened again', async () => {
    const first = await aStore({ path: await anOldLedger(), create: false });
    const newer = aPosting({ traceId: traceId(2), spanId: spanId(22) });
    first.store.keep(aKeptSpan({ traceId: traceId(2), spanId: spanId(22), links: [5] }));
    first.store.post(newer);
    first.store.keep(aKeptSpan({ traceId: traceId(4), spanId: spanId(4), links: [6, 7, 8] }));
    await commitAt(first.store, 5000);
    await first.close();
    const { store } = await aStore({ path: first.path, create: false });
    const keys = [1, 2, 3, 4].map((n) => ({ tenant: 'default', traceId: traceId(n) }));
    expect(keys.map((key) => store.mayHoldTrace(key, NOON_MICROS))).toEqual([true, true, false, true]);
    expect([5, 6, 7, 8, 9].map((link) => store.mayHoldLink(link, NOON_MICROS))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    const [trace] = await store.loadTraces([{ tenant: 'default', traceId: traceId(2) }]);
    expect(trace?.spans.map(({ kept }) => kept.spanId)).toEqual([spanId(22)]);
    expect(trace?.records.map((record) => [record.spanId, record.digest]).sort()).toEqual([
      [spanId(2), 0],
      [spanId(22), newer.digest],
    ]);
  });
});

describe('the memory twin', () => {
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('keep' as const),
        tenant: fc.constantFrom('acme', 'globex'),
        trace: fc.integer({ min: 1, max: 3 }),
        span: fc.integer({ min: 1, max: 4 }),
        links: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
        minutes: fc.integer({ min: -20, max: 0 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('post' as const),
        tenant: fc.constantFrom('acme', 'globex'),
        trace: fc.integer({ min: 1, max: 3 }),
        span: fc.integer({ min: 1, max: 4 }),
        customer: fc.constantFrom('cus_acme', 'cus_globex', null),
        credits: fc.bigInt({ min: 0n, max: 10n ** 9n }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('due' as const),
        tenant: fc.constantFrom('acme', 'globex'),
        trace: fc.integer({ min: 1, max: 3 }),
        dueAtMicros: fc.option(fc.integer({ min: NOON_MICROS, max: NOON_MICROS + 9 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  );

  it('agrees with DuckDB on all that is held, whatever comes and whenever the file is reopened', {
    timeout: 120_000,
  }, async () => {
    const reached = { corrected: 0, linked: 0, waiting: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 25, maxLength: 50, size: 'max' }), async (drawn) => {
        // What is seldom drawn is in every one of the few.
        const actions = drawn.toSpliced(drawn.length >> 1, 0, { kind: 'commit' }, { kind: 'reopen' });
        const memory = new MemoryStore();
        let open = await aStore();
        const stores = (): readonly LedgerStore[] => [memory, open.store];
        /** What is committed, and what the open batch adds. */
        let posted = new Map<string, Posting>();
        let batch = new Map<string, Posting>();
        for (const [index, step] of [...actions, { kind: 'commit' as const }].entries()) {
          switch (step.kind) {
            case 'keep': {
              const { tenant, links } = step;
              const endTimeMicros = NOON_MICROS + step.minutes * 60_000_000;
              const given = {
                tenant,
                links,
                endTimeMicros,
                traceId: traceId(step.trace),
                spanId: spanId(step.span),
              };
              for (const store of stores()) store.keep(aKeptSpan(given));
              break;
            }
            case 'post': {
              const { tenant, trace, span, customer, credits } = step;
              const name = `${tenant} ${trace} ${span}`;
              const changes = { traceId: traceId(trace), spanId: spanId(span), customer };
              const now = { ...aPostingOf(1n, customer === null ? 0n : credits, changes), tenant };
              const before = batch.get(name) ?? posted.get(name);
              if (before !== undefined) reached.corrected++;
              const posting = before === undefined ? now : aCorrectionOf(before, now);
              batch.set(name, posting);
              for (const store of stores()) store.post(posting);
              break;
            }
            case 'due': {
              const key = { tenant: step.tenant, traceId: traceId(step.trace) };
              for (const store of stores()) store.setDue(key, step.dueAtMicros);
              break;
            }
            case 'commit': {
              for (const store of stores()) await commitAt(store, index);
              posted = new Map([...posted, ...batch]);
              batch = new Map();
              break;
            }
            case 'look': {
              const [expected, found] = await Promise.all(stores().map(everythingOf));
              expect(found).toEqual(expected);
              break;
            }
            case 'reopen': {
              await open.close();
              open = await aStore({ path: open.path, create: false });
              memory.crash();
              batch = new Map();
            }
          }
        }
        const [expected, found] = await Promise.all(stores().map(everythingOf));
        expect(found).toEqual(expected);
        const waiting = await memory.loadDue();
        expect(inOrder(await open.store.loadDue())).toEqual(inOrder(waiting));
        expect(open.store.position).toEqual(memory.position);
        expect(
          await read(
            open.store.instance,
            'SELECT tenant, usage_id, customer, credits, revision FROM usage ORDER BY tenant, usage_id',
          ),
        ).toEqual(
          memory.current.map(rowOf).sort((a, b) => (a.tenant + a.usage_id < b.tenant + b.usage_id ? -1 : 1)),
        );
        reached.linked += expected?.linked.length ?? 0;
        reached.waiting += waiting.length;
        await open.close();
      }),
      { numRuns: 6 },
    );
    expect(reached.corrected).toBeGreaterThan(0);
    expect(reached.linked).toBeGreaterThan(5);
    expect(reached.waiting).toBeGreaterThan(0);
  });

  function inOrder<Keyed extends { readonly tenant: string; readonly traceId: string }>(
    all: readonly Keyed[],
  ) {
    return [...all].sort((a, b) => (a.tenant + a.traceId < b.tenant + b.traceId ? -1 : 1));
  }

  /** All answers of a store, in an order of our own where it has none. */
  async function everythingOf(store: LedgerStore) {
    const keys = ['acme', 'globex'].flatMap((tenant) =>
      [1, 2, 3].map((n) => ({ tenant, traceId: traceId(n) })),
    );
    const traces = await store.loadTraces(keys);
    const queries = ['acme', 'globex'].flatMap((tenant) =>
      [1, 2, 3].map((link) => ({ tenant, link, startTimeMicros: NOON_MICROS, endTimeMicros: NOON_MICROS })),
    );
    return {
      traces: inOrder(traces).map(({ tenant, traceId: id, spans, records }) => ({
        tenant,
        id,
        spans: spans.map(({ kept, receivedAtMillis }) => ({ kept, receivedAtMillis })),
        // The last of each span holds.
        records: [...new Map(records.map((record) => [record.spanId, record])).values()].sort((a, b) =>
          a.spanId < b.spanId ? -1 : 1,
        ),
      })),
      linked: (await store.findLinked(queries))
        .map(({ tenant, link, traceId: id }) => `${tenant} ${link} ${id}`)
        .sort(),
    };
  }

  function rowOf({ tenant, usage, rating, replaces }: Posting) {
    const digits = String(rating.credits).padStart(7, '0');
    return {
      tenant,
      usage_id: usage.traceId + usage.spanId,
      customer: usage.customer,
      credits: `${digits.slice(0, -6)}.${digits.slice(-6)}`,
      revision: String((replaces?.revision ?? 0) + 1),
    };
  }
});
