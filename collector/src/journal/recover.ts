import { open, stat } from 'node:fs/promises';
import type { JournalFiles } from './files.ts';
import { JOURNAL_START, type JournalPosition } from './position.ts';
import {
  decodeSegmentHeader,
  listSegments,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentPath,
} from './segment.ts';
import { findAt, SegmentBytes } from './walk.ts';

/** Large enough that a disk streams, small enough to be nothing beside the receiver's memory. */
const WINDOW_BYTES = 4 * 2 ** 20;

/** What opening a journal found. */
export interface JournalRecovery {
  /** Segments kept from before. */
  readonly segments: number;
  /** Bytes cut after the last sound record: what a crash left of appends that were never acked. */
  readonly tornBytes: number;
  /** Segments removed because they held no record. */
  readonly emptySegments: number;
}

/** A segment that will not grow any more. */
export interface SealedSegment {
  readonly id: number;
  /** Where its durable records end. */
  readonly end: number;
}

export interface Recovered {
  /** Oldest first. */
  readonly segments: readonly SealedSegment[];
  /** What the next segment names as its predecessor. */
  readonly predecessor: JournalPosition;
  /** The highest id seen, removed segments included. */
  readonly lastId: number;
  readonly recovery: JournalRecovery;
}

/**
 * Makes what a crash left behind a journal again. From the newest segment back: one without any record is removed;
 * the first one with records is cut after its last sound record. Damage with sound records after it stays where it is
 * for the reader to report. What remains is synced: after a crash of the process it may be only in the page cache,
 * and nobody may commit a position that a power failure could take away.
 */
export async function recoverJournal(directory: string, files: JournalFiles): Promise<Recovered> {
  const ids = await listSegments(directory);
  const lastId = ids.at(-1) ?? 0;
  let tornBytes = 0;
  let emptySegments = 0;
  let predecessor: JournalPosition | null = null;

  for (let newest = ids.at(-1); newest !== undefined; newest = ids.at(-1)) {
    const found = await inspectSegment(directory, newest);
    if (found.recordsEnd !== null) {
      if (found.recordsEnd < found.fileBytes) tornBytes += found.fileBytes - found.recordsEnd;
      await cut(segmentPath(directory, newest), found.recordsEnd, files);
      predecessor = { segment: newest, offset: found.recordsEnd };
      break;
    }
    tornBytes += found.header === null ? found.fileBytes : found.fileBytes - SEGMENT_HEADER_BYTES;
    await files.remove(segmentPath(directory, newest));
    emptySegments += 1;
    ids.pop();
    // The chain of predecessors must survive the removal of its last link.
    if (ids.length === 0 && found.header !== null) predecessor = found.header.predecessor;
  }
  await files.syncDirectory(directory);

  return {
    segments: await sealedEnds(directory, ids, predecessor),
    predecessor: predecessor ?? JOURNAL_START,
    lastId,
    recovery: { segments: ids.length, tornBytes, emptySegments },
  };
}

/**
 * First and last position of the records on disk, or null when there are none. For tools that read a journal nobody
 * writes; beside a running writer its `durableEnd` is the limit to use. Changes nothing on disk.
 */
export async function journalExtent(
  directory: string,
): Promise<{ readonly first: JournalPosition; readonly end: JournalPosition } | null> {
  const ids = await listSegments(directory);
  const oldest = ids[0];
  if (oldest === undefined) return null;
  for (const id of ids.toReversed()) {
    const { recordsEnd } = await inspectSegment(directory, id);
    if (recordsEnd !== null)
      return { first: { segment: oldest, offset: 0 }, end: { segment: id, offset: recordsEnd } };
  }
  return null;
}

interface Inspected {
  readonly header: SegmentHeader | null;
  readonly fileBytes: number;
  /** End of the last sound record, null when there is none. */
  readonly recordsEnd: number | null;
}

async function inspectSegment(directory: string, id: number): Promise<Inspected> {
  const handle = await open(segmentPath(directory, id), 'r');
  try {
    const fileBytes = (await handle.stat()).size;
    const bytes = new SegmentBytes(handle, WINDOW_BYTES);
    const header = decodeSegmentHeader(await bytes.view(0, SEGMENT_HEADER_BYTES, fileBytes), id);
    let recordsEnd: number | null = null;
    for (let offset = SEGMENT_HEADER_BYTES; offset < fileBytes; ) {
      const found = await findAt(bytes, id, offset, fileBytes);
      if (found.kind === 'record') recordsEnd = found.to;
      offset = found.to;
    }
    return { header, fileBytes, recordsEnd };
  } finally {
    await handle.close();
  }
}

async function cut(path: string, end: number, files: JournalFiles): Promise<void> {
  const file = await files.open(path, 'repair');
  try {
    await file.truncate(end);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sealedEnds(
  directory: string,
  ids: readonly number[],
  newest: JournalPosition | null,
): Promise<SealedSegment[]> {
  const segments: SealedSegment[] = [];
  let successor = newest;
  for (const id of ids.toReversed()) {
    const end = successor?.segment === id ? successor.offset : null;
    segments.push({ id, end: end ?? (await stat(segmentPath(directory, id))).size });
    successor = (await readSegmentHeader(directory, id))?.predecessor ?? null;
  }
  return segments.reverse();
}

async function readSegmentHeader(directory: string, id: number): Promise<SegmentHeader | null> {
  const handle = await open(segmentPath(directory, id), 'r');
  try {
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const { bytesRead } = await handle.read(header, 0, SEGMENT_HEADER_BYTES, 0);
    return decodeSegmentHeader(header.subarray(0, bytesRead), id);
  } finally {
    await handle.close();
  }
}
