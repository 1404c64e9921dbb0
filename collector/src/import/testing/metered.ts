import {
  attributesRead,
  DEFAULT_OBSERVE_SETTINGS,
  decide,
  observe,
  type UsageRecord,
} from '@spanledger/metering';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../../otlp/index.ts';
import { bodyOf } from '../batch.ts';
import type { OutgoingSpan } from '../outgoing-span.ts';
import type { Problem, Understood } from '../record.ts';

const WANTED = new WantedAttributes(attributesRead(DEFAULT_OBSERVE_SETTINGS));

/** What the ledger makes of spans of one trace that are sent: by the way that they take. */
export function meteredAll(spans: readonly OutgoingSpan[]): readonly UsageRecord[] {
  const body = bodyOf(spans, { batch: 'b', mode: 'charge' });
  const { spans: read, rejected } = readTraces(body, 'json', WANTED, SCAN_LIMITS);
  if (rejected.length > 0) throw new Error(`rejected: ${rejected[0]?.detail}`);
  const observations = read.flatMap((span) => observe(span, DEFAULT_OBSERVE_SETTINGS) ?? []);
  const deadline = { nowMicros: Date.UTC(2100, 0) * 1000, graceMicros: 0 };
  return decide(observations, deadline).map(({ usage }) => usage);
}

export function metered(understood: Understood): UsageRecord {
  const [usage] = meteredAll([spanOf(understood)]);
  if (usage === undefined) throw new Error('the span is of no call');
  return usage;
}

export function spanOf(understood: Understood): OutgoingSpan {
  if (understood.kind === 'span') return understood.span;
  throw new Error(`no span but ${JSON.stringify(understood)}`);
}

export function problemsOf(understood: Understood): readonly Problem[] {
  return understood.kind === 'problems' ? understood.problems : [];
}
