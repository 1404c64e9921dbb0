import type { RouteOptions } from 'fastify';
import { ErrorSchema } from './schemas.ts';

declare module 'fastify' {
  interface FastifySchema {
    summary?: string;
    tags?: readonly string[];
  }
}

/** What a route says of itself; all of it is what its requests are checked by, or its handler is typed by. */
interface DescribedRoute {
  readonly method: string;
  readonly path: string;
  readonly schema: RouteSchema;
}

type RouteSchema = NonNullable<RouteOptions['schema']>;

/** Notes routes as they are added, and describes them all as OpenAPI 3.1, whose schemas are JSON Schema as ours are. */
export class ApiDescription {
  readonly #routes: DescribedRoute[] = [];

  note({ method, url, schema }: Pick<RouteOptions, 'method' | 'url' | 'schema'>): void {
    for (const name of [method].flat()) {
      // Answered wherever GET is.
      if (name === 'HEAD') continue;
      this.#routes.push({ method: name.toLowerCase(), path: documented(url), schema: schema ?? {} });
    }
  }

  get document() {
    const paths: Record<string, Record<string, unknown>> = {};
    for (const { method, path, schema } of this.#routes.toSorted(byPath)) {
      const operations = paths[path] ?? {};
      operations[method] = operationOf(schema);
      paths[path] = operations;
    }
    return {
      openapi: '3.1.0',
      info: {
        title: 'Spanledger',
        version: API_VERSION,
        description:
          'Usage, cost and credits of AI calls. Amounts are decimal texts, instants RFC 3339; every error is {"error": {"code", "message"}}.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      paths,
      components: { schemas: { Error: ErrorSchema } },
    };
  }
}

export const API_VERSION = '0.1.0';

function byPath(one: DescribedRoute, other: DescribedRoute): number {
  if (one.path !== other.path) return one.path < other.path ? -1 : 1;
  return one.method < other.method ? -1 : 1;
}

/** `/api/traces/:id` as `/api/traces/{id}`. */
function documented(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}');
}

function operationOf({ summary, tags, params, querystring, headers, body, response }: RouteSchema) {
  const parameters = [
    ...parametersIn('path', params),
    ...parametersIn('query', querystring),
    ...parametersIn('header', headers),
  ];
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(tags === undefined ? {} : { tags }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: responsesOf(response),
  };
}

function parametersIn(place: 'path' | 'query' | 'header', schema: unknown) {
  const properties = memberOf(schema, 'properties');
  const required = memberOf(schema, 'required');
  return entriesOf(properties).map(([name, described]) => ({
    name,
    in: place,
    required: place === 'path' || (Array.isArray(required) && required.includes(name)),
    ...descriptionOf(described),
    schema: described,
  }));
}

function descriptionOf(schema: unknown) {
  const description = memberOf(schema, 'description');
  return typeof description === 'string' ? { description } : {};
}

function responsesOf(response: unknown) {
  const answers = entriesOf(response).map(([status, schema]) => [
    status.toUpperCase(),
    {
      description: status.startsWith('2') ? 'The answer.' : 'Why not.',
      content: { 'application/json': { schema: schema === ErrorSchema ? ERROR_REFERENCE : schema } },
    },
  ]);
  return answers.length === 0
    ? { '200': { description: 'The answer.' }, '4XX': ERROR_ANSWER }
    : Object.fromEntries(answers);
}

const ERROR_REFERENCE = { $ref: '#/components/schemas/Error' };
const ERROR_ANSWER = {
  description: 'Why not.',
  content: { 'application/json': { schema: ERROR_REFERENCE } },
};

function memberOf(value: unknown, name: string): unknown {
  return entriesOf(value).find(([key]) => key === name)?.[1];
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
