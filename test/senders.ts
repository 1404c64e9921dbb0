import { setTimeout as delay } from 'node:timers/promises';
import { manySpans, type RequestSpan } from '../collector/src/otlp/testing/bodies.ts';
import { ENCODINGS, type EncodedBody, encode, type HttpAnswer, send, spansOf } from './otlp-client.ts';

/** What a span must be in the ledger: its id, and the tokens it reported. */
export interface SentSpan {
  readonly usageId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A request body whose spans nobody has sent before. */
export interface Batch extends EncodedBody {
  readonly spans: readonly SentSpan[];
}

export interface SendersOptions {
  /** Where to send at this moment: after a restart the service has another port. */
  readonly url: () => string;
  readonly random: () => number;
  readonly senders?: number;
  /** Pause of each sender between its batches. */
  readonly pauseMs?: number;
  /** Share of answers of 200 that get lost on their way back, so that what is on disk is sent again. */
  readonly lostAnswerShare?: number;
  /** Share of batches that are given up after the first failure; they may be in the ledger or not. */
  readonly givenUpShare?: number;
}

/** Several exporters at work. Like real ones they send a batch again, with the same ids, until it is answered with 200. */
export interface Senders {
  /** By usage id; answered with 200. */
  readonly acknowledged: Map<string, SentSpan>;
  /** Sent at least once and given up without an answer of 200. */
  readonly givenUp: Map<string, SentSpan>;
  readonly acknowledgedBatches: () => number;
  /** How long the slowest answer took, in milliseconds. */
  readonly slowestAnswerMs: () => number;
  readonly sentAgain: () => number;
  /** No new batches; resolves when each sender has its last one acknowledged. */
  finish(): Promise<void>;
  /** No new batches, and what is not acknowledged yet is given up. */
  giveUp(): Promise<void>;
}

/** Seeds of one test run never repeat, so ids do not either. */
let nextSeed = 1;

export function aBatch(random: () => number, spanCount = 24 + Math.floor(random() * 24)): Batch {
  const traces = manySpans({ count: spanCount, seed: nextSeed++, endTimeMs: Date.now() - 1000 });
  const encoding = ENCODINGS[Math.floor(random() * ENCODINGS.length)] ?? 'protobuf';
  return { ...encode(traces, encoding), spans: spansOf(traces).map(sentSpan) };
}

export function sendBatch(url: string, { headers, body }: Batch): Promise<HttpAnswer> {
  return send(url, { headers, body });
}

export function startSenders(options: SendersOptions): Senders {
  const { random, senders = 4, pauseMs = 15, lostAnswerShare = 0, givenUpShare = 0 } = options;
  const acknowledged = new Map<string, SentSpan>();
  const givenUp = new Map<string, SentSpan>();
  let acknowledgedBatches = 0;
  let sentAgain = 0;
  let slowestAnswerMs = 0;
  let isFinishing = false;
  let isGivingUp = false;
  const keep = (map: Map<string, SentSpan>, batch: Batch) => {
    for (const span of batch.spans) map.set(span.usageId, span);
  };
  const deliver = async (batch: Batch) => {
    for (;;) {
      const sentAtMs = performance.now();
      const status = await sendBatch(options.url(), batch).then(
        (answer) => answer.status,
        () => 0, // not answered: it may or may not be on disk
      );
      slowestAnswerMs = Math.max(slowestAnswerMs, performance.now() - sentAtMs);
      if (status === 200 && random() < lostAnswerShare) {
        sentAgain++;
        continue;
      }
      if (status === 200) {
        acknowledgedBatches++;
        return keep(acknowledged, batch);
      }
      // Only "not answered" and "try again" are expected of a service that is being killed.
      if (status !== 0 && status !== 503) throw new Error(`a sound body was answered with ${status}`);
      if (isGivingUp || random() < givenUpShare) return keep(givenUp, batch);
      sentAgain++;
      await delay(20);
    }
  };
  const work = async () => {
    while (!isFinishing) {
      await deliver(aBatch(random));
      await delay(pauseMs);
    }
  };
  const works = Promise.all(Array.from({ length: senders }, work));
  // A sender that throws is reported by `finish`, not as an unhandled rejection meanwhile.
  works.catch(() => {});
  return {
    acknowledged,
    givenUp,
    acknowledgedBatches: () => acknowledgedBatches,
    slowestAnswerMs: () => slowestAnswerMs,
    sentAgain: () => sentAgain,
    async finish() {
      isFinishing = true;
      await works;
    },
    async giveUp() {
      isFinishing = true;
      isGivingUp = true;
      await works;
    },
  };
}

/** Mulberry32: numbers in [0, 1) that a failure message can name the seed of. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sentSpan({ traceId = '', spanId = '', attributes = [] }: RequestSpan): SentSpan {
  const tokens = (key: string) =>
    Number(attributes.find((a) => a.key === key)?.value?.intValue ?? Number.NaN);
  return {
    usageId: traceId + spanId,
    inputTokens: tokens('gen_ai.usage.input_tokens'),
    outputTokens: tokens('gen_ai.usage.output_tokens'),
  };
}
