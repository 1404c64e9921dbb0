import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aSpan, type SpanParts } from '../../test/builders.ts';
import { look } from '../meaning.ts';
import type { Observation } from '../observation.ts';
import { ATTRIBUTES_READ, DEFAULT_OBSERVE_SETTINGS, observe } from '../observe.ts';
import { recognise } from './recognise.ts';
import { DIALECTS } from './table.ts';
import { isBefore } from './version.ts';

function observation(parts: SpanParts): Observation {
  const observed = observe(aSpan(parts));
  if (observed === null) throw new Error('the span of this test is nothing');
  return observed;
}

const ANTHROPIC = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'anthropic',
  'gen_ai.request.model': 'claude-sonnet-4-5',
  'gen_ai.usage.input_tokens': 50_000,
  'gen_ai.usage.output_tokens': 100,
  'gen_ai.usage.cache_read.input_tokens': 40_000,
};
const CONVERSE = { ...ANTHROPIC, 'gen_ai.provider.name': 'aws.bedrock' };

describe('the same counts of Anthropic', () => {
  it.each<[string, SpanParts, number, string]>([
    ['an unknown emitter', { attributes: ANTHROPIC }, 10_000, 'assumed'],
    ['OpenLIT', { scopeName: '@openlit/instrumentation-anthropic', attributes: ANTHROPIC }, 50_000, 'table'],
    [
      'OpenLLMetry for JavaScript, until its fix',
      { scopeName: '@traceloop/instrumentation-anthropic', scopeVersion: '0.27.0', attributes: ANTHROPIC },
      50_000,
      'table',
    ],
    [
      'OpenLLMetry for JavaScript, since',
      { scopeName: '@traceloop/instrumentation-anthropic', scopeVersion: '0.29.1', attributes: ANTHROPIC },
      10_000,
      'assumed',
    ],
    [
      'OpenLLMetry for Python',
      { scopeName: 'opentelemetry.instrumentation.anthropic', attributes: ANTHROPIC },
      10_000,
      'assumed',
    ],
    [
      'OpenLLMetry for Python on Bedrock',
      { scopeName: 'opentelemetry.instrumentation.bedrock', attributes: CONVERSE },
      50_000,
      'table',
    ],
    ['the Anthropic SDK', { scopeName: 'com.anthropic.sdk.python', attributes: ANTHROPIC }, 10_000, 'table'],
    ['Spring AI', { scopeName: 'org.springframework.boot', attributes: ANTHROPIC }, 50_000, 'table'],
    ['agento11y', { attributes: { ...ANTHROPIC, 'agento11y.generation.id': 'g' } }, 50_000, 'table'],
    [
      'agento11y with its mark',
      {
        attributes: { ...ANTHROPIC, 'agento11y.generation.id': 'g', 'gen_ai.token.semantics': 'inclusive' },
      },
      10_000,
      'declared',
    ],
    [
      'a total that proves it',
      { attributes: { ...ANTHROPIC, 'gen_ai.usage.total_tokens': 90_100 } },
      50_000,
      'proved',
    ],
  ])('of %s', (_emitter, parts, uncachedInput, level) => {
    const { usage } = observation(parts);
    expect(usage).toMatchObject({
      tokens: { uncachedInput, cacheRead: 40_000 },
      cacheSemantics: level,
    });
  });
});

describe('a dialect', () => {
  it('names what it was recognised by', () => {
    const { dialect, dialectEvidence } = observation({ attributes: { 'langsmith.span.kind': 'llm' } });
    expect({ dialect, dialectEvidence }).toEqual({
      dialect: 'langsmith',
      dialectEvidence: 'langsmith.span.kind',
    });
  });

  it('reads only attributes that are asked for', () => {
    const known = new Set(ATTRIBUTES_READ);
    expect(DIALECTS.flatMap(({ attributes }) => attributes).filter((key) => !known.has(key))).toEqual([]);
  });

  it('of Langfuse counts every amount once, audio among the input', () => {
    const { usage } = observation({
      attributes: {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.model.name': 'gpt-4o-audio',
        'langfuse.observation.usage_details':
          '{"input":100,"input_cached_tokens":20,"input_audio_tokens":7,"output":30,"output_reasoning_tokens":5,"total":162}',
      },
    });
    expect(usage).toMatchObject({
      tokens: { uncachedInput: 107, cacheRead: 20, visibleOutput: 30, reasoning: 5 },
      modalities: { audioInput: 7 },
    });
  });

  it('of Genkit finds the usage in the output and the model behind its plugin', () => {
    const { usage, called } = observation({
      scopeName: 'genkit-tracer',
      attributes: {
        'genkit:metadata:subtype': 'model',
        'genkit:name': 'googleai/gemini-2.5-flash',
        'genkit:output': '{"usage":{"inputTokens":10,"outputTokens":4,"totalTokens":14}}',
      },
    });
    expect(usage?.tokens).toMatchObject({ uncachedInput: 10, visibleOutput: 4 });
    expect(called).toMatchObject({ requestModel: 'gemini-2.5-flash', provider: 'gcp.gemini' });
  });

  it('of Google ADK counts thoughts once, from the copied response or from the newer names', () => {
    const span = { name: 'call_llm', scopeName: 'gcp.vertex.agent' };
    const counts = { 'gen_ai.system': 'gcp.vertex.agent', 'gen_ai.usage.input_tokens': 100 };
    const copied = observation({
      ...span,
      attributes: {
        ...counts,
        'gen_ai.usage.output_tokens': 40,
        'gcp.vertex.agent.llm_response':
          '{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":40,"thoughtsTokenCount":9}}',
      },
    });
    const newer = observation({
      ...span,
      attributes: {
        ...counts,
        'gen_ai.usage.output_tokens': 49,
        'gen_ai.usage.reasoning.output_tokens': 9,
        'gcp.vertex.agent.llm_response': '{}',
      },
    });
    expect(copied.usage?.tokens).toEqual(newer.usage?.tokens);
    expect(copied.usage?.tokens).toMatchObject({ visibleOutput: 40, reasoning: 9 });
  });

  it('of the AI SDK in the hands of Langfuse, Sentry and OpenInference stays that of the AI SDK', () => {
    const attributes = {
      'ai.operationId': 'ai.streamText',
      'ai.usage.inputTokens': 5,
      'ai.usage.outputTokens': 1,
    };
    for (const more of [{ 'sentry.op': 'gen_ai.chat' }, { 'openinference.span.kind': 'LLM' }]) {
      expect(observation({ attributes: { ...attributes, ...more } }).kind).toBe('container');
    }
  });

  it('keeps going where a JSON text is cut, empty or not JSON', () => {
    for (const text of ['{"input":1', '', 'null', '[]', '{"input":"None"}', 'x'.repeat(100_000)]) {
      const { usage } = observation({
        attributes: { 'langfuse.observation.type': 'generation', 'langfuse.observation.usage_details': text },
      });
      expect(usage).toMatchObject({ status: 'missing', tokens: null });
    }
  });
});

describe('a version', () => {
  it.each([
    ['0.27.0', '0.28.0', true],
    ['0.9', '0.28.0', true],
    ['v0.27.9-beta', '0.28.0', true],
    ['0.28.0', '0.28.0', false],
    ['1.0', '0.28.0', false],
    ['', '0.28.0', false],
    ['unknown', '0.28.0', false],
  ])('%s before %s: %s', (version, other, expected) => {
    expect(isBefore(version, other)).toBe(expected);
  });
});

describe('a clue', () => {
  const clues = DIALECTS.flatMap(({ clues, cluesInScope }) => [clues, cluesInScope?.clues ?? []]).flatMap(
    (some) => (some === 'any' ? [] : some),
  );

  it('is an attribute that is read', () => {
    for (const clue of clues) expect(ATTRIBUTES_READ).toContain(clue);
  });

  it('leaves out no dialect that would recognise a span', () => {
    const scopes = [
      '',
      'openlit',
      'com.anthropic.sdk',
      '@aws-sdk/x',
      'gcp.vertex.agent',
      'genkit-tracer',
    ].concat(['openrouter', 'litellm', 'org.springframework.ai', '@traceloop/x', 'gen_ai', 'openai']);
    const names = ['chat', 'claude_code.tool', 'litellm_request'];
    const values = [
      'chat',
      'openlit',
      'aws.bedrock',
      'strands-agents',
      'pending_span',
      'gen_ai.chat',
      'ai.x',
    ];
    const services = ['shop', 'openrouter'];
    const span = fc.record({
      name: fc.constantFrom(...names),
      scopeName: fc.constantFrom(...scopes),
      attributes: fc.dictionary(fc.constantFrom(...clues), fc.constantFrom(...values), { maxKeys: 4 }),
      resource: fc.record({
        'service.name': fc.constantFrom(...services),
        'telemetry.sdk.name': fc.constantFrom(...values),
      }),
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(span.map(aSpan), (given) => {
        const all = DIALECTS.map((dialect) => ({ dialect, evidence: dialect.recognise(given) }));
        const first = all.find(({ evidence }) => evidence !== null) ?? null;
        if (first !== null) seen.add(first.dialect.name);
        const { meanings, labels } = DEFAULT_OBSERVE_SETTINGS;
        expect(recognise(given, look(given.attributes, meanings, labels))).toEqual(first);
      }),
      { numRuns: 3000, seed: 1 },
    );
    expect(seen.size).toBeGreaterThan(15);
  });
});
