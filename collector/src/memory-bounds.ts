import { totalmem } from 'node:os';

/** What the ledger process may take, as it is configured. */
export interface MemorySettings {
  /** Bytes. */
  readonly max_rss_bytes: number;
  /** As the engine takes it, such as `2GB`. */
  readonly memory_limit: string;
}

/** What it may take on this machine. */
export interface MemoryBounds {
  /** Resident bytes past which it is ended. */
  readonly maxRssBytes: number;
  /** What the engine may allocate, in bytes, where it counts. */
  readonly engineBytes: number;
  /** What readers' statements may take of that, all together. */
  readonly readersBytes: number;
  /** Settings that are larger than what the machine allows, and are not kept to. */
  readonly lowered: readonly (keyof MemorySettings)[];
}

/**
 * Of all memory. The rest is for the receiver (some 300 MB), for files that the system keeps in memory, and for what
 * the process grows by between two looks: in a container of 1 GiB, 400 MiB.
 */
const SHARE_OF_MACHINE = 0.6;

/**
 * Of what the process may take. It has as much again for traces and accounts in memory, and for what the engine does
 * not count: a sort at its limit is to be told so, and not to end the process.
 */
const SHARE_OF_ENGINE = 0.5;

/** Of what the engine may allocate; the other half is for commits, and for what it keeps of the file. */
const SHARE_OF_READERS = 0.5;

/**
 * The bounds that hold: the settings, as far as the machine or container is large enough for them. A bound that is
 * larger than the memory ends nothing; the system then ends whatever it likes, the receiver perhaps.
 *
 * @param machineBytes of the machine, or of the container where that has less
 */
export function memoryBounds(settings: MemorySettings, machineBytes: number): MemoryBounds {
  const maxRssBytes = Math.min(settings.max_rss_bytes, Math.floor(machineBytes * SHARE_OF_MACHINE));
  const wishedBytes = engineBytesOf(settings.memory_limit);
  const engineBytes = Math.min(wishedBytes, Math.floor(maxRssBytes * SHARE_OF_ENGINE));
  const readersBytes = Math.floor(engineBytes * SHARE_OF_READERS);
  const lowered: (keyof MemorySettings)[] = [];
  if (maxRssBytes < settings.max_rss_bytes) lowered.push('max_rss_bytes');
  if (engineBytes < wishedBytes) lowered.push('memory_limit');
  return { maxRssBytes, engineBytes, readersBytes, lowered };
}

/** Of the machine, or of the control group that this process is in. */
export function machineBytes(): number {
  const constrained = process.constrainedMemory();
  // 0 where the system does not tell, and more than there is where there is no bound.
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

const UNITS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The configuration has checked its form. */
function engineBytesOf(limit: string): number {
  const [, count, unit = ''] = /^(\d+) ?([MG]i?B)$/.exec(limit) ?? [];
  const bytes = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (!Number.isFinite(bytes)) throw new Error(`${limit} is no size of memory`);
  return bytes;
}
