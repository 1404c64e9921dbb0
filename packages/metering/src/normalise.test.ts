import { describe, expect, it } from 'vitest';
import { aChat, aSpan, NOON_MICROS, recording, type SpanParts } from '../test/builders.ts';
import { ATTRIBUTES_READ, normalise } from './normalise.ts';
import type { AttributeValue } from './span.ts';

function usageOf(attributes: Record<string, AttributeValue>, rest: SpanParts = {}) {
  const usage = normalise(aChat(attributes, rest));
  if (usage === null) throw new Error('expected a usage record');
  return usage;
}

describe('a chat span of the OpenTelemetry conventions', () => {
  it('becomes a usage record', () => {
    const span = aChat(
      {
        'gen_ai.response.model': 'gpt-4o-2024-08-06',
        'gen_ai.response.id': 'chatcmpl-1',
        'gen_ai.response.time_to_first_chunk': 0.25,
        'gen_ai.usage.cache_read.input_tokens': 400,
        'gen_ai.usage.reasoning.output_tokens': 30,
        'gen_ai.conversation.id': 'thread-7',
        'user.id': 'u-1',
      },
      { parentSpanId: '1111111111111111', resource: { 'service.name': 'shop' } },
    );
    expect(normalise(span)).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      parentSpanId: '1111111111111111',
      actionId: '4bf92f3577b34da6a3ce929d0e0e4736',
      eventTimeMicros: NOON_MICROS,
      durationMicros: 1_500_000,
      timeToFirstTokenMicros: 250_000,
      customer: 'acme',
      feature: 'support-chat',
      userId: 'u-1',
      sessionId: 'thread-7',
      usageClass: 'customer',
      environment: null,
      service: 'shop',
      provider: 'openai',
      requestModel: 'gpt-4o',
      responseModel: 'gpt-4o-2024-08-06',
      operation: 'chat',
      responseId: 'chatcmpl-1',
      tokens: { uncachedInput: 600, cacheRead: 400, cacheWrite: 0, visibleOutput: 70, reasoning: 30 },
      usageStatus: 'reported',
      usageReason: null,
      billingRole: 'billed',
      roleReason: 'chat is a model call',
      dialect: 'opentelemetry',
      status: 'ok',
    });
  });

  it('gives the same record every time', () => {
    expect(normalise(aChat())).toEqual(normalise(aChat()));
  });

  it('has no negative duration when the clock was set back', () => {
    expect(usageOf({}, { startTimeMicros: NOON_MICROS + 5 }).durationMicros).toBe(0);
  });

  it.each([
    ['-1', null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    ['0.5', 500_000],
    [2, 2_000_000],
  ])('with time to first chunk %j has %j microseconds', (sent, micros) => {
    expect(usageOf({ 'gen_ai.response.time_to_first_chunk': sent }).timeToFirstTokenMicros).toBe(micros);
  });

  it('failed when the status says error or an error type is named', () => {
    expect(usageOf({}, { statusCode: 2 }).status).toBe('error');
    expect(usageOf({ 'error.type': 'timeout' }).status).toBe('error');
    expect(usageOf({ 'error.type': '' }, { statusCode: 1 }).status).toBe('ok');
  });
});

describe('token counts', () => {
  it('are read from the newest name that holds a number, and never added', () => {
    const { tokens } = usageOf({
      'gen_ai.usage.input_tokens': 'NaN',
      'gen_ai.usage.prompt_tokens': '70',
      'gen_ai.usage.completion_tokens': 999,
      'gen_ai.usage.cache_read.input_tokens': 20,
      'gen_ai.usage.cache_read_input_tokens': 20,
      'gen_ai.usage.cache_creation.input_tokens': 10,
      'gen_ai.usage.cache_write_input_tokens': 10,
      'gen_ai.usage.reasoning_tokens': 5,
    });
    expect(tokens).toEqual({
      uncachedInput: 40,
      cacheRead: 20,
      cacheWrite: 10,
      visibleOutput: 95,
      reasoning: 5,
    });
  });

  it('missing from a cut stream are missing, not zero', () => {
    const usage = usageOf({ 'gen_ai.usage.output_tokens': Number.NaN });
    expect(usage).toMatchObject({
      tokens: null,
      usageStatus: 'missing',
      usageReason: 'no output count (input 1000)',
      billingRole: 'billed',
    });
  });

  it('of an embedding need no output', () => {
    const usage = normalise(
      aSpan({
        attributes: {
          'gen_ai.operation.name': 'embeddings',
          'gen_ai.provider.name': 'openai',
          'gen_ai.usage.input_tokens': 8,
        },
      }),
    );
    expect(usage).toMatchObject({ usageStatus: 'reported', tokens: { uncachedInput: 8, visibleOutput: 0 } });
  });

  it('that the emitter guessed are estimated', () => {
    expect(usageOf({ 'spanledger.usage.source': 'estimated' }).usageStatus).toBe('estimated');
    expect(usageOf({ 'spanledger.usage.source': 'provider' }).usageStatus).toBe('reported');
  });

  it('that the emitter declares missing are missing even where zeros are sent', () => {
    const usage = usageOf({
      'spanledger.usage.source': 'missing',
      'gen_ai.usage.input_tokens': 0,
      'gen_ai.usage.output_tokens': 0,
    });
    expect(usage).toMatchObject({ usageStatus: 'missing', tokens: null });
  });

  it('that contradict the declared convention are invalid', () => {
    const usage = usageOf({
      'gen_ai.token.semantics': 'inclusive',
      'gen_ai.usage.cache_read.input_tokens': 5000,
    });
    expect(usage).toMatchObject({ usageStatus: 'invalid', tokens: null });
  });
});

describe('the billing role', () => {
  it.each([
    ['chat', 'billed', 'chat'],
    ['generate_content', 'billed', 'chat'],
    ['streamText', 'billed', 'chat'],
    ['CHAT', 'billed', 'chat'],
    ['text_completion', 'billed', 'completion'],
    ['embedding', 'billed', 'embeddings'],
    ['rerank', 'billed', 'rerank'],
    ['invoke_agent', 'container', 'agent'],
    ['invoke_workflow', 'container', 'workflow'],
    ['plan', 'container', 'step'],
    ['execute_tool', 'ignored', 'tool'],
    ['create_agent', 'ignored', 'other'],
    ['fetch_response', 'ignored', 'other'],
    ['count_tokens', 'ignored', 'token_count'],
  ])('of %s is %s (%s), whatever counts and models the span carries', (word, role, operation) => {
    expect(usageOf({ 'gen_ai.operation.name': word })).toMatchObject({ billingRole: role, operation });
  });

  it('stays open for usage without an operation name', () => {
    const span = aSpan({
      attributes: {
        'gen_ai.system': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 10,
        'gen_ai.usage.output_tokens': 1,
      },
    });
    expect(normalise(span)).toMatchObject({
      billingRole: 'pending',
      operation: 'chat',
      roleReason: 'no operation name; usage and provider make it a candidate until its trace is known',
    });
  });

  it('stays open for usage under an unknown operation, which without usage is ignored', () => {
    expect(usageOf({ 'gen_ai.operation.name': 'dream' })).toMatchObject({
      billingRole: 'pending',
      operation: 'other',
    });
    const idle = aSpan({
      attributes: { 'gen_ai.operation.name': 'dream', 'gen_ai.provider.name': 'openai' },
    });
    expect(normalise(idle)).toMatchObject({ billingRole: 'ignored', operation: 'other' });
  });

  it.each([
    ['nothing at all', {}],
    ['a model promoted from baggage', { 'gen_ai.request.model': 'gpt-4o' }],
    ['a provider without usage', { 'gen_ai.system': 'openai' }],
    ['usage without a provider', { 'gen_ai.usage.input_tokens': 5 }],
  ])('does not arise for a span with %s', (_, attributes) => {
    expect(normalise(aSpan({ attributes }))).toBeNull();
  });
});

describe('the provider', () => {
  it.each([
    ['openai', 'openai'],
    ['OpenAI', 'openai'],
    ['vertex_ai', 'gcp.vertex_ai'],
    ['gemini', 'gcp.gemini'],
    ['az.ai.openai', 'azure.ai.openai'],
    ['az.ai.inference', 'azure.ai.inference'],
    ['xai', 'x_ai'],
    ['My-Gateway', 'My-Gateway'],
  ])('%s is known as %s', (sent, canonical) => {
    expect(usageOf({ 'gen_ai.provider.name': sent }).provider).toBe(canonical);
  });

  it('is read from the older attribute when the newer one is blank', () => {
    expect(usageOf({ 'gen_ai.provider.name': ' ', 'gen_ai.system': 'anthropic' }).provider).toBe('anthropic');
  });
});

describe('attribution', () => {
  it('prefers the span to its resource', () => {
    const resource = {
      'spanledger.customer.id': 'resource',
      'enduser.id': 'r',
      'spanledger.usage.class': 'demo',
    };
    expect(usageOf({ 'spanledger.customer.id': 'span' }, { resource })).toMatchObject({
      customer: 'span',
      userId: 'r',
      usageClass: 'demo',
    });
    expect(usageOf({ 'spanledger.customer.id': ' ' }, { resource }).customer).toBe('resource');
  });

  it('names action, session and environment by their newest attribute', () => {
    const resource = { 'deployment.environment': 'old', 'deployment.environment.name': 'production' };
    const usage = usageOf(
      { 'spanledger.action.id': 'a-1', 'session.id': 's', 'enduser.id': 'e' },
      { resource },
    );
    expect(usage).toMatchObject({ actionId: 'a-1', sessionId: 's', userId: 'e', environment: 'production' });
  });

  it.each([
    ['trial', 'trial'],
    [' Internal ', 'internal'],
    ['intrenal', 'customer'],
    ['', 'customer'],
  ])('takes usage class %j as %s', (sent, usageClass) => {
    expect(usageOf({ 'spanledger.usage.class': sent }).usageClass).toBe(usageClass);
  });

  it('keeps two customers with very long names apart', () => {
    const long = 'c'.repeat(1500);
    const [one, two] = ['1', '2'].map((end) => usageOf({ 'spanledger.customer.id': long + end }).customer);
    expect(one).not.toBe(two);
  });
});

describe('ATTRIBUTES_READ', () => {
  it('holds exactly the keys that reading a span asks for', () => {
    const asked = new Set<string>();
    const spans = [
      aSpan(),
      aSpan({ attributes: { 'gen_ai.operation.name': 'chat' } }),
      aChat({ 'gen_ai.usage.cache_read.input_tokens': 5 }),
    ];
    for (const span of spans) {
      normalise({
        ...span,
        attributes: recording(span.attributes, asked),
        resource: recording(span.resource, asked),
      });
    }
    expect([...asked].sort()).toEqual([...ATTRIBUTES_READ].sort());
  });
});
