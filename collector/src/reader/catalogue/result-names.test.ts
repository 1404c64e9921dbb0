import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { resultNames } from './result-names.ts';

/** What the columns of `SELECT … FROM t` are called here, as the engine tells them at first. */
async function namesOf(select: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  onTestFinished(() => instance.closeSync());
  const connection = await instance.connect();
  await connection.run(
    'CREATE TABLE t (x BIGINT, y VARCHAR, l BIGINT[], moment TIMESTAMPTZ); CREATE MACRO regclass_oid(a) AS 1',
  );
  const sql = `SELECT ${select} FROM t`;
  const prepared = await connection.prepare(sql);
  const names = Array.from({ length: prepared.columnCount }, (_, at) => prepared.columnName(at));
  return resultNames(sql, names);
}

// Each as PostgreSQL 15 names it.
describe('a column that nobody has named', () => {
  it.each([
    ['count(*), count(x), count(DISTINCT x) FILTER (WHERE x > 1)', ['count', 'count', 'count']],
    ['max(x), sum(x)::float8, round(avg(x), 2)', ['max', 'sum', 'round']],
    [
      `date_trunc('hour', moment), now(), coalesce(x, 1), nullif(x, 1)`,
      ['date_trunc', 'now', 'coalesce', 'nullif'],
    ],
    ['x, t.x, (x), x::int, CAST(y AS integer), l[1]', ['x', 'x', 'x', 'x', 'y', 'l']],
    [`1, 1.5, 'a', NULL, x + 1, -x, x = 1, y || 'a'`, Array.from({ length: 8 }, () => '?column?')],
    [`'1'::int, true, '2026-01-01'::timestamptz`, ['int4', 'bool', 'timestamptz']],
    ['CASE WHEN x = 1 THEN 2 END, CASE WHEN x = 1 THEN y ELSE lower(y) END', ['case', 'lower']],
    ['(SELECT 1 AS one), (SELECT max(x) FROM t), EXISTS (SELECT 1)', ['one', 'max', 'exists']],
    ['row_number() OVER (ORDER BY x), ARRAY[x]', ['row_number', 'array']],
    [`regclass_oid('t')`, ['regclass']],
  ])('is called as in PostgreSQL: %s', async (select, expected) => {
    expect(await namesOf(select)).toEqual(expected);
  });
});

describe('a name that somebody gave', () => {
  it.each([
    ['sum(x) AS "max(x)", max(x)', ['max(x)', 'max(x)']],
    ['x AS "Cost (USD)", y AS "a-b", x AS "1"', ['Cost (USD)', 'a-b', '1']],
    ['"n(1)" FROM (SELECT x AS "n(1)" FROM t) AS s, t WHERE true --', ['n(1)']],
  ])('stays: %s', async (select, expected) => {
    expect(await namesOf(select)).toEqual(expected);
  });

  it('stays where a PIVOT makes names of what is in the rows', () => {
    const sql = 'SELECT * FROM (PIVOT t ON y IN (a) USING sum(x))';
    expect(resultNames(sql, ['x', 'f(x)'])).toEqual(['x', 'f(x)']);
  });
});

it('takes no longer than the name is long', () => {
  const start = performance.now();
  resultNames('SELECT 1', [
    `${'CAST('.repeat(500)}1${' AS INTEGER)'.repeat(300)}`,
    `(${'1+'.repeat(100_000)}1)`,
  ]);
  expect(performance.now() - start).toBeLessThan(1000);
});
