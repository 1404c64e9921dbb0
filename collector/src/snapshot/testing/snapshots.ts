import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import type { DuckDbStore } from '../../store/store.ts';
import { aLedgerPath, aStore, NOON } from '../../store/testing/stores.ts';
import { type Published, Snapshots, type SnapshotsOptions } from '../snapshots.ts';

export interface LedgerWithSnapshots {
  readonly store: DuckDbStore;
  readonly folder: string;
  readonly snapshots: Snapshots;
  /** What was told of those that failed. */
  readonly failures: unknown[];
  /** Makes one, to its end. */
  make(): Promise<Published>;
  /** Another owner of the same folder, as after a restart. */
  again(options?: Partial<SnapshotsOptions>): Snapshots;
}

export async function aLedgerWithSnapshots(
  options: Partial<SnapshotsOptions> = {},
): Promise<LedgerWithSnapshots> {
  const path = await aLedgerPath();
  const folder = join(dirname(path), 'snapshots');
  await mkdir(folder);
  const { store } = await aStore({ path, writableFolders: [folder] });
  const failures: unknown[] = [];
  const again = (more: Partial<SnapshotsOptions> = {}) => {
    const snapshots = new Snapshots({
      ledger: store.instance,
      ledgerFile: path,
      folder,
      keep: 3,
      parquet: true,
      everyMs: null,
      minFreeBytes: 0,
      version: '1.2.3',
      nowMillis: () => NOON,
      wait: () => Promise.reject(new Error('no schedule here')),
      onPublished: () => {},
      onFailed: (_name, error) => failures.push(error),
      ...options,
      ...more,
    });
    onTestFinished(() => snapshots.stop());
    return snapshots;
  };
  const snapshots = again();
  await snapshots.prepare();
  return {
    store,
    folder,
    snapshots,
    failures,
    again,
    async make() {
      const name = await snapshots.begin();
      await snapshots.idle();
      const state = await snapshots.stateOf(name);
      if (state?.state !== 'published')
        throw new Error(`${name} is ${state?.state}`, { cause: failures.at(-1) });
      return state;
    },
  };
}

type Row = Record<string, string | null>;

/** Rows as another DuckDB reads them; `?` in the statement stands for the quoted path. */
export async function readElsewhere(statement: string, path: string): Promise<Row[]> {
  const quoted = `'${path.replaceAll("'", "''")}'`;
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    let result = await connection.runAndReadAll('SELECT 1');
    for (const sql of statement.split(';'))
      result = await connection.runAndReadAll(sql.replaceAll('?', quoted));
    return result
      .getRowObjectsJson()
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
        ),
      );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
