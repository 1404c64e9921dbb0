import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SpanledgerError } from '../errors.ts';
import type { JournalEntry } from '../journal/index.ts';
import {
  type BodyEncoding,
  type BodyType,
  bodyEncodingOf,
  bodyTypeOf,
  checkLogs,
  checkTraces,
  encodeExportResponse,
  inflate,
  type PartialSuccess,
  type ScanLimits,
  type Signal,
  type TracesCheck,
} from '../otlp/index.ts';
import { readBody } from './body.ts';
import { CONTENT_TYPES, refusalOf, sendRefusal } from './refusal.ts';

export interface ReceiverLimits {
  readonly maxBodyBytes: number;
  readonly maxInflatedBytes: number;
  /** Bodies being received at once, in bytes; the bound on what slow or many senders can make us hold. */
  readonly maxInFlightBytes: number;
  readonly requestTimeoutMs: number;
  readonly scan: ScanLimits;
}

/** What the receiver has seen since it started; read by metrics. */
export interface ReceiverCounters {
  requests: number;
  /** Answered with 4xx: the sender must not repeat them. */
  requestsRefused: number;
  /** Answered with 503: the sender is to come again. */
  requestsDeferred: number;
  spans: number;
  rejectedSpans: number;
  logRecords: number;
  bodyBytes: number;
  /** Requests refused, by error code. */
  readonly refused: Map<string, number>;
}

export interface ReceiverParts {
  /** Resolves when the body is on disk; rejects with a coded error when it cannot be. */
  readonly append: (entry: JournalEntry) => Promise<unknown>;
  readonly limits: ReceiverLimits;
  readonly nowMillis: () => number;
  readonly onSurprise: (error: unknown) => void;
}

const TENANT = 'default';

/**
 * Where OTLP senders post. The second and third of each are what the SDKs of other vendors put behind a host (LangSmith,
 * Langfuse and others), so that for their users changing the endpoint is all there is to do.
 */
const PATHS: ReadonlyMap<string, Signal> = new Map(
  ['', '/otel', '/api/public/otel'].flatMap((prefix) => [
    [`${prefix}/v1/traces`, 'traces'] as const,
    [`${prefix}/v1/logs`, 'logs'] as const,
  ]),
);

/**
 * OTLP over HTTP (opentelemetry-proto, docs/specification.md, "OTLP/HTTP"). A request passes five steps: say what it
 * is, read it, inflate it, check it, make it durable. Only then is it answered with 200.
 */
export function buildReceiver(parts: ReceiverParts): { server: FastifyInstance; counters: ReceiverCounters } {
  const { limits } = parts;
  const counters: ReceiverCounters = {
    requests: 0,
    requestsRefused: 0,
    requestsDeferred: 0,
    spans: 0,
    rejectedSpans: 0,
    logRecords: 0,
    bodyBytes: 0,
    refused: new Map(),
  };
  const inFlight = { bytes: 0 };

  const server = Fastify({
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    http: { headersTimeout: Math.min(10_000, limits.requestTimeoutMs), connectionsCheckingInterval: 1000 },
  });
  // The handler reads the raw request itself: only it knows when a body is not worth reading.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));

  server.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error);
    counters.refused.set(refusal.code, (counters.refused.get(refusal.code) ?? 0) + 1);
    if (refusal.httpStatus === 503) counters.requestsDeferred++;
    else counters.requestsRefused++;
    if (refusal.isSurprise) parts.onSurprise(error);
    return sendRefusal(request, reply, refusal);
  });
  server.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const signal = PATHS.get(path);
    if (signal !== undefined) reply.header('allow', 'POST');
    return sendRefusal(request, reply, {
      httpStatus: signal === undefined ? 404 : 405,
      grpcCode: 12,
      code: 'SL_OTLP_PATH',
      message:
        signal === undefined
          ? notServed(path)
          : `${request.method} is not taken here: send ${signal} with POST.`,
    });
  });

  for (const [path, signal] of PATHS) {
    server.post(path, async (request, reply) => {
      counters.requests++;
      const { type, encoding } = describe(request);
      const body = await readBody(request.raw, limits.maxBodyBytes, limits.maxInFlightBytes, inFlight);
      try {
        const content = check(
          signal,
          inflate(body.bytes, encoding, limits.maxInflatedBytes),
          type,
          limits.scan,
        );
        const records = content.spans + content.rejectedSpans + content.logRecords;
        if (records > 0) {
          await parts.append({
            receivedAtMillis: parts.nowMillis(),
            tenant: TENANT,
            signal,
            bodyType: type,
            bodyEncoding: encoding,
            spans: records,
            body: body.bytes,
          });
        }
        counters.spans += content.spans;
        counters.rejectedSpans += content.rejectedSpans;
        counters.logRecords += content.logRecords;
        counters.bodyBytes += body.bytes.byteLength;
        return accept(reply, type, content.partialSuccess);
      } finally {
        body.release();
      }
    });
  }

  return { server, counters };
}

function describe(request: FastifyRequest): { type: BodyType; encoding: BodyEncoding } {
  const contentType = request.headers['content-type'];
  const type = bodyTypeOf(contentType);
  if (type === undefined) {
    throw new SpanledgerError(
      'SL_OTLP_CONTENT_TYPE',
      `The content type must be application/x-protobuf or application/json, it is ${contentType ?? 'missing'}.`,
    );
  }
  const contentEncoding = request.headers['content-encoding'];
  const encoding = bodyEncodingOf(contentEncoding);
  if (encoding === undefined) {
    throw new SpanledgerError(
      'SL_OTLP_ENCODING',
      `The content encoding must be gzip, deflate or identity, it is ${contentEncoding}.`,
    );
  }
  return { type, encoding };
}

/** What a body holds that can be journaled, and what is to be said of the rest. */
interface Content {
  readonly spans: number;
  readonly rejectedSpans: number;
  readonly logRecords: number;
  readonly partialSuccess: PartialSuccess | undefined;
}

function check(signal: Signal, body: Uint8Array, type: BodyType, limits: ScanLimits): Content {
  switch (signal) {
    case 'traces': {
      const traces = checkTraces(body, type, limits);
      return {
        spans: traces.spans,
        rejectedSpans: traces.rejected,
        logRecords: 0,
        partialSuccess: partialSuccessOf(traces),
      };
    }
    case 'logs': {
      const { records } = checkLogs(body, type, limits);
      return { spans: 0, rejectedSpans: 0, logRecords: records, partialSuccess: undefined };
    }
  }
}

function partialSuccessOf({ rejected, spans, firstRejection }: TracesCheck): PartialSuccess | undefined {
  if (rejected === 0 || firstRejection === null) return undefined;
  return {
    rejectedSpans: rejected,
    errorMessage:
      `${rejected} of ${spans + rejected} spans cannot be metered and were set aside; ` +
      `the first is "${firstRejection.name}": ${firstRejection.reason} (${firstRejection.detail}).`,
  };
}

/** Senders of metrics get a sentence of their own: one endpoint for all three signals is what most people configure. */
function notServed(path: string): string {
  const served = 'OTLP traces go to POST /v1/traces and logs to POST /v1/logs';
  return path.endsWith('/v1/metrics')
    ? `Metrics are not taken: usage is read from spans and log events, and sums over many calls would count it again. Point only the exporters of traces and logs here (OTEL_METRICS_EXPORTER=none); ${served}.`
    : `Nothing is served at ${path}; ${served}.`;
}

function accept(
  reply: FastifyReply,
  type: BodyType,
  partialSuccess: PartialSuccess | undefined,
): FastifyReply {
  return reply
    .code(200)
    .header('content-type', CONTENT_TYPES[type])
    .send(Buffer.from(encodeExportResponse(type, partialSuccess)));
}
