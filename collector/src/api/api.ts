import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyInstance,
  type FastifyRequest,
  type FastifySchemaValidationError,
} from 'fastify';
import { type Static, Type } from 'typebox';
import { type ErrorCode, SpanledgerError } from '../errors.ts';
import { creditRoutes } from './credit-routes.ts';
import type { CreditsParts } from './credits.ts';
import { ApiDescription } from './openapi.ts';
import { InvalidRequest, type Problem, problemsOf, sentenceOf } from './problems.ts';
import {
  RerateAcceptedSchema,
  RerateBody,
  RerateReportSchema,
  type Rerating,
  WhatIfBody,
  WhatIfReportSchema,
} from './rerate.ts';
import { ErrorSchema } from './schemas.ts';
import { type TraceReport, TraceReportSchema } from './trace.ts';
import { type Redeliver, webhookRoutes } from './webhooks.ts';

export interface ApiParts {
  readonly query: (sql: string, params: readonly QueryParam[]) => Promise<QueryAnswer>;
  /** All that the ledger holds of a trace and of those linked to it; null when it holds nothing. */
  readonly trace: (traceId: string) => Promise<TraceReport | null>;
  readonly rerating: Rerating;
  readonly credits: CreditsParts;
  readonly redeliver: Redeliver;
  readonly readiness: () => Readiness;
  /** Metrics in the Prometheus text format. */
  readonly metrics: () => Promise<string>;
  readonly onSurprise: (error: unknown) => void;
}

type QueryParam = string | number | boolean | null;

export const QueryAnswerSchema = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Array(Type.Unknown()), {
    description: 'Decimals and 64-bit integers are strings, instants ISO 8601 in UTC.',
  }),
});
export type QueryAnswer = Static<typeof QueryAnswerSchema>;

export { ErrorSchema as ApiErrorSchema } from './schemas.ts';

export interface Readiness {
  readonly isReady: boolean;
  readonly lagBytes: number;
  readonly lastCommitAt: string | null;
}

/** The longest id of a customer, every character of it escaped. */
const MAX_PARAM_CHARACTERS = 12_000;

const MAX_STATEMENT_BYTES = 1024 * 1024;

const QueryBody = Type.Object(
  {
    sql: Type.String({ minLength: 1, description: 'One SELECT statement.' }),
    params: Type.Optional(
      Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]), {
        maxItems: 1000,
        description: 'Values for $1, $2, …',
      }),
    ),
  },
  { additionalProperties: false },
);

const TraceParams = Type.Object({ id: Type.String({ description: 'A trace id: 32 hexadecimal digits.' }) });
const TRACE_ID = /^[0-9a-f]{32}$/;

const JobParams = Type.Object({ id: Type.String({ description: 'What POST /api/rerate answered.' }) });

/** The HTTP API of the ledger process. Every error is `{"error": {"code", "message"}}`. */
export function buildApi(parts: ApiParts): FastifyInstance {
  const server = Fastify({
    bodyLimit: MAX_STATEMENT_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.setValidatorCompiler(TypeBoxValidatorCompiler);

  const description = new ApiDescription();
  server.addHook('onRoute', (route) => description.note(route));

  // Schemas of answers are for types and the document: what a route gives is sent as it is.
  server.setSerializerCompiler(() => (answer) => JSON.stringify(answer));

  server.setErrorHandler((error: unknown, request, reply) => {
    const { status, ...failure } = failureOf(error, request);
    if (failure.code === 'SL_INTERNAL') parts.onSurprise(error);
    if (status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
    return reply.code(status).send({ error: failure });
  });
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        code: 'SL_API_PATH',
        message: `Nothing is served at ${request.method} ${request.url}. GET /api/openapi.json describes what there is.`,
      },
    }),
  );

  server.post(
    '/api/query',
    {
      schema: {
        summary: 'Ask the ledger in SQL',
        tags: ['query'],
        body: QueryBody,
        response: { 200: QueryAnswerSchema, '4xx': ErrorSchema },
      },
    },
    (request) => parts.query(request.body.sql, request.body.params ?? []),
  );
  server.get(
    '/api/traces/:id',
    {
      schema: {
        summary: 'All that the ledger holds of a trace and of those linked to it',
        tags: ['query'],
        params: TraceParams,
        response: { 200: TraceReportSchema, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const traceId = request.params.id.toLowerCase();
      if (!TRACE_ID.test(traceId)) {
        throw new SpanledgerError(
          'SL_API_REQUEST',
          `A trace id has 32 hexadecimal digits, this has ${traceId.length} characters: ${request.params.id}`,
        );
      }
      const report = await parts.trace(traceId);
      if (report !== null) return report;
      throw new SpanledgerError(
        'SL_TRACE_UNKNOWN',
        `The ledger has no span of trace ${traceId}. What was sent a moment ago may still be on its way; a trace without AI calls is not kept.`,
      );
    },
  );
  server.post(
    '/api/rerate',
    {
      schema: {
        summary: 'Rate usage of the past again',
        tags: ['rating again'],
        body: RerateBody,
        response: { 202: RerateAcceptedSchema, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => reply.code(202).send({ id: await parts.rerating.start(request.body) }),
  );
  server.get(
    '/api/rerate/:id',
    {
      schema: {
        summary: 'How far a re-rating is, and what it changes',
        tags: ['rating again'],
        params: JobParams,
        response: { 200: RerateReportSchema, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const report = await parts.rerating.report(request.params.id);
      if (report !== null) return report;
      throw new SpanledgerError('SL_RERATE_UNKNOWN', `There is no re-rating ${request.params.id}.`);
    },
  );
  server.post(
    '/api/whatif',
    {
      schema: {
        summary: 'Run history under other prices or rules, without writing',
        tags: ['rating again'],
        body: WhatIfBody,
        response: { 200: WhatIfReportSchema, '4xx': ErrorSchema },
      },
    },
    (request, reply) => parts.rerating.whatIf(request.body, () => !reply.raw.destroyed),
  );
  creditRoutes(server, parts.credits);
  webhookRoutes(server, parts.redeliver);
  server.get(
    '/api/openapi.json',
    { schema: { summary: 'This document', tags: ['service'] } },
    () => description.document,
  );
  server.get('/healthz', { schema: { summary: 'The process answers', tags: ['service'] } }, () => ({
    status: 'ok',
  }));
  server.get(
    '/readyz',
    { schema: { summary: 'The ledger keeps up', tags: ['service'] } },
    (_request, reply) => {
      const { isReady, lagBytes, lastCommitAt } = parts.readiness();
      return reply
        .code(isReady ? 200 : 503)
        .send({ status: isReady ? 'ready' : 'not ready', lag_bytes: lagBytes, last_commit_at: lastCommitAt });
    },
  );
  server.get(
    '/metrics',
    { schema: { summary: 'Metrics in the Prometheus text format', tags: ['service'] } },
    async (_request, reply) =>
      reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await parts.metrics()),
  );
  return server as unknown as FastifyInstance;
}

/** What is busy or full now may be free again soon. */
const RETRY_AFTER_SECONDS = 1;

const STATUS: Partial<Record<ErrorCode, number>> = {
  SL_CUSTOMER_UNKNOWN: 404,
  SL_CUSTOMER_EXISTS: 409,
  SL_PERIOD_UNKNOWN: 404,
  SL_ENTRY_UNKNOWN: 404,
  SL_CHECK_UNPRICED: 422,
  SL_JOURNAL_FULL: 503,
  SL_JOURNAL_WRITE_FAILED: 503,
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
  SL_QUERY_REFUSED: 400,
  SL_QUERY_FAILED: 400,
  SL_QUERY_LIMIT: 422,
  SL_QUERY_BUSY: 503,
};

interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly problems?: readonly Problem[];
}

/** Anything can be thrown; only what is known to be fit for a caller is told. */
function failureOf(error: unknown, request: FastifyRequest): Failure {
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
  return { status: 500, code: 'SL_INTERNAL', message: 'A mistake of ours; the log has the details.' };
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
