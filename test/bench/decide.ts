import { ATTRIBUTES_READ, decide, type Observation, observe } from '@spanledger/metering';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../../collector/src/otlp/index.ts';
import {
  aRequest,
  attributes,
  encodeTraces,
  manySpans,
  type PlainValue,
  type RequestSpan,
} from '../../collector/src/otlp/testing/bodies.ts';

export interface DecideFigure {
  readonly spans: string;
  readonly observeMicrosPerSpan: number;
  readonly decideMicrosPerSpan: number;
}

const TRACES = 400;
/** The fastest of several rounds: other work on the machine can only slow a round down. */
const ROUNDS = 200;
/** Long after the spans ended, so that nothing waits. */
const SETTLED = { nowMicros: Date.UTC(2100, 0, 1) * 1000, graceMicros: 60_000_000 };

/** What it costs to read spans alone, and to decide them in their traces, after the scanner has read them. */
export async function benchDecide(): Promise<readonly DecideFigure[]> {
  const bodies = Object.entries(KINDS).map(([spans, traceOf]) => {
    const { spans: usual = [] } = manySpans({ count: TRACES * 5 }).resourceSpans?.[0]?.scopeSpans?.[0] ?? {};
    const traces = Array.from({ length: TRACES }, (_, trace) =>
      inOneTrace(trace, traceOf(usual.slice(trace * 5, trace * 5 + 5))),
    );
    return { spans, body: encodeTraces(aRequest(traces.flat())) };
  });
  // A process sees all kinds; measured before, the first would be faster than it ever is.
  for (const { body } of bodies) measure(body);
  return bodies.map(({ spans, body }) => ({ spans, ...measure(body) }));
}

type Attributes = Readonly<Record<string, PlainValue>>;
const withAttributes = (span: RequestSpan | undefined, own: Attributes): RequestSpan => ({
  ...span,
  attributes: attributes(own),
});

/** One trace of each kind, from five spans with 25 attributes in the conventions; the first is the root. */
const KINDS: Readonly<Record<string, (usual: readonly RequestSpan[]) => readonly RequestSpan[]>> = {
  'a call alone': (usual) => usual.slice(0, 1),
  'four calls under an agent': ([root, ...calls]) => [
    withAttributes(root, {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'support',
      'gen_ai.usage.input_tokens': 9000,
      'gen_ai.usage.output_tokens': 900,
    }),
    ...calls,
  ],
  'a plain HTTP span': ([span]) => [
    withAttributes(span, {
      'http.request.method': 'GET',
      'http.route': '/orders/{id}',
      'http.response.status_code': 200,
      'url.path': '/orders/17',
      'url.scheme': 'https',
      'server.address': 'shop.example',
      'server.port': 443,
      'client.address': '192.0.2.7',
      'network.protocol.version': '1.1',
      'user.id': 'user_17',
    }),
  ],
  'the AI SDK, root and two steps': (usual) =>
    usual.slice(0, 3).map((span, index) => withAttributes(span, aiSdk(index === 0, span.spanId ?? ''))),
};

function aiSdk(isRoot: boolean, spanId: string): Attributes {
  const operation = isRoot ? 'ai.streamText' : 'ai.streamText.doStream';
  const shared = {
    'operation.name': `${operation} support-chat`,
    'ai.operationId': operation,
    'ai.model.provider': 'openai.responses',
    'ai.model.id': 'gpt-4o',
    'ai.telemetry.functionId': 'support-chat',
    'ai.telemetry.metadata.customerId': 'cus_000017',
    'ai.request.headers.user-agent': 'ai/5.0.9',
    'ai.usage.inputTokens': 900,
    'ai.usage.outputTokens': 90,
    'ai.usage.totalTokens': 990,
    'ai.usage.cachedInputTokens': 128,
  };
  if (isRoot) return shared;
  return {
    ...shared,
    'gen_ai.system': 'openai.responses',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.response.model': 'gpt-4o-2024-08-06',
    'gen_ai.response.id': `resp_${spanId}`,
    'gen_ai.usage.input_tokens': 900,
    'gen_ai.usage.output_tokens': 90,
    'ai.response.id': `resp_${spanId}`,
    'ai.response.providerMetadata': `{"openai":{"responseId":"resp_${spanId}"}}`,
    'ai.response.msToFirstChunk': 120.5,
  };
}

function inOneTrace(trace: number, [root, ...others]: readonly RequestSpan[]): RequestSpan[] {
  const traceId = (trace + 1).toString(16).padStart(32, '0');
  const { spanId = '' } = root ?? {};
  // A root names no parent; an id of no bytes is none.
  return [
    { ...root, traceId, parentSpanId: '' },
    ...others.map((span) => ({ ...span, traceId, parentSpanId: spanId })),
  ];
}

function measure(body: Uint8Array): Omit<DecideFigure, 'spans'> {
  const wanted = new WantedAttributes(ATTRIBUTES_READ);
  let observeMs = Number.POSITIVE_INFINITY;
  let decideMs = Number.POSITIVE_INFINITY;
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { spans } = readTraces(body, 'protobuf', wanted, SCAN_LIMITS);
    const startMs = performance.now();
    const observations = spans.map((span) => observe(span));
    observeMs = Math.min(observeMs, performance.now() - startMs);

    const traces = byTrace(observations);
    const decideStartMs = performance.now();
    for (const trace of traces) decide(trace, SETTLED);
    decideMs = Math.min(decideMs, performance.now() - decideStartMs);
    count = spans.length;
  }
  const perSpan = (ms: number) => Number(((ms * 1000) / count).toFixed(2));
  return { observeMicrosPerSpan: perSpan(observeMs), decideMicrosPerSpan: perSpan(decideMs) };
}

function byTrace(observations: readonly (Observation | null)[]): readonly (readonly Observation[])[] {
  const traces = new Map<string, Observation[]>();
  for (const observation of observations) {
    if (observation === null) throw new Error('every span of this bench can be observed');
    const trace = traces.get(observation.traceId);
    if (trace === undefined) traces.set(observation.traceId, [observation]);
    else trace.push(observation);
  }
  return [...traces.values()];
}

if (import.meta.main) console.table(await benchDecide());
