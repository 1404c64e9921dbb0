import type { FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';

/** What is wrong with one value of a request, in words that lead to the place and the repair. */
export const ProblemSchema = Type.Object({
  path: Type.String({ description: 'For instance body.credits.' }),
  expected: Type.String(),
  found: Type.String({ description: 'The value as JSON, shortened; nothing where it is missing.' }),
});
export type Problem = Static<typeof ProblemSchema>;

/** A request that is of the right shape and yet makes no sense. */
export class InvalidRequest extends SpanledgerError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('SL_API_REQUEST', sentenceOf(problems));
    this.problems = problems;
  }
}

export function sentenceOf(problems: readonly Problem[]): string {
  return problems
    .map(({ path, expected, found }) => `${path}: expected ${expected}, found ${found}`)
    .join('; ');
}

export function aProblem(path: string, expected: string, value: unknown): Problem {
  return { path, expected, found: foundText(value) };
}

/**
 * JSON can spell half a surrogate pair, which no UTF-8 can hold: stored, it would come back as another text.
 *
 * @throws {InvalidRequest}
 */
export function assertWellFormed(body: unknown): void {
  const problems = [...illFormed(body, 'body')];
  if (problems.length > 0) throw new InvalidRequest(problems);
}

function* illFormed(value: unknown, path: string): Generator<Problem> {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) yield aProblem(path, 'text without half characters (lone surrogates)', value);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield* illFormed(name, `${path}.${name.toWellFormed()}`);
      yield* illFormed(inner, `${path}.${name.toWellFormed()}`);
    }
  }
}

/** Everything that a schema has found wrong with a part of a request. */
export function problemsOf(
  errors: readonly FastifySchemaValidationError[],
  context: string | undefined,
  request: FastifyRequest,
): readonly Problem[] {
  const part = context === 'querystring' ? 'query' : (context ?? 'body');
  const given = partOf(request, part);
  return errors.flatMap((error) => {
    const path = [part, ...error.instancePath.split('/').slice(1)];
    const { keyword } = error;
    if (keyword === 'required') {
      return names(error, 'requiredProperties').map((name) =>
        aProblem([...path, name].join('.'), 'a value', undefined),
      );
    }
    if (keyword === 'additionalProperties') {
      return names(error, 'additionalProperties').map((name) =>
        aProblem([...path, name].join('.'), 'nothing of this name', valueAt(given, [...path.slice(1), name])),
      );
    }
    // Says the same as `additionalProperties`, in other words.
    if (keyword === 'boolean') return [];
    return [aProblem(path.join('.'), expectationOf(error), valueAt(given, path.slice(1)))];
  });
}

function expectationOf({ message, params }: FastifySchemaValidationError): string {
  const allowed = params.allowedValues;
  if (Array.isArray(allowed)) return `one of ${allowed.join(', ')}`;
  return (message ?? 'another value').replace(/^must (be |have )?/, '');
}

function names({ params }: FastifySchemaValidationError, of: string): readonly string[] {
  const value: unknown = params[of];
  return Array.isArray(value) ? value.map(String) : [];
}

function partOf(request: FastifyRequest, part: string): unknown {
  switch (part) {
    case 'params':
      return request.params;
    case 'query':
      return request.query;
    case 'headers':
      return request.headers;
    default:
      return request.body;
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.entries(found).find(([key]) => key === name)?.[1];
  }
  return found;
}

const MAX_FOUND_CHARACTERS = 100;

function foundText(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_FOUND_CHARACTERS ? `${text.slice(0, MAX_FOUND_CHARACTERS)}…` : text;
}
