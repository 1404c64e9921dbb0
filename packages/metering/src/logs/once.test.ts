import { describe, expect, it } from 'vitest';
import { aSpan, NOON_MICROS, SETTLED, type SpanParts } from '../../test/builders.ts';
import { aClaudeCodeRequest, aCodexCompletion, aGeminiResponse, callOf } from '../../test/logs.ts';
import type { Given } from '../../test/traces.ts';
import { decide } from '../decide.ts';
import type { Observation } from '../observation.ts';
import { observe } from '../observe.ts';
import { linkedGroups, linkKeys } from '../trace/linked.ts';
import { inputTokens, outputTokens } from '../usage.ts';
import type { LogRecord } from './record.ts';

const TRACE = 'e'.repeat(32);
const SPAN = '1'.repeat(16);
const REQUEST_ID = 'req_011CSHoEeqs5C35K2UUqR7Fy';

/** Claude Code's span of the request that `aClaudeCodeRequest` tells of. */
function aClaudeCodeSpan(attributes: Given = {}, rest: SpanParts = {}): Observation {
  return observed(
    aSpan({
      traceId: TRACE,
      spanId: SPAN,
      name: 'claude_code.llm_request',
      scopeName: 'com.anthropic.claude_code.tracing',
      startTimeMicros: NOON_MICROS - 4_210_000,
      endTimeMicros: NOON_MICROS + 2000,
      ...rest,
      attributes: {
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-4-5-20250929',
        'gen_ai.response.id': REQUEST_ID,
        input_tokens: 2,
        output_tokens: 310,
        cache_read_tokens: 84_562,
        cache_creation_tokens: 1200,
        ...attributes,
      },
      resource: { 'service.name': 'claude-code', ...rest.resource },
    }),
  );
}

function observed(span: ReturnType<typeof aSpan>): Observation {
  const observation = observe(span);
  if (observation === null) throw new Error('the span of this test is nothing');
  return observation;
}

/** Input and output of what bills, whichever order the observations come in. */
function billed(...observations: readonly Observation[]): readonly (readonly [number, number])[] {
  const bill = (given: readonly Observation[]) =>
    linkedGroups(given)
      .flatMap((group) => decide(group, SETTLED))
      .flatMap(({ usage: { billingRole, tokens } }) =>
        billingRole === 'billed' && tokens !== null
          ? [[inputTokens(tokens), outputTokens(tokens)] as const]
          : [],
      );
  const forwards = bill(observations);
  expect(bill([...observations].reverse())).toEqual(forwards);
  return forwards;
}

const CLAUDE_CODE_CALL = [85_764, 310] as const;

describe('one call that an event and a span tell of bills once', () => {
  const inTrace = { traceId: TRACE, spanId: SPAN };
  const around = observed(
    aSpan({
      traceId: TRACE,
      spanId: '2'.repeat(16),
      name: 'claude_code.interaction',
      startTimeMicros: NOON_MICROS - 5_000_000,
      endTimeMicros: NOON_MICROS + 5_000_000,
    }),
  );

  it.each<[string, LogRecord, Observation]>([
    ['the event outside any trace', aClaudeCodeRequest(), aClaudeCodeSpan()],
    ['the event inside the span', aClaudeCodeRequest({}, inTrace), aClaudeCodeSpan()],
    [
      'the event beside the span',
      aClaudeCodeRequest({}, { traceId: TRACE, spanId: around.spanId }),
      aClaudeCodeSpan({}, { parentSpanId: around.spanId }),
    ],
    [
      'the event inside the span, and no id on either',
      aClaudeCodeRequest({ request_id: '' }, inTrace),
      aClaudeCodeSpan({ 'gen_ai.response.id': '' }),
    ],
    [
      'the event beside the span, no id on either, and both of one library',
      aClaudeCodeRequest({ request_id: '' }, { traceId: TRACE, scopeName: 'claude' }),
      aClaudeCodeSpan({ 'gen_ai.response.id': '' }, { scopeName: 'claude' }),
    ],
  ])('%s', (_where, event, span) => {
    expect(billed(callOf(event), span, around)).toEqual([CLAUDE_CODE_CALL]);
  });

  it('the SDK that a tool is built on knows the id of the request too', () => {
    const sdk = observed(
      aSpan({
        spanId: SPAN,
        name: 'chat',
        scopeName: 'com.anthropic.sdk.node',
        startTimeMicros: NOON_MICROS - 4_000_000,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'anthropic',
          'gen_ai.request.model': 'claude-sonnet-4-5-20250929',
          'gen_ai.response.id': 'msg_013Zva2CMHLNnXjNJJKqJ2EF',
          'anthropic.request.id': REQUEST_ID,
          'gen_ai.usage.input_tokens': 85_764,
          'gen_ai.usage.output_tokens': 310,
          'gen_ai.usage.cache_read.input_tokens': 84_562,
          'gen_ai.usage.cache_creation.input_tokens': 1200,
        },
      }),
    );
    expect(billed(callOf(aClaudeCodeRequest()), sdk)).toEqual([CLAUDE_CODE_CALL]);
  });

  it('Gemini CLI, whose span of the call carries the counts too', () => {
    const span = observed(
      aSpan({
        traceId: TRACE,
        spanId: SPAN,
        name: 'llm_call',
        scopeName: 'gemini-cli',
        startTimeMicros: NOON_MICROS - 2_500_000,
        attributes: {
          'gen_ai.operation.name': 'llm_call',
          'gen_ai.agent.name': 'gemini-cli',
          'gen_ai.request.model': 'gemini-2.5-pro',
          'gen_ai.usage.input_tokens': 7000,
          'gen_ai.usage.output_tokens': 120,
        },
        resource: { 'service.name': 'gemini-cli' },
      }),
    );
    expect(billed(callOf(aGeminiResponse({}, inTrace)), span)).toEqual([[7030, 520]]);
  });

  it('Codex CLI, whose span has counts without a model', () => {
    const span = observed(
      aSpan({
        traceId: TRACE,
        spanId: SPAN,
        name: 'handle_responses',
        attributes: { 'gen_ai.usage.input_tokens': 9000, 'gen_ai.usage.output_tokens': 500 },
        resource: { 'service.name': 'codex_cli_rs' },
      }),
    );
    expect(billed(callOf(aCodexCompletion({}, inTrace)), span)).toEqual([[9000, 500]]);
  });
});

describe('events', () => {
  it('that come twice bill once', () => {
    expect(billed(callOf(aClaudeCodeRequest()), callOf(aClaudeCodeRequest()))).toEqual([CLAUDE_CODE_CALL]);
  });

  it('of several calls of a session bill each', () => {
    const calls = [1, 2, 3].map((sequence) =>
      callOf(
        aClaudeCodeRequest(
          { 'event.sequence': sequence, request_id: `req_0000000${sequence}` },
          { traceId: TRACE },
        ),
      ),
    );
    expect(billed(...calls)).toEqual([CLAUDE_CODE_CALL, CLAUDE_CODE_CALL, CLAUDE_CODE_CALL]);
  });

  it('meet spans under the id of the request, in either place in which those have it', () => {
    expect(linkKeys(callOf(aClaudeCodeRequest()))).toEqual([
      `response:${REQUEST_ID}`,
      `request:${REQUEST_ID}`,
    ]);
    const byClient = aClaudeCodeRequest({ request_id: '', client_request_id: 'cr_12345678' });
    expect(linkKeys(callOf(byClient))).toEqual(['request:cr_12345678']);
    expect(linkKeys(aClaudeCodeSpan())).toEqual([`response:${REQUEST_ID}`]);
  });
});
