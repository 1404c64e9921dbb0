import {
  ARRAY,
  BIGINT,
  BIGNUM,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  type DuckDBType,
  ENUM,
  HUGEINT,
  INTEGER,
  LIST,
  MAP,
  SQLNULL,
  STRUCT,
  TIMESTAMP,
  TIMESTAMPTZ,
  TINYINT,
  UBIGINT,
  UINTEGER,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { TYPE_TABLE } from './type-table.ts';
import { postgresTypeOf } from './types.ts';

describe('the type that a PostgreSQL client is told', () => {
  it.each<[string, DuckDBType, string, number]>([
    ['a small number', TINYINT, 'int2', 21],
    ['a number of 32 bits', INTEGER, 'int4', 23],
    ['the number of an object', UINTEGER, 'oid', 26],
    ['numbers of objects', LIST(UINTEGER), '_oid', 1028],
    ['a number of 64 bits', BIGINT, 'int8', 20],
    ['one without sign', UBIGINT, 'numeric', 1700],
    ['a sum', HUGEINT, 'numeric', 1700],
    ['a number without bound', BIGNUM, 'numeric', 1700],
    ['a text', VARCHAR, 'text', 25],
    ['a word of a list', ENUM(['a', 'b']), 'text', 25],
    ['an instant', TIMESTAMPTZ, 'timestamptz', 1184],
    ['a local time', TIMESTAMP, 'timestamp', 1114],
    ['a day', DATE, 'date', 1082],
    ['a float', DOUBLE, 'float8', 701],
    ['a truth', BOOLEAN, 'bool', 16],
    ['bytes', BLOB, 'bytea', 17],
    ['an id', UUID, 'uuid', 2950],
    ['nothing', SQLNULL, 'text', 25],
    ['a list of texts', LIST(VARCHAR), '_text', 1009],
    ['a list of numbers of fixed length', ARRAY(BIGINT, 3), '_int8', 1016],
    ['a list of lists', LIST(LIST(INTEGER)), 'json', 114],
    ['a structure', STRUCT({ a: INTEGER }), 'json', 114],
    ['a list of structures', LIST(STRUCT({ a: INTEGER })), 'json', 114],
    ['a map', MAP(VARCHAR, INTEGER), 'json', 114],
  ])('for %s', (_name, type, name, oid) => {
    expect(postgresTypeOf(type)).toMatchObject({ name, oid, typmod: -1 });
  });

  it('has precision and scale of an amount in its typmod', () => {
    // As PostgreSQL 15 has it in pg_attribute for numeric(38,15).
    expect(postgresTypeOf(DECIMAL(38, 15))).toEqual({
      oid: 1700,
      name: 'numeric',
      lengthBytes: -1,
      typmod: 2_490_387,
    });
    expect(postgresTypeOf(LIST(DECIMAL(38, 15)))).toMatchObject({ oid: 1231, typmod: 2_490_387 });
  });
});

describe('the table of types', () => {
  it('has each number once', () => {
    const oids = TYPE_TABLE.flatMap(([oid, , , , , array]) => (array === 0 ? [oid] : [oid, array]));
    expect(new Set(oids).size).toBe(oids.length);
    expect(oids.length).toBeGreaterThan(80);
  });
});
