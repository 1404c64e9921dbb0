import type { DeliveryKey, NewDelivery, PendingDelivery, Progress } from './delivery.ts';

/** Where deliveries outlive the process. When a promise resolves, what it is for is durable. */
export interface DeliveryStore {
  /** Due at once. A delivery that is known, in whatever state, stays as it is. */
  add(deliveries: readonly NewDelivery[]): Promise<void>;
  /** At most `limit` pending ones of an endpoint, the next attempt first. */
  pending(endpoint: string, limit: number): Promise<readonly PendingDelivery[]>;
  /** An attempt has been made. */
  record(delivery: DeliveryKey, progress: Progress): Promise<void>;
  /** Pending ones of all other endpoints become dead letters: nobody is going to send them. */
  retire(endpoints: readonly string[]): Promise<void>;
  /** Dead letters of these endpoints are due again, all or those of these messages; resolves with how many. */
  revive(
    endpoints: readonly string[],
    messageIds: readonly string[] | null,
    nowMillis: number,
  ): Promise<number>;
}

/** Why a delivery was retired. */
export const NOT_CONFIGURED = 'its address is no longer in the configuration';
