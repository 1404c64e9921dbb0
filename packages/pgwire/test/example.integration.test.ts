import { readFile } from 'node:fs/promises';
import { DEFAULT_LIMITS } from '@spanledger/pgwire';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';

it('the example of the README is the one that runs, and it runs', async () => {
  const [readme, example] = await Promise.all(
    ['../README.md', './example.ts'].map((file) => readFile(new URL(file, import.meta.url), 'utf8')),
  );
  expect(/```ts\n([\s\S]*?)```/.exec(readme ?? '')?.[1]).toBe(example);

  const { server } = await import('./example.ts');
  onTestFinished(() => server.close());
  const client = new pg.Client({
    host: '127.0.0.1',
    port: server.address.port,
    user: 'ada',
    password: 'correct-horse',
  });
  await client.connect();
  const { rows } = await client.query('select squares');
  expect(rows).toHaveLength(100_000);
  expect(rows.at(-1)).toEqual({ n: 99_999, square: '9999800001' });
  await expect(client.query('select cubes')).rejects.toMatchObject({
    code: '42601',
    hint: 'Try: select squares',
  });
  await client.end();
});

it('the README tells every bound as it is', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const told = [...readme.matchAll(/^\| `(\w+)` \| ([\d,]+) \| \S/gm)].map(([, name, value]) => [
    name,
    Number(value?.replaceAll(',', '')),
  ]);
  expect(told).toEqual(Object.entries(DEFAULT_LIMITS));
});
