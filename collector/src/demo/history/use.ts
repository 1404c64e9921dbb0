import type { Dice } from './dice.ts';
import { type CallUsage, type CostOf, NO_USAGE } from './prices.ts';
import type { Feature } from './shop.ts';
import type { Attributes, Scope, SentSpan } from './span.ts';
import { isIn, type Story } from './story.ts';

/** Somebody uses a feature. */
export interface Use {
  readonly feature: Feature;
  readonly startMicros: number;
  readonly customer: string | null;
  readonly user: string | null;
  readonly usageClass: string | null;
  /** The feature is not told. */
  readonly isNameless: boolean;
  /** How many times longer inputs are than usual. */
  readonly verbosity: number;
}

/** A request to a model (or pages that were read) which the ledger is to bill, once. */
export interface BilledCall {
  readonly endMicros: number;
  readonly provider: string;
  readonly model: string;
  readonly usage: CallUsage;
  readonly hasFailed: boolean;
}

/** What a use leaves behind: the spans that are sent, and the truth about them. */
export interface Trace {
  readonly spans: SentSpan[];
  readonly calls: BilledCall[];
  /** The labels are on this span alone, and it is sent long after the others. */
  lateRoot: SentSpan | null;
  pages: number;
}

export interface Circumstances {
  readonly story: Story;
  readonly dice: Dice;
  readonly costOf: CostOf;
}

/** Everything that one use of a feature does, as the instrumentations of its service tell it. */
export function traceOf(use: Use, circumstances: Circumstances): Trace {
  const making = new Making(use, circumstances);
  switch (use.feature) {
    case 'support-chat':
      supportChat(making);
      break;
    case 'semantic-search':
      semanticSearch(making);
      break;
    case 'ticket-summary':
      ticketSummary(making);
      break;
    case 'reply-drafts':
      replyDrafts(making);
      break;
    case 'document-intake':
      documentIntake(making);
      break;
    case 'research-agent':
      researchAgent(making);
      break;
  }
  return making.trace;
}

const GEN_AI: Scope = { name: 'desk-genai', version: '2.4.1' };
const HTTP: Scope = { name: '@opentelemetry/instrumentation-http', version: '0.221.0' };
const OPENINFERENCE: Scope = { name: 'openinference.instrumentation.langchain', version: '0.1.52' };
const TRACELOOP: Scope = { name: 'opentelemetry.instrumentation.anthropic', version: '0.49.2' };
const WORKER: Scope = { name: 'agent_worker', version: '1.9.3' };

const MILLI = 1000;
/** How often a call fails on an ordinary day, and while its provider has trouble. */
const ORDINARY_FAILURES = 0.008;
const FAILURES_IN_AN_INCIDENT = 0.45;
const MAX_ATTEMPTS = 3;

/** The spans of one trace, made one after the other as time goes by. */
class Making {
  readonly use: Use;
  readonly story: Story;
  readonly dice: Dice;
  readonly costOf: CostOf;
  readonly traceId: string;
  readonly trace: Trace = { spans: [], calls: [], lateRoot: null, pages: 0 };
  /** Now, in the trace. */
  atMicros: number;

  constructor(use: Use, { story, dice, costOf }: Circumstances) {
    this.use = use;
    this.story = story;
    this.dice = dice;
    this.costOf = costOf;
    this.traceId = dice.hex(16);
    this.atMicros = use.startMicros;
  }

  newSpanId(): string {
    return this.dice.hex(8);
  }

  passMs(ms: number): void {
    this.atMicros += Math.max(1, Math.round(ms)) * MILLI;
  }

  add(span: Omit<SentSpan, 'traceId'>): SentSpan {
    const sent = { ...span, traceId: this.traceId };
    this.trace.spans.push(sent);
    return sent;
  }

  bill(provider: string, model: string, usage: CallUsage, endMicros: number, hasFailed = false): void {
    this.trace.calls.push({ endMicros, provider, model, usage, hasFailed });
  }

  failureShare(provider: string): number {
    const isTrouble = provider === 'anthropic' && isIn(this.story.incident, this.atMicros);
    return isTrouble ? FAILURES_IN_AN_INCIDENT : ORDINARY_FAILURES;
  }

  /** What the app says of who spends, in the words of our conventions. */
  labels(): Attributes {
    const { customer, feature, user, usageClass, isNameless } = this.use;
    return {
      'spanledger.customer.id': customer ?? undefined,
      'spanledger.feature.name': isNameless ? undefined : feature,
      'spanledger.usage.class': usageClass ?? undefined,
      'user.id': user ?? undefined,
    };
  }
}

// --- the features --------------------------------------------------------------------------------------------------

function supportChat(making: Making): void {
  const { dice, story, use } = making;
  const isLate = use.usageClass === null && use.customer !== null && dice.isBelow(0.006);
  const labels = isLate ? {} : making.labels();
  const rootId = making.newSpanId();
  making.passMs(dice.around(8, 0.4));
  if (making.atMicros >= story.unpricedModelMicros && dice.isBelow(0.12)) {
    route(making, rootId, labels);
  }
  const model = making.atMicros < story.modelSwitchMicros ? 'gpt-4.1' : 'gpt-5-mini';
  const inputTokens = Math.round(dice.around(1700, 0.45) * use.verbosity) + 60;
  const hits = isIn(story.cacheCollapse, making.atMicros) ? 0.03 : 0.72;
  const visible = Math.round(dice.around(210, 0.5)) + 8;
  const reasoningTokens = model === 'gpt-5-mini' ? Math.round(dice.around(150, 0.8)) : 0;
  call(making, {
    parentId: rootId,
    provider: 'openai',
    model,
    labels,
    isStream: true,
    conversation: dice.hex(6),
    usage: {
      ...NO_USAGE,
      inputTokens,
      // OpenAI caches in steps of 128 tokens, from 1,024 on.
      cacheReadTokens:
        inputTokens >= 1100 && dice.isBelow(hits) ? Math.floor((inputTokens * 0.75) / 128) * 128 : 0,
      outputTokens: visible + reasoningTokens,
      reasoningTokens,
    },
  });
  const root = httpRoot(making, rootId, '/v1/chat', isLate ? making.labels() : {});
  if (isLate) making.trace.lateRoot = root;
  else making.trace.spans.push(root);
}

/** A small model of the shop's own, hosted for it, decides who answers. */
function route(making: Making, parentId: string, labels: Attributes): void {
  const inputTokens = making.dice.whole(150, 420);
  call(making, {
    parentId,
    provider: 'mistral_ai',
    model: 'desk-router-7b',
    labels,
    isStream: false,
    conversation: null,
    usage: { ...NO_USAGE, inputTokens, outputTokens: making.dice.whole(2, 9) },
  });
}

function semanticSearch(making: Making): void {
  const { dice, use } = making;
  const inputTokens = Math.round(dice.around(260, 0.9) * Math.min(use.verbosity, 6)) + 4;
  const startMicros = making.atMicros;
  making.passMs(dice.around(55, 0.35));
  making.add({
    scope: GEN_AI,
    spanId: making.newSpanId(),
    parentSpanId: null,
    name: 'embeddings text-embedding-3-small',
    kind: 'client',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: false,
    attributes: {
      'gen_ai.operation.name': 'embeddings',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'text-embedding-3-small',
      'gen_ai.response.model': 'text-embedding-3-small',
      'gen_ai.usage.input_tokens': inputTokens,
      ...making.labels(),
    },
  });
  making.bill('openai', 'text-embedding-3-small', { ...NO_USAGE, inputTokens }, making.atMicros);
}

/** Inside a workflow, so that a call that is made again is seen to be made good. */
function ticketSummary(making: Making): void {
  const { dice, story, use } = making;
  const startMicros = making.atMicros;
  const workflowId = making.newSpanId();
  const prefix = 1900;
  const hits = making.atMicros < story.betterCacheMicros ? 0.22 : 0.86;
  const isOk = attempts(making, (isCut) => {
    const isHit = dice.isBelow(hits);
    const inputTokens = prefix + Math.round(dice.around(1300, 0.6) * use.verbosity);
    return call(making, {
      parentId: workflowId,
      provider: 'anthropic',
      model: 'claude-haiku-4-5',
      labels: making.labels(),
      isStream: false,
      conversation: null,
      isCut,
      usage: {
        ...NO_USAGE,
        inputTokens,
        cacheReadTokens: isHit ? prefix : 0,
        cacheWriteTokens: isHit ? 0 : prefix,
        outputTokens: Math.round(dice.around(190, 0.35)) + 20,
      },
    });
  });
  making.add({
    scope: GEN_AI,
    spanId: workflowId,
    parentSpanId: null,
    name: 'invoke_workflow ticket-summary',
    kind: 'internal',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: !isOk,
    attributes: {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': 'summarise',
      ...making.labels(),
      ...(isOk ? {} : { 'error.type': 'RetriesExhausted' }),
    },
  });
}

function replyDrafts(making: Making): void {
  const { dice, use } = making;
  const rootId = making.newSpanId();
  making.passMs(dice.around(12, 0.4));
  const inputTokens = Math.round(dice.around(2300, 0.5) * use.verbosity) + 200;
  const reasoningTokens = Math.round(dice.around(520, 0.7));
  call(making, {
    parentId: rootId,
    provider: 'gcp.gemini',
    model: 'gemini-2.5-pro',
    labels: making.labels(),
    isStream: true,
    conversation: dice.hex(6),
    usage: {
      ...NO_USAGE,
      inputTokens,
      cacheReadTokens: inputTokens > 2048 && dice.isBelow(0.4) ? 1536 : 0,
      outputTokens: Math.round(dice.around(310, 0.4)) + 20 + reasoningTokens,
      reasoningTokens,
    },
  });
  making.trace.spans.push(httpRoot(making, rootId, '/v1/drafts', {}));
}

/** Pages are read, which the app counts itself, and then a model makes fields of them. */
function documentIntake(making: Making): void {
  const { dice } = making;
  const startMicros = making.atMicros;
  const rootId = making.newSpanId();
  const pages = 1 + dice.times(2.4);
  making.trace.pages = pages;
  making.passMs(pages * dice.around(420, 0.3));
  making.add({
    scope: WORKER,
    spanId: making.newSpanId(),
    parentSpanId: rootId,
    name: 'ocr',
    kind: 'client',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: false,
    attributes: {
      'spanledger.usage.unit': 'page',
      'spanledger.usage.quantity': pages,
      'gen_ai.provider.name': 'mistral_ai',
      'gen_ai.request.model': 'mistral-ocr',
      ...making.labels(),
    },
  });
  making.bill('mistral_ai', 'mistral-ocr', { ...NO_USAGE, pages }, making.atMicros);
  call(making, {
    parentId: rootId,
    provider: 'gcp.gemini',
    model: 'gemini-2.5-flash',
    labels: making.labels(),
    isStream: false,
    conversation: null,
    usage: {
      ...NO_USAGE,
      inputTokens: 400 + pages * dice.whole(500, 900),
      outputTokens: 80 + pages * dice.whole(30, 90),
    },
  });
  making.add({
    scope: WORKER,
    spanId: rootId,
    parentSpanId: null,
    name: 'intake document',
    kind: 'internal',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: false,
    attributes: { 'document.pages': pages },
  });
}

/**
 * An agent in Python, seen by OpenInference and, for some of its calls, by a second instrumentation: the agent's span
 * repeats the sum of its calls, and the second view repeats a call. Both must count once.
 */
function researchAgent(making: Making): void {
  const { dice, story, use } = making;
  const { customer, feature, user, usageClass } = use;
  const startMicros = making.atMicros;
  const agentId = making.newSpanId();
  const steps = 2 + dice.times(2.2);
  const sums = { input: 0, output: 0 };
  let cached = 0;
  let isOk = true;
  for (let step = 0; step < steps && isOk; step++) {
    const isWarm = step > 0 || (dice.isBelow(0.35) && !isIn(story.cacheCollapse, making.atMicros));
    const context = step === 0 ? 4200 + Math.round(dice.around(900, 0.5)) : cached + dice.whole(600, 2400);
    const fresh = dice.whole(30, 260);
    const read = isWarm ? (step === 0 ? 4096 : cached) : 0;
    isOk = attempts(making, (isCut) => {
      const reasoningTokens = dice.isBelow(0.6) ? Math.round(dice.around(240, 0.6)) : 0;
      const usage: CallUsage = {
        ...NO_USAGE,
        inputTokens: context + fresh,
        cacheReadTokens: read,
        cacheWriteTokens: context - read,
        outputTokens: Math.round(dice.around(330, 0.5)) + 30 + reasoningTokens,
        reasoningTokens,
      };
      const made = agentCall(making, agentId, usage, isCut);
      sums.input += made.inputTokens;
      sums.output += made.outputTokens;
      return made;
    });
    cached = context;
    if (isOk && step < steps - 1) toolSpan(making, agentId);
  }
  making.passMs(20);
  making.add({
    scope: OPENINFERENCE,
    spanId: agentId,
    parentSpanId: null,
    name: 'ResearchAgent',
    kind: 'internal',
    startMicros,
    endMicros: making.atMicros,
    hasFailed: !isOk,
    attributes: {
      'openinference.span.kind': 'AGENT',
      // Without an answer there is nothing to add up.
      'llm.token_count.prompt': sums.input || undefined,
      'llm.token_count.completion': sums.output || undefined,
      'tenant.id': customer ?? undefined,
      feature,
      'usage.class': usageClass ?? undefined,
      'user.id': user ?? undefined,
      'session.id': dice.hex(6),
      ...(isOk ? {} : { 'error.type': 'AgentGaveUp' }),
    },
  });
}

// --- the spans -----------------------------------------------------------------------------------------------------

/** Tries again while the provider fails; false: it never answered to the end. Every second failure comes amid an answer. */
function attempts(making: Making, attempt: (cut: Cut) => unknown): boolean {
  const { dice } = making;
  for (let count = 0; count < MAX_ATTEMPTS; count++) {
    const fails = dice.isBelow(making.failureShare('anthropic'));
    attempt(fails ? (dice.isBelow(0.5) ? 'unanswered' : 'amid') : null);
    if (!fails) return true;
    making.passMs(dice.around(900 * 2 ** count, 0.2));
  }
  return false;
}

/** How a call ended early; null: it did not. */
type Cut = 'unanswered' | 'amid' | null;

interface ModelCall {
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
function call(making: Making, asked: ModelCall): void {
  const { dice } = making;
  const { provider, model, isStream, conversation } = asked;
  const chance = dice.isBelow(making.failureShare(provider))
    ? dice.isBelow(0.7)
      ? 'unanswered'
      : 'amid'
    : null;
  const cut = asked.isCut === undefined ? chance : asked.isCut;
  const usage = usageUntil(cut, asked.usage, dice);
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
      ...(cut === 'unanswered' ? {} : answerAttributes(making, asked, usage, isStream ? firstMs : null)),
    },
  });
  if (cut !== 'unanswered') making.bill(provider, model, usage, making.atMicros, cut !== null);
}

function answerAttributes(
  { dice }: Making,
  { model, provider }: ModelCall,
  usage: CallUsage,
  firstMs: number | null,
): Attributes {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    'gen_ai.response.model': model,
    'gen_ai.response.id': `${RESPONSE_IDS[provider] ?? 'cmpl-'}${dice.hex(12)}`,
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': outputTokens,
    'gen_ai.usage.cache_read.input_tokens': cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': provider === 'anthropic' ? cacheWriteTokens : undefined,
    'gen_ai.usage.reasoning.output_tokens': reasoningTokens > 0 ? reasoningTokens : undefined,
    'gen_ai.response.time_to_first_chunk': firstMs === null ? undefined : Math.round(firstMs) / 1000,
  };
}

const RESPONSE_IDS: Readonly<Record<string, string>> = {
  openai: 'chatcmpl-',
  anthropic: 'msg_',
  'gcp.gemini': 'gem-',
};

/** A call of the agent: OpenInference's view, for some of them around that of a second instrumentation. */
function agentCall(making: Making, parentId: string, asked: CallUsage, cut: Cut): CallUsage {
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

function toolSpan(making: Making, parentId: string): void {
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
function httpRoot(making: Making, spanId: string, route: string, labels: Attributes): SentSpan {
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

/** Which service made the spans: two of the features are Python workers' work. */
export function serviceOf(feature: Feature): 'desk-api' | 'agent-worker' {
  return feature === 'research-agent' || feature === 'document-intake' ? 'agent-worker' : 'desk-api';
}
