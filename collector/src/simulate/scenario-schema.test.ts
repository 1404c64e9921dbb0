import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { scenarioJsonSchema } from './format.ts';

it('the committed JSON Schema of scenarios is current (npm run generate)', async () => {
  const committed = await readFile(new URL('../../scenario.schema.json', import.meta.url), 'utf8');
  expect(committed).toBe(scenarioJsonSchema());
});
