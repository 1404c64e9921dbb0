import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { CATALOGUE_FUNCTIONS, FUNCTIONS, TABLE_FUNCTIONS } from './functions.ts';

/** Words of the grammar that stand for functions, or become columns and constants before anything is called. */
const OF_THE_GRAMMAR = [
  'coalesce',
  'current_time',
  'current_timestamp',
  'extract',
  'grouping',
  'ifnull',
  'localtime',
  'localtimestamp',
];

it('every function that readers may call is one that the engine has', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const answer = await connection.runAndReadAll(
    'SELECT DISTINCT lower(function_name) FROM duckdb_functions()',
  );
  const known = new Set([...answer.getRows().map(([name]) => String(name)), ...OF_THE_GRAMMAR]);
  connection.closeSync();
  instance.closeSync();
  const listed = [...FUNCTIONS, ...TABLE_FUNCTIONS, ...CATALOGUE_FUNCTIONS];
  expect(listed.length).toBeGreaterThan(400);
  expect(listed.filter((name) => !known.has(name))).toEqual([]);
});
