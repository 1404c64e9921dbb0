import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'vitest';
import type { SentSpan } from './senders.ts';

export const LEDGER_FILE = 'spanledger.duckdb';

/** Rows of the ledger file of a service that has ended, as text. Opens the file by itself, as a backup's reader would. */
export async function readLedgerFile(dataDir: string, sql: string): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(join(dataDir, LEDGER_FILE), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const result = await connection.runAndReadAll(sql);
    return result
      .getRowObjects()
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

/**
 * The promise of the ledger: every acknowledged span is there exactly once with its tokens, nothing is there twice, and
 * nothing that was not sent. A span that was sent and never acknowledged may be there once.
 */
export async function expectExactlyOnce(
  dataDir: string,
  acknowledged: ReadonlyMap<string, SentSpan>,
  mayBeThere: ReadonlyMap<string, SentSpan> = new Map(),
  context = '',
): Promise<void> {
  const rows = await readLedgerFile(
    dataDir,
    'SELECT usage_id, input_tokens, output_tokens FROM public.usage',
  );
  const found = new Map(rows.map((row) => [row.usage_id ?? '', row]));
  expect(acknowledged.size, `something was acknowledged ${context}`).toBeGreaterThan(0);
  expect(rows.length - found.size, `spans that are there twice ${context}`).toBe(0);
  expect(
    [...acknowledged.keys()].filter((id) => !found.has(id)),
    `acknowledged and not there ${context}`,
  ).toEqual([]);
  expect(
    [...found.keys()].filter((id) => !acknowledged.has(id) && !mayBeThere.has(id)),
    `there and never sent ${context}`,
  ).toEqual([]);
  const expected = [...found.keys()].map((id) => acknowledged.get(id) ?? mayBeThere.get(id));
  expect(
    {
      inputTokens: sum(rows.map((row) => Number(row.input_tokens))),
      outputTokens: sum(rows.map((row) => Number(row.output_tokens))),
    },
    `tokens ${context}`,
  ).toEqual({
    inputTokens: sum(expected.map((span) => span?.inputTokens ?? Number.NaN)),
    outputTokens: sum(expected.map((span) => span?.outputTokens ?? Number.NaN)),
  });
}

/** Names, sizes and checksums of everything below a directory: equal before and after means that nothing was changed. */
export async function contentsOf(directory: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    contents[path.slice(directory.length + 1)] =
      `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  return contents;
}

/** Bytes of the write-ahead log beside the ledger file; 0 when there is none. */
export async function walBytes(dataDir: string): Promise<number> {
  return stat(join(dataDir, `${LEDGER_FILE}.wal`)).then(
    ({ size }) => size,
    () => 0,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
