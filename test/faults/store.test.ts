import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { aDataDirectory, processesOf, removeDataDirectory } from '../data-directory.ts';
import { contentsOf, expectExactlyOnce, LEDGER_FILE } from '../ledger-file.ts';
import { aBatch, randomFrom, type SentSpan, sendBatch } from '../senders.ts';
import { spawnService, startServiceProcess } from '../service.ts';

let used = '';
let sent = new Map<string, SentSpan>();

beforeAll(async () => {
  used = await mkdtemp(join(tmpdir(), 'spanledger-used-'));
  const service = await startServiceProcess({ dataDir: used });
  const batch = aBatch(randomFrom(4));
  expect((await sendBatch(service.otlpUrl, batch)).status).toBe(200);
  expect(await service.stop()).toBe(0);
  sent = new Map(batch.spans.map((span) => [span.usageId, span]));
});

afterAll(() => removeDataDirectory(used));

/** A copy of a data directory that was used; `sent` is what is in it. */
async function aUsedDataDirectory(): Promise<string> {
  const dataDir = await aDataDirectory();
  await cp(used, dataDir, { recursive: true });
  return dataDir;
}

/** Starts the service, which must refuse: what it says, and that it left nothing running and changed nothing. */
async function refusedStart(dataDir: string): Promise<string> {
  const before = await contentsOf(dataDir);
  const service = spawnService({ dataDir });
  let complaints = '';
  service.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  // A service that starts all the same would run for ever.
  service.stdout?.on('data', () => service.kill('SIGKILL'));
  const [exitCode] = await once(service, 'close');
  expect(exitCode, complaints).toBe(1);
  expect(await processesOf(dataDir)).toEqual([]);
  expect(await contentsOf(dataDir), 'nothing was created or changed').toEqual(before);
  return complaints;
}

it('a missing ledger file is not replaced by an empty one; --new-ledger fills one from the journal', async () => {
  const dataDir = await aUsedDataDirectory();
  await rm(join(dataDir, LEDGER_FILE));

  const complaint = await refusedStart(dataDir);
  expect(complaint).toMatch(/^SL_STORE_MISSING: .*--new-ledger/m);
  expect(complaint, 'said in a sentence, not with a stack').not.toMatch(/^\s+at /m);

  const service = await startServiceProcess({ dataDir, args: ['--new-ledger'] });
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, sent);
});

it('--new-ledger does not empty a ledger that is there', async () => {
  const dataDir = await aUsedDataDirectory();
  const service = await startServiceProcess({ dataDir, args: ['--new-ledger'] });
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, sent);
});

it('a ledger file that another process holds is left alone', async () => {
  const dataDir = await aUsedDataDirectory();
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { DuckDBInstance } from '@duckdb/node-api';
       globalThis.held = await DuckDBInstance.create(process.argv[1]);
       process.stdout.write('held');
       setInterval(() => {}, 1000);`,
      join(dataDir, LEDGER_FILE),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => {
    holder.kill('SIGKILL');
  });
  await once(holder.stdout, 'data');

  expect(await refusedStart(dataDir)).toMatch(/^SL_STORE_LOCKED: .*another process/m);

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const service = await startServiceProcess({ dataDir });
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, sent);
});

it('a ledger file of a newer version is left alone', async () => {
  const dataDir = await aUsedDataDirectory();
  await runOnFile(
    join(dataDir, LEDGER_FILE),
    "INSERT INTO main.schema_migration SELECT max(version) + 1, 'of_the_future' FROM main.schema_migration",
  );
  expect(await refusedStart(dataDir)).toMatch(/^SL_STORE_NEWER_SCHEMA: .*nothing was changed/m);
});

it('a file that is no DuckDB database is left alone', async () => {
  const dataDir = await aUsedDataDirectory();
  await writeFile(join(dataDir, LEDGER_FILE), 'Dear diary, today I counted tokens.\n'.repeat(1000));
  expect(await refusedStart(dataDir)).toMatch(/^SL_STORE_UNREADABLE: .*not changed/m);
});

it('a DuckDB database of something else is left alone', async () => {
  const dataDir = await aUsedDataDirectory();
  const other = join(dataDir, 'other.duckdb');
  await runOnFile(other, 'CREATE TABLE invoices AS SELECT 1 AS id');
  await rename(other, join(dataDir, LEDGER_FILE));
  expect(await refusedStart(dataDir)).toMatch(/^SL_STORE_UNREADABLE: .*main\.invoices.*not changed/m);
});

async function runOnFile(path: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}
