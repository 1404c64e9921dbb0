import {
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  GEN_AI_SYSTEM,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_COMPLETION_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_PROMPT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_TOKENS,
} from '@spanledger/semconv';
import { firstLabel } from '../../label.ts';
import type { Attributes, AttributeValue } from '../../span.ts';
import { firstCount, type ReportedCounts } from '../tokens.ts';
import type { ModalityTokens } from '../usage.ts';

/**
 * The names that mean the same wherever they occur, over all dialects, in order of precedence: newest convention
 * first, then its predecessors, then the emitters' own. The first that holds a usable value wins; several names of
 * one number on one span are the rule, so they are never added.
 */
const INPUT_KEYS = [
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_PROMPT_TOKENS,
  'llm.token_count.prompt',
  'llm.usage.prompt_tokens',
  'ai.usage.inputTokens',
  'ai.usage.promptTokens',
  'ai.usage.tokens',
  'ai.prompt_tokens.used',
];
const OUTPUT_KEYS = [
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_COMPLETION_TOKENS,
  'llm.token_count.completion',
  'llm.usage.completion_tokens',
  'ai.usage.outputTokens',
  'ai.usage.completionTokens',
  'ai.completion_tokens.used',
];
const CACHE_READ_KEYS = [
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  'gen_ai.usage.cache_read_input_tokens',
  'gen_ai.usage.input_tokens.cached',
  'llm.token_count.prompt_details.cache_read',
  'ai.usage.inputTokenDetails.cacheReadTokens',
  'ai.usage.cachedInputTokens',
  'gen_ai.usage.prompt_tokens_details.cached_tokens',
  'gen_ai.usage.prompt_tokens_details.cache_read',
  'gen_ai.usage.cached_input_tokens',
  'gen_ai.usage.experimental.cached_tokens',
  'gen_ai.usage.details.cache_read_tokens',
];
const CACHE_WRITE_KEYS = [
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  'gen_ai.usage.cache_creation_input_tokens',
  'gen_ai.usage.cache_write_input_tokens',
  'gen_ai.usage.input_tokens.cache_write',
  'gen_ai.usage.input_tokens.cache_creation',
  'llm.token_count.prompt_details.cache_write',
  'ai.usage.inputTokenDetails.cacheWriteTokens',
  'gen_ai.usage.prompt_tokens_details.cache_creation_tokens',
  'gen_ai.usage.prompt_tokens_details.cache_write',
  'gen_ai.usage.details.cache_write_tokens',
];
const REASONING_KEYS = [
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_TOKENS,
  'gen_ai.usage.output_tokens.reasoning',
  'llm.token_count.completion_details.reasoning',
  'ai.usage.outputTokenDetails.reasoningTokens',
  'ai.usage.reasoningTokens',
  'gen_ai.usage.completion_tokens_details.reasoning_tokens',
  'gen_ai.usage.completion_tokens_details.reasoning',
  'llm.usage.reasoning_tokens',
  'gen_ai.usage.experimental.reasoning_tokens',
  'gen_ai.usage.details.reasoning_tokens',
];
const UNCACHED_INPUT_KEYS = ['ai.usage.inputTokenDetails.noCacheTokens'];
const TOTAL_KEYS = [
  'gen_ai.usage.total_tokens',
  'llm.token_count.total',
  'llm.usage.total_tokens',
  'ai.usage.totalTokens',
];
const TOOL_PROMPT_KEYS = ['gen_ai.usage.tool_use_prompt_tokens'];
const CACHE_WRITE_5M_KEYS = ['anthropic.usage.cache_creation.ephemeral_5m_input_tokens'];
const CACHE_WRITE_1H_KEYS = ['anthropic.usage.cache_creation.ephemeral_1h_input_tokens'];

const AUDIO_INPUT_KEYS = [
  'gen_ai.usage.audio.input_tokens',
  'gen_ai.usage.input_audio_tokens',
  'gen_ai.usage.audio_input_tokens',
  'llm.token_count.prompt_details.audio',
  'gen_ai.usage.details.input_audio_tokens',
];
const AUDIO_OUTPUT_KEYS = [
  'gen_ai.usage.audio.output_tokens',
  'gen_ai.usage.output_audio_tokens',
  'gen_ai.usage.audio_output_tokens',
  'llm.token_count.completion_details.audio',
  'gen_ai.usage.details.output_audio_tokens',
];
const IMAGE_INPUT_KEYS = ['gen_ai.usage.image.input_tokens'];
const IMAGE_OUTPUT_KEYS = ['gen_ai.usage.image.output_tokens'];

const PROVIDER_KEYS = [
  GEN_AI_PROVIDER_NAME,
  'llm.provider',
  GEN_AI_SYSTEM,
  'ai.model.provider',
  'llm.system',
];
const RESPONSE_MODEL_KEYS = [GEN_AI_RESPONSE_MODEL, 'ai.response.model', 'llm.response.model_name'];
const REQUEST_MODEL_KEYS = [
  GEN_AI_REQUEST_MODEL,
  'llm.request.model_name',
  'llm.model_name',
  'ai.model.id',
  'embedding.model_name',
  'reranker.model_name',
];
const RESPONSE_ID_KEYS = [GEN_AI_RESPONSE_ID, 'ai.response.id', 'llm.response.id'];
/** Only the providers' own: a bare `request_id` is as often that of the app's request, which makes several calls. */
const REQUEST_ID_KEYS = ['anthropic.request.id', 'aws.request.id'];

/** Seconds. */
const FIRST_CHUNK_SECONDS_KEYS = [
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  'gen_ai.client.operation.time_to_first_chunk',
];
/** Milliseconds. `gen_ai.server.time_to_first_token` is left out: emitters disagree about its unit. */
const FIRST_CHUNK_MILLIS_KEYS = ['ai.response.msToFirstChunk', 'ttft_ms'];

/** Dollars, whatever the name says: `gen_ai.cost.total_tokens` is a cost too. */
const COST_KEYS = [
  'gen_ai.usage.cost.amount',
  'gen_ai.usage.cost',
  'gen_ai.usage.total_cost',
  'litellm.cost.total',
  'gen_ai.cost.total_tokens',
  'llm.cost.total',
  'operation.cost',
  'ai.total_cost',
];

export const SEMANTICS_KEY = 'gen_ai.token.semantics';

/** Every name above: what `common` readings look at. */
export const COMMON_KEYS: readonly string[] = [
  ...INPUT_KEYS,
  ...OUTPUT_KEYS,
  ...CACHE_READ_KEYS,
  ...CACHE_WRITE_KEYS,
  ...REASONING_KEYS,
  ...UNCACHED_INPUT_KEYS,
  ...TOTAL_KEYS,
  ...TOOL_PROMPT_KEYS,
  ...CACHE_WRITE_5M_KEYS,
  ...CACHE_WRITE_1H_KEYS,
  ...AUDIO_INPUT_KEYS,
  ...AUDIO_OUTPUT_KEYS,
  ...IMAGE_INPUT_KEYS,
  ...IMAGE_OUTPUT_KEYS,
  ...PROVIDER_KEYS,
  ...RESPONSE_MODEL_KEYS,
  ...REQUEST_MODEL_KEYS,
  ...RESPONSE_ID_KEYS,
  ...REQUEST_ID_KEYS,
  ...FIRST_CHUNK_SECONDS_KEYS,
  ...FIRST_CHUNK_MILLIS_KEYS,
  ...COST_KEYS,
  SEMANTICS_KEY,
];

/** Counts of one span, with the parts that are only informational. */
export interface SpanCounts extends ReportedCounts {
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  readonly modalities: ModalityTokens | null;
}

export function commonCounts(attributes: Attributes): SpanCounts {
  const cacheWrite5m = firstCount(attributes, CACHE_WRITE_5M_KEYS);
  const cacheWrite1h = firstCount(attributes, CACHE_WRITE_1H_KEYS);
  return {
    input: firstCount(attributes, INPUT_KEYS),
    output: firstCount(attributes, OUTPUT_KEYS),
    cacheRead: firstCount(attributes, CACHE_READ_KEYS),
    cacheWrite: firstCount(attributes, CACHE_WRITE_KEYS),
    reasoning: firstCount(attributes, REASONING_KEYS),
    uncachedInput: firstCount(attributes, UNCACHED_INPUT_KEYS),
    total: firstCount(attributes, TOTAL_KEYS),
    toolPrompt: firstCount(attributes, TOOL_PROMPT_KEYS),
    cacheWrite5m,
    cacheWrite1h,
    modalities: modalities(attributes),
  };
}

/** Whether a span carries a count under any of the names for input or output. */
export function hasCounts(attributes: Attributes): boolean {
  return firstCount(attributes, INPUT_KEYS) !== null || firstCount(attributes, OUTPUT_KEYS) !== null;
}

function modalities(attributes: Attributes): ModalityTokens | null {
  const found = {
    audioInput: firstCount(attributes, AUDIO_INPUT_KEYS),
    audioOutput: firstCount(attributes, AUDIO_OUTPUT_KEYS),
    imageInput: firstCount(attributes, IMAGE_INPUT_KEYS),
    imageOutput: firstCount(attributes, IMAGE_OUTPUT_KEYS),
  };
  return Object.values(found).some((value) => value !== null) ? found : null;
}

export const statedProvider = (attributes: Attributes) => firstLabel(attributes, PROVIDER_KEYS);
export const responseModel = (attributes: Attributes) => firstLabel(attributes, RESPONSE_MODEL_KEYS);
export const requestModel = (attributes: Attributes) => firstLabel(attributes, REQUEST_MODEL_KEYS);
export const statedResponseId = (attributes: Attributes) => firstLabel(attributes, RESPONSE_ID_KEYS);
export const requestId = (attributes: Attributes) => firstLabel(attributes, REQUEST_ID_KEYS);
export const reportedCost = (attributes: Attributes) => firstLabel(attributes, COST_KEYS);

export function timeToFirstTokenMicros(attributes: Attributes): number | null {
  return (
    firstDuration(attributes, FIRST_CHUNK_SECONDS_KEYS, 1_000_000) ??
    firstDuration(attributes, FIRST_CHUNK_MILLIS_KEYS, 1000)
  );
}

function firstDuration(
  attributes: Attributes,
  keys: readonly string[],
  microsPerUnit: number,
): number | null {
  for (const key of keys) {
    const micros = microsOf(attributes.get(key), microsPerUnit);
    if (micros !== null) return micros;
  }
  return null;
}

/** A duration as sent (a double, sometimes as text) in whole microseconds. */
function microsOf(value: AttributeValue | undefined, microsPerUnit: number): number | null {
  const amount = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof amount !== 'number' || !(amount >= 0)) return null;
  const micros = Math.round(amount * microsPerUnit);
  return Number.isSafeInteger(micros) ? micros : null;
}
