import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { SpanledgerError } from '../errors.ts';
import {
  type BodyEncoding,
  type BodyType,
  bodyEncodingOf,
  bodyTypeOf,
  checkTraces,
  inflate,
  SCAN_LIMITS,
} from '../otlp/index.ts';

/**
 * A folder of captured request bodies, each case with the truth about it: `NAME.meta.json` names the bodies and says
 * what the provider served. The truth comes from the provider's side, never from the spans.
 *
 * Everything that a comparison can do without is optional: other captures know less.
 */
const Count = Type.Union([Type.Number(), Type.Null()]);

/** Counts of a call, each the whole with its parts inside; null where it cannot be known. */
const CountsSchema = Type.Object({
  input_total: Type.Optional(Count),
  cache_read: Type.Optional(Count),
  cache_write: Type.Optional(Count),
  output_total: Type.Optional(Count),
  reasoning: Type.Optional(Count),
  input_uncached_only: Type.Optional(Count),
  output_without_reasoning_only: Type.Optional(Count),
});
export type ServedCounts = Static<typeof CountsSchema>;

const Text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
const Flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const Labels = Type.Object({ customer: Text, feature: Text, user: Text });

const ServedCallSchema = Type.Object({
  n: Type.Optional(Type.Number()),
  provider: Text,
  request_model: Text,
  response_model: Text,
  response_id: Text,
  billable: Type.Boolean(),
  /** The provider counted, but no span says how much. */
  usage_missing: Flag,
  span_missing: Flag,
  usage: Type.Optional(Type.Union([CountsSchema, Type.Null()])),
  attainable_from_spans: Type.Optional(Type.Union([CountsSchema, Type.Null()])),
  expected_label: Type.Optional(Labels),
  /** Where each label stands in the spans, or `nowhere`. */
  labels_found: Type.Optional(Type.Union([Labels, Type.Null()])),
});
export type ServedCall = Static<typeof ServedCallSchema>;

const ExpectedSchema = Type.Object({
  billable_calls: Type.Optional(Type.Number()),
  calls_usage_missing: Type.Optional(Type.Number()),
  calls_without_any_span: Type.Optional(Type.Number()),
  totals: Type.Optional(CountsSchema),
  attainable_totals: Type.Optional(CountsSchema),
  by_customer: Type.Optional(
    Type.Record(Type.String(), Type.Object({ calls: Type.Optional(Type.Number()) })),
  ),
});
export type ExpectedTotals = Static<typeof ExpectedSchema>;

const CaseSchema = Type.Object({
  bodies: Type.Array(
    Type.Object({ file: Type.String(), path: Text, content_type: Text, content_encoding: Text }),
    { minItems: 1 },
  ),
  content_type: Text,
  expected: Type.Optional(ExpectedSchema),
  calls_made: Type.Optional(Type.Array(ServedCallSchema)),
});

/** One request body, inflated. */
export interface Body {
  readonly type: BodyType;
  readonly bytes: Uint8Array;
}

/** What was served: call by call, or where only sums are known, those. */
export type Truth =
  | { readonly kind: 'calls'; readonly calls: readonly ServedCall[] }
  | { readonly kind: 'totals'; readonly totals: ExpectedTotals };

export interface Case {
  readonly name: string;
  /** In the order in which they were sent. */
  readonly bodies: readonly Body[];
  readonly truth: Truth;
}

const META = '.meta.json';

/** As much as the receiver takes by default, so that no capture of a real request is refused here. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * The names of the cases in a folder, in order.
 *
 * @throws SL_CORPUS_UNREADABLE when there are none, or no such folder.
 */
export async function caseNames(folder: string): Promise<readonly string[]> {
  let files: readonly string[];
  try {
    files = await readdir(folder);
  } catch (cause) {
    throw new SpanledgerError(
      'SL_CORPUS_UNREADABLE',
      `The folder ${folder} cannot be read: ${wordsOf(cause)}`,
      {
        cause,
      },
    );
  }
  const names = files.filter((name) => name.endsWith(META)).map((name) => name.slice(0, -META.length));
  if (names.length === 0) {
    throw new SpanledgerError(
      'SL_CORPUS_UNREADABLE',
      `The folder ${folder} has no cases. Expected for each case a NAME${META} with bodies[] (file, content_type, ` +
        'content_encoding) and calls_made[] or expected, and the files that bodies[] names beside it.',
    );
  }
  return names.sort();
}

/**
 * Reads one case with its bodies.
 *
 * @throws SL_CORPUS_UNREADABLE with the file and what is wrong with it.
 */
export async function readCase(folder: string, name: string): Promise<Case> {
  const meta = caseOf(name, await textOf(folder, `${name}${META}`));
  const bodies: Body[] = [];
  for (const { file, path, content_type, content_encoding } of meta.bodies) {
    if (path?.endsWith('/v1/logs') === true || path?.endsWith('/v1/metrics') === true) {
      throw unreadable(file, `was sent to ${path}, and only traces are compared`);
    }
    const contentType = content_type ?? meta.content_type ?? undefined;
    const type = bodyTypeOf(contentType);
    if (type === undefined) throw unreadable(file, `has the content type ${contentType ?? '(none)'}`);
    const encoding = bodyEncodingOf(content_encoding ?? undefined);
    if (encoding === undefined) throw unreadable(file, `has the content encoding ${content_encoding}`);
    bodies.push(bodyFrom(file, await bytesOf(folder, file), type, encoding));
  }
  return { name, bodies, truth: truthOf(name, meta) };
}

/** Looked through here, where the file is known, so that what cannot be read is said with its name. */
function bodyFrom(file: string, sent: Uint8Array, type: BodyType, encoding: BodyEncoding): Body {
  try {
    const bytes = inflate(sent, encoding, MAX_INFLATED_BYTES);
    checkTraces(bytes, type, SCAN_LIMITS);
    return { type, bytes };
  } catch (cause) {
    throw unreadable(file, `cannot be read: ${wordsOf(cause)}`);
  }
}

function caseOf(name: string, text: string): Static<typeof CaseSchema> {
  let meta: unknown;
  try {
    meta = JSON.parse(text);
  } catch (cause) {
    throw unreadable(`${name}${META}`, `is not JSON: ${wordsOf(cause)}`);
  }
  if (Value.Check(CaseSchema, meta)) return meta;
  const [first] = Value.Errors(CaseSchema, meta);
  throw unreadable(`${name}${META}`, `does not fit: ${first?.instancePath || 'the file'} ${first?.message}`);
}

function truthOf(name: string, { calls_made, expected }: Static<typeof CaseSchema>): Truth {
  if (calls_made !== undefined) return { kind: 'calls', calls: calls_made };
  if (expected !== undefined) return { kind: 'totals', totals: expected };
  throw unreadable(`${name}${META}`, 'has neither calls_made nor expected: there is nothing to compare with');
}

async function textOf(folder: string, file: string): Promise<string> {
  return (await bytesOf(folder, file)).toString('utf8');
}

async function bytesOf(folder: string, file: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, file));
  } catch (cause) {
    throw unreadable(file, `cannot be read: ${wordsOf(cause)}`);
  }
}

function unreadable(file: string, what: string): SpanledgerError {
  return new SpanledgerError('SL_CORPUS_UNREADABLE', `${file} ${what}`);
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
