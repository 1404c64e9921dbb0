import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, SpanledgerError } from '../errors.ts';
import { type BodyType, bodyTypeOf, encodeStatus } from '../otlp/index.ts';

export const CONTENT_TYPES: Readonly<Record<BodyType, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** A refused request, in the words of HTTP and of google.rpc.Code. */
export interface Refusal {
  readonly httpStatus: number;
  readonly grpcCode: number;
  readonly code: string;
  readonly message: string;
  /** Seconds after which the sender may try again. */
  readonly retryAfterSeconds?: number;
  /** The rest of the body is not read, so the connection cannot be used again. */
  readonly closes?: boolean;
  /** Not an expected failure: a person should look. */
  readonly isSurprise?: boolean;
}

/**
 * Expected failures: what the sender did is 4xx and must not be retried; what we lack is 503 and should be. A
 * 500 makes senders drop their spans (OTLP specification, "Retryable Response Codes"), so surprises are 503 too.
 */
const REFUSALS: Partial<
  Record<ErrorCode, Pick<Refusal, 'httpStatus' | 'grpcCode' | 'retryAfterSeconds' | 'closes'>>
> = {
  SL_OTLP_MALFORMED: { httpStatus: 400, grpcCode: 3 },
  SL_OTLP_WRONG_SIGNAL: { httpStatus: 400, grpcCode: 3 },
  SL_OTLP_ENCODING: { httpStatus: 400, grpcCode: 3 },
  SL_OTLP_CONTENT_TYPE: { httpStatus: 415, grpcCode: 3, closes: true },
  SL_OTLP_TOO_LARGE: { httpStatus: 413, grpcCode: 8, closes: true },
  SL_OTLP_INTERRUPTED: { httpStatus: 400, grpcCode: 1, closes: true },
  SL_RECEIVER_BUSY: { httpStatus: 503, grpcCode: 14, retryAfterSeconds: 1, closes: true },
  SL_JOURNAL_FULL: { httpStatus: 503, grpcCode: 14, retryAfterSeconds: 5 },
  SL_JOURNAL_WRITE_FAILED: { httpStatus: 503, grpcCode: 14, retryAfterSeconds: 5 },
};

export function refusalOf(error: unknown): Refusal {
  if (error instanceof SpanledgerError) {
    const known = REFUSALS[error.code];
    if (known !== undefined) return { ...known, code: error.code, message: error.message };
  }
  if (isFastifyClientError(error)) {
    const status = error.statusCode === 415 ? 'SL_OTLP_CONTENT_TYPE' : 'SL_OTLP_MALFORMED';
    return { httpStatus: error.statusCode, grpcCode: 3, code: status, message: error.message, closes: true };
  }
  return {
    httpStatus: 503,
    grpcCode: 14,
    code: 'SL_INTERNAL',
    message: 'The request could not be stored; send it again.',
    retryAfterSeconds: 5,
    isSurprise: true,
  };
}

/** Answers with a `google.rpc.Status` in the request's own encoding. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const type = bodyTypeOf(request.headers['content-type']) ?? 'json';
  if (refusal.retryAfterSeconds !== undefined) reply.header('retry-after', String(refusal.retryAfterSeconds));
  if (refusal.closes) reply.header('connection', 'close');
  return reply
    .code(refusal.httpStatus)
    .header('content-type', CONTENT_TYPES[type])
    .send(Buffer.from(encodeStatus(type, refusal.grpcCode, `${refusal.code}: ${refusal.message}`)));
}

function isFastifyClientError(error: unknown): error is Error & { statusCode: number } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  );
}
