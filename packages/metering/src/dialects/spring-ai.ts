import { label } from '../label.ts';
import { container, type Dialect, tool } from './dialect.ts';

const KIND = 'spring.ai.kind';
const SCOPE = /springframework/;
const OPERATION = 'gen_ai.operation.name';

/** Spring AI through Micrometer, which writes numbers as text. Anthropic's input is passed on without its cache. */
export const springAi: Dialect = {
  name: 'spring-ai',
  attributes: [KIND, OPERATION],
  clues: [KIND],
  cluesInScope: { scope: SCOPE, clues: [OPERATION] },
  recognise: ({ attributes, scopeName }) => {
    if (label(attributes.get(KIND)) !== null) return KIND;
    const isSpring = SCOPE.test(scopeName) && attributes.get(OPERATION) !== undefined;
    return isSpring ? `scope ${scopeName}` : null;
  },
  part: ({ attributes }) => {
    const kind = label(attributes.get(KIND));
    if (kind === 'tool_call') return tool('a tool bills no tokens');
    return kind === 'chat_client' || kind === 'advisor' ? container('step', `${kind} holds others`) : null;
  },
  placements: (_span, { provider }) => ({
    cached: provider === 'anthropic' ? 'beside' : null,
    reasoning: null,
  }),
};
