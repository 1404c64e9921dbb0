import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBInstance, Json } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import type { BatchCounts, LedgerStore } from '../../ledger/store.ts';
import { exists, STORE_DEFAULTS, type StoreOptions } from '../open.ts';
import { QueryRunner } from '../query.ts';
import { DuckDbStore } from '../store.ts';

/** A path for a ledger file in a folder that goes with the test. */
export async function aLedgerPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'spanledger.duckdb');
}

let emptyLedger: Promise<Uint8Array> | null = null;

/**
 * Puts an empty ledger file there, made once by the store itself: opening it costs half of what making it anew does,
 * and tests open some hundreds.
 */
export async function putEmptyLedger(path: string): Promise<void> {
  emptyLedger ??= makeEmptyLedger();
  await writeFile(path, await emptyLedger);
}

async function makeEmptyLedger(): Promise<Uint8Array> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-empty-'));
  try {
    const path = join(directory, 'spanledger.duckdb');
    const store = await DuckDbStore.open({ ...optionsFor(path), create: true });
    await store.close();
    return await readFile(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function optionsFor(path: string): StoreOptions {
  return { ...STORE_DEFAULTS, memoryLimit: '512MB', path };
}

export interface OpenStore {
  readonly store: DuckDbStore;
  readonly path: string;
  /** Once; the end of the test closes what is still open. */
  readonly close: () => Promise<void>;
}

export async function aStore(options: Partial<StoreOptions & { create: boolean }> = {}): Promise<OpenStore> {
  const path = options.path ?? (await aLedgerPath());
  if (options.path === undefined && options.create !== false) await putEmptyLedger(path);
  const store = await DuckDbStore.open({ ...optionsFor(path), create: true, ...options });
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await store.close();
  };
  onTestFinished(close);
  return { store, path, close };
}

/**
 * The file as a crash at this instant would leave it, at a new path: a second opening of the same file by one process
 * would break its lock.
 */
export async function afterCrash(path: string): Promise<string> {
  const copy = await aLedgerPath();
  await copyFile(path, copy);
  if (await exists(`${path}.wal`)) await copyFile(`${path}.wal`, `${copy}.wal`);
  return copy;
}

/** What a reader gets, one object for each row. */
export async function read(instance: DuckDBInstance, sql: string): Promise<Record<string, Json>[]> {
  const { columns, rows } = await new QueryRunner(instance).query(sql);
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])));
}

/** The only row. */
export async function readOne(instance: DuckDBInstance, sql: string): Promise<Record<string, Json>> {
  const [row, ...more] = await read(instance, sql);
  if (row === undefined || more.length > 0) throw new Error(`${sql} gave ${more.length} more rows than one`);
  return row;
}

/** 2026-11-22T12:00:00Z. */
export const NOON = Date.UTC(2026, 10, 22, 12);

/** Commits the open batch with the journal at `offset` of its first segment. */
export function commitAt(
  store: LedgerStore,
  offset: number,
  counts: Partial<BatchCounts> = {},
  nowMillis = NOON,
): Promise<void> {
  return store.commit({ segment: 1, offset }, { ...A_BATCH, ...counts }, nowMillis);
}

const A_BATCH: BatchCounts = {
  bodies: 1,
  spans: 1,
  notModelCalls: 0,
  posted: 1,
  corrected: 0,
  duplicates: 0,
  conflicts: 0,
};
