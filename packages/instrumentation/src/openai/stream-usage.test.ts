import { describe, expect, it } from 'vitest';
import { endpointOf } from './endpoint.ts';
import { requestUsage, undoRequest } from './stream-usage.ts';

const body = { model: 'm', stream: true };
const asks = (baseURL: string, apiVersion?: string): boolean =>
  requestUsage(body, 'auto', endpointOf({ baseURL, apiVersion })) !== undefined;

describe('the provider of a client', () => {
  it.each([
    ['https://api.openai.com/v1', 'openai'],
    ['https://acme.openai.azure.com/openai', 'azure.ai.openai'],
    ['https://api.groq.com/openai/v1', 'groq'],
    ['https://api.x.ai/v1', 'x_ai'],
    ['https://api.deepseek.com', 'deepseek'],
    ['https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1', 'aws.bedrock'],
    ['http://localhost:8000/v1', 'openai'],
    ['https://evil-api.groq.com.example/v1', 'openai'],
    ['no url', 'openai'],
  ])('at %s is %s', (baseURL, provider) => {
    expect(endpointOf({ baseURL }).provider).toBe(provider);
  });

  it('is Azure for an Azure client behind a gateway', () => {
    expect(endpointOf({ baseURL: 'https://gateway.example/', apiVersion: '2024-10-21' })).toMatchObject({
      provider: 'azure.ai.openai',
      host: 'gateway.example',
      port: 443,
    });
  });
});

describe('asking for the usage of a stream', () => {
  it('asks where the option is known to be understood', () => {
    expect(asks('https://api.openai.com/v1')).toBe(true);
    expect(asks('https://api.groq.com/openai/v1')).toBe(true);
    expect(asks('https://acme.openai.azure.com/openai', '2024-10-21')).toBe(true);
    expect(asks('https://acme.openai.azure.com/openai/v1')).toBe(true);
    expect(asks('https://acme.openai.azure.com/openai', '2024-02-01')).toBe(false);
    expect(asks('http://localhost:8000/v1')).toBe(false);
  });

  it('leaves the caller in charge', () => {
    const endpoint = endpointOf({ baseURL: 'https://api.openai.com/v1' });
    const ask = (overrides: object) => requestUsage({ ...body, ...overrides }, 'always', endpoint);
    expect(ask({ stream_options: { include_usage: false } })).toBeUndefined();
    expect(ask({ stream_options: { include_usage: true } })).toBeUndefined();
    expect(ask({ stream: false })).toBeUndefined();
    expect(requestUsage(body, 'never', endpoint)).toBeUndefined();
    expect(ask({ stream_options: { include_obfuscation: false } })?.body).toMatchObject({
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  it("never changes the caller's body, and can be taken back", () => {
    const hidden = Symbol('parser');
    const own = Object.defineProperty({ ...body }, hidden, { value: 'kept', enumerable: false });
    const request = requestUsage(own, 'always', endpointOf({}));
    expect(own).toEqual(body);
    expect(request?.body).toEqual({ ...body, stream_options: { include_usage: true } });
    expect(Reflect.get(request?.body ?? {}, hidden)).toBe('kept');
    request?.withdraw();
    expect(request?.body).toEqual(body);
  });

  it('hides the extra chunk and the extra member, nothing else', () => {
    const ordinary = { choices: [{ delta: {} }], usage: null };
    expect(undoRequest(ordinary)).toBe('show');
    expect(ordinary).toEqual({ choices: [{ delta: {} }] });
    expect(undoRequest({ choices: [], usage: { prompt_tokens: 1 } })).toBe('hide');
    // Azure opens its streams with the verdict of its content filter.
    expect(undoRequest({ choices: [], prompt_filter_results: [], usage: null })).toBe('show');
  });
});
