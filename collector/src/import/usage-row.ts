import {
  DEPLOYMENT_ENVIRONMENT_NAME,
  ERROR_TYPE,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  SERVICE_NAME,
  SESSION_ID,
  SPANLEDGER_ACTION_DEGRADED,
  SPANLEDGER_ACTION_ID,
  SPANLEDGER_CUSTOMER_ID,
  SPANLEDGER_FEATURE_NAME,
  SPANLEDGER_USAGE_CLASS,
  SPANLEDGER_USAGE_QUANTITY,
  SPANLEDGER_USAGE_UNIT,
  USER_ID,
} from '@spanledger/semconv';
import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CLIENT_SPAN, spanIdOf, traceIdOf } from './outgoing-span.ts';
import { countOf, type Fields, type Problem, shown, textOf, type Understood } from './record.ts';
import { TIME_EXPECTATION, timeMicros } from './row-time.ts';

const COUNT = '^[0-9]{1,13}(\\.0*)?$';
const DECIMAL = '^[0-9]{1,15}(\\.[0-9]{1,9})?$';

function text(description: string) {
  return Type.Optional(Type.String({ minLength: 1, description }));
}

function count(meaning: string) {
  return Type.Optional(
    Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: COUNT })], {
      description: `a whole number of 0 or more, without separators: ${meaning}`,
    }),
  );
}

function decimal(meaning: string) {
  return Type.Union([Type.Number({ minimum: 0 }), Type.String({ pattern: DECIMAL })], {
    description: `a number of 0 or more, without separators or exponent: ${meaning}`,
  });
}

function oneOf(words: string[], meaning: string) {
  return Type.Optional(Type.Enum(words, { description: `one of ${words.join(', ')}: ${meaning}` }));
}

/** What was asked of a model, in the words that a span of it would have. */
const OPERATIONS = [
  'chat',
  'text_completion',
  'embeddings',
  'rerank',
  'image_generation',
  'text_to_speech',
  'transcription',
  'realtime',
  'ocr',
  'video_generation',
];
/** Vectors and scores are not made of tokens. */
const WITHOUT_OUTPUT: ReadonlySet<string> = new Set(['embeddings', 'rerank']);
/** Of the units, those that can be of one operation only. */
const OPERATION_OF_UNIT: Readonly<Record<string, string>> = { image: 'image_generation', page: 'ocr' };

/**
 * One call, in our own format for the usage of the past: a line of JSON, or a row of a CSV file with these names in its
 * first row. The type, the check, the JSON Schema (`import-row.schema.json`) and the documentation come from here.
 */
export const UsageRowSchema = Type.Object(
  {
    id: Type.String({
      minLength: 1,
      description:
        'a name that no other row of the source has: it is what makes a row count once, however often it is sent',
    }),
    time: Type.Union([Type.String({ minLength: 1 }), Type.Integer()], {
      description: `${TIME_EXPECTATION}; when the call ended`,
    }),
    duration_ms: Type.Optional(decimal('how many milliseconds the call took')),
    customer: text('who is billed'),
    feature: text('the sellable capability that made the call'),
    user: text('who acted'),
    session: text('the conversation or session'),
    action: text('one use of the feature; its calls are charged together; default: each row is one'),
    degraded: Type.Optional(
      Type.Union([Type.Boolean(), Type.String({ pattern: '^(true|false|TRUE|FALSE)$' })], {
        description:
          'true or false: the action took the smaller form of the feature, and is charged by what its rule says of that',
      }),
    ),
    usage_class: oneOf(
      ['customer', 'trial', 'internal', 'test', 'demo', 'admin'],
      'only the first two burn credits',
    ),
    environment: text('deployment.environment.name'),
    service: text('service.name: the app that made the call'),
    provider: text('who served the model (openai, anthropic, aws.bedrock, …); default: what its name tells'),
    model: text('the model that answered, as the provider names it'),
    request_model: text('the model that was asked for'),
    operation: oneOf(OPERATIONS, 'what was asked of the model; default chat'),
    input_tokens: count('all input tokens, cached ones included'),
    cache_read_tokens: count('of the input, read from the cache'),
    cache_write_tokens: count('of the input, written to the cache'),
    cache_write_1h_tokens: count('of those written, to be kept for an hour'),
    output_tokens: count('all output tokens, reasoning included'),
    reasoning_tokens: count('of the output, reasoning'),
    unit: oneOf(
      ['request', 'web_search', 'image', 'second', 'page'],
      'what the call is charged by where that is not tokens',
    ),
    quantity: Type.Optional(decimal('how many of the unit')),
    status: oneOf(['ok', 'error'], 'how the call ended; default ok'),
    service_tier: text('how the provider served it: batch, flex, priority, …'),
    response_id: text(
      "the provider's id of the answer; a span that was seen of the same call then counts as the same",
    ),
  },
  { additionalProperties: false, title: 'A row of usage for spanledger import' },
);

type Field = keyof typeof UsageRowSchema.properties;
/** Compiled: a file has a hundred million fields. */
const FIELDS = new Map(
  Object.entries<TSchema>(UsageRowSchema.properties).map(([name, schema]) => [
    name,
    { check: Compile(schema), description: descriptionOf(schema) },
  ]),
);

/** The JSON Schema of a row, as text. */
export function usageRowJsonSchema(): string {
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...UsageRowSchema };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

export interface UsageRowSettings {
  /** The system that the rows come from, within which their ids are unique. */
  readonly source: string;
  readonly ignoresUnknownFields: boolean;
}

const UNKNOWN_FIELD = {
  expected: 'a field that rows have (import-row.schema.json), or --ignore-unknown-columns',
  found: 'another',
};

/** A row as the span that its call would have left, or all that is wrong with it. */
export function readUsageRow(fields: Fields, settings: UsageRowSettings): Understood {
  const problems: Problem[] = [];
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(fields)) {
    const known = FIELDS.get(name);
    if (known === undefined) {
      // A misspelt column would otherwise be usage without a customer.
      if (!settings.ignoresUnknownFields) problems.push({ ...UNKNOWN_FIELD, field: name });
      continue;
    }
    if (value === null || value === '') continue;
    const found = textOf(value)?.trim();
    if (found === undefined || !known.check.Check(found)) {
      problems.push({ field: name, expected: known.description, found: shown(value) });
    } else values.set(name, found);
  }
  for (const name of ['id', 'time'] as const) {
    if (!values.has(name) && !problems.some(({ field }) => field === name))
      problems.push({
        field: name,
        expected: descriptionOf(UsageRowSchema.properties[name]),
        found: 'nothing',
      });
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  return spanOf((name) => values.get(name) ?? null, settings.source);
}

function descriptionOf(schema: TSchema): string {
  return 'description' in schema && typeof schema.description === 'string'
    ? schema.description
    : 'another value';
}

function spanOf(of: (name: Field) => string | null, source: string): Understood {
  const problems: Problem[] = [];
  const wrong = (field: Field, expected: string, found: unknown = of(field)) =>
    problems.push({ field, expected, found: shown(found) });

  const id = of('id') ?? '';
  const endMicros = timeMicros(of('time') ?? '');
  if (endMicros === null) wrong('time', TIME_EXPECTATION);
  const durationMicros = Math.round(Number(of('duration_ms') ?? 0) * 1000);

  const hasFailed = of('status') === 'error';
  const unit = of('unit');
  const counts = {
    input: countIn(of, 'input_tokens'),
    cacheRead: countIn(of, 'cache_read_tokens'),
    cacheWrite: countIn(of, 'cache_write_tokens') ?? countIn(of, 'cache_write_1h_tokens'),
    cacheWrite1h: countIn(of, 'cache_write_1h_tokens'),
    output: countIn(of, 'output_tokens'),
    reasoning: countIn(of, 'reasoning_tokens'),
  };
  const operation =
    of('operation') ?? (unit === null || counts.input !== null ? 'chat' : OPERATION_OF_UNIT[unit]);
  if (operation === undefined) {
    wrong(
      'operation',
      `one of ${OPERATIONS.join(', ')}: the unit ${unit} alone does not tell what was asked`,
    );
  }
  if (of('model') === null && of('request_model') === null && unit === null)
    wrong('model', 'the model that answered');
  if (unit === null && !hasFailed) {
    if (counts.input === null)
      wrong('input_tokens', 'the input tokens of the call, or a unit and a quantity');
    else if (counts.output === null && !WITHOUT_OUTPUT.has(operation ?? ''))
      wrong('output_tokens', 'the output tokens of the call: half a count is no usage');
  }
  const cached = (counts.cacheRead ?? 0) + (counts.cacheWrite ?? 0);
  if (cached > (counts.input ?? 0))
    wrong('input_tokens', `at least the ${cached} cached tokens, which it includes`);
  if ((counts.cacheWrite1h ?? 0) > (counts.cacheWrite ?? 0))
    wrong('cache_write_1h_tokens', 'at most the cache_write_tokens, of which it is a part');
  if ((counts.reasoning ?? 0) > (counts.output ?? 0))
    wrong('output_tokens', `at least the ${counts.reasoning} reasoning tokens, which it includes`);
  const quantity = of('quantity');
  if (unit !== null && quantity === null) wrong('quantity', `how many of the unit ${unit}`);
  if (unit === null && quantity !== null) wrong('unit', 'what the quantity is of');
  if (unit !== null && unit !== 'second' && quantity !== null && countOf(quantity) === null)
    wrong('quantity', `a whole number of the unit ${unit}`);
  if (problems.length > 0 || endMicros === null) return { kind: 'problems', problems };

  const resource: Record<string, string> = {};
  const [service, environment] = [of('service'), of('environment')];
  if (service !== null) resource[SERVICE_NAME] = service;
  if (environment !== null) resource[DEPLOYMENT_ENVIRONMENT_NAME] = environment;
  const model = of('model') ?? of('request_model');
  return {
    kind: 'span',
    span: {
      resource,
      traceId: traceIdOf(source, id),
      spanId: spanIdOf(source, id),
      parentSpanId: null,
      name: model === null ? (operation ?? 'call') : `${operation} ${model}`,
      kind: CLIENT_SPAN,
      startMicros: Math.max(1, endMicros - durationMicros),
      endMicros,
      hasFailed,
      attributes: {
        [GEN_AI_OPERATION_NAME]: operation ?? null,
        [GEN_AI_PROVIDER_NAME]: of('provider'),
        [GEN_AI_REQUEST_MODEL]: of('request_model'),
        [GEN_AI_RESPONSE_MODEL]: of('model'),
        [GEN_AI_RESPONSE_ID]: of('response_id'),
        'gen_ai.response.service_tier': of('service_tier'),
        // Declared, so that no token is counted twice whatever the numbers look like.
        'gen_ai.token.semantics': 'inclusive',
        [GEN_AI_USAGE_INPUT_TOKENS]: counts.input,
        [GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: counts.cacheRead,
        [GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS]: counts.cacheWrite,
        'gen_ai.usage.cache_creation_1h.input_tokens': counts.cacheWrite1h,
        'gen_ai.usage.cache_creation_5m.input_tokens':
          counts.cacheWrite1h === null ? null : (counts.cacheWrite ?? 0) - counts.cacheWrite1h,
        [GEN_AI_USAGE_OUTPUT_TOKENS]: counts.output,
        [GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: counts.reasoning,
        [SPANLEDGER_USAGE_UNIT]: unit,
        [SPANLEDGER_USAGE_QUANTITY]: quantity,
        [SPANLEDGER_CUSTOMER_ID]: of('customer'),
        [SPANLEDGER_FEATURE_NAME]: of('feature'),
        [SPANLEDGER_ACTION_ID]: of('action'),
        [SPANLEDGER_ACTION_DEGRADED]: of('degraded'),
        [SPANLEDGER_USAGE_CLASS]: of('usage_class'),
        [USER_ID]: of('user'),
        [SESSION_ID]: of('session'),
        [ERROR_TYPE]: hasFailed ? 'imported' : null,
      },
    },
  };
}

function countIn(of: (name: Field) => string | null, name: Field): number | null {
  return countOf(of(name));
}
