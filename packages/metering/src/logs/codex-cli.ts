import { label } from '../label.ts';
import { providerOfModel } from '../provider.ts';
import type { Attributes } from '../span.ts';
import { count, NO_COUNTS, type ReportedCounts } from '../tokens.ts';
import { isEvent, type LogDialect } from './dialect.ts';

const EVENT = 'codex.sse_event';
const KIND = 'event.kind';
const COMPLETED = 'response.completed';

/**
 * Codex CLI: of the events of an answer's stream, `response.completed` has the usage, as texts. Cached input is inside
 * input and reasoning inside output. `tool_token_count` is, in spite of its name, input and output together, so it adds
 * nothing. No id of the response is sent, and no duration of the call.
 *
 * The same line of the stream is also told as a mere arrival, with the time waited for it (`duration_ms`) and without
 * usage: that is no second call.
 */
export const codexCli: LogDialect = {
  name: 'codex-cli',
  attributes: [
    KIND,
    'model',
    'input_token_count',
    'output_token_count',
    'cached_token_count',
    'reasoning_token_count',
    'duration_ms',
    'error.message',
  ],
  read: (record) => {
    const { attributes } = record;
    if (!isEvent(record, EVENT) || label(attributes.get(KIND)) !== COMPLETED) return null;
    const counts = countsOf(attributes);
    const isArrival = attributes.get('duration_ms') !== undefined;
    if (isArrival && counts.input === null && counts.output === null) return null;
    const model = label(attributes.get('model'));
    return {
      name: EVENT,
      model,
      // It also speaks to local and other servers, so a model that nobody knows is not taken for OpenAI's.
      provider: providerOfModel(model),
      counts,
      placements: { cached: 'inside', reasoning: 'inside' },
      responseId: null,
      requestId: null,
      durationMicros: null,
      reportedCostUsd: null,
      serviceTier: null,
      hasFailed: label(attributes.get('error.message')) !== null,
    };
  },
};

function countsOf(attributes: Attributes): ReportedCounts {
  return {
    ...NO_COUNTS,
    input: count(attributes.get('input_token_count')),
    output: count(attributes.get('output_token_count')),
    cacheRead: count(attributes.get('cached_token_count')),
    reasoning: count(attributes.get('reasoning_token_count')),
  };
}
