import { expect, it } from 'vitest';
import { QUERY_LIMITS, QueryRunner } from './query.ts';
import { aStore } from './testing/stores.ts';

const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b';

it('our own statements are held to rows, to time and to so many at once, and change nothing', async () => {
  const { store } = await aStore();
  const runner = new QueryRunner(store.instance, { maxRows: 10, timeoutMs: 200, maxConcurrent: 1 });
  const running = expect(runner.query(ENDLESS)).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' });
  await expect(runner.query('SELECT 1')).rejects.toMatchObject({ code: 'SL_QUERY_BUSY' });
  await running;
  await expect(runner.query('FROM range(11)')).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT' });
  expect((await runner.query('FROM range(10)')).rows).toHaveLength(10);
  await expect(runner.query("INSERT INTO ledger.word VALUES (1, 'x')")).rejects.toMatchObject({
    code: 'SL_QUERY_FAILED',
  });
  expect(QUERY_LIMITS.maxConcurrent).toBeLessThan(12);
});
