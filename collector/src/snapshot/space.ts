import { statfs } from 'node:fs/promises';
import { SpanledgerError } from '../errors.ts';
import { grouped } from '../terminal.ts';

/** How often the free space is looked at. A disk takes some hundred megabytes in that time. */
const WATCH_EVERY_MS = 250;

/**
 * Refuses what would not fit.
 *
 * @throws {SpanledgerError} SL_SNAPSHOT_SPACE
 */
export async function assertRoom(folder: string, neededBytes: number, minFreeBytes: number): Promise<void> {
  const freeBytes = await freeBytesOf(folder);
  if (freeBytes - neededBytes >= minFreeBytes) return;
  throw new SpanledgerError(
    'SL_SNAPSHOT_SPACE',
    `A snapshot takes up to ${grouped(neededBytes)} bytes, and ${grouped(minFreeBytes)} must stay free for the ledger; ` +
      `the disk of ${folder} has ${grouped(freeBytes)} left. Keep fewer snapshots, or put them on another disk (snapshots.folder).`,
  );
}

/** Calls back, with why, when the disk gets short; until it is told to stop. */
export function watchRoom(
  folder: string,
  minFreeBytes: number,
  onShort: (why: SpanledgerError) => void,
): () => void {
  const look = async () => {
    const freeBytes = await freeBytesOf(folder);
    if (freeBytes >= minFreeBytes) return;
    onShort(
      new SpanledgerError(
        'SL_SNAPSHOT_SPACE',
        `The snapshot was broken off: the disk of ${folder} has ${grouped(freeBytes)} bytes left, and ${grouped(minFreeBytes)} must stay free for the ledger.`,
      ),
    );
  };
  // A disk that cannot be asked is no reason to end: writing to it will fail.
  const timer = setInterval(() => void look().catch(() => {}), WATCH_EVERY_MS);
  return () => clearInterval(timer);
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
