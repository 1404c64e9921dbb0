import { reportsCacheBeside } from '../provider.ts';
import type { Dialect } from './dialect.ts';

/** Grafana's agento11y: says on the span when its counts are inclusive; without the word they are the provider's. */
export const agento11y: Dialect = {
  name: 'agento11y',
  attributes: ['agento11y.generation.id'],
  clues: ['agento11y.generation.id'],
  recognise: ({ attributes }) =>
    attributes.get('agento11y.generation.id') === undefined ? null : 'agento11y.generation.id',
  placements: (_span, { provider, model }) => ({
    cached: reportsCacheBeside(provider, model) ? 'beside' : null,
    reasoning: null,
  }),
};
