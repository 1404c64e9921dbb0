import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FeedState, type ReadFeedState, readFeedState, writeFeedState } from './state.ts';

/** What keeping a state asks of the file system; handed in so that tests can fail any step. */
export interface StateFiles {
  /** Null when there is no such file. */
  read(path: string): Promise<string | null>;
  /** After it returns the new text is on disk; if it fails, or the machine does, the old one still is. */
  replace(path: string, text: string): Promise<void>;
}

/** The state of the feed in one file of the data folder. */
export interface FeedStateFile {
  load(): Promise<ReadFeedState | { readonly kind: 'none' }>;
  save(state: FeedState): Promise<void>;
}

export function feedStateFile(path: string, files: StateFiles = nodeStateFiles): FeedStateFile {
  return {
    async load() {
      const text = await files.read(path);
      return text === null ? { kind: 'none' } : readFeedState(text);
    },
    save: (state) => files.replace(path, writeFeedState(state)),
  };
}

/** The file system of this machine. */
export const nodeStateFiles: StateFiles = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  },
  async replace(path, text) {
    // A name of its own, so that what a crash leaves behind is never taken for the state or written into.
    const draft = `${path}.${randomUUID()}.draft`;
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    // The new name is durable only once its folder is (fsync(2), notes).
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};
