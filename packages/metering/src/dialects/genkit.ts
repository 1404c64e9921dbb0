import { at, jsonObject, scalar } from '../json.ts';
import { label } from '../label.ts';
import { count } from '../tokens.ts';
import { call, container, type Dialect, tool } from './dialect.ts';

const SUBTYPE = 'genkit:metadata:subtype';
const NAME = 'genkit:name';
const OUTPUT = 'genkit:output';

/** Google's Genkit: its own attributes, the usage inside the copied output, the model as `plugin/model`. */
export const genkit: Dialect = {
  name: 'genkit',
  attributes: [SUBTYPE, NAME, OUTPUT],
  clues: [SUBTYPE],
  recognise: ({ scopeName, attributes }) =>
    scopeName === 'genkit-tracer' && label(attributes.get(SUBTYPE)) !== null ? SUBTYPE : null,
  part: ({ attributes }) => {
    const subtype = label(attributes.get(SUBTYPE)) ?? '';
    switch (subtype) {
      case 'model':
        return call('chat', 'a model action is a model call');
      case 'embedder':
        return call('embeddings', 'an embedder action is a model call');
      case 'tool':
        return tool('a tool bills no tokens');
      default:
        return container('workflow', `${subtype} holds others`);
    }
  },
  counts: ({ attributes }) => {
    const usage = at(jsonObject(attributes.get(OUTPUT)) ?? undefined, 'usage');
    const number = (name: string) => count(scalar(at(usage, name)));
    return {
      input: number('inputTokens'),
      output: number('outputTokens'),
      total: number('totalTokens'),
      cacheRead: number('cachedContentTokens'),
      reasoning: number('thoughtsTokens'),
    };
  },
  requestModel: ({ attributes }) => label(attributes.get(NAME))?.replace(/^[^/]*\//, '') ?? null,
};
