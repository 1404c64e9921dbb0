import { describe, expect, it } from 'vitest';
import { QueryRunner } from './query.ts';
import { aKeptSpan, spanId } from './testing/postings.ts';
import { aStore, commitAt } from './testing/stores.ts';
import { readObservations } from './traces.ts';

const traceId = (number: number) => number.toString(16).padStart(32, '0');

describe('the observations of a trace, read within the bounds of queries', () => {
  it('are those of its spans and of the traces linked to it, also through others, and no more', async () => {
    const { store } = await aStore();
    const links = [[1], [1, 2], [2], [3]];
    for (const [n, linked] of links.entries()) {
      store.keep(aKeptSpan({ traceId: traceId(n + 1), spanId: spanId(n + 1), links: linked }));
    }
    store.keep(aKeptSpan({ traceId: traceId(1), spanId: spanId(9) }));
    await commitAt(store, 1);
    const queries = new QueryRunner(store.instance);
    const found = await readObservations((sql) => queries.query(sql), traceId(1));
    expect(found.map((observation) => [observation.traceId, observation.spanId]).sort()).toEqual([
      [traceId(1), spanId(1)],
      [traceId(1), spanId(9)],
      [traceId(2), spanId(2)],
      [traceId(3), spanId(3)],
    ]);
    expect(found[0]).toMatchObject({ name: 'chat gpt-4o', usage: { tokens: { uncachedInput: 1100 } } });
  });

  it('leave out what only a common link joins, and are none of an unknown trace', async () => {
    const { store } = await aStore();
    for (let n = 1; n <= 20; n++) {
      store.keep(aKeptSpan({ traceId: traceId(n), spanId: spanId(n), links: [7] }));
    }
    await commitAt(store, 1);
    const queries = new QueryRunner(store.instance);
    expect(await readObservations((sql) => queries.query(sql), traceId(1))).toHaveLength(1);
    expect(await readObservations((sql) => queries.query(sql), traceId(99))).toEqual([]);
  });

  it('end with the error of a query that may not run', async () => {
    const { store } = await aStore();
    store.keep(aKeptSpan({ traceId: traceId(1) }));
    store.keep(aKeptSpan({ traceId: traceId(1), spanId: spanId(2) }));
    await commitAt(store, 1);
    const queries = new QueryRunner(store.instance, { maxRows: 1, timeoutMs: 1000, maxConcurrent: 1 });
    const reading = readObservations((sql) => queries.query(sql), traceId(1));
    await expect(reading).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' });
  });
});
