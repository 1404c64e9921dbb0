import { messageOf, type RaisedAlert } from './alert.ts';
import { type Answer, afterAttempt, type PendingDelivery } from './delivery.ts';
import type { DeliveryStore } from './delivery-store.ts';
import { deliveriesOf, type WebhookEndpoint } from './endpoint.ts';
import type { Send } from './send.ts';
import { sign } from './signature.ts';

export interface WebhookPorts {
  readonly store: DeliveryStore;
  readonly send: Send;
  readonly nowMillis: () => number;
  /** Resolves after so long, or when the signal says so; never rejects. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** From [0, 1): spreads the attempts of those who failed together. */
  readonly random: () => number;
  /** Reading, writing or sending failed as it should not; it is tried again. */
  readonly onTrouble: (error: unknown) => void;
}

/** Requests to one endpoint at once: enough for any number of alerts, few enough for any receiver. */
const AT_ONCE = 4;
/** After the store has failed (a full disk, say), it is left alone for this long. */
const STORE_PAUSE_MS = 5000;
/** What is under way when the service stops has this long to be answered; then it is as if the process had died. */
const STOP_GRACE_MS = 2000;

/**
 * Sends what is due to each endpoint, in a lane of its own: an endpoint that hangs holds up no other, and none holds
 * up the ledger. An attempt is recorded after its answer; a process that dies in between sends again, with the same
 * `webhook-id`.
 */
export class WebhookWorker {
  private readonly endpoints: readonly WebhookEndpoint[];
  private readonly ports: WebhookPorts;
  private readonly stopping = new AbortController();
  private readonly cutting = new AbortController();
  private news = Promise.withResolvers<void>();
  private running: Promise<void> = Promise.resolve();

  constructor(endpoints: readonly WebhookEndpoint[], ports: WebhookPorts) {
    this.endpoints = endpoints;
    this.ports = ports;
  }

  /** What an earlier process left is sent first. */
  start(): void {
    this.running = this.run();
  }

  /**
   * When it resolves, the alerts are durable, and on their way. The same alert twice is sent once, so after a restart
   * those of the last while may simply be announced again.
   */
  async announce(alerts: readonly RaisedAlert[]): Promise<void> {
    const { store, nowMillis } = this.ports;
    const deliveries = deliveriesOf(alerts.map(messageOf), this.endpoints, nowMillis());
    if (deliveries.length === 0) return;
    await store.add(deliveries);
    this.wake();
  }

  /** Dead letters are sent again, all or those of these messages, to endpoints that are still configured. */
  async redeliver(messageIds: readonly string[] | null): Promise<number> {
    const { store, nowMillis } = this.ports;
    const count = await store.revive(this.endpointIds(), messageIds, nowMillis());
    if (count > 0) this.wake();
    return count;
  }

  /** Deliveries have been added by somebody else. */
  wake(): void {
    this.news.resolve();
    this.news = Promise.withResolvers();
  }

  /** Sends nothing new, and leaves what is under way a short while. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const isOver = new AbortController();
    await Promise.race([this.running, this.ports.wait(STOP_GRACE_MS, isOver.signal)]);
    isOver.abort();
    this.cutting.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    await this.insisting(() => this.ports.store.retire(this.endpointIds()));
    await Promise.all(this.endpoints.map((endpoint) => this.serve(endpoint)));
  }

  private async serve(endpoint: WebhookEndpoint): Promise<void> {
    const { store, nowMillis } = this.ports;
    while (!this.isStopping) {
      // Taken before the queue is read: what is added meanwhile ends the wait.
      const news = this.news.promise;
      const pending = await this.insisting(() => store.pending(endpoint.id, AT_ONCE));
      if (pending === null) return;
      const now = nowMillis();
      const due = pending.filter(({ nextAttemptMillis }) => nextAttemptMillis <= now);
      if (due.length > 0) await Promise.all(due.map((delivery) => this.attempt(endpoint, delivery)));
      else await this.pause(news, pending[0]?.nextAttemptMillis ?? null);
    }
  }

  private async attempt(endpoint: WebhookEndpoint, delivery: PendingDelivery): Promise<void> {
    const { store, nowMillis, random } = this.ports;
    if (this.isStopping) return;
    const answer = await this.send(endpoint, delivery);
    if (this.cutting.signal.aborted) return;
    const progress = afterAttempt(delivery, answer, nowMillis(), random());
    // Insisting, because a delivery whose attempt is not recorded would be sent again at once, and again.
    await this.insisting(() => store.record(delivery, progress));
  }

  private async send({ url, keys }: WebhookEndpoint, delivery: PendingDelivery): Promise<Answer> {
    const { messageId, payload } = delivery;
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'spanledger',
      ...sign(keys, messageId, Math.floor(this.ports.nowMillis() / 1000), payload),
    };
    try {
      return await this.ports.send({ url, headers, body: payload }, this.cutting.signal);
    } catch (error) {
      // A mistake of ours must end neither the lane nor the process, which has a ledger to keep.
      this.ports.onTrouble(error);
      return { kind: 'unanswered', problem: 'it could not be sent' };
    }
  }

  /** Until there is news, or it is time. */
  private async pause(news: Promise<void>, untilMillis: number | null): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.stopping.signal]);
    const time =
      untilMillis === null
        ? aborted(signal)
        : this.ports.wait(Math.max(untilMillis - this.ports.nowMillis(), 0), signal);
    await Promise.race([news, time]);
    over.abort();
  }

  /** Until it works; null when the worker stops before it does. */
  private async insisting<Result>(work: () => Promise<Result>): Promise<Result | null> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        this.ports.onTrouble(error);
        if (this.isStopping) return null;
        await this.ports.wait(STORE_PAUSE_MS, this.stopping.signal);
        if (this.isStopping) return null;
      }
    }
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private endpointIds(): readonly string[] {
    return this.endpoints.map(({ id }) => id);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
