import { context, TraceFlags } from '@opentelemetry/api';
import { warnOnce } from '../warn.ts';
import type { ExportResult, FinishedSpan, SdkParts, SpanExporter } from './parts.ts';

/** Long enough to send many spans in one request, short enough that a dashboard feels live. */
const BATCH_DELAY_MS = 1000;
const BATCH_SPANS = 512;
/** About 10 MB. At the bound the newest are dropped: what is older is closer to being sent. */
const MAX_WAITING = 4096;
const LONGEST_RETRY_DELAY_MS = 30_000;

/**
 * Holds finished spans until the collector has confirmed them. Unlike the SDK's batch processor it keeps what could
 * not be sent and tries again, so a restart of the collector loses nothing; the ledger counts a span that arrives
 * twice once. And none of its timers keeps the process alive: an app ends when it ends, collector or not.
 */
export class Outbox {
  readonly #exporter: SpanExporter;
  readonly #suppressTracing: SdkParts['suppressTracing'];
  #waiting: FinishedSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<boolean> | undefined;
  #retryDelayMs = BATCH_DELAY_MS;

  constructor(exporter: SpanExporter, suppressTracing: SdkParts['suppressTracing']) {
    this.#exporter = exporter;
    this.#suppressTracing = suppressTracing;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#sending === undefined;
  }

  onStart(): void {}

  onEnd(span: FinishedSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#waiting.length >= MAX_WAITING) {
      warnOnce(
        'outbox.full',
        `the collector does not answer; ${MAX_WAITING} spans wait, further ones are lost`,
      );
      return;
    }
    this.#waiting.push(span);
    this.#sendIn(BATCH_DELAY_MS);
  }

  /** Sends what waits, once each; resolves when all is confirmed or the first batch has failed. */
  async forceFlush(): Promise<void> {
    for (;;) {
      const isSent = await (this.#sending ?? this.#sendBatch());
      if (!isSent || this.isEmpty) return;
    }
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    await this.#exporter.shutdown();
  }

  #sendIn(delayMs: number): void {
    if (this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#sendBatch();
    }, delayMs);
    this.#timer.unref();
  }

  /** Whether the batch is dealt with. Never rejects. */
  #sendBatch(): Promise<boolean> {
    const batch = this.#waiting.splice(0, BATCH_SPANS);
    if (batch.length === 0) return Promise.resolve(true);
    this.#sending = this.#export(batch).then((result) => {
      this.#sending = undefined;
      const isSent = result.code === 0 || isRefused(result.error);
      if (isSent) this.#retryDelayMs = BATCH_DELAY_MS;
      else {
        this.#waiting.unshift(...batch);
        this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, LONGEST_RETRY_DELAY_MS);
      }
      if (this.#waiting.length > 0) this.#sendIn(this.#retryDelayMs);
      return isSent;
    });
    return this.#sending;
  }

  #export(batch: readonly FinishedSpan[]): Promise<ExportResult> {
    return new Promise((resolve) => {
      // Without this an app that traces its HTTP would trace the sending of traces, for ever.
      context.with(this.#suppressTracing(context.active()), () => {
        try {
          this.#exporter.export(batch, resolve);
        } catch (error) {
          resolve({ code: 1, ...(error instanceof Error ? { error } : {}) });
        }
      });
    });
  }
}

/** A 4xx answer will be the same next time, except "too many" and "too slow". */
function isRefused(error: unknown): boolean {
  const status = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const isFinal =
    typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (isFinal)
    warnOnce(`outbox.${status}`, `the collector refused spans with HTTP ${status}; they are dropped`);
  return isFinal;
}
