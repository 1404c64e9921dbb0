import {
  ERROR_TYPE,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  SESSION_ID,
  USER_ID,
} from '@spanledger/semconv';
import { SERVER_SPAN, spanIdOf, traceIdOf } from './outgoing-span.ts';
import { countOf, type Fields, fieldsOf, firstOf, problem, textOf, type Understood } from './record.ts';
import { TIME_EXPECTATION, timeMicros } from './row-time.ts';

/**
 * Rows of LiteLLM's table `LiteLLM_SpendLogs`, as CSV or JSON, written as its proxy does (BerriAI/litellm,
 * proxy/spend_tracking/spend_tracking_utils.py):
 *
 * - `request_id` is the id of the answer, so a call that was also seen by its app counts once.
 * - `prompt_tokens` includes cached tokens (its documentation of prompt caching; issue 15945).
 * - the details of a usage stand in `metadata.usage_object`, and before that in `metadata.additional_usage_values`.
 * - a hit of its own cache has `_cache_hit` in its id, and no provider was asked.
 *
 * The names of labels are those that its spans have, so past and present are labelled alike.
 */
export function readLiteLlmRow(fields: Fields, source: string): Understood {
  const id = textOf(fields.request_id);
  if (id === null) return problem('request_id', 'the id of the request', fields.request_id);
  if (/^true$/i.test(textOf(fields.cache_hit) ?? '')) {
    return { kind: 'passed_over', reason: "answered from LiteLLM's own cache, which no provider charges" };
  }
  const metadata = fieldsOf(fields.metadata) ?? {};
  const usage = fieldsOf(metadata.usage_object) ?? fieldsOf(metadata.additional_usage_values) ?? {};
  const prompt = countOf(fields.prompt_tokens) ?? countOf(usage.prompt_tokens);
  const completion = countOf(fields.completion_tokens) ?? countOf(usage.completion_tokens);
  const pages = countOf(usage.pages_processed);
  const hasUsage = (prompt ?? 0) + (completion ?? 0) + (pages ?? 0) > 0;

  const callType = textOf(fields.call_type) ?? 'completion';
  const operation = operationOf(callType);
  if (operation === null) {
    if (!hasUsage) return { kind: 'passed_over', reason: `call_type ${callType} is no model call` };
    // A batch that is looked at carries the sum of its calls each time it is looked at.
    return problem('call_type', 'a call of a model, as this row has tokens', callType);
  }
  const endMicros = timeMicros(textOf(fields.endTime) ?? '');
  if (endMicros === null) return problem('endTime', TIME_EXPECTATION, fields.endTime);
  const startMicros = timeMicros(textOf(fields.startTime) ?? '') ?? endMicros;
  const provider = textOf(fields.custom_llm_provider);
  const stated = textOf(fields.model) ?? textOf(fields.model_group);
  const hasFailed = (textOf(fields.status) ?? textOf(metadata.status)) === 'failure';
  if (stated === null && !hasFailed) return problem('model', 'the model that was called', fields.model);

  const promptDetails = fieldsOf(usage.prompt_tokens_details);
  const lifetimes = fieldsOf(promptDetails?.cache_creation_token_details) ?? {};
  const outputDetails = fieldsOf(usage.completion_tokens_details) ?? {};
  const cacheRead = countOf(usage.cache_read_input_tokens) ?? countOf(promptDetails?.cached_tokens);
  const cacheWrite =
    countOf(usage.cache_creation_input_tokens) ?? countOf(promptDetails?.cache_creation_tokens);
  // Only LiteLLM's own form of a usage is known to include; where a provider's was passed on, the numbers decide.
  const isInclusive = promptDetails !== null && (cacheRead ?? 0) + (cacheWrite ?? 0) <= (prompt ?? 0);
  const endUser = textOf(fields.end_user);
  return {
    kind: 'span',
    span: {
      resource: {},
      traceId: traceIdOf(source, id),
      spanId: spanIdOf(source, id),
      parentSpanId: null,
      name: `${operation} ${stated ?? ''}`.trim(),
      // The gateway's view: where the app has left a span of the call too, that one stands for it.
      kind: SERVER_SPAN,
      startMicros: Math.min(startMicros, endMicros),
      endMicros,
      hasFailed,
      attributes: {
        [GEN_AI_OPERATION_NAME]: operation,
        [GEN_AI_PROVIDER_NAME]: provider,
        [GEN_AI_RESPONSE_MODEL]: bareModel(stated, provider),
        // Without an answer the id is the request's own.
        [GEN_AI_RESPONSE_ID]: hasFailed && !hasUsage ? null : id,
        'gen_ai.token.semantics': isInclusive ? 'inclusive' : null,
        [GEN_AI_USAGE_INPUT_TOKENS]: hasUsage ? prompt : null,
        [GEN_AI_USAGE_OUTPUT_TOKENS]: hasUsage ? completion : null,
        [GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: cacheRead,
        [GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS]: cacheWrite,
        'gen_ai.usage.cache_creation_5m.input_tokens': countOf(lifetimes.ephemeral_5m_input_tokens),
        'gen_ai.usage.cache_creation_1h.input_tokens': countOf(lifetimes.ephemeral_1h_input_tokens),
        [GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: countOf(outputDetails.reasoning_tokens),
        'gen_ai.usage.audio.input_tokens': countOf(promptDetails?.audio_tokens),
        'gen_ai.usage.audio.output_tokens': countOf(outputDetails.audio_tokens),
        'gen_ai.usage.pages_processed': pages,
        'gen_ai.response.service_tier': textOf(usage.service_tier),
        'gen_ai.usage.cost': textOf(fields.spend),
        'gen_ai.openai.api_base': textOf(fields.api_base),
        'litellm.team.id': textOf(fields.team_id),
        'litellm.metadata.user_api_key_org_id': textOf(fields.organization_id),
        [USER_ID]: endUser ?? textOf(fields.user),
        [SESSION_ID]: textOf(fields.session_id),
        'metadata.requester_metadata': jsonText(metadata.requester_metadata),
        'metadata.spend_logs_metadata': jsonText(metadata.spend_logs_metadata),
        'tag.tags': jsonText(firstOf(fields, 'request_tags')),
        [ERROR_TYPE]: hasFailed ? 'failure' : null,
      },
    },
  };
}

const OPERATIONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    completion: 'chat',
    text_completion: 'text_completion',
    responses: 'chat',
    anthropic_messages: 'chat',
    generate_content: 'chat',
    generate_content_stream: 'chat',
    pass_through_endpoint: 'chat',
    embedding: 'embeddings',
    rerank: 'rerank',
    image_generation: 'image_generation',
    image_edit: 'image_generation',
    speech: 'text_to_speech',
    transcription: 'transcription',
    realtime: 'realtime',
    ocr: 'ocr',
  }),
);

/** LiteLLM puts an `a` before a word for the asynchronous form, and for some an underscore. */
function operationOf(callType: string): string | null {
  return OPERATIONS.get(callType) ?? OPERATIONS.get(callType.replace(/^_?a/, '')) ?? null;
}

/** `azure/gpt-4o` of the provider azure is gpt-4o. */
function bareModel(model: string | null, provider: string | null): string | null {
  if (model === null || provider === null) return model;
  return model.startsWith(`${provider}/`) ? model.slice(provider.length + 1) : model;
}

function jsonText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? textOf(value) : JSON.stringify(value);
}
