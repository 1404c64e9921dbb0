import { expect, it } from 'vitest';
import type { EndReason } from '../../collector/src/supervisor.ts';
import { aDataDirectory } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { randomFrom, startSenders } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';
import { askHttp, askSql, connectAs, writeAttackedConfig } from './attackers.ts';

/** Ten megabytes, which is no trouble yet. */
const LONG = `(SELECT string_agg('${'x'.repeat(100)}', '') AS s FROM range(100000))`;

/** Two thousand such texts in one step of the engine, where neither its limit nor its interrupt holds. */
const MEMORY_BOMB = `SELECT max(length(t.s || range::VARCHAR)) FROM ${LONG} t, range(100000)`;

/** Compares for many minutes within one step, and does not hear the interrupt. */
const CPU_BOMB = `SELECT instr(t.s, t.s[:1000000] || 'y') FROM ${LONG} t`;

const TIMEOUT_MS = 1000;
const MIB = 2 ** 20;

it('who sends the worst bombs again and again is shut out; spans are acknowledged and posted meanwhile', {
  timeout: 120_000,
}, async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({
    dataDir,
    configFile: await writeAttackedConfig(dataDir, {
      timeoutMs: TIMEOUT_MS,
      store: { max_rss_bytes: 900 * MIB, memory_limit: '300MB' },
    }),
  });
  const senders = startSenders({
    url: () => service.otlpUrl,
    random: randomFrom(71),
    senders: 2,
    pauseMs: 100,
  });
  await until('something is posted', 20_000, async () => {
    const { rows } = await askHttp(service, 'SELECT count(*) FROM usage');
    return Number(rows[0]?.[0]) > 0;
  });

  // The first one is ended for its time, and nothing else does that.
  const first = await service.ledgerPid();
  expect((await askHttp(service, CPU_BOMB)).code, 'the connection ends with the process').toBe(
    'SL_LEDGER_UNAVAILABLE',
  );
  expect(await endsOf(service)).toEqual({ memory: 0, overdue: 1, killed: 0, exit: 0 });
  expect(await service.ledgerPid()).not.toBe(first);
  expect(service.log()).toContain('a statement does not end although it was interrupted');

  // Over both ports, at once, and again as soon as the ledger process is back.
  const attack = new AbortController();
  const overHttp = async () => {
    while (!attack.signal.aborted) await askHttp(service, MEMORY_BOMB).catch(() => {});
  };
  const overSql = async () => {
    while (!attack.signal.aborted) {
      const client = await connectAs(service, 'ann').catch(() => null);
      if (client === null) continue;
      await askSql(client, MEMORY_BOMB, 'extended');
      await client.end().catch(() => {});
    }
  };
  const attackers = [overHttp(), overSql(), overSql()];
  await until('readers are shut out', 60_000, async () => (await metric(service, 'reading_paused')) === 1);
  const ends = await endsOf(service);
  expect(ends.memory + ends.overdue).toBe(3);
  expect(service.log()).toMatch(/"reason":"memory"[^\n]*"residentBytes":\d{9,}/);

  // The attack goes on, and so does posting: what has come in by now is in the ledger soon.
  const pid = await service.ledgerPid();
  const acknowledged = senders.acknowledgedBatches();
  await until('more is acknowledged', 20_000, () => senders.acknowledgedBatches() > acknowledged + 5);
  await senders.finish();
  await until('all of it is posted', 30_000, async () => (await metric(service, 'journal_lag_bytes')) === 0);
  expect(await askHttp(service, 'SELECT 1')).toMatchObject({ code: 'SL_QUERY_PAUSED' });
  const client = await connectAs(service, 'boss');
  expect(await askSql(client, 'SELECT 1', 'simple')).toMatchObject({ code: '57P03' });
  await client.end();
  expect((await fetch(new URL('/api/customers', service.apiUrl))).status, 'the rest of the API answers').toBe(
    200,
  );
  expect(await service.ledgerPid(), 'nobody ends it any more').toBe(pid);
  attack.abort();
  await Promise.all(attackers);

  expect(senders.sentAgain(), 'requests that were not acknowledged').toBe(0);
  expect(senders.slowestAnswerMs()).toBeLessThan(5000);
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, senders.acknowledged);
});

async function metrics({ apiUrl }: RunningService): Promise<string> {
  const response = await fetch(new URL('/metrics', apiUrl));
  if (!response.ok) throw new Error(`the metrics are answered with ${response.status}`);
  return response.text();
}

async function metric(service: RunningService, name: string): Promise<number> {
  return Number(new RegExp(`^spanledger_${name} (\\d+)$`, 'm').exec(await metrics(service))?.[1]);
}

type Ends = Readonly<Record<EndReason, number>>;

/** Ends of the ledger process, by reason, as soon as the next one has been told of them. */
async function endsOf(service: RunningService): Promise<Ends> {
  let ends: Ends = { memory: 0, overdue: 0, killed: 0, exit: 0 };
  await until('the next ledger process tells of the ends before it', 20_000, async () => {
    const found = (await metrics(service)).matchAll(/^spanledger_ledger_ends\{reason="(\w+)"\} (\d+)$/gm);
    const counts = new Map([...found].map(([, reason, count]) => [reason, Number(count)]));
    ends = {
      memory: counts.get('memory') ?? 0,
      overdue: counts.get('overdue') ?? 0,
      killed: counts.get('killed') ?? 0,
      exit: counts.get('exit') ?? 0,
    };
    return Object.values(ends).some((count) => count > 0);
  });
  return ends;
}
