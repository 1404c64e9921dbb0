import { createHash } from 'node:crypto';
import {
  ERROR_TYPE,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  SESSION_ID,
  SPANLEDGER_ACTION_DEGRADED,
  SPANLEDGER_ACTION_ID,
  SPANLEDGER_CUSTOMER_ID,
  SPANLEDGER_FEATURE_NAME,
  SPANLEDGER_IMPORT_BATCH,
  SPANLEDGER_IMPORT_MODE,
  SPANLEDGER_USAGE_CLASS,
  SPANLEDGER_USAGE_QUANTITY,
  SPANLEDGER_USAGE_UNIT,
  USER_ID,
} from '@spanledger/semconv';
import type { UsageEntry } from './format.ts';
import type { Moment } from './moment.ts';

/** A span that an app of the scenario sends. Ids are made of names, so that every run has the same. */
export interface SimulatedSpan {
  /** Tells it from all others of the scenario. */
  readonly name: string;
  readonly trace: string;
  readonly parent: string | null;
  /** When it ends; null: when it was sent the first time. */
  readonly end: Moment | null;
  readonly durationMicros: number;
  readonly entry: Omit<UsageEntry, 'at' | 'duration' | 'trace' | 'span' | 'parent' | 'times'>;
  readonly batch: { readonly id: string; readonly mode: 'charge' | 'cost_only' } | null;
}

export function traceIdOf(trace: string): string {
  return digest(`trace ${trace}`).slice(0, 32);
}

export function spanIdOf(name: string): string {
  return digest(`span ${name}`).slice(0, 16);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The spans as an OTLP/JSON request body, as an app would send it. */
export function requestBody(
  spans: readonly SimulatedSpan[],
  endMicrosOf: (span: SimulatedSpan) => number,
): Uint8Array {
  const scopeSpans = [
    { scope: { name: 'app' }, spans: spans.map((span) => otlpSpan(span, endMicrosOf(span))) },
  ];
  const request = { resourceSpans: [{ resource: { attributes: [] }, scopeSpans }] };
  return Buffer.from(JSON.stringify(request), 'utf8');
}

/** A body in which nothing is: the ledger looks at the clock when it comes. */
export const EMPTY_BODY: Uint8Array = Buffer.from('{"resourceSpans":[]}', 'utf8');

const SPAN_KIND = { internal: 1, client: 3 };
const STATUS = { ok: 1, error: 2 };

function otlpSpan(span: SimulatedSpan, endMicros: number) {
  const { name, trace, parent, durationMicros, entry } = span;
  const operation = operationOf(span);
  return {
    traceId: traceIdOf(trace),
    spanId: spanIdOf(name),
    ...(parent === null ? {} : { parentSpanId: spanIdOf(parent) }),
    name: [operation ?? name, entry.model].filter((part) => part !== undefined).join(' '),
    kind: entry.model === undefined ? SPAN_KIND.internal : SPAN_KIND.client,
    startTimeUnixNano: `${endMicros - durationMicros}000`,
    endTimeUnixNano: `${endMicros}000`,
    attributes: attributesOf(span, operation),
    status: { code: STATUS[entry.status ?? 'ok'] },
  };
}

const NO_OPERATION = 'none';
/** What an app does that counts by the piece. */
const OPERATION_OF_UNIT = {
  request: 'rerank',
  web_search: 'chat',
  image: 'image',
  second: 'transcription',
  page: 'ocr',
} as const;
const UNITS = ['request', 'web_search', 'image', 'second', 'page'] as const;

function operationOf({ entry }: SimulatedSpan): string | null {
  if (entry.operation !== undefined) return entry.operation === NO_OPERATION ? null : entry.operation;
  const unit = UNITS.find((name) => entry.units?.[name] !== undefined);
  return unit === undefined || entry.tokens !== undefined ? 'chat' : OPERATION_OF_UNIT[unit];
}

function attributesOf({ entry, batch }: SimulatedSpan, operation: string | null) {
  const { tokens, units } = entry;
  const unit = UNITS.find((name) => units?.[name] !== undefined);
  const texts: readonly (readonly [string, string | null | undefined])[] = [
    [GEN_AI_OPERATION_NAME, operation],
    [GEN_AI_PROVIDER_NAME, entry.provider],
    [GEN_AI_REQUEST_MODEL, entry.model],
    [GEN_AI_RESPONSE_MODEL, entry.model],
    [SPANLEDGER_CUSTOMER_ID, entry.customer],
    [SPANLEDGER_FEATURE_NAME, entry.feature],
    [SPANLEDGER_ACTION_ID, entry.action],
    [SPANLEDGER_USAGE_CLASS, entry.class],
    [USER_ID, entry.user],
    [SESSION_ID, entry.session],
    [SPANLEDGER_IMPORT_BATCH, batch?.id],
    [SPANLEDGER_IMPORT_MODE, batch?.mode],
    [SPANLEDGER_USAGE_UNIT, unit],
    [SPANLEDGER_USAGE_QUANTITY, unit === undefined ? undefined : units?.[unit]],
    [ERROR_TYPE, entry.status === 'error' ? 'simulated' : undefined],
    ...Object.entries(entry.attributes ?? {}),
  ];
  const counts: readonly (readonly [string, number | undefined])[] = [
    [GEN_AI_USAGE_INPUT_TOKENS, tokens?.input],
    [GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, tokens?.cache_read],
    [GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, tokens?.cache_write],
    [GEN_AI_USAGE_OUTPUT_TOKENS, tokens?.output],
    [GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, tokens?.reasoning],
  ];
  return [
    ...texts.flatMap(([key, value]) =>
      value === undefined || value === null ? [] : [{ key, value: { stringValue: String(value) } }],
    ),
    ...counts.flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value: { intValue: String(value) } }],
    ),
    ...(entry.degraded === undefined
      ? []
      : [{ key: SPANLEDGER_ACTION_DEGRADED, value: { boolValue: entry.degraded } }]),
  ];
}
