import { describe, expect, it } from 'vitest';
import { aChat, aSpan, type SpanParts } from '../../test/builders.ts';
import { billed, chat, recordOf, recordsOf, tree } from '../../test/traces.ts';
import { observe } from '../observe.ts';
import type { AttributeValue } from '../span.ts';
import type { UsageRecord } from '../usage.ts';

type Given = Record<string, AttributeValue>;

function recordWith(attributes: Given, rest: SpanParts = {}): UsageRecord {
  const [record] = recordsOf([aChat(attributes, rest)]);
  if (record === undefined) throw new Error('a chat has a record');
  return record;
}

describe('the service tier of a call', () => {
  it.each<[string, Given, string | null]>([
    ['the conventions', { 'openai.response.service_tier': 'flex' }, 'flex'],
    ['their predecessor', { 'gen_ai.openai.response.service_tier': 'priority' }, 'priority'],
    ["Anthropic's own spans", { 'anthropic.response.service_tier': 'batch' }, 'batch'],
    ['LangSmith', { 'gen_ai.response.service_tier': 'flex' }, 'flex'],
    ['a request alone', { 'openai.request.service_tier': 'flex' }, 'flex'],
    ['blanks around it', { 'openai.response.service_tier': ' flex ' }, 'flex'],
    ['a blank', { 'openai.response.service_tier': ' ' }, null],
    ['nothing', {}, null],
    ['fast mode beside the standard tier', { ...standard(), 'anthropic.usage.speed': 'fast' }, 'fast'],
    ['the ordinary speed', { ...standard(), 'anthropic.usage.speed': 'standard' }, 'standard'],
    [
      'fast mode in a batch, which has a tier already',
      { 'anthropic.response.service_tier': 'batch', 'anthropic.usage.speed': 'fast' },
      'batch',
    ],
    ['the speed of a voice', { 'gen_ai.request.speed': 1.25 }, null],
  ])('is read from %s', (_where, attributes, tier) => {
    expect(recordWith(attributes).serviceTier).toBe(tier);
  });

  it('is that of the response, because requests leave the choice to the provider', () => {
    const { serviceTier } = recordWith({
      'openai.request.service_tier': 'auto',
      'openai.response.service_tier': 'priority',
    });
    expect(serviceTier).toBe('priority');
  });

  const id = { 'gen_ai.response.id': 'resp_12345678' };

  it('is told by a second span of the call where the billed one does not know it', () => {
    const outer = { id: 'o', attributes: chat(100, 20, { ...id, 'openai.response.service_tier': 'flex' }) };
    const spans = tree({ ...outer, below: [{ id: 'i', attributes: chat(100, 20, id) }] });
    expect(billed(spans)).toEqual({ i: [100, 20] });
    expect(recordOf('i', spans).serviceTier).toBe('flex');
  });

  it('is what another span heard in the response before what the billed one asked for', () => {
    const heard = chat(100, 20, { ...id, 'openai.response.service_tier': 'default' });
    const asked = chat(100, 20, { ...id, 'openai.request.service_tier': 'flex' });
    const spans = tree({ id: 'o', attributes: heard, below: [{ id: 'i', attributes: asked }] });
    expect(billed(spans)).toEqual({ i: [100, 20] });
    expect(recordOf('i', spans).serviceTier).toBe('default');
  });
});

function standard(): Given {
  return { 'anthropic.response.service_tier': 'standard' };
}

describe('where a call was served', () => {
  it('is told by the host or the path of the model, never by where the app runs', () => {
    expect(recordWith({ 'server.address': 'eu.api.openai.com' }).region).toBe('eu');
    const model = 'projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5';
    expect(recordWith({ 'gen_ai.request.model': model }).region).toBe('us-east5');
    expect(
      recordWith({ 'cloud.region': 'eu-west-1' }, { resource: { 'cloud.region': 'eu' } }).region,
    ).toBeNull();
  });

  it("is Anthropic's inference geo where it says one", () => {
    expect(recordWith({ 'anthropic.response.inference_geo': 'us' }).inferenceGeo).toBe('us');
    expect(recordWith({ 'gen_ai.request.inference_geo': 'us' }).inferenceGeo).toBe('us');
    expect(recordWith({ 'gen_ai.usage.inference_geo': 'not_available' }).inferenceGeo).toBeNull();
  });
});

const ANTHROPIC_BODY = {
  id: 'msg_12345678',
  usage: {
    input_tokens: 10,
    cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 },
    server_tool_use: { web_search_requests: 2 },
    output_tokens: 5,
    service_tier: 'standard',
    inference_geo: 'us',
    speed: 'fast',
  },
};

const OPENINFERENCE = {
  'openinference.span.kind': 'LLM',
  'llm.token_count.prompt': 17,
  'llm.token_count.completion': 5,
  'llm.token_count.prompt_details.cache_write': 7,
};

const FROM_BODY = {
  serviceTier: 'fast',
  inferenceGeo: 'us',
  cacheWrite5m: 3,
  cacheWrite1h: 4,
  units: { requests: null, webSearches: 2, images: null, milliseconds: null, pages: null, custom: null },
};

describe('a provider’s answer that an emitter copies', () => {
  it('tells tier, geo, lifetimes and searches on an OpenInference span', () => {
    const record = recordWith({ ...OPENINFERENCE, 'output.value': JSON.stringify(ANTHROPIC_BODY) });
    expect(record).toMatchObject(FROM_BODY);
  });

  it('tells them in the provider metadata of the AI SDK', () => {
    const record = recordWith({
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.response.providerMetadata': JSON.stringify({ anthropic: { usage: ANTHROPIC_BODY.usage } }),
    });
    expect(record).toMatchObject(FROM_BODY);
  });

  it.each([
    ['flex', 'flex'],
    ['default', 'default'],
  ])('tells the tier %s of OpenAI, also where the model writes of another one', (tier, expected) => {
    const body = {
      choices: [{ message: { content: '{"service_tier":"priority"}' } }],
      service_tier: tier,
    };
    const record = recordWith({ ...OPENINFERENCE, 'output.value': JSON.stringify(body) });
    expect(record.serviceTier).toBe(expected);
    const metadata = JSON.stringify({ openai: { responseId: 'resp_1', serviceTier: tier } });
    const sdk = { 'ai.operationId': 'ai.streamText.doStream', 'ai.response.providerMetadata': metadata };
    expect(recordWith(sdk).serviceTier).toBe(expected);
  });

  it('is not believed in the arguments of a tool', () => {
    const body = {
      content: [{ type: 'tool_use', input: { service_tier: 'flex' } }],
      usage: { service_tier: 'standard' },
    };
    const record = recordWith({ ...OPENINFERENCE, 'output.value': JSON.stringify(body) });
    expect(record.serviceTier).toBe('standard');
  });

  it('leaves the tier to the request where it says none', () => {
    const asked = { 'llm.invocation_parameters': '{"model":"gpt-5","service_tier":"flex"}' };
    expect(recordWith({ ...OPENINFERENCE, ...asked, 'output.value': 'A text.' }).serviceTier).toBe('flex');
    const cut = { ...OPENINFERENCE, 'output.value': '{"service_tier":"flex","choices":[' };
    expect(recordWith(cut).serviceTier).toBeNull();
  });

  it('tells the audio in a prompt of Gemini, which has a price of its own', () => {
    const usageMetadata = {
      promptTokenCount: 1000,
      candidatesTokenCount: 100,
      cachedContentTokenCount: 300,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 100 },
        { modality: 'AUDIO', tokenCount: 900 },
      ],
      cacheTokensDetails: [{ modality: 'AUDIO', tokenCount: 300 }],
      candidatesTokensDetails: [{ modality: 'TEXT', tokenCount: 100 }],
    };
    const expected = { modalities: { audioInput: 900, cacheReadAudio: 300, audioOutput: null } };
    const sdk = {
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.response.providerMetadata': JSON.stringify({ google: { usageMetadata } }),
    };
    expect(recordWith(sdk)).toMatchObject(expected);
    const adk = { 'gcp.vertex.agent.llm_response': JSON.stringify({ usage_metadata: snake(usageMetadata) }) };
    const rest = { scopeName: 'gcp.vertex.agent', name: 'call_llm' };
    expect(recordWith(adk, rest)).toMatchObject(expected);
    const text = { ...usageMetadata, promptTokensDetails: [], cacheTokensDetails: [] };
    const plain = {
      ...sdk,
      'ai.response.providerMetadata': JSON.stringify({ google: { usageMetadata: text } }),
    };
    expect(recordWith(plain).modalities).toBeNull();
  });

  it('is asked of Langfuse by the parameters of the model', () => {
    const record = recordWith({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.usage_details': '{"input":10,"output":5}',
      'langfuse.observation.model.parameters': '{"temperature":1,"service_tier":"flex"}',
    });
    expect(record.serviceTier).toBe('flex');
  });
});

describe('a plain span', () => {
  it('was served by nobody, whatever host it asked', () => {
    const span = observe(aSpan({ attributes: { 'server.address': 'eu.api.openai.com', 'http.route': '/' } }));
    expect(span?.kind).toBe('plain');
    expect(span?.called).toMatchObject({ responseTier: null, requestTier: null, region: null });
  });
});

/** The same with the names as Python's client writes them. */
function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      snake(inner),
    ]),
  );
}
