import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StandInProvider, startStandInProvider } from './provider.ts';

const messages = [{ role: 'user', content: 'How many words has this question got?' }];

describe('the stand-in provider', () => {
  let provider: StandInProvider;
  beforeEach(async () => {
    provider = await startStandInProvider();
  });
  afterEach(() => provider.close());

  const post = (path: string, body: object): Promise<Response> =>
    fetch(`${provider.url}${path}`, { method: 'POST', body: JSON.stringify(body) });

  it('gives the same counts for the same text', async () => {
    await post('/chat/completions', { model: 'm', messages });
    await post('/chat/completions', { model: 'm', messages });
    const [first, second] = provider.served();
    expect(first?.usage?.inputTokens).toBe(8);
    expect(second?.usage).toEqual(first?.usage);
  });

  it('remembers the usage it told', async () => {
    const answer = await post('/chat/completions', { model: 'm', messages });
    const [call] = provider.served();
    expect(call).toMatchObject({
      requestId: 'req_1',
      path: '/v1/chat/completions',
      model: 'm',
      status: 200,
      isStream: false,
      isUsageSent: true,
      isAborted: false,
    });
    expect(await answer.json()).toMatchObject({
      usage: {
        prompt_tokens: call?.usage?.inputTokens,
        completion_tokens: call?.usage?.outputTokens,
        prompt_tokens_details: { cached_tokens: call?.usage?.cachedTokens },
        completion_tokens_details: { reasoning_tokens: call?.usage?.reasoningTokens },
      },
    });
  });

  it('tells the usage of a chat stream only to those who ask', async () => {
    const silent = await (await post('/chat/completions', { model: 'm', messages, stream: true })).text();
    const told = await (
      await post('/chat/completions', {
        model: 'm',
        messages,
        stream: true,
        stream_options: { include_usage: true },
      })
    ).text();
    expect(silent).not.toContain('usage');
    expect(told).toContain('"choices":[],"usage":{');
    expect(provider.served().map((call) => call.isUsageSent)).toEqual([false, true]);
  });

  it('ends a streamed response with its usage', async () => {
    const body = await (await post('/responses', { model: 'm', input: 'hello', stream: true })).text();
    expect(body.startsWith('event: response.created\n')).toBe(true);
    expect(body).toMatch(/event: response\.completed\ndata: .*"usage":\{"input_tokens":1,/);
  });

  it('fails as its model says, once when it says once', async () => {
    const statuses: number[] = [];
    for (const model of ['fail-400', 'fail-401', 'fail-500', 'fail-429-once', 'fail-429-once']) {
      statuses.push((await post('/embeddings', { model, input: 'x' })).status);
    }
    expect(statuses).toEqual([400, 401, 500, 429, 200]);
    expect(provider.served().filter((call) => call.usage !== undefined)).toHaveLength(1);
  });

  it('notices when a stream is dropped', async () => {
    const response = await post('/chat/completions', { model: 'drop-stream', messages, stream: true });
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => provider.served().map((call) => call.isAborted)).toEqual([true]);
  });

  it('answers an unknown path with an error in the real shape', async () => {
    const response = await post('/nothing', {});
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ error: expect.objectContaining({ code: 'unknown_url' }) });
  });
});
