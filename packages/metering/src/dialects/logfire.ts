import type { Dialect } from './dialect.ts';

const SPAN_TYPE = 'logfire.span_type';
const PARTIAL_KEYS = ['gen_ai.usage.partial.input_tokens', 'gen_ai.usage.partial.output_tokens'];

/** Pydantic Logfire sends every span twice: when it starts, as a child of itself, and when it has ended. */
export const logfirePending: Dialect = {
  name: 'logfire',
  attributes: [SPAN_TYPE],
  clues: [SPAN_TYPE],
  recognise: ({ attributes }) =>
    attributes.get(SPAN_TYPE) === 'pending_span' ? `${SPAN_TYPE} = pending_span` : null,
  part: () => ({ kind: 'pending_twin', operation: 'other', why: 'sent at the start of a span that follows' }),
};

/**
 * Its Claude Agent SDK integration, the one inverted case: the chat spans have pieces of the usage under their own
 * name, and the root has all of it.
 */
export const logfirePartial: Dialect = {
  name: 'logfire',
  attributes: PARTIAL_KEYS,
  clues: PARTIAL_KEYS,
  recognise: ({ attributes }) => PARTIAL_KEYS.find((key) => attributes.get(key) !== undefined) ?? null,
  part: () => ({ kind: 'partial', operation: 'chat', why: 'partial usage; the root has the whole' }),
};
