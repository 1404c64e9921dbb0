import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
import { failureOf, RETRY_AFTER_SECONDS } from './failure.ts';
import { assertWellFormed } from './problems.ts';

/** The HTTP server of the API: what a route takes is of the type that its schema says. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The longest id of a customer, every character of it escaped. */
const MAX_PARAM_CHARACTERS = 12_000;
const MAX_STATEMENT_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * A server without routes. Every error is `{"error": {"code", "message"}}`.
 *
 * @param listen makes the HTTP server around the routes, where they are not all that it serves
 */
export function buildServer(
  onSurprise: (error: unknown) => void,
  listen?: (routes: RequestListener) => Server,
): ApiServer {
  const server = Fastify({
    bodyLimit: MAX_STATEMENT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
    // An address that cannot be decoded gets no further than the router.
    frameworkErrors(error, request, { raw: response }) {
      const { status, ...failure } = failureOf(error, request);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: failure }));
    },
    ...(listen === undefined ? {} : { serverFactory: (routes: RequestListener) => listen(routes) }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.setValidatorCompiler(TypeBoxValidatorCompiler);

  // Schemas of answers are for types and the document: what a route gives is sent as it is.
  server.setSerializerCompiler(() => (answer) => JSON.stringify(answer));

  server.addHook('preValidation', async ({ body }) => assertWellFormed(body));

  server.setErrorHandler((error: unknown, request, reply) => {
    const { status, ...failure } = failureOf(error, request);
    if (failure.code === 'SL_INTERNAL') onSurprise(error);
    if (status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
    return reply.code(status).send({ error: failure });
  });
  return server;
}
