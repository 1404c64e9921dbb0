import { at, type JsonObject, recentJsonObject, scalar } from '../json.ts';
import { label } from '../label.ts';
import { reportsCacheBeside } from '../provider.ts';
import type { Attributes, Span } from '../span.ts';
import { count } from '../tokens.ts';
import type { Operation } from '../usage.ts';
import { anthropicParts, textAt } from './body.ts';
import type { SpanCounts } from './common.ts';
import { call, container, type Dialect, type Part, tool } from './dialect.ts';
import { geminiModalities } from './gemini-usage.ts';
import { geoOf, type Served, tierOf } from './served.ts';

const OPERATION_ID = 'ai.operationId';
const OPERATION_NAME = 'operation.name';
const PROVIDER_METADATA = 'ai.response.providerMetadata';
/** The two places where the SDK's own version reaches a span. */
const SDK_VERSION = 'ai.sdk.version';
const USER_AGENT = 'ai.request.headers.user-agent';
const DETAILS = 'ai.usage.inputTokenDetails.noCacheTokens';

const LEAVES: readonly (readonly [string, Operation])[] = [
  ['.doGenerate', 'chat'],
  ['.doStream', 'chat'],
  ['.doEmbed', 'embeddings'],
  ['.doRerank', 'rerank'],
];

/**
 * The Vercel AI SDK, versions 4 to 6 and the legacy integration of 7: a root span for the whole operation and a leaf
 * for each request, `ai.usage.*` on both. Other tools rename these spans and add `gen_ai.*` to the roots; only
 * `ai.operationId` still tells them apart, so it decides before any other name does.
 */
export const aiSdk: Dialect = {
  name: 'ai-sdk',
  attributes: [OPERATION_ID, OPERATION_NAME, PROVIDER_METADATA, SDK_VERSION, USER_AGENT, DETAILS],
  clues: [OPERATION_ID, OPERATION_NAME],
  recognise: ({ attributes }) => (operationId(attributes) === null ? null : OPERATION_ID),
  part: ({ attributes }) => partOf(operationId(attributes) ?? ''),
  counts: ({ attributes }) => metadataCounts(metadataWith(COUNTS, attributes)),
  served: ({ attributes }) => metadataServed(metadataWith(SERVED, attributes)),
  placements: ({ attributes }, { provider, model }) => {
    const normalises = attributes.get(DETAILS) !== undefined || majorVersion(attributes) >= 6;
    if (normalises) return { cached: 'inside', reasoning: 'inside' };
    return {
      cached: reportsCacheBeside(provider, model) ? 'beside' : 'inside',
      reasoning: provider === 'gcp.gemini' || provider === 'gcp.vertex_ai' ? 'beside' : 'inside',
    };
  },
  reportedCostUsd: ({ attributes }) => {
    const metadata = metadataWith(COST, attributes);
    if (metadata === null) return null;
    return label(scalar(at(metadata, 'gateway', 'cost') ?? at(metadata, 'openrouter', 'usage', 'cost')));
  },
};

function operationId(attributes: Attributes): string | null {
  const id = label(attributes.get(OPERATION_ID));
  if (id !== null) return id;
  const [word = ''] = (label(attributes.get(OPERATION_NAME)) ?? '').split(' ', 1);
  return word.startsWith('ai.') ? word : null;
}

function partOf(id: string): Part {
  const leaf = LEAVES.find(([ending]) => id.endsWith(ending));
  if (leaf !== undefined) return call(leaf[1], `${id} is a model call`);
  return id === 'ai.toolCall'
    ? tool(`${id} bills no tokens`)
    : container('workflow', `${id} holds its requests`);
}

/** 0 when unknown. */
function majorVersion(attributes: Attributes): number {
  const text = `${label(attributes.get(SDK_VERSION)) ?? ''} ${label(attributes.get(USER_AGENT)) ?? ''}`;
  return Number(/(?:^|\bai\/)(\d+)\./.exec(text)?.[1] ?? 0);
}

/** Words without which nothing is found. */
const COUNTS = 'oken';
/** Of `serviceTier` and `service_tier`, beside which Anthropic's geo and speed stand. */
const SERVED = 'ervice';
const COST = '"cost"';

/** The metadata, parsed only where such a word stands in it: most has neither counts nor tier nor cost. */
function metadataWith(word: string, attributes: Attributes): JsonObject | null {
  const text = attributes.get(PROVIDER_METADATA);
  return typeof text === 'string' && text.includes(word) ? recentJsonObject(text) : null;
}

/** Providers' own words: OpenAI's and Google's of the response, Anthropic's inside its usage or beside it. */
function metadataServed(metadata: JsonObject | null): Partial<Served> | null {
  if (metadata === null) return null;
  const anthropic = metadata.anthropic ?? metadata.vertex;
  const google = metadata.google ?? metadata.vertex;
  const tier =
    textAt(at(metadata.openai ?? metadata.azure, 'serviceTier')) ??
    textAt(at(anthropic, 'usage', 'service_tier')) ??
    textAt(at(anthropic, 'serviceTier')) ??
    textAt(at(google, 'serviceTier'));
  return {
    responseTier: tierOf(tier, textAt(at(anthropic, 'usage', 'speed'))),
    inferenceGeo: geoOf(textAt(at(anthropic, 'usage', 'inference_geo'))),
  };
}

/**
 * What the SDK passes on from the provider. Anthropic's input stands there without its cached parts by definition, so
 * it is a statement, not a guess. Also read where newer versions put the same text on conventional spans.
 */
function metadataCounts(metadata: JsonObject | null): Partial<SpanCounts> | null {
  if (metadata === null) return null;
  const anthropic = metadata.anthropic ?? metadata.vertex;
  const openai = metadata.openai ?? metadata.azure;
  const google = at(metadata.google ?? metadata.vertex, 'usageMetadata');
  const bedrock = at(metadata.bedrock, 'usage');
  const number = (...candidates: Parameters<typeof scalar>[0][]) => {
    for (const candidate of candidates) {
      const found = count(scalar(candidate));
      if (found !== null) return found;
    }
    return null;
  };
  return {
    uncachedInput: number(at(anthropic, 'usage', 'input_tokens')),
    cacheRead: number(
      at(anthropic, 'usage', 'cache_read_input_tokens'),
      at(anthropic, 'cacheReadInputTokens'),
      at(openai, 'cachedPromptTokens'),
      at(google, 'cachedContentTokenCount'),
      at(bedrock, 'cacheReadInputTokens'),
    ),
    cacheWrite: number(
      at(anthropic, 'usage', 'cache_creation_input_tokens'),
      at(anthropic, 'cacheCreationInputTokens'),
      at(bedrock, 'cacheWriteInputTokens'),
    ),
    reasoning: number(at(openai, 'reasoningTokens'), at(google, 'thoughtsTokenCount')),
    toolPrompt: number(at(google, 'toolUsePromptTokenCount')),
    ...anthropicParts(at(anthropic, 'usage')),
    modalities: geminiModalities(google),
  };
}

/** The version 7 integration follows the conventions; only its provider metadata is worth a look. */
export const aiSdk7: Dialect = {
  name: 'ai-sdk',
  attributes: [PROVIDER_METADATA],
  clues: [],
  cluesInScope: { scope: /^gen_ai$/, clues: ['gen_ai.operation.name'] },
  recognise: ({ scopeName, attributes }: Span) =>
    scopeName === 'gen_ai' && attributes.get('gen_ai.operation.name') !== undefined ? 'scope gen_ai' : null,
  counts: ({ attributes }) => metadataCounts(metadataWith(COUNTS, attributes)),
  served: ({ attributes }) => metadataServed(metadataWith(SERVED, attributes)),
  placements: () => ({ cached: 'inside', reasoning: 'inside' }),
};
