import { createServer } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { type Backend, PgServer } from '../../packages/pgwire/src/index.ts';
import { BATCHES, FIELDS } from './pgwire-rows.ts';

/** The server's thread of the benchmark: the server itself, and one that only repeats what it has once said. */
const backend: Backend = {
  credentialOf: async () => ({ kind: 'trust' }),
  openSession: async () => ({
    prepare: async () => ({
      parameterOids: [],
      fields: FIELDS,
      command: 'SELECT',
      async *execute() {
        yield* BATCHES;
      },
    }),
    close: async () => {},
  }),
};

const server = new PgServer({ backend });
await server.listen({ port: 0 });
parentPort?.postMessage({ port: server.address.port });
parentPort?.once('message', (recording: Uint8Array) => {
  const replay = createServer((socket) => {
    const greeting = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');
    socket.once('data', () => {
      socket.write(greeting);
      socket.on('data', (bytes) => {
        if (bytes[0] === 0x51) socket.write(recording);
      });
    });
    socket.on('error', () => socket.destroy());
  });
  replay.listen(0, '127.0.0.1', () => {
    const address = replay.address();
    parentPort?.postMessage({ port: typeof address === 'object' ? address?.port : undefined });
  });
});
