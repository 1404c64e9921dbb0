import { readdirSync, readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const FOLDER = new URL('prices/', import.meta.url);

const Count = Type.Integer();

/** What `spanledger price` reads, so that every case can be piped into it. Totals include their parts. */
const Input = Type.Object(
  {
    provider: Type.String(),
    model: Type.String(),
    timestamp: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{3})?Z$' }),
    service_tier: Type.Optional(Type.String()),
    region: Type.Optional(Type.String()),
    inference_geo: Type.Optional(Type.String()),
    usage: Type.Partial(
      Type.Object(
        {
          input_tokens: Count,
          cache_read_tokens: Count,
          cache_write_tokens: Count,
          cache_write_5m_tokens: Count,
          cache_write_1h_tokens: Count,
          output_tokens: Count,
          reasoning_tokens: Count,
          input_audio_tokens: Count,
          output_audio_tokens: Count,
          input_image_tokens: Count,
          output_image_tokens: Count,
          requests: Count,
          web_searches: Count,
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const Usd = Type.String({ pattern: '^\\d+(\\.\\d*[1-9])?$' });

/** A cost, or why there is none; `reason` only where exactly one is right. */
const Expectation = Type.Union([
  Type.Object({ cost_usd: Usd, status: Type.Literal('priced') }, { additionalProperties: false }),
  Type.Object({ cost_usd: Type.Literal('0'), status: Type.Literal('free') }, { additionalProperties: false }),
  Type.Object({ cost_usd: Type.Null(), status: Type.Literal('partial') }, { additionalProperties: false }),
  Type.Object(
    {
      cost_usd: Type.Null(),
      status: Type.Literal('unpriced'),
      reason: Type.Optional(
        Type.Enum([
          'unknown_provider',
          'unknown_model',
          'fuzzy_match',
          'deployment_unmapped',
          'no_card_at_time',
          'missing_class_rate',
          'unknown_service_tier',
          'missing_usage',
          'invalid_usage',
          'unsupported_currency',
        ]),
      ),
    },
    { additionalProperties: false },
  ),
]);

const PriceCase = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    source: Type.String({ minLength: 1 }),
    input: Input,
    /** How the cost follows from the published prices; there is one wherever there is a cost. */
    arithmetic: Type.Optional(Type.String()),
    expect: Expectation,
  },
  { additionalProperties: false },
);
export type PriceCase = Static<typeof PriceCase>;

/** The golden cases of each file, by its name without the ending. Throws where a line is not a case. */
export function readPriceCases(): ReadonlyMap<string, readonly PriceCase[]> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
  return new Map(
    files.map((file) => [
      file.replace('.jsonl', ''),
      readFileSync(new URL(file, FOLDER), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line, index) => parseCase(line, `${file}:${index + 1}`)),
    ]),
  );
}

function parseCase(line: string, place: string): PriceCase {
  const value: unknown = JSON.parse(line);
  if (Value.Check(PriceCase, value)) return value;
  const problems = Value.Errors(PriceCase, value).map(
    ({ instancePath, message }) => `${instancePath} ${message}`,
  );
  throw new Error(`${place} is not a price case: ${problems.join('; ')}`);
}
