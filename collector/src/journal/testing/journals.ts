import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type CorruptRange,
  JOURNAL_DEFAULTS,
  type JournalEntry,
  type JournalFiles,
  type JournalItem,
  type JournalOptions,
  type JournalPosition,
  JournalReader,
  type JournalRecord,
  JournalWriter,
  nodeFiles,
} from '../index.ts';
import { listSegments, segmentPath } from '../segment.ts';

/** A folder that goes with the test. */
export async function aFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-journal-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A writer that is closed with the test. */
export async function aWriter(
  directory: string,
  options: Partial<JournalOptions> = {},
): Promise<JournalWriter> {
  const writer = await JournalWriter.open({
    ...JOURNAL_DEFAULTS,
    freeBytesPerLagByte: 0,
    minFreeBytes: 0,
    directory,
    node: 'node-1',
    nowMillis: () => 1_700_000_000_000,
    ...options,
  });
  onTestFinished(() => writer.close());
  return writer;
}

export function aReader(directory: string, readBytes?: number): JournalReader {
  const reader = new JournalReader(readBytes === undefined ? { directory } : { directory, readBytes });
  onTestFinished(() => reader.close());
  return reader;
}

export function anEntry(entry: Partial<Omit<JournalEntry, 'body'>> & { body?: Uint8Array | string } = {}) {
  const { body = 'a body', ...rest } = entry;
  return {
    receivedAtMillis: 1_700_000_000_123,
    tenant: 'acme',
    signal: 'traces',
    bodyType: 'protobuf',
    bodyEncoding: 'gzip',
    spans: 3,
    ...rest,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  } as const satisfies JournalEntry;
}

/** Everything from `from` to `limit`, in reads of `maxBytes`. */
export async function readAll(
  directory: string,
  limit: JournalPosition,
  { from = null, maxBytes = 1000, readBytes = 4096 }: ReadAll = {},
): Promise<{ items: JournalItem[]; records: JournalRecord[]; damage: CorruptRange[]; bodies: string[] }> {
  const reader = new JournalReader({ directory, readBytes });
  const items: JournalItem[] = [];
  try {
    let position = from;
    for (;;) {
      const { items: more, next } = await reader.read(position, limit, maxBytes);
      items.push(...more);
      if (more.length === 0) break;
      position = next;
    }
  } finally {
    await reader.close();
  }
  const records = items.filter((item) => item.kind === 'record');
  const damage = items.filter((item) => item.kind === 'corrupt');
  return { items, records, damage, bodies: records.map(({ body }) => Buffer.from(body).toString()) };
}

interface ReadAll {
  from?: JournalPosition | null;
  maxBytes?: number;
  readBytes?: number;
}

/** Sizes of the segment files on disk, by id. */
export async function segmentSizes(directory: string): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  for (const id of await listSegments(directory)) {
    sizes.set(id, (await stat(segmentPath(directory, id))).size);
  }
  return sizes;
}

/** Changes bytes of one segment file in place. */
export async function damage(
  directory: string,
  segment: number,
  change: (bytes: Buffer) => Buffer | undefined,
) {
  const path = segmentPath(directory, segment);
  const bytes = await readFile(path);
  await writeFile(path, change(bytes) ?? bytes);
}

export type Operation = 'create' | 'write' | 'sync' | 'truncate' | 'remove' | 'syncDirectory';

/**
 * The file system, with every call of one kind seen before it happens. What `before` throws is what the call fails
 * with; the number it returns for a write is how many bytes the write takes.
 */
export function watchedFiles(
  before: (operation: Operation, count: number) => number | undefined,
  freeBytes: () => number = () => Number.MAX_SAFE_INTEGER,
): JournalFiles {
  const counts = new Map<Operation, number>();
  const see = (operation: Operation) => {
    const count = (counts.get(operation) ?? 0) + 1;
    counts.set(operation, count);
    return before(operation, count);
  };
  return {
    async open(path, purpose) {
      if (purpose === 'create') see('create');
      const file = await nodeFiles.open(path, purpose);
      return {
        writev: async (buffers, position) => {
          const most = see('write');
          const given = most === undefined ? buffers : [Buffer.concat(buffers).subarray(0, most)];
          return await file.writev(given, position);
        },
        sync: async () => {
          see('sync');
          await file.sync();
        },
        truncate: async (bytes) => {
          see('truncate');
          await file.truncate(bytes);
        },
        close: () => file.close(),
      };
    },
    async remove(path) {
      see('remove');
      await nodeFiles.remove(path);
    },
    async syncDirectory(directory) {
      see('syncDirectory');
      await nodeFiles.syncDirectory(directory);
    },
    freeBytes: async () => freeBytes(),
  };
}

/** What the kernel says, as Node tells it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}
