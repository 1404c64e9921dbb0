import { GEN_AI_OPERATION_NAME, SPANLEDGER_USAGE_UNIT } from '@spanledger/semconv';
import { label } from '../label.ts';
import type { Dialect } from './dialect.ts';

/**
 * What an app reports itself (`recordUsage` of our instrumentation, or the two attributes on any span that is no
 * model call): a unit and how many. On the span of a call they are read with the call.
 */
export const spanledger: Dialect = {
  name: 'spanledger',
  attributes: [SPANLEDGER_USAGE_UNIT],
  clues: [SPANLEDGER_USAGE_UNIT],
  recognise: ({ attributes }) => {
    if (label(attributes.get(SPANLEDGER_USAGE_UNIT)) === null) return null;
    return label(attributes.get(GEN_AI_OPERATION_NAME)) === null ? SPANLEDGER_USAGE_UNIT : null;
  },
  part: () => ({ kind: 'unit', operation: 'other', why: 'a unit that the app reports itself' }),
};
