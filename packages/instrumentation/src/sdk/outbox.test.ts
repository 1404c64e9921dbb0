import type { Context } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from './outbox.ts';
import type { ExportResult, FinishedSpan, SpanExporter } from './parts.ts';

const SUCCESS: ExportResult = { code: 0 };
const UNREACHABLE: ExportResult = { code: 1, error: new Error('ECONNREFUSED') };

function refusal(status: number): ExportResult {
  return { code: 1, error: Object.assign(new Error('refused'), { code: status }) };
}

function anOutbox(...answers: readonly ExportResult[]): { outbox: Outbox; sent: number[] } {
  const sent: number[] = [];
  const exporter: SpanExporter = {
    export: (spans, done) => {
      sent.push(spans.length);
      done(answers[sent.length - 1] ?? SUCCESS);
    },
    shutdown: async () => {},
  };
  return { outbox: new Outbox(exporter, (context: Context) => context), sent };
}

function finish(outbox: Outbox, spans = 1, traceFlags = 1): void {
  const span: FinishedSpan = { spanContext: () => ({ traceFlags }) };
  for (let index = 0; index < spans; index += 1) outbox.onEnd(span);
}

describe('the outbox', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('sends together what ends within a second', async () => {
    const { outbox, sent } = anOutbox();
    finish(outbox);
    finish(outbox);
    await vi.advanceTimersByTimeAsync(999);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([2]);
    expect(outbox.isEmpty).toBe(true);
  });

  it('sends again what the collector did not confirm, ever more slowly', async () => {
    const { outbox, sent } = anOutbox(UNREACHABLE, refusal(503), refusal(429));
    finish(outbox);
    await vi.advanceTimersByTimeAsync(1000);
    finish(outbox);
    await vi.advanceTimersByTimeAsync(2000);
    await vi.advanceTimersByTimeAsync(4000);
    expect(sent).toEqual([1, 2, 2]);
    await vi.advanceTimersByTimeAsync(8000);
    expect(sent).toEqual([1, 2, 2, 2]);
    expect(outbox.isEmpty).toBe(true);
  });

  it('does not repeat what the collector refused', async () => {
    const { outbox, sent } = anOutbox(refusal(400));
    finish(outbox);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([1]);
    expect(outbox.isEmpty).toBe(true);
  });

  it('flushes everything, and gives up at the first failure', async () => {
    const healthy = anOutbox();
    finish(healthy.outbox, 1300);
    await healthy.outbox.forceFlush();
    expect(healthy.sent).toEqual([512, 512, 276]);

    const broken = anOutbox(UNREACHABLE);
    finish(broken.outbox, 1300);
    await broken.outbox.forceFlush();
    expect(broken.sent).toEqual([512]);
    expect(broken.outbox.isEmpty).toBe(false);
  });

  it('holds a bounded number of spans', async () => {
    const { outbox, sent } = anOutbox();
    finish(outbox, 5000);
    await outbox.forceFlush();
    expect(sent.reduce((sum, spans) => sum + spans, 0)).toBe(4096);
  });

  it('leaves out spans that were not sampled', () => {
    const { outbox } = anOutbox();
    finish(outbox, 1, 0);
    expect(outbox.isEmpty).toBe(true);
  });
});
