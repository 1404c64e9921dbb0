import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openApiJson } from './describe-api.ts';

const committed = () => readFile(new URL('../openapi.json', import.meta.url), 'utf8');

it('the committed description of the API is current (npm run generate)', async () => {
  expect(await committed()).toBe(await openApiJson());
});

it('every route says what it is for and what it answers', async () => {
  const { paths } = JSON.parse(await committed());
  const operations = Object.entries<Record<string, { summary?: string; responses: object }>>(paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ route: `${method} ${path}`, ...operation })),
  );
  expect(operations.length).toBeGreaterThan(30);
  expect(operations.filter(({ summary }) => summary === undefined).map(({ route }) => route)).toEqual([]);
  const wordless = operations.filter(
    ({ route, responses }) =>
      route.includes('/api/') && !('200' in responses || '201' in responses || '202' in responses),
  );
  expect(wordless.map(({ route }) => route)).toEqual([]);
});
