import { describe, expect, it } from 'vitest';
import { declaredOids } from './cast-parameters.ts';

describe('the types that casts say parameters are', () => {
  it.each([
    ['a cast of PostgreSQL', 'SELECT $1::int + count(*) FROM usage', [[0, 23]]],
    ['a cast of the standard', 'SELECT CAST($1 AS bigint)', [[0, 20]]],
    ['one with a schema', 'SELECT $1 :: pg_catalog . date', [[0, 1082]]],
    [
      'arrays',
      'SELECT any($1::oid[]), $2::text[]',
      [
        [0, 1028],
        [1, 1009],
      ],
    ],
    [
      'types of several words, and of a size',
      'SELECT $1::timestamp with time zone < $3::timestamptz(3), $2::numeric(38, 15)[]',
      [
        [0, 1184],
        [2, 1184],
        [1, 1231],
      ],
    ],
    [
      'the first of several',
      'SELECT $2::text, $1::int8, $1::text',
      [
        [1, 25],
        [0, 20],
      ],
    ],
  ])('are those of %s', (_, sql, oids) => {
    expect([...declaredOids(sql)]).toEqual(oids);
  });

  it('are open for what is not cast, or cast to what values are not sent of', () => {
    expect(
      declaredOids(
        "SELECT $1, ($2)::int, '$3::int', $4::regclass, $5::nosuch, f($6 AS int), $7::timestamp(3) with time zone",
      ).size,
    ).toBe(0);
  });
});
