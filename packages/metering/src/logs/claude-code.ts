import { SERVICE_NAME } from '@spanledger/semconv';
import { formatDecimal, parseDecimal } from '../amount.ts';
import { tierOf } from '../dialects/served.ts';
import { MICROS_PER_MILLI, microsOf } from '../duration.ts';
import { label } from '../label.ts';
import { providerOfModel } from '../provider.ts';
import type { Attributes } from '../span.ts';
import { count, NO_COUNTS } from '../tokens.ts';
import { EVENT_NAME, isEvent, type LogDialect } from './dialect.ts';
import type { LogRecord } from './record.ts';

const EVENT = 'claude_code.api_request';
const BARE_NAME = 'api_request';
const SCOPE_PREFIX = 'com.anthropic.claude_code';
const SERVICE = 'claude-code';

/**
 * Claude Code: one `api_request` for each answered request. Input is counted without its cached parts. Older versions
 * send the numbers as texts. Its `llm_request` span has the id of the request as its response id, so both meet.
 */
export const claudeCode: LogDialect = {
  name: 'claude-code',
  attributes: [
    'model',
    'input_tokens',
    'output_tokens',
    'cache_read_tokens',
    'cache_creation_tokens',
    'cost_usd',
    'cost_usd_micros',
    'duration_ms',
    'request_id',
    'client_request_id',
  ],
  alsoReads: ['speed'],
  read: (record) => {
    if (!isApiRequest(record)) return null;
    const { attributes } = record;
    const model = label(attributes.get('model'));
    const requestId = label(attributes.get('request_id'));
    return {
      name: EVENT,
      model,
      // A cloud that serves Claude shows in the model's name; all else speaks Anthropic's API.
      provider: providerOfModel(model) ?? 'anthropic',
      counts: {
        ...NO_COUNTS,
        input: count(attributes.get('input_tokens')),
        output: count(attributes.get('output_tokens')),
        cacheRead: count(attributes.get('cache_read_tokens')),
        cacheWrite: count(attributes.get('cache_creation_tokens')),
      },
      placements: { cached: 'beside', reasoning: 'inside' },
      responseId: requestId,
      requestId: requestId ?? label(attributes.get('client_request_id')),
      durationMicros: microsOf(attributes.get('duration_ms'), MICROS_PER_MILLI),
      reportedCostUsd: costUsd(attributes),
      serviceTier: tierOf(null, label(attributes.get('speed'))),
      hasFailed: false,
    };
  },
};

/** The attribute has the name without the tool's, which others may use too; then something else must show the tool. */
function isApiRequest(record: LogRecord): boolean {
  if (isEvent(record, EVENT)) return true;
  const { attributes, resource, scopeName } = record;
  return (
    label(attributes.get(EVENT_NAME)) === BARE_NAME &&
    (scopeName.startsWith(SCOPE_PREFIX) ||
      label(resource.get(SERVICE_NAME)) === SERVICE ||
      attributes.get('cache_creation_tokens') !== undefined)
  );
}

/** More places than the shortest decimal of any cost that a double holds has. */
const COST_SCALE = 40;
const MICRO_USD_SCALE = 6;

/** As sent where it is a plain decimal; a double as its shortest decimal; without an exponent either way. */
function costUsd(attributes: Attributes): string | null {
  const sent = label(attributes.get('cost_usd'))?.trim() ?? null;
  const parsed = sent === null ? null : parseDecimal(sent, COST_SCALE);
  if (sent !== null && parsed?.kind === 'decimal' && parsed.value >= 0n) {
    return /e/i.test(sent) ? formatDecimal(parsed.value, COST_SCALE) : sent;
  }
  const micros = count(attributes.get('cost_usd_micros'));
  return micros === null ? null : formatDecimal(BigInt(micros), MICRO_USD_SCALE);
}
