import { describe, expect, it, onTestFinished } from 'vitest';
import type { DeliveryStore, NewDelivery, Progress } from '../webhooks/index.ts';
import { DuckDbDeliveries } from './deliveries.ts';
import { MemoryDeliveries } from './memory-deliveries.ts';
import { aStore, NOON } from './testing/stores.ts';

async function inDuckDb(): Promise<DeliveryStore> {
  const { store } = await aStore();
  const deliveries = await DuckDbDeliveries.open(store.instance);
  onTestFinished(() => deliveries.close());
  return deliveries;
}

function aDelivery(messageId: string, changes: Partial<NewDelivery> = {}): NewDelivery {
  return {
    messageId,
    alertId: 'alert:1:threshold:80',
    tenant: 'default',
    customer: "O'Größe ☃",
    event: 'threshold',
    payload: '{"data": "a \\"text\\"\\n"}',
    endpoint: 'one',
    urlHost: 'hooks.example',
    createdMillis: NOON,
    ...changes,
  };
}

const failed = (nextAttemptMillis: number): Progress => ({
  state: 'pending',
  atMillis: NOON,
  status: 500,
  problem: 'answered with 500',
  nextAttemptMillis,
});
const DELIVERED: Progress = {
  state: 'delivered',
  atMillis: NOON,
  status: 200,
  problem: null,
  nextAttemptMillis: null,
};
const DEAD: Progress = {
  state: 'dead',
  atMillis: NOON,
  status: null,
  problem: 'not reached: ECONNREFUSED',
  nextAttemptMillis: null,
};

describe.each([
  ['DuckDB', inDuckDb],
  ['memory', async () => new MemoryDeliveries()],
])('deliveries in %s', (_where, open) => {
  it('are pending at once, in order of time, each endpoint for itself', async () => {
    const store = await open();
    await store.add([
      aDelivery('c', { createdMillis: NOON + 2 }),
      aDelivery('a', { createdMillis: NOON + 1 }),
      aDelivery('b'),
      aDelivery('b', { endpoint: 'two' }),
    ]);
    const pending = await store.pending('one', 2);
    expect(pending).toEqual([
      {
        messageId: 'b',
        endpoint: 'one',
        payload: aDelivery('b').payload,
        failures: 0,
        nextAttemptMillis: NOON,
      },
      {
        messageId: 'a',
        endpoint: 'one',
        payload: aDelivery('a').payload,
        failures: 0,
        nextAttemptMillis: NOON + 1,
      },
    ]);
    expect(await store.pending('two', 10)).toHaveLength(1);
    expect(await store.pending('three', 10)).toEqual([]);
  });

  it('that are added again, or twice at once, stay as they are', async () => {
    const store = await open();
    await store.add([aDelivery('a'), aDelivery('a')]);
    await store.record({ messageId: 'a', endpoint: 'one' }, failed(NOON + 5000));
    await store.add([aDelivery('a', { createdMillis: NOON + 9 })]);
    expect(await store.pending('one', 10)).toMatchObject([{ failures: 1, nextAttemptMillis: NOON + 5000 }]);
    await store.record({ messageId: 'a', endpoint: 'one' }, DELIVERED);
    await store.add([aDelivery('a')]);
    expect(await store.pending('one', 10)).toEqual([]);
  });

  it('of which an attempt failed come after those that are due', async () => {
    const store = await open();
    await store.add([aDelivery('a'), aDelivery('b', { createdMillis: NOON + 1 })]);
    await store.record({ messageId: 'a', endpoint: 'one' }, failed(NOON + 10_000));
    expect((await store.pending('one', 10)).map(({ messageId }) => messageId)).toEqual(['b', 'a']);
  });

  it('end once: what is delivered or dead takes no further record', async () => {
    const store = await open();
    await store.add([aDelivery('a'), aDelivery('b')]);
    await store.record({ messageId: 'a', endpoint: 'one' }, DELIVERED);
    await store.record({ messageId: 'b', endpoint: 'one' }, DEAD);
    await store.record({ messageId: 'a', endpoint: 'one' }, failed(NOON));
    await store.record({ messageId: 'b', endpoint: 'one' }, failed(NOON));
    expect(await store.pending('one', 10)).toEqual([]);
  });

  it('that are dead are due again on request: of these endpoints, all or some', async () => {
    const store = await open();
    await store.add([aDelivery('a'), aDelivery('b'), aDelivery('a', { endpoint: 'two' }), aDelivery('c')]);
    for (const endpoint of ['one', 'two']) {
      for (const messageId of ['a', 'b']) await store.record({ messageId, endpoint }, DEAD);
    }
    await store.record({ messageId: 'c', endpoint: 'one' }, DELIVERED);
    expect(await store.revive(['one'], ['a', 'c', "it's none"], NOON + 7)).toBe(1);
    expect(await store.pending('one', 10)).toMatchObject([
      { messageId: 'a', failures: 0, nextAttemptMillis: NOON + 7 },
    ]);
    expect(await store.revive([], null, NOON)).toBe(0);
    expect(await store.revive(['one', 'two'], [], NOON)).toBe(0);
    expect(await store.revive(['one', 'two'], null, NOON)).toBe(2);
  });

  it('to addresses that are gone are retired, and can be revived when they are back', async () => {
    const store = await open();
    await store.add([aDelivery('a'), aDelivery('b', { endpoint: 'gone' })]);
    await store.retire(['one', 'two']);
    expect(await store.pending('gone', 10)).toEqual([]);
    expect(await store.pending('one', 10)).toHaveLength(1);
    expect(await store.revive(['gone'], null, NOON)).toBe(1);
    await store.retire([]);
    expect(await store.pending('one', 10)).toEqual([]);
  });

  it('take nothing at all, too', async () => {
    const store = await open();
    await store.add([]);
    expect(await store.pending('one', 10)).toEqual([]);
  });
});
