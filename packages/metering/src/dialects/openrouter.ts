import { call, type Dialect } from './dialect.ts';

/** OpenRouter's broadcast: one trace for each request, its root the request, its attempts without tokens. */
export const openRouter: Dialect = {
  name: 'openrouter',
  attributes: [],
  clues: 'any',
  recognise: ({ scopeName, resource }) =>
    scopeName === 'openrouter' || resource.get('service.name') === 'openrouter' ? 'scope openrouter' : null,
  part: ({ name }) => {
    if (name === 'LLM Generation') return call('chat', `${name} is a model call`);
    return { kind: 'plain', operation: 'other', why: `${name} is part of a request` };
  },
};
