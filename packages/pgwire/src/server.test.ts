import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createSecureContext, connect as tlsConnect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { scramVerifier } from './login/verifier.ts';
import { selfSigned } from './testing/certificate.ts';
import { memoryBackend } from './testing/memory-backend.ts';
import {
  bind,
  cancelRequest,
  execute,
  GSSENC_REQUEST,
  parse,
  query,
  RawClient,
  raw,
  SSL_REQUEST,
  sasl,
  saslInitial,
  startup,
  sync,
} from './testing/raw-client.ts';
import { serve } from './testing/serve.ts';

const { cert, key } = selfSigned();
const secureContext = () => createSecureContext({ cert, key });
const PING = ['T a:23', 'D 1', 'C SELECT 1', 'Z I'];
const BOB = startup({ user: 'bob' });

async function socketTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

describe('a connection opens', () => {
  it('with the settings that clients rely on, a key, and the word that it is ready', async () => {
    const { port, backend } = await serve({ settings: { server_version: '16.3' } });
    const client = await RawClient.connect(port);
    client.send(
      startup({ user: 'bob', database: 'ledger', application_name: 'x', options: '-c TimeZone=Asia/Tokyo' }),
    );
    const lines = await client.until('Z');
    expect(lines[0]).toBe('R 0');
    expect(lines).toEqual(
      expect.arrayContaining([
        'S server_version=16.3',
        'S client_encoding=UTF8',
        'S application_name=x',
        'S TimeZone=Asia/Tokyo',
        'S session_authorization=bob',
        'S standard_conforming_strings=on',
      ]),
    );
    expect(lines.slice(-1)).toEqual(['Z I']);
    expect(client.secret).toHaveLength(4);
    expect(backend.clients[0]).toMatchObject({ user: 'bob', database: 'ledger', isEncrypted: false });
    expect(backend.clients[0]?.setting('TimeZone')).toBe('Asia/Tokyo');
  });

  it('with a long key when the client knows protocol 3.2', async () => {
    const { port } = await serve();
    const client = await RawClient.connect(port);
    client.send(startup({ user: 'bob' }, (3 << 16) | 2));
    expect(await client.until('Z')).not.toContain('v 2');
    expect(client.secret).toHaveLength(32);
  });

  it('with the newest version that is known here, when the client knows newer ones', async () => {
    const { port } = await serve();
    const client = await RawClient.connect(port);
    client.send(startup({ user: 'bob', '_pq_.compression': 'zstd' }, (3 << 16) | 99));
    expect((await client.until('Z'))[0]).toBe('v 2 _pq_.compression');
  });

  it('whatever settings it sends that nobody here knows', async () => {
    const { port } = await serve();
    const client = await RawClient.session(port, { user: 'bob', nonsense: 'x', search_path: 'a' });
    client.send(query('show search_path'));
    expect(await client.until('Z')).toContain('D a');
  });

  it.each([
    [
      'another version',
      startup({ user: 'bob' }, 2 << 16),
      '0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2',
    ],
    ['no user', startup({ database: 'x' }), '28000 no PostgreSQL user name specified in startup packet'],
    [
      'replication',
      startup({ user: 'bob', replication: 'database' }),
      '0A000 replication connections are not supported',
    ],
    [
      'an encoding that is not UTF-8',
      startup({ user: 'bob', client_encoding: 'LATIN1' }),
      '22023 invalid value for parameter "client_encoding": "LATIN1"',
    ],
    ['something else than PostgreSQL', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '08P01 invalid message length'],
  ])('but not with %s', async (_, bytes, error) => {
    const { port, unexpected } = await serve();
    const client = await RawClient.connect(port);
    client.send(bytes);
    const lines = await client.untilEnd();
    expect(lines.filter((line) => !line.startsWith('R'))).toEqual([`E FATAL ${error}`, '(end)']);
    expect(unexpected).toEqual([]);
  });

  it('but not to a database that the backend does not have', async () => {
    const backend = memoryBackend({ users: { bob: { kind: 'trust' } }, databases: ['ledger'] });
    const { port, server } = await serve({ backend });
    const client = await RawClient.connect(port);
    client.send(startup({ user: 'bob', database: 'other' }));
    expect(await client.untilEnd()).toContain('E FATAL 3D000 database "other" does not exist');
    expect(server.sessionCount).toBe(0);
  });

  it('but not slower than allowed', async () => {
    const { port } = await serve({ limits: { authenticationTimeoutMs: 50 } });
    const client = await RawClient.connect(port);
    expect(await client.untilEnd()).toEqual([
      'E FATAL 57014 canceling authentication due to timeout',
      '(end)',
    ]);
  });

  it('and a request for GSSAPI encryption is answered, too', async () => {
    const { port } = await serve();
    const socket = await socketTo(port);
    socket.write(GSSENC_REQUEST);
    expect(String((await once(socket, 'data'))[0])).toBe('N');
    socket.write(SSL_REQUEST);
    expect(String((await once(socket, 'data'))[0])).toBe('N');
    const client = new RawClient(socket);
    client.send(BOB);
    expect((await client.until('Z')).at(-1)).toBe('Z I');
  });
});

describe('encryption', () => {
  it('is granted, and everything goes on under it', async () => {
    const { port, backend } = await serve({ secureContext, requireEncryption: true });
    const socket = await socketTo(port);
    socket.write(SSL_REQUEST);
    expect(String((await once(socket, 'data'))[0])).toBe('S');
    const secured = tlsConnect({ socket, ca: cert, servername: 'localhost', ALPNProtocols: ['postgresql'] });
    await once(secured, 'secureConnect');
    expect(secured.alpnProtocol).toBe('postgresql');
    const client = new RawClient(secured);
    client.send(BOB);
    await client.until('Z');
    client.send(query('select 1 as a'));
    expect(await client.until('Z')).toEqual(PING);
    expect(backend.clients[0]?.isEncrypted).toBe(true);
    client.end();
    await client.untilEnd();
  });

  it('is not granted to who has already said more: that could be from anybody (CVE-2021-23222)', async () => {
    const { port, backend } = await serve({ secureContext });
    const client = await RawClient.connect(port);
    client.send(Buffer.concat([SSL_REQUEST, BOB]));
    expect(await client.untilEnd()).toEqual([
      'E FATAL 08P01 received unencrypted data after SSL request',
      '(end)',
    ]);
    expect(backend.clients).toEqual([]);
  });

  it('can be demanded', async () => {
    const { port } = await serve({ secureContext, requireEncryption: true });
    const client = await RawClient.connect(port);
    client.send(BOB);
    expect(await client.untilEnd()).toEqual([
      'E FATAL 28000 the server takes encrypted connections only',
      '(end)',
    ]);
  });

  it('that comes to nothing ends the connection', async () => {
    const { port, unexpected, server } = await serve({ secureContext });
    const socket = await socketTo(port);
    socket.write(SSL_REQUEST);
    await once(socket, 'data');
    socket.write('this is no handshake at all, but long enough to be looked at');
    await once(socket.resume(), 'close');
    await server.close();
    expect(unexpected).toEqual([]);
  });
});

describe('the login', () => {
  async function refused(port: number, user: string): Promise<readonly string[]> {
    const client = await RawClient.connect(port);
    client.send(startup({ user }));
    const asked = await client.until('R');
    client.send(saslInitial('SCRAM-SHA-256', 'n,,n=,r=abc'));
    const [challenge = ''] = await client.until('R');
    const nonce = /r=([^,]+),/.exec(challenge)?.[1] ?? '';
    client.send(sasl(Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`)));
    const shape = challenge.replace(/r=[^,]+/, 'r=…').replace(/s=[^,]+/, (salt) => `s=${salt.length}`);
    return [...asked, shape, ...(await client.untilEnd())].map((line) => line.replaceAll(user, '…'));
  }

  it('of an unknown user goes and ends as that of one with a wrong password', async () => {
    const verifier = await scramVerifier('pencil');
    const { port } = await serve({
      backend: memoryBackend({ users: { pia: { kind: 'scram-sha-256', verifier } } }),
    });
    const known = await refused(port, 'pia');
    expect(await refused(port, 'eve')).toEqual(known);
    expect(known.slice(-2)).toEqual(['E FATAL 28P01 password authentication failed for user "…"', '(end)']);
  });

  it.each([
    [
      'a mechanism that was not offered',
      saslInitial('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc'),
      '08P01 client selected an invalid SASL authentication mechanism',
    ],
    [
      'an exchange that is none',
      saslInitial('SCRAM-SHA-256', 'hello'),
      '08P01 malformed SCRAM message: no header',
    ],
    ['a query', query('select 1'), '08P01 invalid frontend message type 81'],
    ['a message longer than any of SCRAM', raw('p', 'x'.repeat(5_000)), '08P01 invalid message length'],
  ])('is refused for %s', async (_, answer, error) => {
    const { port, unexpected } = await serve({ backend: memoryBackend({ users: {} }) });
    const client = await RawClient.connect(port);
    client.send(BOB);
    expect(await client.until('R')).toEqual(['R 10 \\x534352414d2d5348412d3235360000']);
    client.send(answer);
    expect(await client.untilEnd()).toEqual([`E FATAL ${error}`, '(end)']);
    expect(unexpected).toEqual([]);
  });
});

describe('a statement is stopped', () => {
  it('by a request with the key of its session, on a connection of its own', async () => {
    const { port, backend } = await serve();
    const client = await RawClient.session(port);
    client.send(query('begin; select sleep(60000)'));
    await once(backend.events, 'running');
    const other = await RawClient.connect(port);
    other.send(cancelRequest(client.processId, client.secret));
    expect(await other.untilEnd()).toEqual(['(end)']);
    expect(await client.until('Z')).toEqual([
      'C BEGIN',
      'T sleep:25',
      'E ERROR 57014 canceling statement due to user request',
      'Z E',
    ]);
    expect(backend.open.executions).toBe(0);
  });

  it('but not by one with another key', async () => {
    const { port, backend } = await serve();
    const client = await RawClient.session(port);
    client.send(query("select sleep(100), 'done' as a"));
    await once(backend.events, 'running');
    for (const [processId, secret] of [
      [client.processId, Buffer.from('wrong')],
      [
        client.processId,
        Buffer.alloc(
          4,
          client.secret.map((byte) => byte ^ 1),
        ),
      ],
      [client.processId + 1, client.secret],
    ] as const) {
      const other = await RawClient.connect(port);
      other.send(cancelRequest(processId, secret));
      expect(await other.untilEnd()).toEqual(['(end)']);
    }
    expect(await client.until('Z')).toContain('D |done');
  });

  it('when its time is over', async () => {
    const { port } = await serve();
    const client = await RawClient.session(port);
    client.send(query("set statement_timeout = '20ms'; select sleep(60000)"));
    expect(await client.until('Z')).toContain('E ERROR 57014 canceling statement due to statement timeout');
    client.send(query('select 1 as a'));
    expect(await client.until('Z')).toEqual(PING);
  });

  it('when its client is gone, in whichever way', async () => {
    for (const leave of ['end', 'destroy'] as const) {
      const { port, backend, server } = await serve();
      const client = await RawClient.session(port);
      client.send(query('select sleep(60000)'));
      await once(backend.events, 'running');
      expect(backend.open.executions).toBe(1);
      client[leave]();
      await server.close({ graceMs: 10_000 });
      expect(backend.open).toEqual({ sessions: 0, statements: 0, executions: 0 });
    }
  });
});

describe('bounds', () => {
  it('so many sessions, and so many of one user', async () => {
    const { port } = await serve({ limits: { maxConnections: 2, maxConnectionsPerUser: 1 } });
    await RawClient.session(port, { user: 'bob' });
    const again = await RawClient.connect(port);
    again.send(BOB);
    expect(await again.untilEnd()).toEqual(['E FATAL 53300 too many connections for role "bob"', '(end)']);
    await RawClient.session(port, { user: 'ben' });
    const third = await RawClient.connect(port);
    third.send(startup({ user: 'ben' }));
    expect(await third.untilEnd()).toEqual(['E FATAL 53300 sorry, too many clients already', '(end)']);
  });

  it('a session that ends makes room for another', async () => {
    const { port } = await serve({ limits: { maxConnections: 1 } });
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.session(port);
      client.send(raw('X', ''));
      expect(await client.untilEnd()).toEqual(['(end)']);
    }
  });

  it('so many connections that have not logged in', async () => {
    const { port } = await serve({ limits: { maxOpening: 1 } });
    const first = await RawClient.connect(port);
    const second = await RawClient.connect(port);
    expect(await second.untilEnd()).toEqual(['(end)']);
    first.send(BOB);
    expect((await first.until('Z')).at(-1)).toBe('Z I');
  });

  it.each([['a long startup message', startup({ user: 'bob', application_name: 'x'.repeat(20_000) })]])(
    '%s is refused by its header',
    async (_, bytes) => {
      const { port } = await serve();
      const client = await RawClient.connect(port);
      client.send(bytes.subarray(0, 4));
      expect(await client.untilEnd()).toEqual(['E FATAL 08P01 invalid message length', '(end)']);
    },
  );

  it('so long a message', async () => {
    const { port } = await serve({ limits: { messageBytes: 100 } });
    const client = await RawClient.session(port);
    client.send(query(`select '${'x'.repeat(100)}'`));
    expect(await client.untilEnd()).toEqual(['E FATAL 08P01 invalid message length', '(end)']);
  });

  it('so many prepared statements and portals, and so many bytes of them', async () => {
    const { port } = await serve({ limits: { maxPreparedStatements: 2, maxPortals: 1, heldBytes: 500 } });
    const client = await RawClient.session(port);
    client.send(parse('select 1', 'a'), parse('select 2', 'b'), parse('select 3', 'c'), sync);
    expect(await client.until('Z')).toEqual([
      '1',
      '1',
      'E ERROR 53400 at most 2 prepared statements may exist in a session',
      'Z I',
    ]);
    client.send(bind({ portal: 'p', statement: 'a' }), bind({ portal: 'q', statement: 'a' }), sync);
    expect((await client.until('Z'))[1]).toBe(
      'E ERROR 53400 at most 1 portals and cursors may be open in a session',
    );
    client.send(parse(`select '${'x'.repeat(500)}'`), sync);
    expect((await client.until('Z'))[0]).toMatch(/^E ERROR 53200 /);
    // What was refused holds nothing.
    client.send(parse(`select '${'x'.repeat(200)}'`), sync);
    expect(await client.until('Z')).toEqual(['1', 'Z I']);
  });

  it('so long without a word, and less while something is held', async () => {
    const { port } = await serve({ limits: { idleTimeoutMs: 40, idleInTransactionTimeoutMs: 20 } });
    const idle = await RawClient.session(port);
    expect(await idle.untilEnd()).toEqual([
      'E FATAL 57P05 terminating connection due to idle-session timeout',
      '(end)',
    ]);
    const holding = await RawClient.session(port);
    holding.send(query('begin'));
    expect((await holding.untilEnd()).slice(-2)).toEqual([
      'E FATAL 25P03 terminating connection due to idle-in-transaction timeout',
      '(end)',
    ]);
  });

  it('a client that does not read makes its query wait, and is ended in the end', async () => {
    let batchCount = 0;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const backend = memoryBackend({ users: { bob: { kind: 'trust' } } });
    const endless = {
      ...backend,
      openSession: async () => ({
        prepare: async () => ({
          parameterOids: [],
          fields: [{ name: 'x', oid: 25 }],
          command: 'SELECT',
          async *execute() {
            for (; ; batchCount++) yield { rowCount: 100, columns: [Array(100).fill('x'.repeat(1_000))] };
          },
        }),
        close: async () => release(),
      }),
    };
    const { port } = await serve({
      backend: endless,
      limits: { outboundBytes: 100_000, stalledClientTimeoutMs: 100 },
    });
    const client = await RawClient.session(port);
    client.socket.pause();
    client.send(query('endless'));
    await released;
    // What the buffers of the system take, and no more.
    expect(batchCount).toBeLessThan(1_000);
  });
});

describe('the server ends', () => {
  it('idle sessions at once, and running ones when they are done', async () => {
    const { port, server, backend } = await serve();
    const idle = await RawClient.session(port);
    const busy = await RawClient.session(port);
    busy.send(query("select sleep(100), 'done' as a"));
    await once(backend.events, 'running');
    const closed = server.close({ graceMs: 10_000 });
    const reason = 'E FATAL 57P01 terminating connection due to administrator command';
    expect(await idle.untilEnd()).toEqual([reason, '(end)']);
    expect(await busy.untilEnd()).toEqual([
      'T sleep:25 a:25',
      'D |done',
      'C SELECT 1',
      'Z I',
      reason,
      '(end)',
    ]);
    await closed;
  });

  it('running ones without waiting, once their grace is over', async () => {
    const { port, server, backend } = await serve();
    const client = await RawClient.session(port);
    client.send(query('select sleep(60000)'));
    await once(backend.events, 'running');
    await server.close({ graceMs: 20 });
    expect(await client.untilEnd()).toEqual([
      'T sleep:25',
      'E FATAL 57P01 terminating connection due to administrator command',
      '(end)',
    ]);
    expect(backend.open).toEqual({ sessions: 0, statements: 0, executions: 0 });
  });
});

describe('what nobody expected', () => {
  it('reaches the client as no more than that, and the owner of the server in full', async () => {
    const { port, unexpected } = await serve();
    const client = await RawClient.session(port);
    client.send(query('select crash()'), parse('select crash()'), bind(), execute(), sync);
    await client.until('T');
    expect(await client.until('Z')).toEqual(['E ERROR XX000 internal error', 'Z I']);
    expect((await client.until('Z')).slice(-2)).toEqual(['E ERROR XX000 internal error', 'Z I']);
    expect(unexpected.map(String)).toEqual([
      'TypeError: a secret of the backend',
      'TypeError: a secret of the backend',
    ]);
  });

  it('a value that its column cannot have ends the statement, not in the middle of a row', async () => {
    const backend = memoryBackend({ users: { bob: { kind: 'trust' } } });
    const { port, unexpected } = await serve({
      backend: {
        ...backend,
        openSession: async () => ({
          prepare: async () => ({
            parameterOids: [],
            fields: [
              { name: 'a', oid: 25 },
              { name: 'b', oid: 23 },
            ],
            command: 'SELECT',
            async *execute() {
              yield {
                rowCount: 2,
                columns: [
                  ['one', 'two'],
                  [1, 'not a number'],
                ],
              };
            },
          }),
          close: async () => {},
        }),
      },
    });
    const client = await RawClient.session(port);
    client.send(query('x'));
    expect(await client.until('Z')).toEqual([
      'T a:25 b:23',
      'D one|1',
      'E ERROR XX000 internal error',
      'Z I',
    ]);
    expect(unexpected).toHaveLength(1);
  });
});
