import { at, type Json, jsonObject, scalar } from '../json.ts';
import type { Attributes } from '../span.ts';
import { count } from '../tokens.ts';
import { call, container, type Dialect } from './dialect.ts';
import { geminiModalities } from './gemini-usage.ts';

const SCOPE = 'gcp.vertex.agent';
const RESPONSE = 'gcp.vertex.agent.llm_response';

/**
 * Google's Agent Development Kit. Its model calls have no operation name, only a span name. Output leaves out the
 * thoughts until 2.4; the provider's own counts stand in the copied response, whichever version wrote it.
 */
export const googleAdk: Dialect = {
  name: 'google-adk',
  attributes: [RESPONSE],
  clues: [],
  cluesInScope: { scope: /^gcp\.vertex\.agent$/, clues: 'any' },
  recognise: ({ scopeName }) => (scopeName === SCOPE ? `scope ${SCOPE}` : null),
  part: ({ name }) => {
    if (name === 'call_llm') return call('chat', 'call_llm is a model call');
    return name === 'invocation' || name.startsWith('agent_run')
      ? container('workflow', `${name} holds others`)
      : null;
  },
  counts: ({ attributes }) => {
    const usage = copiedUsage(attributes);
    if (usage === undefined) return null;
    const number = (camel: string, snake: string) =>
      count(scalar(at(usage, camel))) ?? count(scalar(at(usage, snake)));
    return {
      input: number('promptTokenCount', 'prompt_token_count'),
      output: number('candidatesTokenCount', 'candidates_token_count'),
      cacheRead: number('cachedContentTokenCount', 'cached_content_token_count'),
      reasoning: number('thoughtsTokenCount', 'thoughts_token_count'),
      toolPrompt: number('toolUsePromptTokenCount', 'tool_use_prompt_token_count'),
      total: number('totalTokenCount', 'total_token_count'),
      modalities: geminiModalities(usage),
    };
  },
  placements: ({ attributes }) => ({
    cached: 'inside',
    // Gemini's own counts have the thoughts beside the candidates; a span with the newer name has them inside.
    reasoning: copiedUsage(attributes) === undefined ? 'inside' : 'beside',
  }),
};

/** Absent when the app does not let contents be copied. */
function copiedUsage(attributes: Attributes): Json | undefined {
  const response = jsonObject(attributes.get(RESPONSE)) ?? undefined;
  return at(response, 'usageMetadata') ?? at(response, 'usage_metadata');
}
