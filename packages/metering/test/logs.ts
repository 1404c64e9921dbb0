import {
  type AttributeValue,
  DEFAULT_OBSERVE_SETTINGS,
  type LogRecord,
  type Observation,
  observeLog,
} from '../src/index.ts';
import { NOON_MICROS } from './builders.ts';
import type { Given } from './traces.ts';

export interface LogParts extends Partial<Omit<LogRecord, 'attributes' | 'resource'>> {
  readonly attributes?: Record<string, AttributeValue>;
  readonly resource?: Record<string, AttributeValue>;
}

/** A log record at noon, made outside any trace, with nothing on it but what is given. */
export function aLog({ attributes = {}, resource = {}, ...rest }: LogParts = {}): LogRecord {
  return {
    traceId: null,
    spanId: null,
    eventName: null,
    body: null,
    timeMicros: NOON_MICROS,
    observedTimeMicros: NOON_MICROS,
    scopeName: 'test',
    scopeVersion: '1.0.0',
    ...rest,
    attributes: new Map(Object.entries(attributes)),
    resource: new Map(Object.entries(resource)),
  };
}

/** Claude Code's event of one request, as its recent versions send it. */
export function aClaudeCodeRequest(attributes: Given = {}, rest: LogParts = {}): LogRecord {
  return aLog({
    body: 'claude_code.api_request',
    scopeName: 'com.anthropic.claude_code.events',
    ...rest,
    attributes: {
      'event.name': 'api_request',
      'event.timestamp': '2026-01-15T12:00:00.000Z',
      'event.sequence': 7,
      'session.id': '6f1c3b0e-8a36-4a3b-9d1e-2f40a7a0c1de',
      'user.id': 'installation-1',
      model: 'claude-sonnet-4-5-20250929',
      input_tokens: 2,
      output_tokens: 310,
      cache_read_tokens: 84_562,
      cache_creation_tokens: 1200,
      cost_usd: 0.034_52,
      duration_ms: 4200,
      request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
      ...attributes,
    },
    resource: { 'service.name': 'claude-code', ...rest.resource },
  });
}

/** Codex CLI's event of one completed answer: its numbers are texts. */
export function aCodexCompletion(attributes: Given = {}, rest: LogParts = {}): LogRecord {
  return aLog({
    // Its logging library names the event after a line of source, and sets no time but that of the observation.
    eventName: 'event src/session_telemetry.rs:814',
    timeMicros: null,
    scopeName: 'codex_otel.log_only',
    ...rest,
    attributes: {
      'event.name': 'codex.sse_event',
      'event.timestamp': '2026-01-15T12:00:00.000Z',
      'event.kind': 'response.completed',
      'conversation.id': '019a2c4e-77b1-7d02-8e19-0d2e8f1a6b55',
      model: 'gpt-5-codex',
      input_token_count: '9000',
      output_token_count: '500',
      cached_token_count: 8000,
      reasoning_token_count: 320,
      tool_token_count: '9500',
      ...attributes,
    },
    resource: { 'service.name': 'codex_cli_rs', ...rest.resource },
  });
}

/** Gemini CLI's event of one answer. */
export function aGeminiResponse(attributes: Given = {}, rest: LogParts = {}): LogRecord {
  return aLog({
    body: 'API response from gemini-2.5-pro. Status: 200. Duration: 2500ms.',
    scopeName: 'gemini-cli',
    ...rest,
    attributes: {
      'event.name': 'gemini_cli.api_response',
      'event.timestamp': '2026-01-15T12:00:00.000Z',
      'session.id': 'b5a3f1c2-1d0a-4b1c-9f55-6e2d1f0f9a77',
      prompt_id: 'b5a3f1c2########1',
      model: 'gemini-2.5-pro',
      duration_ms: 2500,
      input_token_count: 7000,
      output_token_count: 120,
      cached_content_token_count: 6000,
      thoughts_token_count: 400,
      tool_token_count: 30,
      total_token_count: 7550,
      ...attributes,
    },
    resource: { 'service.name': 'gemini-cli', ...rest.resource },
  });
}

/** What a record that tells of a call is observed as. */
export function callOf(record: LogRecord, receivedAtMicros = NOON_MICROS): Observation {
  const observed = observeLog(record, DEFAULT_OBSERVE_SETTINGS, receivedAtMicros);
  if (observed === null) throw new Error('the log record of this test tells of no call');
  return observed;
}
