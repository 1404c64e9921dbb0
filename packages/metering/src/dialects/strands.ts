import { label } from '../label.ts';
import { partOfOperation } from '../operation.ts';
import { reportsCacheBeside } from '../provider.ts';
import { container, type Dialect } from './dialect.ts';

const PROVIDER_KEYS = ['gen_ai.provider.name', 'gen_ai.system'];
const OPERATION = 'gen_ai.operation.name';

/**
 * Strands Agents: names itself as the provider, and passes on what the model's provider reports. The usage of an
 * `invoke_agent` is summed over the life of the agent object, so it is never the usage of that one invocation.
 */
export const strands: Dialect = {
  name: 'strands',
  attributes: [...PROVIDER_KEYS, OPERATION],
  clues: PROVIDER_KEYS,
  recognise: ({ attributes }) =>
    PROVIDER_KEYS.find((key) => attributes.get(key) === 'strands-agents') ?? null,
  part: ({ attributes }) => {
    const word = label(attributes.get(OPERATION));
    if (word === null) return container('step', 'a loop cycle holds others');
    return word === 'invoke_agent'
      ? container('agent', 'invoke_agent sums over the life of its agent', true)
      : partOfOperation(word);
  },
  placements: (_span, { provider, model }) => ({
    cached: reportsCacheBeside(provider, model) ? 'beside' : 'inside',
    reasoning: null,
  }),
};
