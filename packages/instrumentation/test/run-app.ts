import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface AppRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningApp {
  readonly process: ChildProcess;
  readonly ended: Promise<AppRun>;
}

export interface HowToRun {
  readonly args?: readonly string[];
  /** Flags of node; by default one `--import`, as a user would, on our sources. */
  readonly flags?: readonly string[];
  readonly directory?: string;
}

const SOURCES = '--conditions=@spanledger/source';
export const METERED: readonly string[] = [SOURCES, '--import', '@spanledger/instrumentation/register'];
export const NOT_METERED: readonly string[] = [SOURCES];

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

/** Starts a fixture of `test/apps`, or the app at an absolute path, in a process of its own. */
export function startApp(
  app: string,
  env: Readonly<Record<string, string>>,
  { args = [], flags = METERED, directory = packageDirectory }: HowToRun = {},
): RunningApp {
  const file = isAbsolute(app) ? app : fileURLToPath(new URL(app, new URL('apps/', import.meta.url)));
  const child = spawn(process.execPath, [...flags, file, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return { process: child, ended: collect(child) };
}

export function runApp(...how: Parameters<typeof startApp>): Promise<AppRun> {
  return startApp(...how).ended;
}

async function collect(child: ChildProcess): Promise<AppRun> {
  const out: string[] = [];
  const err: string[] = [];
  child.stdout?.on('data', (piece) => out.push(String(piece)));
  child.stderr?.on('data', (piece) => err.push(String(piece)));
  const [code, signal] = await once(child, 'close');
  return { stdout: out.join(''), stderr: err.join(''), code, signal };
}
