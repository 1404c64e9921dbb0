import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aDataDirectory } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { randomFrom, startSenders } from '../senders.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** A gigabyte of text, and more while it is put together. */
const RUNAWAY = "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)";

it('a query that eats memory ends the ledger process, not the service: senders notice nothing', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, `store:\n  max_rss_bytes: ${450 * 1024 * 1024}\n`);
  const service = await startServiceProcess({ dataDir, configFile });
  const senders = startSenders({ url: () => service.otlpUrl, random: randomFrom(10) });
  await until('there is load', 20_000, () => senders.acknowledgedBatches() > 10);
  const restarts = async () => {
    const metrics = await (await fetch(new URL('/metrics', service.apiUrl))).text();
    return Number(/^spanledger_ledger_restarts (\d+)$/m.exec(metrics)?.[1]);
  };

  for (let runaways = 1; runaways <= 2; runaways++) {
    const ledgerPid = await service.ledgerPid();
    await expect(service.query(RUNAWAY), 'the connection ends with the process').rejects.toThrow();
    const before = senders.acknowledgedBatches();
    await until('spans are accepted', 5000, () => senders.acknowledgedBatches() > before);
    await until(`the ledger process was started again (${runaways})`, 20_000, async () => {
      return (await restarts()) === runaways && (await service.ledgerPid()) !== ledgerPid;
    });
  }

  await senders.finish();
  expect(senders.sentAgain(), 'no request was refused').toBe(0);
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, senders.acknowledged);
});
