import { label } from '../label.ts';
import { call, type Dialect } from './dialect.ts';

const METHOD = 'rpc.method';
const SCOPE = /aws-sdk|botocore/;

/**
 * OpenTelemetry's AWS SDK instrumentation on Bedrock. `InvokeModel` has no operation name. Input is what Bedrock
 * reports, without its cached parts, which are not sent at all; for Cohere and Mistral models it is computed from the
 * number of characters.
 */
export const awsSdk: Dialect = {
  name: 'aws-sdk',
  attributes: [METHOD, 'gen_ai.system'],
  clues: [],
  cluesInScope: { scope: SCOPE, clues: ['gen_ai.system'] },
  recognise: ({ attributes, scopeName }) =>
    attributes.get('gen_ai.system') === 'aws.bedrock' && SCOPE.test(scopeName) ? `scope ${scopeName}` : null,
  part: ({ attributes }) => {
    const method = label(attributes.get(METHOD)) ?? '';
    return /^(?:Converse|InvokeModel)/.test(method) ? call('chat', `${method} is a model call`) : null;
  },
  placements: () => ({ cached: 'beside', reasoning: null }),
  guess: ({ attributes, scopeName }, { model }) =>
    /aws-sdk/.test(scopeName) &&
    label(attributes.get(METHOD)) === 'InvokeModel' &&
    /(?:^|\.)(?:cohere|mistral)\./.test(model ?? '')
      ? { status: 'estimated', reason: 'input is computed from the number of characters' }
      : null,
};
