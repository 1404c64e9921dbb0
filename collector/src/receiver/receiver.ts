import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SpanledgerError } from '../errors.ts';
import type { JournalEntry } from '../journal/index.ts';
import {
  type BodyEncoding,
  type BodyType,
  bodyEncodingOf,
  bodyTypeOf,
  checkTraces,
  encodeTracesResponse,
  inflate,
  type ScanLimits,
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
  spans: number;
  rejectedSpans: number;
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
 * OTLP over HTTP (opentelemetry-proto, docs/specification.md, "OTLP/HTTP"). A request passes five steps: say what it
 * is, read it, inflate it, check it, make it durable. Only then is it answered with 200.
 */
export function buildReceiver(parts: ReceiverParts): { server: FastifyInstance; counters: ReceiverCounters } {
  const { limits } = parts;
  const counters: ReceiverCounters = {
    requests: 0,
    spans: 0,
    rejectedSpans: 0,
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
    if (refusal.isSurprise) parts.onSurprise(error);
    return sendRefusal(request, reply, refusal);
  });
  server.setNotFoundHandler((request, reply) => {
    const known = request.url.split('?')[0] === '/v1/traces';
    if (known) reply.header('allow', 'POST');
    return sendRefusal(request, reply, {
      httpStatus: known ? 405 : 404,
      grpcCode: 12,
      code: 'SL_OTLP_PATH',
      message: known
        ? `${request.method} is not taken here: send traces with POST.`
        : `Nothing is served at ${request.url}; OTLP traces go to POST /v1/traces.`,
    });
  });

  server.post('/v1/traces', async (request, reply) => {
    counters.requests++;
    const { type, encoding } = describe(request);
    const body = await readBody(request.raw, limits.maxBodyBytes, limits.maxInFlightBytes, inFlight);
    try {
      const check = checkTraces(inflate(body.bytes, encoding, limits.maxInflatedBytes), type, limits.scan);
      if (check.spans > 0 || check.rejected > 0) {
        await parts.append({
          receivedAtMillis: parts.nowMillis(),
          tenant: TENANT,
          signal: 'traces',
          bodyType: type,
          bodyEncoding: encoding,
          spans: check.spans + check.rejected,
          body: body.bytes,
        });
      }
      counters.spans += check.spans;
      counters.rejectedSpans += check.rejected;
      counters.bodyBytes += body.bytes.byteLength;
      return accept(reply, type, check);
    } finally {
      body.release();
    }
  });

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

function accept(reply: FastifyReply, type: BodyType, check: TracesCheck): FastifyReply {
  const { rejected, spans, firstRejection } = check;
  const partialSuccess =
    rejected === 0 || firstRejection === null
      ? undefined
      : {
          rejectedSpans: rejected,
          errorMessage:
            `${rejected} of ${spans + rejected} spans cannot be metered and were set aside; ` +
            `the first is "${firstRejection.name}": ${firstRejection.reason} (${firstRejection.detail}).`,
        };
  return reply
    .code(200)
    .header('content-type', CONTENT_TYPES[type])
    .send(Buffer.from(encodeTracesResponse(type, partialSuccess)));
}
