import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface SupervisorOptions {
  readonly module: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Past this the child is ended; the next one starts clean. Resident set size in bytes, where the system tells. */
  readonly maxRssBytes: number;
  readonly onStart: (child: ChildProcess) => void;
  readonly onMessage: (message: unknown) => void;
  readonly onEnd: (end: ChildEnd) => void;
}

export interface ChildEnd {
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds until the next start; null: there will be none. */
  readonly restartInMs: number | null;
}

/** Back-off between restarts: doubles from the first to the second value, and starts over after a stable minute. */
const FIRST_BACK_OFF_MS = 100;
const LONGEST_BACK_OFF_MS = 10_000;
const STABLE_AFTER_MS = 60_000;
const RSS_CHECK_EVERY_MS = 1000;

/** Keeps one child process running until it is stopped. */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private child: ChildProcess | null = null;
  private backOffMs = FIRST_BACK_OFF_MS;
  private isStopping = false;
  private readonly stopped = new AbortController();
  restarts = 0;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.start();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Does nothing while there is no child: what it missed it is told when it starts. */
  send(message: object): void {
    if (this.child?.connected) this.child.send(message, () => {});
  }

  /** Lets the child end by itself within the time, then ends it. Resolves with whether it ended by itself. */
  async stop(graceMs: number): Promise<boolean> {
    this.isStopping = true;
    this.stopped.abort();
    const { child } = this;
    if (child === null) return true;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const inTime = await Promise.race([ended.then(() => true), delay(graceMs, false, { ref: false })]);
    if (!inTime) {
      child.kill('SIGKILL');
      await ended;
    }
    return inTime;
  }

  private start(): void {
    const { module, args, execArgv, environment, onMessage, onEnd, onStart } = this.options;
    const startedAt = performance.now();
    const child = fork(module, [...args], {
      execArgv: [...execArgv],
      env: environment,
      // Amounts are bigints, and an instant may be infinite.
      serialization: 'advanced',
    });
    this.child = child;
    const watch = setInterval(() => void this.checkRss(child), RSS_CHECK_EVERY_MS);
    watch.unref();
    child.on('message', onMessage);
    child.on('error', () => {}); // 'exit' follows, and says all there is to say
    child.once('exit', (exitCode, signal) => {
      clearInterval(watch);
      this.child = null;
      if (performance.now() - startedAt > STABLE_AFTER_MS) this.backOffMs = FIRST_BACK_OFF_MS;
      const restartInMs = this.isStopping ? null : this.backOffMs;
      this.backOffMs = Math.min(this.backOffMs * 2, LONGEST_BACK_OFF_MS);
      onEnd({ pid: child.pid, exitCode, signal, restartInMs });
      if (restartInMs !== null) void this.restart(restartInMs);
    });
    onStart(child);
  }

  private async restart(inMs: number): Promise<void> {
    try {
      await delay(inMs, undefined, { signal: this.stopped.signal });
    } catch {
      return; // stopped meanwhile
    }
    this.restarts++;
    this.start();
  }

  private async checkRss(child: ChildProcess): Promise<void> {
    const rss = await residentBytes(child.pid);
    if (rss !== null && rss > this.options.maxRssBytes) child.kill('SIGKILL');
  }
}

/** Linux tells in /proc; elsewhere the size is unknown. */
export async function residentBytes(pid: number | undefined): Promise<number | null> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}
