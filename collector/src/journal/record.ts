import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';

/**
 * One record: a header of 40 bytes, the tenant, the body as it was received. Integers are little-endian.
 *
 * | bytes | field           | meaning                                                                          |
 * | ----- | --------------- | -------------------------------------------------------------------------------- |
 * | 0-3   | magic           | F5 53 4C 52; F5 occurs in no UTF-8 text, so bodies rarely look like a record       |
 * | 4-7   | header checksum | CRC-32 of bytes 8-39, continued from the CRC-32 of the segment id (8 bytes)        |
 * | 8-11  | body length     | bytes of the body                                                                |
 * | 12-15 | body checksum   | CRC-32 of tenant and body                                                        |
 * | 16-19 | offset          | where this record starts in its segment                                          |
 * | 20-23 | spans           | spans in the body                                                                |
 * | 24-31 | received at     | epoch milliseconds                                                               |
 * | 32-33 | tenant length   | bytes of the tenant's name in UTF-8                                              |
 * | 34    | signal          | 1 traces, 2 logs, 3 commands                                                     |
 * | 35    | body type       | 1 protobuf, 2 json                                                               |
 * | 36    | body encoding   | 1 identity, 2 gzip, 3 deflate                                                    |
 * | 37-39 | reserved        | 0                                                                                |
 * | 40-   | tenant, body    | no padding; the next record follows at once                                      |
 *
 * Offset and segment id are under the header checksum because bodies are other people's bytes: a copy of a record
 * inside a body, or a stale disk block, must not pass for a record when the reader searches its way past damage.
 */
export const RECORD_HEADER_BYTES = 40;
export const RECORD_MAGIC = Buffer.from([0xf5, 0x53, 0x4c, 0x52]);

/** Lengths and offsets are 32 bits wide; 1 GiB leaves room for one record of that size in a segment of that size. */
export const MAX_BODY_BYTES = 2 ** 30;
const MAX_TENANT_BYTES = 0xffff;

/** `commands`: not from a sender, but what was done to accounts, in a journal of its own. */
const SIGNALS = ['traces', 'logs', 'commands'] as const;
const BODY_TYPES = ['protobuf', 'json'] as const;
const BODY_ENCODINGS = ['identity', 'gzip', 'deflate'] as const;

/** A request body with what is needed to read it later. */
export interface JournalEntry {
  readonly receivedAtMillis: number;
  readonly tenant: string;
  readonly signal: (typeof SIGNALS)[number];
  readonly bodyType: (typeof BODY_TYPES)[number];
  readonly bodyEncoding: (typeof BODY_ENCODINGS)[number];
  /** Spans or log records in the body, so that lag can be told in them without decoding. */
  readonly spans: number;
  readonly body: Uint8Array;
}

/** Header and tenant of one record; the body is written from where it is. `offset` and checksum come with the place. */
export function encodeRecordHead(entry: JournalEntry): Buffer {
  const tenantBytes = Buffer.byteLength(entry.tenant);
  assert(tenantBytes <= MAX_TENANT_BYTES, 'a tenant name takes at most 65535 bytes');
  assert(entry.body.byteLength <= MAX_BODY_BYTES, 'a journalled body takes at most 1 GiB');
  assert(Number.isSafeInteger(entry.receivedAtMillis) && entry.receivedAtMillis >= 0, 'whole milliseconds');
  assert(Number.isInteger(entry.spans) && entry.spans >= 0 && entry.spans <= 0xffff_ffff, 'a count of spans');

  const head = Buffer.alloc(RECORD_HEADER_BYTES + tenantBytes);
  RECORD_MAGIC.copy(head, 0);
  head.write(entry.tenant, RECORD_HEADER_BYTES);
  head.writeUInt32LE(entry.body.byteLength, 8);
  head.writeUInt32LE(crc32(entry.body, crc32(head.subarray(RECORD_HEADER_BYTES))), 12);
  head.writeUInt32LE(entry.spans, 20);
  head.writeBigUInt64LE(BigInt(entry.receivedAtMillis), 24);
  head.writeUInt16LE(tenantBytes, 32);
  head.writeUInt8(1 + SIGNALS.indexOf(entry.signal), 34);
  head.writeUInt8(1 + BODY_TYPES.indexOf(entry.bodyType), 35);
  head.writeUInt8(1 + BODY_ENCODINGS.indexOf(entry.bodyEncoding), 36);
  return head;
}

/** Gives an encoded head its place; only now is the header complete. */
export function placeRecordHead(head: Buffer, segment: number, offset: number): void {
  head.writeUInt32LE(offset, 16);
  head.writeUInt32LE(headerChecksum(head, segment), 4);
}

export interface RecordHeader extends Omit<JournalEntry, 'tenant' | 'body'> {
  readonly tenantBytes: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  /** Header, tenant and body together: where the next record starts. */
  readonly recordBytes: number;
}

/** The header at the start of `bytes`, or null when it is not the sound header of a record at exactly this place. */
export function decodeRecordHeader(bytes: Buffer, segment: number, offset: number): RecordHeader | null {
  if (bytes.length < RECORD_HEADER_BYTES) return null;
  if (bytes.compare(RECORD_MAGIC, 0, 4, 0, 4) !== 0 || bytes.readUInt32LE(16) !== offset) return null;
  if (bytes.readUInt32LE(4) !== headerChecksum(bytes, segment)) return null;
  const signal = SIGNALS[bytes.readUInt8(34) - 1];
  const bodyType = BODY_TYPES[bytes.readUInt8(35) - 1];
  const bodyEncoding = BODY_ENCODINGS[bytes.readUInt8(36) - 1];
  if (signal === undefined || bodyType === undefined || bodyEncoding === undefined) return null;
  const bodyBytes = bytes.readUInt32LE(8);
  const tenantBytes = bytes.readUInt16LE(32);
  return {
    receivedAtMillis: Number(bytes.readBigUInt64LE(24)),
    signal,
    bodyType,
    bodyEncoding,
    spans: bytes.readUInt32LE(20),
    tenantBytes,
    bodyBytes,
    bodyChecksum: bytes.readUInt32LE(12),
    recordBytes: RECORD_HEADER_BYTES + tenantBytes + bodyBytes,
  };
}

/** Tenant and body of a whole record as views into `bytes`, or null when they do not match their checksum. */
export function decodeRecordContent(
  bytes: Buffer,
  header: RecordHeader,
): { tenant: string; body: Buffer } | null {
  const content = bytes.subarray(RECORD_HEADER_BYTES, header.recordBytes);
  if (content.length !== header.tenantBytes + header.bodyBytes) return null;
  if (crc32(content) !== header.bodyChecksum) return null;
  return {
    tenant: content.toString('utf8', 0, header.tenantBytes),
    body: content.subarray(header.tenantBytes),
  };
}

function headerChecksum(head: Buffer, segment: number): number {
  const id = Buffer.allocUnsafe(8);
  id.writeBigUInt64LE(BigInt(segment));
  return crc32(head.subarray(8, RECORD_HEADER_BYTES), crc32(id));
}
