import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOON_MICROS } from '../../test/builders.ts';
import { aClaudeCodeRequest, aCodexCompletion, aGeminiResponse, callOf } from '../../test/logs.ts';
import { DEFAULT_OBSERVE_SETTINGS, observeSettings } from '../observe.ts';
import { observeLog } from './observe-log.ts';
import type { LogRecord } from './record.ts';

const TRACE = 'c'.repeat(32);
const SPAN = 'd'.repeat(16);

const keyOf = (log: LogRecord, receivedAtMicros = NOON_MICROS) => {
  const { traceId, spanId } = callOf(log, receivedAtMicros);
  return `${traceId}/${spanId}`;
};

describe('the identity of an event', () => {
  it('has the form of ids of spans, and hangs below the span in which the event happened', () => {
    const alone = callOf(aClaudeCodeRequest());
    expect(alone.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(alone.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(alone.parentSpanId).toBe(null);
    const within = callOf(aClaudeCodeRequest({}, { traceId: TRACE, spanId: SPAN }));
    expect([within.traceId, within.parentSpanId]).toEqual([TRACE, SPAN]);
    expect(within.spanId).toBe(alone.spanId);
    expect(callOf(aClaudeCodeRequest({}, { traceId: TRACE })).parentSpanId).toBe(null);
    expect(callOf(aClaudeCodeRequest({}, { spanId: SPAN })).parentSpanId).toBe(null);
  });

  it('is not made of what is read since later versions, so that an event from before them stays the same', () => {
    expect(keyOf(aClaudeCodeRequest({ speed: 'fast' }))).toBe(keyOf(aClaudeCodeRequest()));
  });

  it('is the same when the event is sent again: later, by another collector, under other settings', () => {
    const again = (log: LogRecord) => ({ ...log, observedTimeMicros: NOON_MICROS + 5 });
    for (const log of [aClaudeCodeRequest(), aCodexCompletion(), aGeminiResponse()]) {
      expect(keyOf(again(log), NOON_MICROS + 99)).toBe(keyOf(log));
    }
    const labels = { customer: ['prompt'], feature: [], user: [], session: [], usageClass: [] };
    const labelled = aGeminiResponse({ prompt: 'acme' });
    expect(observeLog(labelled, observeSettings(labels), NOON_MICROS)?.spanId).toBe(
      observeLog(labelled, DEFAULT_OBSERVE_SETTINGS, NOON_MICROS)?.spanId,
    );
  });

  it('is the same in any order of the attributes', () => {
    const log = aClaudeCodeRequest();
    const entries = [...log.attributes.keys()].map((key) => [key, log.attributes.get(key)] as const);
    fc.assert(
      fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (shuffled) => {
        const values = new Map(
          shuffled.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
        );
        expect(keyOf({ ...log, attributes: values })).toBe(keyOf(log));
      }),
      { numRuns: 50 },
    );
  });

  it('is another for another event', () => {
    const events = [
      aClaudeCodeRequest(),
      aClaudeCodeRequest({}, { timeMicros: NOON_MICROS + 1 }),
      aClaudeCodeRequest({ request_id: 'req_other' }),
      aClaudeCodeRequest({ 'event.sequence': 8 }),
      aClaudeCodeRequest({ 'event.timestamp': '2026-01-15T12:00:00.001Z' }),
      aClaudeCodeRequest({ 'session.id': 'another' }),
      aClaudeCodeRequest({ output_tokens: 311 }),
      // The same digits under another key, and moved from one value to the next.
      aClaudeCodeRequest({ input_tokens: 310, output_tokens: 2 }),
      aClaudeCodeRequest({ input_tokens: 23, output_tokens: 10 }),
      aCodexCompletion(),
      aCodexCompletion({ 'conversation.id': 'another' }),
      aGeminiResponse(),
      aGeminiResponse({ prompt_id: 'b5a3f1c2########2' }),
    ];
    expect(new Set(events.map((log) => keyOf(log))).size).toBe(events.length);
  });

  it('is told by when it was observed where no time is known at all, lest equal events be one', () => {
    const timeless = (observedTimeMicros: number) =>
      aCodexCompletion({ 'event.timestamp': '' }, { timeMicros: null, observedTimeMicros });
    expect(keyOf(timeless(NOON_MICROS))).toBe(keyOf(timeless(NOON_MICROS)));
    expect(keyOf(timeless(NOON_MICROS))).not.toBe(keyOf(timeless(NOON_MICROS + 1)));
  });
});
