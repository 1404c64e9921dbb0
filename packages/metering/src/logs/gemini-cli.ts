import { MICROS_PER_MILLI, microsOf } from '../duration.ts';
import { label } from '../label.ts';
import { providerOfModel } from '../provider.ts';
import type { Attributes } from '../span.ts';
import { count, NO_COUNTS, type ReportedCounts } from '../tokens.ts';
import { isEvent, type LogDialect } from './dialect.ts';

const EVENT = 'gemini_cli.api_response';

/**
 * Gemini CLI, with the counts as Gemini gives them: cached input inside input, thoughts beside output, the prompts of
 * its own tools beside input. The `gen_ai.client.inference.operation.details` that it logs for the same call repeats
 * this one.
 */
export const geminiCli: LogDialect = {
  name: 'gemini-cli',
  attributes: [
    'model',
    'input_token_count',
    'output_token_count',
    'cached_content_token_count',
    'thoughts_token_count',
    'tool_token_count',
    'total_token_count',
    'duration_ms',
    'prompt_id',
    'auth_type',
  ],
  read: (record) => {
    if (!isEvent(record, EVENT)) return null;
    const { attributes } = record;
    const model = label(attributes.get('model'));
    return {
      name: EVENT,
      model,
      provider:
        label(attributes.get('auth_type')) === 'vertex-ai'
          ? 'gcp.vertex_ai'
          : (providerOfModel(model) ?? 'gcp.gemini'),
      counts: countsOf(attributes),
      placements: { cached: 'inside', reasoning: 'beside' },
      responseId: null,
      requestId: null,
      durationMicros: microsOf(attributes.get('duration_ms'), MICROS_PER_MILLI),
      reportedCostUsd: null,
      serviceTier: null,
      hasFailed: false,
    };
  },
};

/**
 * It writes 0 where Gemini gave no count, so a zero is believed only where the total is the sum with it: an answer of
 * nothing but thoughts has a true zero, a cut one has none.
 */
function countsOf(attributes: Attributes): ReportedCounts {
  const sent = (key: string) => count(attributes.get(key));
  const input = sent('input_token_count');
  const output = sent('output_token_count');
  const reasoning = sent('thoughts_token_count');
  const toolPrompt = sent('tool_token_count');
  const total = sent('total_token_count');
  const sum = (input ?? 0) + (output ?? 0) + (reasoning ?? 0) + (toolPrompt ?? 0);
  const isConfirmed = total !== null && total > 0 && total === sum;
  const believed = (counted: number | null) => (counted === 0 && !isConfirmed ? null : counted);
  return {
    ...NO_COUNTS,
    input: believed(input),
    output: believed(output),
    cacheRead: sent('cached_content_token_count'),
    reasoning,
    toolPrompt,
    total: believed(total),
  };
}
