import { expect, it } from 'vitest';
import { differences } from './compare.ts';
import { generateHistory } from './generate.ts';

it('what is not in the ledger is told as a difference, by every way of summing it up', async () => {
  const history = generateHistory({
    days: 1,
    nowMicros: Date.UTC(2026, 10, 24, 12) * 1000,
    seed: 1,
    size: 0.05,
  });
  for (const _body of history.bodies);
  const service = {
    otlpUrl: '',
    call: async () => ({}),
    query: async () => [],
    stop: async () => {},
  };
  const found = await differences(history.truth, service);
  expect(found.filter((text) => text.startsWith('cus_acme | '))).not.toEqual([]);
  expect(found.filter((text) => text.includes(' | openai: '))).not.toEqual([]);
  expect(found.filter((text) => text.startsWith('support-chat | customer | production'))).toHaveLength(1);
  expect(found.at(-1)).toMatch(/^deliveries: .*; in the ledger nothing$/);
});
