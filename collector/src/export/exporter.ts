import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';
import { exactColumns } from './exact-columns.ts';
import type { ExportFormat, ExportRequest } from './request.ts';
import { rowsOf } from './rows.ts';
import { sqlText } from './sql-text.ts';

export interface ExportLimits {
  /** Below the five minutes after which HTTP clients stop waiting for an answer to begin. */
  readonly timeoutMs: number;
  /** Files that are made or being fetched at once: each holds disk, and one that is made a thread. */
  readonly maxConcurrent: number;
  /** Free disk space below which an export ends: the ledger must still be able to write. */
  readonly minFreeBytes: number;
}

export const EXPORT_LIMITS: Omit<ExportLimits, 'minFreeBytes'> = { timeoutMs: 240_000, maxConcurrent: 2 };

/** A file that is in no folder any more: it is gone when it is closed, or when this process ends. */
export interface ExportedFile {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  readonly rows: number;
  /** Closes the file and makes room for the next export. */
  release(): Promise<void>;
}

/** How often the free space is looked at. A disk takes some hundred megabytes in that time. */
const WATCH_EVERY_MS = 250;

/**
 * Writes a part of the ledger into a file of its own folder and hands the file out. DuckDB writes it from one statement,
 * hence from one state of the ledger, without a row passing through this program.
 */
export class Exporter {
  private readonly instance: DuckDBInstance;
  private readonly folder: string;
  private readonly limits: ExportLimits;
  private underWay = 0;

  constructor(instance: DuckDBInstance, folder: string, limits: ExportLimits) {
    this.instance = instance;
    this.folder = folder;
    this.limits = limits;
  }

  /** Makes the folder, without what a process that was killed has left in it. */
  async prepare(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder, { recursive: true });
  }

  /** @throws {SpanledgerError} SL_EXPORT_BUSY, SL_EXPORT_LIMIT (time or disk), SL_EXPORT_FAILED */
  async export(request: ExportRequest): Promise<ExportedFile> {
    if (this.underWay >= this.limits.maxConcurrent) {
      throw new SpanledgerError(
        'SL_EXPORT_BUSY',
        `${this.underWay} exports are being made or fetched, the most at once is ${this.limits.maxConcurrent}; try again when one is done.`,
      );
    }
    this.underWay++;
    let isReleased = false;
    const release = () => {
      if (!isReleased) this.underWay--;
      isReleased = true;
    };
    const path = join(this.folder, `${randomUUID()}.${request.format}`);
    try {
      const rows = await this.copy(request, path);
      const file = await open(path);
      const { size } = await file.stat();
      await unlink(path);
      return {
        file,
        sizeBytes: size,
        rows,
        async release() {
          release();
          await file.close();
        },
      };
    } catch (error) {
      release();
      await rm(path, { force: true });
      throw error;
    }
  }

  private async copy(request: ExportRequest, path: string): Promise<number> {
    const connection = await this.instance.connect();
    const watch = this.watch(connection);
    try {
      await connection.run('BEGIN TRANSACTION READ ONLY');
      const { select, orderBy } = rowsOf(request);
      const columns = await exactColumns(connection, select);
      const result = await connection.runAndReadAll(
        `COPY (SELECT ${columns} FROM (${select}) ORDER BY ${orderBy}) TO ${sqlText(path)} (${OPTIONS[request.format]})`,
      );
      return Number(result.getRows()[0]?.[0] ?? 0);
    } catch (cause) {
      const { ended } = watch;
      if (ended !== null) throw new SpanledgerError('SL_EXPORT_LIMIT', ended, { cause });
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SpanledgerError('SL_EXPORT_FAILED', `The export could not be made: ${reason}`, { cause });
    } finally {
      clearInterval(watch.timer);
      connection.closeSync();
    }
  }

  /** Ends the statement when it takes too long or too much. */
  private watch(connection: DuckDBConnection): { ended: string | null; timer: NodeJS.Timeout } {
    const { timeoutMs, minFreeBytes } = this.limits;
    const endsAt = performance.now() + timeoutMs;
    const end = (why: string) => {
      watch.ended ??= `The export was ended: ${why} Export a shorter time.`;
      connection.interrupt();
    };
    const look = async () => {
      if (performance.now() > endsAt) end(`it took longer than ${timeoutMs / 1000} s.`);
      const { bavail, bsize } = await statfs(this.folder);
      if (bavail * bsize < minFreeBytes) end(`the disk has less than ${minFreeBytes} bytes left.`);
    };
    // A disk that cannot be asked is no reason to end: the statement itself will fail.
    const timer = setInterval(() => void look().catch(() => {}), WATCH_EVERY_MS);
    const watch: { ended: string | null; timer: NodeJS.Timeout } = { ended: null, timer };
    return watch;
  }
}

const OPTIONS: Readonly<Record<ExportFormat, string>> = {
  csv: "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'",
  parquet: 'FORMAT parquet, COMPRESSION zstd',
};
