import { createHash } from 'node:crypto';

/** What there is to hear of; the words are API. An alert's name may have a level behind a colon: `threshold:80`. */
export const ALERT_EVENTS = ['threshold', 'exhaustion_forecast', 'negative_margin'] as const;
export type AlertEvent = (typeof ALERT_EVENTS)[number];

/** An alert of a customer's account (`AlertFact` of metering), with whose it is. */
export interface RaisedAlert {
  /** Never the same twice for one customer. */
  readonly id: string;
  readonly tenant: string;
  readonly customer: string;
  /** The number of the billing period. */
  readonly period: number;
  readonly alert: string;
  /** When what it tells of was so, microseconds since the Unix epoch. */
  readonly atMicros: number;
  /** What was found; amounts as decimal texts. */
  readonly detail: Readonly<Record<string, string>>;
}

/** An alert as it is sent: made once, so that every attempt sends the same bytes. */
export interface Message {
  /** `webhook-id`: the same for every attempt and endpoint, and of no other alert. */
  readonly messageId: string;
  readonly alertId: string;
  readonly tenant: string;
  readonly customer: string;
  /** The alert's name without its level. */
  readonly event: string;
  readonly payload: string;
}

export function messageOf({ id, tenant, customer, period, alert, atMicros, detail }: RaisedAlert): Message {
  const event = alert.split(':', 1)[0] ?? alert;
  const payload = {
    type: `alert.${event}`,
    timestamp: new Date(atMicros / 1000).toISOString(),
    data: { alert_id: id, alert, tenant, customer, period, detail },
  };
  return {
    messageId: messageIdOf(tenant, customer, id),
    alertId: id,
    tenant,
    customer,
    event,
    payload: JSON.stringify(payload),
  };
}

/**
 * The alert's id is unique for its customer only, and may hold what no header may; the specification rules out full
 * stops besides. Equal alerts have equal ids after any restart.
 */
function messageIdOf(tenant: string, customer: string, alertId: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, customer, alertId]))
    .digest('hex');
  return `msg_${digest.slice(0, 32)}`;
}
