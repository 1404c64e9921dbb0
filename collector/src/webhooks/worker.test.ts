import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryDeliveries } from '../store/memory-deliveries.ts';
import { MAX_ATTEMPTS } from './delivery.ts';
import type { DeliveryStore } from './delivery-store.ts';
import type { WebhookEndpoint } from './endpoint.ts';
import { httpSend, SEND_LIMITS, type Send } from './send.ts';
import { alerts, anAlert, anEndpoint, NOON } from './testing/alerts.ts';
import { answering, aReceiver, dying, first, hanging } from './testing/receiver.ts';
import { wait } from './wait.ts';
import { WebhookWorker } from './worker.ts';

interface Running {
  readonly worker: WebhookWorker;
  readonly store: MemoryDeliveries;
  readonly clock: Clock;
  readonly troubles: unknown[];
}

/** Time passes only when the worker waits for it: a day of attempts takes as long as its requests. */
interface Clock {
  nowMillis: number;
}

function running(
  endpoints: readonly WebhookEndpoint[],
  options: {
    readonly held?: MemoryDeliveries;
    readonly store?: DeliveryStore;
    readonly send?: Send;
    readonly clock?: Clock;
  } = {},
): Running {
  const { held = new MemoryDeliveries(), clock = { nowMillis: NOON } } = options;
  const troubles: unknown[] = [];
  const worker = new WebhookWorker(endpoints, {
    store: options.store ?? held,
    send: options.send ?? httpSend(SEND_LIMITS),
    nowMillis: () => clock.nowMillis,
    wait: async (delayMs, signal) => {
      if (signal.aborted) return;
      clock.nowMillis += delayMs;
      await wait(0, signal);
    },
    random: () => 0.5,
    onTrouble: (error) => troubles.push(error),
  });
  worker.start();
  onTestFinished(() => worker.stop());
  return { worker, store: held, clock, troubles };
}

/** Resolves when every delivery has come to its end. */
function untilSettled(held: MemoryDeliveries): Promise<void> {
  return held.until((delivery) => delivery.state !== 'pending');
}

const statesOf = (held: MemoryDeliveries) =>
  [...held.held.values()].map(({ state, attempts }) => `${state} ${attempts}`);

/** Whose receiver lives in the worker's time. */
const at = (clock: Clock) => () => Math.floor(clock.nowMillis / 1000);

describe('an alert', () => {
  it('arrives, signed, as JSON', async () => {
    const clock = { nowMillis: NOON };
    const receiver = await aReceiver(answering(204), at(clock));
    const { worker, store } = running([anEndpoint(receiver.url)], { clock });
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(receiver.received).toEqual([
      {
        messageId: expect.stringMatching(/^msg_/),
        body: expect.stringContaining('"type":"alert.threshold"'),
        isSigned: true,
      },
    ]);
    expect(statesOf(store)).toEqual(['delivered 1']);
  });

  it('is sent once, however often it is announced', async () => {
    const receiver = await aReceiver(answering(200));
    const { worker, store } = running([anEndpoint(receiver.url)]);
    await worker.announce([anAlert(), anAlert()]);
    await untilSettled(store);
    await worker.announce([anAlert()]);
    await worker.announce([anAlert({ customer: 'cus_other' })]);
    await untilSettled(store);
    expect(receiver.received).toHaveLength(2);
  });

  it('is tried again, the same bytes under the same id, until it is taken', async () => {
    const clock = { nowMillis: NOON };
    const behaviour = first(answering(500), dying, answering(429), answering(200));
    const receiver = await aReceiver(behaviour, at(clock));
    const { worker, store } = running([anEndpoint(receiver.url)], { clock });
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(receiver.received).toHaveLength(4);
    expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true);
    expect(new Set(receiver.received.map(({ messageId, body }) => messageId + body)).size).toBe(1);
    expect(statesOf(store)).toEqual(['delivered 4']);
    expect(clock.nowMillis - NOON).toBe(1.1 * (10_000 + 20_000 + 40_000));
  });

  it('is a dead letter after a day of attempts, and can be sent again from there', async () => {
    const failures = Array.from({ length: MAX_ATTEMPTS }, () => answering(503));
    const receiver = await aReceiver(first(...failures, answering(200)));
    const { worker, store } = running([anEndpoint(receiver.url)]);
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(statesOf(store)).toEqual([`dead ${MAX_ATTEMPTS}`]);
    expect(await worker.redeliver(['msg_of_another'])).toBe(0);
    expect(await worker.redeliver(null)).toBe(1);
    await untilSettled(store);
    expect(statesOf(store)).toEqual([`delivered ${MAX_ATTEMPTS + 1}`]);
    expect(await worker.redeliver(null)).toBe(0);
  });

  it('is a dead letter at once where the receiver is gone', async () => {
    const receiver = await aReceiver(answering(410));
    const { worker, store } = running([anEndpoint(receiver.url)]);
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(statesOf(store)).toEqual(['dead 1']);
  });

  it('never follows a redirect', async () => {
    const elsewhere = await aReceiver(answering(200));
    const receiver = await aReceiver(
      first(
        answering(307, { location: elsewhere.url }),
        answering(308, { location: elsewhere.url }),
        answering(410),
      ),
    );
    const { worker, store } = running([anEndpoint(receiver.url)]);
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(receiver.received).toHaveLength(3);
    expect(elsewhere.received).toHaveLength(0);
  });

  it('is a dead letter when its address is no longer configured', async () => {
    const receiver = await aReceiver(answering(500));
    const held = new MemoryDeliveries();
    const stopped = running([anEndpoint(receiver.url)], { held });
    await stopped.worker.stop();
    await stopped.worker.announce([anAlert()]);
    const other = await aReceiver(answering(200));
    running([anEndpoint(other.url)], { held });
    await untilSettled(held);
    expect(statesOf(held)).toEqual(['dead 0']);
    expect(other.received).toHaveLength(0);
  });
});

describe('a receiver that hangs', () => {
  /** Longer than an answer takes where other things are being done, also the first of a process. */
  const timeoutMs = 1000;

  it('is left after the time-out, and holds up no other endpoint', async () => {
    const slow = await aReceiver(first(hanging, hanging, answering(410)));
    const quick = await aReceiver(answering(200));
    const send = httpSend({ ...SEND_LIMITS, timeoutMs });
    const { worker, store } = running([anEndpoint(slow.url), anEndpoint(quick.url)], { send });
    await worker.announce([anAlert()]);
    await quick.untilReceived(1);
    expect(statesOf(store)[0]).not.toBe('delivered 1');
    await untilSettled(store);
    expect(statesOf(store).sort()).toEqual(['dead 3', 'delivered 1']);
  });

  it('has taken the message if it said so before', async () => {
    const receiver = await aReceiver((response) => response.writeHead(200).write('and then nothing'));
    const send = httpSend({ ...SEND_LIMITS, timeoutMs });
    const { worker, store } = running([anEndpoint(receiver.url)], { send });
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(statesOf(store)).toEqual(['delivered 1']);
  });

  it('or never ends its answer is cut off, and its status counts', async () => {
    const receiver = await aReceiver((response) => {
      response.writeHead(200);
      const more = () => {
        if (!response.destroyed) response.write(Buffer.alloc(16_384), more);
      };
      more();
    });
    const send = httpSend({ timeoutMs: 30_000, maxAnswerBytes: 32_768 });
    const { worker, store } = running([anEndpoint(receiver.url)], { send });
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(statesOf(store)).toEqual(['delivered 1']);
  });
});

describe('the worker', () => {
  it('sends what an earlier one left', async () => {
    const receiver = await aReceiver(answering(200));
    const held = new MemoryDeliveries();
    const endpoint = anEndpoint(receiver.url);
    const earlier = running([endpoint], { held });
    await earlier.worker.stop();
    await earlier.worker.announce(alerts(9));
    expect(receiver.received).toHaveLength(0);
    running([endpoint], { held });
    await untilSettled(held);
    expect(new Set(receiver.received.map(({ messageId }) => messageId)).size).toBe(9);
    expect(receiver.received).toHaveLength(9);
  });

  it('sends again, under the same id, what was sent but not recorded when the process died', async () => {
    const receiver = await aReceiver(answering(200));
    const endpoint = anEndpoint(receiver.url);
    const held = new MemoryDeliveries();
    const dead = new Proxy(held, {
      get: (target, name) =>
        name === 'record' ? () => new Promise<void>(() => {}) : Reflect.get(target, name).bind(target),
    });
    const first = new WebhookWorker([endpoint], {
      store: dead,
      send: httpSend(),
      nowMillis: () => NOON,
      wait,
      random: Math.random,
      onTrouble: () => {},
    });
    first.start();
    await first.announce([anAlert()]);
    await receiver.untilReceived(1);
    running([endpoint], { held });
    await untilSettled(held);
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.messageId).toBe(receiver.received[1]?.messageId);
  });

  it('records an attempt when the store works again, and does not send meanwhile', async () => {
    const receiver = await aReceiver(answering(200));
    const held = new MemoryDeliveries();
    let refusals = 3;
    const store: DeliveryStore = new Proxy(held, {
      get: (target, name) => {
        if (name !== 'record' || refusals === 0) return Reflect.get(target, name).bind(target);
        refusals--;
        return () => Promise.reject(new Error('the disk is full'));
      },
    });
    const { worker, troubles } = running([anEndpoint(receiver.url)], { held, store });
    await worker.announce([anAlert()]);
    await untilSettled(held);
    expect(troubles).toHaveLength(3);
    expect(receiver.received).toHaveLength(1);
  });

  it('goes on when sending fails as it never should', async () => {
    let attempts = 0;
    const send: Send = async () => {
      if (++attempts < 3) throw new TypeError('a mistake');
      return { kind: 'answered', status: 200 };
    };
    const { worker, store, troubles } = running([anEndpoint('https://hooks.example/')], { send });
    await worker.announce([anAlert()]);
    await untilSettled(store);
    expect(statesOf(store)).toEqual(['delivered 3']);
    expect(troubles).toHaveLength(2);
  });

  it('stops without waiting for what hangs, and leaves it for the next one', async () => {
    const receiver = await aReceiver(first(hanging, answering(200)));
    const endpoint = anEndpoint(receiver.url);
    const held = new MemoryDeliveries();
    const { worker } = running([endpoint], { held });
    await worker.announce([anAlert()]);
    await receiver.untilReceived(1);
    await worker.stop();
    expect(statesOf(held)).toEqual(['pending 0']);
    running([endpoint], { held });
    await untilSettled(held);
    expect(statesOf(held)).toEqual(['delivered 1']);
  });

  it('does nothing without endpoints, and stops', async () => {
    const { worker, store } = running([]);
    await worker.announce([anAlert()]);
    expect(store.held.size).toBe(0);
    await worker.stop();
  });
});
