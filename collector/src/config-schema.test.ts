import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { configJsonSchema } from './config.ts';

it('the committed JSON Schema of the configuration is current (npm run generate)', async () => {
  const committed = await readFile(new URL('../spanledger.schema.json', import.meta.url), 'utf8');
  expect(committed).toBe(configJsonSchema());
});
