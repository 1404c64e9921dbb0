import { SESSION_ID } from '@spanledger/semconv';
import { fingerprint } from '../fingerprint.ts';
import { label } from '../label.ts';
import type { LogDialect } from './dialect.ts';
import type { LogRecord } from './record.ts';

/** What tells one event from another besides the words of its dialect: the emitter's own time and count, and the session. */
export const EVENT_KEYS: readonly string[] = [
  'event.timestamp',
  'event.sequence',
  SESSION_ID,
  'conversation.id',
  'prompt.id',
];

/** Where an event stands among spans: it has no id of its own, so one is made of what it says. */
export interface EventIdentity {
  readonly traceId: string;
  readonly spanId: string;
  /** The span in which it happened. */
  readonly parentSpanId: string | null;
}

/**
 * The same event sent again, in any encoding and with its attributes in any order, has the same identity; another event
 * has another. It is made of a fixed list of attributes, so that nobody's settings change it, and of the time at which
 * the event happened. When it was observed counts only where neither that nor the emitter's own time is known: two
 * collectors may observe one event, but without any time equal events would be one.
 *
 * An event within a trace belongs to that trace; any other is a trace of its own.
 */
export function identityOf(record: LogRecord, dialect: LogDialect, eventName: string): EventIdentity {
  const said = saidBy(record, dialect, eventName);
  return {
    traceId:
      record.traceId ?? fingerprint(`trace, upper half ${said}`) + fingerprint(`trace, lower half ${said}`),
    spanId: fingerprint(`span ${said}`),
    parentSpanId: record.traceId === null ? null : record.spanId,
  };
}

/** Everything that makes the event itself as one text, in which no value can pass for another's key. */
function saidBy(record: LogRecord, dialect: LogDialect, eventName: string): string {
  const { attributes, timeMicros, observedTimeMicros } = record;
  const timeless = timeMicros === null && label(attributes.get('event.timestamp')) === null;
  const values = [...EVENT_KEYS, ...dialect.attributes]
    .sort()
    .map((key) => [key, label(attributes.get(key))] as const)
    .filter(([, value]) => value !== null);
  return JSON.stringify([
    dialect.name,
    eventName,
    timeless ? ['observed', observedTimeMicros] : timeMicros,
    values,
  ]);
}
