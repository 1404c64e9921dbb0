import { LogsRequestType, TracesRequestType } from './schema.ts';

/**
 * Request bodies for tests and load generators. A request is written down once, in the shape of OTLP/JSON (ids as
 * hex, 64-bit integers as digits); `encodeTraces`, `encodeLogs` and `toJsonBody` turn it into bytes.
 */
export interface TracesRequest {
  readonly resourceSpans?: readonly ResourceSpans[];
}

export interface ResourceSpans {
  readonly resource?: { readonly attributes?: readonly KeyValue[] };
  readonly scopeSpans?: readonly ScopeSpans[];
  readonly schemaUrl?: string;
}

export interface ScopeSpans {
  readonly scope?: { readonly name?: string; readonly version?: string };
  readonly spans?: readonly RequestSpan[];
  readonly schemaUrl?: string;
}

export interface RequestSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly traceState?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly { readonly timeUnixNano?: string; readonly name?: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly flags?: number;
}

export interface LogsRequest {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeLogs?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string };
      readonly logRecords?: readonly RequestLogRecord[];
      readonly schemaUrl?: string;
    }[];
    readonly schemaUrl?: string;
  }[];
}

export interface RequestLogRecord {
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: AnyValue;
  readonly attributes?: readonly KeyValue[];
  readonly flags?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}

export interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue;
}

export interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  /** Digits of an int64. */
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  /** Base64, as everywhere in protobuf's JSON but for the ids. */
  readonly bytesValue?: string;
}

export type PlainValue = string | number | boolean | bigint | readonly PlainValue[];

/** `{key: value}` as OTLP attributes; whole numbers and bigints become int_value, other numbers double_value. */
export function attributes(values: Readonly<Record<string, PlainValue>>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

export function anyValue(value: PlainValue): AnyValue {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'bigint':
      return { intValue: String(value) };
    case 'number':
      return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
    default:
      return { arrayValue: { values: value.map(anyValue) } };
  }
}

/** A span that nothing is wrong with; say what matters to the test. */
export function aRequestSpan(given: RequestSpan = {}): RequestSpan {
  return {
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    name: 'chat gpt-4o',
    kind: 3,
    startTimeUnixNano: '1795000000000000000',
    endTimeUnixNano: '1795000001250000999',
    ...given,
  };
}

export function aRequest(
  spans: readonly RequestSpan[],
  resource: Readonly<Record<string, PlainValue>> = { 'service.name': 'support-api' },
): TracesRequest {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes(resource) },
        scopeSpans: [{ scope: { name: 'test', version: '1.0.0' }, spans }],
      },
    ],
  };
}

/** The request as a protobuf body. */
export function encodeTraces(request: TracesRequest): Uint8Array {
  const withBytes = {
    ...request,
    resourceSpans: request.resourceSpans?.map((resourceSpans) => ({
      ...resourceSpans,
      scopeSpans: resourceSpans.scopeSpans?.map((scopeSpans) => ({
        ...scopeSpans,
        spans: scopeSpans.spans?.map((span) => ({
          ...span,
          traceId: Buffer.from(span.traceId ?? '', 'hex'),
          spanId: Buffer.from(span.spanId ?? '', 'hex'),
          parentSpanId: Buffer.from(span.parentSpanId ?? '', 'hex'),
        })),
      })),
    })),
  };
  return TracesRequestType.encode(TracesRequestType.fromObject(withBytes)).finish();
}

/** A log record with all that a logging library sets; say what matters to the test. */
export function aRequestLogRecord(given: RequestLogRecord = {}): RequestLogRecord {
  return {
    timeUnixNano: '1795000000000000999',
    observedTimeUnixNano: '1795000000001000000',
    severityNumber: 9,
    severityText: 'INFO',
    body: { stringValue: 'hello' },
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    flags: 1,
    ...given,
  };
}

export function aLogsRequest(
  logRecords: readonly RequestLogRecord[],
  resource: Readonly<Record<string, PlainValue>> = { 'service.name': 'support-api' },
): LogsRequest {
  return {
    resourceLogs: [
      {
        resource: { attributes: attributes(resource) },
        scopeLogs: [{ scope: { name: 'test', version: '1.0.0' }, logRecords }],
      },
    ],
  };
}

/** The request as a protobuf body. */
export function encodeLogs(request: LogsRequest): Uint8Array {
  const withBytes = {
    ...request,
    resourceLogs: request.resourceLogs?.map((resourceLogs) => ({
      ...resourceLogs,
      scopeLogs: resourceLogs.scopeLogs?.map((scopeLogs) => ({
        ...scopeLogs,
        logRecords: scopeLogs.logRecords?.map((record) => ({
          ...record,
          traceId: Buffer.from(record.traceId ?? '', 'hex'),
          spanId: Buffer.from(record.spanId ?? '', 'hex'),
        })),
      })),
    })),
  };
  return LogsRequestType.encode(LogsRequestType.fromObject(withBytes)).finish();
}

/** The request as a JSON body; a double that JSON cannot write becomes its name, as protobuf's JSON asks. */
export function toJsonBody(request: TracesRequest | LogsRequest): Uint8Array {
  const text = JSON.stringify(request, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  return Buffer.from(text, 'utf8');
}

export interface ManySpans {
  readonly count: number;
  /** Other numbers give other trace ids, span ids, times and response ids; the same number the same bytes. */
  readonly seed?: number;
  readonly customers?: number;
  /** When the first span ended. */
  readonly endTimeMs?: number;
}

const MODELS = ['gpt-4o-2024-08-06', 'gpt-5.1-2025-11-13', 'claude-sonnet-4-5-20250929', 'gemini-2.5-flash'];
const PROVIDERS = ['openai', 'openai', 'anthropic', 'gcp.gemini'];
const FEATURES = ['support-chat', 'ticket-summary', 'semantic-search'];

/**
 * A batch like those of a busy service: one resource, 25 attributes a span of which 16 are `gen_ai.*`, four spans
 * to a trace, about a kilobyte a span in protobuf.
 */
export function manySpans({
  count,
  seed = 1,
  customers = 200,
  endTimeMs = 1_795_000_000_000,
}: ManySpans): TracesRequest {
  const random = numbersFrom(seed);
  const spans: RequestSpan[] = [];
  let traceId = '';
  let rootSpanId = '';
  for (let index = 0; index < count; index++) {
    const isRoot = index % 4 === 0;
    const spanId = hex(random, 8);
    if (isRoot) {
      traceId = hex(random, 16);
      rootSpanId = spanId;
    }
    const pick = random() % MODELS.length;
    const model = MODELS[pick] ?? '';
    const input = 500 + (random() % 4000);
    const output = 20 + (random() % 900);
    const endMicros = BigInt(endTimeMs) * 1000n + BigInt(index * 1733);
    const durationMicros = BigInt(200_000 + (random() % 4_000_000));
    spans.push({
      traceId,
      spanId,
      ...(isRoot ? {} : { parentSpanId: rootSpanId }),
      name: isRoot ? 'invoke_agent support' : `chat ${model}`,
      kind: isRoot ? 1 : 3,
      startTimeUnixNano: `${(endMicros - durationMicros) * 1000n}`,
      endTimeUnixNano: `${endMicros * 1000n + 321n}`,
      attributes: attributes({
        'gen_ai.operation.name': isRoot ? 'invoke_agent' : 'chat',
        'gen_ai.provider.name': PROVIDERS[pick] ?? '',
        'gen_ai.system': PROVIDERS[pick] ?? '',
        'gen_ai.request.model': model,
        'gen_ai.request.temperature': 0.7,
        'gen_ai.request.max_tokens': 1024,
        'gen_ai.request.top_p': 0.95,
        'gen_ai.response.model': model,
        'gen_ai.response.id': `chatcmpl-${hex(random, 12)}`,
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': input,
        'gen_ai.usage.output_tokens': output,
        'gen_ai.usage.cache_read.input_tokens': input >> 1,
        'gen_ai.usage.reasoning.output_tokens': output >> 2,
        'gen_ai.conversation.id': `conv_${hex(random, 8)}`,
        'gen_ai.output.type': 'text',
        'spanledger.customer.id': `cus_${String(random() % customers).padStart(6, '0')}`,
        'spanledger.feature.name': FEATURES[random() % FEATURES.length] ?? '',
        'user.id': `user_${String(random() % (customers * 25)).padStart(8, '0')}`,
        'session.id': hex(random, 8),
        'server.address': 'api.openai.com',
        'server.port': 443,
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'thread.name': 'worker-3',
      }),
      status: { code: 1 },
      flags: 0x101,
    });
  }
  return aRequest(spans, {
    'service.name': 'support-api',
    'service.version': '1.4.2',
    'deployment.environment.name': 'production',
    'telemetry.sdk.language': 'nodejs',
  });
}

/** The keys that a ledger wants of such a batch, with others that only some emitters send. */
export const USUAL_WANTED_KEYS: readonly string[] = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.system',
  'gen_ai.request.model',
  'gen_ai.request.stream',
  'gen_ai.response.model',
  'gen_ai.response.id',
  'gen_ai.response.finish_reasons',
  'gen_ai.response.time_to_first_chunk',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.prompt_tokens',
  'gen_ai.usage.completion_tokens',
  'gen_ai.usage.cache_read.input_tokens',
  'gen_ai.usage.cache_write.input_tokens',
  'gen_ai.usage.cache_creation.input_tokens',
  'gen_ai.usage.reasoning.output_tokens',
  'gen_ai.usage.reasoning_tokens',
  'gen_ai.conversation.id',
  'llm.token_count.prompt',
  'llm.token_count.completion',
  'llm.token_count.prompt_details.cache_read',
  'llm.token_count.prompt_details.cache_write',
  'llm.token_count.completion_details.reasoning',
  'llm.model_name',
  'llm.provider',
  'openinference.span.kind',
  'ai.usage.promptTokens',
  'ai.usage.completionTokens',
  'ai.operationId',
  'spanledger.customer.id',
  'spanledger.feature.name',
  'spanledger.action.id',
  'spanledger.usage.class',
  'user.id',
  'session.id',
  'error.type',
  'server.address',
  'service.name',
  'deployment.environment.name',
];

/** xorshift32: the same numbers for the same seed, on every machine. */
function numbersFrom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) | 1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

function hex(random: () => number, byteCount: number): string {
  let digits = '';
  while (digits.length < byteCount * 2) digits += random().toString(16).padStart(8, '0');
  return digits.slice(0, byteCount * 2);
}
