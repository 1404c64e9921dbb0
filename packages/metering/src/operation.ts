import type { BillingRole, Operation } from './usage.ts';

/** What an operation word means, and what part such a span plays in billing (conventions C7). */
export interface KnownOperation {
  readonly operation: Operation;
  readonly role: Exclude<BillingRole, 'pending' | 'duplicate'>;
  readonly roleReason: string;
}

/**
 * `gen_ai.operation.name` values: those of the conventions, and those that emitters are known to use beside them.
 * The role comes from this word alone. A model name or token counts on a span prove nothing: agents, workflows and
 * SDK roots carry both as sums over their children.
 */
const WORDS: { readonly [Role in KnownOperation['role']]: readonly (readonly [Operation, ...string[]])[] } = {
  billed: [
    ['chat', 'chat', 'generate_content', 'generate', 'generateText', 'streamText', 'responses'],
    ['chat', 'llm_call', 'llm_request'],
    ['completion', 'text_completion', 'completion'],
    ['embeddings', 'embeddings', 'embedding'],
    ['rerank', 'rerank'],
    ['image', 'image'],
    ['speech', 'audio', 'speech'],
    ['transcription', 'transcription'],
    ['realtime', 'realtime'],
  ],
  container: [
    ['agent', 'invoke_agent', 'agent.run', 'agent_call', 'handle_conversation_turn'],
    ['workflow', 'invoke_workflow', 'workflow.run'],
    ['step', 'agent_step', 'plan', 'execute_task', 'orchestrate_tools', 'framework'],
  ],
  ignored: [
    ['tool', 'execute_tool', 'tool_call'],
    ['retrieval', 'retrieval'],
    ['other', 'create_agent', 'guardrail.run', 'guard'],
    ['other', 'create_memory', 'search_memory', 'update_memory', 'upsert_memory', 'delete_memory'],
    ['other', 'create_memory_store', 'delete_memory_store'],
    // These two may carry input tokens although no inference happened, so their counts bill nothing.
    ['other', 'fetch_response'],
    ['token_count', 'count_tokens'],
  ],
};

const WHY = {
  billed: 'is a model call',
  container: 'repeats the usage of its children',
  ignored: 'bills no tokens',
} as const;

const BY_WORD: ReadonlyMap<string, KnownOperation> = new Map(
  (['billed', 'container', 'ignored'] as const).flatMap((role) =>
    WORDS[role].flatMap(([operation, ...words]) =>
      words.map(
        (word) => [word.toLowerCase(), { operation, role, roleReason: `${word} ${WHY[role]}` }] as const,
      ),
    ),
  ),
);

/** Emitters disagree about case, never about meaning. */
export function knownOperation(word: string): KnownOperation | null {
  return BY_WORD.get(word) ?? BY_WORD.get(word.trim().toLowerCase()) ?? null;
}
