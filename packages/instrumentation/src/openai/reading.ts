import { count, field, text } from '../shape.ts';

/**
 * What OpenAI's three surfaces say about a call, in one vocabulary. Only ids, names and counts are read: no message,
 * input or output is ever looked at.
 */
export interface Reading {
  readonly responseId?: string;
  readonly responseModel?: string;
  readonly serviceTier?: string;
  readonly conversationId?: string;
  readonly finishReasons?: readonly string[];
  readonly usage?: TokenUsage;
  /** Set when this event is the last that matters: the answer is whole. */
  readonly whole?: true;
  /** Set when the provider says, inside a successful HTTP answer, that the call failed: its error code. */
  readonly failure?: string;
}

/** Inclusive counts, as the GenAI conventions want them: cached is part of input, reasoning is part of output. */
export interface TokenUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
}

export interface Surface {
  /** Where the resource class hangs on the client class, for instance `OpenAI.Chat.Completions`. */
  readonly classPath: readonly string[];
  /** Where the resource hangs on a client. */
  readonly clientPath: readonly string[];
  /** Value of `gen_ai.operation.name`. */
  readonly operation: 'chat' | 'embeddings';
  /** Whether usage in a stream must be asked for with `stream_options.include_usage`. */
  readonly streamUsageOnRequest: boolean;
  readonly readResult: (body: unknown) => Reading;
  readonly readEvent: (event: unknown) => Reading;
}

const chatCompletions: Surface = {
  classPath: ['Chat', 'Completions'],
  clientPath: ['chat', 'completions'],
  operation: 'chat',
  streamUsageOnRequest: true,
  readResult: (body) => ({ ...readChat(body), whole: true }),
  readEvent: readChat,
};

const responses: Surface = {
  classPath: ['Responses'],
  clientPath: ['responses'],
  operation: 'chat',
  streamUsageOnRequest: false,
  readResult: readResponse,
  readEvent: (event) => {
    const response = field(event, 'response');
    if (response !== undefined) return readResponse(response);
    if (field(event, 'type') === 'error') return { failure: text(field(event, 'code')) ?? 'error' };
    return {};
  },
};

const embeddings: Surface = {
  classPath: ['Embeddings'],
  clientPath: ['embeddings'],
  operation: 'embeddings',
  streamUsageOnRequest: false,
  readResult: (body) =>
    compact({
      responseModel: text(field(body, 'model')),
      usage: readChatUsage(field(body, 'usage')),
      whole: true,
    }),
  readEvent: () => ({}),
};

export const surfaces: readonly Surface[] = [chatCompletions, responses, embeddings];

/** A chat completion and a chunk of one have the same outer shape. */
function readChat(body: unknown): Reading {
  return compact({
    responseId: text(field(body, 'id')),
    responseModel: text(field(body, 'model')),
    serviceTier: text(field(body, 'service_tier')),
    finishReasons: finishReasonsOf(field(body, 'choices')),
    // Groq streams its counts in a member of its own.
    usage: readChatUsage(field(body, 'usage') ?? field(body, 'x_groq', 'usage')),
  });
}

function finishReasonsOf(choices: unknown): readonly string[] | undefined {
  if (!Array.isArray(choices)) return undefined;
  const reasons = choices.flatMap((choice) => text(field(choice, 'finish_reason')) ?? []);
  return reasons.length > 0 ? reasons : undefined;
}

function readChatUsage(usage: unknown): TokenUsage | undefined {
  const inputTokens = count(field(usage, 'prompt_tokens'));
  if (inputTokens === undefined) return undefined;
  const reasoningTokens = count(field(usage, 'completion_tokens_details', 'reasoning_tokens'));
  return compact({
    inputTokens,
    outputTokens: outputWithReasoning(
      inputTokens,
      count(field(usage, 'completion_tokens')),
      reasoningTokens,
      count(field(usage, 'total_tokens')),
    ),
    cacheReadTokens: count(
      // DeepSeek reports cache hits beside the prompt, not in its details.
      field(usage, 'prompt_tokens_details', 'cached_tokens') ?? field(usage, 'prompt_cache_hit_tokens'),
    ),
    cacheWriteTokens: count(field(usage, 'prompt_tokens_details', 'cache_write_tokens')),
    reasoningTokens,
  });
}

/**
 * xAI counts reasoning beside the completion instead of inside it, which its own total gives away. The conventions
 * want the inclusive number.
 */
function outputWithReasoning(
  input: number,
  output: number | undefined,
  reasoning: number | undefined,
  total: number | undefined,
): number | undefined {
  const isBeside =
    output !== undefined && reasoning !== undefined && reasoning > 0 && total === input + output + reasoning;
  return isBeside ? output + reasoning : output;
}

const UNFINISHED: ReadonlySet<unknown> = new Set(['queued', 'in_progress']);

function readResponse(response: unknown): Reading {
  const status = field(response, 'status');
  const usage = field(response, 'usage');
  const inputTokens = count(field(usage, 'input_tokens'));
  return compact({
    responseId: text(field(response, 'id')),
    responseModel: text(field(response, 'model')),
    serviceTier: text(field(response, 'service_tier')),
    conversationId: text(field(response, 'conversation', 'id')),
    finishReasons: finishReasonOfResponse(response, status),
    usage:
      inputTokens === undefined
        ? undefined
        : compact({
            inputTokens,
            outputTokens: count(field(usage, 'output_tokens')),
            cacheReadTokens: count(field(usage, 'input_tokens_details', 'cached_tokens')),
            cacheWriteTokens: count(field(usage, 'input_tokens_details', 'cache_write_tokens')),
            reasoningTokens: count(field(usage, 'output_tokens_details', 'reasoning_tokens')),
          }),
    whole: typeof status === 'string' && !UNFINISHED.has(status) ? true : undefined,
    failure: status === 'failed' ? (text(field(response, 'error', 'code')) ?? 'failed') : undefined,
  });
}

/** The Responses API has a status instead of a finish reason; the words are mapped to those of chat completions. */
function finishReasonOfResponse(response: unknown, status: unknown): readonly string[] | undefined {
  if (status === 'completed') return ['stop'];
  if (status !== 'incomplete') return undefined;
  const reason = text(field(response, 'incomplete_details', 'reason'));
  return [reason === 'max_output_tokens' ? 'length' : (reason ?? 'incomplete')];
}

type WithoutUndefined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

/** Drops members that are undefined, so that a later reading never blanks an earlier one when the two are merged. */
function compact<const T extends object>(value: T): WithoutUndefined<T> {
  const kept: WithoutUndefined<T> = { ...value } as WithoutUndefined<T>;
  for (const name of Object.keys(kept)) {
    if (field(kept, name) === undefined) Reflect.deleteProperty(kept, name);
  }
  return kept;
}
