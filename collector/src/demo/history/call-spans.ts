import type { Dice } from './dice.ts';
import { type Making, MILLI } from './making.ts';
import { type CallUsage, NO_USAGE } from './prices.ts';
import type { Attributes, Scope, SentSpan } from './span.ts';

export const GEN_AI: Scope = { name: 'desk-genai', version: '2.4.1' };
const HTTP: Scope = { name: '@opentelemetry/instrumentation-http', version: '0.221.0' };
export const OPENINFERENCE: Scope = { name: 'openinference.instrumentation.langchain', version: '0.1.52' };
const TRACELOOP: Scope = { name: 'opentelemetry.instrumentation.anthropic', version: '0.49.2' };

const MAX_ATTEMPTS = 4;
/** Of streams: whoever asked has gone away before the usage came, which is the last that is sent. */
const HANG_UPS = 0.004;

/** Tries again while the provider fails; false: it never answered to the end. Most failures come amid an answer. */
export function attempts(making: Making, attempt: (cut: Cut) => unknown): boolean {
  const { dice } = making;
  for (let count = 0; count < MAX_ATTEMPTS; count++) {
    const fails = dice.isBelow(making.failureShare('anthropic'));
    attempt(fails ? (dice.isBelow(0.3) ? 'unanswered' : 'amid') : null);
    if (!fails) return true;
    making.passMs(dice.around(900 * 2 ** count, 0.2));
  }
  return false;
}

/** How a call failed; null: it did not. */
export type Cut = 'unanswered' | 'amid' | null;

export interface ModelCall {
  readonly parentId: string;
  readonly provider: string;
  readonly model: string;
  readonly labels: Attributes;
  readonly isStream: boolean;
  readonly conversation: string | null;
  readonly usage: CallUsage;
  /** Left out: chance decides. */
  readonly isCut?: Cut;
}

/** A call in the words of the OpenTelemetry conventions. */
export function call(making: Making, asked: ModelCall): void {
  const { dice } = making;
  const { provider, model, isStream, conversation } = asked;
  const chance = dice.isBelow(making.failureShare(provider))
    ? dice.isBelow(0.7)
      ? 'unanswered'
      : 'amid'
    : null;
  const cut = asked.isCut === undefined ? chance : asked.isCut;
  const usage = usageUntil(cut, asked.usage, dice);
  const told = isStream && cut === null && dice.isBelow(HANG_UPS) ? null : usage;
  const startMicros = making.atMicros;
  const firstMs = dice.around(isStream ? 420 : 300, 0.4);
  making.passMs(cut === 'unanswered' ? firstMs : firstMs + usage.outputTokens * dice.around(11, 0.2));
  making.add({
    scope: GEN_AI,
    spanId: making.newSpanId(),
    parentSpanId: asked.parentId,
    name: `chat ${model}`,
    kind: 'client',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: cut !== null,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': model,
      'gen_ai.request.temperature': 0.3,
      'gen_ai.request.stream': isStream,
      'gen_ai.conversation.id': conversation ?? undefined,
      'server.port': 443,
      ...asked.labels,
      ...(cut === null ? {} : errorOf(cut)),
      ...(cut === 'unanswered' ? {} : answerAttributes(making, asked, told, isStream ? firstMs : null)),
    },
  });
  if (cut !== 'unanswered') making.bill(provider, model, told, making.atMicros, cut !== null);
}

function answerAttributes(
  { dice, use }: Making,
  { model, provider }: ModelCall,
  usage: CallUsage | null,
  firstMs: number | null,
): Attributes {
  return {
    'gen_ai.response.model': model,
    'gen_ai.response.id': `${RESPONSE_IDS[provider] ?? 'cmpl-'}${dice.hex(12)}`,
    'gen_ai.response.time_to_first_chunk': firstMs === null ? undefined : Math.round(firstMs) / 1000,
    // The script that does not say what for counts with a tokenizer of its own.
    'spanledger.usage.source': use.isNameless && usage !== null ? 'estimated' : undefined,
    ...(usage === null ? {} : countAttributes(provider, usage)),
  };
}

function countAttributes(provider: string, usage: CallUsage): Attributes {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': outputTokens,
    'gen_ai.usage.cache_read.input_tokens': cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': provider === 'anthropic' ? cacheWriteTokens : undefined,
    'gen_ai.usage.reasoning.output_tokens': reasoningTokens > 0 ? reasoningTokens : undefined,
  };
}

const RESPONSE_IDS: Readonly<Record<string, string>> = {
  openai: 'chatcmpl-',
  anthropic: 'msg_',
  'gcp.gemini': 'gem-',
};

/** A call of the agent: OpenInference's view, for some of them around that of a second instrumentation. */
export function agentCall(making: Making, parentId: string, asked: CallUsage, cut: Cut): CallUsage {
  const { dice } = making;
  const model = 'claude-sonnet-4-5';
  const usage = usageUntil(cut, asked, dice);
  const startMicros = making.atMicros;
  const ms = dice.around(600, 0.3) + (cut === 'unanswered' ? 0 : usage.outputTokens * dice.around(14, 0.2));
  making.passMs(ms);
  const spanId = making.newSpanId();
  let endMicros = making.atMicros;
  if (cut === null && dice.isBelow(0.4)) {
    endMicros = secondView(making, spanId, usage, startMicros + 2 * MILLI, making.atMicros);
    making.passMs(3);
  }
  making.add({
    scope: OPENINFERENCE,
    spanId,
    parentSpanId: parentId,
    name: 'ChatAnthropic',
    kind: 'internal',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: cut !== null,
    attributes: {
      'openinference.span.kind': 'LLM',
      'llm.provider': 'anthropic',
      'llm.model_name': model,
      ...(cut === null ? {} : errorOf(cut)),
      ...(cut === 'unanswered' ? {} : openInferenceCounts(making, model, usage)),
    },
  });
  if (cut === 'unanswered') return NO_USAGE;
  making.bill('anthropic', model, usage, endMicros, cut !== null);
  return usage;
}

function openInferenceCounts({ costOf, story }: Making, model: string, usage: CallUsage): Attributes {
  // The emitter has a price list of its own, in which the price cut has not arrived.
  const reported = costOf(model, Math.min(story.startMicros, story.priceCutMicros) - 1, usage);
  return {
    'llm.token_count.prompt': usage.inputTokens,
    'llm.token_count.completion': usage.outputTokens,
    'llm.token_count.total': usage.inputTokens + usage.outputTokens,
    'llm.token_count.prompt_details.cache_read': usage.cacheReadTokens,
    'llm.token_count.prompt_details.cache_write': usage.cacheWriteTokens,
    'llm.token_count.completion_details.reasoning': usage.reasoningTokens,
    // As that emitter does it: in a binary float, which is one more reason why nobody is billed by it.
    'llm.cost.total': reported === null ? undefined : Number(reported) / 1e15,
  };
}

/** The same call, seen from inside the provider's own client. Returns when that was over. */
function secondView(
  making: Making,
  parentId: string,
  usage: CallUsage,
  startMicros: number,
  endMicros: number,
): number {
  making.add({
    scope: TRACELOOP,
    spanId: making.newSpanId(),
    parentSpanId: parentId,
    name: 'anthropic.chat',
    kind: 'client',
    startMicros,
    endMicros,
    hasFailed: false,
    attributes: {
      'llm.request.type': 'chat',
      'gen_ai.operation.name': 'chat',
      'gen_ai.system': 'anthropic',
      'gen_ai.request.model': 'claude-sonnet-4-5',
      'gen_ai.response.model': 'claude-sonnet-4-5',
      'gen_ai.response.id': `msg_${making.dice.hex(12)}`,
      'gen_ai.usage.input_tokens': usage.inputTokens,
      'gen_ai.usage.output_tokens': usage.outputTokens,
      'gen_ai.usage.cache_read_input_tokens': usage.cacheReadTokens,
      'gen_ai.usage.cache_creation_input_tokens': usage.cacheWriteTokens,
    },
  });
  return endMicros;
}

const TOOLS = ['search_tickets', 'read_article', 'query_orders', 'fetch_page'] as const;

export function toolSpan(making: Making, parentId: string): void {
  const startMicros = making.atMicros;
  const tool = making.dice.pick(TOOLS);
  making.passMs(making.dice.around(240, 0.7));
  making.add({
    scope: OPENINFERENCE,
    spanId: making.newSpanId(),
    parentSpanId: parentId,
    name: tool,
    kind: 'internal',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: false,
    attributes: { 'openinference.span.kind': 'TOOL', 'tool.name': tool },
  });
}

/** The app's own request around it, which no part of a model's work but may say for whom it is. */
export function httpRoot(making: Making, spanId: string, route: string, labels: Attributes): SentSpan {
  making.passMs(6);
  return {
    scope: HTTP,
    traceId: making.traceId,
    spanId,
    parentSpanId: null,
    name: `POST ${route}`,
    kind: 'server',
    startMicros: making.use.startMicros,
    endMicros: making.atMicros,
    hasFailed: false,
    attributes: {
      'http.request.method': 'POST',
      'http.route': route,
      'http.response.status_code': 200,
      'url.scheme': 'https',
      ...labels,
    },
  };
}

function errorOf(cut: 'unanswered' | 'amid'): Attributes {
  return cut === 'unanswered'
    ? { 'error.type': 'overloaded_error', 'http.response.status_code': 529 }
    : { 'error.type': 'timeout' };
}

/** What was cut amid an answer is charged as far as it went; cut output has no known part of reasoning. */
function usageUntil(cut: Cut, usage: CallUsage, dice: Dice): CallUsage {
  if (cut !== 'amid') return usage;
  return {
    ...usage,
    outputTokens: Math.max(1, Math.floor(usage.outputTokens * dice.share())),
    reasoningTokens: 0,
  };
}
