import { SCAN_LIMITS } from '../otlp/index.ts';
import { LENGTH_DELIMITED, messageShape, WireReader } from '../otlp/wire.ts';

const REQUEST = messageShape('ExportTraceServiceRequest', { 1: ['resource_spans', LENGTH_DELIMITED] });
const RESOURCE_SPANS_TAG = 0x0a;

/**
 * A request in protobuf with attributes added to each of its resources. A message may be sent in parts, which readers
 * merge: so each ResourceSpans gets one more `resource` that holds only these attributes, and not a byte of what was
 * there is made anew.
 *
 * @throws SL_OTLP_MALFORMED
 */
export function withResourceAttributes(
  request: Uint8Array,
  attributes: Readonly<Record<string, string>>,
): Uint8Array {
  const resource = field(
    1,
    Buffer.concat(Object.entries(attributes).map(([key, value]) => field(1, keyValue(key, value)))),
  );
  const reader = new WireReader(request, SCAN_LIMITS.maxDepth, 'traces');
  const end = reader.buffer.length;
  const parts: Uint8Array[] = [];
  while (reader.position < end) {
    const start = reader.position;
    const tag = reader.tag(end);
    if (tag !== RESOURCE_SPANS_TAG) {
      reader.skip(tag, end, REQUEST);
      parts.push(reader.buffer.subarray(start, reader.position));
      continue;
    }
    const fieldEnd = reader.fieldEnd(end);
    const content = reader.buffer.subarray(reader.position, fieldEnd);
    parts.push(header(1, content.length + resource.length), content, resource);
    reader.position = fieldEnd;
  }
  return Buffer.concat(parts);
}

/** KeyValue {key = 1, value = 2}, AnyValue {string_value = 1} */
function keyValue(key: string, value: string): Buffer {
  return Buffer.concat([field(1, Buffer.from(key)), field(2, field(1, Buffer.from(value)))]);
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([header(number, content.length), content]);
}

function header(number: number, length: number): Buffer {
  const bytes = [(number << 3) | LENGTH_DELIMITED];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
