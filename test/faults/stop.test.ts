import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { aDataDirectory, allProcessesEnded, processesOf, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce, walBytes } from '../ledger-file.ts';
import { aBatch, randomFrom, sendBatch, startSenders } from '../senders.ts';
import { spawnService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  it(`${signal} under load: every acknowledged span is in the file, and the file is complete by itself`, async () => {
    const dataDir = await aDataDirectory();
    const service = spawnService({ dataDir });
    const { otlpUrl } = await saysWhereItIs(service);
    const senders = startSenders({ url: () => otlpUrl, random: randomFrom(7), senders: 6, pauseMs: 0 });
    await until('there is load', 20_000, () => senders.acknowledgedBatches() > 50);

    service.kill(signal);
    const [exitCode] = await once(service, 'exit');
    await senders.giveUp();

    expect(exitCode).toBe(0);
    expect(senders.givenUp.size, 'the stop came while requests were sent').toBeGreaterThan(0);
    expect(await walBytes(dataDir), 'the write-ahead log is folded in').toBe(0);
    expect(await processesOf(dataDir)).toEqual([]);
    await expectExactlyOnce(dataDir, senders.acknowledged, senders.givenUp);

    // Both signals leave the same file, so one of them shows that a service goes on with it.
    if (signal === 'SIGINT') return;
    const again = await startServiceProcess({ dataDir });
    const [row] = await again.query('SELECT count(*) AS spans FROM usage');
    expect(Number(row?.spans)).toBeGreaterThanOrEqual(senders.acknowledged.size);
    expect(await again.stop()).toBe(0);
    await expectExactlyOnce(dataDir, senders.acknowledged, senders.givenUp);
  });
}

it('a signal during the start is not lost: the service starts, stops and exits with 0', async () => {
  const dataDir = await aDataDirectory();
  const service = spawnService({ dataDir });
  await until(
    'the ledger process is starting',
    20_000,
    async () => (await processesOf(dataDir)).length === 2,
  );
  service.kill('SIGTERM');
  const [exitCode] = await once(service, 'exit');
  expect(exitCode).toBe(0);
  expect(await processesOf(dataDir)).toEqual([]);
});

it('a second SIGTERM ends at once, and what was acknowledged is posted at the next start', async () => {
  const dataDir = await aDataDirectory();
  const service = spawnService({ dataDir });
  const { otlpUrl } = await saysWhereItIs(service);
  const ledgerPid = (await processesOf(dataDir)).find((pid) => pid !== service.pid) ?? 0;
  // A ledger process that hangs, so that a clean stop would take long.
  signalIfThere(ledgerPid, 'SIGSTOP');
  const batch = aBatch(randomFrom(8));
  expect((await sendBatch(otlpUrl, batch)).status).toBe(200);

  service.kill('SIGTERM');
  await until('nothing more is accepted', 10_000, async () => {
    return sendBatch(otlpUrl, batch).then(
      () => false,
      () => true,
    );
  });
  expect(service.exitCode, 'it waits for the ledger').toBe(null);
  const exit = once(service, 'exit');
  const askedAt = performance.now();
  service.kill('SIGTERM');
  const [exitCode] = await exit;
  expect(exitCode).toBe(1);
  expect(performance.now() - askedAt).toBeLessThan(2000);

  signalIfThere(ledgerPid, 'SIGCONT');
  await allProcessesEnded(dataDir, 5000);
  const again = await startServiceProcess({ dataDir });
  expect(await again.stop()).toBe(0);
  await expectExactlyOnce(dataDir, new Map(batch.spans.map((span) => [span.usageId, span])));
});

it('a second service on the same data directory refuses to start and does not disturb the first', async () => {
  const dataDir = await aDataDirectory();
  const first = await startServiceProcess({ dataDir });
  const senders = startSenders({ url: () => first.otlpUrl, random: randomFrom(9) });
  await until('there is load', 20_000, () => senders.acknowledgedBatches() > 10);

  const { exitCode, complaints } = await refusal(spawnService({ dataDir }));
  expect(exitCode).toBe(1);
  expect(complaints).toMatch(/^SL_STORE_LOCKED: /m);

  const before = senders.acknowledgedBatches();
  await until('the first goes on', 10_000, () => senders.acknowledgedBatches() > before + 10);
  await senders.finish();
  expect(senders.sentAgain(), 'no request failed meanwhile').toBe(0);
  expect(await first.stop()).toBe(0);
  await expectExactlyOnce(dataDir, senders.acknowledged);
});

for (const [name, variable] of [
  ['OTLP', 'SPANLEDGER_OTLP_HTTP_PORT'],
  ['API', 'SPANLEDGER_API_PORT'],
  ['SQL', 'SPANLEDGER_SQL_PORT'],
] as const) {
  it(`a taken ${name} port is said with its number, and leaves no process`, async () => {
    const dataDir = await aDataDirectory();
    const holder = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      holder.close();
    });
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const { exitCode, complaints } = await refusal(
      spawnService({ dataDir, environment: { [variable]: String(port) } }),
    );

    expect(exitCode).toBe(1);
    expect(complaints).toMatch(new RegExp(`^SL_PORT_IN_USE: Port ${port} .*listen\\.`, 'm'));
    expect(await processesOf(dataDir)).toEqual([]);
  });
}

type Service = ReturnType<typeof spawnService>;

async function refusal(service: Service): Promise<{ exitCode: unknown; complaints: string }> {
  let complaints = '';
  service.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  // A service that starts all the same would run for ever.
  service.stdout?.on('data', () => service.kill('SIGKILL'));
  const [exitCode] = await once(service, 'close');
  return { exitCode, complaints };
}

async function saysWhereItIs(service: Service): Promise<{ otlpUrl: string }> {
  let said = '';
  service.stdout?.on('data', (chunk) => {
    said += chunk;
  });
  await until('it is running', 20_000, () => /API +http:\S+/.test(said));
  return { otlpUrl: /OTLP +(http:\S+)/.exec(said)?.[1] ?? '' };
}
