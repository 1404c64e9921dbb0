import { SPANLEDGER_IMPORT_BATCH, SPANLEDGER_IMPORT_MODE } from '@spanledger/semconv';
import type { BodyType } from '../otlp/index.ts';
import type { OutgoingSpan } from './outgoing-span.ts';
import type { Place, Problem } from './record.ts';

/** What every span of an import says of it. */
export interface ImportLabels {
  readonly batch: string;
  readonly mode: 'charge' | 'cost_only';
}

/** A part of the file as one request to the receiver, and what is to be said of its rows. */
export interface ImportBatch {
  /** Empty where nothing is to be sent. */
  readonly body: Uint8Array;
  readonly bodyType: BodyType;
  /** Rows, or request bodies, of the file that this part covers. */
  readonly rows: number;
  readonly problems: readonly RowProblems[];
  /** How many were passed over, by reason. */
  readonly passedOver: ReadonlyMap<string, number>;
}

export interface RowProblems extends Place {
  readonly problems: readonly Problem[];
}

/** The scope says who wrote the span; no dialect is known by it. */
const SCOPE = 'spanledger.import';

/** Spans as an ExportTraceServiceRequest in OTLP/JSON, under their resources, each with what the import says of it. */
export function bodyOf(spans: readonly OutgoingSpan[], labels: ImportLabels): Uint8Array {
  if (spans.length === 0) return new Uint8Array();
  const byResource = Map.groupBy(spans, ({ resource }) => JSON.stringify(resource));
  const resourceSpans = [...byResource.values()].map((group) => ({
    resource: { attributes: attributesOf(group[0]?.resource ?? {}) },
    scopeSpans: [{ scope: { name: SCOPE }, spans: group.map((span) => spanMessage(span, labels)) }],
  }));
  return Buffer.from(JSON.stringify({ resourceSpans }));
}

const STATUS_ERROR = 2;

function spanMessage(span: OutgoingSpan, { batch, mode }: ImportLabels) {
  const { parentSpanId, hasFailed } = span;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: nanos(span.startMicros),
    endTimeUnixNano: nanos(span.endMicros),
    attributes: [
      ...attributesOf(span.attributes),
      ...attributesOf({ [SPANLEDGER_IMPORT_BATCH]: batch, [SPANLEDGER_IMPORT_MODE]: mode }),
    ],
    ...(hasFailed ? { status: { code: STATUS_ERROR } } : {}),
  };
}

export function attributesOf(values: Readonly<Record<string, string | number | null>>) {
  return Object.entries(values).flatMap(([key, value]) =>
    value === null
      ? []
      : [{ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } }],
  );
}

function nanos(micros: number): string {
  return `${micros}000`;
}
