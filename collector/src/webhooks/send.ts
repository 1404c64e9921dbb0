import * as http from 'node:http';
import * as https from 'node:https';
import type { Answer } from './delivery.ts';

/** One request to a receiver. */
export interface WebhookRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Never rejects: whatever happens is an answer, or the lack of one. */
export type Send = (request: WebhookRequest, signal: AbortSignal) => Promise<Answer>;

export interface SendLimits {
  /** For all of it, from the name's resolution to the end of the answer. */
  readonly timeoutMs: number;
  /** Nothing is read from answers but their status; beyond this the connection is cut. */
  readonly maxAnswerBytes: number;
}

export const SEND_LIMITS: SendLimits = { timeoutMs: 10_000, maxAnswerBytes: 64 * 1024 };

/**
 * Posts over HTTP. By `node:http`, which follows no redirects and has no pool that outlives the request. The status
 * decides; a body that hangs or never ends does not take it back.
 */
export function httpSend({ timeoutMs, maxAnswerBytes }: SendLimits = SEND_LIMITS): Send {
  return ({ url, headers, body }, signal) =>
    new Promise((resolve) => {
      let status: number | null = null;
      const end = (problem: string) =>
        resolve(status === null ? { kind: 'unanswered', problem } : { kind: 'answered', status });
      const { request: open } = url.protocol === 'https:' ? https : http;
      const request = open(url, {
        method: 'POST',
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        agent: false,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      request.on('response', (response) => {
        status = response.statusCode ?? null;
        let received = 0;
        response.on('data', (chunk: Buffer) => {
          received += chunk.length;
          if (received > maxAnswerBytes) request.destroy();
        });
        response.on('error', () => end('the answer was cut'));
        response.on('close', () => end('the answer was cut'));
      });
      request.on('error', (error) => {
        end(signal.aborted ? 'the service stopped' : problemOf(error, timeoutMs));
      });
      request.end(body);
    });
}

/** Never the error's sentence, which may name the address. */
function problemOf(error: Error, timeoutMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') {
    return `no answer within ${timeoutMs / 1000} s`;
  }
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? `not reached: ${code}` : 'not reached';
}
