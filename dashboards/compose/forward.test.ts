import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { forwardTo } from './forward.ts';

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function post(port: number, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

it('hands on a request and its answer whole', async () => {
  let received = 0;
  const service = createServer((incoming, answer) => {
    incoming.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    incoming.on('end', () => answer.writeHead(503).end());
  });
  const port = await listening(forwardTo(await listening(service)));
  expect(await post(port, new Uint8Array(1_000_000))).toBe(503);
  expect(received).toBe(1_000_000);
});

it('breaks the connection when nobody listens, so that the sender tries again', async () => {
  const gone = createServer();
  const port = await listening(gone);
  gone.close();
  await once(gone, 'close');
  await expect(post(await listening(forwardTo(port)), new Uint8Array(10))).rejects.toThrow();
});
