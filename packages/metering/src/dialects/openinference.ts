import { fingerprint } from '../fingerprint.ts';
import { jsonWith } from '../json.ts';
import { label } from '../label.ts';
import type { Attributes } from '../span.ts';
import { providerBody, textAt } from './body.ts';
import { call, container, type Dialect, other, tool } from './dialect.ts';

const KIND = 'openinference.span.kind';
const OUTPUT = 'output.value';
/** The arguments of the request as JSON text. */
const ARGUMENTS = 'llm.invocation_parameters';
const QUESTION = 'llm.input_messages.0.message.content';
const ANSWER = [
  'llm.output_messages.0.message.content',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.name',
  'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments',
];
const REDACTED = '__REDACTED__';

/** Ids by the form of their provider, the id of the response before that of a message in it. */
const RESPONSE_IDS = [
  /^\s*\{\s*"id"\s*:\s*"([^"\\]{8,200})"/,
  /"id"\s*:\s*"((?:chatcmpl-|resp_|gen-)[^"\\]{8,200})"/,
  /"id"\s*:\s*"(msg_[^"\\]{8,200})"/,
];

/**
 * OpenInference (Arize Phoenix). It has no attribute for the response id; the id stands in the answer that it copies
 * into `output.value`, whether that is the provider's body or LangChain's message around it. The JavaScript
 * instrumentations do not know of one another, so a LangChain call over OpenAI is seen twice, often in two traces.
 */
export const openInference: Dialect = {
  name: 'openinference',
  attributes: [KIND, OUTPUT, ARGUMENTS, QUESTION, ...ANSWER],
  clues: [KIND],
  recognise: ({ attributes }) => (label(attributes.get(KIND)) === null ? null : KIND),
  part: ({ attributes, scopeName }) => {
    const kind = label(attributes.get(KIND))?.toUpperCase() ?? '';
    switch (kind) {
      case 'LLM':
        return call('chat', 'LLM is a model call');
      case 'EMBEDDING':
        return call('embeddings', 'EMBEDDING is a model call');
      case 'RERANKER':
        return call('rerank', 'RERANKER is a model call');
      case 'AGENT':
        return container('agent', 'AGENT holds others', /smolagents/.test(scopeName));
      case 'CHAIN':
        return container('workflow', 'CHAIN holds others');
      case 'TOOL':
        return tool('TOOL bills no tokens');
      case 'RETRIEVER':
        return other('retrieval', 'RETRIEVER bills no tokens');
      default:
        return other('other', `${kind} bills no tokens`);
    }
  },
  placements: ({ scopeName }) => ({
    // Bedrock's Converse API and the Claude Agent SDK report input without its cached parts; both are passed on as is.
    cached: /bedrock|claude[-_.]agent/.test(scopeName) ? 'beside' : null,
    reasoning: null,
  }),
  responseId: ({ attributes }) => responseIdIn(attributes.get(OUTPUT)),
  answer: ({ attributes }) => answerOf(attributes),
  counts: ({ attributes }) => providerBody(attributes.get(OUTPUT)).counts,
  served: ({ attributes }) => ({
    ...providerBody(attributes.get(OUTPUT)).served,
    requestTier: textAt(jsonWith('service_tier', attributes.get(ARGUMENTS))?.service_tier),
  }),
};

function responseIdIn(output: unknown): string | null {
  // Answers are long, and most that have no id are no JSON at all.
  if (typeof output !== 'string' || !/^\s*\{/.test(output) || !output.includes('"id"')) return null;
  for (const pattern of RESPONSE_IDS) {
    const id = pattern.exec(output)?.[1];
    if (id !== undefined) return id;
  }
  return null;
}

/** Question and answer as one fingerprint, so that no text is kept. */
function answerOf(attributes: Attributes): string | null {
  const answer = ANSWER.map((key) => label(attributes.get(key)) ?? '').join('\n');
  const question = label(attributes.get(QUESTION)) ?? '';
  if (answer.trim() === '' || question === '' || answer.includes(REDACTED) || question === REDACTED)
    return null;
  return fingerprint(`${question}\n${answer}`);
}
