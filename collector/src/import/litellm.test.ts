import { describe, expect, it } from 'vitest';
import { readLiteLlmRow } from './litellm.ts';
import type { Fields } from './record.ts';
import { metered, problemsOf, spanOf } from './testing/metered.ts';

/** As the proxy writes it, of JSON: numbers are the texts they were written in. */
const ROW: Fields = {
  request_id: 'chatcmpl-a1b2c3d4e5f6',
  call_type: 'acompletion',
  api_key: '88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b',
  spend: '0.0045',
  total_tokens: '2306',
  prompt_tokens: '2006',
  completion_tokens: '300',
  startTime: '2026-01-15T12:00:00.000Z',
  endTime: '2026-01-15 12:00:02.5',
  model: 'openai/gpt-4o',
  custom_llm_provider: 'openai',
  user: 'key-owner',
  team_id: 'team-7',
  end_user: 'end-user-1',
  session_id: 'session-1',
  cache_hit: 'False',
  status: 'success',
  request_tags: ['feature:chat'],
  metadata: {
    status: 'success',
    usage_object: {
      prompt_tokens: '2006',
      completion_tokens: '300',
      prompt_tokens_details: { cached_tokens: '1920', audio_tokens: null },
      completion_tokens_details: { reasoning_tokens: '128' },
    },
  },
};
const read = (fields: Fields = {}) => readLiteLlmRow({ ...ROW, ...fields }, 'litellm');
const withUsage = (usage: Fields, fields: Fields = {}) =>
  read({ metadata: { usage_object: usage }, ...fields });

describe('a row of LiteLLM_SpendLogs', () => {
  it('is a call in which no cached token counts twice, labelled as its spans are', () => {
    expect(metered(read())).toMatchObject({
      billingRole: 'billed',
      operation: 'chat',
      provider: 'openai',
      responseModel: 'gpt-4o',
      responseId: 'chatcmpl-a1b2c3d4e5f6',
      eventTimeMicros: (Date.UTC(2026, 0, 15, 12) + 2500) * 1000,
      durationMicros: 2_500_000,
      customer: 'team-7',
      userId: 'end-user-1',
      sessionId: 'session-1',
      feature: 'chat',
      reportedCostUsd: '0.0045',
      cacheSemantics: 'declared',
      tokens: { uncachedInput: 86, cacheRead: 1920, cacheWrite: 0, visibleOutput: 172, reasoning: 128 },
    });
  });

  it('is the same from CSV, where metadata is a text', () => {
    const csv = read({ metadata: JSON.stringify(ROW.metadata), request_tags: '["feature:chat"]' });
    expect(metered(csv)).toEqual(metered(read()));
  });

  it('of Anthropic through LiteLLM includes cache reads and writes, told apart by how long they are kept', () => {
    const usage = withUsage({
      prompt_tokens_details: {
        cached_tokens: '1000',
        cache_creation_tokens: '500',
        cache_creation_token_details: { ephemeral_5m_input_tokens: '100', ephemeral_1h_input_tokens: '400' },
      },
      cache_read_input_tokens: '1000',
      cache_creation_input_tokens: '500',
    });
    expect(metered(usage)).toMatchObject({
      tokens: { uncachedInput: 506, cacheRead: 1000, cacheWrite: 500, visibleOutput: 300 },
      cacheWrite5m: 100,
      cacheWrite1h: 400,
    });
  });

  it('with numbers as the provider counts, cached ones beside, is proved to be so', () => {
    const passedThrough = withUsage(
      { cache_read_input_tokens: '5000', cache_creation_input_tokens: '0' },
      { prompt_tokens: '6', completion_tokens: '20', call_type: 'pass_through_endpoint' },
    );
    expect(metered(passedThrough)).toMatchObject({
      cacheSemantics: 'proved',
      tokens: { uncachedInput: 6, cacheRead: 5000, visibleOutput: 20 },
    });
  });

  it('of an older version has its details in additional_usage_values', () => {
    const older = read({
      metadata: { additional_usage_values: { prompt_tokens_details: { cached_tokens: '6' } } },
    });
    expect(metered(older).tokens).toMatchObject({ uncachedInput: 2000, cacheRead: 6 });
  });

  it('that failed before an answer bills nothing', () => {
    const failed = read({ status: 'failure', prompt_tokens: '0', completion_tokens: '0', metadata: {} });
    expect(metered(failed)).toMatchObject({ billingRole: 'ignored', status: 'error' });
  });

  it.each([
    ['aembedding', 'embeddings'],
    ['atext_completion', 'completion'],
    ['aresponses', 'chat'],
    ['_arealtime', 'realtime'],
    ['atranscription', 'transcription'],
  ])('of %s is of the operation %s', (callType, operation) => {
    expect(metered(read({ call_type: callType })).operation).toBe(operation);
  });

  it('is passed over when no provider was asked', () => {
    expect(read({ cache_hit: 'True' })).toMatchObject({ kind: 'passed_over' });
    const file = { call_type: 'acreate_file', prompt_tokens: '0', completion_tokens: '0', metadata: {} };
    expect(read(file)).toMatchObject({ kind: 'passed_over' });
  });

  it('with tokens of an unknown kind of call is no guess', () => {
    expect(problemsOf(read({ call_type: 'aretrieve_batch' }))).toMatchObject([{ field: 'call_type' }]);
    expect(problemsOf(read({ endTime: '' }))).toMatchObject([{ field: 'endTime' }]);
    expect(problemsOf(read({ request_id: '' }))).toMatchObject([{ field: 'request_id' }]);
  });

  it('is a view of the gateway: with a span of the app the call counts once', () => {
    expect(spanOf(read()).kind, 'a server span').toBe(2);
  });
});
