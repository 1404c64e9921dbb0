import { cp, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aDataDirectory, endProcessesOf, removeDataDirectory, signalIfThere } from '../data-directory.ts';
import { expectExactlyOnce, readLedgerFile } from '../ledger-file.ts';
import { aBatch, type Batch, randomFrom, type SentSpan, sendBatch } from '../senders.ts';
import { startServiceProcess } from '../service.ts';

/** Record header and tenant name `default` stand before a body (collector/src/journal/record.ts). */
const RECORD_HEAD_BYTES = 40 + 'default'.length;

interface UnpostedJournal {
  readonly dataDir: string;
  readonly segment: string;
}

let hung = '';
let segmentName = '';
/** In the order of the journal: what was sent, byte for byte, and the spans in it. */
const records: Batch[] = [];

/** Ten bodies are acknowledged, and the ledger has seen none: it hangs, and then both processes are killed. */
beforeAll(async () => {
  hung = await mkdtemp(join(tmpdir(), 'spanledger-hung-'));
  const service = await startServiceProcess({ dataDir: hung });
  signalIfThere(await service.ledgerPid(), 'SIGSTOP');
  const random = randomFrom(5);
  for (let sent = 0; sent < 10; sent++) {
    const batch = aBatch(random, 30);
    expect((await sendBatch(service.otlpUrl, batch)).status).toBe(200);
    records.push(batch);
  }
  await endProcessesOf(hung);
  const [segment = '', ...others] = (await readdir(join(hung, 'journal'))).filter((name) =>
    name.endsWith('.journal'),
  );
  expect(others, 'all records are in one segment').toEqual([]);
  segmentName = segment;
});

afterAll(() => removeDataDirectory(hung));

/** A copy of it, to be damaged. */
async function anUnpostedJournal(): Promise<UnpostedJournal> {
  const dataDir = await aDataDirectory();
  await cp(hung, dataDir, { recursive: true });
  return { dataDir, segment: join(dataDir, 'journal', segmentName) };
}

/** Starts on the damaged journal, lets it be posted, stops. */
async function postAndStop(dataDir: string): Promise<void> {
  const service = await startServiceProcess({ dataDir });
  expect(await service.stop()).toBe(0);
}

async function damagedBytes(dataDir: string): Promise<number> {
  const [row] = await readLedgerFile(
    dataDir,
    'SELECT sum(damaged_bytes)::BIGINT AS bytes FROM public.ingest_health',
  );
  return Number(row?.bytes);
}

function spansExcept(damaged: readonly number[]): Map<string, SentSpan> {
  return new Map(
    records.flatMap(({ spans }, index) =>
      damaged.includes(index) ? [] : spans.map((span) => [span.usageId, span] as const),
    ),
  );
}

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x55, at);
  await writeFile(path, bytes);
}

it('damage in the middle, of a body or of a record header, costs its own spans, is reported, and no others are lost', async () => {
  const { dataDir, segment } = await anUnpostedJournal();
  const bytes = await readFile(segment);
  const [ofBody, ofHeader] = [records[2]?.body, records[6]?.body];
  if (ofBody === undefined || ofHeader === undefined) throw new Error('there are ten records');
  const [body, header] = [bytes.indexOf(ofBody), bytes.indexOf(ofHeader) - RECORD_HEAD_BYTES];
  expect(Math.min(body, header)).toBeGreaterThan(0);
  await flipByte(segment, body + Math.floor(ofBody.length / 2));
  await flipByte(segment, header + 8); // the length: where the next record starts is unknown

  await postAndStop(dataDir);

  await expectExactlyOnce(dataDir, spansExcept([2, 6]));
  const reported = await damagedBytes(dataDir);
  expect(reported).toBe(RECORD_HEAD_BYTES + ofBody.length + RECORD_HEAD_BYTES + ofHeader.length);

  // Once, however often the service is started.
  await postAndStop(dataDir);
  expect(await damagedBytes(dataDir)).toBe(reported);
});

it('a torn tail is cut at start: it was never acknowledged, and no damage', async () => {
  const { dataDir, segment } = await anUnpostedJournal();
  const whole = await readFile(segment);
  const last = whole.indexOf(records[9]?.body ?? new Uint8Array()) - RECORD_HEAD_BYTES;
  expect(last).toBeGreaterThan(0);
  // What a crash leaves of an append: a record that ends in the middle of its body.
  await writeFile(segment, Buffer.concat([whole, whole.subarray(last, last + 4000)]));

  const service = await startServiceProcess({ dataDir });
  expect((await stat(segment)).size, 'cut back to the last whole record').toBe(whole.length);
  const later = aBatch(randomFrom(6));
  expect((await sendBatch(service.otlpUrl, later)).status).toBe(200);
  expect(await service.stop()).toBe(0);

  const all = [...spansExcept([]).values(), ...later.spans];
  await expectExactlyOnce(dataDir, new Map(all.map((span) => [span.usageId, span])));
  expect(await damagedBytes(dataDir)).toBe(0);
});

it('a tail that lost an unacknowledged half is cut, and what is before it is there', async () => {
  const { dataDir, segment } = await anUnpostedJournal();
  const whole = await readFile(segment);
  const last = whole.indexOf(records[9]?.body ?? new Uint8Array()) - RECORD_HEAD_BYTES;
  await writeFile(segment, whole.subarray(0, last + 100));

  await postAndStop(dataDir);

  expect((await stat(segment)).size).toBe(last);
  await expectExactlyOnce(dataDir, spansExcept([9]));
});
