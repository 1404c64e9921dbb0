import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aDataDirectory, allProcessesEnded, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { aBatch, randomFrom, type SentSpan, sendBatch, startSenders } from '../senders.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** Two thousand texts of ten megabytes in one step, where neither the memory limit nor the interrupt holds. */
const RUNAWAY = `SELECT max(length(t.s || range::VARCHAR))
  FROM (SELECT string_agg('${'x'.repeat(100)}', '') AS s FROM range(100000)) t, range(100000)`;

it('while the ledger process is dead, spans are accepted and a check is answered by what the customer had; then by what the ledger has', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(
    configFile,
    'plans: { pro: { fee_usd: 20, allowance: 100, overage: { policy: block } } }\n',
  );
  const service = await startServiceProcess({ dataDir, configFile });
  const post = async (path: string, content: object) => {
    const response = await fetch(new URL(`/api/customers${path}`, service.apiUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(content),
    });
    return { status: response.status, body: await response.json() };
  };
  const check = () => post('/cus_acme/check', { credits: '60' });
  await post('', { id: 'cus_acme' });
  await post('/cus_acme/subscription', { plan: 'pro' });
  const before = await check();
  expect(before).toMatchObject({ status: 200, body: { answer: 'allow', available: '100' } });
  const acknowledged = new Map<string, SentSpan>();
  const random = randomFrom(1);
  const first = await service.ledgerPid();

  signalIfThere(first, 'SIGKILL');
  expect(await check()).toEqual(before);
  for (let sent = 0; sent < 5; sent++) {
    const batch = aBatch(random);
    expect((await sendBatch(service.otlpUrl, batch)).status).toBe(200);
    for (const span of batch.spans) acknowledged.set(span.usageId, span);
  }
  const api = await fetch(new URL('/api/customers', service.apiUrl));
  expect(api.status, 'the ledger is still gone after these answers').toBe(503);
  expect(await api.json()).toMatchObject({ error: { code: 'SL_LEDGER_UNAVAILABLE' } });
  expect((await fetch(new URL('/healthz', service.apiUrl))).status, 'the service itself is well').toBe(200);

  await until('a hold is taken by the next ledger process', 20_000, async () => {
    const { status } = await post('/cus_acme/holds', { id: 'h', credits: '50' });
    return status === 201;
  });
  expect(await check()).toMatchObject({ status: 200, body: { answer: 'deny', available: '50', held: '50' } });
  await until('the ledger has every span', 20_000, async () => {
    const [row] = await service.query('SELECT count(*) AS spans FROM usage');
    return Number(row?.spans) === acknowledged.size;
  });
  expect(await service.ledgerPid()).not.toBe(first);
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, acknowledged);
});

it('when the thread of the API fails, it is started again on the same port; spans are accepted meanwhile', async () => {
  const dataDir = await aDataDirectory();
  // The first thread of the main process fails a moment after it listens.
  const failing = `
    import { isMainThread, threadId } from 'node:worker_threads';
    if (!isMainThread && threadId === 1) setInterval(() => {
      if (process.getActiveResourcesInfo().includes('TCPServerWrap')) throw new Error('a surprise');
    }, 200);`;
  const service = await startServiceProcess({
    dataDir,
    environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(failing)}` },
  });
  await until('it has failed', 10_000, async () => /a surprise/.test(service.log()));
  expect((await sendBatch(service.otlpUrl, aBatch(randomFrom(3)))).status).toBe(200);
  await until('the API answers again', 10_000, async () => {
    const [row] = await service.query('SELECT count(*) AS spans FROM usage');
    return Number(row?.spans) > 0;
  });
  expect(await service.stop()).toBe(0);
});

it('while the ledger process is being started again, a stop still posts everything before it ends', async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({ dataDir });
  const acknowledged = new Map<string, SentSpan>();
  const random = randomFrom(11);
  let pid = 0;
  // Several times, so that the next start is put off for longer than a batch takes.
  for (let kills = 0; kills < 3; kills++) {
    const last = pid;
    await until('there is another ledger process', 20_000, async () => {
      pid = await service.ledgerPid();
      return pid > 0 && pid !== last;
    });
    signalIfThere(pid, 'SIGKILL');
    const batch = aBatch(random);
    expect((await sendBatch(service.otlpUrl, batch)).status).toBe(200);
    for (const span of batch.spans) acknowledged.set(span.usageId, span);
  }
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, acknowledged);
});

it('when the main process is killed, the ledger process ends by itself', async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({ dataDir });
  const senders = startSenders({ url: () => service.otlpUrl, random: randomFrom(2) });
  await until('there is load', 10_000, () => senders.acknowledgedBatches() > 20);

  await service.kill();

  await allProcessesEnded(dataDir, 5000);
  await senders.giveUp();
});

it('a query that eats memory ends the ledger process, not the service: senders notice nothing', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, `store:\n  max_rss_bytes: ${700 * 1024 * 1024}\n`);
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
