import { type JsonObject, jsonObject, jsonWith, scalar } from '../json.ts';
import { label } from '../label.ts';
import type { Span } from '../span.ts';
import { count } from '../tokens.ts';
import { textAt } from './body.ts';
import type { SpanCounts } from './common.ts';
import { call, container, type Dialect, other, tool } from './dialect.ts';

const TYPE = 'langfuse.observation.type';
const MODEL = 'langfuse.observation.model.name';
const USAGE = 'langfuse.observation.usage_details';
const PARAMETERS = 'langfuse.observation.model.parameters';
const COST = 'langfuse.observation.cost_details';
const LEVEL = 'langfuse.observation.level';
const STARTED_ANSWERING = 'langfuse.observation.completion_start_time';

const CACHE_READ = ['input_cached_tokens', 'cache_read_input_tokens', 'input_cache_read', 'cached_tokens'];
const CACHE_WRITE = [
  'cache_creation_input_tokens',
  'cache_write_input_tokens',
  'input_cache_creation',
  'input_cache_write',
];
const REASONING = ['output_reasoning_tokens', 'output_reasoning', 'reasoning_tokens'];

/** Langfuse: no `gen_ai.*` at all, the usage as a map of disjoint amounts in a JSON text. */
export const langfuse: Dialect = {
  name: 'langfuse',
  attributes: [TYPE, MODEL, USAGE, PARAMETERS, COST, LEVEL, STARTED_ANSWERING],
  clues: [TYPE],
  recognise: ({ attributes }) => (label(attributes.get(TYPE)) === null ? null : TYPE),
  part: (span) => {
    const type = label(span.attributes.get(TYPE))?.toLowerCase() ?? '';
    switch (type) {
      case 'generation':
        return call(isEmbedding(span) ? 'embeddings' : 'chat', 'a generation is a model call');
      case 'embedding':
        return call('embeddings', 'an embedding is a model call');
      case 'span':
        // Older Python SDKs knew no other type.
        return span.attributes.get(MODEL) !== undefined && span.attributes.get(USAGE) !== undefined
          ? call('chat', 'a span with a model and its usage is a model call')
          : container('step', 'a span holds others');
      case 'agent':
        return container('agent', 'an agent holds others');
      case 'chain':
        return container('workflow', 'a chain holds others');
      case 'tool':
        return tool('a tool bills no tokens');
      case 'retriever':
        return other('retrieval', 'a retriever bills no tokens');
      default:
        return other('other', `${type} bills no tokens`);
    }
  },
  counts: ({ attributes }) => {
    const details = jsonObject(attributes.get(USAGE));
    return details === null ? null : usageDetails(details);
  },
  placements: () => ({ cached: 'beside', reasoning: 'beside' }),
  served: ({ attributes }) => ({
    requestTier: textAt(jsonWith('service_tier', attributes.get(PARAMETERS))?.service_tier),
  }),
  requestModel: ({ attributes }) => label(attributes.get(MODEL)),
  hasAnswered: ({ attributes }) => label(attributes.get(STARTED_ANSWERING)) !== null,
  hasFailed: ({ attributes }) => attributes.get(LEVEL) === 'ERROR',
  reportedCostUsd: ({ attributes }) => label(scalar(jsonObject(attributes.get(COST))?.total)),
};

/** Every key is an amount of its own; what is neither cached nor reasoning is ordinary input or output (audio, …). */
function usageDetails(details: JsonObject): Partial<SpanCounts> {
  return {
    input: wholeOf(details, ['input', 'prompt_tokens', 'input_tokens'], /^input_/, [
      ...CACHE_READ,
      ...CACHE_WRITE,
    ]),
    output: wholeOf(details, ['output', 'completion_tokens', 'output_tokens'], /^output_/, REASONING),
    cacheRead: first(details, CACHE_READ),
    cacheWrite: first(details, CACHE_WRITE),
    reasoning: first(details, REASONING),
    total: count(scalar(details.total)),
    modalities: {
      audioInput: count(scalar(details.input_audio_tokens)),
      audioOutput: count(scalar(details.output_audio_tokens)),
      imageInput: count(scalar(details.input_image_tokens)),
      imageOutput: count(scalar(details.output_image_tokens)),
      cacheReadAudio: count(scalar(details.input_cached_audio_tokens)),
    },
  };
}

function wholeOf(
  details: JsonObject,
  names: readonly string[],
  partOf: RegExp,
  apart: readonly string[],
): number | null {
  const base = first(details, names);
  if (base === null) return null;
  const parts = Object.entries(details).filter(
    ([key]) => partOf.test(key) && !apart.includes(key) && !names.includes(key),
  );
  return parts.reduce((sum, [, value]) => sum + (count(scalar(value)) ?? 0), base);
}

function first(details: JsonObject, names: readonly string[]): number | null {
  for (const name of names) {
    const found = count(scalar(details[name]));
    if (found !== null) return found;
  }
  return null;
}

/** The OpenAI wrapper calls embeddings a generation too; only the model's name shows that no output is to be expected. */
function isEmbedding({ attributes }: Span): boolean {
  return /embed/i.test(label(attributes.get(MODEL)) ?? '');
}
