import { reportsCacheBeside } from '../provider.ts';
import type { Dialect } from './dialect.ts';
import { guessOfText } from './guess.ts';

const SDK = 'telemetry.sdk.name';
const OPERATION = 'gen_ai.operation.name';

/**
 * OpenLIT: conventional names, with Anthropic's and Bedrock's input as the provider sends it, and a tokenizer's guess
 * where a stream brought no usage.
 */
export const openLit: Dialect = {
  name: 'openlit',
  attributes: [SDK, OPERATION],
  clues: [SDK],
  cluesInScope: { scope: /^@?openlit|^$/, clues: [OPERATION] },
  recognise: ({ attributes, resource, scopeName }) => {
    if (attributes.get(OPERATION) === undefined) return null;
    if (/^@?openlit/.test(scopeName)) return `scope ${scopeName}`;
    // The SDK marks the whole process; spans of other libraries in it are not its own.
    const isMarked = attributes.get(SDK) === 'openlit';
    return isMarked || (resource.get(SDK) === 'openlit' && scopeName === '') ? SDK : null;
  },
  placements: (_span, { provider, model }) => ({
    cached: reportsCacheBeside(provider, model) ? 'beside' : 'inside',
    reasoning: provider === 'gcp.gemini' || provider === 'gcp.vertex_ai' ? 'beside' : null,
  }),
  guess: guessOfText,
};
