import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aSpan,
  MINUTE_MICROS,
  NOON_MICROS,
  SETTLED,
  type SpanParts,
  spanIdOf,
  type TreeSpan,
} from '../test/builders.ts';
import {
  agent,
  billed,
  chat,
  type Given,
  observed,
  operation,
  recordOf,
  recordsOf,
  shortId,
  tree,
  usage,
} from '../test/traces.ts';
import { decide } from './decide.ts';
import { completeness } from './observation.ts';
import type { Span } from './span.ts';
import { MAX_TRACES_OF_A_LINK } from './trace/linked.ts';

describe('the AI SDK', () => {
  const aiSdk = (id: string, operationId: string, more: Given): TreeSpan => ({
    id,
    scopeName: 'ai',
    attributes: {
      'ai.operationId': operationId,
      'ai.model.provider': 'openai.chat',
      'ai.model.id': 'gpt-4o',
      ...more,
    },
  });

  it('5 bills its three steps, although its root repeats the last', () => {
    const step = (id: string, input: number) =>
      aiSdk(id, 'ai.generateText.doGenerate', { 'ai.usage.promptTokens': input, ...usage(input, 10) });
    const root = aiSdk('root', 'ai.generateText', {
      'ai.usage.promptTokens': 300,
      'ai.usage.completionTokens': 10,
    });
    expect(billed(tree({ ...root, below: [step('s1', 100), step('s2', 200), step('s3', 300)] }))).toEqual({
      s1: [100, 10],
      s2: [200, 10],
      s3: [300, 10],
    });
  });

  it('7 bills the chats of two steps, not the agent with the same names and a model', () => {
    const step = (id: string, input: number): TreeSpan => ({
      id: `step${id}`,
      attributes: operation('agent_step'),
      below: [{ id, scopeName: 'gen_ai', attributes: chat(input, 5) }],
    });
    const root: TreeSpan = {
      id: 'root',
      attributes: agent(300, 10),
      below: [step('a', 100), step('b', 200)],
    };
    expect(billed(tree(root))).toEqual({ a: [100, 5], b: [200, 5] });
  });

  it('7 bills an embedding once, where root and child have the same operation', () => {
    const child = { ...operation('embeddings'), 'gen_ai.usage.input_tokens': 7 };
    const one: TreeSpan = {
      id: 'root',
      attributes: operation('embeddings'),
      below: [{ id: 'x', attributes: child }],
    };
    expect(billed(tree(one))).toEqual({ x: [7, 0] });
    const many = {
      ...one,
      below: [
        { id: 'x', attributes: child },
        { id: 'y', attributes: child },
      ],
    };
    expect(billed(tree(many))).toEqual({ x: [7, 0], y: [7, 0] });
  });

  it('5 and 6 give the same classes for one call, which they count in two ways', () => {
    const metadata = '{"anthropic":{"cacheCreationInputTokens":0,"cacheReadInputTokens":40000}}';
    const leaf = (more: Given) =>
      recordOf(
        'x',
        tree({
          id: 'x',
          scopeName: 'ai',
          attributes: {
            'ai.operationId': 'ai.generateText.doGenerate',
            'ai.model.provider': 'anthropic.messages',
            'ai.response.providerMetadata': metadata,
            ...more,
          },
        }),
      );
    const five = leaf({ ...usage(50_000, 100), 'ai.request.headers.user-agent': 'ai/5.0.9' });
    const six = leaf({ ...usage(90_000, 100), 'ai.usage.inputTokenDetails.noCacheTokens': 50_000 });
    expect(five.tokens).toEqual(six.tokens);
    expect(five.tokens).toMatchObject({ uncachedInput: 50_000, cacheRead: 40_000 });
    expect([five.cacheSemantics, six.cacheSemantics]).toEqual(['table', 'declared']);
  });

  it('renamed by Traceloop bills only its leaf, with chat and usage on both', () => {
    const leaf = aiSdk('leaf', 'ai.generateText.doGenerate', chat(10, 2));
    expect(billed(tree({ ...aiSdk('root', 'ai.generateText', chat(10, 2)), below: [leaf] }))).toEqual({
      leaf: [10, 2],
    });
  });
});

describe('a container', () => {
  it('that sums over the life of its agent never bills, but its calls do', () => {
    const strands = {
      'gen_ai.system': 'strands-agents',
      'gen_ai.provider.name': '',
      'gen_ai.request.model': 'gpt-4o',
    };
    const invocation = (id: string, input: number, output: number): Span[] =>
      tree(
        {
          id: `agent${id}`,
          attributes: { ...agent(input, output), ...strands },
          below: [{ id, attributes: { ...chat(300, 30), ...strands } }],
        },
        id,
      );
    expect(billed(invocation('a', 300, 30), invocation('b', 600, 60))).toEqual({
      a: [300, 30],
      b: [300, 30],
    });
    const alone = tree({ id: 'alone', attributes: { ...agent(600, 60), ...strands } });
    expect(billed(alone)).toEqual({});
    expect(recordOf('alone', alone).billingRole).toBe('pending');
  });

  it('of Pydantic AI bills nothing, under the names of version 1 and of version 2', () => {
    const aggregated = {
      'gen_ai.aggregated_usage.input_tokens': 300,
      'gen_ai.aggregated_usage.output_tokens': 30,
    };
    const below: TreeSpan[] = [{ id: 'x', attributes: chat(300, 30) }];
    const one = billed(tree({ id: 'run', attributes: agent(300, 30), below }));
    const two = billed(
      tree({ id: 'run', attributes: { ...operation('invoke_agent'), ...aggregated }, below }),
    );
    expect(one).toEqual(two);
    expect(one).toEqual({ x: [300, 30] });
  });

  it('bills when it is the only witness, and only after it has waited', () => {
    const spans = tree({
      id: 'root',
      scopeName: 'openinference.instrumentation.claude_agent_sdk',
      attributes: {
        'openinference.span.kind': 'AGENT',
        'llm.token_count.prompt': 90,
        'llm.token_count.completion': 9,
      },
      below: [{ id: 'tool', attributes: { 'openinference.span.kind': 'TOOL' } }],
    });
    expect(billed(spans)).toEqual({ root: [90, 9] });
    const tooEarly = decide(observed(spans), { nowMicros: NOON_MICROS + 1, graceMicros: MINUTE_MICROS });
    expect(tooEarly.find(({ usage }) => usage.spanId === spanIdOf('root'))).toMatchObject({
      usage: { billingRole: 'container' },
      dueAtMicros: NOON_MICROS + MINUTE_MICROS,
    });
  });

  it('that has billed gives way to a call that comes late', () => {
    const spans = tree({
      id: 'root',
      attributes: agent(90, 9),
      below: [{ id: 'late', attributes: chat(90, 9) }],
    });
    expect(billed(spans.slice(0, 1))).toEqual({ root: [90, 9] });
    expect(billed(spans)).toEqual({ late: [90, 9] });
  });

  it('that only adds up failed calls bills what it knows', () => {
    const failed = { id: 'x', statusCode: 2, attributes: operation('chat') };
    expect(billed(tree({ id: 'root', attributes: agent(90, 9), below: [failed] }))).toEqual({
      root: [90, 9],
    });
  });

  it('bills once where containers stand in one another: the innermost that knows', () => {
    const spans = tree({
      id: 'outer',
      attributes: agent(90, 9),
      below: [{ id: 'inner', attributes: agent(90, 9) }],
    });
    expect(billed(spans)).toEqual({ inner: [90, 9] });
  });

  it('does not bill while a call of its trace has lost its parent, which may be below it', () => {
    const root = tree({ id: 'root', attributes: agent(90, 9) });
    const [call] = tree({ id: 'x', parentSpanId: 'dddddddddddddddd', attributes: chat(90, 9) });
    expect(billed(root, call === undefined ? [] : [call])).toEqual({ x: [90, 9] });
  });

  it('bills in the place of chats that have only pieces of the usage', () => {
    const piece = { ...operation('chat'), 'gen_ai.usage.partial.input_tokens': 5, ...usage(5, 1) };
    const spans = tree({
      id: 'root',
      attributes: agent(90, 9),
      below: [
        { id: 'p1', attributes: piece },
        { id: 'p2', attributes: piece },
      ],
    });
    expect(billed(spans)).toEqual({ root: [90, 9] });
  });

  it('I14: changes nothing by its usage, wherever it is put', () => {
    const leaves: TreeSpan[] = [
      { id: 'x', attributes: chat(100, 10) },
      { id: 'y', attributes: chat(200, 20) },
    ];
    const counts = fc.integer({ min: 0, max: 1_000_000 });
    const containers = fc.array(fc.tuple(counts, counts), { maxLength: 4 });
    fc.assert(
      fc.property(containers, containers, (above, between) => {
        const wrap = (
          inside: readonly TreeSpan[],
          around: readonly (readonly [number, number])[],
          name: string,
        ) =>
          around.reduce<readonly TreeSpan[]>(
            (below, [input, output], index) => [
              { id: `${name}${index}`, attributes: agent(input, output), below },
            ],
            inside,
          );
        const root: TreeSpan = {
          id: 'app',
          below: wrap([...wrap(leaves.slice(0, 1), between, 'b'), ...leaves.slice(1)], above, 'a'),
        };
        expect(billed(tree(root))).toEqual({ x: [100, 10], y: [200, 20] });
      }),
    );
  });
});

describe('one call seen twice', () => {
  const langChain = (below: readonly TreeSpan[]): TreeSpan => ({
    id: 'outer',
    attributes: {
      'openinference.span.kind': 'LLM',
      'llm.token_count.prompt': 50,
      'llm.token_count.completion': 5,
      'customer.id': 'acme',
    },
    below,
  });

  it('by a wrapper and the provider bills the inner span, with the labels of the outer', () => {
    const spans = tree(langChain([{ id: 'inner', attributes: chat(50, 5) }]));
    expect(billed(spans)).toEqual({ inner: [50, 5] });
    expect(recordOf('inner', spans)).toMatchObject({
      customer: 'acme',
      sources: { customer: { level: 'duplicate', key: 'customer.id' } },
    });
    expect(recordOf('outer', spans)).toMatchObject({
      billingRole: 'duplicate',
      supersededBy: `${'a'.repeat(32)}/${spanIdOf('inner')}`,
    });
  });

  it('keeps its usage when only the wrapper knows it', () => {
    const spans = tree(langChain([{ id: 'inner', attributes: operation('chat') }]));
    expect(Object.values(billed(spans))).toEqual([[50, 5]]);
  });

  it('by siblings is one call when they name the same response', () => {
    const id = { 'gen_ai.response.id': 'chatcmpl-0123456789' };
    const spans = tree({
      id: 'root',
      below: [
        { id: 'one', scopeName: 'a', attributes: chat(50, 5, id) },
        {
          id: 'two',
          scopeName: 'b',
          attributes: chat(50, 5, { ...id, 'gen_ai.usage.cache_read.input_tokens': 20 }),
        },
      ],
    });
    const records = recordsOf(spans).filter(({ billingRole }) => billingRole === 'billed');
    expect(records).toHaveLength(1);
    // The richer account counts.
    expect(records[0]?.tokens).toMatchObject({ uncachedInput: 30, cacheRead: 20 });
  });

  it('is two calls when a constant id comes back later', () => {
    const id = { 'gen_ai.response.id': 'chatcmpl-constant' };
    const later = {
      startTimeMicros: NOON_MICROS + MINUTE_MICROS,
      endTimeMicros: NOON_MICROS + 2 * MINUTE_MICROS,
    };
    const spans = tree({
      id: 'root',
      below: [
        { id: 'one', attributes: chat(50, 5, id) },
        { id: 'two', attributes: chat(50, 5, id), ...later },
      ],
    });
    expect(Object.keys(billed(spans))).toEqual(['one', 'two']);
  });

  it('by siblings of which one knows no id is one call when the counts and the time are the same', () => {
    const id = { 'gen_ai.response.id': 'chatcmpl-0123456789' };
    const below: TreeSpan[] = [
      { id: 'one', scopeName: 'a', attributes: chat(50, 5, id) },
      { id: 'two', scopeName: 'b', attributes: chat(50, 5) },
    ];
    expect(Object.keys(billed(tree({ id: 'root', below })))).toHaveLength(1);
    const others = { 'gen_ai.response.id': 'chatcmpl-9876543210' };
    const apart: TreeSpan[] = [
      ...below.slice(0, 1),
      { id: 'two', scopeName: 'b', attributes: chat(50, 5, others) },
    ];
    expect(Object.keys(billed(tree({ id: 'root', below: apart })))).toHaveLength(2);
  });

  it('stays as many calls as there were when equal calls run in parallel', () => {
    const seen = (id: string, scopeName: string, given: Given, offset: number) => ({
      id,
      scopeName,
      attributes: { 'openinference.span.kind': 'LLM', ...given },
      startTimeMicros: NOON_MICROS + offset,
      endTimeMicros: NOON_MICROS + MINUTE_MICROS,
    });
    const content = {
      'llm.input_messages.0.message.content': 'Same question?',
      'llm.output_messages.0.message.content': 'Same answer.',
    };
    const counts = { 'llm.token_count.prompt': 50, 'llm.token_count.completion': 5 };
    const spans = [1, 2, 3].flatMap((n) => [
      ...tree(
        seen(
          `l${n}`,
          'langchain',
          { ...content, ...counts, 'gen_ai.response.id': `chatcmpl-00000000${n}` },
          n * 10,
        ),
        `${n}`,
      ),
      ...tree(seen(`o${n}`, 'openai', content, n * 10 + 2), `${n + 4}`),
    ]);
    const calls = recordsOf(spans).filter(({ billingRole }) => billingRole === 'billed');
    expect(calls.map(({ spanId }) => shortId(spanId)).sort()).toEqual(['l1', 'l2', 'l3']);
  });

  it('or ten thousand times under one id is decided in reasonable time', () => {
    const spans = Array.from({ length: 10_000 }, (_, index) =>
      aSpan({
        spanId: (index + 1).toString(16).padStart(16, '0'),
        scopeName: index % 2 === 0 ? 'a' : 'b',
        attributes: chat(50, 5, { 'gen_ai.response.id': 'chatcmpl-constant' }),
      }),
    );
    const observations = observed(spans);
    const started = performance.now();
    decide(observations, SETTLED);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('prefers exact counts to a guess', () => {
    const id = { 'gen_ai.response.id': 'chatcmpl-0123456789' };
    const spans = tree({
      id: 'root',
      below: [
        { id: 'guess', attributes: chat(48, 4, { ...id, 'spanledger.usage.source': 'estimated' }) },
        { id: 'exact', attributes: chat(50, 5, id) },
      ],
    });
    expect(billed(spans)).toEqual({ exact: [50, 5] });
  });

  it('by the app and a gateway in another trace has the identity of the app and the cost of the gateway', () => {
    const app = tree({
      id: 'app',
      resource: { 'service.name': 'shop' },
      attributes: chat(50, 5, { 'gen_ai.response.id': 'gen-123456789', 'customer.id': 'acme' }),
    });
    const gateway = tree(
      {
        id: 'broadcast',
        name: 'LLM Generation',
        scopeName: 'openrouter',
        resource: { 'service.name': 'openrouter' },
        attributes: {
          'gen_ai.provider.name': 'openrouter',
          'gen_ai.response.id': 'gen-123456789:attempt-2',
          'gen_ai.response.model': 'openai/gpt-4o-2024-08-06',
          'gen_ai.usage.total_cost': 0.0123,
          ...usage(50, 5),
        },
        startTimeMicros: NOON_MICROS + MINUTE_MICROS,
        endTimeMicros: NOON_MICROS + 2 * MINUTE_MICROS,
      },
      'b',
    );
    expect(billed(app, gateway)).toEqual({ app: [50, 5] });
    expect(recordOf('app', app, gateway)).toMatchObject({
      customer: 'acme',
      service: 'shop',
      reportedCostUsd: '0.0123',
      gateway: 'openrouter',
      responseModel: 'openai/gpt-4o-2024-08-06',
    });
  });

  it('is not two while the span between its views is missing', () => {
    const spans = tree({
      id: 'outer',
      attributes: operation('chat'),
      below: [
        { id: 'step', attributes: operation('agent_step'), below: [{ id: 'inner', attributes: chat(7, 1) }] },
      ],
    });
    const withoutStep = spans.filter(({ spanId }) => spanId !== spanIdOf('step'));
    expect(billed(spans)).toEqual({ inner: [7, 1] });
    expect(billed(withoutStep)).toEqual({ inner: [7, 1] });
    expect(recordOf('outer', withoutStep).billingRole).toBe('pending');
  });

  it('is two calls when a tool stands between them', () => {
    const spans = tree({
      id: 'outer',
      attributes: chat(50, 5),
      below: [
        {
          id: 'tool',
          attributes: operation('execute_tool'),
          below: [{ id: 'inner', attributes: chat(7, 1) }],
        },
      ],
    });
    expect(billed(spans)).toEqual({ outer: [50, 5], inner: [7, 1] });
  });

  it('is as many calls as the wrapper made attempts that were answered', () => {
    const attempts: TreeSpan[] = [
      { id: 'x', statusCode: 2, attributes: operation('chat') },
      { id: 'y', attributes: chat(50, 5) },
    ];
    expect(billed(tree(langChain(attempts)))).toEqual({ y: [50, 5] });
    expect(billed(tree(langChain([...attempts, { id: 'z', attributes: chat(60, 6) }])))).toEqual({
      y: [50, 5],
      z: [60, 6],
    });
  });

  it('and delivered twice, backwards, or with its end after its start, stays one', () => {
    const spans = tree(langChain([{ id: 'inner', attributes: chat(50, 5) }]));
    const started = spans.map((span) => ({
      ...span,
      endTimeMicros: span.startTimeMicros,
      attributes: new Map(),
    }));
    expect(recordsOf([...spans, ...spans].reverse())).toEqual(recordsOf(spans));
    expect(recordsOf([...started, ...spans])).toEqual(recordsOf(spans));
    expect(recordsOf([...spans, ...started])).toEqual(recordsOf(spans));
  });
});

describe('a span that bills nothing', () => {
  it.each(['fetch_response', 'count_tokens'])('is %s, although it carries input tokens', (word) => {
    expect(
      billed(tree({ id: 'x', attributes: { ...operation(word), 'gen_ai.usage.input_tokens': 80 } })),
    ).toEqual({});
  });

  it('is a tool that a proxy stamped with a model', () => {
    const attributes = {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.request.model': 'gpt-4o',
      'litellm.call_type': 'mcp',
    };
    expect(billed(tree({ id: 'x', scopeName: 'litellm', attributes }))).toEqual({});
  });

  it('is a call that failed before any answer; with half an answer it bills, as missing', () => {
    const failed = tree({ id: 'x', statusCode: 2, attributes: operation('chat') });
    expect(billed(failed)).toEqual({});
    expect(recordOf('x', failed).roleReason).toContain('failed before the provider answered');
    const cut = { ...operation('chat'), 'gen_ai.usage.input_tokens': 80 };
    expect(billed(tree({ id: 'x', statusCode: 2, attributes: cut }))).toEqual({ x: null });
  });

  it('is the twin that was sent when a span started', () => {
    const twin = { id: 'twin', attributes: { ...operation('chat'), 'logfire.span_type': 'pending_span' } };
    const spans = tree({ id: 'x', attributes: chat(5, 1), below: [twin] });
    expect(recordsOf(spans)).toHaveLength(1);
  });

  it('is a task of CrewAI; a task of LlamaIndex that has an operation is a call', () => {
    const task = (word: string) => ({ 'traceloop.span.kind': 'task', ...operation(word), ...usage(20, 2) });
    const crew = {
      id: 'x',
      scopeName: 'opentelemetry.instrumentation.crewai',
      attributes: task('invoke_agent'),
    };
    const llama = {
      id: 'x',
      scopeName: 'opentelemetry.instrumentation.llamaindex',
      attributes: task('chat'),
    };
    expect(billed(tree({ ...crew, below: [{ id: 'y', attributes: chat(20, 2) }] }))).toEqual({ y: [20, 2] });
    expect(billed(tree(llama))).toEqual({ x: [20, 2] });
  });
});

describe('a unit that the app reports itself', () => {
  const documents = (id: string, more: Partial<TreeSpan> = {}): TreeSpan => ({
    id,
    attributes: { 'spanledger.usage.unit': 'document', 'spanledger.usage.quantity': 2 },
    ...more,
  });
  const rolesOf = (...trees: readonly (readonly Span[])[]) =>
    Object.fromEntries(
      recordsOf(trees.flat()).map(({ spanId, billingRole }) => [shortId(spanId), billingRole]),
    );

  it('bills by itself, with the labels around it', () => {
    const spans = tree({
      id: 'r',
      attributes: { 'spanledger.customer.id': 'cus_1', 'spanledger.feature.name': 'invoices' },
      below: [documents('u')],
    });
    expect(recordOf('u', spans)).toMatchObject({
      billingRole: 'billed',
      usageStatus: 'reported',
      customer: 'cus_1',
      feature: 'invoices',
      dialect: 'spanledger',
      provider: null,
      requestModel: null,
      units: { custom: { unit: 'document', thousandths: 2000 } },
    });
  });

  it('is no request to a model, for which there may be a fee, unless it says so', () => {
    const pages = { 'spanledger.usage.unit': 'page', 'spanledger.usage.quantity': 3 };
    const requests = { 'spanledger.usage.unit': 'api_call', 'spanledger.usage.quantity': 3 };
    expect(recordOf('u', tree({ id: 'u', attributes: pages })).units).toMatchObject({
      pages: 3,
      requests: 0,
    });
    expect(recordOf('u', tree({ id: 'u', attributes: requests })).units).toMatchObject({ requests: 3 });
    const call = { ...chat(100, 20), ...pages };
    expect(recordOf('c', tree({ id: 'c', attributes: call })).units).toMatchObject({
      pages: 3,
      requests: null,
    });
  });

  it('may name the provider and the model it is of, and nothing else of a call', () => {
    const { attributes } = documents('u');
    const named = { 'gen_ai.provider.name': 'deepgram', 'gen_ai.request.model': 'nova-3' };
    expect(recordOf('u', tree({ id: 'u', attributes: { ...attributes, ...named } }))).toMatchObject({
      billingRole: 'billed',
      provider: 'deepgram',
      requestModel: 'nova-3',
      dialect: 'spanledger',
    });
  });

  it('is also a web search, of which there may be no tokens to tell', () => {
    const attributes = { 'spanledger.usage.unit': 'web_search', 'spanledger.usage.quantity': 3 };
    expect(recordOf('u', tree({ id: 'u', attributes }))).toMatchObject({
      usageStatus: 'reported',
      units: { webSearches: 3 },
    });
  });

  it('is no view of the call around it, whose tokens stay', () => {
    const spans = tree({ id: 'c', attributes: chat(100, 20), below: [documents('u'), documents('v')] });
    expect(rolesOf(spans)).toEqual({ c: 'billed', u: 'billed', v: 'billed' });
    expect(recordOf('c', spans)).toMatchObject({ units: null, tokens: { uncachedInput: 100 } });
  });

  it('is none of the calls whose sum a container has', () => {
    const alone = tree({ id: 'a', attributes: agent(100, 20) });
    const beside = tree({ id: 'a', attributes: agent(100, 20), below: [documents('u')] });
    expect(recordOf('a', alone).billingRole).toBe('billed');
    expect(rolesOf(beside)).toEqual({ a: 'billed', u: 'billed' });
    const around = tree({
      id: 'a',
      attributes: agent(100, 20),
      below: [documents('u', { below: [{ id: 'c', attributes: chat(100, 20) }] })],
    });
    expect(rolesOf(around)).toEqual({ a: 'container', u: 'billed', c: 'billed' });
  });

  it('whose parent is missing keeps nobody waiting', () => {
    const container = tree({ id: 'a', attributes: agent(100, 20) });
    const orphan = tree(documents('u')).map((span) => ({ ...span, parentSpanId: spanIdOf('gone') }));
    expect(rolesOf(container, orphan)).toEqual({ a: 'billed', u: 'billed' });
  });

  it('that cannot be read has no usage, and says why', () => {
    const attributes = { 'spanledger.usage.unit': 'document', 'spanledger.usage.quantity': 'some' };
    expect(recordOf('u', tree({ id: 'u', attributes }))).toMatchObject({
      billingRole: 'billed',
      usageStatus: 'invalid',
      units: null,
    });
  });

  it('on the span of a call is read with the call', () => {
    const attributes = { ...chat(100, 20), ...documents('c').attributes };
    expect(recordOf('c', tree({ id: 'c', attributes }))).toMatchObject({
      operation: 'chat',
      tokens: { uncachedInput: 100 },
      units: { custom: { unit: 'document', thousandths: 2000 } },
    });
  });
});

describe('a candidate', () => {
  const noOperation = { 'gen_ai.system': 'openai', ...usage(30, 3) };

  it('is the call when nothing below it is', () => {
    expect(billed(tree({ id: 'x', attributes: noOperation }))).toEqual({ x: [30, 3] });
  });

  it('is a container when calls are below it', () => {
    const below = [{ id: 'y', attributes: chat(30, 3) }];
    expect(billed(tree({ id: 'x', attributes: noOperation, below }))).toEqual({ y: [30, 3] });
  });

  it('of LiteLLM bills once, with the request span on or off', () => {
    const proxy: TreeSpan = {
      id: 'proxy',
      name: 'Received Proxy Server Request',
      kind: 2,
      scopeName: 'litellm',
      attributes: noOperation,
    };
    const request: TreeSpan = {
      id: 'request',
      name: 'litellm_request',
      scopeName: 'litellm',
      attributes: noOperation,
    };
    expect(billed(tree(proxy))).toEqual({ proxy: [30, 3] });
    expect(billed(tree({ ...proxy, below: [request] }))).toEqual({ request: [30, 3] });
  });
});

describe('what emitters write', () => {
  it('as text or as a number counts the same', () => {
    const text = {
      ...operation('chat'),
      'gen_ai.usage.input_tokens': '30',
      'gen_ai.usage.output_tokens': '3',
    };
    expect(billed(tree({ id: 'x', attributes: text }))).toEqual({ x: [30, 3] });
  });

  it('as cost under the name of tokens is dollars', () => {
    const spans = tree({ id: 'x', attributes: chat(30, 3, { 'gen_ai.cost.total_tokens': 12.34 }) });
    expect(recordOf('x', spans).reportedCostUsd).toBe('12.34');
  });

  it('under the newest names is what it was under the older ones', () => {
    const older = recordOf(
      'x',
      tree({ id: 'x', attributes: chat(100, 9, { 'gen_ai.usage.cache_creation.input_tokens': 40 }) }),
    );
    const newest = recordOf(
      'x',
      tree({
        id: 'x',
        attributes: chat(100, 9, {
          'gen_ai.usage.cache_write.input_tokens': 40,
          'gen_ai.usage.image.input_tokens': 60,
        }),
      }),
    );
    expect(newest.tokens).toEqual(older.tokens);
    expect(newest.modalities).toMatchObject({ imageInput: 60, audioInput: null });
  });

  it('in units of its own is no money, and no reason not to bill', () => {
    const attributes = { ...chat(30, 3), 'gen_ai.provider.name': 'github', 'github.copilot.nano_aiu': 5 };
    const spans = tree({ id: 'x', attributes });
    expect(billed(spans)).toEqual({ x: [30, 3] });
    expect(recordOf('x', spans)).toMatchObject({
      reportedCostUsd: null,
      gateway: 'github',
      provider: 'openai',
    });
  });

  it('as a guess below any real count is missing, neither zero nor the guess', () => {
    const spans = tree({ id: 'x', scopeName: '@traceloop/instrumentation-openai', attributes: chat(3, 13) });
    expect(billed(spans)).toEqual({ x: null });
    expect(recordOf('x', spans)).toMatchObject({ usageStatus: 'missing', tokens: null });
  });

  it('computed from characters is an estimate', () => {
    const spans = tree({
      id: 'x',
      scopeName: '@opentelemetry/instrumentation-aws-sdk',
      attributes: {
        'gen_ai.system': 'aws.bedrock',
        'rpc.method': 'InvokeModel',
        'gen_ai.request.model': 'mistral.mistral-large-2402-v1:0',
        ...usage(11, 4),
      },
    });
    expect(recordOf('x', spans)).toMatchObject({
      usageStatus: 'estimated',
      provider: 'aws.bedrock',
      billingRole: 'billed',
    });
  });
});

describe('a trace that is no tree', () => {
  it('is decided all the same', () => {
    const self = tree({ id: 'self', parentSpanId: spanIdOf('self'), attributes: chat(1, 1) });
    const one = tree({ id: 'one', parentSpanId: spanIdOf('two'), attributes: chat(2, 2) });
    const two = tree({ id: 'two', parentSpanId: spanIdOf('one') });
    expect(billed(self, one, two)).toEqual({ self: [1, 1], one: [2, 2] });
    expect(recordsOf([...two, ...one, ...self])).toEqual(recordsOf([...self, ...one, ...two]));
  });

  it('may be very deep', () => {
    const depth = 20_000;
    const spans = Array.from({ length: depth }, (_, index) =>
      aSpan({
        spanId: (index + 1).toString(16).padStart(16, '0'),
        parentSpanId: index === 0 ? null : index.toString(16).padStart(16, '0'),
        attributes: index === depth - 1 ? chat(5, 1) : index === 0 ? labelledRoot : {},
      }),
    );
    const [record] = recordsOf(spans);
    expect(record).toMatchObject({ billingRole: 'billed', customer: 'acme' });
  });
  const labelledRoot: Given = { 'customer.id': 'acme' };
});

describe('a span that came twice', () => {
  const at = (endTimeMicros: number, attributes: Given): Span =>
    aSpan({ spanId: spanIdOf('x'), endTimeMicros, attributes });
  const whole = at(NOON_MICROS, chat(50, 5));
  const started = at(NOON_MICROS + MINUTE_MICROS, operation('chat'));
  const bare = at(NOON_MICROS + 2 * MINUTE_MICROS, {});

  it('counts as the copy with counts, then as one in a dialect, and only then as the one that ended last', () => {
    for (const copies of [
      [whole, started, bare],
      [bare, started, whole],
      [started, whole, bare],
    ]) {
      expect(recordsOf(copies).map(({ tokens }) => tokens?.uncachedInput)).toEqual([50]);
    }
    expect(recordsOf([bare, started]).map(({ usageStatus }) => usageStatus)).toEqual(['missing']);
    expect(recordsOf([at(NOON_MICROS + 1, chat(60, 6)), whole])).toMatchObject([
      { tokens: { uncachedInput: 60 } },
    ]);
    expect(observed([bare, started, whole]).map(completeness)).toEqual([0, 1, 2]);
  });
});

describe('an id of more traces than see one call', () => {
  it('makes none of their calls one, although they came to be decided together', () => {
    const trace = (index: number): Span =>
      aSpan({
        traceId: (index + 1).toString(16).padStart(32, '0'),
        scopeName: `instrumentation ${index}`,
        attributes: chat(50, 5, { 'gen_ai.response.id': 'chatcmpl-constant' }),
      });
    const traces = (count: number) => Array.from({ length: count }, (_, index) => trace(index));
    const bills = (spans: readonly Span[]) =>
      recordsOf(spans).filter(({ billingRole }) => billingRole === 'billed').length;
    expect(bills(traces(MAX_TRACES_OF_A_LINK))).toBe(1);
    expect(bills(traces(MAX_TRACES_OF_A_LINK + 1))).toBe(MAX_TRACES_OF_A_LINK + 1);
  });
});

describe('an id that one instrumentation gives to several spans at one time', () => {
  const call = (more: Omit<SpanParts, 'attributes'>, input = 50) =>
    aSpan({ ...more, attributes: chat(input, 5, { 'gen_ai.response.id': 'chatcmpl-constant' }) });
  const billsOf = (...spans: readonly Span[]) =>
    recordsOf(spans).filter(({ billingRole }) => billingRole === 'billed').length;

  it.each([{ traceId: 'b'.repeat(32) }, { spanId: 'b'.repeat(16) }])(
    'is a constant where they count other tokens, and an identity where they count the same: %o',
    (elsewhere) => {
      expect(billsOf(call({}), call(elsewhere, 60))).toBe(2);
      expect(billsOf(call({}), call(elsewhere))).toBe(1);
    },
  );

  it('is an identity where another one counts otherwise', () => {
    expect(
      billsOf(call({}), call({ traceId: 'b'.repeat(32), scopeName: 'another instrumentation' }, 60)),
    ).toBe(1);
  });

  it('is a constant where more spans of a trace have it than see one call', () => {
    const spans = Array.from({ length: 17 }, (_, n) =>
      call({ spanId: (n + 1).toString(16).padStart(16, '0') }),
    );
    expect(billsOf(...spans)).toBe(17);
  });
});

describe('a span alone in its trace, for which little need be looked at', () => {
  it('is decided as it is beside a span of another trace', () => {
    const beside = observed([aSpan({ traceId: 'b'.repeat(32), attributes: { 'customer.id': 'another' } })]);
    const word = fc.constantFrom('chat', 'embeddings', 'invoke_agent', 'execute_tool', 'something');
    const span = fc.record({
      parentSpanId: fc.constantFrom(null, spanIdOf('gone'), spanIdOf('x')),
      statusCode: fc.constantFrom(0, 2),
      operation: fc.option(word),
      counts: fc.option(fc.tuple(fc.nat(5000), fc.nat(5000))),
      more: fc.subarray([
        ['gen_ai.response.id', 'chatcmpl-12345678'],
        ['gen_ai.request.model', 'gpt-4o'],
        ['spanledger.customer.id', 'acme'],
        ['gen_ai.agent.name', 'support'],
      ] as const),
    });
    let decided = 0;
    fc.assert(
      fc.property(span, fc.boolean(), (given, isSettled) => {
        const attributes: Given = {
          ...(given.operation === null ? {} : operation(given.operation)),
          ...(given.counts === null ? {} : { 'gen_ai.provider.name': 'openai', ...usage(...given.counts) }),
          ...Object.fromEntries(given.more),
        };
        const { parentSpanId, statusCode } = given;
        const one = observed([aSpan({ spanId: spanIdOf('x'), parentSpanId, statusCode, attributes })]);
        const deadline = { ...SETTLED, nowMicros: isSettled ? SETTLED.nowMicros : NOON_MICROS };
        const alone = decide(one, deadline);
        decided += alone.length;
        expect(decide([...beside, ...one], deadline)).toEqual(alone);
      }),
      { numRuns: 500 },
    );
    expect(decided).toBeGreaterThan(100);
  });
});
