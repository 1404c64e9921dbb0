import { expect, it } from 'vitest';
import { aDataDirectory, allProcessesEnded, randomInstant, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { randomFrom, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

type Victim = 'ledger process' | 'main process' | 'both';
const ROUNDS = 4;
/** Ledger processes that are killed one after the other are started later and later; few in a row keep that short. */
const KILLS_OF_A_ROUND: readonly Victim[] = [
  'ledger process',
  'main process',
  'ledger process',
  'both',
  'ledger process',
];

it('20 times kill -9 under load loses nothing acknowledged and counts nothing twice', async () => {
  const seed = Number(process.env.SPANLEDGER_FAULT_SEED ?? Date.now() % 1_000_000);
  const random = randomFrom(seed);
  const context = `(again with SPANLEDGER_FAULT_SEED=${seed})`;
  const dataDir = await aDataDirectory();
  let service = await startServiceProcess({ dataDir });
  const senders = startSenders({
    url: () => service.otlpUrl,
    random,
    lostAnswerShare: 0.05,
    givenUpShare: 0.02,
  });
  // Just killed, a process may still be listed: whoever is to be killed next must be another one.
  let lastKilled = 0;
  const kills: Record<Victim, number> = { 'ledger process': 0, 'main process': 0, both: 0 };

  for (let round = 0; round < ROUNDS; round++) {
    for (const victim of shuffled(KILLS_OF_A_ROUND, random)) {
      const before = senders.acknowledgedBatches();
      await until(
        `there is load and a ledger process before killing: ${victim} ${context}`,
        20_000,
        async () => {
          const pid = await service.ledgerPid();
          return senders.acknowledgedBatches() > before + 5 && pid > 0 && pid !== lastKilled;
        },
      );
      await randomInstant(random, 300);
      lastKilled = await service.ledgerPid();
      await kill(victim, service, lastKilled);
      kills[victim]++;
      if (victim !== 'ledger process') service = await startServiceProcess({ dataDir });
    }
  }
  await senders.finish();
  expect(kills).toEqual({ 'ledger process': 12, 'main process': 4, both: 4 });
  expect(senders.sentAgain(), 'some bodies were sent again').toBeGreaterThan(0);

  await until(`the ledger process is there to drain ${context}`, 30_000, () => isAnswering(service));
  expect(await service.stop(), context).toBe(0);
  await allProcessesEnded(dataDir, 5000);
  await expectExactlyOnce(dataDir, senders.acknowledged, senders.givenUp, context);
});

async function kill(victim: Victim, service: RunningService, ledgerPid: number): Promise<void> {
  if (victim !== 'main process') signalIfThere(ledgerPid, 'SIGKILL');
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
