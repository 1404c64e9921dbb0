import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { checkRoutes } from './check.ts';
import { RETRY_AFTER_SECONDS } from './failure.ts';
import { forward, forwardingAgent, NEWS_HEADER, type Upstream } from './forward.ts';
import type { Known } from './known.ts';
import { buildServer } from './server.ts';

export interface FrontParts {
  readonly known: Known;
  /** Where the ledger process serves the API; null: it is being started. */
  readonly ledger: () => Upstream | null;
  readonly onSurprise: (error: unknown) => void;
}

const CHECK = /^\/api\/customers\/[^/?]+\/check(?:\?|$)/;
const HEALTH = /^\/healthz(?:\?|$)/;

/**
 * The API as the main process serves it: checks by what it knows, because whoever is about to call a model waits for
 * them and the ledger process has much else to do; everything else by the ledger process.
 */
export function buildFront({ known, ledger, onSurprise }: FrontParts): FastifyInstance {
  const agent = forwardingAgent();
  const server = buildServer(onSurprise, (routes) =>
    createServer((request, response) => {
      if (isOurs(request)) routes(request, response);
      else handOn(request, response);
    }),
  );
  server.addHook('onClose', async () => agent.destroy());
  checkRoutes(server, known);
  server.get('/healthz', () => ({ status: 'ok' }));
  return server as unknown as FastifyInstance;

  function handOn(request: IncomingMessage, response: ServerResponse): void {
    const upstream = ledger();
    if (upstream === null) {
      request.resume();
      refuse(response, 'The ledger is being started again. Nothing was done; send the request again.');
      return;
    }
    forward(request, response, upstream, {
      agent,
      // Whoever has done something and is told so finds it in the next check.
      async beforeAnswer(headers) {
        const number = Number(headers[NEWS_HEADER] ?? 0);
        delete headers[NEWS_HEADER];
        await known.caughtUp(number);
      },
      onFailure(response) {
        refuse(
          response,
          'The ledger was ended before it answered; it is being started again. What you asked for may have been done: send the request again, a write with its Idempotency-Key.',
        );
      },
    });
  }
}

function isOurs({ method, url = '' }: IncomingMessage): boolean {
  return (method === 'POST' && CHECK.test(url)) || (method === 'GET' && HEALTH.test(url));
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': String(RETRY_AFTER_SECONDS) });
  response.end(JSON.stringify({ error: { code: 'SL_LEDGER_UNAVAILABLE', message } }));
}
