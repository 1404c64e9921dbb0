import { open, statfs, unlink } from 'node:fs/promises';

/** One segment file that is written. */
export interface SegmentFile {
  /** Writes at `position` and returns how many bytes were taken, which may be fewer than given (writev(2)). */
  writev(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Returns once bytes and length are on disk (fdatasync(2)). */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** What the journal asks of the file system to write; handed in so that tests can fail the n-th write or sync. */
export interface JournalFiles {
  /** `create` fails when the file exists: two writers cannot share a segment. `repair` opens an existing one. */
  open(path: string, purpose: 'create' | 'repair'): Promise<SegmentFile>;
  remove(path: string): Promise<void>;
  /** A file's name is durable only once its directory is synced (fsync(2), notes). */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes that an unprivileged process may still use on the directory's file system. */
  freeBytes(directory: string): Promise<number>;
}

/** The file system of this machine. */
export const nodeFiles: JournalFiles = {
  async open(path, purpose) {
    // 0600: bodies may hold prompts, which are nobody else's to read.
    const handle = await open(path, purpose === 'create' ? 'wx' : 'r+', 0o600);
    return {
      writev: async (buffers, position) => (await handle.writev([...buffers], position)).bytesWritten,
      sync: () => handle.datasync(),
      truncate: (bytes) => handle.truncate(bytes),
      close: () => handle.close(),
    };
  },
  remove: (path) => unlink(path),
  async syncDirectory(directory) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },
};

/** Writes all of it, however many calls that takes. */
export async function writeAll(
  file: SegmentFile,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.byteLength > 0);
  let at = position;
  while (rest.length > 0) {
    const written = await file.writev(rest, at);
    if (written <= 0) throw new Error('The file system took none of the bytes and gave no reason.');
    at += written;
    rest = withoutFirst(rest, written);
  }
}

function withoutFirst(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (skip >= buffer.byteLength) skip -= buffer.byteLength;
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
