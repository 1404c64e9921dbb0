import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { tablesBehindViews } from './tables-behind.ts';

it('the tables behind the views are found through views, joins, sub-selects and common table expressions', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('CREATE SCHEMA public; CREATE SCHEMA ledger; CREATE SCHEMA customer');
  for (const table of ['a', 'b', 'c', 'd', 'e', 'hidden', 'of_customers']) {
    await connection.run(`CREATE TABLE ledger.${table} (k INTEGER, ledger INTEGER)`);
  }
  await connection.run('CREATE VIEW ledger.both AS SELECT * FROM ledger.a JOIN ledger.b USING (k, ledger)');
  await connection.run('CREATE VIEW public.joined AS SELECT * FROM ledger.both');
  await connection.run(
    'CREATE VIEW public.narrow AS WITH hidden AS (SELECT k FROM ledger.c) SELECT k FROM hidden',
  );
  await connection.run(
    'CREATE VIEW public.deep AS SELECT (SELECT max(k) FROM ledger.d) AS k UNION ALL FROM public.narrow',
  );
  await connection.run(
    'CREATE VIEW public.windows AS SELECT k FROM ledger.e WHERE k IN (SELECT ledger FROM ledger.e)',
  );
  await connection.run('CREATE VIEW customer.one AS SELECT * FROM ledger.of_customers');
  expect(await tablesBehindViews(connection)).toEqual(['a', 'b', 'c', 'd', 'e']);
  connection.closeSync();
  instance.closeSync();
});
