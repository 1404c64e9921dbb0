import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import { creditRoutes } from './credit-routes.ts';
import type { CreditsParts } from './credits.ts';
import { ApiDescription } from './openapi.ts';
import { type QueryAnswer, QueryAnswerSchema } from './query-answer.ts';
import {
  RerateAcceptedSchema,
  RerateBody,
  RerateReportSchema,
  type Rerating,
  WhatIfBody,
  WhatIfReportSchema,
} from './rerate.ts';
import { ErrorSchema } from './schemas.ts';
import { buildServer } from './server.ts';
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

export interface Readiness {
  readonly isReady: boolean;
  readonly lagBytes: number;
  /** How long the oldest of these bytes have been on disk. */
  readonly waitingMs: number;
  readonly lastCommitAt: string | null;
}

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
  const server = buildServer(parts.onSurprise);
  const description = new ApiDescription();
  server.addHook('onRoute', (route) => description.note(route));

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
      const { isReady, lagBytes, waitingMs, lastCommitAt } = parts.readiness();
      return reply.code(isReady ? 200 : 503).send({
        status: isReady ? 'ready' : 'not ready',
        lag_bytes: lagBytes,
        waiting_ms: waitingMs,
        last_commit_at: lastCommitAt,
      });
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
