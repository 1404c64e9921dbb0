import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aChat, aSpan, recording, type SpanParts } from '../test/builders.ts';
import type { Observation } from './observation.ts';
import { ATTRIBUTES_READ, observe } from './observe.ts';
import type { AttributeValue } from './span.ts';

function observation(parts: SpanParts): Observation {
  const observed = observe(aSpan(parts));
  if (observed === null) throw new Error('the span of this test is nothing');
  return observed;
}

function chatWith(attributes: Record<string, AttributeValue>, rest: SpanParts = {}): Observation {
  const observed = observe(aChat(attributes, rest));
  if (observed === null) throw new Error('a chat is observed');
  return observed;
}

describe('a chat span of the OpenTelemetry conventions', () => {
  it('gives the same observation every time', () => {
    expect(observe(aChat())).toEqual(observe(aChat()));
    expect(observe(aChat())).not.toBeNull();
  });

  it.each([
    ['-1', null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    ['0.5', 500_000],
    [2, 2_000_000],
  ])('with time to first chunk %j has %j microseconds', (sent, micros) => {
    const { called } = chatWith({ 'gen_ai.response.time_to_first_chunk': sent });
    expect(called.timeToFirstTokenMicros).toBe(micros);
  });

  it('failed when the status says error or an error type is named', () => {
    expect(chatWith({}, { statusCode: 2 }).status).toBe('error');
    expect(chatWith({ 'error.type': 'timeout' }).status).toBe('error');
    expect(chatWith({ 'error.type': '' }, { statusCode: 1 }).status).toBe('ok');
  });

  it('is of the provider of the older attribute when the newer one is blank', () => {
    const { called } = chatWith({ 'gen_ai.provider.name': ' ', 'gen_ai.system': 'anthropic' });
    expect(called.provider).toBe('anthropic');
  });
});

describe('token counts', () => {
  it('are read from the newest name that holds a number, and never added', () => {
    const { usage } = chatWith({
      'gen_ai.usage.input_tokens': 'NaN',
      'gen_ai.usage.prompt_tokens': '70',
      'gen_ai.usage.completion_tokens': 999,
      'gen_ai.usage.cache_read.input_tokens': 20,
      'gen_ai.usage.cache_read_input_tokens': 20,
      'gen_ai.usage.cache_creation.input_tokens': 10,
      'gen_ai.usage.cache_write_input_tokens': 10,
      'gen_ai.usage.reasoning_tokens': 5,
    });
    expect(usage?.tokens).toEqual({
      uncachedInput: 40,
      cacheRead: 20,
      cacheWrite: 10,
      visibleOutput: 95,
      reasoning: 5,
    });
  });

  it('missing from a cut stream are missing, not zero, and the call stays a call', () => {
    expect(chatWith({ 'gen_ai.usage.output_tokens': Number.NaN })).toMatchObject({
      kind: 'call',
      usage: { tokens: null, status: 'missing', reason: 'no output count (input 1000)' },
    });
  });

  it('of an embedding need no output', () => {
    const { usage } = observation({
      attributes: {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.provider.name': 'openai',
        'gen_ai.usage.input_tokens': 8,
      },
    });
    expect(usage).toMatchObject({ status: 'reported', tokens: { uncachedInput: 8, visibleOutput: 0 } });
  });

  it('that the emitter guessed are estimated', () => {
    expect(chatWith({ 'spanledger.usage.source': 'estimated' }).usage?.status).toBe('estimated');
    expect(chatWith({ 'spanledger.usage.source': 'provider' }).usage?.status).toBe('reported');
  });

  it('that the emitter declares missing are missing even where zeros are sent', () => {
    const { usage } = chatWith({
      'spanledger.usage.source': 'missing',
      'gen_ai.usage.input_tokens': 0,
      'gen_ai.usage.output_tokens': 0,
    });
    expect(usage).toMatchObject({ status: 'missing', tokens: null });
  });

  it('that contradict the declared convention are invalid', () => {
    const { usage } = chatWith({
      'gen_ai.token.semantics': 'inclusive',
      'gen_ai.usage.cache_read.input_tokens': 5000,
    });
    expect(usage).toMatchObject({ status: 'invalid', tokens: null });
  });
});

describe('the part of a span', () => {
  it.each([
    ['chat', 'call', 'chat'],
    ['generate_content', 'call', 'chat'],
    ['streamText', 'call', 'chat'],
    ['CHAT', 'call', 'chat'],
    ['text_completion', 'call', 'completion'],
    ['embedding', 'call', 'embeddings'],
    ['rerank', 'call', 'rerank'],
    ['invoke_agent', 'container', 'agent'],
    ['invoke_workflow', 'container', 'workflow'],
    ['plan', 'container', 'step'],
    ['execute_tool', 'tool', 'tool'],
    ['create_agent', 'other', 'other'],
    ['fetch_response', 'zero_rated', 'other'],
    ['count_tokens', 'zero_rated', 'token_count'],
  ])('of %s is %s (%s), whatever counts and models it carries', (word, kind, operation) => {
    expect(chatWith({ 'gen_ai.operation.name': word })).toMatchObject({ kind, operation });
  });

  it('stays open for usage without an operation name', () => {
    const attributes = {
      'gen_ai.system': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 1,
    };
    expect(observation({ attributes })).toMatchObject({
      kind: 'candidate',
      operation: 'chat',
      why: 'no operation name; usage and provider make it a candidate until its trace is known',
    });
  });

  it('stays open for usage under an unknown operation, which without usage is none', () => {
    expect(chatWith({ 'gen_ai.operation.name': 'dream' })).toMatchObject({
      kind: 'candidate',
      operation: 'other',
    });
    const attributes = { 'gen_ai.operation.name': 'dream', 'gen_ai.provider.name': 'openai' };
    expect(observation({ attributes })).toMatchObject({ kind: 'other', operation: 'other' });
  });

  it.each<[string, Record<string, AttributeValue>]>([
    ['nothing at all', {}],
    ['a model promoted from baggage', { 'gen_ai.request.model': 'gpt-4o' }],
    ['a provider without usage', { 'gen_ai.system': 'openai' }],
    ['usage without a provider', { 'gen_ai.usage.input_tokens': 5 }],
  ])('is none for a span with %s', (_, attributes) => {
    expect(observation({ attributes })).toMatchObject({ kind: 'plain', usage: null });
  });
});

describe('ATTRIBUTES_READ', () => {
  const asked = new Set<string>();
  const observeRecording = (parts: SpanParts) => {
    const given = aSpan(parts);
    observe({
      ...given,
      attributes: recording(given.attributes, asked),
      resource: recording(given.resource, asked),
    });
  };

  /** How these counts overlap has to be found out. */
  const withCached = {
    'gen_ai.usage.input_tokens': 50,
    'gen_ai.usage.output_tokens': 5,
    'gen_ai.usage.cache_read.input_tokens': 40,
  };
  /** Calls, and wrappers of them, in the words of the emitters that have own keys for what they say. */
  const inTheirWords: readonly SpanParts[] = [
    { attributes: { 'openinference.span.kind': 'LLM' } },
    { attributes: { 'langsmith.span.kind': 'llm' } },
    { attributes: { 'langfuse.observation.type': 'generation' }, statusCode: 2 },
    { attributes: { 'langfuse.observation.type': 'span', 'langfuse.observation.model.name': 'gpt-4o' } },
    { attributes: { 'ai.operationId': 'ai.generateText.doGenerate', ...withCached } },
    { attributes: { ...withCached, 'gen_ai.operation.name': 'chat', 'gen_ai.token.semantics': 'inclusive' } },
    { scopeName: 'genkit-tracer', attributes: { 'genkit:metadata:subtype': 'model' } },
    { scopeName: 'gcp.vertex.agent', name: 'call_llm', attributes: { 'gen_ai.system': 'gcp.vertex.agent' } },
    { scopeName: '@opentelemetry/instrumentation-aws-sdk', attributes: { 'gen_ai.system': 'aws.bedrock' } },
    { attributes: { 'traceloop.span.kind': ' ' } },
    { name: 'claude_code.llm_request' },
    { name: 'litellm_request', attributes: { 'litellm.call_type': 'completion' } },
  ];

  it('holds exactly the keys that reading spans asks for', () => {
    for (const parts of inTheirWords) observeRecording(parts);
    for (const key of ATTRIBUTES_READ) {
      const attributes = { 'gen_ai.operation.name': 'chat', [key]: '7' };
      observeRecording({ attributes, resource: { [key]: '7' } });
    }
    expect([...asked].sort()).toEqual([...ATTRIBUTES_READ].sort());
  });

  it('holds all of them, whatever the spans say', () => {
    const words = ['chat', 'ai.generateText', 'gen_ai.chat', 'LLM', 'generation', 'task', 'openlit', '7'];
    const scopes = ['', 'gen_ai', 'ai', 'genkit-tracer', 'gcp.vertex.agent', '@aws-sdk/x', '@traceloop/x'];
    const said = fc.dictionary(fc.constantFrom(...ATTRIBUTES_READ), fc.constantFrom(...words));
    const names = fc.constantFrom('chat', 'call_llm', 'claude_code.llm_request', 'litellm_request');
    const span = fc.record({
      name: names,
      scopeName: fc.constantFrom(...scopes),
      attributes: said,
      resource: said,
    });
    fc.assert(fc.property(span, observeRecording), { numRuns: 500 });
    expect([...asked].filter((key) => !ATTRIBUTES_READ.includes(key))).toEqual([]);
  });
});
