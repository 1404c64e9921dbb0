/** A span as an instrumentation sends it. Whole numbers are sent as integers, others as doubles. */
export interface SentSpan {
  readonly scope: Scope;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMicros: number;
  readonly endMicros: number;
  readonly hasFailed: boolean;
  readonly attributes: Attributes;
}

/** Undefined ones are not sent. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Which instrumentation made the span. */
export interface Scope {
  readonly name: string;
  readonly version: string;
}

export type SpanKind = 'internal' | 'server' | 'client';

/** The process that made the span: the resource it is sent under. */
export interface Origin {
  readonly service: 'desk-api' | 'agent-worker';
  readonly environment: 'production' | 'staging';
  /** Of usage that came before credits: recorded for its cost alone. */
  readonly isCostOnly: boolean;
}
