import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
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

/**
 * Why a child has ended: it had grown past its bound, or worked on something that nothing else stops, and was ended for
 * that; it was ended by somebody else or by a fault of its own (`killed`); or it has exited by itself.
 */
export type EndReason = 'memory' | 'overdue' | 'killed' | 'exit';

export const END_REASONS: readonly EndReason[] = ['memory', 'overdue', 'killed', 'exit'];

export interface ChildEnd {
  readonly pid: number | undefined;
  readonly reason: EndReason;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** When it was looked at last, in bytes; null where the system does not tell. */
  readonly residentBytes: number | null;
  /** Milliseconds until the next start; null: there will be none. */
  readonly restartInMs: number | null;
}

/** Back-off between restarts: doubles from the first to the second value, and starts over after a stable minute. */
const FIRST_BACK_OFF_MS = 100;
const LONGEST_BACK_OFF_MS = 10_000;
const STABLE_AFTER_MS = 60_000;

/**
 * One expression can take a gigabyte in a second, so between two looks a child grows by some 50 MB. A look takes 10 µs,
 * and so 0.02 % of a core.
 */
const RSS_CHECK_EVERY_MS = 50;

/**
 * Should the memory of the machine run out all the same, because of what else runs on it, Linux ends the process with
 * the highest score: about one thousandth of the memory that it has counts 1, and this is added for the child.
 */
const OOM_SCORE = '500';

/** Keeps one child process running until it is stopped. */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private child: ChildProcess | null = null;
  private endedFor: 'memory' | 'overdue' | null = null;
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

  /** Ends the child at once; another one is started. */
  end(reason: 'memory' | 'overdue'): void {
    this.endedFor ??= reason;
    // Nothing gentler: an exit waits for the threads that do not stop.
    this.child?.kill('SIGKILL');
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
    this.endedFor = null;
    preferToEnd(child.pid);
    const size = new ResidentSize(child.pid);
    const watch = setInterval(() => {
      const bytes = size.look();
      if (bytes !== null && bytes > this.options.maxRssBytes) this.end('memory');
    }, RSS_CHECK_EVERY_MS);
    watch.unref();
    child.on('message', onMessage);
    child.on('error', () => {}); // 'exit' follows, and says all there is to say
    child.once('exit', (exitCode, signal) => {
      clearInterval(watch);
      size.close();
      this.child = null;
      if (performance.now() - startedAt > STABLE_AFTER_MS) this.backOffMs = FIRST_BACK_OFF_MS;
      const restartInMs = this.isStopping ? null : this.backOffMs;
      this.backOffMs = Math.min(this.backOffMs * 2, LONGEST_BACK_OFF_MS);
      const reason = this.endedFor ?? (signal === null ? 'exit' : 'killed');
      onEnd({ pid: child.pid, reason, exitCode, signal, residentBytes: size.lastBytes, restartInMs });
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
}

/** The resident set size of a process, looked at often. Linux tells in /proc; elsewhere the size is unknown. */
export class ResidentSize {
  /** Of the last look; null: unknown. */
  lastBytes: number | null = null;
  /** Kept open: a look then costs a third, and never is at another process that has got the same id. */
  readonly #file: number | null;
  readonly #text = Buffer.alloc(4096);

  constructor(pid: number | undefined) {
    this.#file = openIfThere(`/proc/${pid}/status`);
  }

  /** Bytes now; null: unknown, or the process has ended. At once, since a thread pool that is busy would be late. */
  look(): number | null {
    if (this.#file === null) return null;
    try {
      const length = readSync(this.#file, this.#text, 0, this.#text.length, 0);
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(this.#text.toString('latin1', 0, length))?.[1];
      if (kilobytes === undefined) return null;
      this.lastBytes = Number(kilobytes) * 1024;
      return this.lastBytes;
    } catch {
      return null;
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null;
  }
}

/** When memory runs out, the child is to end, and not what accepts spans. Only Linux can be told. */
function preferToEnd(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch {
    // Where it cannot be told, the bound is all there is.
  }
}
