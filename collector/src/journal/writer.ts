import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SpanledgerError } from '../errors.ts';
import { type JournalFiles, nodeFiles, type SegmentFile, writeAll } from './files.ts';
import { comparePositions, JOURNAL_START, type JournalPosition } from './position.ts';
import { encodeRecordHead, type JournalEntry, MAX_BODY_BYTES, placeRecordHead } from './record.ts';
import { type JournalRecovery, recoverJournal, type SealedSegment } from './recover.ts';
import { countExpired, type JournalRetention } from './retention.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentPath } from './segment.ts';
import { type FreeSpace, freeSpace } from './space.ts';

export interface JournalOptions {
  /** Created when missing. One writer at a time: the supervisor's lock on the data directory sees to that. */
  readonly directory: string;
  /** Who writes, up to 16 ASCII characters; stands in every segment's header. */
  readonly node: string;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
  /** Bytes of appends that wait for their sync; past it appends are rejected. */
  readonly maxPendingBytes: number;
  /** Bytes that the ledger has not committed yet; past it appends are rejected. */
  readonly maxBytes: number;
  /** Bytes that stay free on the file system; below it appends are rejected. */
  readonly minFreeBytes: number;
  /** Bytes that stay free beside them for each byte that the ledger has not committed yet. */
  readonly freeBytesPerLagByte: number;
  readonly retention: JournalRetention;
  readonly nowMillis: () => number;
  readonly files?: JournalFiles;
}

/** Bounds that suit one small server. */
export const JOURNAL_DEFAULTS = {
  /** Removing a segment frees 128 MiB at once, and re-reading one at start takes a fraction of a second. */
  segmentBytes: 128 * 2 ** 20,
  /** Held in memory; about 0.2 s of a disk that syncs 350 MB/s, so whoever waits longer is better told to retry. */
  maxPendingBytes: 64 * 2 ** 20,
  /** Hours of gzip bodies at 500 spans/s; the ledger works it off far faster than it fills. */
  maxBytes: 8 * 2 ** 30,
  /** Room for the ledger to checkpoint and commit what is already acked. */
  minFreeBytes: 2 ** 30,
  /**
   * The rows of a body of 170 bytes a span (gzip) take about 500 in the write-ahead log of the ledger, which is let go
   * of only when they are in its file.
   */
  freeBytesPerLagByte: 3,
  /** A day and 1 GiB: enough to look at what came in when a ledger's numbers are questioned. */
  retention: { maxAgeMs: 24 * 3600 * 1000, maxBytes: 2 ** 30 },
} as const;

/** Counted since the writer was opened. */
export interface JournalCounters {
  readonly records: number;
  readonly spans: number;
  readonly bytes: number;
  /** Group syncs: records / syncs tells how many appends share one. */
  readonly syncs: number;
  /** Groups that could not be written or synced. */
  readonly failures: number;
  /** Appends turned away because of a bound. */
  readonly refusals: number;
  readonly removedSegments: number;
}

/** IOV_MAX is 1024 on Linux and macOS, and a record takes two buffers. */
const MAX_GROUP_RECORDS = 512;
/** About 20 ms of a disk that syncs 350 MB/s: the longest an append waits for the group before its own. */
const MAX_GROUP_BYTES = 8 * 2 ** 20;

interface WaitingAppend {
  readonly head: Buffer;
  readonly body: Uint8Array;
  readonly bytes: number;
  readonly spans: number;
  readonly resolve: (position: JournalPosition) => void;
  readonly reject: (error: unknown) => void;
}

interface ActiveSegment {
  readonly id: number;
  readonly file: SegmentFile;
  /** Where its durable records end. */
  end: number;
}

/**
 * The write side of the journal, and the durability promise: an append resolves once its bytes are on disk.
 *
 * The story: `open` makes what the last run left a journal again and starts a new segment. `append` turns the entry
 * away at a bound, or queues it. While one group is written and synced the next one gathers; each group is one writev
 * and one fdatasync, and then all its appends resolve. A group that fails is rejected as a whole, and since a failed
 * fsync leaves unknown what the disk has, its segment is given up at the last durable offset and the next append
 * starts a new one. `committed` is the ledger's word that it needs nothing before a position; it frees lag and, once
 * retention is over, disk.
 */
export class JournalWriter {
  /** What opening found. */
  readonly recovery: JournalRecovery;
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  readonly #space: FreeSpace;
  readonly #queue: WaitingAppend[] = [];
  readonly #listeners: ((end: JournalPosition) => void)[] = [];
  readonly #counters = {
    records: 0,
    spans: 0,
    bytes: 0,
    syncs: 0,
    failures: 0,
    refusals: 0,
    removedSegments: 0,
  };

  /** Oldest first, all before the active one. */
  #sealed: SealedSegment[];
  #active: ActiveSegment | null = null;
  #predecessor: JournalPosition;
  #lastId: number;
  #durableEnd: JournalPosition = JOURNAL_START;
  #committed: JournalPosition = JOURNAL_START;
  #lagBytes = 0;
  #pendingBytes = 0;
  #draining: Promise<void> | null = null;
  #removing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: JournalOptions, recovered: Awaited<ReturnType<typeof recoverJournal>>) {
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
    const { directory, minFreeBytes, freeBytesPerLagByte, nowMillis } = options;
    const reserve = { bytes: minFreeBytes, bytesPerLagByte: freeBytesPerLagByte };
    this.#space = freeSpace(this.#files, directory, reserve, nowMillis, () => this.#lagBytes);
    this.recovery = recovered.recovery;
    this.#sealed = [...recovered.segments];
    this.#predecessor = recovered.predecessor;
    this.#lastId = recovered.lastId;
    this.#countLag();
  }

  /**
   * Cuts the torn tail of the newest segment and starts a new one. Until `committed` is called, everything found
   * counts as lag. A full disk does not stop it, for the ledger can still work off what is there. Throws
   * SL_JOURNAL_WRITE_FAILED, or SL_JOURNAL_NEWER_FORMAT.
   */
  static async open(options: JournalOptions): Promise<JournalWriter> {
    assert(/^[\x21-\x7e]{1,16}$/.test(options.node), 'a node name is 1 to 16 visible ASCII characters');
    assert(
      options.segmentBytes > SEGMENT_HEADER_BYTES && options.segmentBytes <= MAX_BODY_BYTES,
      'a segment takes at most 1 GiB',
    );
    const files = options.files ?? nodeFiles;
    try {
      await makeDirectory(options.directory, files);
      const writer = new JournalWriter(options, await recoverJournal(options.directory, files));
      await writer.#startFirstSegment();
      return writer;
    } catch (cause) {
      throw asJournalError(cause, `The journal in ${options.directory} could not be opened.`);
    }
  }

  /** Everything before this is on disk. */
  get durableEnd(): JournalPosition {
    return this.#durableEnd;
  }

  /** Bytes of records that are on disk and not committed by the ledger. */
  get lagBytes(): number {
    return this.#lagBytes;
  }

  /** Bytes of appends that wait for their sync. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Bytes of segments that are wholly committed and kept only because of retention. */
  get keptBytes(): number {
    return this.#sealed
      .filter((segment) => this.#isCommitted(segment))
      .reduce((sum, segment) => sum + segment.end, 0);
  }

  get counters(): JournalCounters {
    return { ...this.#counters };
  }

  /** Calls `listener` after every group that is on disk. What it throws is an uncaught exception, not the journal's. */
  onDurable(listener: (end: JournalPosition) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Resolves with the record's position after the sync that covers it. The body must stay unchanged until then.
   * Rejects with SL_JOURNAL_FULL (a bound or the disk; retry later) or SL_JOURNAL_WRITE_FAILED; either way the entry
   * is not acked. As with any failed write, the bytes may still turn up when the machine dies before they are cut off.
   */
  async append(entry: JournalEntry): Promise<JournalPosition> {
    if (this.#closed) throw new SpanledgerError('SL_JOURNAL_WRITE_FAILED', 'The journal is closed.');
    const head = encodeRecordHead(entry);
    const bytes = head.byteLength + entry.body.byteLength;
    this.#refusePastBound(bytes);
    this.#pendingBytes += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<JournalPosition>();
    this.#queue.push({ head, body: entry.body, bytes, spans: entry.spans, resolve, reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  /**
   * The ledger has committed everything before `position`. Removes segments wholly before it whose retention is over,
   * never others. Rejects with SL_JOURNAL_WRITE_FAILED when a file cannot be removed (the next call tries again) and
   * with SL_JOURNAL_MISMATCH for a position past `durableEnd`: that ledger has followed another journal.
   */
  async committed(position: JournalPosition): Promise<void> {
    if (comparePositions(position, this.#durableEnd) > 0) {
      throw new SpanledgerError(
        'SL_JOURNAL_MISMATCH',
        `The ledger has committed up to ${tell(position)}, and this journal ends at ${tell(this.#durableEnd)}. ` +
          'They do not belong together.',
      );
    }
    if (comparePositions(position, this.#committed) > 0) {
      this.#committed = position;
      this.#countLag();
    }
    const removal = this.#removing.then(() => this.#removeExpired());
    // A failed removal is reported to its caller; the next one starts afresh.
    this.#removing = removal.catch(() => undefined);
    await removal;
  }

  /** Takes no more appends, waits for those that were taken, and lets go of the files. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
    await this.#removing;
    const active = this.#active;
    this.#active = null;
    await active?.file.close();
  }

  async #startFirstSegment(): Promise<void> {
    try {
      await this.#startSegment();
    } catch (cause) {
      const error = asJournalError(cause, 'The first segment could not be started.');
      if (error.code !== 'SL_JOURNAL_FULL') throw error;
    }
    // Even without a file this place is past everything found, and the next segment comes after it.
    this.#durableEnd = { segment: this.#lastId, offset: SEGMENT_HEADER_BYTES };
  }

  #refusePastBound(bytes: number): void {
    const { maxPendingBytes, maxBytes } = this.#options;
    let reason: string | null = null;
    if (this.#pendingBytes + bytes > maxPendingBytes) {
      reason = `${this.#pendingBytes} bytes wait for the disk and ${maxPendingBytes} may.`;
    } else if (this.#lagBytes + this.#pendingBytes + bytes > maxBytes) {
      reason = `${this.#lagBytes} bytes wait for the ledger and ${maxBytes} may.`;
    }
    if (reason === null) return;
    this.#counters.refusals += 1;
    throw new SpanledgerError('SL_JOURNAL_FULL', `${reason} Retry later.`);
  }

  async #drain(): Promise<void> {
    // Appends of the same tick share the first group.
    await null;
    while (this.#queue.length > 0) await this.#writeGroup(this.#takeGroup());
    this.#draining = null;
  }

  /** The longest run of waiting appends within the bounds; at least one, whatever its size. */
  #takeGroup(): WaitingAppend[] {
    const maxBytes = Math.min(MAX_GROUP_BYTES, this.#options.segmentBytes - SEGMENT_HEADER_BYTES);
    let bytes = 0;
    let count = 0;
    for (const { bytes: more } of this.#queue) {
      if (count > 0 && (bytes + more > maxBytes || count === MAX_GROUP_RECORDS)) break;
      bytes += more;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #writeGroup(group: readonly WaitingAppend[]): Promise<void> {
    const groupBytes = group.reduce((sum, { bytes }) => sum + bytes, 0);
    try {
      const segment = await this.#segmentFor(groupBytes);
      await this.#space.claim(groupBytes, false);
      const positions: JournalPosition[] = [];
      const buffers: Uint8Array[] = [];
      let offset = segment.end;
      for (const { head, body, bytes } of group) {
        placeRecordHead(head, segment.id, offset);
        positions.push({ segment: segment.id, offset });
        buffers.push(head, body);
        offset += bytes;
      }
      await this.#writeDurably(segment, buffers, offset);
      this.#counters.records += group.length;
      this.#counters.bytes += groupBytes;
      this.#pendingBytes -= groupBytes;
      this.#lagBytes += groupBytes;
      this.#durableEnd = { segment: segment.id, offset };
      for (const [index, { resolve, spans }] of group.entries()) {
        this.#counters.spans += spans;
        resolve(positions[index] ?? this.#durableEnd);
      }
      for (const listener of this.#listeners) queueMicrotask(() => listener(this.#durableEnd));
    } catch (cause) {
      this.#pendingBytes -= groupBytes;
      if (cause instanceof SpanledgerError) this.#counters.refusals += group.length;
      else this.#counters.failures += 1;
      const error = asJournalError(cause, 'The journal could not be written.');
      for (const { reject } of group) reject(error);
    }
  }

  async #writeDurably(segment: ActiveSegment, buffers: readonly Uint8Array[], end: number): Promise<void> {
    try {
      await writeAll(segment.file, buffers, segment.end);
      await segment.file.sync();
    } catch (cause) {
      await this.#giveUp(segment);
      throw cause;
    }
    this.#counters.syncs += 1;
    segment.end = end;
  }

  /** The active segment while it has room, else a new one. */
  async #segmentFor(bytes: number): Promise<ActiveSegment> {
    const active = this.#active;
    if (active !== null) {
      const room = active.end + bytes <= this.#options.segmentBytes;
      if (room || active.end === SEGMENT_HEADER_BYTES) return active;
      this.#seal(active);
      await active.file.close();
    }
    return await this.#startSegment();
  }

  #seal(segment: ActiveSegment): void {
    this.#active = null;
    this.#sealed.push({ id: segment.id, end: segment.end });
    this.#predecessor = { segment: segment.id, offset: segment.end };
  }

  async #startSegment(): Promise<ActiveSegment> {
    const { directory, node, nowMillis } = this.#options;
    const id = Math.max(Math.trunc(nowMillis()), this.#lastId + 1);
    this.#lastId = id;
    await this.#space.claim(SEGMENT_HEADER_BYTES, true);
    const path = segmentPath(directory, id);
    const file = await this.#files.open(path, 'create');
    try {
      const header = encodeSegmentHeader({ segment: id, predecessor: this.#predecessor, node });
      await writeAll(file, [header], 0);
      await file.sync();
      await this.#files.syncDirectory(directory);
    } catch (cause) {
      await this.#discard(path, file);
      throw cause;
    }
    this.#active = { id, file, end: SEGMENT_HEADER_BYTES };
    return this.#active;
  }

  /**
   * Leaves a segment whose last write or sync failed. Best effort, because the disk may refuse this too: the next
   * segment's header names the end of the durable records, and a reader does not look past it.
   */
  async #giveUp(segment: ActiveSegment): Promise<void> {
    if (segment.end === SEGMENT_HEADER_BYTES) {
      // Nothing durable in it: while a disk stays full, each retry would leave one more empty file.
      this.#active = null;
      await this.#discard(segmentPath(this.#options.directory, segment.id), segment.file);
      return;
    }
    this.#seal(segment);
    await bestEffort(() => segment.file.truncate(segment.end));
    await bestEffort(() => segment.file.sync());
    await bestEffort(() => segment.file.close());
  }

  async #discard(path: string, file: SegmentFile): Promise<void> {
    await bestEffort(() => file.close());
    await bestEffort(() => this.#files.remove(path));
  }

  #isCommitted({ id, end }: SealedSegment): boolean {
    return comparePositions({ segment: id, offset: end }, this.#committed) <= 0;
  }

  #countLag(): void {
    const segments = this.#active === null ? this.#sealed : [...this.#sealed, this.#active];
    this.#lagBytes = 0;
    for (const { id, end } of segments) {
      if (id < this.#committed.segment) continue;
      const from = id === this.#committed.segment ? this.#committed.offset : 0;
      this.#lagBytes += Math.max(0, end - Math.max(from, SEGMENT_HEADER_BYTES));
    }
  }

  async #removeExpired(): Promise<void> {
    const now = this.#options.nowMillis();
    const committed = this.#sealed
      .filter((segment) => this.#isCommitted(segment))
      .map(({ id, end }, index) => ({
        id,
        bytes: end,
        // The successor was started when this one was full.
        sealedAtMillis: this.#sealed[index + 1]?.id ?? this.#active?.id ?? now,
      }));
    const expired = committed.slice(0, countExpired(committed, this.#options.retention, now));
    if (expired.length === 0) return;
    try {
      for (const { id } of expired) {
        await this.#files.remove(segmentPath(this.#options.directory, id)).catch(unlessMissing);
        this.#sealed.shift();
        this.#counters.removedSegments += 1;
      }
      await this.#files.syncDirectory(this.#options.directory);
    } catch (cause) {
      throw asJournalError(cause, 'A committed journal segment could not be removed.');
    } finally {
      this.#space.released();
    }
  }
}

async function makeDirectory(directory: string, files: JournalFiles): Promise<void> {
  const created = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (created !== undefined) await files.syncDirectory(dirname(directory));
}

async function bestEffort(step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch {
    // The failure that led here is the one that is reported.
  }
}

function unlessMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error;
}

function asJournalError(cause: unknown, message: string): SpanledgerError {
  if (cause instanceof SpanledgerError) return cause;
  const code = systemCode(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SpanledgerError(full ? 'SL_JOURNAL_FULL' : 'SL_JOURNAL_WRITE_FAILED', `${message} ${reason}`, {
    cause,
  });
}

function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function tell({ segment, offset }: JournalPosition): string {
  return `${segment}:${offset}`;
}
