import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/**
 * A data directory for one test. When the test is over, every process that works on it is ended and the directory is
 * removed, so that a failed test leaves nothing behind.
 */
export async function aDataDirectory(name = 'spanledger-'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), name));
  onTestFinished(() => removeDataDirectory(directory));
  return directory;
}

/** For directories that outlive one test; the caller's `afterAll` calls it. */
export async function removeDataDirectory(directory: string): Promise<void> {
  await endProcessesOf(directory);
  await rm(directory, { recursive: true, force: true });
}

/** Ends the processes that work on the directory, stopped ones too. Only what a test started knows its random name. */
export async function endProcessesOf(directory: string): Promise<void> {
  for (const pid of await processesOf(directory)) signalIfThere(pid, 'SIGKILL');
  await allProcessesEnded(directory, 10_000);
}

/** Process ids of the service and the ledger process that were started with this data directory. */
export async function processesOf(directory: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`SPANLEDGER_DATA_DIR=${directory}`)) pids.push(Number(name));
  }
  return pids;
}

/** @throws when a process is still there after the time: an orphan. */
export async function allProcessesEnded(directory: string, withinMs: number): Promise<void> {
  await until(`no process works on ${directory}`, withinMs, async () => {
    return (await processesOf(directory)).length === 0;
  });
}

/**
 * A process that has just ended by itself is no mistake.
 *
 * @throws for 0 and negative numbers: they would signal whole groups of processes, this one included.
 */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  if (!(pid > 0)) throw new Error(`${pid} is no process id`);
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Waits for a random instant, and is the one place where these tests wait for nothing in particular. */
export async function randomInstant(random: () => number, maxMs: number): Promise<void> {
  await delay(Math.floor(random() * maxMs));
}
