import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { aDataDirectory, allProcessesEnded, randomInstant, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { randomFrom, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;

it('kill -9 while a snapshot is made loses nothing, leaves nothing half-made, and the next one is whole', async () => {
  const seed = Number(process.env.SPANLEDGER_FAULT_SEED ?? Date.now() % 1_000_000);
  const random = randomFrom(seed);
  const context = `(again with SPANLEDGER_FAULT_SEED=${seed})`;
  const dataDir = await aDataDirectory();
  const folder = join(dataDir, 'snapshots');
  let service = await startServiceProcess({ dataDir });
  const senders = startSenders({ url: () => service.otlpUrl, random, senders: 2, pauseMs: 50 });
  let killedInTheMiddle = 0;

  for (const victim of ['ledger process', 'both', 'ledger process', 'main process', 'ledger process']) {
    const before = senders.acknowledgedBatches();
    await until(`there is load ${context}`, 30_000, () => senders.acknowledgedBatches() > before + 3);
    const name = await begin(service, context);
    await randomInstant(random, 400);
    if (victim !== 'main process') signalIfThere(await service.ledgerPid(), 'SIGKILL');
    if (victim !== 'ledger process') {
      await service.kill();
      await allProcessesEnded(dataDir, 10_000);
    }
    if ((await readdir(folder)).includes(`.making-${name}`)) killedInTheMiddle++;
    if (victim !== 'ledger process') service = await startServiceProcess({ dataDir });
    await until(`the folder is swept ${context}`, 30_000, async () => {
      const list = await fetch(new URL('/api/snapshots', service.apiUrl));
      return list.ok && (await readdir(folder)).every((entry) => NAME.test(entry) || entry === 'latest');
    });
  }
  expect(killedInTheMiddle, `some were killed before they were there ${context}`).toBeGreaterThan(0);

  await senders.finish();
  const last = await begin(service, context);
  await until(
    `the last one is there ${context}`,
    30_000,
    async () => (await stateOf(service, last)) === 'published',
  );
  const published = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
  expect(published.at(-1)).toBe(last);
  for (const name of published) {
    const instance = await DuckDBInstance.create(join(folder, name, 'spanledger.duckdb'), {
      access_mode: 'READ_ONLY',
    });
    const connection = await instance.connect();
    const [row] = (
      await connection.runAndReadAll(
        `SELECT count(*)::INTEGER AS calls, (SELECT sum(usage_records) FROM ingest_health)::INTEGER AS counted FROM usage`,
      )
    ).getRowObjects();
    expect(row?.calls, `${name} ${context}`).toBe(row?.counted);
    connection.closeSync();
    instance.closeSync();
  }
  expect(await service.stop(), context).toBe(0);
  await allProcessesEnded(dataDir, 5000);
  await expectExactlyOnce(dataDir, senders.acknowledged, senders.givenUp, context);
});

/** Asked until it is begun: the ledger process may be starting. */
async function begin(service: RunningService, context: string): Promise<string> {
  let name = '';
  await until(`a snapshot is begun ${context}`, 30_000, async () => {
    const answer = await fetch(new URL('/api/snapshots', service.apiUrl), { method: 'POST' });
    if (answer.status !== 202) return false;
    ({ name } = (await answer.json()) as { name: string });
    return true;
  });
  return name;
}

async function stateOf(service: RunningService, name: string): Promise<string> {
  const answer = await fetch(new URL(`/api/snapshots/${name}`, service.apiUrl));
  return ((await answer.json()) as { state: string }).state;
}
