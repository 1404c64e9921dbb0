import { GEN_AI_OPERATION_NAME } from '@spanledger/semconv';
import { label } from '../label.ts';
import type { Dialect } from './dialect.ts';

/**
 * The OpenTelemetry GenAI semantic conventions, in all the versions that are still sent: `gen_ai.*` names of today
 * and their deprecated predecessors. Status of the conventions: Development, so names keep moving. Also the way of
 * every emitter that follows them and needs no file of its own (AI SDK 7, Pydantic AI, Agent Framework, …).
 */
export const openTelemetry: Dialect = {
  name: 'opentelemetry',
  attributes: [GEN_AI_OPERATION_NAME, 'gen_ai.system', 'gen_ai.provider.name'],
  clues: [GEN_AI_OPERATION_NAME, 'gen_ai.provider.name', 'gen_ai.system'],
  recognise: ({ attributes }) => {
    if (label(attributes.get(GEN_AI_OPERATION_NAME)) !== null) return GEN_AI_OPERATION_NAME;
    if (label(attributes.get('gen_ai.provider.name')) !== null) return 'gen_ai.provider.name';
    return label(attributes.get('gen_ai.system')) !== null ? 'gen_ai.system' : null;
  },
};
