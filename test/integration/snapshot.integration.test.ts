import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { aDataDirectory } from '../data-directory.ts';
import { duckdb, duckdbVersion } from '../duckdb-cli.ts';
import { spanledger } from '../program.ts';
import { randomFrom, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const CONFIGURATION = `
credits:
  default: {fixed: {credits: "1.5"}}
attribution:
  defaults: {customer: cus_acme}
traces: {grace_ms: 0}
`;

interface Snapshot {
  readonly name: string;
  readonly path: string;
  readonly journal: { readonly segment: string; readonly offset: string };
  readonly parquet: { readonly rows: { readonly usage: string; readonly credit_ledger: string } };
}

async function snapshotOf(service: RunningService): Promise<Snapshot> {
  const { exitCode, stdout, stderr } = await spanledger(['snapshot', '--json', '--url', service.apiUrl]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout) as Snapshot;
}

/** One row, read by another process than the service: this one. */
async function readElsewhere(path: string, sql: string): Promise<Record<string, string | null>> {
  const instance = await DuckDBInstance.create(join(path, 'spanledger.duckdb'), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const [row] = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    return Object.fromEntries(
      Object.entries(row ?? {}).map(([name, value]) => [name, value?.toString() ?? null]),
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const TOTALS = `SELECT count(*)::VARCHAR AS calls, sum(input_tokens)::VARCHAR AS input, sum(output_tokens)::VARCHAR AS output,
  sum(cost_usd)::VARCHAR AS cost, sum(credits)::VARCHAR AS credits FROM public.usage`;

/** What holds between the tables of one commit, and between those of two does not. */
const OF_ONE_COMMIT = `SELECT
  (SELECT count(*) FROM public.usage)::VARCHAR AS calls,
  (SELECT sum(usage_records) FROM public.ingest_health)::VARCHAR AS calls_counted,
  (SELECT sum(credits) FROM public.usage)::VARCHAR AS charged,
  (SELECT sum(credits) FROM public.credit_ledger WHERE account = 'used')::VARCHAR AS booked,
  (SELECT count(*) FROM (SELECT sum(credits) AS credits FROM public.credit_ledger GROUP BY transfer_id) WHERE credits <> 0)::VARCHAR AS unbalanced`;

it('snapshots are each of one commit while spans keep coming, and in the end equal the ledger', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, CONFIGURATION);
  const service = await startServiceProcess({ dataDir, configFile });
  const senders = startSenders({
    url: () => service.otlpUrl,
    random: randomFrom(6),
    senders: 2,
    pauseMs: 100,
  });
  const seen: number[] = [];
  for (const round of [1, 2]) {
    const before = senders.acknowledgedBatches();
    await until(
      `spans keep coming before snapshot ${round}`,
      60_000,
      () => senders.acknowledgedBatches() > before + 10,
    );
    await until(`more of them is posted than in the snapshot before ${round}`, 60_000, async () => {
      return Number((await service.query(TOTALS))[0]?.calls) > (seen.at(-1) ?? 0);
    });
    const { path, parquet } = await snapshotOf(service);
    const {
      calls,
      calls_counted: counted,
      charged,
      booked,
      unbalanced,
    } = await readElsewhere(path, OF_ONE_COMMIT);
    expect({ calls, charged, unbalanced }).toEqual({ calls: counted, charged: booked, unbalanced: '0' });
    expect(parquet.rows.usage).toBe(calls);
    seen.push(Number(calls));
  }
  await senders.finish();
  const sent = senders.acknowledged.size;
  await until('all is posted', 60_000, async () => (await service.query(TOTALS))[0]?.calls === String(sent));
  expect(seen[0], 'the first was made of a part').toBeGreaterThan(0);
  expect(seen[1]).toBeGreaterThan(seen[0] ?? 0);
  expect(sent).toBeGreaterThan(seen[1] ?? 0);

  // Time alone may still change what bills whom: a snapshot between two equal answers is of that state.
  let [totals, last] = [(await service.query(TOTALS))[0] ?? {}, await snapshotOf(service)];
  for (;;) {
    const now = (await service.query(TOTALS))[0] ?? {};
    if (JSON.stringify(now) === JSON.stringify(totals)) break;
    [totals, last] = [now, await snapshotOf(service)];
  }
  expect(await readElsewhere(last.path, TOTALS)).toEqual(totals);
  const parquet = `read_parquet('${last.path}/parquet/usage/*/*.parquet')`;
  expect(await readElsewhere(last.path, TOTALS.replace('public.usage', parquet))).toEqual(totals);

  await expectReadByTheCommandLineClient(last.path, totals);

  // Readers of the ledger cannot reach copies, nor the copy that is being made.
  const read = service.query(`SELECT * FROM read_parquet('${last.path}/parquet/usage/*/*.parquet')`);
  await expect(read).rejects.toThrow();
  await expect(service.query('SELECT * FROM snapshot_copy.ledger.usage_record')).rejects.toThrow();
  expect(await service.stop()).toBe(0);
});

async function expectReadByTheCommandLineClient(
  path: string,
  totals: Record<string, string | null>,
): Promise<void> {
  if (duckdbVersion() === null) return;
  const file = join(path, 'spanledger.duckdb');
  expect(await duckdb(TOTALS.replace('public.usage', 'usage'), ['-readonly', file])).toEqual([totals]);
  expect(
    await duckdb(`ATTACH '${file}' AS l (READ_ONLY); ${TOTALS.replace('public.usage', 'l.public.usage')}`),
  ).toEqual([totals]);
  expect(await duckdb(TOTALS.replace('public.usage', `'${path}/parquet/usage/*/*.parquet'`))).toEqual([
    totals,
  ]);
}

it('a schedule makes the first snapshot by itself, in the folder of the configuration', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, 'snapshots: {every_minutes: 60, parquet: false, folder: for-others}\n');
  const service = await startServiceProcess({ dataDir, configFile });
  await until('a snapshot is there', 30_000, () =>
    existsSync(join(dataDir, 'for-others', 'latest', 'spanledger.duckdb')),
  );
  const answer = (await (await fetch(new URL('/api/snapshots', service.apiUrl))).json()) as {
    snapshots: Snapshot[];
  };
  const [name] = (await readdir(join(dataDir, 'for-others'))).sort();
  expect(answer).toMatchObject({ folder: join(dataDir, 'for-others'), snapshots: [{ name, parquet: null }] });
  expect(await service.stop()).toBe(0);
});

it('where no service runs, or the disk is short, the command says so and fails', async () => {
  const nobody = await spanledger(['snapshot', '--url', 'http://127.0.0.1:1']);
  expect(nobody).toMatchObject({ exitCode: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/^SL_SERVICE_UNREACHABLE: No service answers at .*npm start/);

  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, 'journal: {min_free_bytes: 900000000000000}\n');
  const service = await startServiceProcess({ dataDir, configFile });
  const short = await spanledger(['snapshot', '--url', service.apiUrl]);
  expect(short).toMatchObject({ exitCode: 1, stdout: '' });
  expect(short.stderr).toMatch(/^SL_SNAPSHOT_SPACE: .*must stay free for the ledger/);
  expect(await service.stop()).toBe(0);
});
