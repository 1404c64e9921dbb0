import type { FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { type ErrorCode, SpanledgerError } from '../errors.ts';
import { InvalidRequest, type Problem, problemsOf, sentenceOf } from './problems.ts';

/** What is busy or full now may be free again soon. */
export const RETRY_AFTER_SECONDS = 1;

const STATUS: Partial<Record<ErrorCode, number>> = {
  SL_CUSTOMER_UNKNOWN: 404,
  SL_CUSTOMER_EXISTS: 409,
  SL_PERIOD_UNKNOWN: 404,
  SL_ENTRY_UNKNOWN: 404,
  SL_CHECK_UNPRICED: 422,
  SL_JOURNAL_FULL: 503,
  SL_JOURNAL_WRITE_FAILED: 503,
  SL_LEDGER_UNAVAILABLE: 503,
  SL_API_REQUEST: 400,
  SL_TRACE_UNKNOWN: 404,
  SL_RERATE_BUSY: 409,
  SL_RERATE_UNKNOWN: 404,
  SL_RERATE_REQUEST: 400,
  SL_WHATIF_REQUEST: 400,
  SL_WHATIF_LIMIT: 422,
  SL_EXPORT_REQUEST: 400,
  SL_EXPORT_BUSY: 503,
  SL_EXPORT_LIMIT: 422,
  SL_SNAPSHOT_BUSY: 409,
  SL_SNAPSHOT_SPACE: 507,
  SL_SNAPSHOT_UNKNOWN: 404,
  SL_QUERY_REFUSED: 400,
  SL_QUERY_FAILED: 400,
  SL_QUERY_LIMIT: 422,
  SL_QUERY_BUSY: 503,
  SL_QUERY_PAUSED: 503,
};

/** Of a surprise a caller is told no more. */
export const MISTAKE_OF_OURS = 'A mistake of ours; the log has the details.';

/** What a caller is told. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly problems?: readonly Problem[];
}

/** Anything can be thrown; only what is known to be fit for a caller is told. */
export function failureOf(error: unknown, request: FastifyRequest): Failure {
  if (error instanceof SpanledgerError) {
    const { code, message } = error;
    const failure = { status: STATUS[code] ?? 500, code, message };
    return error instanceof InvalidRequest ? { ...failure, problems: error.problems } : failure;
  }
  if (isClientError(error)) {
    const failure = { status: error.statusCode, code: 'SL_API_REQUEST', message: error.message };
    if (!isValidationError(error)) return failure;
    const problems = problemsOf(error.validation, error.validationContext, request);
    return { ...failure, message: sentenceOf(problems), problems };
  }
  return { status: 500, code: 'SL_INTERNAL', message: MISTAKE_OF_OURS };
}

/** What Fastify found wrong with a request. */
function isClientError(error: unknown): error is Error & { statusCode: number } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  );
}

/** What Fastify throws where a part of a request does not fit its schema. */
function isValidationError(
  error: Error,
): error is Error & { validation: FastifySchemaValidationError[]; validationContext?: string } {
  return 'validation' in error && Array.isArray(error.validation);
}
