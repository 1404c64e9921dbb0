/**
 * One ended span, reduced to what metering reads. The receiver's codecs (protobuf, JSON) produce exactly this
 * shape, so nothing behind this line knows how a span was encoded.
 */
export interface Span {
  /** 32 lowercase hex digits, never all zero. */
  readonly traceId: string;
  /** 16 lowercase hex digits, never all zero. */
  readonly spanId: string;
  /** 16 lowercase hex digits, or null for a root span. */
  readonly parentSpanId: string | null;
  readonly name: string;
  /** OTLP SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Microseconds since the Unix epoch, a safe integer (nanoseconds rounded down). */
  readonly startTimeMicros: number;
  /** Microseconds since the Unix epoch, a safe integer; the event time of the usage (convention C9). */
  readonly endTimeMicros: number;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
}

/** Only attributes that metering asked for are present; the rest is skipped while reading. */
export interface Attributes {
  get(key: string): AttributeValue | undefined;
  /** The keys that have a value. Labels come under hundreds of names; asking for each would cost more than this. */
  keys(): Iterable<string>;
}

/**
 * OTLP AnyValue. Integers beyond the safe range arrive as bigint; doubles may be NaN or infinite; bytes and
 * nested maps are not read and appear as undefined.
 */
export type AttributeValue = string | number | boolean | bigint | readonly AttributeValue[];
