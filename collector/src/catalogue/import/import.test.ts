import { waitForUpdate } from '@pydantic/genai-prices';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { PriceFile } from '../price-file.ts';
import { detectFormat, importPrices } from './import.ts';
import { renderPriceFile } from './render.ts';
import { importedFrom } from './testing/imported.ts';

const GENAI = [{ id: 'openai', models: [{ id: 'gpt-4o', prices: { input_mtok: 2.5, output_mtok: 10 } }] }];
const LITELLM = { 'gpt-4o': { litellm_provider: 'openai', input_cost_per_token: 2.5e-6 } };
const MODELS_DEV = { openai: { models: { 'gpt-4o': { cost: { input: 2.5, output: 10 } } } } };

describe('the format of a list', () => {
  it.each([
    ['genai-prices', GENAI],
    ['litellm', LITELLM],
    ['models.dev', MODELS_DEV],
  ])('is recognised by its shape: %s', (format, list) => {
    expect(detectFormat(JSON.stringify(list))).toBe(format);
  });

  it.each(['[]', '{}', '[1]', '"litellm"', '{"a": {"b": 1}}', 'no json'])('is none in %s', (text) => {
    expect(detectFormat(text)).toBeNull();
  });

  it('must be the one that was expected', () => {
    expect(importPrices(JSON.stringify(LITELLM), 'models.dev')).toEqual({
      kind: 'unreadable',
      reason: 'wrong_format',
      detail: 'expected models.dev, found litellm',
    });
    expect(importPrices('{', 'auto')).toMatchObject({ kind: 'unreadable', reason: 'not_json' });
  });
});

describe('names of one model', () => {
  it('are one model if they say the same', () => {
    const { modelCount, cards } = importedFrom({
      'deepseek-chat': { litellm_provider: 'deepseek', input_cost_per_token: 2.8e-7 },
      'deepseek/deepseek-chat': { input_cost_per_token: 0.28e-6, litellm_provider: 'deepseek' },
    });
    expect([modelCount, cards.length]).toEqual([1, 1]);
  });

  it('are no price if they do not', () => {
    const { modelCount, skipped } = importedFrom({
      'deepseek-chat': { litellm_provider: 'deepseek', input_cost_per_token: 2.8e-7 },
      'deepseek/deepseek-chat': { litellm_provider: 'deepseek', input_cost_per_token: 2.7e-7 },
      other: { litellm_provider: 'deepseek', input_cost_per_token: 1e-7 },
    });
    expect(modelCount).toBe(1);
    expect(skipped).toMatchObject([
      { cause: 'ambiguous', reason: 'its price differs between deepseek-chat, deepseek/deepseek-chat' },
    ]);
  });

  it('may differ in factors that only one of them names', () => {
    const { cards } = importedFrom({
      'gemini-3.5-flash': { litellm_provider: 'vertex_ai-language-models', input_cost_per_token: 1.5e-6 },
      'vertex_ai/gemini-3.5-flash': {
        litellm_provider: 'vertex_ai',
        input_cost_per_token: 1.5e-6,
        regional_endpoint_uplift_multiplier: 1.1,
      },
    });
    expect(cards).toMatchObject([{ rates: { input: '1.5' }, regions: { '*': '1.1', global: '1' } }]);
  });
});

describe('an imported file', () => {
  it('says since when it holds, if the list does not', () => {
    const outcome = importPrices(JSON.stringify(LITELLM), 'auto', { undatedFrom: '2026-11-22' });
    expect(outcome).toMatchObject({ file: { cards: [{ effective_from: '2026-11-22' }] } });
  });

  it('comes back from its YAML as it was', () => {
    const { file } = importedFrom({
      ...LITELLM,
      'a:free': { litellm_provider: 'openrouter' },
      'm-1e3': { litellm_provider: 'openai', input_cost_per_token: 1e-6, input_cost_per_token_flex: 5e-7 },
    });
    const text = renderPriceFile(file);
    expect(parse(text)).toEqual(file);
    expect(text).toContain('input: "2.5"');
    expect(text).toContain('model: gpt-4o');
  });

  it('of the whole pinned list has a card for nearly every model, and all of them fit the schema', async () => {
    const providers = (await waitForUpdate()) ?? [];
    const models = providers.flatMap((provider) => provider.models);
    const { file, modelCount, skipped, format } = importedFrom(providers);
    expect(format).toBe('genai-prices');
    expect(models.length).toBeGreaterThan(1000);
    expect(modelCount).toBeGreaterThan(models.length * 0.95);
    expect(modelCount + skipped.filter(({ cause }) => cause !== 'left_out').length).toBe(models.length);
    expect(new Set(file.cards?.map(({ id }) => id)).size).toBe(file.cards?.length);
    const again: unknown = parse(renderPriceFile(file));
    expect(Value.Check(PriceFile, again)).toBe(true);
    expect(again).toEqual(file);
  });
});
