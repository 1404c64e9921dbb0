import { label } from '../label.ts';
import { count } from '../tokens.ts';
import { call, container, type Dialect, other, tool } from './dialect.ts';
import { tierOf } from './served.ts';

/** `fast` or `normal`. */
const SPEED = 'speed';
const KEYS = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens'];

/**
 * Claude Code's own spans: bare names, and input without its cached parts. Programs that it starts join its trace, so
 * what is labelled on these spans says nothing about the spans of another service below them.
 */
export const claudeCode: Dialect = {
  name: 'claude-code',
  attributes: [...KEYS, SPEED],
  clues: 'any',
  recognise: ({ name }) => (name.startsWith('claude_code.') ? `span name ${name}` : null),
  part: ({ name }) => {
    if (name === 'claude_code.llm_request') return call('chat', 'llm_request is a model call');
    if (name === 'claude_code.interaction') return container('agent', 'an interaction holds others');
    return name.startsWith('claude_code.tool')
      ? tool('a tool bills no tokens')
      : other('other', `${name} bills no tokens`);
  },
  counts: ({ attributes }) => ({
    input: count(attributes.get('input_tokens')),
    output: count(attributes.get('output_tokens')),
    cacheRead: count(attributes.get('cache_read_tokens')),
    cacheWrite: count(attributes.get('cache_creation_tokens')),
  }),
  placements: () => ({ cached: 'beside', reasoning: 'inside' }),
  provider: () => 'anthropic',
  served: ({ attributes }) => ({ responseTier: tierOf(null, label(attributes.get(SPEED))) }),
};
