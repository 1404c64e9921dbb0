import { createHash } from 'node:crypto';
import type { AlertEvent, Message } from './alert.ts';
import type { NewDelivery } from './delivery.ts';
import type { SigningKey } from './signature.ts';

/** Where alerts are sent. */
export interface WebhookEndpoint {
  /** Fingerprint of the address: what deliveries know of it. */
  readonly id: string;
  readonly url: URL;
  /** More than one while secrets are changed: a message is signed with each. */
  readonly keys: readonly SigningKey[];
  /** Null: whatever there is to hear of. */
  readonly events: ReadonlySet<AlertEvent> | null;
}

export function endpointId(url: URL): string {
  return createHash('sha256').update(url.href).digest('hex').slice(0, 16);
}

/** One delivery for each endpoint that wants the message. */
export function deliveriesOf(
  messages: readonly Message[],
  endpoints: readonly WebhookEndpoint[],
  nowMillis: number,
): readonly NewDelivery[] {
  return messages.flatMap((message) =>
    endpoints
      .filter((endpoint) => wants(endpoint, message.event))
      .map((endpoint) => ({
        ...message,
        endpoint: endpoint.id,
        urlHost: endpoint.url.host,
        createdMillis: nowMillis,
      })),
  );
}

function wants({ events }: WebhookEndpoint, event: string): boolean {
  if (events === null) return true;
  const names: ReadonlySet<string> = events;
  return names.has(event);
}
