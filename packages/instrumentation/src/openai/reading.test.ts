import { describe, expect, it } from 'vitest';
import { surfaces } from './reading.ts';

const [chat, responses, embeddings] = surfaces;

describe('reading an answer', () => {
  it('adds reasoning to the output where the total says it was left out', () => {
    const usage = (completion_tokens: number, total_tokens: number) => ({
      prompt_tokens: 10,
      completion_tokens,
      total_tokens,
      completion_tokens_details: { reasoning_tokens: 5 },
    });
    const output = (body: object) => chat?.readResult({ usage: body }).usage?.outputTokens;
    expect(output(usage(8, 18))).toBe(8);
    expect(output(usage(3, 18))).toBe(8);
    expect(output({ ...usage(3, 18), total_tokens: undefined })).toBe(3);
  });

  it("knows DeepSeek's and Groq's places for counts", () => {
    expect(chat?.readResult({ usage: { prompt_tokens: 9, prompt_cache_hit_tokens: 4 } }).usage).toEqual({
      inputTokens: 9,
      cacheReadTokens: 4,
    });
    expect(chat?.readEvent({ choices: [{}], x_groq: { usage: { prompt_tokens: 3 } } }).usage).toEqual({
      inputTokens: 3,
    });
  });

  it('takes counts only when they are counts', () => {
    for (const prompt_tokens of [-1, 1.5, '7', null, Number.NaN]) {
      expect(chat?.readResult({ usage: { prompt_tokens } })).toEqual({ whole: true });
    }
  });

  it('survives anything', () => {
    for (const surface of surfaces) {
      for (const body of [undefined, null, 7, 'text', [], { choices: 'no', usage: 7, response: 7 }]) {
        expect(surface.readResult(body).usage).toBeUndefined();
        expect(surface.readEvent(body).usage).toBeUndefined();
      }
    }
  });

  it('tells a background response from a finished one', () => {
    expect(responses?.readResult({ id: 'r', status: 'queued', usage: null })).toEqual({ responseId: 'r' });
    expect(responses?.readResult({ id: 'r', status: 'completed' })).toMatchObject({ whole: true });
  });

  it('names the reason of an incomplete response and the code of a failed one', () => {
    const incomplete = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    expect(responses?.readEvent({ response: incomplete })).toEqual({
      finishReasons: ['length'],
      whole: true,
    });
    const failed = { status: 'failed', error: { code: 'server_error', message: 'secret' } };
    expect(responses?.readEvent({ response: failed })).toEqual({ failure: 'server_error', whole: true });
  });

  it('reads the input of embeddings', () => {
    expect(embeddings?.readResult({ model: 'm', usage: { prompt_tokens: 3, total_tokens: 3 } })).toEqual({
      responseModel: 'm',
      usage: { inputTokens: 3 },
      whole: true,
    });
  });
});
