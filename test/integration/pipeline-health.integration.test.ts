import { expect, it } from 'vitest';
import { aDataDirectory, signalIfThere } from '../data-directory.ts';
import { readLedgerFile } from '../ledger-file.ts';
import { post } from '../otlp-client.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** A request of a type that nobody takes: answered with 415. */
async function postText(url: string): Promise<number> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' });
  return response.status;
}

const SUMS = `SELECT count(*)::INTEGER AS samples, sum(requests)::INTEGER AS requests,
    sum(requests_refused)::INTEGER AS refused, sum(ledger_restarts)::INTEGER AS restarts,
    sum(statements_failed)::INTEGER AS failed, min(database_bytes) > 0 AS has_file,
    min(ledger_memory_bytes) > 0 AND min(receiver_memory_bytes) > 0 AS has_memory
  FROM public.pipeline_health`;

it('a short run has samples, and every request, restart and statement is counted once, over runs too', async () => {
  const dataDir = await aDataDirectory();
  const first = await startServiceProcess({ dataDir });
  const sumsOf = async (service: typeof first) => (await service.query(SUMS))[0];
  await until('the start is in a sample', 10_000, async () => Number((await sumsOf(first))?.samples) === 1);
  expect((await post(first.otlpUrl, { resourceSpans: [] })).status).toBe(200);
  expect(await postText(first.otlpUrl)).toBe(415);

  signalIfThere(await first.ledgerPid(), 'SIGKILL');
  await until('the restart is in a sample', 20_000, async () => {
    const sums = await sumsOf(first).catch(() => undefined);
    return Number(sums?.restarts) === 1;
  });
  await expect(first.query('SELECT nothing')).rejects.toThrow();
  expect((await post(first.otlpUrl, { resourceSpans: [] })).status).toBe(200);
  expect(await first.stop()).toBe(0);

  const second = await startServiceProcess({ dataDir });
  expect((await post(second.otlpUrl, { resourceSpans: [] })).status).toBe(200);
  expect(await second.stop()).toBe(0);

  const [sums] = await readLedgerFile(dataDir, SUMS);
  expect(sums).toMatchObject({
    requests: '4',
    refused: '1',
    restarts: '1',
    failed: '1',
    has_file: 'true',
    has_memory: 'true',
  });
  // At the start of each of the three ledger processes, and at the ends that were asked for.
  expect(Number(sums?.samples)).toBeGreaterThanOrEqual(5);
});
