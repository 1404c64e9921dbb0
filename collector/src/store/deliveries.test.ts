import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type DeliveryStore,
  deliveriesOf,
  httpSend,
  messageOf,
  type NewDelivery,
  WebhookWorker,
  wait,
} from '../webhooks/index.ts';
import { alerts, anEndpoint } from '../webhooks/testing/alerts.ts';
import { answering, aReceiver } from '../webhooks/testing/receiver.ts';
import { DuckDbDeliveries, insertDeliveries } from './deliveries.ts';
import { aPosting } from './testing/postings.ts';
import { afterCrash, aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const ENDPOINT = anEndpoint('https://hooks.example:8443/services/T0/secret?token=secret');

function some(count: number): readonly NewDelivery[] {
  return deliveriesOf(alerts(count).map(messageOf), [ENDPOINT], NOON);
}

async function opened() {
  const { store, path, close } = await aStore();
  const deliveries = await DuckDbDeliveries.open(store.instance);
  onTestFinished(() => deliveries.close());
  return { store, path, close, deliveries };
}

describe('deliveries beside the ledger', () => {
  it('are durable at once, while a batch of the ledger is open', async () => {
    const { store, path, deliveries } = await opened();
    store.post(aPosting());
    await deliveries.add(some(3));
    const [sent] = await deliveries.pending(ENDPOINT.id, 1);
    if (sent === undefined) throw new Error('three are pending');
    const at = { atMillis: NOON, status: 200, problem: null, nextAttemptMillis: null };
    await deliveries.record(sent, { state: 'delivered', ...at });

    const { store: next } = await aStore({ path: await afterCrash(path), create: false });
    expect(await readOne(next.instance, 'SELECT count(*)::INTEGER AS n FROM usage')).toEqual({ n: 0 });
    const counted = `SELECT state, count(*)::INTEGER AS n, sum(attempts)::INTEGER AS attempts
      FROM webhook_deliveries GROUP BY state ORDER BY state`;
    expect(await read(next.instance, counted)).toEqual([
      { state: 'delivered', n: 1, attempts: 1 },
      { state: 'pending', n: 2, attempts: 0 },
    ]);

    await commitAt(store, 100);
    expect(await readOne(store.instance, 'SELECT count(*)::INTEGER AS n FROM usage')).toEqual({ n: 1 });
  });

  it('neither fail nor are failed by commits that run at the same time', async () => {
    const { store, deliveries } = await opened();
    const at = { atMillis: NOON, status: 500, problem: 'answered with 500' };
    for (let round = 1; round <= 10; round++) {
      store.post(aPosting({ spanId: round.toString(16).padStart(16, '0') }));
      const added = deliveries.add(some(round));
      await Promise.all([commitAt(store, round), added]);
      const pending = await deliveries.pending(ENDPOINT.id, 100);
      expect(pending).toHaveLength(round);
      await Promise.all(
        pending.map((each) => deliveries.record(each, { state: 'pending', ...at, nextAttemptMillis: NOON })),
      );
    }
    expect(
      await readOne(store.instance, 'SELECT sum(attempts)::INTEGER AS n FROM webhook_deliveries'),
    ).toEqual({
      n: 55,
    });
  });

  it('may be added in the transaction of the alerts, and are there with it or not at all', async () => {
    const { store, deliveries } = await opened();
    await deliveries.add(some(1));
    const writer = await store.instance.connect();
    await writer.run('BEGIN TRANSACTION');
    await insertDeliveries(writer, some(3));
    const [first] = await deliveries.pending(ENDPOINT.id, 10);
    if (first === undefined) throw new Error('one is pending');
    const at = { atMillis: NOON, status: 410, problem: 'gone', nextAttemptMillis: null };
    await deliveries.record(first, { state: 'dead', ...at });
    expect(await deliveries.pending(ENDPOINT.id, 10)).toHaveLength(0);
    await writer.run('COMMIT');
    writer.closeSync();
    expect(await deliveries.pending(ENDPOINT.id, 10)).toHaveLength(2);
  });
});

describe('a process that dies between sending and recording', () => {
  it('leaves a file from which the next one sends again, under the same id', async () => {
    const { store, path, deliveries } = await opened();
    const receiver = await aReceiver(answering(200));
    const endpoint = anEndpoint(receiver.url);
    const worker = (over: DeliveryStore) =>
      new WebhookWorker([endpoint], {
        store: over,
        send: httpSend(),
        nowMillis: () => NOON,
        wait,
        random: () => 0,
        onTrouble: (error) => expect.unreachable(String(error)),
      });
    store.post(aPosting());
    const dying = worker({
      add: (added) => deliveries.add(added),
      pending: (of, limit) => deliveries.pending(of, limit),
      retire: (endpoints) => deliveries.retire(endpoints),
      revive: (...selection) => deliveries.revive(...selection),
      record: () => new Promise(() => {}),
    });
    dying.start();
    await dying.announce(alerts(1));
    await receiver.untilReceived(1);

    const { store: next } = await aStore({ path: await afterCrash(path), create: false });
    const left = await DuckDbDeliveries.open(next.instance);
    onTestFinished(() => left.close());
    const recorded = Promise.withResolvers<void>();
    const living = worker({
      add: (added) => left.add(added),
      pending: (of, limit) => left.pending(of, limit),
      retire: (endpoints) => left.retire(endpoints),
      revive: (...selection) => left.revive(...selection),
      record: (key, progress) => left.record(key, progress).then(recorded.resolve),
    });
    living.start();
    await recorded.promise;
    await living.stop();
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.received.map(({ messageId }) => messageId)).size).toBe(1);
    expect(await readOne(next.instance, 'SELECT state, attempts FROM webhook_deliveries')).toEqual({
      state: 'delivered',
      attempts: 1,
    });
  });
});

describe('the views of deliveries', () => {
  it('show what became of each, and never an address', async () => {
    const { store, deliveries } = await opened();
    await deliveries.add(some(2));
    const [first] = await deliveries.pending(ENDPOINT.id, 1);
    if (first === undefined) throw new Error('two are pending');
    const problem = 'answered with 503';
    await deliveries.record(first, {
      state: 'dead',
      atMillis: NOON,
      status: 503,
      problem,
      nextAttemptMillis: null,
    });
    const dead = await read(store.instance, 'FROM alert_dead_letters');
    expect(dead).toMatchObject([
      { message_id: first.messageId, url_host: 'hooks.example:8443', attempts: 1, last_status: 503, problem },
    ]);
    const all = await read(store.instance, 'FROM webhook_deliveries ORDER BY state');
    expect(all.map(({ state }) => state)).toEqual(['dead', 'pending']);
    expect(all[1]).toMatchObject({ attempts: 0, last_status: null, alert_id: 'alert:3:threshold:80' });
    expect(JSON.stringify(all) + JSON.stringify(dead)).not.toContain('secret');
  });
});
