import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { verify } from '../signature.ts';
import { keysOf, SECRET } from './alerts.ts';

export interface Received {
  readonly messageId: string;
  readonly body: string;
  readonly isSigned: boolean;
}

/** What a receiver does with the request of that number, counted from 1. */
export type Behaviour = (response: ServerResponse, request: number) => void;

export const answering =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end();

/** As if the process had died in the middle of it. */
export const dying: Behaviour = (response) => response.destroy();
export const hanging: Behaviour = () => {};

/** One behaviour after the other; the last one stays. */
export const first =
  (...behaviours: readonly Behaviour[]): Behaviour =>
  (response, request) =>
    behaviours[Math.min(request, behaviours.length) - 1]?.(response, request);

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Resolves when so many have come. */
  readonly untilReceived: (count: number) => Promise<void>;
}

/** A real HTTP server that checks signatures as its operator would; it goes with the test. */
export async function aReceiver(
  behaviour: Behaviour,
  nowSeconds: () => number = () => Math.floor(Date.now() / 1000),
): Promise<Receiver> {
  const received: Received[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const keys = keysOf(SECRET);
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const header = (name: string) => request.headers[name]?.toString();
    const isSigned = verify(
      keys,
      {
        'webhook-id': header('webhook-id'),
        'webhook-timestamp': header('webhook-timestamp'),
        'webhook-signature': header('webhook-signature'),
      },
      body,
      nowSeconds(),
    );
    received.push({ messageId: header('webhook-id') ?? '', body, isSigned });
    behaviour(response, received.length);
    for (const { count, resolve } of waiting) if (received.length >= count) resolve();
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // Not null and no text: it listens on a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks/secret-path`,
    received,
    untilReceived: (count) =>
      new Promise((resolve) => {
        if (received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
}
