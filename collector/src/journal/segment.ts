import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SpanledgerError } from '../errors.ts';
import type { JournalPosition } from './position.ts';

/**
 * A segment is one file, named after its id, with a header of 64 bytes and records after it. Little-endian.
 *
 * | bytes | field          | meaning                                                                            |
 * | ----- | -------------- | ---------------------------------------------------------------------------------- |
 * | 0-7   | magic          | "SPANJRNL"                                                                         |
 * | 8-11  | checksum       | CRC-32 of bytes 12-63                                                              |
 * | 12-13 | format version | 1. Magic, checksum, version and the header's size stay as they are in every version |
 * | 14-15 | reserved       | 0                                                                                  |
 * | 16-23 | segment id     | the same as in the file's name                                                     |
 * | 24-31 | predecessor    | id of the segment before, 0 when there was none: makes a missing segment visible    |
 * | 32-39 | its end        | where that segment's durable records end; bytes after it were never acked           |
 * | 40-55 | node           | ASCII, zero padded                                                                 |
 * | 56-63 | reserved       | 0                                                                                  |
 */
export const SEGMENT_HEADER_BYTES = 64;
const SEGMENT_MAGIC = Buffer.from('SPANJRNL', 'latin1');
const FORMAT_VERSION = 1;

export interface SegmentHeader {
  readonly segment: number;
  readonly predecessor: JournalPosition;
  readonly node: string;
}

export function encodeSegmentHeader(
  { segment, predecessor, node }: SegmentHeader,
  version = FORMAT_VERSION,
): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(header, 0);
  header.writeUInt16LE(version, 12);
  header.writeBigUInt64LE(BigInt(segment), 16);
  header.writeBigUInt64LE(BigInt(predecessor.segment), 24);
  header.writeBigUInt64LE(BigInt(predecessor.offset), 32);
  header.write(node, 40, 16, 'latin1');
  header.writeUInt32LE(crc32(header.subarray(12)), 8);
  return header;
}

/**
 * The header of the segment file named `segment`, or null when it is damaged.
 * Throws SL_JOURNAL_NEWER_FORMAT when it is sound and of a newer format: guessing at its records could lose them.
 */
export function decodeSegmentHeader(bytes: Buffer, segment: number): SegmentHeader | null {
  if (bytes.length < SEGMENT_HEADER_BYTES) return null;
  const header = bytes.subarray(0, SEGMENT_HEADER_BYTES);
  if (header.compare(SEGMENT_MAGIC, 0, 8, 0, 8) !== 0) return null;
  if (header.readUInt32LE(8) !== crc32(header.subarray(12))) return null;
  const version = header.readUInt16LE(12);
  if (version > FORMAT_VERSION) {
    throw new SpanledgerError(
      'SL_JOURNAL_NEWER_FORMAT',
      `Journal segment ${segmentFileName(segment)} has format ${version}; this version reads up to ${FORMAT_VERSION}. ` +
        'Run the version that wrote it, or a newer one.',
    );
  }
  if (Number(header.readBigUInt64LE(16)) !== segment) return null;
  return {
    segment,
    predecessor: {
      segment: Number(header.readBigUInt64LE(24)),
      offset: Number(header.readBigUInt64LE(32)),
    },
    node: header.toString('latin1', 40, 56).replace(/\0+$/, ''),
  };
}

/** Fifteen digits, so that a listing by name is a listing by age until the year 33658. */
export function segmentFileName(segment: number): string {
  return `${String(segment).padStart(15, '0')}.journal`;
}

export function segmentPath(directory: string, segment: number): string {
  return join(directory, segmentFileName(segment));
}

/** Ids of all segments in the directory, oldest first; other files are left alone. */
export async function listSegments(directory: string): Promise<number[]> {
  const segments: number[] = [];
  for (const name of await readdir(directory)) {
    const digits = /^(\d{15})\.journal$/.exec(name)?.[1];
    if (digits !== undefined) segments.push(Number(digits));
  }
  return segments.sort((a, b) => a - b);
}
