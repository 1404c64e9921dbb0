import {
  type DeliveryKey,
  type DeliveryStore,
  type NewDelivery,
  NOT_CONFIGURED,
  type PendingDelivery,
  type Progress,
} from '../webhooks/index.ts';

/** A delivery as a table would hold it. */
export interface HeldDelivery extends NewDelivery {
  readonly state: Progress['state'];
  readonly attempts: number;
  readonly failures: number;
  readonly status: number | null;
  readonly problem: string | null;
  readonly nextAttemptMillis: number | null;
}

/** The twin of `DuckDbDeliveries` for tests: the same answers, nothing on disk. */
export class MemoryDeliveries implements DeliveryStore {
  readonly held = new Map<string, HeldDelivery>();
  private readonly waiting: (() => void)[] = [];

  async add(deliveries: readonly NewDelivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const key = textOf(delivery);
      if (this.held.has(key)) continue;
      this.held.set(key, {
        ...delivery,
        state: 'pending',
        attempts: 0,
        failures: 0,
        status: null,
        problem: null,
        nextAttemptMillis: delivery.createdMillis,
      });
    }
  }

  async pending(endpoint: string, limit: number): Promise<readonly PendingDelivery[]> {
    const pending: PendingDelivery[] = [];
    const queue = [...this.held.values()].sort(
      (one, other) => one.createdMillis - other.createdMillis || (one.messageId < other.messageId ? -1 : 1),
    );
    for (const { messageId, endpoint: of, payload, state, failures, nextAttemptMillis } of queue) {
      if (state !== 'pending' || of !== endpoint || nextAttemptMillis === null) continue;
      pending.push({ messageId, endpoint, payload, failures, nextAttemptMillis });
    }
    return pending.sort((one, other) => one.nextAttemptMillis - other.nextAttemptMillis).slice(0, limit);
  }

  async record(delivery: DeliveryKey, progress: Progress): Promise<void> {
    const held = this.held.get(textOf(delivery));
    if (held?.state !== 'pending') return;
    const { state, status, problem, nextAttemptMillis } = progress;
    const failures = held.failures + (state === 'delivered' ? 0 : 1);
    const changed = { state, status, problem, nextAttemptMillis, failures, attempts: held.attempts + 1 };
    this.held.set(textOf(delivery), { ...held, ...changed });
    for (const look of this.waiting) look();
  }

  /** Resolves when it holds for all of them. */
  until(holds: (delivery: HeldDelivery) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if ([...this.held.values()].every(holds)) resolve();
      };
      this.waiting.push(look);
      look();
    });
  }

  async retire(endpoints: readonly string[]): Promise<void> {
    for (const [key, held] of this.held) {
      if (held.state !== 'pending' || endpoints.includes(held.endpoint)) continue;
      this.held.set(key, { ...held, state: 'dead', problem: NOT_CONFIGURED, nextAttemptMillis: null });
    }
    for (const look of this.waiting) look();
  }

  async revive(
    endpoints: readonly string[],
    messageIds: readonly string[] | null,
    nowMillis: number,
  ): Promise<number> {
    let revived = 0;
    for (const [key, held] of this.held) {
      const isMeant = messageIds === null || messageIds.includes(held.messageId);
      if (held.state !== 'dead' || !isMeant || !endpoints.includes(held.endpoint)) continue;
      this.held.set(key, { ...held, state: 'pending', failures: 0, nextAttemptMillis: nowMillis });
      revived++;
    }
    return revived;
  }
}

function textOf({ messageId, endpoint }: DeliveryKey): string {
  return `${messageId}/${endpoint}`;
}
