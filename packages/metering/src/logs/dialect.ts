import type { Placements } from '../dialects/dialect.ts';
import { label } from '../label.ts';
import type { ReportedCounts } from '../tokens.ts';
import type { LogRecord } from './record.ts';

/** How one tool writes its model calls down as log events. */
export interface LogDialect {
  /** Stored with every record. */
  readonly name: string;
  /**
   * What this dialect looks at, which is also what tells one of its events from another (`identity.ts`). A key that is
   * added here changes the identity of the events that carry it: one that is sent both before and after counts twice.
   */
  readonly attributes: readonly string[];
  /** What it looks at since later versions, and what therefore is no part of that identity. */
  readonly alsoReads?: readonly string[];
  /** The call that the record tells of; null for every other record. */
  read(record: LogRecord): CallEvent | null;
}

/** One request to a model, told after its end by the program that made it. */
export interface CallEvent {
  /** The full name of the event, with that of the tool. */
  readonly name: string;
  readonly model: string | null;
  /** Canonical, or null where neither the tool nor the model's name tells. */
  readonly provider: string | null;
  readonly counts: ReportedCounts;
  /** What this tool is known to do with the parts of input and output. */
  readonly placements: Placements;
  /** The id that a span of the same call has as its response id. */
  readonly responseId: string | null;
  readonly requestId: string | null;
  /** Null where the event does not say how long the call took. */
  readonly durationMicros: number | null;
  /** What the tool says the call cost in USD: an exact decimal, by its own price list, never an invoice. */
  readonly reportedCostUsd: string | null;
  /** As the tool says it; null where it does not. */
  readonly serviceTier: string | null;
  readonly hasFailed: boolean;
}

export const EVENT_NAME = 'event.name';

/** Whether a record is the event of that name: emitters put it into an attribute, the field for it, or the body. */
export function isEvent({ attributes, eventName, body }: LogRecord, name: string): boolean {
  return label(attributes.get(EVENT_NAME)) === name || eventName === name || body === name;
}
