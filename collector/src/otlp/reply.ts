import type { BodyType } from './content.ts';

/** What an answer says when spans of an otherwise good body were not taken. The sender must not send them again. */
export interface PartialSuccess {
  readonly rejectedSpans: number;
  /** In English, for the people who run the sender. */
  readonly errorMessage: string;
}

/**
 * An ExportTraceServiceResponse in the encoding of the request. Full success leaves `partial_success` unset: no
 * bytes in protobuf, `{}` in JSON (opentelemetry-proto, specification.md, "OTLP/HTTP Response"). That is an
 * ExportLogsServiceResponse too; of log records none is rejected alone, so those have no partial success.
 */
export function encodeExportResponse(type: BodyType, partialSuccess?: PartialSuccess): Uint8Array {
  if (partialSuccess === undefined) return Buffer.from(type === 'json' ? '{}' : '', 'utf8');
  const { rejectedSpans, errorMessage } = partialSuccess;
  if (type === 'json') {
    // int64 is a string in protobuf's JSON.
    return jsonBytes({ partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage } });
  }
  const message = Buffer.concat([varintField(1, rejectedSpans), textField(2, errorMessage)]);
  return Buffer.concat([lengthDelimitedTag(1), varint(message.length), message]);
}

/**
 * A google.rpc.Status, the body of every 4xx and 5xx answer, in the encoding of the request. `code` is a gRPC
 * status code such as 3 (invalid argument).
 */
export function encodeStatus(type: BodyType, code: number, message: string): Uint8Array {
  if (type === 'json') return jsonBytes({ code, message });
  return Buffer.concat([varintField(1, code), textField(2, message)]);
}

function jsonBytes(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** Fields with their default value are not written (proto3). */
function varintField(field: number, value: number): Uint8Array {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(field << 3), varint(value)]);
}

function textField(field: number, text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length === 0 ? bytes : Buffer.concat([lengthDelimitedTag(field), varint(bytes.length), bytes]);
}

function lengthDelimitedTag(field: number): Uint8Array {
  return varint((field << 3) | 2);
}

/** Of a safe integer that is not negative. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
