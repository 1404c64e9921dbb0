import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import type { ImportBatch } from './batch.ts';
import { sendBatches } from './send.ts';

function batch(text: string): ImportBatch {
  return { body: Buffer.from(text), bodyType: 'json', rows: 1, problems: [], passedOver: new Map() };
}

async function* batches(count: number): AsyncGenerator<ImportBatch> {
  for (let number = 1; number <= count; number++) yield batch(`batch ${number}`);
}

/** A service that answers the requests as they are told, in the order in which they come. */
async function aService(answer: (response: ServerResponse, number: number) => void) {
  const bodies: string[] = [];
  const taken: string[] = [];
  let underWay = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++underWay);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = gunzipSync(Buffer.concat(chunks)).toString();
    bodies.push(body);
    response.once('close', () => {
      underWay--;
      if (response.statusCode === 200 && response.writableFinished) taken.push(body);
    });
    answer(response, bodies.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: new URL(`http://127.0.0.1:${port}/v1/traces`), bodies, taken, most: () => most };
}

it('what the service has no room for is sent again when it says, until it is taken', async () => {
  const service = await aService((response, number) => {
    if (number % 3 === 1) response.writeHead(503, { 'retry-after': '0' }).end();
    else response.end('{}');
  });
  const sent: ImportBatch[] = [];
  await sendBatches(batches(20), { url: service.url, patienceMs: 30_000 }, (one) => sent.push(one));
  expect(sent).toHaveLength(20);
  expect(new Set(service.taken).size, 'each was taken').toBe(20);
  expect(service.bodies.length).toBeGreaterThan(20);
  expect(service.most(), 'a few are under way at once').toBeLessThanOrEqual(4);
});

it('a lost connection is no loss: the batch is sent again', async () => {
  const service = await aService((response, number) => {
    if (number === 3) response.destroy();
    else response.end('{}');
  });
  await sendBatches(batches(5), { url: service.url, patienceMs: 30_000 }, () => {});
  expect(new Set(service.taken).size).toBe(5);
});

it('what the service refuses ends the import with its sentence', async () => {
  const service = await aService((response, number) => {
    if (number === 2)
      response.writeHead(413).end('{"code":8,"message":"SL_OTLP_TOO_LARGE: The body is too large."}');
    else response.end('{}');
  });
  await expect(
    sendBatches(batches(50), { url: service.url, patienceMs: 30_000 }, () => {}),
  ).rejects.toMatchObject({
    code: 'SL_IMPORT_STOPPED',
    message: expect.stringContaining('413 SL_OTLP_TOO_LARGE: The body is too large.'),
  });
  expect(service.bodies.length, 'the rest is not sent').toBeLessThan(10);
});

it('a service that takes nothing for too long ends the import', async () => {
  const service = await aService((response) => response.writeHead(503, { 'retry-after': '5' }).end());
  await expect(
    sendBatches(batches(1), { url: service.url, patienceMs: 100 }, () => {}),
  ).rejects.toMatchObject({
    code: 'SL_IMPORT_STOPPED',
  });
});

it('without a service nothing is tried twice', async () => {
  const url = new URL('http://127.0.0.1:1/v1/traces');
  await expect(sendBatches(batches(3), { url, patienceMs: 30_000 }, () => {})).rejects.toMatchObject({
    code: 'SL_SERVICE_UNREACHABLE',
  });
});
