import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aDataDirectory, endProcessesOf, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce } from '../ledger-file.ts';
import { type HttpAnswer, statusOf } from '../otlp-client.ts';
import { aBatch, type Batch, randomFrom, type SentSpan, sendBatch } from '../senders.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;
const FILLER_BYTES = 32 * MIB;

/** Why no small disk can be made here, or null when one can. */
const noSmallDisk = tryToMount();

describe(`a full disk${noSmallDisk === null ? '' : ` - SKIPPED: ${noSmallDisk}`}`, () => {
  it.skipIf(noSmallDisk !== null)(
    'is answered with 503 and Retry-After; once there is space again spans are accepted without a restart',
    { timeout: 60_000 },
    async () => {
      const disk = await aSmallDisk();
      const dataDir = join(disk, 'ledger');
      onTestFinished(() => endProcessesOf(dataDir));
      await mkdir(dataDir);
      const filler = join(disk, 'filler');
      await writeFile(filler, Buffer.alloc(FILLER_BYTES, 1));
      const service = await startServiceProcess({ dataDir });
      const acknowledged = new Map<string, SentSpan>();

      const refused = await sendUntilRefused(service, acknowledged);
      expect(refused.answer.status).toBe(503);
      expect(refused.answer.headers['retry-after']).toBe('5');
      expect(statusOf(refused.answer)).toMatchObject({
        code: 14,
        // The reserve, or the disk itself when the ledger took the reserve within the second of the last look.
        message: expect.stringMatching(/^SL_JOURNAL_FULL: .*(must stay free|ENOSPC)/),
      });
      await until('the ledger has what was acknowledged although the disk is full', 20_000, async () => {
        return (await spansIn(service)) === acknowledged.size;
      });

      await rm(filler);
      await until('the refused body is accepted', 10_000, async () => {
        return (await sendBatch(service.otlpUrl, refused.batch)).status === 200;
      });
      keep(acknowledged, refused.batch);
      expect(await service.stop()).toBe(0);
      await expectExactlyOnce(dataDir, acknowledged);
    },
  );
});

it('a ledger that hangs costs the sender a 503 at the lag bound, and nothing once it goes on', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, 'journal:\n  max_lag_bytes: 1000000\n');
  const service = await startServiceProcess({ dataDir, configFile });
  const acknowledged = new Map<string, SentSpan>();
  const ledgerPid = await service.ledgerPid();

  signalIfThere(ledgerPid, 'SIGSTOP');
  const refused = await sendUntilRefused(service, acknowledged);
  expect(refused.answer.status).toBe(503);
  expect(refused.answer.headers['retry-after']).toBe('5');
  expect(statusOf(refused.answer)).toMatchObject({
    code: 14,
    message: expect.stringMatching(/^SL_JOURNAL_FULL: .*wait for the ledger/),
  });

  signalIfThere(ledgerPid, 'SIGCONT');
  await until('the refused body is accepted', 20_000, async () => {
    return (await sendBatch(service.otlpUrl, refused.batch)).status === 200;
  });
  keep(acknowledged, refused.batch);
  expect(await service.ledgerPid(), 'it was not restarted').toBe(ledgerPid);
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, acknowledged);
});

it('past the bound on what is received at once a sender is told to come back, and then taken', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, 'receiver:\n  max_in_flight_bytes: 200000\n');
  const service = await startServiceProcess({ dataDir, configFile });
  const { hostname, port } = new URL(service.otlpUrl);
  const slow = connect(Number(port), hostname);
  await once(slow, 'connect');
  // Its declared length takes most of the bound for as long as it is being sent.
  slow.write(
    'POST /v1/traces HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 190000\r\n\r\n{',
  );
  const large = aBatch(() => 0, 60);
  expect(large.body.byteLength).toBeGreaterThan(10_000);
  let answer = await sendBatch(service.otlpUrl, large);
  await until('the slow body is counted', 5000, async () => {
    if (answer.status === 200) answer = await sendBatch(service.otlpUrl, large);
    return answer.status === 503;
  });
  expect(answer.headers['retry-after']).toBe('1');
  expect(statusOf(answer)).toMatchObject({ code: 14, message: expect.stringMatching(/^SL_RECEIVER_BUSY: /) });

  slow.destroy();
  await until('the room is given back', 5000, async () => {
    return (await sendBatch(service.otlpUrl, large)).status === 200;
  });
  expect(await service.stop()).toBe(0);
  await expectExactlyOnce(dataDir, new Map(large.spans.map((span) => [span.usageId, span])));
});

async function sendUntilRefused(
  { otlpUrl }: RunningService,
  acknowledged: Map<string, SentSpan>,
): Promise<{ batch: Batch; answer: HttpAnswer }> {
  const random = randomFrom(3);
  for (;;) {
    const batch = aBatch(random, 200);
    const answer = await sendBatch(otlpUrl, batch);
    if (answer.status !== 200) return { batch, answer };
    keep(acknowledged, batch);
  }
}

function keep(acknowledged: Map<string, SentSpan>, batch: Batch): void {
  for (const span of batch.spans) acknowledged.set(span.usageId, span);
}

async function spansIn(service: RunningService): Promise<number> {
  const [row] = await service.query('SELECT count(*) AS spans FROM usage');
  return Number(row?.spans);
}

/** A file system in memory, unmounted when the test is over. */
async function aSmallDisk(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'spanledger-disk-'));
  mount(directory);
  onTestFinished(() => {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

function mount(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', directory], { stdio: 'pipe' });
}

function tryToMount(): string | null {
  if (process.platform !== 'linux') return 'small disks are made with tmpfs, which only Linux has';
  const directory = mkdtempSync(join(tmpdir(), 'spanledger-disk-'));
  try {
    mount(directory);
    execFileSync('umount', [directory]);
    return null;
  } catch (error) {
    const [reason = ''] = String(error instanceof Error ? error.message : error)
      .split('\n')
      .slice(-2);
    return `this user may not mount a tmpfs (${reason})`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
