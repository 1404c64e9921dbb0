import { label } from '../label.ts';
import { partOfOperation } from '../operation.ts';
import type { Span } from '../span.ts';
import { call, container, type Dialect, tool } from './dialect.ts';

const OP = 'sentry.op';
const TYPE = 'gen_ai.operation.type';

/** Sentry: its own operation, `gen_ai.` and a conventional word; or, behind its ingest, a type. */
export const sentry: Dialect = {
  name: 'sentry',
  attributes: [OP, TYPE],
  clues: [OP, TYPE],
  recognise: (span) => {
    if (word(span) !== null) return OP;
    return label(span.attributes.get(TYPE)) === null ? null : TYPE;
  },
  part: (span) => {
    switch (label(span.attributes.get(TYPE))) {
      case 'ai_client':
        return partOfOperation(word(span) ?? '') ?? call('chat', 'ai_client is a model call');
      case 'agent':
      case 'handoff':
        return container('agent', 'an agent holds others');
      case 'tool':
        return tool('a tool bills no tokens');
      default:
        return partOfOperation(word(span) ?? '');
    }
  },
};

function word({ attributes }: Span): string | null {
  const op = label(attributes.get(OP));
  return op?.startsWith('gen_ai.') ? op.slice('gen_ai.'.length) : null;
}
