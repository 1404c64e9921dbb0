import { call, type Dialect } from './dialect.ts';

const CALL_TYPE = 'litellm.call_type';
const SYSTEM = 'gen_ai.system';

/**
 * LiteLLM. Version 1 puts a call's attributes on its own span, on the proxy's server span, or on both, and only its
 * span name tells the first: the server span stays a candidate. Version 2 follows the conventions.
 */
export const liteLlm: Dialect = {
  name: 'litellm',
  attributes: [CALL_TYPE, SYSTEM],
  clues: [CALL_TYPE, SYSTEM],
  recognise: ({ name, scopeName, attributes }) => {
    const isItsScope = scopeName.startsWith('litellm');
    if (!isItsScope && name !== 'litellm_request') return null;
    const speaksOfModels = attributes.get(SYSTEM) !== undefined || attributes.get(CALL_TYPE) !== undefined;
    if (!speaksOfModels) return null;
    return isItsScope ? `scope ${scopeName}` : `span name ${name}`;
  },
  part: ({ name }) => (name === 'litellm_request' ? call('chat', `${name} is a model call`) : null),
};
