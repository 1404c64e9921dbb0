import { once } from 'node:events';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forward, forwardingAgent } from './forward.ts';

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server that hands everything on to `behind`; failures are 599. */
async function handingOn(behind: RequestListener | number): Promise<number> {
  const port = typeof behind === 'number' ? behind : await listening(createServer(behind));
  const agent = forwardingAgent();
  onTestFinished(() => agent.destroy());
  const upstream = { host: '127.0.0.1', port };
  return await listening(
    createServer((incoming, response) =>
      forward(incoming, response, upstream, {
        agent,
        beforeAnswer: async () => {},
        onFailure: (failed) => failed.writeHead(599).end('failed'),
      }),
    ),
  );
}

describe('a request that is handed on', () => {
  it('streams both ways, however large, with its framing', async () => {
    const port = await handingOn((incoming, response) => {
      response.writeHead(201, { 'x-path': incoming.url ?? '', 'x-method': incoming.method ?? '' });
      incoming.pipe(response);
    });
    const content = Buffer.alloc(5_000_000, 'spanledger');
    for (const framing of [{ 'content-length': String(content.length) }, {}]) {
      const outgoing = request({ port, method: 'PATCH', path: '/%2e%2e/a//b?c=%00', headers: framing });
      outgoing.end(content);
      const [response] = await once(outgoing, 'response');
      expect(response.statusCode).toBe(201);
      expect(response.headers).toMatchObject({ 'x-path': '/%2e%2e/a//b?c=%00', 'x-method': 'PATCH' });
      expect(Buffer.concat(await response.toArray()).equals(content)).toBe(true);
    }
  });

  it('is given up behind when whoever asked has gone', async () => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const port = await handingOn((_incoming, response) => {
      response.once('close', () => gone.resolve());
      arrived.resolve();
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrived.promise;
    socket.destroy();
    await gone.promise;
  });

  it('fails with a word when nobody is behind, and keeps the connection for the next', async () => {
    const gone = createServer();
    const free = await listening(gone);
    gone.close();
    const port = await handingOn(free);
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' })).status).toBe(599);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(599);
  });

  it('does not look whole when the answer breaks off', async () => {
    const port = await handingOn((_incoming, response) => {
      response.writeHead(200);
      response.write('half', () => response.destroy());
    });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await expect(response.text()).rejects.toThrow();
  });

  it('is answered even when the answer comes before the body has ended', async () => {
    const port = await handingOn((_incoming, response) => response.writeHead(413).end('too large'));
    const outgoing = request({ port, method: 'POST' });
    outgoing.on('error', () => {}); // the rest of the body may find the connection closed
    outgoing.write('x'.repeat(100_000));
    const [response] = await once(outgoing, 'response');
    expect(response.statusCode).toBe(413);
    expect(Buffer.concat(await response.toArray()).toString()).toBe('too large');
    outgoing.destroy();
  });
});
