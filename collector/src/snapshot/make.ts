import { chmod, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { withCopy, writeViews } from './copy-engine.ts';
import { copyTables } from './copy-tables.ts';
import { DATABASE_FILE, type Manifest, writeManifest } from './manifest.ts';
import { type Predecessor, writeParquet } from './parquet.ts';
import { beginFolder, publish } from './shelf.ts';

export type Phase = 'copying' | 'writing_parquet' | 'publishing';

export interface Progress {
  readonly phase: Phase;
  readonly doneRows: number;
  readonly totalRows: number;
}

export interface Making {
  readonly ledger: DuckDBInstance;
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly parquet: boolean;
  /** The snapshot before this one; null: there is none. */
  readonly before: Predecessor | null;
  readonly nowMillis: () => number;
  /** Ends it with its reason; nothing is left then. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Makes a snapshot, in order: a copy of the tables from one transaction of the ledger, then by an engine of the copy's
 * own the views over them and the Parquet files, then a manifest; and all at once it is there under its name.
 */
export async function makeSnapshot(making: Making): Promise<Manifest> {
  const { ledger, folder, name, version, parquet, before, nowMillis, signal, onProgress } = making;
  const place = await beginFolder(folder, name);
  try {
    const file = join(place, DATABASE_FILE);
    await copyTables({
      ledger,
      file,
      label: { name, version, nowMillis },
      signal,
      onProgress: (progress) => onProgress({ phase: 'copying', ...progress }),
    });
    await withCopy(file, 'READ_WRITE', writeViews);
    const manifest = await withCopy(file, 'READ_ONLY', async (connection) => ({
      ...(await labelOf(connection)),
      database: { file: DATABASE_FILE, bytes: String((await stat(file)).size) },
      parquet: parquet
        ? await writeParquet({
            connection,
            folder: place,
            before,
            signal,
            onProgress: (progress) => onProgress({ phase: 'writing_parquet', ...progress }),
          })
        : null,
    }));
    onProgress({ phase: 'publishing', doneRows: 0, totalRows: 0 });
    await rm(join(place, '.spilled'), { recursive: true, force: true });
    await writeManifest(place, manifest);
    await forbidWriting(place);
    signal.throwIfAborted();
    await publish(folder, name);
    return manifest;
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

async function labelOf(connection: DuckDBConnection): Promise<Omit<Manifest, 'database' | 'parquet'>> {
  const result = await connection.runAndReadAll(
    `SELECT name, strftime(taken_at, $1), journal_segment, journal_offset, command_number,
       strftime(last_commit_at, $1), schema_version, spanledger_version, duckdb_version
     FROM public.snapshot`,
    ['%Y-%m-%dT%H:%M:%S.%fZ'],
  );
  const [name, takenAt, segment, offset, command, lastCommitAt, schemaVersion, version, engine] =
    result.getRows()[0] ?? [];
  return {
    format: 1,
    name: String(name),
    taken_at: String(takenAt),
    journal: segment === null ? null : { segment: String(segment), offset: String(offset) },
    command_number: String(command),
    last_commit_at: lastCommitAt === null ? null : String(lastCommitAt),
    schema_version: String(schemaVersion),
    spanledger_version: String(version),
    duckdb_version: String(engine),
  };
}

/** A client that opened it to write would keep all others out, and could change days that snapshots share. */
async function forbidWriting(place: string): Promise<void> {
  for (const entry of await readdir(place, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    await chmod(path, mode & 0o444);
  }
}
