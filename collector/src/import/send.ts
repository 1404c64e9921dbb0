import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SpanledgerError } from '../errors.ts';
import type { ImportBatch } from './batch.ts';

export interface SendSettings {
  /** Where OTLP traces are taken. */
  readonly url: URL;
  /** How long a service that takes nothing is asked again. A restart takes seconds; a full journal drains in minutes. */
  readonly patienceMs: number;
}

export const PATIENCE_MS = 15 * 60_000;

/** Requests under way at once: one is on its way while another is synced to disk. */
const MAX_CONCURRENT = 4;
/** A request is some hundred kilobytes; a service that has not answered by then has died. */
const REQUEST_TIMEOUT_MS = 60_000;
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;
/** What OTLP calls retryable (specification.md, "Retryable Response Codes"). */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const compressed = promisify(gzip);

/**
 * Sends batches, a few at once, and never more than the service takes: where it has no room it says when to come again.
 * What is sent is on its disk once it has answered; sent again it is the same spans.
 *
 * @param onSent is told of each batch that is on disk
 * @throws {SpanledgerError} SL_SERVICE_UNREACHABLE before anything was taken, SL_IMPORT_STOPPED after
 */
export async function sendBatches(
  batches: AsyncIterable<ImportBatch>,
  settings: SendSettings,
  onSent: (batch: ImportBatch) => void,
): Promise<void> {
  const stop = new AbortController();
  const service: Service = { ...settings, hasAnswered: false, signal: stop.signal };
  const underWay = new Set<Promise<void>>();
  const failed = Promise.withResolvers<never>();
  // Whoever waits for the next free place is told; afterwards nobody waits.
  failed.promise.catch(() => {});
  try {
    for await (const batch of batches) {
      const sent = sendBatch(batch, service).then(() => onSent(batch));
      const settled = sent.catch(failed.reject).finally(() => underWay.delete(settled));
      underWay.add(settled);
      // The first alone: where nobody listens there is no use in four complaints.
      const most = service.hasAnswered ? MAX_CONCURRENT : 1;
      while (underWay.size >= most) await Promise.race([failed.promise, ...underWay]);
    }
    await Promise.race([failed.promise, Promise.all(underWay)]);
  } finally {
    // After a failure: what is still under way must not be tried again for minutes.
    stop.abort();
  }
}

/** The service as this import has come to know it. */
interface Service extends SendSettings {
  hasAnswered: boolean;
  readonly signal: AbortSignal;
}

async function sendBatch({ body, bodyType }: ImportBatch, service: Service): Promise<void> {
  const { url, patienceMs, signal } = service;
  if (body.byteLength === 0) return;
  const request = {
    method: 'POST',
    headers: {
      'content-type': bodyType === 'json' ? 'application/json' : 'application/x-protobuf',
      'content-encoding': 'gzip',
    },
    body: await compressed(body),
  };
  const endsAt = performance.now() + patienceMs;
  for (let pauseMs = MIN_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const answer = await ask(url, request, signal);
    if (answer.kind !== 'unreachable') service.hasAnswered = true;
    if (answer.kind === 'taken') return;
    if (answer.kind === 'refused') throw stopped(`answered ${answer.detail}`);
    if (answer.kind === 'unreachable' && !service.hasAnswered) {
      throw new SpanledgerError(
        'SL_SERVICE_UNREACHABLE',
        `No service takes spans at ${url.href}. Start it with: npm start`,
        { cause: answer.cause },
      );
    }
    const waitMs = answer.kind === 'busy' ? (answer.retryAfterMs ?? pauseMs) : pauseMs;
    if (performance.now() + waitMs > endsAt) {
      const detail = answer.kind === 'busy' ? answer.detail : String(answer.cause);
      throw stopped(`has taken nothing for ${Math.round(patienceMs / 1000)} s (${detail})`);
    }
    await delay(waitMs, undefined, { signal });
  }
}

type Answer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number | null; readonly detail: string }
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'unreachable'; readonly cause: unknown };

async function ask(url: URL, request: RequestInit, signal: AbortSignal): Promise<Answer> {
  try {
    const either = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const response = await fetch(url, { ...request, signal: either });
    const text = await response.text();
    if (response.ok) return { kind: 'taken' };
    const detail = `${response.status} ${sentenceIn(text)}`.trim();
    if (!RETRYABLE.has(response.status)) return { kind: 'refused', detail };
    return { kind: 'busy', retryAfterMs: retryAfterMs(response.headers.get('retry-after')), detail };
  } catch (cause) {
    return { kind: 'unreachable', cause };
  }
}

/** Seconds, as this service sends them; a gateway's date would be a guess about two clocks. */
function retryAfterMs(value: string | null): number | null {
  return value !== null && /^\d{1,5}$/.test(value) ? Number(value) * 1000 : null;
}

const CODED = /SL_[A-Z_]+: \P{Control}*/u;

/** Our own sentence out of a google.rpc.Status, in either encoding; of anything else nothing. */
function sentenceIn(text: string): string {
  return CODED.exec(text)?.[0].replace(/"\}?$/, '') ?? '';
}

function stopped(what: string): SpanledgerError {
  return new SpanledgerError(
    'SL_IMPORT_STOPPED',
    `The service ${what}. What it took is on its disk; import the file again to send the rest: nothing counts twice.`,
  );
}
