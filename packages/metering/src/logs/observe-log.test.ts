import { describe, expect, it } from 'vitest';
import { MINUTE_MICROS, NOON_MICROS, recording, SETTLED } from '../../test/builders.ts';
import {
  aClaudeCodeRequest,
  aCodexCompletion,
  aGeminiResponse,
  aLog,
  callOf,
  type LogParts,
} from '../../test/logs.ts';
import type { Given } from '../../test/traces.ts';
import { decide } from '../decide.ts';
import { keep, recall } from '../kept.ts';
import { DEFAULT_OBSERVE_SETTINGS, observeSettings } from '../observe.ts';
import type { UsageRecord } from '../usage.ts';
import { LOG_ATTRIBUTES_READ, logAttributesRead, observeLog } from './observe-log.ts';
import type { LogRecord } from './record.ts';

const recordOf = (log: LogRecord): UsageRecord => {
  const [decision] = decide([callOf(log)], SETTLED);
  if (decision === undefined) throw new Error('a call is decided');
  return decision.usage;
};

const usageOf = (log: LogRecord) => callOf(log).usage;

describe('an event of a model call is billed as the call that it tells of', () => {
  it.each([
    ['fast', 'fast'],
    ['normal', null],
  ])('Claude Code: the speed %s has the tier %s', (speed, tier) => {
    expect(recordOf(aClaudeCodeRequest({ speed })).serviceTier).toBe(tier);
  });

  it('Claude Code: cached input stands beside input', () => {
    expect(recordOf(aClaudeCodeRequest())).toMatchObject({
      billingRole: 'billed',
      dialect: 'claude-code',
      dialectEvidence: 'log event claude_code.api_request',
      provider: 'anthropic',
      requestModel: 'claude-sonnet-4-5-20250929',
      operation: 'chat',
      usageStatus: 'reported',
      cacheSemantics: 'proved',
      tokens: {
        uncachedInput: 2,
        cacheRead: 84_562,
        cacheWrite: 1200,
        visibleOutput: 310,
        reasoning: 0,
      },
      reportedCostUsd: '0.03452',
      sessionId: '6f1c3b0e-8a36-4a3b-9d1e-2f40a7a0c1de',
      userId: 'installation-1',
      service: 'claude-code',
    });
    // Without the proof that the cached part is the larger, the same is known of this tool.
    expect(usageOf(aClaudeCodeRequest({ input_tokens: 90_000 }))).toMatchObject({
      cacheSemantics: 'table',
      tokens: { uncachedInput: 90_000, cacheRead: 84_562 },
    });
  });

  it('Codex CLI: cached input inside input, reasoning inside output, and what it calls tool tokens is their sum', () => {
    expect(recordOf(aCodexCompletion())).toMatchObject({
      billingRole: 'billed',
      dialect: 'codex-cli',
      dialectEvidence: 'log event codex.sse_event',
      provider: 'openai',
      requestModel: 'gpt-5-codex',
      cacheSemantics: 'table',
      reasoningSemantics: 'table',
      tokens: {
        uncachedInput: 1000,
        cacheRead: 8000,
        cacheWrite: 0,
        visibleOutput: 180,
        reasoning: 320,
      },
      reportedCostUsd: null,
      sessionId: '019a2c4e-77b1-7d02-8e19-0d2e8f1a6b55',
    });
  });

  it('Gemini CLI: cached input inside input, thoughts beside output, prompts of tools beside input', () => {
    expect(recordOf(aGeminiResponse())).toMatchObject({
      billingRole: 'billed',
      dialect: 'gemini-cli',
      dialectEvidence: 'log event gemini_cli.api_response',
      provider: 'gcp.gemini',
      tokens: {
        uncachedInput: 1030,
        cacheRead: 6000,
        cacheWrite: 0,
        visibleOutput: 120,
        reasoning: 400,
      },
      sessionId: 'b5a3f1c2-1d0a-4b1c-9f55-6e2d1f0f9a77',
    });
  });

  it('at the time of the record, which is the end of the call', () => {
    expect(callOf(aClaudeCodeRequest())).toMatchObject({
      startTimeMicros: NOON_MICROS - 4_200_000,
      endTimeMicros: NOON_MICROS,
    });
    expect(callOf(aClaudeCodeRequest({ duration_ms: '4200' }))).toMatchObject({
      startTimeMicros: NOON_MICROS - 4_200_000,
    });
    for (const unknown of [
      aCodexCompletion(),
      aGeminiResponse({ duration_ms: 'NaN' }),
      aGeminiResponse({ duration_ms: -1 }),
    ]) {
      expect(callOf(unknown)).toMatchObject({ startTimeMicros: NOON_MICROS, endTimeMicros: NOON_MICROS });
    }
  });

  it('at the time at which it was observed, and then received, where the record states none', () => {
    const observedAt = NOON_MICROS + 1;
    const receivedAt = NOON_MICROS + MINUTE_MICROS;
    const without = { timeMicros: null, observedTimeMicros: null };
    expect(
      callOf(aGeminiResponse({}, { ...without, observedTimeMicros: observedAt }), receivedAt).endTimeMicros,
    ).toBe(observedAt);
    expect(callOf(aGeminiResponse({}, without), receivedAt).endTimeMicros).toBe(receivedAt);
  });

  it('is kept between deliveries as the observation of a span is', () => {
    for (const log of [
      aClaudeCodeRequest(),
      aCodexCompletion(),
      aGeminiResponse({ output_token_count: 'x' }),
    ]) {
      const call = callOf(log);
      expect(recall(keep(call))).toEqual(call);
    }
  });
});

describe('the name of an event', () => {
  it.each<[string, LogParts]>([
    ['in the attribute', { attributes: { 'event.name': 'claude_code.api_request' } }],
    ['in the field for it', { eventName: 'claude_code.api_request' }],
    ['as the body', { body: 'claude_code.api_request' }],
    [
      'without the tool, which the scope names',
      { attributes: { 'event.name': 'api_request' }, scopeName: 'com.anthropic.claude_code.events' },
    ],
    [
      'without the tool, which the service names',
      { attributes: { 'event.name': 'api_request' }, resource: { 'service.name': 'claude-code' } },
    ],
    [
      'without the tool, whose counts it carries',
      { attributes: { 'event.name': 'api_request', cache_creation_tokens: 0 } },
    ],
  ])('is found %s', (_where, parts) => {
    expect(callOf(aLog(parts)).dialect).toBe('claude-code');
  });

  it('that is only a word of another program makes no call', () => {
    const other = aLog({ attributes: { 'event.name': 'api_request', input_tokens: 5, output_tokens: 5 } });
    expect(observeLog(other, DEFAULT_OBSERVE_SETTINGS, NOON_MICROS)).toBe(null);
  });
});

describe('a record that is no call of its own is nothing', () => {
  it.each<[string, LogParts]>([
    ['any log line', { body: 'GET /health 200' }],
    ['an empty record', {}],
    [
      'the event of the conventions, which repeats its span',
      {
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: {
          'event.name': 'gen_ai.client.inference.operation.details',
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-4o',
          'gen_ai.usage.input_tokens': 100,
          'gen_ai.usage.output_tokens': 10,
        },
      },
    ],
    ['an error of Claude Code', { body: 'claude_code.api_error', attributes: { 'event.name': 'api_error' } }],
    ['a prompt of Claude Code', { body: 'claude_code.user_prompt' }],
    ['a request of Gemini CLI', { attributes: { 'event.name': 'gemini_cli.api_request' } }],
    ['an error of Gemini CLI', { attributes: { 'event.name': 'gemini_cli.api_error' } }],
    [
      'another event of the stream in Codex CLI',
      { attributes: { 'event.name': 'codex.sse_event', 'event.kind': 'response.output_item.done' } },
    ],
  ])('%s', (_what, parts) => {
    const log = aLog({ resource: { 'service.name': 'claude-code' }, ...parts });
    expect(observeLog(log, DEFAULT_OBSERVE_SETTINGS, NOON_MICROS)).toBe(null);
  });

  it('the arrival of the last event of a stream in Codex CLI, beside the event with its usage', () => {
    const arrival = aLog({
      attributes: {
        'event.name': 'codex.sse_event',
        'event.kind': 'response.completed',
        duration_ms: '12',
        model: 'gpt-5-codex',
      },
    });
    expect(observeLog(arrival, DEFAULT_OBSERVE_SETTINGS, NOON_MICROS)).toBe(null);
  });
});

describe('counts', () => {
  it('that are sent as texts are the same counts', () => {
    const texts: Given = {
      input_tokens: '2',
      output_tokens: '310',
      cache_read_tokens: '84562',
      cache_creation_tokens: '1200',
    };
    expect(usageOf(aClaudeCodeRequest(texts))).toEqual(usageOf(aClaudeCodeRequest()));
  });

  it.each<[string, LogRecord, string]>([
    ['Claude Code', aClaudeCodeRequest({ output_tokens: 'None' }), 'no output count (input 2)'],
    ['Codex CLI', aCodexCompletion({ input_token_count: Number.NaN }), 'no input count (output 500)'],
    [
      'Codex CLI, whose answer could not be read',
      aLog({
        attributes: {
          'event.name': 'codex.sse_event',
          'event.kind': 'response.completed',
          'error.message': 'failed to parse ResponseCompleted',
        },
      }),
      'no token counts',
    ],
    [
      'Gemini CLI, which writes 0 for none',
      aGeminiResponse({
        input_token_count: 0,
        output_token_count: 0,
        cached_content_token_count: 0,
        thoughts_token_count: 0,
        tool_token_count: 0,
        total_token_count: 0,
      }),
      'no token counts',
    ],
    [
      'Gemini CLI, when the answer was cut',
      aGeminiResponse({
        output_token_count: 0,
        thoughts_token_count: 0,
        tool_token_count: 0,
        total_token_count: 0,
      }),
      'no output count (input 7000)',
    ],
  ])('that are missing are missing and never 0: %s', (_tool, log, reason) => {
    expect(recordOf(log)).toMatchObject({
      billingRole: 'billed',
      usageStatus: 'missing',
      tokens: null,
      usageReason: reason,
    });
  });

  it('of 0 are believed of Gemini CLI where the total confirms them', () => {
    const thoughtsOnly = aGeminiResponse({
      output_token_count: 0,
      tool_token_count: 0,
      total_token_count: 7400,
    });
    expect(usageOf(thoughtsOnly)).toMatchObject({
      status: 'reported',
      tokens: { uncachedInput: 1000, visibleOutput: 0, reasoning: 400 },
    });
  });
});

describe('the cost that a tool reports', () => {
  it.each<[string, Given, string | null]>([
    ['a text is kept digit by digit', { cost_usd: '0.0345200000000000012' }, '0.0345200000000000012'],
    ['a double is its shortest decimal', { cost_usd: 0.1 }, '0.1'],
    ['a tiny double has no exponent', { cost_usd: 2.5e-7 }, '0.00000025'],
    ['a whole number of millionths is exact', { cost_usd: Number.NaN, cost_usd_micros: 34_520 }, '0.03452'],
    ['nothing that is no amount', { cost_usd: 'unknown' }, null],
    ['nothing negative', { cost_usd: -1 }, null],
  ])('%s', (_claim, attributes, cost) => {
    expect(recordOf(aClaudeCodeRequest(attributes)).reportedCostUsd).toBe(cost);
  });
});

describe('who served the model', () => {
  it.each<[LogRecord, string | null]>([
    [aClaudeCodeRequest({ model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0' }), 'aws.bedrock'],
    [aClaudeCodeRequest({ model: 'claude-opus-4-1@20250805' }), 'anthropic'],
    [aCodexCompletion({ model: 'llama3.3:70b' }), null],
    [aGeminiResponse({ auth_type: 'vertex-ai' }), 'gcp.vertex_ai'],
    [aGeminiResponse({ auth_type: 'oauth-personal' }), 'gcp.gemini'],
  ])('is told by the tool and the name of the model', (log, provider) => {
    expect(recordOf(log).provider).toBe(provider);
  });
});

describe('the customer of an event', () => {
  it.each<[string, Given, Given, string | null, string | null]>([
    ['a label of the process', {}, { 'customer.id': 'acme' }, 'acme', 'customer.id'],
    ['the team that the process is labelled with', {}, { 'team.id': 'platform' }, 'platform', 'team.id'],
    ['the department', {}, { department: 'research' }, 'research', 'department'],
    [
      'the account, where nothing else is said',
      { 'organization.id': 'org-1' },
      {},
      'org-1',
      'organization.id',
    ],
    [
      'the label of the process before the account',
      { 'organization.id': 'org-1' },
      { 'customer.id': 'acme' },
      'acme',
      'customer.id',
    ],
    [
      'the team before the account',
      { 'organization.id': 'org-1' },
      { 'team.id': 'platform' },
      'platform',
      'team.id',
    ],
    ['the label of the event before all', { 'customer.id': 'b' }, { 'customer.id': 'a' }, 'b', 'customer.id'],
    ['nobody', {}, {}, null, null],
  ])('is %s', (_claim, attributes, resource, customer, key) => {
    const record = recordOf(aClaudeCodeRequest(attributes, { resource }));
    expect(record.customer).toBe(customer);
    expect(record.sources.customer?.key ?? null).toBe(key);
  });

  it('may stand under a name of the configuration', () => {
    const labels = { customer: ['mandant'], feature: [], user: [], session: [], usageClass: [] };
    const settings = observeSettings(labels);
    const call = observeLog(aClaudeCodeRequest({ mandant: 'acme' }), settings, NOON_MICROS);
    expect(call?.labels.customer).toEqual({ value: 'acme', key: 'mandant' });
    expect(logAttributesRead(settings)).toContain('mandant');
    expect(LOG_ATTRIBUTES_READ).not.toContain('mandant');
  });
});

describe('the attributes that observing asks for', () => {
  it('are all among those that codecs are told to read', () => {
    const asked = new Set<string>();
    for (const log of [aClaudeCodeRequest(), aCodexCompletion(), aGeminiResponse(), aLog()]) {
      const { attributes, resource } = log;
      const watched = {
        ...log,
        attributes: recording(attributes, asked),
        resource: recording(resource, asked),
      };
      observeLog(watched, observeSettings(), NOON_MICROS);
    }
    expect(asked.size).toBeGreaterThan(25);
    expect([...asked].filter((key) => !LOG_ATTRIBUTES_READ.includes(key))).toEqual([]);
  });
});
