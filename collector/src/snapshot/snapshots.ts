import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';
import { makeSnapshot, type Progress } from './make.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { Predecessor } from './parquet.ts';
import { runSchedule } from './schedule.ts';
import { millisOf, namesIn, nextName, prune, sweep } from './shelf.ts';
import { assertRoom, watchRoom } from './space.ts';

export interface SnapshotsOptions {
  readonly ledger: DuckDBInstance;
  /** The ledger file; only its size is asked for, for it must not be opened a second time. */
  readonly ledgerFile: string;
  readonly folder: string;
  /** How many are kept. */
  readonly keep: number;
  readonly parquet: boolean;
  /** Null: only when somebody asks. */
  readonly everyMs: number | null;
  /** Free disk space below which none is begun, and the one that is made is broken off. */
  readonly minFreeBytes: number;
  /** One that takes longer is broken off. */
  readonly timeoutMs?: number;
  readonly version: string;
  readonly nowMillis: () => number;
  readonly wait: (millis: number, signal: AbortSignal) => Promise<void>;
  readonly onPublished: (manifest: Manifest, tookMs: number) => void;
  readonly onFailed: (name: string | null, error: unknown) => void;
}

export interface Published {
  readonly path: string;
  readonly manifest: Manifest;
}

/** What has become of a snapshot that was asked for. */
export type SnapshotState =
  | { readonly state: 'making'; readonly name: string; readonly progress: Progress }
  | ({ readonly state: 'published' } & Published)
  | { readonly state: 'failed'; readonly name: string; readonly error: SpanledgerError };

interface MakingNow {
  readonly name: string;
  progress: Progress;
  /** Resolves whatever becomes of it. */
  done: Promise<void>;
}

const NOT_BEGUN: Progress = { phase: 'copying', doneRows: 0, totalRows: 0 };

/** Generous: fifty million rows take some ten minutes on one core. */
const TIMEOUT_MS = 3 * 3_600_000;
/** Failures are remembered for those who asked. */
const MAX_FAILURES = 20;

/** The snapshots of a ledger: at most one is being made, the newest few are kept. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #stopped = new AbortController();
  readonly #failures = new Map<string, SpanledgerError>();
  #making: MakingNow | null = null;
  /** From the moment in which one is asked for, before its name is known. */
  #isTaken = false;
  #lastBegunMillis: number | null = null;
  #schedule: Promise<void> = Promise.resolve();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  /**
   * Makes the folder, without what a process that was killed has left in it. Does not throw: a disk that is not there now
   * may be later, and the ledger does without.
   */
  async prepare(): Promise<void> {
    const { folder, onFailed } = this.#options;
    try {
      this.#lastBegunMillis = await sweep(folder);
    } catch (error) {
      onFailed(null, error);
    }
  }

  /** Begins to make one by the clock, where one is configured. */
  start(): void {
    const { everyMs, nowMillis, wait, onFailed } = this.#options;
    if (everyMs === null) return;
    this.#schedule = runSchedule(
      {
        everyMs,
        lastBegunMillis: () => this.#lastBegunMillis,
        make: async () => {
          try {
            await this.begin();
          } catch (error) {
            this.#lastBegunMillis = nowMillis();
            onFailed(null, error);
          }
          await this.idle();
        },
        nowMillis,
        wait,
      },
      this.#stopped.signal,
    );
  }

  /** Resolves when none is being made. */
  async idle(): Promise<void> {
    await this.#making?.done;
  }

  /** Breaks off the one that is being made. */
  async stop(): Promise<void> {
    this.#stopped.abort(new SpanledgerError('SL_SNAPSHOT_FAILED', 'The service was stopped meanwhile.'));
    await this.idle();
    await this.#schedule;
  }

  /**
   * Begins one, which is then made whether somebody waits for it or not.
   *
   * @returns its name
   * @throws {SpanledgerError} SL_SNAPSHOT_BUSY, SL_SNAPSHOT_SPACE, SL_SNAPSHOT_FAILED
   */
  async begin(): Promise<string> {
    const { folder, ledgerFile, minFreeBytes, nowMillis } = this.#options;
    if (this.#isTaken) {
      const which = this.#making === null ? 'One' : `The snapshot ${this.#making.name}`;
      throw new SpanledgerError(
        'SL_SNAPSHOT_BUSY',
        `${which} is being made, and one at a time is. It may be without the latest calls; ask again when it is there.`,
      );
    }
    this.#isTaken = true;
    try {
      this.#stopped.signal.throwIfAborted();
      await mkdir(folder, { recursive: true });
      await assertRoom(folder, await bytesOf(ledgerFile), minFreeBytes);
      const name = nextName(await namesIn(folder), nowMillis());
      this.#lastBegunMillis = millisOf(name);
      const making: MakingNow = { name, progress: NOT_BEGUN, done: Promise.resolve() };
      this.#making = making;
      making.done = this.#make(making).finally(() => {
        this.#making = null;
        this.#isTaken = false;
      });
      return name;
    } catch (error) {
      this.#isTaken = false;
      throw failureOf(error);
    }
  }

  /** Null: there is none of that name. */
  async stateOf(name: string): Promise<SnapshotState | null> {
    const { folder } = this.#options;
    if (this.#making?.name === name) return { state: 'making', name, progress: this.#making.progress };
    const error = this.#failures.get(name);
    if (error !== undefined) return { state: 'failed', name, error };
    if (!(await namesIn(folder)).includes(name)) return null;
    const manifest = await readManifest(join(folder, name));
    return manifest === null ? null : { state: 'published', path: join(folder, name), manifest };
  }

  /** What is being made, null when nothing is; and what is there, the newest first. */
  async list(): Promise<{ making: { name: string; progress: Progress } | null; published: Published[] }> {
    const { folder } = this.#options;
    const published: Published[] = [];
    for (const name of (await namesIn(folder)).reverse()) {
      const path = join(folder, name);
      const manifest = await readManifest(path);
      if (manifest !== null) published.push({ path, manifest });
    }
    const making = this.#making;
    return { making: making === null ? null : { name: making.name, progress: making.progress }, published };
  }

  /** Does not throw: nobody may be waiting. */
  async #make(making: MakingNow): Promise<void> {
    const { ledger, folder, keep, parquet, version, minFreeBytes, nowMillis } = this.#options;
    const { timeoutMs = TIMEOUT_MS, onPublished, onFailed } = this.#options;
    const { name } = making;
    const short = new AbortController();
    const stopWatching = watchRoom(folder, minFreeBytes, (why) => short.abort(why));
    // A timer of its own, which ends with the snapshot: it is hours long.
    const overdue = setTimeout(
      () => short.abort(new Error(`it met its timeout of ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    overdue.unref();
    const begun = performance.now();
    try {
      const manifest = await makeSnapshot({
        ledger,
        folder,
        name,
        version,
        parquet,
        before: await this.#newest(),
        nowMillis,
        signal: AbortSignal.any([this.#stopped.signal, short.signal]),
        onProgress: (progress) => {
          making.progress = progress;
        },
      });
      onPublished(manifest, performance.now() - begun);
      // What cannot be taken away now is tried again after the next one.
      await prune(folder, keep).catch((error: unknown) => onFailed(null, error));
    } catch (error) {
      this.#remember(name, failureOf(error));
      onFailed(name, error);
    } finally {
      clearTimeout(overdue);
      stopWatching();
    }
  }

  async #newest(): Promise<Predecessor | null> {
    const { folder } = this.#options;
    const name = (await namesIn(folder)).at(-1);
    if (name === undefined) return null;
    const path = join(folder, name);
    const manifest = await readManifest(path);
    return manifest === null ? null : { path, manifest };
  }

  #remember(name: string, error: SpanledgerError): void {
    this.#failures.set(name, error);
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_FAILURES) break;
      this.#failures.delete(oldest);
    }
  }
}

function failureOf(error: unknown): SpanledgerError {
  if (error instanceof SpanledgerError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new SpanledgerError('SL_SNAPSHOT_FAILED', `The snapshot could not be made: ${reason}`, {
    cause: error,
  });
}

/** Of the ledger file and its write-ahead log: more than the copy takes, which is without spans. */
async function bytesOf(ledgerFile: string): Promise<number> {
  const sizes = await Promise.all(
    [ledgerFile, `${ledgerFile}.wal`].map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
