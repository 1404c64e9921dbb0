import {
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  GEN_AI_SYSTEM,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_COMPLETION_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_PROMPT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_TOKENS,
} from '@spanledger/semconv';
import { firstLabel, label } from '../label.ts';
import { type KnownOperation, knownOperation } from '../operation.ts';
import type { Attributes, AttributeValue, Span } from '../span.ts';
import { type OverlapEvidence, type ReportedCounts, resolveTokens } from '../tokens.ts';
import { canonicalProvider } from '../traces/provider.ts';
import { count, firstCount } from '../traces/tokens.ts';
import type { Operation } from '../usage.ts';
import type { Dialect, ObservedCall } from './dialect.ts';

/** Newest name first; the first that holds a usable value wins. */
const PROVIDER_KEYS = [GEN_AI_PROVIDER_NAME, GEN_AI_SYSTEM];
const INPUT_KEYS = [GEN_AI_USAGE_INPUT_TOKENS, GEN_AI_USAGE_PROMPT_TOKENS];
const OUTPUT_KEYS = [GEN_AI_USAGE_OUTPUT_TOKENS, GEN_AI_USAGE_COMPLETION_TOKENS];
const CACHE_READ_KEYS = [GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, 'gen_ai.usage.cache_read_input_tokens'];
const CACHE_WRITE_KEYS = [
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  'gen_ai.usage.cache_creation_input_tokens',
  'gen_ai.usage.cache_write_input_tokens',
];
const REASONING_KEYS = [GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, GEN_AI_USAGE_REASONING_TOKENS];
const TOTAL_KEY = 'gen_ai.usage.total_tokens';
const SEMANTICS_KEY = 'gen_ai.token.semantics';

/**
 * The OpenTelemetry GenAI semantic conventions, in all the versions that are still sent: `gen_ai.*` names of today
 * and their deprecated predecessors. Status of the conventions: Development, so names keep moving.
 */
export const openTelemetry: Dialect = {
  name: 'opentelemetry',
  attributes: [
    GEN_AI_OPERATION_NAME,
    ...PROVIDER_KEYS,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_ID,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    ...INPUT_KEYS,
    ...OUTPUT_KEYS,
    ...CACHE_READ_KEYS,
    ...CACHE_WRITE_KEYS,
    ...REASONING_KEYS,
    TOTAL_KEY,
    SEMANTICS_KEY,
  ],
  read,
};

function read({ attributes }: Span): ObservedCall | null {
  const word = label(attributes.get(GEN_AI_OPERATION_NAME));
  const provider = firstLabel(attributes, PROVIDER_KEYS);
  if (word === null && provider === null) return null;

  const counts = reportedCounts(attributes);
  const role = (word === null ? null : knownOperation(word)) ?? unstatedRole(word, provider, counts);
  if (role === null) return null;
  return {
    operation: role.operation,
    role: role.role,
    roleReason: role.roleReason,
    provider: provider === null ? null : canonicalProvider(provider),
    requestModel: label(attributes.get(GEN_AI_REQUEST_MODEL)),
    responseModel: label(attributes.get(GEN_AI_RESPONSE_MODEL)),
    responseId: label(attributes.get(GEN_AI_RESPONSE_ID)),
    timeToFirstTokenMicros: microsOfSeconds(attributes.get(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)),
    usage: resolveTokens(counts, answersWithoutOutput(role.operation), () => overlapEvidence(attributes)),
  };
}

/**
 * Without a known operation, usage and a provider make a span a candidate for a model call and no more: SDK roots
 * that only sum their children look the same. Such a span is kept as `pending` and costs nothing until its trace is
 * known; without both it is no model call.
 */
function unstatedRole(
  word: string | null,
  provider: string | null,
  counts: ReportedCounts,
): KnownOperation | { operation: Operation; role: 'pending'; roleReason: string } | null {
  const hasUsage = counts.input !== null || counts.output !== null;
  const stated = word === null ? 'no operation name' : `unknown operation ${word}`;
  if (hasUsage && provider !== null) {
    const roleReason = `${stated}; usage and provider make it a candidate until its trace is known`;
    return { operation: word === null ? 'chat' : 'other', role: 'pending', roleReason };
  }
  if (word === null) return null;
  return { operation: 'other', role: 'ignored', roleReason: `${stated}, and no usage with a provider` };
}

function reportedCounts(attributes: Attributes): ReportedCounts {
  return {
    input: firstCount(attributes, INPUT_KEYS),
    output: firstCount(attributes, OUTPUT_KEYS),
    cacheRead: firstCount(attributes, CACHE_READ_KEYS),
    cacheWrite: firstCount(attributes, CACHE_WRITE_KEYS),
    reasoning: firstCount(attributes, REASONING_KEYS),
  };
}

function overlapEvidence(attributes: Attributes): OverlapEvidence {
  return {
    declaredInclusive: attributes.get(SEMANTICS_KEY) === 'inclusive',
    total: count(attributes.get(TOTAL_KEY)),
  };
}

/** Vectors and scores are not made of tokens, so these operations have no output count to miss. */
function answersWithoutOutput(operation: Operation): boolean {
  return operation === 'embeddings' || operation === 'rerank' || operation === 'token_count';
}

/** Seconds as sent (a double, sometimes as text) to whole microseconds. */
function microsOfSeconds(value: AttributeValue | undefined): number | null {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds >= 0)) return null;
  const micros = Math.round(seconds * 1_000_000);
  return Number.isSafeInteger(micros) ? micros : null;
}
