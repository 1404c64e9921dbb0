import {
  ERROR_TYPE,
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
  SPANLEDGER_USAGE_SOURCE,
} from '@spanledger/semconv';
import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../duration.ts';
import type { ReportedCounts } from '../tokens.ts';
import type { ConsumedUnits, ModalityTokens } from '../usage.ts';
import {
  ALL_READINGS,
  countOf,
  durationOf,
  isTold,
  labelOf,
  newBit,
  type Readable,
  type Reading,
  reading,
  readingUnder,
} from './reading.ts';
import { statedUnits } from './units.ts';

export type { Readable } from './reading.ts';

/**
 * The names that mean the same wherever they occur, over all dialects, in order of precedence: newest convention
 * first, then its predecessors, then the emitters' own. The first that holds a usable value wins; several names of
 * one number on one span are the rule, so they are never added.
 */
const INPUT = reading(
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_PROMPT_TOKENS,
  'llm.token_count.prompt',
  'llm.usage.prompt_tokens',
  'ai.usage.inputTokens',
  'ai.usage.promptTokens',
  'ai.usage.tokens',
  'ai.prompt_tokens.used',
);
const OUTPUT = reading(
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_COMPLETION_TOKENS,
  'llm.token_count.completion',
  'llm.usage.completion_tokens',
  'ai.usage.outputTokens',
  'ai.usage.completionTokens',
  'ai.completion_tokens.used',
);
const CACHE_READ = reading(
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
);
const CACHE_WRITE = reading(
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
);
const REASONING = reading(
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
);
const UNCACHED_INPUT = reading('ai.usage.inputTokenDetails.noCacheTokens');
const TOTAL = reading(
  'gen_ai.usage.total_tokens',
  'llm.token_count.total',
  'llm.usage.total_tokens',
  'ai.usage.totalTokens',
);
const TOOL_PROMPT = reading('gen_ai.usage.tool_use_prompt_tokens');

/** How long the parts of the cache writes are kept. */
const LIFETIMES = newBit();
const CACHE_WRITE_5M = readingUnder(
  LIFETIMES,
  'anthropic.usage.cache_creation.ephemeral_5m_input_tokens',
  'gen_ai.usage.cache_creation.ephemeral_5m_input_tokens',
  'gen_ai.usage.cache_creation_5m.input_tokens',
);
const CACHE_WRITE_1H = readingUnder(
  LIFETIMES,
  'anthropic.usage.cache_creation.ephemeral_1h_input_tokens',
  'gen_ai.usage.cache_creation.ephemeral_1h_input_tokens',
  'gen_ai.usage.cache_creation_1h.input_tokens',
);
const CACHE_WRITE_12H = readingUnder(
  LIFETIMES,
  'anthropic.usage.cache_creation.ephemeral_12h_input_tokens',
  'gen_ai.usage.cache_creation.ephemeral_12h_input_tokens',
  'gen_ai.usage.cache_creation_12h.input_tokens',
);

const MODALITIES = newBit();
const AUDIO_INPUT = readingUnder(
  MODALITIES,
  'gen_ai.usage.audio.input_tokens',
  'gen_ai.usage.input_audio_tokens',
  'gen_ai.usage.audio_input_tokens',
  'llm.token_count.prompt_details.audio',
  'gen_ai.usage.prompt_tokens_details.audio_tokens',
  'gen_ai.usage.prompt_tokens_details.audio',
  'gen_ai.usage.details.input_audio_tokens',
);
const AUDIO_OUTPUT = readingUnder(
  MODALITIES,
  'gen_ai.usage.audio.output_tokens',
  'gen_ai.usage.output_audio_tokens',
  'gen_ai.usage.audio_output_tokens',
  'llm.token_count.completion_details.audio',
  'gen_ai.usage.completion_tokens_details.audio_tokens',
  'gen_ai.usage.completion_tokens_details.audio',
  'gen_ai.usage.details.output_audio_tokens',
);
const IMAGE_INPUT = readingUnder(
  MODALITIES,
  'gen_ai.usage.image.input_tokens',
  'gen_ai.usage.input_image_tokens',
  'gen_ai.usage.details.input_image_tokens',
);
const IMAGE_OUTPUT = readingUnder(
  MODALITIES,
  'gen_ai.usage.image.output_tokens',
  'gen_ai.usage.output_image_tokens',
  'gen_ai.usage.details.output_image_tokens',
);
const CACHE_READ_AUDIO = readingUnder(
  MODALITIES,
  'gen_ai.usage.audio.cache_read.input_tokens',
  'gen_ai.usage.cache_audio_read_tokens',
  'gen_ai.usage.input_cached_audio_tokens',
  'gen_ai.usage.details.cache_audio_read_tokens',
);

const PROVIDER = reading(
  GEN_AI_PROVIDER_NAME,
  'llm.provider',
  GEN_AI_SYSTEM,
  'ai.model.provider',
  'llm.system',
);
const RESPONSE_MODEL = reading(GEN_AI_RESPONSE_MODEL, 'ai.response.model', 'llm.response.model_name');
const REQUEST_MODEL = reading(
  GEN_AI_REQUEST_MODEL,
  'llm.request.model_name',
  'llm.model_name',
  'ai.model.id',
  'embedding.model_name',
  'reranker.model_name',
);
const RESPONSE_ID = reading(GEN_AI_RESPONSE_ID, 'ai.response.id', 'llm.response.id');
/** Only the providers' own: a bare `request_id` is as often that of the app's request, which makes several calls. */
const REQUEST_ID = reading('anthropic.request.id', 'aws.request.id');

/** Seconds. */
const FIRST_CHUNK_SECONDS = reading(
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  'gen_ai.client.operation.time_to_first_chunk',
);
/** Milliseconds. `gen_ai.server.time_to_first_token` is left out: emitters disagree about its unit. */
const FIRST_CHUNK_MILLIS = reading('ai.response.msToFirstChunk', 'ttft_ms');

/** Dollars, whatever the name says: `gen_ai.cost.total_tokens` is a cost too. */
const COST = reading(
  'gen_ai.usage.cost.amount',
  'gen_ai.usage.cost',
  'gen_ai.usage.total_cost',
  'litellm.cost.total',
  'gen_ai.cost.total_tokens',
  'llm.cost.total',
  'operation.cost',
  'ai.total_cost',
);

const DECLARED_SEMANTICS = reading('gen_ai.token.semantics');
const USAGE_SOURCE = reading(SPANLEDGER_USAGE_SOURCE);
const ERROR = reading(ERROR_TYPE);

/** All that this file, `served.ts` and `units.ts` read. */
export const READINGS: readonly Reading[] = ALL_READINGS;

/** Counts of one span, with their finer parts and what is counted beside tokens. */
export interface SpanCounts extends ReportedCounts {
  readonly cacheWrite5m: number | null;
  readonly cacheWrite1h: number | null;
  readonly cacheWrite12h: number | null;
  readonly modalities: ModalityTokens | null;
  /** As the emitter's names tell them; whether they are what is charged for is for `units.ts` to say. */
  readonly units: ConsumedUnits | null;
}

export function commonCounts(from: Readable): SpanCounts {
  return {
    input: countOf(from, INPUT),
    output: countOf(from, OUTPUT),
    cacheRead: countOf(from, CACHE_READ),
    cacheWrite: countOf(from, CACHE_WRITE),
    reasoning: countOf(from, REASONING),
    uncachedInput: countOf(from, UNCACHED_INPUT),
    total: countOf(from, TOTAL),
    toolPrompt: countOf(from, TOOL_PROMPT),
    cacheWrite5m: countOf(from, CACHE_WRITE_5M),
    cacheWrite1h: countOf(from, CACHE_WRITE_1H),
    cacheWrite12h: countOf(from, CACHE_WRITE_12H),
    modalities: modalities(from),
    units: statedUnits(from),
  };
}

/** Whether a span carries a count under any of the names for input or output. */
export function hasCounts(from: Readable): boolean {
  return countOf(from, INPUT) !== null || countOf(from, OUTPUT) !== null;
}

function modalities(from: Readable): ModalityTokens | null {
  if (!isTold(from, MODALITIES)) return null;
  const found = {
    audioInput: countOf(from, AUDIO_INPUT),
    audioOutput: countOf(from, AUDIO_OUTPUT),
    imageInput: countOf(from, IMAGE_INPUT),
    imageOutput: countOf(from, IMAGE_OUTPUT),
    cacheReadAudio: countOf(from, CACHE_READ_AUDIO),
  };
  return Object.values(found).some((value) => value !== null) ? found : null;
}

export const statedProvider = (from: Readable) => labelOf(from, PROVIDER);
export const responseModel = (from: Readable) => labelOf(from, RESPONSE_MODEL);
export const requestModel = (from: Readable) => labelOf(from, REQUEST_MODEL);
export const statedResponseId = (from: Readable) => labelOf(from, RESPONSE_ID);
export const requestId = (from: Readable) => labelOf(from, REQUEST_ID);
export const reportedCost = (from: Readable) => labelOf(from, COST);
export const errorType = (from: Readable) => labelOf(from, ERROR);
export const usageSource = (from: Readable) => labelOf(from, USAGE_SOURCE);
/** The span says itself that input contains the cached parts and output the reasoning. */
export const isDeclaredInclusive = (from: Readable) => labelOf(from, DECLARED_SEMANTICS) === 'inclusive';

export function timeToFirstTokenMicros(from: Readable): number | null {
  return (
    durationOf(from, FIRST_CHUNK_SECONDS, MICROS_PER_SECOND) ??
    durationOf(from, FIRST_CHUNK_MILLIS, MICROS_PER_MILLI)
  );
}
