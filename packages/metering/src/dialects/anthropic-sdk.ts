import type { Dialect } from './dialect.ts';

const SCOPE = /^com\.anthropic\.(?:sdk|claude-platform)/;

/** The Anthropic SDK's own spans, and those of its API: conventional, and counted by the provider itself. */
export const anthropicSdk: Dialect = {
  name: 'anthropic-sdk',
  attributes: [],
  clues: [],
  cluesInScope: { scope: SCOPE, clues: 'any' },
  recognise: ({ scopeName }) => (SCOPE.test(scopeName) ? `scope ${scopeName}` : null),
  placements: () => ({ cached: 'inside', reasoning: 'inside' }),
};
