import { quoteLongIntegers } from '../otlp/json.ts';
import { SCAN_LIMITS } from '../otlp/limits.ts';
import { FIXED64, LENGTH_DELIMITED, messageShape, VARINT, WireReader } from '../otlp/wire.ts';
import type { Body } from './corpus.ts';

/**
 * A traces request in the shape of OTLP/JSON, from and to both encodings: so that a capture can be sent again span by
 * span, or in the encoding it was not captured in. It keeps all that a reader of spans looks at; counts of dropped
 * things and flags are left out.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

type Scalar = 'string' | 'hex' | 'base64' | 'bool' | 'enum' | 'int64' | 'fixed64' | 'double';
type MessageName = keyof typeof FIELDS;

interface Field {
  readonly number: number;
  readonly type: Scalar | MessageName;
  readonly repeated?: boolean;
}

/** Enums are numbers in OTLP/JSON, but some senders write their names. */
const ENUM_NAMES: readonly (readonly string[])[] = [
  ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`),
  ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`),
];

/** The fields of opentelemetry-proto v1, by the names they have in JSON. */
const FIELDS = {
  ExportTraceServiceRequest: { resourceSpans: { number: 1, type: 'ResourceSpans', repeated: true } },
  ResourceSpans: {
    resource: { number: 1, type: 'Resource' },
    scopeSpans: { number: 2, type: 'ScopeSpans', repeated: true },
    schemaUrl: { number: 3, type: 'string' },
  },
  Resource: { attributes: { number: 1, type: 'KeyValue', repeated: true } },
  ScopeSpans: {
    scope: { number: 1, type: 'InstrumentationScope' },
    spans: { number: 2, type: 'Span', repeated: true },
    schemaUrl: { number: 3, type: 'string' },
  },
  InstrumentationScope: {
    name: { number: 1, type: 'string' },
    version: { number: 2, type: 'string' },
    attributes: { number: 3, type: 'KeyValue', repeated: true },
  },
  Span: {
    traceId: { number: 1, type: 'hex' },
    spanId: { number: 2, type: 'hex' },
    traceState: { number: 3, type: 'string' },
    parentSpanId: { number: 4, type: 'hex' },
    name: { number: 5, type: 'string' },
    kind: { number: 6, type: 'enum' },
    startTimeUnixNano: { number: 7, type: 'fixed64' },
    endTimeUnixNano: { number: 8, type: 'fixed64' },
    attributes: { number: 9, type: 'KeyValue', repeated: true },
    events: { number: 11, type: 'Event', repeated: true },
    links: { number: 13, type: 'Link', repeated: true },
    status: { number: 15, type: 'Status' },
  },
  Event: {
    timeUnixNano: { number: 1, type: 'fixed64' },
    name: { number: 2, type: 'string' },
    attributes: { number: 3, type: 'KeyValue', repeated: true },
  },
  Link: {
    traceId: { number: 1, type: 'hex' },
    spanId: { number: 2, type: 'hex' },
    traceState: { number: 3, type: 'string' },
    attributes: { number: 4, type: 'KeyValue', repeated: true },
  },
  Status: { message: { number: 2, type: 'string' }, code: { number: 3, type: 'enum' } },
  KeyValue: { key: { number: 1, type: 'string' }, value: { number: 2, type: 'AnyValue' } },
  AnyValue: {
    stringValue: { number: 1, type: 'string' },
    boolValue: { number: 2, type: 'bool' },
    intValue: { number: 3, type: 'int64' },
    doubleValue: { number: 4, type: 'double' },
    arrayValue: { number: 5, type: 'ArrayValue' },
    kvlistValue: { number: 6, type: 'KeyValueList' },
    bytesValue: { number: 7, type: 'base64' },
  },
  ArrayValue: { values: { number: 1, type: 'AnyValue', repeated: true } },
  KeyValueList: { values: { number: 1, type: 'KeyValue', repeated: true } },
} as const;

const ROOT: MessageName = 'ExportTraceServiceRequest';

const WIRE_TYPES: Readonly<Record<Scalar, number>> = {
  string: LENGTH_DELIMITED,
  hex: LENGTH_DELIMITED,
  base64: LENGTH_DELIMITED,
  bool: VARINT,
  enum: VARINT,
  int64: VARINT,
  fixed64: FIXED64,
  double: FIXED64,
};

/** Nothing is known of fields that are passed over, so nothing is checked of them. */
const UNKNOWN = messageShape('a message', {});

export function requestOf({ type, bytes }: Body): JsonObject {
  if (type === 'protobuf') {
    return readMessage(new WireReader(bytes, SCAN_LIMITS.maxDepth, 'traces'), bytes.length, ROOT);
  }
  // No bytes are an empty request in either encoding.
  if (bytes.length === 0) return {};
  return objectOf(JSON.parse(quoteLongIntegers(Buffer.from(bytes).toString('utf8'))));
}

export function bodyOf(request: JsonObject, type: Body['type']): Body {
  return {
    type,
    bytes:
      type === 'json' ? Buffer.from(JSON.stringify(request)) : Buffer.concat(messageBytes(request, ROOT)),
  };
}

/** The elements of a repeated field; an absent one has none. */
export function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(message: MessageName): readonly (readonly [string, Field])[] {
  return Object.entries(FIELDS[message]);
}

function isScalar(type: Field['type']): type is Scalar {
  return type in WIRE_TYPES;
}

function readMessage(reader: WireReader, end: number, message: MessageName): JsonObject {
  const read: Record<string, unknown> = {};
  while (reader.position < end) {
    const tag = reader.uint32(end);
    const [name, field] = fieldsOf(message).find(([, { number }]) => number === tag >>> 3) ?? [];
    if (name === undefined || field === undefined || wireTypeOf(field) !== (tag & 7)) {
      reader.skip(tag, end, UNKNOWN);
      continue;
    }
    const value = readField(reader, end, field);
    read[name] = field.repeated === true ? [...listOf(read[name]), value] : value;
  }
  return read;
}

function wireTypeOf({ type }: Field): number {
  return isScalar(type) ? WIRE_TYPES[type] : LENGTH_DELIMITED;
}

function readField(reader: WireReader, end: number, { type }: Field): unknown {
  if (isScalar(type)) return readScalar(reader, end, type);
  return readMessage(reader, reader.fieldEnd(end), type);
}

function readScalar(reader: WireReader, end: number, type: Scalar): unknown {
  switch (type) {
    case 'string':
      return readBytes(reader, end).toString('utf8');
    case 'hex':
    case 'base64':
      return readBytes(reader, end).toString(type);
    case 'bool':
      return reader.int64(end) !== 0;
    case 'enum':
      return Number(reader.int64(end));
    case 'int64':
      return String(reader.int64(end));
    case 'fixed64':
      reader.fixed64(end);
      return String((BigInt(reader.high) << 32n) | BigInt(reader.low));
    case 'double': {
      const number = reader.float64(end);
      return Number.isFinite(number) ? number : String(number);
    }
  }
}

function readBytes(reader: WireReader, end: number): Buffer {
  const fieldEnd = reader.fieldEnd(end);
  const bytes = reader.buffer.subarray(reader.position, fieldEnd);
  reader.position = fieldEnd;
  return bytes;
}

function messageBytes(value: JsonObject, message: MessageName): Buffer[] {
  return fieldsOf(message).flatMap(([name, field]) => {
    const content = value[name];
    // JSON has no NaN: null stands for it, and only there is null a value.
    if (content === undefined || (content === null && field.type !== 'double')) return [];
    const each = field.repeated === true ? listOf(content) : [content];
    return each.flatMap((one) => [
      varint(BigInt((field.number << 3) | wireTypeOf(field))),
      ...fieldBytes(one, field),
    ]);
  });
}

function fieldBytes(content: unknown, { type }: Field): Buffer[] {
  if (isScalar(type)) return scalarBytes(content, type);
  return lengthDelimited(Buffer.concat(messageBytes(objectOf(content), type)));
}

function scalarBytes(content: unknown, type: Scalar): Buffer[] {
  switch (type) {
    case 'string':
      return lengthDelimited(Buffer.from(String(content), 'utf8'));
    case 'hex':
    case 'base64':
      return lengthDelimited(Buffer.from(String(content), type));
    case 'bool':
      return [varint(content === true ? 1n : 0n)];
    case 'enum':
      return [varint(BigInt(enumNumber(content)))];
    case 'int64':
      return [varint(BigInt.asUintN(64, BigInt(String(content))))];
    case 'fixed64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(String(content)));
      return [bytes];
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(content === null ? Number.NaN : Number(content));
      return [bytes];
    }
  }
}

function enumNumber(content: unknown): number {
  if (typeof content === 'number') return content;
  return Math.max(0, ...ENUM_NAMES.map((names) => names.indexOf(String(content))));
}

function lengthDelimited(bytes: Buffer): Buffer[] {
  return [varint(BigInt(bytes.length)), bytes];
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
