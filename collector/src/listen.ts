import type { FastifyInstance } from 'fastify';
import { SpanledgerError } from './errors.ts';

/**
 * Listens and returns the port, which port 0 leaves to the system. `setting` is what the operator can change.
 *
 * @throws {SpanledgerError} SL_PORT_IN_USE
 */
export async function listen(
  server: FastifyInstance,
  host: string,
  port: number,
  setting: string,
): Promise<number> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    throw notListening(cause, host, port, setting);
  }
  const address = server.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** What the operator can do about it, where it is a port that cannot be had. */
export function notListening(cause: unknown, host: string, port: number, setting: string): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return cause;
  const why = code === 'EACCES' ? 'not allowed for this user' : 'taken by another program';
  return new SpanledgerError(
    'SL_PORT_IN_USE',
    `Port ${port} on ${host} is ${why}. Free it, or set another port (${setting}).`,
    { cause },
  );
}
