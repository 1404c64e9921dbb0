import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { FETCH_BOUNDS, type FetchBounds, fetchSource, publicName } from './fetch.ts';
import { refreshFeed } from './refresh.ts';

const servers: Server[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** The address of a server that answers so. */
async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return `http://127.0.0.1:${address.port}`;
}

async function fileWith(text: string | Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-feed-'));
  folders.push(folder);
  const path = join(folder, 'prices.json');
  await writeFile(path, text);
  return path;
}

function bounded(bounds: Partial<FetchBounds>): FetchBounds {
  return { ...FETCH_BOUNDS, ...bounds };
}

const LIST = JSON.stringify({ m: { litellm_provider: 'openai', input_cost_per_token: 1e-6 } });

describe('a feed at an address', () => {
  it('is fetched', async () => {
    const address = await serving((_request, response) => response.end(LIST));
    expect(await fetchSource(address, FETCH_BOUNDS)).toEqual({ kind: 'fetched', text: LIST });
  });

  it('may be compressed', async () => {
    const address = await serving((request, response) => {
      expect(request.headers['accept-encoding']).toContain('gzip');
      response.setHeader('content-encoding', 'gzip').end(gzipSync(LIST));
    });
    expect(await fetchSource(address, FETCH_BOUNDS)).toEqual({ kind: 'fetched', text: LIST });
  });

  it('is not read beyond the bound', async () => {
    const address = await serving((_request, response) => response.end('x'.repeat(1001)));
    expect(await fetchSource(address, bounded({ maxBytes: 1000 }))).toMatchObject({ kind: 'too_large' });
    expect(await fetchSource(address, bounded({ maxBytes: 1001 }))).toMatchObject({ kind: 'fetched' });
  });

  it('is measured after it was inflated', async () => {
    const body = gzipSync('x'.repeat(1_000_000));
    const address = await serving((_request, response) =>
      response.setHeader('content-encoding', 'gzip').end(body),
    );
    expect(body.byteLength).toBeLessThan(2000);
    expect(await fetchSource(address, bounded({ maxBytes: 2000 }))).toMatchObject({ kind: 'too_large' });
  });

  it('that never ends is given up when it is too large', async () => {
    let isClosed = Promise.resolve();
    const address = await serving((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      isClosed = once(response, 'close').then(() => undefined);
      response.on('drain', more);
      more();
    });
    expect(await fetchSource(address, bounded({ maxBytes: 100_000 }))).toMatchObject({ kind: 'too_large' });
    await isClosed;
  });

  it('that does not answer in time is unreachable', async () => {
    const address = await serving(() => {});
    expect(await fetchSource(address, bounded({ timeoutMs: 50 }))).toEqual({
      kind: 'unreachable',
      detail: 'no complete answer within 50 ms',
    });
  });

  it('that stops in the middle of its answer is unreachable', async () => {
    const stopping = await serving((_request, response) => response.write('{'));
    expect(await fetchSource(stopping, bounded({ timeoutMs: 50 }))).toMatchObject({ kind: 'unreachable' });
    const breaking = await serving((_request, response) => {
      response.setHeader('content-length', '100');
      response.write('{', () => response.destroy());
    });
    expect(await fetchSource(breaking, FETCH_BOUNDS)).toMatchObject({ kind: 'unreachable' });
  });

  it('is unreachable when it is missing, or nobody is there', async () => {
    const address = await serving((_request, response) => response.writeHead(404).end(LIST));
    expect(await fetchSource(`${address}/data.json?token=secret`, FETCH_BOUNDS)).toEqual({
      kind: 'unreachable',
      detail: `${address}/data.json answered 404`,
    });
    const [server] = servers.splice(0);
    server?.close();
    server?.closeAllConnections();
    expect(await fetchSource(address, FETCH_BOUNDS)).toMatchObject({ kind: 'unreachable' });
  });

  it('is followed where it has moved to', async () => {
    const address = await serving((request, response) => {
      if (request.url === '/new') response.end(LIST);
      else response.writeHead(302, { location: '/new' }).end('moved');
    });
    expect(await fetchSource(address, FETCH_BOUNDS)).toEqual({ kind: 'fetched', text: LIST });
  });

  it('is not followed round and round', async () => {
    let requests = 0;
    const address = await serving((_request, response) => {
      requests += 1;
      response.writeHead(302, { location: '/' }).end();
    });
    expect(await fetchSource(address, bounded({ maxRedirects: 3 }))).toMatchObject({
      kind: 'unreachable',
      detail: expect.stringContaining('more than 3 times'),
    });
    expect(requests).toBe(4);
  });

  it('is not followed out of the web', async () => {
    const address = await serving((_request, response) =>
      response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    );
    expect(await fetchSource(address, FETCH_BOUNDS)).toMatchObject({
      kind: 'unreachable',
      detail: expect.stringContaining('from http: to file:'),
    });
  });

  it('that is not UTF-8 is no text', async () => {
    const address = await serving((_request, response) => response.end(Buffer.from([0xff, 0xfe, 0x00])));
    expect(await fetchSource(address, FETCH_BOUNDS)).toMatchObject({ kind: 'not_text' });
  });
});

describe('a feed at a path', () => {
  it('is read', async () => {
    expect(await fetchSource(await fileWith(LIST), FETCH_BOUNDS)).toEqual({ kind: 'fetched', text: LIST });
  });

  it('is not read beyond the bound', async () => {
    const path = await fileWith('x'.repeat(1001));
    expect(await fetchSource(path, bounded({ maxBytes: 1000 }))).toMatchObject({ kind: 'too_large' });
  });

  it('is unreachable when it is missing, or no file', async () => {
    expect(await fetchSource('/no/such/prices.json', FETCH_BOUNDS)).toMatchObject({ kind: 'unreachable' });
    expect(await fetchSource(tmpdir(), FETCH_BOUNDS)).toMatchObject({ kind: 'unreachable' });
  });
});

describe('the name of a source', () => {
  it('shows no credentials and no query', () => {
    expect(publicName('https://user:word@prices.example/list.json?token=x#y')).toBe(
      'https://prices.example/list.json',
    );
    expect(publicName('./prices.json')).toBe('./prices.json');
  });
});

describe('a refresh over the wire', () => {
  const request = {
    format: 'auto',
    state: null,
    now: new Date('2026-11-16'),
    currentRates: () => null,
  } as const;

  it('ends in a layer of cards', async () => {
    const source = await serving((_request, response) => response.end(LIST));
    expect(await refreshFeed({ ...request, source })).toMatchObject({
      kind: 'refreshed',
      added: ['openai/m'],
      state: { format: 'litellm', cards: [{ rates: { input: '1' } }] },
    });
  });

  it.each([
    ['rejected', 'too_large', (_: unknown, response: { end(text: string): void }) => response.end(LIST)],
    ['rejected', 'not_json', (_: unknown, response: { end(text: string): void }) => response.end('<p>')],
  ] as const)('ends in a value: %s %s', async (kind, reason, answer) => {
    const source = await serving((incoming, response) => {
      answer(incoming, response);
    });
    const fetchBounds = bounded({ maxBytes: 10 });
    expect(await refreshFeed({ ...request, source, fetchBounds })).toMatchObject({ kind, reason });
  });

  it('ends in a value: unreachable', async () => {
    const source = await serving((_request, response) => response.writeHead(503).end());
    expect(await refreshFeed({ ...request, source })).toEqual({
      kind: 'unreachable',
      detail: `${source}/ answered 503`,
    });
  });
});
