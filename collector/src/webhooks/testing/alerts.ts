import type { AlertEvent, RaisedAlert } from '../alert.ts';
import { endpointId, type WebhookEndpoint } from '../endpoint.ts';
import { signingKeys } from '../signature.ts';

/** 2026-11-22T12:00:00Z. */
export const NOON = Date.UTC(2026, 10, 22, 12);

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

/** At least one key, or the test is wrong. */
export function keysOf(...secrets: readonly string[]) {
  const keys = signingKeys(secrets.join(' '));
  if (keys === null) throw new Error('no secrets of the shape');
  return keys;
}

export function anAlert(changes: Partial<RaisedAlert> = {}): RaisedAlert {
  return {
    id: 'alert:3:threshold:80',
    tenant: 'default',
    customer: 'cus_acme',
    period: 3,
    alert: 'threshold:80',
    atMicros: NOON * 1000,
    detail: { used: '80.5', allowance: '100' },
    ...changes,
  };
}

export function alerts(count: number): RaisedAlert[] {
  return Array.from({ length: count }, (_, n) => anAlert({ customer: `cus_${n}` }));
}

export function anEndpoint(address: string, events: readonly AlertEvent[] | null = null): WebhookEndpoint {
  const url = new URL(address);
  return { id: endpointId(url), url, keys: keysOf(SECRET), events: events === null ? null : new Set(events) };
}
