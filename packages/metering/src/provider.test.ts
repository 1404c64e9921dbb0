import { describe, expect, it } from 'vitest';
import { canonicalProvider, readProvider } from './provider.ts';

describe('a provider', () => {
  it.each([
    ['openai', 'openai'],
    ['OpenAI', 'openai'],
    ['vertex_ai', 'gcp.vertex_ai'],
    ['gemini', 'gcp.gemini'],
    ['az.ai.openai', 'azure.ai.openai'],
    ['az.ai.inference', 'azure.ai.inference'],
    ['xai', 'x_ai'],
    ['My-Gateway', 'My-Gateway'],
  ])('stated as %s is %s', (stated, canonical) => {
    expect(canonicalProvider(stated)).toBe(canonical);
  });

  it.each([
    ['openai.responses', 'openai'],
    ['anthropic.messages', 'anthropic'],
    ['google.generative-ai', 'gcp.gemini'],
    ['google.vertex.chat', 'gcp.vertex_ai'],
    ['azure.chat', 'azure.ai.openai'],
    ['azure.ai.inference', 'azure.ai.inference'],
    ['amazon-bedrock', 'aws.bedrock'],
    ['mistral.chat', 'mistral_ai'],
    ['xai.chat', 'x_ai'],
    ['some.new.provider', 'some.new.provider'],
  ])('that the AI SDK calls %s is %s', (stated, canonical) => {
    expect(canonicalProvider(stated)).toBe(canonical);
  });

  it.each([
    ['strands-agents', 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', 'aws.bedrock'],
    ['strands-agents', 'gpt-4o', 'openai'],
    ['gcp.vertex.agent', 'gemini-2.5-pro', 'gcp.gemini'],
    ['langchain', 'claude-haiku-4-5', 'anthropic'],
    ['openrouter', 'openai/gpt-4o', 'openai'],
    ['litellm', 'a-model-of-our-own', null],
  ])('behind %s is told by the model %s', (gateway, model, provider) => {
    expect(readProvider(gateway, model)).toEqual({ provider, gateway });
  });

  it('that nobody names is told by the model, and is unknown where the model is', () => {
    expect(readProvider(null, 'o4-mini').provider).toBe('openai');
    expect(readProvider(null, 'acme-prod').provider).toBeNull();
    expect(readProvider(null, null).provider).toBeNull();
  });

  it('that is named is believed, whatever the model is called', () => {
    expect(readProvider('azure.ai.openai', 'gpt-4o')).toEqual({ provider: 'azure.ai.openai', gateway: null });
  });
});
