import { call, container, other, type Part, tool } from './dialects/dialect.ts';
import type { Operation } from './usage.ts';

/**
 * `gen_ai.operation.name` values: those of the conventions, and those that emitters are known to use beside them.
 * The part comes from this word alone (convention C7). A model name or token counts on a span prove nothing: agents,
 * workflows and SDK roots carry both as sums over their children.
 */
const WORDS: { readonly [Kind in 'call' | 'container' | 'tool' | 'zero_rated' | 'other']: Words } = {
  call: [
    ['chat', 'chat', 'generate_content', 'generate', 'generateText', 'streamText', 'responses'],
    ['chat', 'llm_call', 'llm_request', 'message_creation'],
    ['completion', 'text_completion', 'completion'],
    ['embeddings', 'embeddings', 'embedding'],
    ['rerank', 'rerank'],
    ['image', 'image', 'image_generation', 'image_edit', 'generate_images'],
    ['speech', 'audio', 'speech', 'text_to_speech'],
    ['transcription', 'transcription', 'speech_to_text'],
    ['realtime', 'realtime'],
    ['other', 'ocr', 'video', 'video_generation', 'generate_videos'],
  ],
  container: [
    ['agent', 'invoke_agent', 'agent.run', 'agent_call', 'handle_conversation_turn'],
    ['workflow', 'invoke_workflow', 'workflow.run', 'chain'],
    ['step', 'agent_step', 'plan', 'execute_task', 'orchestrate_tools', 'framework', 'handoff'],
  ],
  tool: [['tool', 'execute_tool', 'tool_call', 'tool.execute']],
  zero_rated: [
    // These may carry input tokens although no inference happened, so their counts bill nothing.
    ['other', 'fetch_response'],
    ['token_count', 'count_tokens'],
  ],
  other: [
    ['retrieval', 'retrieval', 'vector_db_retrieve', 'vectordb'],
    ['other', 'create_agent', 'guardrail.run', 'guard'],
    ['other', 'create_memory', 'search_memory', 'update_memory', 'upsert_memory', 'delete_memory'],
    ['other', 'create_memory_store', 'delete_memory_store', 'model_chunk', 'processor_run'],
  ],
};
type Words = readonly (readonly [Operation, ...string[]])[];

const BY_WORD: ReadonlyMap<string, Part> = new Map(
  Object.entries(WORDS).flatMap(([kind, rows]) =>
    rows.flatMap(([operation, ...words]) =>
      words.map((word) => [word.toLowerCase(), partFor(kind, operation, word)] as const),
    ),
  ),
);

/** What an operation word says a span is. Emitters disagree about case, never about meaning. */
export function partOfOperation(word: string): Part | null {
  return BY_WORD.get(word) ?? BY_WORD.get(word.trim().toLowerCase()) ?? null;
}

function partFor(kind: string, operation: Operation, word: string): Part {
  switch (kind) {
    case 'call':
      return call(operation, `${word} is a model call`);
    case 'container':
      return container(operation, `${word} repeats the usage of its children`);
    case 'tool':
      return tool(`${word} bills no tokens`);
    case 'zero_rated':
      return { kind: 'zero_rated', operation, why: `${word} bills no tokens` };
    default:
      return other(operation, `${word} bills no tokens`);
  }
}

/** Vectors and scores are not made of tokens, so these operations have no output count to miss. */
export function answersWithoutOutput(operation: Operation): boolean {
  return operation === 'embeddings' || operation === 'rerank' || operation === 'token_count';
}
