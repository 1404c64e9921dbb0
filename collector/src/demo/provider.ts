import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface StandInOptions {
  /** Pause between the chunks of a stream, in milliseconds: 0 by default, some tens for a demo people watch. */
  readonly chunkDelayMs?: number;
}

export interface StandInProvider {
  /** Base URL for an OpenAI client, `/v1` included. */
  readonly url: string;
  /** Every request so far, in the order of arrival. */
  served(): readonly ServedCall[];
  close(): Promise<void>;
}

/** What was served, as the provider's own bill would have it. */
export interface ServedCall {
  readonly requestId: string;
  readonly path: string;
  readonly model: string;
  /** The `user` of the request: whom the app made it for. */
  readonly user: string;
  readonly status: number;
  readonly isStream: boolean;
  /** Absent for errors: they cost nothing. */
  readonly usage?: Usage;
  /** Whether the client was told the usage. A chat stream tells only those who asked. */
  readonly isUsageSent: boolean;
  /** Whether the connection ended before the answer did. */
  readonly isAborted: boolean;
}

/** Inclusive counts: cached is part of input, reasoning is part of output. */
export interface Usage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/** A request, past the border: the rest of this file trusts it. */
interface Ask {
  readonly requestId: string;
  readonly path: string;
  readonly model: string;
  readonly user: string;
  /** All the text of the request, for the counts. */
  readonly prompt: string;
  readonly isStream: boolean;
  readonly wantsStreamUsage: boolean;
  readonly embeddingCount: number;
  readonly wantsBase64: boolean;
}

interface Answer {
  readonly id: string;
  readonly words: readonly string[];
  readonly usage: Usage;
}

type Surface = (ask: Ask, answer: Answer) => { readonly body: object; readonly events: readonly SseEvent[] };

interface SseEvent {
  /** Named in the Responses API, nameless in chat completions. */
  readonly name?: string;
  readonly data: object | '[DONE]';
  readonly tellsUsage?: true;
}

const surfaces: Readonly<Record<string, Surface>> = {
  '/v1/chat/completions': chatCompletion,
  '/v1/responses': modelResponse,
  '/v1/embeddings': embedding,
};

/** The prompts of a demo are short; a longer body than this is a mistake. */
const MAX_BODY_BYTES = 1024 * 1024;
/** All answers claim the same moment, so that equal requests give equal bytes. */
const CREATED_S = 1_790_000_000;

/**
 * Starts a stand-in for a model provider that speaks OpenAI's HTTP API on loopback: real shapes, made-up words, token
 * counts that follow from the text alone. It remembers exactly what it served, so that a ledger can be held against it.
 *
 * The model's name steers it: `fail-400`, `fail-401`, `fail-429` and `fail-500` answer with that error, with `-once`
 * at the end only the first time; `drop-stream` cuts the connection in the middle of a stream.
 */
export async function startStandInProvider(options: StandInOptions = {}): Promise<StandInProvider> {
  const log: ServedCall[] = [];
  const failedModels = new Set<string>();
  let requests = 0;

  const server = createServer((request, response) => {
    requests += 1;
    serve(request, response, `req_${requests}`).catch(() => response.destroy());
  });

  async function serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const ask = readAsk(requestId, request.url ?? '', await readJson(request));
    const surface = surfaces[ask.path];
    response.setHeader('x-request-id', requestId);

    const failure = failureFor(ask, surface, failedModels);
    if (failure !== undefined) {
      log.push({ ...logged(ask), status: failure.status, isUsageSent: false, isAborted: false });
      sendJson(response, failure.status, failure.body, failure.headers);
      return;
    }
    const answer = answerTo(ask);
    const { body, events } = surface === undefined ? { body: {}, events: [] } : surface(ask, answer);
    const sent = ask.isStream
      ? await sendEvents(response, events, ask.model === 'drop-stream', options.chunkDelayMs ?? 0)
      : sendJson(response, 200, body);
    log.push({ ...logged(ask), status: 200, usage: answer.usage, ...sent });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    served: () => [...log],
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function logged({ requestId, path, model, user, isStream }: Ask) {
  return { requestId, path, model, user, isStream };
}

// --- what is said --------------------------------------------------------------------------------------------------

const WORDS = 'every span a line in the ledger and every line a sum that anyone may check again'.split(' ');

/** One token per word, and as many words of answer as the prompt has, within reason. The same text, the same counts. */
function answerTo(ask: Ask): Answer {
  const inputTokens = Math.max(1, ask.prompt.split(/\s+/).filter(Boolean).length);
  const id = ask.requestId.replace('req_', 'standin-');
  if (ask.path === '/v1/embeddings') {
    return { id, words: [], usage: { inputTokens, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 } };
  }
  const wordCount = Math.min(12, 3 + (inputTokens % 10));
  const reasoningTokens = inputTokens % 7;
  return {
    id,
    words: WORDS.slice(0, wordCount),
    usage: {
      inputTokens,
      // Providers cache long prefixes only, in whole steps.
      cachedTokens: inputTokens < 16 ? 0 : Math.floor(inputTokens / 16) * 8,
      outputTokens: wordCount + reasoningTokens,
      reasoningTokens,
    },
  };
}

function chatCompletion(ask: Ask, { id, words, usage }: Answer): ReturnType<Surface> {
  const usageBody = {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens, audio_tokens: 0 },
  };
  const common = { id: `chatcmpl-${id}`, created: CREATED_S, model: ask.model, service_tier: 'default' };
  const chunk = (choices: readonly object[], ownUsage: object | null): object => ({
    ...common,
    object: 'chat.completion.chunk',
    choices,
    // The real API adds the member to every chunk as soon as usage is asked for.
    ...(ask.wantsStreamUsage ? { usage: ownUsage } : {}),
  });
  const choice = (delta: object, finishReason: string | null): object => ({
    index: 0,
    delta,
    logprobs: null,
    finish_reason: finishReason,
  });
  return {
    body: {
      ...common,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: sentence(ask, words), refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: usageBody,
    },
    events: [
      { data: chunk([choice({ role: 'assistant', content: '' }, null)], null) },
      ...pieces(ask, words).map((content) => ({ data: chunk([choice({ content }, null)], null) })),
      { data: chunk([choice({}, 'stop')], null) },
      ...(ask.wantsStreamUsage ? [{ data: chunk([], usageBody), tellsUsage: true as const }] : []),
      { data: '[DONE]' },
    ],
  };
}

function modelResponse(ask: Ask, { id, words, usage }: Answer): ReturnType<Surface> {
  const message = (status: string, content: readonly object[]): object => ({
    id: `msg-${id}`,
    type: 'message',
    role: 'assistant',
    status,
    content,
  });
  const part = { type: 'output_text', text: sentence(ask, words), annotations: [] };
  const response = (status: string, output: readonly object[], ownUsage: object | null): object => ({
    id: `resp-${id}`,
    object: 'response',
    created_at: CREATED_S,
    status,
    error: null,
    incomplete_details: null,
    model: ask.model,
    output,
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    service_tier: 'default',
    usage: ownUsage,
  });
  const body = response('completed', [message('completed', [part])], {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  });
  const place = { item_id: `msg-${id}`, output_index: 0, content_index: 0 };
  const steps: ReadonlyArray<readonly [name: string, members: object]> = [
    ['response.created', { response: response('in_progress', [], null) }],
    ['response.in_progress', { response: response('in_progress', [], null) }],
    ['response.output_item.added', { output_index: 0, item: message('in_progress', []) }],
    ['response.content_part.added', { ...place, part: { ...part, text: '' } }],
    ...pieces(ask, words).map(
      (delta) => ['response.output_text.delta', { ...place, delta, logprobs: [] }] as const,
    ),
    ['response.output_text.done', { ...place, text: part.text, logprobs: [] }],
    ['response.content_part.done', { ...place, part }],
    ['response.output_item.done', { output_index: 0, item: message('completed', [part]) }],
    ['response.completed', { response: body }],
  ];
  return {
    body,
    events: steps.map(([name, members], index) => ({
      name,
      data: { type: name, sequence_number: index, ...members },
      ...(name === 'response.completed' ? { tellsUsage: true as const } : {}),
    })),
  };
}

function embedding(ask: Ask, { usage }: Answer): ReturnType<Surface> {
  const vector = Float32Array.of(0.25, -0.5, 0.75, 1);
  const encoded = ask.wantsBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  return {
    body: {
      object: 'list',
      model: ask.model,
      data: Array.from({ length: ask.embeddingCount }, (_, index) => ({
        object: 'embedding',
        index,
        embedding: encoded,
      })),
      usage: { prompt_tokens: usage.inputTokens, total_tokens: usage.inputTokens },
    },
    events: [],
  };
}

/** Someone who asks for JSON gets JSON, so that the SDK's parsing helpers have something to parse. */
function sentence(ask: Ask, words: readonly string[]): string {
  const text = words.join(' ');
  return ask.prompt.includes('json') ? JSON.stringify({ answer: text }) : text;
}

function pieces(ask: Ask, words: readonly string[]): readonly string[] {
  return sentence(ask, words).split(/(?<= )/);
}

// --- what goes wrong -----------------------------------------------------------------------------------------------

interface Failure {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  '400': failure(
    400,
    'invalid_request_error',
    'invalid_value',
    'The request has an invalid value.',
    'messages',
  ),
  '401': failure(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.'),
  '404': failure(404, 'invalid_request_error', 'unknown_url', 'Invalid URL.'),
  '429': {
    ...failure(429, 'requests', 'rate_limit_exceeded', 'Rate limit reached.'),
    headers: { 'retry-after': '0', 'retry-after-ms': '5' },
  },
  '500': failure(500, 'server_error', null, 'The server had an error while processing your request.'),
};

function failure(
  status: number,
  type: string,
  code: string | null,
  message: string,
  param: string | null = null,
): Failure {
  return { status, body: { error: { message, type, param, code } } };
}

function failureFor(ask: Ask, surface: Surface | undefined, failed: Set<string>): Failure | undefined {
  if (surface === undefined) return FAILURES['404'];
  const [, status, once_] = /^fail-(\d+)(-once)?$/.exec(ask.model) ?? [];
  if (status === undefined) return undefined;
  if (once_ !== undefined && failed.has(ask.model)) return undefined;
  failed.add(ask.model);
  return FAILURES[status];
}

// --- the wire ------------------------------------------------------------------------------------------------------

type Sent = Pick<ServedCall, 'isUsageSent' | 'isAborted'>;

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Sent {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
  return { isUsageSent: status === 200, isAborted: false };
}

async function sendEvents(
  response: ServerResponse,
  events: readonly SseEvent[],
  isDropped: boolean,
  chunkDelayMs: number,
): Promise<Sent> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  let isUsageSent = false;
  for (const [index, event] of events.entries()) {
    if (isDropped && index === 3) {
      response.destroy();
      return { isUsageSent: false, isAborted: true };
    }
    // At least one turn of the event loop, in which a client that went away is noticed.
    await delay(chunkDelayMs);
    if (response.destroyed) return { isUsageSent, isAborted: true };
    const data = typeof event.data === 'string' ? event.data : JSON.stringify(event.data);
    response.write(`${event.name === undefined ? '' : `event: ${event.name}\n`}data: ${data}\n\n`);
    if (event.tellsUsage === true) isUsageSent = true;
  }
  response.end();
  return { isUsageSent, isAborted: false };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    parts.push(part);
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new RangeError('the request body is too large');
  }
  const body = Buffer.concat(parts).toString('utf8');
  return body === '' ? {} : JSON.parse(body);
}

function readAsk(requestId: string, url: string, body: unknown): Ask {
  const input = member(body, 'input');
  return {
    requestId,
    path: url.split('?')[0] ?? '',
    model: String(member(body, 'model') ?? ''),
    user: String(member(body, 'user') ?? ''),
    prompt: textOf([
      member(body, 'instructions'),
      member(body, 'messages'),
      input,
      member(body, 'response_format'),
    ]),
    isStream: member(body, 'stream') === true,
    wantsStreamUsage: member(member(body, 'stream_options'), 'include_usage') === true,
    embeddingCount: Array.isArray(input) ? input.length : 1,
    wantsBase64: member(body, 'encoding_format') === 'base64',
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Every string in a value, however deep, joined by spaces. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(textOf).filter(Boolean).join(' ');
}
