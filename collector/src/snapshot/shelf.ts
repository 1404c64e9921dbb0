import { mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The folder of snapshots. What has a name of a snapshot is whole; what is being made, or taken away, has a hidden name
 * beside it. `latest` leads to the newest.
 */

const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;
const MAKING = '.making-';
const REMOVING = '.removing-';
const LATEST = 'latest';
const NEXT_LATEST = '.latest-';

/** `2026-11-23T08-15-00-000Z`: an instant that every file system takes for a name, and that sorts by time. */
export function nameAt(millis: number): string {
  return new Date(millis).toISOString().replace(/[:.]/g, '-');
}

/** When the snapshot was asked for. Milliseconds since the Unix epoch. */
export function millisOf(name: string): number {
  const [date = '', time = ''] = name.split('T');
  return Date.parse(`${date}T${time.replace('-', ':').replace('-', ':').replace('-', '.')}`);
}

/** A name after all others, also when the clock went back: the newest is the last by name. */
export function nextName(names: readonly string[], nowMillis: number): string {
  const newest = names.at(-1);
  return nameAt(newest === undefined ? nowMillis : Math.max(nowMillis, millisOf(newest) + 1));
}

/** Of what is published, the oldest first. */
export async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((name) => NAME.test(name)).sort();
}

/**
 * Takes away what a process that was killed has left, and lets `latest` lead where it should.
 *
 * @returns when the last one was begun, whatever became of it; null: never. Milliseconds since the Unix epoch.
 */
export async function sweep(folder: string): Promise<number | null> {
  await mkdir(folder, { recursive: true });
  const begun: string[] = [];
  for (const entry of await readdir(folder)) {
    if (NAME.test(entry)) begun.push(entry);
    if (entry.startsWith(MAKING)) begun.push(entry.slice(MAKING.length));
    if ([MAKING, REMOVING, NEXT_LATEST].some((prefix) => entry.startsWith(prefix))) {
      await rm(join(folder, entry), { recursive: true, force: true });
    }
  }
  const newest = (await namesIn(folder)).at(-1);
  if (newest !== undefined) await pointLatest(folder, newest);
  const last = begun
    .map(millisOf)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return last.at(-1) ?? null;
}

/** An empty hidden folder. */
export async function beginFolder(folder: string, name: string): Promise<string> {
  const making = join(folder, `${MAKING}${name}`);
  await mkdir(making, { recursive: true });
  return making;
}

/** From one instant to the next it is there and whole, also after the power has failed. */
export async function publish(folder: string, name: string): Promise<string> {
  const making = join(folder, `${MAKING}${name}`);
  const published = join(folder, name);
  await syncBelow(making);
  await rename(making, published);
  await pointLatest(folder, name);
  await sync(folder);
  return published;
}

/** Whoever has a file of an old one open reads on: it goes when it is closed. */
export async function prune(folder: string, keep: number): Promise<void> {
  for (const name of (await namesIn(folder)).slice(0, -keep)) {
    const removing = join(folder, `${REMOVING}${name}`);
    await rename(join(folder, name), removing);
    await rm(removing, { recursive: true, force: true });
  }
}

async function pointLatest(folder: string, name: string): Promise<void> {
  const next = join(folder, `${NEXT_LATEST}${name}`);
  await rm(next, { force: true });
  await symlink(name, next);
  await rename(next, join(folder, LATEST));
}

/** Files first, then the folders that name them. */
async function syncBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ path: join(entry.parentPath, entry.name), entry }));
  for (const { path, entry } of paths) if (entry.isFile()) await sync(path);
  for (const { path, entry } of paths) if (entry.isDirectory()) await sync(path);
  await sync(folder);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
