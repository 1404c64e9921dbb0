import { type Attributes, type Context, type Span, SpanStatusCode } from '@opentelemetry/api';
import {
  ERROR_TYPE,
  GEN_AI_CONVERSATION_ID,
  GEN_AI_RESPONSE_FINISH_REASONS,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  OPENAI_RESPONSE_SERVICE_TIER,
  SPANLEDGER_USAGE_SOURCE,
  SPANLEDGER_USAGE_STATE,
} from '@spanledger/semconv';
import { field, text } from '../shape.ts';
import type { Reading } from './reading.ts';

/** How the call ended for metering. */
type Ending = 'complete' | 'aborted' | 'error';

/**
 * The OpenAI SDK gives up on a silent connection after ten minutes by default. A call that has shown no sign of life
 * for longer than that is over, whatever its owner still holds.
 */
const IDLE_LIMIT_MS = 15 * 60_000;

/** Calls that have begun and not ended. Holds spans only, never the SDK's objects: those must stay collectable. */
const open = new Set<MeteredCall>();

/**
 * One call from `create()` to the end of its answer: a span that is ended exactly once. Everything that may end it
 * (the parsed body, the stream's end, an error, the app losing interest, the clock) calls in here; the first wins.
 */
export class MeteredCall {
  /** The caller's context with this call's span in it: what the SDK's own work runs in. */
  readonly context: Context;
  readonly #span: Span;
  readonly #startedAtMs = performance.now();
  readonly #idle: NodeJS.Timeout;
  #seen: Reading = {};
  #isEnded = false;
  #firstChunkAtMs: number | undefined;
  #isBodyTaken = false;

  constructor(span: Span, context: Context) {
    this.#span = span;
    this.context = context;
    this.#idle = setTimeout(() => this.#end('aborted'), IDLE_LIMIT_MS);
    this.#idle.unref();
    open.add(this);
  }

  /** Whether someone reads the answer: from then on its end tells, not the garbage collector. */
  get isBodyTaken(): boolean {
    return this.#isBodyTaken;
  }

  takeBody(): void {
    this.#isBodyTaken = true;
    this.#idle.refresh();
  }

  /** A whole answer arrived. */
  answer(reading: Reading): void {
    this.#merge(reading);
    this.#end('complete');
  }

  /** One event of a streamed answer arrived. */
  event(reading: Reading): void {
    this.#firstChunkAtMs ??= performance.now();
    this.#idle.refresh();
    this.#merge(reading);
  }

  /** The stream ran dry. The SDK ends an aborted stream without an error, so the caller says whether it was. */
  finish(wasAborted: boolean): void {
    this.#end(wasAborted && !this.#isWhole() ? 'aborted' : 'complete');
  }

  /** The app stopped reading, or never started. */
  abandon(): void {
    this.#end(this.#isWhole() ? 'complete' : 'aborted');
  }

  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#markFailed(errorType(error));
    this.#end(isAbort(error) ? 'aborted' : 'error');
  }

  #isWhole(): boolean {
    return this.#seen.whole === true || this.#seen.usage !== undefined;
  }

  #merge(reading: Reading): void {
    this.#seen = { ...this.#seen, ...reading };
  }

  #markFailed(type: string): void {
    this.#span.setAttribute(ERROR_TYPE, type);
    // No message: providers quote the prompt in theirs.
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  #end(ending: Ending): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#idle);
    open.delete(this);
    const failure = this.#seen.failure;
    if (failure !== undefined) this.#markFailed(shortName(failure) ?? 'error');
    this.#span.setAttributes(this.#attributes(failure === undefined ? ending : 'error'));
    this.#span.end();
  }

  #attributes(ending: Ending): Attributes {
    const { usage, finishReasons, ...seen } = this.#seen;
    const firstChunkS =
      this.#firstChunkAtMs === undefined ? undefined : (this.#firstChunkAtMs - this.#startedAtMs) / 1000;
    return withoutUndefined({
      [GEN_AI_RESPONSE_ID]: seen.responseId,
      [GEN_AI_RESPONSE_MODEL]: seen.responseModel,
      [GEN_AI_RESPONSE_FINISH_REASONS]: finishReasons === undefined ? undefined : [...finishReasons],
      [GEN_AI_CONVERSATION_ID]: seen.conversationId,
      [GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK]: firstChunkS,
      [OPENAI_RESPONSE_SERVICE_TIER]: seen.serviceTier,
      [GEN_AI_USAGE_INPUT_TOKENS]: usage?.inputTokens,
      [GEN_AI_USAGE_OUTPUT_TOKENS]: usage?.outputTokens,
      [GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: usage?.cacheReadTokens,
      [GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS]: usage?.cacheWriteTokens,
      [GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: usage?.reasoningTokens,
      [SPANLEDGER_USAGE_SOURCE]: usage === undefined ? 'missing' : 'provider',
      [SPANLEDGER_USAGE_STATE]: ending,
    });
  }
}

/** Ends what is still open. At the end of the process an unread stream is as final as it gets. */
export function abandonOpenCalls(): void {
  for (const call of [...open]) call.abandon();
}

/** A provider's error code when there is one, else the name of the error's class: both are few and carry no content. */
function errorType(error: unknown): string {
  const named = error instanceof Error && error.name !== 'Error' ? error.name : undefined;
  return (
    shortName(field(error, 'code')) ??
    shortName(named) ??
    shortName(field(error, 'constructor', 'name')) ??
    '_OTHER'
  );
}

function shortName(value: unknown): string | undefined {
  const name = text(value);
  return name !== undefined && /^[\w.-]{1,64}$/.test(name) ? name : undefined;
}

function isAbort(error: unknown): boolean {
  const name = field(error, 'constructor', 'name');
  return name === 'APIUserAbortError' || field(error, 'name') === 'AbortError';
}

function withoutUndefined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
