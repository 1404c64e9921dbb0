import { type FileHandle, open } from 'node:fs/promises';
import { SpanledgerError } from '../errors.ts';
import { comparePositions, JOURNAL_START, type JournalPosition } from './position.ts';
import type { JournalEntry } from './record.ts';
import {
  decodeSegmentHeader,
  listSegments,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentPath,
} from './segment.ts';
import { findAt, SegmentBytes } from './walk.ts';

/** An entry at its place. `body` is a view into a read window that is never written again. */
export interface JournalRecord extends JournalEntry {
  readonly position: JournalPosition;
  /** Where the following record starts: what a ledger commits after this one. */
  readonly next: JournalPosition;
}

/** Bytes that are lost: damaged, cut off, or in a segment that is gone. */
export interface CorruptRange {
  readonly kind: 'corrupt';
  readonly from: JournalPosition;
  readonly to: JournalPosition;
  /** How many bytes are known to be lost; whole missing segments have an unknown number more. */
  readonly bytes: number;
  readonly reason: string;
}

export type JournalItem = ({ readonly kind: 'record' } & JournalRecord) | CorruptRange;

export interface JournalReaderOptions {
  readonly directory: string;
  /** Read window. The default streams from disk and is small beside the ledger's batch. */
  readonly readBytes?: number;
}

const DEFAULT_READ_BYTES = 4 * 2 ** 20;

interface OpenSegment {
  readonly id: number;
  readonly handle: FileHandle;
  readonly bytes: SegmentBytes;
  /** Null when it is damaged. */
  readonly header: SegmentHeader | null;
  /** Where the records end, known once the writer has moved on. */
  sealedEnd: number | null;
}

/**
 * The read side of the journal, for another process than the writer's. Changes nothing on disk. Whatever is damaged or
 * missing is an item of its own in the sequence; what is sound is always delivered, once and in order.
 * One `read` at a time.
 */
export class JournalReader {
  readonly #directory: string;
  readonly #readBytes: number;
  #current: OpenSegment | null = null;

  constructor(options: JournalReaderOptions) {
    this.#directory = options.directory;
    this.#readBytes = options.readBytes ?? DEFAULT_READ_BYTES;
  }

  /**
   * Items from `from` (null: the oldest there is) up to `limit`, about `maxBytes` of them, at least one if there is
   * one; `next` is where to go on. `limit` is the writer's durableEnd: bytes past it are not read, because a power
   * failure could still take them away. Bodies are views that stay valid for as long as they are held; each keeps its
   * read window in memory. Throws SL_JOURNAL_UNREADABLE, SL_JOURNAL_NEWER_FORMAT, and
   * SL_JOURNAL_MISMATCH when the journal ends before `from`.
   */
  async read(
    from: JournalPosition | null,
    limit: JournalPosition,
    maxBytes: number,
  ): Promise<{ items: JournalItem[]; next: JournalPosition }> {
    let position = from ?? JOURNAL_START;
    if (comparePositions(position, limit) > 0) {
      throw new SpanledgerError(
        'SL_JOURNAL_MISMATCH',
        `The journal ends at ${limit.segment}:${limit.offset}, before ${position.segment}:${position.offset} where ` +
          'reading should go on. The ledger has followed another journal; restore the one that belongs to it.',
      );
    }
    const items: JournalItem[] = [];
    let taken = 0;
    try {
      while (taken < maxBytes && comparePositions(position, limit) < 0) {
        const segment = await this.#enter(position.segment);
        const end = segment === null ? 0 : await this.#endOf(segment, limit);
        const step =
          segment !== null && position.offset < end
            ? await readOn(segment, position.offset, end)
            : await this.#crossOver(position, segment === null, limit);
        if (step === null) break;
        if (step.item !== null) {
          items.push(step.item);
          if (step.next.segment === position.segment) taken += step.next.offset - position.offset;
        }
        position = step.next;
      }
    } catch (cause) {
      if (cause instanceof SpanledgerError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SpanledgerError('SL_JOURNAL_UNREADABLE', `The journal could not be read. ${reason}`, {
        cause,
      });
    }
    return { items, next: position };
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.handle.close();
  }

  /** Opens the segment unless it is open already; null when there is no such file. */
  async #enter(id: number): Promise<OpenSegment | null> {
    if (this.#current?.id === id) return this.#current;
    await this.close();
    const handle = await openIfThere(segmentPath(this.#directory, id));
    if (handle === null) return null;
    try {
      const bytes = new SegmentBytes(handle, this.#readBytes);
      this.#current = { id, handle, bytes, header: await readHeader(handle, id), sealedEnd: null };
      return this.#current;
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  /** Where the segment's records end: at the limit while it is written, later where its successor says. */
  async #endOf(segment: OpenSegment, limit: JournalPosition): Promise<number> {
    if (segment.id === limit.segment) return limit.offset;
    if (segment.sealedEnd === null) {
      const successor = await this.#successor(segment.id, limit);
      const predecessor = successor?.header?.predecessor;
      segment.sealedEnd =
        predecessor?.segment === segment.id ? predecessor.offset : (await segment.handle.stat()).size;
    }
    return segment.sealedEnd;
  }

  /** The step from the end of one segment, or from one that is gone, to the next; null when there is none yet. */
  async #crossOver(at: JournalPosition, gone: boolean, limit: JournalPosition): Promise<Step | null> {
    const successor = await this.#successor(at.segment, limit);
    if (successor !== null) {
      const next = { segment: successor.id, offset: 0 };
      return { item: gapBefore(successor.header, at, gone, next), next };
    }
    // Without records the segment that the limit names may be gone with nothing lost.
    if (limit.offset <= SEGMENT_HEADER_BYTES || !(gone || at.segment < limit.segment)) return null;
    const bytes = limit.offset - (at.segment === limit.segment ? at.offset : SEGMENT_HEADER_BYTES);
    const reason = 'The segment is missing.';
    return { item: { kind: 'corrupt', from: at, to: limit, bytes, reason }, next: limit };
  }

  async #successor(
    id: number,
    limit: JournalPosition,
  ): Promise<{ id: number; header: SegmentHeader | null } | null> {
    for (const candidate of await listSegments(this.#directory)) {
      if (candidate <= id || candidate > limit.segment) continue;
      const handle = await openIfThere(segmentPath(this.#directory, candidate));
      // Removed since it was listed, which happens to committed segments only.
      if (handle === null) continue;
      try {
        return { id: candidate, header: await readHeader(handle, candidate) };
      } finally {
        await handle.close();
      }
    }
    return null;
  }
}

interface Step {
  readonly item: JournalItem | null;
  readonly next: JournalPosition;
}

async function readOn(segment: OpenSegment, offset: number, end: number): Promise<Step> {
  const position = { segment: segment.id, offset };
  if (offset < SEGMENT_HEADER_BYTES) {
    const next = { segment: segment.id, offset: Math.min(SEGMENT_HEADER_BYTES, end) };
    if (segment.header !== null) return { item: null, next };
    const reason = 'The segment header is damaged.';
    const bytes = next.offset - offset;
    return { item: { kind: 'corrupt', from: position, to: next, bytes, reason }, next };
  }
  const found = await findAt(segment.bytes, segment.id, offset, end);
  const next = { segment: segment.id, offset: found.to };
  if (found.kind === 'damage') {
    const bytes = found.to - offset;
    return { item: { kind: 'corrupt', from: position, to: next, bytes, reason: found.reason }, next };
  }
  const { receivedAtMillis, signal, bodyType, bodyEncoding, spans } = found.header;
  const { tenant, body } = found;
  return {
    item: {
      kind: 'record',
      position,
      next,
      receivedAtMillis,
      tenant,
      signal,
      bodyType,
      bodyEncoding,
      spans,
      body,
    },
    next,
  };
}

/** What was lost between `at` and the segment with this header, as far as its predecessor tells; null when nothing. */
function gapBefore(
  header: SegmentHeader | null,
  at: JournalPosition,
  gone: boolean,
  to: JournalPosition,
): CorruptRange | null {
  // From the start of the journal nothing is expected, and a damaged header is reported as such.
  if (header === null || at.segment === JOURNAL_START.segment) return null;
  const { predecessor } = header;
  const gap = (bytes: number, reason: string): CorruptRange => ({
    kind: 'corrupt',
    from: at,
    to,
    bytes,
    reason,
  });
  if (predecessor.segment > at.segment) {
    return gap(predecessor.offset - SEGMENT_HEADER_BYTES, `Segment ${predecessor.segment} is missing.`);
  }
  if (!gone) return null;
  if (predecessor.segment === at.segment) {
    const lost = predecessor.offset - at.offset;
    return lost > 0 ? gap(lost, 'The rest of the segment is missing.') : null;
  }
  // A segment that never held a record may be removed and forgotten; one that did is in its successor's header.
  return at.offset > SEGMENT_HEADER_BYTES
    ? gap(0, 'The journal was replaced; what followed here is unknown.')
    : null;
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw cause;
  }
}

async function readHeader(handle: FileHandle, segment: number): Promise<SegmentHeader | null> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const { bytesRead } = await handle.read(bytes, 0, SEGMENT_HEADER_BYTES, 0);
  return decodeSegmentHeader(bytes.subarray(0, bytesRead), segment);
}
