import { agentCall, attempts, call, GEN_AI, httpRoot, OPENINFERENCE, toolSpan } from './call-spans.ts';
import { type Circumstances, Making, type Trace, type Use } from './making.ts';
import { type CallUsage, NO_USAGE } from './prices.ts';
import type { Feature } from './shop.ts';
import type { Attributes, Scope } from './span.ts';
import { isIn } from './story.ts';

const WORKER: Scope = { name: 'agent_worker', version: '1.9.3' };

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

/** Which service made the spans: two of the features are Python workers' work. */
export function serviceOf(feature: Feature): 'desk-api' | 'agent-worker' {
  return feature === 'research-agent' || feature === 'document-intake' ? 'agent-worker' : 'desk-api';
}

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
