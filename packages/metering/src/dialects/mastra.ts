import { label } from '../label.ts';
import { call, container, type Dialect, other, tool } from './dialect.ts';

const TYPE = 'mastra.span.type';

/**
 * Mastra. A `model_generation` is one agent loop, a `model_inference` one request of it. Older versions put the usage
 * on the loop, newer ones on the request, some on both; so both are calls, and their trace tells which is the other's
 * sum.
 */
export const mastra: Dialect = {
  name: 'mastra',
  attributes: [TYPE],
  clues: [TYPE],
  recognise: ({ attributes }) => (label(attributes.get(TYPE)) === null ? null : TYPE),
  part: ({ attributes }) => {
    const type = label(attributes.get(TYPE)) ?? '';
    switch (type) {
      case 'model_generation':
      case 'model_inference':
        return call('chat', `${type} is a model call`);
      case 'rag_embedding':
        return call('embeddings', `${type} is a model call`);
      case 'agent_run':
        return container('agent', `${type} holds others`);
      case 'model_step':
        return container('step', `${type} holds a request`);
      case 'tool_call':
      case 'mcp_tool_call':
        return tool(`${type} bills no tokens`);
      default:
        return type.startsWith('workflow')
          ? container('workflow', `${type} holds others`)
          : other('other', `${type} bills no tokens`);
    }
  },
  placements: () => ({ cached: 'inside', reasoning: 'inside' }),
};
