import { access, readdir, readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';
import { bringViews } from './views.ts';

export interface StoreOptions {
  /** The DuckDB file. */
  readonly path: string;
  /** DuckDB's memory limit, for instance `1GB`; mostly cache, so more helps readers, not the writer. */
  readonly memoryLimit: string;
  readonly threads: number;
  /**
   * The write-ahead log is folded into the file past this size. DuckDB's default of 16 MB is less than one row group
   * of ours, so that the last row group would be rewritten over and over; 256 MB measured more than twice as fast.
   */
  readonly checkpointAtWal: string;
  /** Traces, and links between them, kept in memory at about 5.3 bytes each; beyond that the database is asked for old event times. */
  readonly maxIdentities: number;
  /** The folders that statements of ours may write files into; none without them. */
  readonly writableFolders?: readonly string[];
  /**
   * Told when rollups could not be brought up to date: what is read stays exact, and is slower until they are. Without
   * it, the process ends.
   */
  readonly onFoldFailed?: (error: unknown) => void;
}

export const STORE_DEFAULTS = {
  memoryLimit: '2GB',
  threads: 2,
  checkpointAtWal: '256MB',
  maxIdentities: 60_000_000,
} as const;

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/**
 * Opens the ledger file, creating it when `create` is set, and brings its schema up to date.
 *
 * The file must never be opened a second time by this process, not even to look: closing the second one drops the
 * lock of the first (POSIX locks belong to the process), and another process could then write the same file.
 *
 * @throws {SpanledgerError} SL_STORE_MISSING, SL_STORE_LOCKED, SL_STORE_NEWER_SCHEMA, SL_STORE_UNREADABLE
 */
export async function openDatabase(
  options: StoreOptions & { readonly create: boolean },
): Promise<DuckDBInstance> {
  if (!options.create && !(await exists(options.path))) {
    throw new SpanledgerError(
      'SL_STORE_MISSING',
      `The ledger file ${options.path} is missing, but its data directory has been used before. ` +
        'Restore the file from a backup, or start once with --new-ledger to begin an empty ledger ' +
        'that is filled from what the journal still holds.',
    );
  }
  const instance = await openFile(options);
  try {
    const connection = await instance.connect();
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
    await migrate(connection, options.path);
    await bringViews(connection);
    const { writableFolders = [] } = options;
    if (writableFolders.length > 0) {
      const folders = writableFolders.map((folder) => `'${folder.replaceAll("'", "''")}'`);
      await connection.run(`SET allowed_directories = [${folders.join(', ')}]`);
    }
    // From here on statements cannot reach other files, load extensions or change settings, whoever sends them.
    await connection.run(`SET enable_external_access = false`);
    await connection.run(`SET lock_configuration = true`);
    connection.closeSync();
    return instance;
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

async function openFile(options: StoreOptions): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(options.path, {
      max_temp_directory_size: `${await spillMegabytes(dirname(options.path))}MB`,
      threads: String(options.threads),
      memory_limit: options.memoryLimit,
      checkpoint_threshold: options.checkpointAtWal,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (/conflicting lock|could not set lock/i.test(reason)) {
      throw new SpanledgerError(
        'SL_STORE_LOCKED',
        `The ledger file ${options.path} is in use by another process. DuckDB lets one process at a time hold a file: ` +
          `end the other one, or query this service instead of the file. (${reason})`,
        { cause: error },
      );
    }
    if (/version number|newer version|storage version/i.test(reason)) {
      throw new SpanledgerError(
        'SL_STORE_NEWER_SCHEMA',
        `The ledger file ${options.path} was written by a DuckDB that this version cannot read; use the newer Spanledger. (${reason})`,
        { cause: error },
      );
    }
    throw new SpanledgerError(
      'SL_STORE_UNREADABLE',
      `The ledger file ${options.path} could not be opened. It was not changed. (${reason})`,
      { cause: error },
    );
  }
}

/**
 * What queries may write beside the file when memory is short. Without a bound it is nine tenths of the disk, and then
 * the journal has no space for spans that come in: a quarter of what is free now, and no more than anybody waits for.
 */
async function spillMegabytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.floor(Math.min(MAX_SPILL_BYTES, (bavail * bsize) / 4) / 1e6);
}

const MAX_SPILL_BYTES = 8e9;

/** Applies the numbered migrations that the file does not have yet, each in a transaction of its own. */
async function migrate(connection: DuckDBConnection, path: string): Promise<void> {
  const known = (await readdir(MIGRATIONS)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
  const applied = await schemaVersion(connection, path);
  if (applied > known.length) {
    throw new SpanledgerError(
      'SL_STORE_NEWER_SCHEMA',
      `The ledger file ${path} has schema ${applied}, this version knows up to ${known.length}. ` +
        'Start the newer Spanledger that wrote it; nothing was changed.',
    );
  }
  for (const [index, name] of known.entries()) {
    const version = index + 1;
    if (version <= applied) continue;
    const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
    await connection.run('BEGIN TRANSACTION');
    await connection.run(
      'CREATE TABLE IF NOT EXISTS main.schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)',
    );
    await connection.run(sql);
    await connection.run('INSERT INTO main.schema_migration VALUES ($1, $2)', [version, name]);
    await connection.run('COMMIT');
  }
}

async function schemaVersion(connection: DuckDBConnection, path: string): Promise<number> {
  const tables = await connection.runAndReadAll(
    `SELECT schema_name || '.' || table_name FROM duckdb_tables()
     UNION ALL SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1`,
  );
  const names = tables.getRows().map(([name]) => String(name));
  if (names.length === 0) return 0;
  if (!names.includes('main.schema_migration')) {
    throw new SpanledgerError(
      'SL_STORE_UNREADABLE',
      `The file ${path} is a DuckDB database but not a ledger (it holds ${names.slice(0, 3).join(', ')}). It was not changed.`,
    );
  }
  const version = await connection.runAndReadAll('SELECT max(version) FROM main.schema_migration');
  return Number(version.getRows()[0]?.[0] ?? 0);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
