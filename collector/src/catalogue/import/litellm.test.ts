import { describe, expect, it } from 'vitest';
import { importedFrom } from './testing/imported.ts';

const chat = (provider: string, prices: object) => ({ litellm_provider: provider, mode: 'chat', ...prices });

describe('a model of LiteLLM', () => {
  it('becomes a card with tables for its tiers and service tiers', () => {
    const { cards, format } = importedFrom({
      sample_spec: { input_cost_per_token: 0, litellm_provider: 'one of the providers' },
      'gpt-6-sol': chat('openai', {
        input_cost_per_token: 2e-6,
        input_cost_per_token_above_272k_tokens: 4e-6,
        input_cost_per_token_batches: 1e-6,
        input_cost_per_token_above_272k_tokens_batches: 2e-6,
        output_cost_per_token: 1e-5,
        output_cost_per_token_above_272k_tokens: 1.5e-5,
        output_cost_per_token_batches: 5e-6,
        output_cost_per_token_above_272k_tokens_batches: 7.5e-6,
        cache_read_input_token_cost: 2e-7,
        cache_creation_input_token_cost: 2.5e-6,
        cache_creation_input_token_cost_above_12hr: 5e-6,
        search_context_cost_per_query: {
          search_context_size_low: 0.01,
          search_context_size_medium: 0.01,
          search_context_size_high: 0.01,
        },
        regional_processing_uplift_multiplier_eu: 1.1,
        max_input_tokens: 1050000,
      }),
    });
    expect(format).toBe('litellm');
    expect(cards).toEqual([
      {
        id: 'openai/gpt-6-sol',
        match: { provider: 'openai', model: 'gpt-6-sol' },
        effective_from: '2023-01-01',
        rates: {
          input: '2',
          output: '10',
          cache_read: '0.2',
          cache_write_5m: '2.5',
          cache_write_12h: '5',
        },
        tiers: [{ above: 272000, rates: { input: '4', output: '15' } }],
        service_tiers: {
          batch: {
            rates: { input: '1', output: '5' },
            tiers: [{ above: 272000, rates: { input: '2', output: '7.5' } }],
          },
        },
        regions: { eu: '1.1' },
        units: { web_search: '0.01' },
      },
    ]);
  });

  it('tells writes for an hour from long contexts', () => {
    const { cards } = importedFrom({
      'claude-sonnet-4-5': chat('anthropic', {
        input_cost_per_token: 3e-6,
        output_cost_per_token: 1.5e-5,
        cache_creation_input_token_cost: 3.75e-6,
        cache_creation_input_token_cost_above_1hr: 6e-6,
        input_cost_per_token_above_200k_tokens: 6e-6,
        cache_creation_input_token_cost_above_1hr_above_200k_tokens: 1.2e-5,
        provider_specific_entry: { us: 1.1, fast: 6.0, schema: 'v2' },
      }),
    });
    expect(cards[0]).toMatchObject({
      rates: { cache_write_5m: '3.75', cache_write_1h: '6' },
      tiers: [{ above: 200000, rates: { input: '6', cache_write_1h: '12' } }],
      inference_geos: { us: '1.1' },
      service_tiers: { fast: { multiplier: '6' } },
    });
  });

  it('of OpenAI at priority is the same at fast, which is its newer name', () => {
    const prices = { input_cost_per_token: 1e-6, input_cost_per_token_priority: 2e-6 };
    const { cards } = importedFrom({ m: chat('openai', prices), 'vertex_ai/n': chat('vertex_ai', prices) });
    expect(cards.map(({ service_tiers }) => Object.keys(service_tiers ?? {}))).toEqual([
      ['priority', 'fast'],
      ['priority'],
    ]);
  });

  it('has no service tier whose long contexts have no price', () => {
    const { cards, skipped } = importedFrom({
      m: chat('openai', {
        input_cost_per_token: 1e-6,
        input_cost_per_token_above_200k_tokens: 2e-6,
        input_cost_per_token_flex: 5e-7,
      }),
    });
    expect(cards[0]).not.toHaveProperty('service_tiers');
    expect(skipped).toMatchObject([{ path: 'm.flex', cause: 'left_out' }]);
  });

  it('with ranges of lengths has them as tiers', () => {
    const range = (from: number, to: number, input: number) => ({
      range: [from, to],
      input_cost_per_token: input,
      output_cost_per_token: input * 5,
    });
    const { cards } = importedFrom({
      'dashscope/qwen3-max': chat('dashscope', {
        tiered_pricing: [range(32000, 128000, 2.4e-6), range(0, 32000, 1.2e-6)],
      }),
    });
    expect(cards[0]).toMatchObject({
      match: { provider: 'dashscope', model: 'qwen3-max' },
      rates: { input: '1.2', output: '6' },
      tiers: [{ above: 32000, rates: { input: '2.4', output: '12' } }],
    });
  });

  it('that transcribes has a price by the second', () => {
    const { cards } = importedFrom({
      'whisper-1': {
        litellm_provider: 'openai',
        mode: 'audio_transcription',
        input_cost_per_second: 0.0001,
        output_cost_per_second: 0.0001,
      },
    });
    expect(cards[0]?.units).toEqual({ second: '0.0001' });
  });

  it.each([
    ['gemini/gemini-2.5-pro', 'gemini', 'gcp.gemini', 'gemini-2.5-pro'],
    ['gemini-2.5-pro', 'vertex_ai-language-models', 'gcp.vertex_ai', 'gemini-2.5-pro'],
    ['vertex_ai/claude-opus-4-6', 'vertex_ai-anthropic_models', 'gcp.vertex_ai', 'claude-opus-4-6'],
    ['azure/gpt-4o', 'azure', 'azure.ai.openai', 'gpt-4o'],
    ['azure_ai/Phi-4', 'azure_ai', 'azure.ai.inference', 'phi-4'],
    ['xai/grok-4', 'xai', 'x_ai', 'grok-4'],
    ['openrouter/openai/gpt-4o', 'openrouter', 'openrouter', 'openai/gpt-4o'],
    ['ft:gpt-4o-2024-08-06', 'openai', 'openai', 'ft:gpt-4o-2024-08-06'],
  ])('%s of %s is %s %s', (key, litellmProvider, provider, model) => {
    const { cards } = importedFrom({ [key]: chat(litellmProvider, { input_cost_per_token: 1e-6 }) });
    expect(cards.map(({ match }) => match)).toEqual([{ provider, model }]);
  });

  it.each([
    ['the hour', { off_peak_pricing: { hours_utc: '16:30-00:30', input_cost_per_token: 5e-7 } }],
    ['characters', { input_cost_per_character: 1e-6 }],
    ['images that come in', { input_cost_per_image: 0.001 }],
    ['video, at a price of its own', { input_cost_per_video_token: 2e-6 }],
    ['a price nobody knows yet', { quantum_cost_per_qubit: 1 }],
    ['a factor nobody knows yet', { provider_specific_entry: { weekend: 0.5 } }],
    ['ranges with a gap', { tiered_pricing: [{ range: [1000, 2000], input_cost_per_token: 1e-6 }] }],
    ['long contexts without input', { output_cost_per_token_above_200k_tokens: 2e-6 }],
  ])('that depends on %s is skipped as a whole', (_what, prices) => {
    const { cards, skipped } = importedFrom({
      m: chat('openai', { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6, ...prices }),
      n: chat('openai', { input_cost_per_token: 1e-6 }),
    });
    expect(cards.map(({ match }) => match.model)).toEqual(['n']);
    expect(skipped).toMatchObject([{ path: 'm', cause: 'inexpressible' }]);
  });

  it('is not a size, a quality, a region, a commitment or a deployment type of it', () => {
    const { cards, skipped } = importedFrom({
      '1024-x-1024/dall-e-2': chat('openai', { output_cost_per_image: 0.02 }),
      'hd/1024-x-1792/dall-e-3': chat('openai', { output_cost_per_image: 0.12 }),
      'bedrock/us-east-1/1-month-commitment/x.y': chat('bedrock', { input_cost_per_second: 0.01 }),
      'azure/eu/gpt-4o': chat('azure', { input_cost_per_token: 2.75e-6 }),
    });
    expect(cards).toEqual([]);
    expect(skipped.map(({ cause }) => cause)).toEqual(Array(4).fill('inexpressible'));
  });

  it('has no search price where it depends on the size of the context', () => {
    const { cards, skipped } = importedFrom({
      sonar: chat('perplexity', {
        input_cost_per_token: 1e-6,
        search_context_cost_per_query: { search_context_size_low: 0.005, search_context_size_high: 0.012 },
      }),
    });
    expect(cards[0]).not.toHaveProperty('units');
    expect(skipped).toMatchObject([{ path: 'sonar.search_context_cost_per_query', cause: 'left_out' }]);
  });

  it('without a price, or with nothing but zeros, is none', () => {
    const { cards, skipped } = importedFrom({
      a: chat('openai', {}),
      b: chat('openai', { input_cost_per_token: 0, output_cost_per_token: 0.0 }),
      'openrouter/x/y:free': chat('openrouter', { input_cost_per_token: 0 }),
      c: 'not a model',
    });
    expect(cards).toMatchObject([{ match: { model: 'x/y:free' }, free: true }]);
    expect(skipped.map(({ path, cause }) => [path, cause])).toEqual([
      ['a', 'empty'],
      ['b', 'zero'],
      ['c', 'malformed'],
    ]);
  });
});

describe('ids of Bedrock', () => {
  const at = (price: number) => chat('bedrock_converse', { input_cost_per_token: price });
  const id = 'anthropic.claude-sonnet-4-5-20250929-v1:0';

  it('are joined into global and regional where the list tells global apart', () => {
    const { cards } = importedFrom({
      [id]: at(3.3e-6),
      [`us.${id}`]: at(3.3e-6),
      [`eu.${id}`]: at(3.3e-6),
      [`global.${id}`]: at(3e-6),
    });
    expect(cards.map(({ match, rates }) => [match.model, rates?.input])).toEqual([
      [`global.${id}`, '3'],
      [`regional.${id}`, '3.3'],
    ]);
  });

  it('stay one id where it does not', () => {
    const { cards } = importedFrom({ [id]: at(3e-6), [`us.${id}`]: at(3e-6) });
    expect(cards.map(({ match }) => match.model)).toEqual([id]);
  });

  it('have no price where regions differ', () => {
    const { cards, skipped } = importedFrom({
      [id]: at(3e-6),
      [`us.${id}`]: at(3.3e-6),
      [`global.${id}`]: at(3e-6),
    });
    expect(cards.map(({ match }) => match.model)).toEqual([`global.${id}`]);
    expect(skipped).toMatchObject([{ cause: 'ambiguous', match: { model: `regional.${id}` } }]);
    expect(skipped[0]?.reason).toContain(`us.${id}`);
  });
});
