import { expect, it } from 'vitest';
import { aDataDirectory, allProcessesEnded, randomInstant, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { aBatch, randomFrom, type SentSpan, sendBatch, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

type Victim = 'ledger process' | 'main process' | 'both';
const ROUNDS = 5;
/** Ledger processes that are killed one after the other are started later and later; four kills keep that short. */
const KILLS_OF_A_ROUND: readonly Victim[] = ['ledger process', 'main process', 'ledger process', 'both'];

it('20 times kill -9 under load loses nothing acknowledged and counts nothing twice', {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env.SPANLEDGER_FAULT_SEED ?? Date.now() % 1_000_000);
  const random = randomFrom(seed);
  const context = `(again with SPANLEDGER_FAULT_SEED=${seed})`;
  const dataDir = await aDataDirectory();
  let service = await startServiceProcess({ dataDir });
  const senders = startSenders({ url: () => service.otlpUrl, random, givenUpShare: 0.02 });
  const kills: Record<Victim, number> = { 'ledger process': 0, 'main process': 0, both: 0 };

  for (let round = 0; round < ROUNDS; round++) {
    for (const victim of shuffled(KILLS_OF_A_ROUND, random)) {
      const before = senders.acknowledgedBatches();
      await until(`senders are acknowledged again before killing: ${victim} ${context}`, 20_000, () => {
        return senders.acknowledgedBatches() > before + 5;
      });
      await randomInstant(random, 300);
      await kill(victim, service);
      kills[victim]++;
      if (victim !== 'ledger process') service = await startServiceProcess({ dataDir });
    }
  }
  await senders.finish();
  expect(kills).toEqual({ 'ledger process': 10, 'main process': 5, both: 5 });
  expect(senders.sentAgain(), 'some bodies were sent again').toBeGreaterThan(0);

  await until(`the ledger process is there to drain ${context}`, 30_000, () => isAnswering(service));
  expect(await service.stop(), context).toBe(0);
  await allProcessesEnded(dataDir, 5000);
  await expectExactlyOnce(dataDir, senders.acknowledged, senders.givenUp, context);
});

it('while the ledger process is dead, spans are accepted; it is started again and has them', async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({ dataDir });
  const acknowledged = new Map<string, SentSpan>();
  const random = randomFrom(1);
  const first = await service.ledgerPid();

  await kill('ledger process', service);
  for (let sent = 0; sent < 5; sent++) {
    const batch = aBatch(random);
    expect((await sendBatch(service.otlpUrl, batch)).status).toBe(200);
    for (const span of batch.spans) acknowledged.set(span.usageId, span);
  }
  expect(await isAnswering(service), 'the API is still gone after these acknowledgements').toBe(false);

  await until('the ledger has every span', 20_000, async () => {
    const [row] = await service.query('SELECT count(*) AS spans FROM usage');
    return Number(row?.spans) === acknowledged.size;
  });
  expect(await service.ledgerPid()).not.toBe(first);
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

async function kill(victim: Victim, service: RunningService): Promise<void> {
  const ledgerPid = await service.ledgerPid();
  // The ledger process may be dead already, between two starts.
  if (victim !== 'main process' && ledgerPid > 0) signalIfThere(ledgerPid, 'SIGKILL');
  if (victim !== 'ledger process') await service.kill();
}

async function isAnswering({ apiUrl }: RunningService): Promise<boolean> {
  return fetch(new URL('/healthz', apiUrl)).then(
    (response) => response.ok,
    () => false,
  );
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
