import type { AlertFact, Movement } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeldTrace, type KeptSpan, type LedgerStore, LINK_WINDOW_MICROS } from '../ledger/store.ts';
import { MemoryStore } from './memory.ts';
import {
  aCorrectionOf,
  aKeptSpan,
  anUnpricedPosting,
  aPosting,
  aPostingOf,
  spanId,
} from './testing/postings.ts';
import { aStore, commitAt, NOON } from './testing/stores.ts';

const NOON_MICROS = NOON * 1000;
const A_TRACE = { tenant: 'default', traceId: 'a'.repeat(32) };

/** What `loadTraces` says of one trace; an empty one where the ledger holds nothing of it. */
async function held(store: LedgerStore, key = A_TRACE): Promise<HeldTrace> {
  const [trace, ...more] = await store.loadTraces([key]);
  expect(more).toEqual([]);
  return trace ?? { ...key, spans: [], records: [] };
}

function keptOf({ kept, receivedAtMillis }: KeptSpan) {
  return { kept, receivedAtMillis };
}

/** The ids of the traces that `findLinked` gives for one link, in their order. */
async function linkedTraces(
  store: LedgerStore,
  link: number,
  { tenant = 'default', startTimeMicros = NOON_MICROS, endTimeMicros = NOON_MICROS } = {},
): Promise<string[]> {
  const found = await store.findLinked([{ tenant, link, startTimeMicros, endTimeMicros }]);
  for (const linked of found) expect({ tenant: linked.tenant, link: linked.link }).toEqual({ tenant, link });
  return found.map(({ traceId }) => traceId).sort();
}

function traceId(number: number): string {
  return number.toString(16).padStart(32, '0');
}

function anAlert(alert: string): AlertFact {
  return {
    kind: 'alert',
    id: `alert:${alert}`,
    atMicros: NOON_MICROS,
    recordedMicros: NOON_MICROS,
    actor: null,
    reason: null,
    period: 1,
    alert,
    detail: {},
  };
}

function aMovement(amount: bigint, effectiveMicros: number, stepMicros: number): Movement {
  return {
    from: 'overdraft',
    fromLot: null,
    to: 'used',
    toLot: null,
    amount,
    kind: 'usage',
    isCorrection: false,
    effectiveMicros,
    stepMicros,
    hold: null,
    period: 1,
    belongsToPeriod: null,
  };
}

for (const [name, open] of [
  ['memory', async (): Promise<LedgerStore> => new MemoryStore()],
  ['DuckDB', async (): Promise<LedgerStore> => (await aStore()).store],
] as const) {
  describe(`a ledger store in ${name}`, () => {
    it('starts empty, and remembers the position of its last commit', async () => {
      const store = await open();
      expect(store.position).toBeNull();
      store.post(aPosting());
      await commitAt(store, 100);
      expect(store.position).toEqual({ segment: 1, offset: 100 });
      await commitAt(store, 250);
      expect(store.position).toEqual({ segment: 1, offset: 250 });
    });

    it('gives accounts as they are committed: facts, what was used in each step, and when they come due', async () => {
      const store = await open();
      const acme = { tenant: 'default', customer: 'cus_acme' };
      const globex = { tenant: 'default', customer: 'cus_globex' };
      const fact = anAlert('threshold:50');
      const movements = [
        aMovement(5n, NOON_MICROS, NOON_MICROS),
        aMovement(7n, NOON_MICROS + 1, NOON_MICROS),
      ];
      const recordedAtMillis = NOON;
      store.book({ ...acme, facts: [fact], movements, recordedAtMillis });
      store.setAccountDue({ ...acme, dueAtMicros: NOON_MICROS + 10 });
      store.book({ ...globex, facts: [anAlert('threshold:80')], movements: [], recordedAtMillis });
      store.setAccountDue({ ...globex, dueAtMicros: null });
      const batch = store.openBatch;
      expect(store.committedBatch).toBeLessThan(batch);
      expect(await store.loadAccounts([acme])).toEqual([]);
      expect(await store.loadAccountDues()).toEqual([]);

      await commitAt(store, 1);
      expect(store.committedBatch).toBe(batch);
      expect(store.openBatch).toBe(batch + 1);
      store.book({
        ...acme,
        facts: [],
        movements: [aMovement(9n, NOON_MICROS + 2, NOON_MICROS)],
        recordedAtMillis,
      });
      store.setAccountDue({ ...acme, dueAtMicros: NOON_MICROS + 20 });
      const nobody = { tenant: 'default', customer: 'nobody' };
      const [account, ...more] = await store.loadAccounts([acme, nobody]);
      expect(more).toEqual([]);
      expect(account).toMatchObject({ ...acme, facts: [fact], asOfMicros: NOON_MICROS });
      expect(account?.usage.reduce((sum, { amount }) => sum + amount, 0n)).toBe(12n);
      expect(new Set(account?.usage.map(({ stepMicros }) => stepMicros))).toEqual(new Set([NOON_MICROS]));
      expect(await store.loadAccounts([])).toEqual([]);
      const dues = async () =>
        (await store.loadAccountDues()).toSorted((one, other) => (one.customer < other.customer ? -1 : 1));
      expect(await dues()).toEqual([
        { ...acme, dueAtMicros: NOON_MICROS + 10 },
        { ...globex, dueAtMicros: null },
      ]);
      expect(await store.loadAlerts(NOON)).toEqual([
        { ...acme, alert: fact },
        { ...globex, alert: anAlert('threshold:80') },
      ]);
      expect(await store.loadAlerts(NOON + 1)).toEqual([]);

      await commitAt(store, 2);
      expect(await dues()).toEqual([
        { ...acme, dueAtMicros: NOON_MICROS + 20 },
        { ...globex, dueAtMicros: null },
      ]);
      const [again] = await store.loadAccounts([acme]);
      expect(again?.usage.reduce((sum, { amount }) => sum + amount, 0n)).toBe(21n);
    });

    it('gives the spans of a trace back as they were kept, in the order in which they came', async () => {
      const store = await open();
      const spans = [7, 3, 5].map((n) => aKeptSpan({ spanId: spanId(n), receivedAtMillis: NOON + n }));
      for (const span of spans.slice(0, 2)) store.keep(span);
      await commitAt(store, 1);
      for (const span of spans.slice(2)) store.keep(span);
      await commitAt(store, 2);
      expect((await held(store)).spans).toMatchObject(spans.map(keptOf));
    });

    it('gives spans back whatever their content and times are', async () => {
      const store = await open();
      const texts = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\0', ''));
      const given = fc.sample(
        fc.record({
          name: texts,
          startTimeMicros: fc.integer({ min: 0, max: 2 ** 52 }),
          endTimeMicros: fc.integer({ min: 0, max: 2 ** 52 }),
          parentSpanId: fc.option(fc.integer({ min: 1 }).map(spanId)),
        }),
        { numRuns: 200, seed: 7 },
      );
      const spans = given.map(({ name: text, ...times }, index) => {
        const span = aKeptSpan({ spanId: spanId(index + 1) });
        const kept = {
          ...span.kept,
          ...times,
          detail: JSON.stringify([text]),
          shape: JSON.stringify([text, 'shape']),
        };
        return { ...span, kept };
      });
      for (const span of spans) store.keep(span);
      await commitAt(store, 1);
      expect((await held(store)).spans).toMatchObject(spans.map(keptOf));
    });

    it('keeps every copy of a span that it is given', async () => {
      const store = await open();
      store.keep(aKeptSpan({ receivedAtMillis: NOON }));
      store.keep(aKeptSpan({ receivedAtMillis: NOON + 1 }));
      await commitAt(store, 1);
      const { spans } = await held(store);
      expect(spans.map(({ receivedAtMillis }) => receivedAtMillis)).toEqual([NOON, NOON + 1]);
    });

    it('knows of a posted record its revision, its digest, how it was rated and its part in an action', async () => {
      const store = await open();
      const posting = aPosting({ isDegraded: true });
      store.post(posting);
      await commitAt(store, 1);
      expect((await held(store)).records).toEqual([
        {
          spanId: 'a'.repeat(16),
          revision: 1,
          eventTimeMicros: NOON_MICROS,
          digest: posting.digest,
          rating: posting.rating,
          leaf: {
            action: {
              tenant: 'default',
              customer: 'cus_acme',
              actionId: null,
              traceId: 'a'.repeat(32),
              feature: 'support-chat',
            },
            leaf: {
              key: `${'a'.repeat(32)}/${'a'.repeat(16)}`,
              eventTimeMicros: NOON_MICROS,
              feature: 'support-chat',
              status: 'ok',
              outcome: 'ok',
              isDegraded: true,
              cost: 2_275_000_000_000n,
              tokens: posting.usage.tokens,
              units: null,
            },
          },
        },
      ]);
    });

    it('has no part in an action where nobody pays, and no amount where the price is not known', async () => {
      const store = await open();
      store.post(aPostingOf(1n, 0n, { spanId: spanId(1), customer: null }));
      store.post(anUnpricedPosting({ spanId: spanId(2) }));
      store.post(aPostingOf(0n, 0n, { spanId: spanId(3) }));
      await commitAt(store, 1);
      const { records } = await held(store);
      const found = new Map(
        records.map(({ spanId: id, leaf, rating }) => [
          id,
          { isPart: leaf !== null, credits: rating.credits },
        ]),
      );
      expect([1, 2, 3].map((span) => found.get(spanId(span)))).toEqual([
        { isPart: false, credits: 0n },
        { isPart: true, credits: null },
        { isPart: true, credits: 0n },
      ]);
    });

    it('has the largest amount booked to the last digit', async () => {
      const store = await open();
      store.post(aPostingOf(1n, 999_999_999_999_999_999n));
      await commitAt(store, 1);
      expect((await held(store)).records).toMatchObject([{ rating: { credits: 999_999_999_999_999_999n } }]);
    });

    it('has only the newest of the records that took the place of one another', async () => {
      const store = await open();
      const first = aPosting();
      store.post(first);
      store.post(aPosting({ spanId: spanId(9) }));
      await commitAt(store, 1);
      const second = aCorrectionOf(
        first,
        aPosting({ eventTimeMicros: NOON_MICROS + 7, customer: 'cus_globex' }),
      );
      store.post(second);
      await commitAt(store, 2);
      const third = aCorrectionOf(second, aPosting({ eventTimeMicros: NOON_MICROS - 7, customer: null }));
      store.post(third);
      await commitAt(store, 3);
      const { records } = await held(store);
      expect(records.filter((record) => record.spanId === 'a'.repeat(16))).toEqual([
        {
          spanId: 'a'.repeat(16),
          revision: 3,
          eventTimeMicros: NOON_MICROS - 7,
          digest: third.digest,
          rating: third.rating,
          leaf: null,
        },
      ]);
      expect(records.filter((record) => record.spanId === spanId(9))).toMatchObject([{ revision: 1 }]);
      expect(records).toHaveLength(2);
    });

    it('takes what a correction replaces from its own tenant and trace only', async () => {
      const store = await open();
      const first = aPosting();
      const ofTrace = aPosting({ traceId: 'b'.repeat(32) });
      store.post(first);
      store.post({ ...first, tenant: 'other' });
      store.post(ofTrace);
      await commitAt(store, 1);
      store.post(aCorrectionOf(first, aPosting({ feature: 'search' })));
      await commitAt(store, 2);
      expect((await held(store)).records).toMatchObject([{ revision: 2 }]);
      expect((await held(store, { ...A_TRACE, tenant: 'other' })).records).toMatchObject([
        { revision: 1, digest: first.digest },
      ]);
      expect((await held(store, { ...A_TRACE, traceId: 'b'.repeat(32) })).records).toMatchObject([
        { revision: 1, digest: ofTrace.digest },
      ]);
    });

    it('loads the traces that were asked for and that it holds, and no others', async () => {
      const store = await open();
      for (const n of [1, 2, 3]) store.keep(aKeptSpan({ traceId: traceId(n), spanId: spanId(n) }));
      store.keep(aKeptSpan({ tenant: 'other', traceId: traceId(2), spanId: spanId(22) }));
      store.post(aPosting({ traceId: traceId(4), spanId: spanId(4) }));
      await commitAt(store, 1);
      const asked = [2, 3, 4, 5].map((n) => ({ tenant: 'default', traceId: traceId(n) }));
      const loaded = await store.loadTraces(asked);
      const told = loaded.map(({ tenant, traceId: id, spans, records }) => [
        tenant,
        id,
        spans.map(({ kept }) => kept.spanId),
        records.map((record) => record.spanId),
      ]);
      expect(told.sort()).toEqual([
        ['default', traceId(2), [spanId(2)], []],
        ['default', traceId(3), [spanId(3)], []],
        ['default', traceId(4), [], [spanId(4)]],
      ]);
      expect(await store.loadTraces([])).toEqual([]);
    });

    it('surely holds nothing of a trace exactly the first time it is asked', async () => {
      const store = await open();
      expect(store.mayHoldTrace(A_TRACE, NOON_MICROS)).toBe(false);
      expect(store.mayHoldTrace(A_TRACE, NOON_MICROS)).toBe(true);
      expect(store.mayHoldTrace(A_TRACE, NOON_MICROS + 1)).toBe(true);
      expect(store.mayHoldTrace({ ...A_TRACE, traceId: 'b'.repeat(32) }, NOON_MICROS)).toBe(false);
      expect(store.mayHoldTrace({ ...A_TRACE, tenant: 'other' }, NOON_MICROS)).toBe(false);
      expect(store.mayHoldTrace({ ...A_TRACE, tenant: 'other' }, NOON_MICROS)).toBe(true);
    });

    it('surely holds nothing of a link exactly the first time it is asked', async () => {
      const store = await open();
      const links = [1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
      expect(links.map((link) => store.mayHoldLink(link, NOON_MICROS))).toEqual(links.map(() => false));
      expect(links.map((link) => store.mayHoldLink(link, NOON_MICROS + 1))).toEqual(links.map(() => true));
    });

    it('finds the traces of a link, whichever of the three places it has in the span', async () => {
      const store = await open();
      const link = 2 ** 52 + 12_345;
      for (const [n, links] of [[link], [1, link], [1, 2, link], [1, 2, 3], []].entries())
        store.keep(aKeptSpan({ traceId: traceId(n), links }));
      await commitAt(store, 1);
      expect(await linkedTraces(store, link)).toEqual([0, 1, 2].map(traceId));
      expect(await linkedTraces(store, 3)).toEqual([traceId(3)]);
      expect(await linkedTraces(store, 4)).toEqual([]);
      expect(await store.findLinked([])).toEqual([]);
    });

    it('finds a linked trace once, however many of its spans bear the link', async () => {
      const store = await open();
      for (let n = 1; n <= 40; n++) store.keep(aKeptSpan({ spanId: spanId(n), links: [5] }));
      await commitAt(store, 1);
      expect(await linkedTraces(store, 5)).toEqual([A_TRACE.traceId]);
    });

    it('finds linked traces that ran within a quarter of an hour, before and after, and not beyond', async () => {
      const store = await open();
      // The kept span takes 1.25 s.
      const distances = [
        -LINK_WINDOW_MICROS - 1,
        -LINK_WINDOW_MICROS,
        0,
        LINK_WINDOW_MICROS + 1_250_000,
        LINK_WINDOW_MICROS + 1_250_001,
      ];
      for (const [n, distance] of distances.entries())
        store.keep(aKeptSpan({ traceId: traceId(n), links: [5], endTimeMicros: NOON_MICROS + distance }));
      await commitAt(store, 1);
      expect(await linkedTraces(store, 5)).toEqual([1, 2, 3].map(traceId));
    });

    it('finds a call that ran at the same time and ended long after', async () => {
      const store = await open();
      const hourMicros = 3_600_000_000;
      store.keep(aKeptSpan({ links: [5] }));
      await commitAt(store, 1);
      const long = { startTimeMicros: NOON_MICROS - 1_000_000, endTimeMicros: NOON_MICROS + hourMicros };
      expect(await linkedTraces(store, 5, long)).toEqual([A_TRACE.traceId]);
    });

    it('answers each query by its own time, however far apart those are', async () => {
      const store = await open();
      const dayMicros = 86_400_000_000;
      for (const [n, day] of [0, 1, 2].entries())
        store.keep(
          aKeptSpan({ traceId: traceId(n), links: [5, 6], endTimeMicros: NOON_MICROS + day * dayMicros }),
        );
      await commitAt(store, 1);
      const found = await store.findLinked([
        { tenant: 'default', link: 5, startTimeMicros: NOON_MICROS, endTimeMicros: NOON_MICROS },
        {
          tenant: 'default',
          link: 6,
          startTimeMicros: NOON_MICROS + 2 * dayMicros,
          endTimeMicros: NOON_MICROS + 2 * dayMicros,
        },
      ]);
      expect(found.map(({ link, traceId: id }) => [link, id]).sort()).toEqual([
        [5, traceId(0)],
        [6, traceId(2)],
      ]);
    });

    it('answers more queries at once than a call takes arguments', async () => {
      const store = await open();
      store.keep(aKeptSpan({ links: [200_000] }));
      await commitAt(store, 1);
      const queries = Array.from({ length: 200_000 }, (_, n) => ({
        tenant: 'default',
        link: n + 1,
        startTimeMicros: NOON_MICROS,
        endTimeMicros: NOON_MICROS,
      }));
      expect(await store.findLinked(queries)).toMatchObject([{ link: 200_000 }]);
    });

    it('finds linked traces of the tenant that asks only', async () => {
      const store = await open();
      store.keep(aKeptSpan({ tenant: 'acme', traceId: traceId(1), links: [5] }));
      store.keep(aKeptSpan({ tenant: 'globex', traceId: traceId(2), links: [5] }));
      await commitAt(store, 1);
      expect(await linkedTraces(store, 5, { tenant: 'acme' })).toEqual([traceId(1)]);
      expect(await linkedTraces(store, 5, { tenant: 'globex' })).toEqual([traceId(2)]);
      expect(await linkedTraces(store, 5, { tenant: 'initech' })).toEqual([]);
    });

    it('tells up to 16 traces of a link all, and of more than 16 that they are more than 16', async () => {
      const store = await open();
      for (let n = 1; n <= 40; n++) {
        const links = n <= 16 ? [5, 6] : [5];
        store.keep(aKeptSpan({ traceId: traceId(n), links }));
      }
      await commitAt(store, 1);
      expect((await linkedTraces(store, 5)).length).toBeGreaterThan(16);
      expect(await linkedTraces(store, 6)).toEqual(Array.from({ length: 16 }, (_, n) => traceId(n + 1)));
    });

    it('remembers until when a trace waits, as it was last said', async () => {
      const store = await open();
      const waiting = [1, 2, 3].map((n) => ({ tenant: 'default', traceId: traceId(n) }));
      const other = { tenant: 'other', traceId: traceId(1) };
      for (const [n, trace] of waiting.entries()) store.setDue(trace, NOON_MICROS + n);
      store.setDue(other, NOON_MICROS + 9);
      await commitAt(store, 1);
      const [first, second, third] = waiting;
      if (first === undefined || second === undefined) throw new Error('three traces wait');
      store.setDue(first, null);
      store.setDue(second, NOON_MICROS + 77);
      await commitAt(store, 2);
      expect(await due(store)).toEqual([
        { ...second, dueAtMicros: NOON_MICROS + 77 },
        { ...third, dueAtMicros: NOON_MICROS + 2 },
        { ...other, dueAtMicros: NOON_MICROS + 9 },
      ]);
      store.setDue(first, null);
      store.setDue(second, null);
      await commitAt(store, 3);
      expect(await due(store)).toHaveLength(2);
    });

    it('takes the last word of a batch on when a trace is due', async () => {
      const store = await open();
      const [one, other] = [1, 2].map((n) => ({ tenant: 'default', traceId: traceId(n) }));
      if (one === undefined || other === undefined) throw new Error('two traces wait');
      store.setDue(one, NOON_MICROS);
      store.setDue(one, NOON_MICROS + 1);
      store.setDue(other, NOON_MICROS);
      store.setDue(other, null);
      await commitAt(store, 1);
      expect(await due(store)).toEqual([{ ...one, dueAtMicros: NOON_MICROS + 1 }]);
    });

    it('knows of the open batch what it knows of committed ones', async () => {
      const store = await open();
      const spans = [1, 2].map((n) => aKeptSpan({ spanId: spanId(n), links: [5] }));
      const posting = aPosting({ spanId: spanId(1) });
      for (const span of spans) store.keep(span);
      store.post(posting);
      const inBatch = await held(store);
      expect(inBatch.spans).toMatchObject(spans.map(keptOf));
      expect(inBatch.records).toMatchObject([{ spanId: spanId(1), revision: 1, digest: posting.digest }]);
      expect(await linkedTraces(store, 5)).toEqual([A_TRACE.traceId]);
      const later = aKeptSpan({ spanId: spanId(3) });
      store.keep(later);
      await commitAt(store, 1);
      expect((await held(store)).spans).toMatchObject([...spans, later].map(keptOf));
      expect((await held(store)).records).toEqual(inBatch.records);
    });

    it('knows of each record of the open batch whose it is', async () => {
      const store = await open();
      const customers = Array.from({ length: 40 }, (_, n) => (n % 5 === 0 ? null : `cus_${n % 7}`));
      for (const [n, customer] of customers.entries()) {
        store.post(aPosting({ spanId: spanId(n + 1), customer, feature: `feature-${n % 3}` }));
      }
      const { records } = await held(store);
      const found = new Map(records.map(({ spanId: id, leaf }) => [id, leaf?.action ?? null]));
      expect(customers.map((_customer, n) => found.get(spanId(n + 1)))).toMatchObject(
        customers.map((customer, n) =>
          customer === null ? null : { customer, feature: `feature-${n % 3}` },
        ),
      );
    });

    it('tells the newest record of a span last, also where it takes the place of one of the same batch', async () => {
      const store = await open();
      const first = aPosting();
      const second = aCorrectionOf(first, aPosting({ customer: 'cus_globex' }));
      const third = aCorrectionOf(second, aPosting({ customer: 'cus_initech' }));
      store.post(first);
      store.post(second);
      expect((await held(store)).records.at(-1)).toMatchObject({
        revision: 2,
        digest: second.digest,
        leaf: { action: { customer: 'cus_globex' } },
      });
      store.post(third);
      expect((await held(store)).records.at(-1)).toMatchObject({ revision: 3, digest: third.digest });
      await commitAt(store, 1);
      expect((await held(store)).records).toMatchObject([{ revision: 3, digest: third.digest }]);
    });

    it('takes nothing of one batch into the next', async () => {
      const store = await open();
      store.keep(aKeptSpan());
      store.post(aPosting());
      store.setDue(A_TRACE, NOON_MICROS);
      await commitAt(store, 1);
      store.setDue(A_TRACE, null);
      await commitAt(store, 2);
      await commitAt(store, 3);
      const { spans, records } = await held(store);
      expect([spans.length, records.length]).toEqual([1, 1]);
      expect(await due(store)).toEqual([]);
    });
  });
}

async function due(store: LedgerStore) {
  const waiting = await store.loadDue();
  return [...waiting].sort((a, b) => (a.tenant + a.traceId < b.tenant + b.traceId ? -1 : 1));
}
