import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';

/** On every answer to a write: the number of the news that tell what it has changed. Never seen outside. */
export const NEWS_HEADER = 'x-spanledger-news';

export interface Upstream {
  readonly host: string;
  readonly port: number;
}

/** Meant for the next hop only (RFC 9110, section 7.6.1); of a request, its framing stays as it is. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'upgrade'];

/** Shorter than the other end keeps idle connections, so that none is used in the moment in which it is closed. */
const IDLE_MS = 30_000;

/** Connections to the process behind; `destroy` it in the end. */
export function forwardingAgent(): Agent {
  return new Agent({ keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' });
}

export interface Forwarding {
  readonly agent: Agent;
  /** Looks at the headers of the answer, may take some away, and says when it may go on. */
  readonly beforeAnswer: (headers: IncomingHttpHeaders) => Promise<void>;
  /** The process behind did not answer; nothing has been sent. */
  readonly onFailure: (response: ServerResponse, cause: Error) => void;
}

/**
 * Hands a request on as it came, path and body untouched, and its answer back. When either side goes away, so does the
 * other. A library would normalise paths: an id of a customer may be `..`.
 */
export function forward(
  incoming: IncomingMessage,
  response: ServerResponse,
  { host, port }: Upstream,
  { agent, beforeAnswer, onFailure }: Forwarding,
): void {
  const outgoing = request({
    agent,
    host,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: withoutHops(incoming.headers),
  });
  let isAnswered = false;
  response.once('close', () => outgoing.destroy());
  outgoing.once('error', (cause) => {
    if (isAnswered) return; // the answer has a stream of its own, which fails then
    if (!response.destroyed) onFailure(response, cause);
  });
  outgoing.once('response', (answer) => {
    isAnswered = true;
    beforeAnswer(answer.headers)
      .then(() => {
        const { 'transfer-encoding': _, ...headers } = withoutHops(answer.headers);
        response.writeHead(answer.statusCode ?? 502, headers);
        // A broken answer must not look whole: the connection is closed before its end.
        pipeline(answer, response, () => {});
      })
      .catch(() => response.destroy());
  });
  // An answer may come before the body has been read to its end; what is left of it then goes nowhere.
  pipeline(incoming, outgoing, () => {});
}

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = { ...headers };
  for (const name of (headers.connection ?? '').split(',')) delete kept[name.trim().toLowerCase()];
  for (const name of HOP_BY_HOP) delete kept[name];
  return kept;
}
