import { onTestFinished } from 'vitest';
import { PgServer, type PgServerOptions } from '../server.ts';
import { type MemoryBackend, memoryBackend } from './memory-backend.ts';

export interface Served {
  readonly server: PgServer;
  readonly backend: MemoryBackend;
  readonly port: number;
  /** What the server did not expect. A test that finds something here has found a mistake. */
  readonly unexpected: unknown[];
}

/** A server over the backend in memory, on any port, until the end of the test. Bob is trusted. */
export async function serve({
  backend = memoryBackend({ users: { bob: { kind: 'trust' }, ben: { kind: 'trust' } } }),
  ...options
}: Partial<PgServerOptions> & { readonly backend?: MemoryBackend } = {}): Promise<Served> {
  const unexpected: unknown[] = [];
  const server = new PgServer({
    backend,
    onUnexpected: (error) => unexpected.push(error),
    ...options,
    limits: { authenticationFailureDelayMs: 0, lingerMs: 200, ...options.limits },
  });
  await server.listen({ port: 0 });
  onTestFinished(() => server.close({ graceMs: 0 }));
  return { server, backend, port: server.address.port, unexpected };
}
