/**
 * Writes protobuf field by field, in any order and with anything in between: what a general encoder never emits
 * but a reader must take, and what it must refuse.
 */
export type WireField =
  | { readonly field: number; readonly varint: bigint }
  | { readonly field: number; readonly fixed64: bigint }
  | { readonly field: number; readonly fixed32: number }
  | { readonly field: number; readonly double: number }
  | { readonly field: number; readonly bytes: Uint8Array }
  | { readonly field: number; readonly text: string }
  | { readonly field: number; readonly message: readonly WireField[] }
  | { readonly field: number; readonly group: readonly WireField[] };

export function encodeFields(fields: readonly WireField[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

export function encodeVarint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function encodeField(given: WireField): Buffer {
  const tag = (wireType: number) => encodeVarint((BigInt(given.field) << 3n) | BigInt(wireType));
  const lengthDelimited = (bytes: Uint8Array) =>
    Buffer.concat([tag(2), encodeVarint(BigInt(bytes.length)), bytes]);
  if ('varint' in given) return Buffer.concat([tag(0), encodeVarint(given.varint)]);
  if ('fixed64' in given) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, given.fixed64));
    return Buffer.concat([tag(1), bytes]);
  }
  if ('double' in given) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(given.double);
    return Buffer.concat([tag(1), bytes]);
  }
  if ('fixed32' in given) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(given.fixed32 >>> 0);
    return Buffer.concat([tag(5), bytes]);
  }
  if ('bytes' in given) return lengthDelimited(given.bytes);
  if ('text' in given) return lengthDelimited(Buffer.from(given.text, 'utf8'));
  if ('message' in given) return lengthDelimited(encodeFields(given.message));
  return Buffer.concat([tag(3), encodeFields(given.group), tag(4)]);
}
