import { at, jsonObject, scalar } from '../json.ts';
import { label } from '../label.ts';
import { count } from '../tokens.ts';
import { call, container, type Dialect, other, tool } from './dialect.ts';

const KIND = 'langsmith.span.kind';
const INPUT_DETAILS = 'gen_ai.usage.input_token_details';
const OUTPUT_DETAILS = 'gen_ai.usage.output_token_details';
const USAGE = 'langsmith.usage_metadata';

/** LangSmith's OpenTelemetry exporter: conventional totals, their parts as JSON. Chains repeat a response's id. */
export const langSmith: Dialect = {
  name: 'langsmith',
  attributes: [KIND, INPUT_DETAILS, OUTPUT_DETAILS, USAGE],
  clues: [KIND],
  recognise: ({ attributes }) => (label(attributes.get(KIND)) === null ? null : KIND),
  part: ({ attributes }) => {
    const kind = label(attributes.get(KIND)) ?? '';
    switch (kind) {
      case 'llm':
        return call('chat', 'llm is a model call');
      case 'embedding':
        return call('embeddings', 'embedding is a model call');
      case 'chain':
        return container('workflow', 'a chain holds others');
      case 'tool':
        return tool('a tool bills no tokens');
      case 'retriever':
        return other('retrieval', 'a retriever bills no tokens');
      default:
        return other('other', `${kind} bills no tokens`);
    }
  },
  counts: ({ attributes }) => {
    const usage = jsonObject(attributes.get(USAGE));
    const input = jsonObject(attributes.get(INPUT_DETAILS)) ?? at(usage ?? undefined, 'input_token_details');
    const output =
      jsonObject(attributes.get(OUTPUT_DETAILS)) ?? at(usage ?? undefined, 'output_token_details');
    return {
      cacheRead: count(scalar(at(input, 'cache_read'))),
      cacheWrite: count(scalar(at(input, 'cache_creation'))),
      cacheWrite5m: count(scalar(at(input, 'ephemeral_5m_input_tokens'))),
      cacheWrite1h: count(scalar(at(input, 'ephemeral_1h_input_tokens'))),
      reasoning: count(scalar(at(output, 'reasoning'))),
    };
  },
  // The usage metadata of LangChain is inclusive by its definition.
  placements: () => ({ cached: 'inside', reasoning: 'inside' }),
};
