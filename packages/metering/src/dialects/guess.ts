import type { Span } from '../span.ts';
import type { SpanCounts } from './common.ts';
import type { CalledModel, Guess } from './dialect.ts';

/**
 * OpenAI counts the frame of a chat with its text: three tokens for each message, one for its role, three for the
 * start of the answer. No count of the provider is smaller.
 */
const SMALLEST_CHAT_INPUT = 7;

/**
 * Some instrumentations run a tokenizer over the text when a stream brought no usage, and send the result under the
 * name of the real number, unmarked. Their count leaves out the frame of the chat, so for short prompts it is smaller
 * than any real one can be. Longer guesses cannot be told from reports by the span alone.
 */
export function guessOfText(
  _span: Span,
  { operation, provider, model }: CalledModel,
  counts: SpanCounts,
): Guess | null {
  const { input, output, cacheRead } = counts;
  if (input === null) return null;
  const isOpenAi =
    provider === 'openai' || provider === 'azure.ai.openai' || /^(?:gpt-|o\d)/.test(model ?? '');
  if (!isOpenAi) return null;
  if (operation === 'chat' && cacheRead === null && input < SMALLEST_CHAT_INPUT) {
    const reason = `no counts of the provider: input ${input} is less than a chat's frame takes, so the emitter counted the text (output ${output ?? 'none'})`;
    return { status: 'missing', reason };
  }
  return null;
}

/** Image input is counted from the prompt's text there, output from the size of the picture. */
export function guessOfImage(operation: string): Guess | null {
  return operation === 'image'
    ? { status: 'estimated', reason: 'the emitter computes the tokens of images itself' }
    : null;
}
