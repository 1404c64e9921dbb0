import type { Dialect } from './dialect.ts';

/** The Anthropic SDK's own spans, and those of its API: conventional, and counted by the provider itself. */
export const anthropicSdk: Dialect = {
  name: 'anthropic-sdk',
  attributes: [],
  recognise: ({ scopeName }) =>
    /^com\.anthropic\.(?:sdk|claude-platform)/.test(scopeName) ? `scope ${scopeName}` : null,
  placements: () => ({ cached: 'inside', reasoning: 'inside' }),
};
