import type { FileHandle } from 'node:fs/promises';
import {
  decodeRecordContent,
  decodeRecordHeader,
  RECORD_HEADER_BYTES,
  RECORD_MAGIC,
  type RecordHeader,
} from './record.ts';

/** What is found at one place of a segment. `to` is where to look next; it is always past the place itself. */
export type Found =
  | {
      readonly kind: 'record';
      readonly header: RecordHeader;
      readonly tenant: string;
      readonly body: Buffer;
      readonly to: number;
    }
  | { readonly kind: 'damage'; readonly reason: string; readonly to: number };

/**
 * What lies at `offset` of a segment whose records end at `end` (offset < end). Damage never ends the walk: with a sound
 * header the record is stepped over by its length; otherwise the next place is searched where header and body both
 * match their checksums. Each step reads forward only, so the walk takes time linear in the segment.
 */
export async function findAt(
  bytes: SegmentBytes,
  segment: number,
  offset: number,
  end: number,
): Promise<Found> {
  const start = await bytes.view(offset, RECORD_HEADER_BYTES, end);
  if (start.length === 0) return { kind: 'damage', reason: 'The file ends before its records do.', to: end };
  const header = decodeRecordHeader(start, segment, offset);
  if (header === null) {
    const to = await searchSoundRecord(bytes, segment, offset + 1, end);
    return { kind: 'damage', reason: 'No sound record header here.', to };
  }
  const to = offset + header.recordBytes;
  if (to > end) {
    const next = await searchSoundRecord(bytes, segment, offset + 1, end);
    return { kind: 'damage', reason: 'The record reaches past the end of the segment.', to: next };
  }
  const content = decodeRecordContent(await bytes.view(offset, header.recordBytes, end), header);
  if (content === null) return { kind: 'damage', reason: 'The body does not match its checksum.', to };
  return { kind: 'record', header, ...content, to };
}

/** The first place from `from` on where a sound record starts, or `end`. */
async function searchSoundRecord(
  bytes: SegmentBytes,
  segment: number,
  from: number,
  end: number,
): Promise<number> {
  let offset = from;
  while (end - offset >= RECORD_HEADER_BYTES) {
    const view = await bytes.ahead(offset, end);
    if (view.length < RECORD_HEADER_BYTES) return end;
    const hit = view.indexOf(RECORD_MAGIC);
    if (hit < 0) {
      // The magic may straddle two windows.
      offset += view.length - (RECORD_MAGIC.length - 1);
      continue;
    }
    offset += hit;
    const header = decodeRecordHeader(await bytes.view(offset, RECORD_HEADER_BYTES, end), segment, offset);
    if (header !== null && offset + header.recordBytes <= end) {
      const record = await bytes.view(offset, header.recordBytes, end);
      if (decodeRecordContent(record, header) !== null) return offset;
    }
    offset += 1;
  }
  return end;
}

/**
 * Reads a segment file through a window. A window's buffer is never written again once filled, so views into it stay
 * valid for as long as they are held (and hold the whole window in memory).
 */
export class SegmentBytes {
  readonly #handle: FileHandle;
  readonly #windowBytes: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(handle: FileHandle, windowBytes: number) {
    this.#handle = handle;
    this.#windowBytes = windowBytes;
  }

  /** `length` bytes at `offset`, fewer only where the file ends before. Bytes from `end` on are never read. */
  async view(offset: number, length: number, end: number): Promise<Buffer> {
    const wanted = Math.min(length, end - offset);
    if (!this.#holds(offset, wanted)) await this.#fill(offset, wanted, end);
    const start = offset - this.#windowStart;
    return this.#window.subarray(start, start + wanted);
  }

  /** As many bytes at `offset` as one window gives, at least a record header unless the file ends before. */
  async ahead(offset: number, end: number): Promise<Buffer> {
    const wanted = Math.min(RECORD_HEADER_BYTES, end - offset);
    if (!this.#holds(offset, wanted)) await this.#fill(offset, wanted, end);
    return this.#window.subarray(offset - this.#windowStart, end - this.#windowStart);
  }

  #holds(offset: number, length: number): boolean {
    return offset >= this.#windowStart && offset + length <= this.#windowStart + this.#window.length;
  }

  async #fill(offset: number, atLeast: number, end: number): Promise<void> {
    const bytes = Math.max(atLeast, Math.min(this.#windowBytes, end - offset));
    const buffer = Buffer.allocUnsafeSlow(bytes);
    let filled = 0;
    while (filled < bytes) {
      const { bytesRead } = await this.#handle.read(buffer, filled, bytes - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#window = buffer.subarray(0, filled);
    this.#windowStart = offset;
  }
}
