import { connect, createServer, type Server } from 'node:net';

/**
 * Hands connections on to a port of this machine. In a container the service listens on loopback, which nothing outside
 * reaches, because spans carry no credentials; compose.yml runs this beside it and publishes the port on the loopback of
 * the host, where the same rule holds.
 */
export function forwardTo(port: number): Server {
  return createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    // Whichever end breaks, the other is told by a break too: an answer is never cut short to look whole.
    outside.on('error', () => inside.destroy());
    inside.on('error', () => outside.resetAndDestroy());
    outside.pipe(inside).pipe(outside);
  });
}

const [from, to] = process.argv.slice(2).map(Number);
if (import.meta.main && from !== undefined && to !== undefined) {
  const server = forwardTo(to).listen(from, '0.0.0.0');
  process.on('SIGTERM', () => {
    server.close();
    process.exit(0);
  });
}
