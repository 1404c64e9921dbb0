import { DuckDBPreparedStatement } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { answerOf } from './answer.ts';
import { READER_LIMITS } from './limits.ts';
import { Readers } from './readers.ts';
import type { ReaderSession } from './session.ts';
import { aLedgerOfCustomers, type Ledger } from './testing/ledgers.ts';

const NEVER = new AbortController().signal;
const ENDLESS = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b';
const ANALYST = { role: 'analyst' } as const;

let ledger: Ledger;
beforeAll(async () => {
  ledger = await aLedgerOfCustomers();
});
afterAll(() => ledger.close());

function readersWith(limits: Partial<typeof READER_LIMITS.analyst>): Promise<Readers> {
  return Readers.open(ledger.store.instance, {
    limits: { analyst: { ...READER_LIMITS.analyst, ...limits } },
  });
}

describe('a session', () => {
  it('says what a statement takes and gives before it runs', async () => {
    const session = (await readersWith({})).openSession(ANALYST);
    const statement = await session.prepare(
      'SELECT customer, cost_usd FROM usage WHERE customer = $1',
      NEVER,
    );
    expect(statement.kind).toBe('SELECT');
    expect(statement.columns?.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'customer VARCHAR',
      'cost_usd DECIMAL(38,15)',
    ]);
    expect(statement.parameterTypes).toHaveLength(1);
    await session.close();
  });

  it('runs a statement again with other values, and several side by side, each with its own rows', async () => {
    const session = (await readersWith({})).openSession(ANALYST);
    const statement = await session.prepare('SELECT range + $1::BIGINT FROM range(5000)', NEVER);
    const first = statement.run([1n], NEVER);
    const second = statement.run([2n], NEVER);
    expect((await first.next()).value?.chunk?.getRows()[0]?.[0]).toBe(1n);
    expect((await second.next()).value?.chunk?.getRows()[0]?.[0]).toBe(2n);
    let rows = 2048;
    for await (const { chunk } of first) rows += chunk?.rowCount ?? 0;
    expect(rows).toBe(5000);
    expect((await second.next()).value?.chunk?.getRows()[0]?.[0]).toBe(2050n);
    await second.return(undefined);
    expect((await answerOf(session, 'SELECT 1', [])).rows).toEqual([[1]]);
    await session.close();
  });

  it('ends what runs when its reader cancels, and says so', async () => {
    const session = (await readersWith({})).openSession(ANALYST);
    const cancel = new AbortController();
    const statement = await session.prepare(ENDLESS, NEVER);
    const running = statement.run([], cancel.signal).next();
    const startedAt = performance.now();
    setImmediate(() => cancel.abort());
    await expect(running).rejects.toMatchObject({ code: 'SL_QUERY_LIMIT', sqlState: '57014' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect((await answerOf(session, 'SELECT 1', [])).rows).toEqual([[1]]);
    await session.close();
  });

  it('ends what runs when it is closed', async () => {
    const session = (await readersWith({})).openSession(ANALYST);
    const statement = await session.prepare(ENDLESS, NEVER);
    const running = expect(statement.run([], NEVER).next()).rejects.toMatchObject({ sqlState: '57014' });
    await session.close();
    await running;
  });

  it('waits for its turn when as many as allowed are running', async () => {
    const readers = await readersWith({ maxConcurrent: 1 });
    const [busy, waiting] = [readers.openSession(ANALYST), readers.openSession(ANALYST)];
    const statement = await busy.prepare(ENDLESS, NEVER);
    const cancel = new AbortController();
    const order: string[] = [];
    const made = statement
      .run([], cancel.signal)
      .next()
      .catch(() => order.push('made room'));
    const answered = answerOf(waiting, 'SELECT 1', []).then(({ rows: [row] }) =>
      order.push(`answered ${row}`),
    );
    cancel.abort();
    await Promise.all([made, answered]);
    expect(order).toEqual(['made room', 'answered 1']);
    await busy.close();
    await waiting.close();
  });

  it('waits no longer than it may run', async () => {
    const readers = await Readers.open(ledger.store.instance, {
      limits: { ...READER_LIMITS, analyst: { ...READER_LIMITS.analyst, timeoutMs: 300 } },
      maxConcurrent: 1,
    });
    const busy = readers.openSession({ role: 'admin' });
    const waiting = readers.openSession(ANALYST);
    const statement = await busy.prepare(ENDLESS, NEVER);
    const cancel = new AbortController();
    const ended = statement
      .run([], cancel.signal)
      .next()
      .catch(() => {});
    await expect(answerOf(waiting, 'SELECT 1', [])).rejects.toMatchObject({ sqlState: '53300' });
    cancel.abort();
    await ended;
    await busy.close();
    await waiting.close();
  });

  it('leaves its place to others while its reader takes the rows', async () => {
    const readers = await readersWith({ maxConcurrent: 1 });
    const [slow, other] = [readers.openSession(ANALYST), readers.openSession(ANALYST)];
    const statement = await slow.prepare('SELECT range FROM range(5000)', NEVER);
    const rows = statement.run([], NEVER);
    let count = (await rows.next()).value?.chunk?.rowCount ?? 0;
    expect((await answerOf(other, 'SELECT 1', [])).rows).toEqual([[1]]);
    for await (const { chunk } of rows) count += chunk?.rowCount ?? 0;
    expect(count).toBe(5000);
    await slow.close();
    await other.close();
  });

  it('is refused when the role has as many as it may have, until one is closed', async () => {
    const readers = await readersWith({ maxSessions: 1 });
    const session = readers.openSession(ANALYST);
    expect(() => readers.openSession(ANALYST)).toThrow(expect.objectContaining({ sqlState: '53300' }));
    await session.close();
    await readers.openSession(ANALYST).close();
  });

  it('gets no more bytes than its role may have', async () => {
    const session = (await readersWith({ maxResultBytes: 100_000 })).openSession(ANALYST);
    const texts = "SELECT concat('a text of some length, of which there are many: ', range) FROM range(";
    expect((await answerOf(session, `${texts}1000)`, [])).rows).toHaveLength(1000);
    await expect(answerOf(session, `${texts}10000)`, [])).rejects.toMatchObject({
      code: 'SL_QUERY_LIMIT',
      sqlState: '53400',
    });
    await session.close();
  });
});

describe('a statement that is closed', () => {
  const JOINED = 'SELECT a.range FROM range(5000) a JOIN range(5000) b ON a.range = b.range';

  /** How many statements the engine was running whenever it was told to let go of one. */
  function runningWhenReleased(): { readonly counts: readonly number[]; readonly restore: () => void } {
    const counts: number[] = [];
    let running = 0;
    const { run, stream, destroySync } = DuckDBPreparedStatement.prototype;
    const counted = async <Result>(work: Promise<Result>): Promise<Result> => {
      running++;
      try {
        return await work;
      } finally {
        running--;
      }
    };
    const spies = [
      vi.spyOn(DuckDBPreparedStatement.prototype, 'run').mockImplementation(function (
        this: DuckDBPreparedStatement,
      ) {
        return counted(run.call(this));
      }),
      vi.spyOn(DuckDBPreparedStatement.prototype, 'stream').mockImplementation(function (
        this: DuckDBPreparedStatement,
      ) {
        return counted(stream.call(this));
      }),
      vi.spyOn(DuckDBPreparedStatement.prototype, 'destroySync').mockImplementation(function (
        this: DuckDBPreparedStatement,
      ) {
        counts.push(running);
        destroySync.call(this);
      }),
    ];
    return {
      counts,
      restore: () => {
        for (const spy of spies) spy.mockRestore();
      },
    };
  }

  it.each<[when: string, close: (session: ReaderSession) => Promise<unknown>]>([
    ['all of its rows were taken', (session) => answerOf(session, JOINED, [])],
    [
      'rows of it are left',
      async (session) => {
        const statement = await session.prepare(JOINED, NEVER);
        for await (const _ of statement.run([], NEVER)) break;
        await statement.close();
      },
    ],
    [
      'it runs',
      async (session) => {
        const statement = await session.prepare(ENDLESS, NEVER);
        const running = expect(statement.run([], NEVER).next()).rejects.toMatchObject({ sqlState: '57014' });
        await statement.close();
        await running;
      },
    ],
    [
      'it never ran, and another one runs after it',
      async (session) => {
        const statement = await session.prepare(JOINED, NEVER);
        await statement.close();
        await answerOf(session, JOINED, []);
      },
    ],
  ])('when %s, is let go of only once nothing runs on its connection', async (_, close) => {
    const session = (await readersWith({})).openSession(ANALYST);
    const released = runningWhenReleased();
    try {
      await close(session);
      await session.close();
    } finally {
      released.restore();
    }
    // That one, and what the connection keeps ready for all.
    expect(released.counts.length).toBeGreaterThan(3);
    expect(Math.max(...released.counts)).toBe(0);
  });
});

describe('a mistake is told with the SQLSTATE that clients act on', () => {
  it.each([
    ['42601', 'SELEC 1'],
    ['42P01', 'FROM nowhere'],
    ['42703', 'SELECT nothing FROM usage'],
    ['42703', 'SELECT usage.nothing FROM usage'],
    ['42P01', 'SELECT other.customer FROM usage'],
    ['42883', "SELECT sqrt(DATE '2026-01-01')"],
    ['22P02', "SELECT 'x'::INTEGER"],
    ['22003', 'SELECT 300::TINYINT'],
    [
      '22003',
      'SELECT 9223372036854775807 + 1::BIGINT FROM usage WHERE (9223372036854775807::BIGINT + requests) > 0 OR 1 = 1',
    ],
    ['42702', 'SELECT customer FROM usage, actions'],
    ['42803', 'SELECT customer, count(*) FROM usage'],
    ['42P02', 'SELECT $1'],
  ])('%s: %s', async (sqlState, sql) => {
    const session = (await readersWith({})).openSession(ANALYST);
    await expect(answerOf(session, sql, [])).rejects.toMatchObject({ sqlState });
    await session.close();
  });
});
