import { keep, MAX_TRACES_OF_A_LINK, observe } from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPosting } from '../store/testing/postings.ts';
import { isFuller, OpenTrace, observationOf, type TraceSpan, TraceWindow, traceKey } from './trace-window.ts';

const NOON_MICROS = Date.UTC(2026, 10, 22, 12) * 1000;

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

function aKey(trace: number, tenant = 'default') {
  return { tenant, traceId: hex(trace, 32) };
}

function observed(span: number, attributes: Readonly<Record<string, string | number>> = {}) {
  const observation = observe({
    traceId: hex(1, 32),
    spanId: hex(span, 16),
    parentSpanId: null,
    name: 'a span',
    kind: 3,
    startTimeMicros: NOON_MICROS - 1,
    endTimeMicros: NOON_MICROS,
    statusCode: 0,
    attributes: new Map(Object.entries(attributes)),
    resource: new Map(),
    scopeName: 'test',
    scopeVersion: '1',
  });
  if (observation === null) throw new Error('a span that matters to nothing');
  return observation;
}

const CHAT = { 'gen_ai.operation.name': 'chat' };
const COUNTS = { 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 1 };

function aSpan(span: number, attributes: Readonly<Record<string, string | number>> = CHAT): TraceSpan {
  const kept = keep(observed(span, attributes));
  return { held: { kept, receivedAtMillis: NOON_MICROS / 1000 }, observation: null, record: null };
}

function aRecord(span: number, revision = 1) {
  const { rating } = aPosting();
  return { spanId: hex(span, 16), revision, eventTimeMicros: NOON_MICROS, digest: 7, rating, leaf: null };
}

/** A window with so many settled spans in each of these traces. */
function aWindow(maxSpans: number, spans: Readonly<Record<number, number>> = {}): TraceWindow {
  const window = new TraceWindow({ maxSpans });
  for (const [trace, count] of Object.entries(spans)) {
    const open = window.open(aKey(Number(trace)), true);
    for (let span = 1; span <= count; span++) window.add(open, aSpan(span));
  }
  return window;
}

/** Which of the traces 1, 2, … are in memory. */
function inMemory(window: TraceWindow, upTo = 9): number[] {
  return Array.from({ length: upTo }, (_, n) => n + 1).filter((trace) => window.find(aKey(trace)) !== null);
}

describe('an open trace', () => {
  it.each([1, 16, 17, 500])('finds each of its %d spans, and no others', (count) => {
    const trace = new OpenTrace(aKey(1), true);
    const spans = Array.from({ length: count }, (_, n) => aSpan(n + 1));
    for (const span of spans) trace.add(span);
    expect(spans.map((span) => trace.find(span.held.kept.spanId) === span)).not.toContain(false);
    expect(trace.find(hex(count + 1, 16))).toBeNull();
    expect(trace.spans).toEqual(spans);
  });

  it.each([1, 40])('has a fuller copy in the place of the span, among %d', (count) => {
    const trace = new OpenTrace(aKey(1), true);
    for (let span = 1; span <= count; span++) trace.add(aSpan(span));
    const [before] = trace.spans;
    if (before === undefined) throw new Error('it has spans');
    const fuller = aSpan(1, { ...CHAT, ...COUNTS });
    trace.replace(before, fuller);
    expect(trace.find(hex(1, 16))).toBe(fuller);
    expect(trace.spans[0]).toBe(fuller);
    expect(trace.spans).toHaveLength(count);
  });

  it('takes of the copies that the ledger holds the fullest, and the first of those', () => {
    const [plain, call, complete, again] = [{}, CHAT, { ...CHAT, ...COUNTS }, { ...CHAT, ...COUNTS }].map(
      (attributes, n) => ({ kept: keep(observed(1, attributes)), receivedAtMillis: n }),
    );
    if (plain === undefined || call === undefined || complete === undefined || again === undefined)
      throw new Error('four copies');
    for (const spans of [
      [plain, call, complete, again],
      [complete, plain, again, call],
    ]) {
      const trace = new OpenTrace(aKey(1), false);
      trace.load({ ...aKey(1), spans, records: [aRecord(1, 3)] });
      expect(trace.isLoaded).toBe(true);
      expect(trace.spans.map(({ held }) => held.receivedAtMillis)).toEqual([2]);
      expect(trace.find(hex(1, 16))?.record).toEqual(aRecord(1, 3));
    }
  });

  it('takes the newest record of a span, which is told last', () => {
    const trace = new OpenTrace(aKey(1), false);
    const { held } = aSpan(1);
    trace.load({ ...aKey(1), spans: [held], records: [aRecord(1, 1), aRecord(1, 2)] });
    expect(trace.find(hex(1, 16))?.record).toEqual(aRecord(1, 2));
  });

  it('knows records without spans as settled', () => {
    const trace = new OpenTrace(aKey(1), false);
    expect(trace.isSettled(hex(2, 16))).toBe(false);
    trace.load({ ...aKey(1), spans: [aSpan(1).held], records: [aRecord(1), aRecord(2)] });
    expect([1, 2, 3].map((span) => trace.isSettled(hex(span, 16)))).toEqual([false, true, false]);
    expect(trace.find(hex(2, 16))).toBeNull();
  });

  it('recalls what a span said from what is kept of it', () => {
    const observation = observed(1, { ...CHAT, ...COUNTS });
    const span = aSpan(1, { ...CHAT, ...COUNTS });
    expect(observationOf(span)).toEqual(observation);
    expect(observationOf({ ...span, observation })).toBe(observation);
  });
});

describe('a copy of a span', () => {
  it('is fuller when it is known as a call, and more so when it has counts', () => {
    const copies = [{}, CHAT, { ...CHAT, ...COUNTS }].map((attributes) => observed(1, attributes));
    const fuller = copies.map((copy) => copies.map((before) => isFuller(copy, before)));
    expect(fuller).toEqual([
      [false, false, false],
      [true, false, false],
      [true, true, false],
    ]);
  });
});

describe('the trace window', () => {
  it('keeps the tenants apart', () => {
    const window = new TraceWindow({ maxSpans: 10 });
    const one = window.open(aKey(1), true);
    const other = window.open(aKey(1, 'other'), true);
    expect(window.find(aKey(1))).toBe(one);
    expect(window.find(aKey(1, 'other'))).toBe(other);
    expect(window.find(aKey(1, 'third'))).toBeNull();
    expect(new Set(['default', 'other', ''].map((tenant) => traceKey(aKey(1, tenant)))).size).toBe(3);
  });

  it('lets the least recently touched traces go, and only as many as it must', () => {
    const window = aWindow(5, { 1: 2, 2: 2, 3: 2, 4: 1 });
    const first = window.find(aKey(1));
    if (first === null) throw new Error('it is there');
    window.touch(first);
    window.takeTouched(0);
    window.shrink();
    expect(inMemory(window)).toEqual([1, 3, 4]);
    expect([window.traces, window.spans]).toEqual([3, 5]);
  });

  it('lets nothing go while there is room', () => {
    const window = aWindow(7, { 1: 2, 2: 2, 3: 2, 4: 1 });
    window.shrink();
    expect(inMemory(window)).toEqual([1, 2, 3, 4]);
  });

  it('never lets go what is not settled, however little room there is', () => {
    let kept = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            trace: fc.integer({ min: 1, max: 9 }),
            what: fc.constantFrom('arrive', 'touch', 'settle', 'shrink'),
          }),
          { maxLength: 60, size: 'max' },
        ),
        fc.integer({ min: 0, max: 6 }),
        (steps, maxSpans) => {
          const window = new TraceWindow({ maxSpans });
          const unsettled = new Set<number>();
          let spans = 0;
          for (const { trace, what } of steps) {
            switch (what) {
              case 'arrive':
              case 'touch': {
                const open = window.find(aKey(trace)) ?? window.open(aKey(trace), true);
                if (what === 'arrive')
                  open.arrivals.push({ observation: observed(++spans, CHAT), receivedAtMillis: 0 });
                window.touch(open);
                unsettled.add(trace);
                break;
              }
              case 'settle': {
                const taken = window.takeTouched(0);
                expect([...taken].map(({ traceId }) => Number.parseInt(traceId, 16)).sort()).toEqual(
                  [...unsettled].sort(),
                );
                for (const open of taken) {
                  for (const { observation } of open.arrivals.splice(0))
                    window.add(open, { ...aSpan(1), held: { kept: keep(observation), receivedAtMillis: 0 } });
                }
                unsettled.clear();
                break;
              }
              case 'shrink': {
                window.shrink();
                const there = inMemory(window);
                for (const trace of unsettled) expect(there).toContain(trace);
                if (unsettled.size === 0) expect(window.spans).toBeLessThanOrEqual(maxSpans);
                kept += unsettled.size;
              }
            }
          }
        },
      ),
    );
    expect(kept).toBeGreaterThan(50);
  });

  it('counts its spans over replacing, loading and letting go', () => {
    const window = aWindow(3, { 1: 2 });
    const loaded = window.open(aKey(2), false);
    window.load(loaded, { ...aKey(2), spans: [aSpan(1).held, aSpan(1).held, aSpan(2).held], records: [] });
    expect(window.spans).toBe(4);
    window.shrink();
    expect(inMemory(window)).toEqual([2]);
    expect(window.spans).toBe(2);
  });
});

describe('a wait in the window', () => {
  it('brings its trace up when it is over, once, after what was touched', () => {
    const window = aWindow(9, { 1: 1, 2: 1 });
    const touched = window.find(aKey(2));
    if (touched === null) throw new Error('it is there');
    window.setDue(aKey(1), 100);
    window.setDue(aKey(3), 200);
    expect(window.nextDueMicros).toBe(100);
    expect(window.takeTouched(99).size).toBe(0);
    window.touch(touched);
    expect([...window.takeTouched(100)].map(({ traceId }) => traceId)).toEqual([hex(2, 32), hex(1, 32)]);
    window.setDue(aKey(1), null);
    expect(window.nextDueMicros).toBe(200);
    const [absent, ...more] = window.takeTouched(500);
    expect(more).toEqual([]);
    expect(absent).toMatchObject({ traceId: hex(3, 32), isLoaded: false });
    expect(window.nextDueMicros).toBeNull();
  });

  it('says whether it is new, so that only what is new is stored', () => {
    const window = aWindow(9);
    expect(window.setDue(aKey(1), null)).toBe(false);
    expect(window.setDue(aKey(1), 100)).toBe(true);
    expect(window.setDue(aKey(1), 100)).toBe(false);
    expect(window.setDue(aKey(1, 'other'), 100)).toBe(true);
    expect(window.setDue(aKey(1), 50)).toBe(true);
    expect(window.nextDueMicros).toBe(50);
    expect(window.setDue(aKey(1), null)).toBe(true);
    expect(window.setDue(aKey(1), null)).toBe(false);
  });

  it('is remembered though its trace has left the memory', () => {
    const window = aWindow(0, { 1: 3 });
    window.setDue(aKey(1), 100);
    window.shrink();
    expect(inMemory(window)).toEqual([]);
    expect([...window.takeTouched(100)]).toMatchObject([{ traceId: hex(1, 32), isLoaded: false }]);
  });
});

describe('a link in the window', () => {
  const LINK = 5;

  function linked(window: TraceWindow, trace: number): number[] {
    const open = window.find(aKey(trace));
    if (open === null) throw new Error('it is there');
    return [...window.linkedTo(open)]
      .map(({ traceId }) => Number.parseInt(traceId, 16))
      .sort((a, b) => a - b);
  }

  /** A window in which these traces bear the link, with a span each. */
  function aLinkedWindow(traces: number, maxSpans = 100): TraceWindow {
    const window = aWindow(
      maxSpans,
      Object.fromEntries(Array.from({ length: traces }, (_, n) => [n + 1, 1])),
    );
    for (let trace = 1; trace <= traces; trace++) {
      const open = window.find(aKey(trace));
      if (open !== null) window.link(open, LINK);
    }
    return window;
  }

  it('joins the traces that bear it, and no others', () => {
    const window = aLinkedWindow(3);
    window.open(aKey(4), true);
    expect(linked(window, 1)).toEqual([1, 2, 3]);
    expect(linked(window, 3)).toEqual([1, 2, 3]);
    expect(linked(window, 4)).toEqual([]);
  });

  it('joins a trace to nothing while it is the only one, however often it bears it', () => {
    const window = aLinkedWindow(1);
    const open = window.find(aKey(1));
    if (open === null) throw new Error('it is there');
    expect(window.link(open, LINK)).toBeNull();
    expect(open.links).toEqual([LINK]);
    expect(linked(window, 1)).toEqual([]);
    expect(window.isLinkKnown(open, LINK)).toBe(false);
  });

  it('joins up to sixteen, and none from the seventeenth on, who are told to be strangers', () => {
    const window = aLinkedWindow(MAX_TRACES_OF_A_LINK);
    expect(linked(window, 1)).toHaveLength(MAX_TRACES_OF_A_LINK);
    const strangers = window.link(window.open(aKey(99), true), LINK);
    expect(strangers?.size).toBe(MAX_TRACES_OF_A_LINK + 1);
    expect(linked(window, 1)).toEqual([]);
    expect(linked(window, 99)).toEqual([]);
    const later = window.open(aKey(100), true);
    expect(window.isLinkKnown(later, LINK)).toBe(true);
    expect(window.link(later, LINK)).toBeNull();
    expect(linked(window, 100)).toEqual([]);
  });

  it('is remembered by those that stay as the name of those that have left', () => {
    const window = aLinkedWindow(3, 1);
    window.shrink();
    expect(inMemory(window)).toEqual([3]);
    expect(window.find(aKey(3))?.partners).toEqual(new Set([hex(1, 32), hex(2, 32)]));
  });

  it('is not known any more when all that bore it have left', () => {
    const window = aLinkedWindow(3, 0);
    window.shrink();
    expect(inMemory(window)).toEqual([]);
    expect(window.isLinkKnown(window.open(aKey(9), true), LINK)).toBe(false);
  });

  it('stays common when those that proved it have left', () => {
    const window = aLinkedWindow(MAX_TRACES_OF_A_LINK + 1, 0);
    window.shrink();
    expect(window.traces).toBe(0);
    expect(window.isLinkKnown(window.open(aKey(99), true), LINK)).toBe(true);
  });

  it('is learnt again when there are too many common ones to remember', () => {
    const window = new TraceWindow({ maxSpans: 1 });
    for (let link = 1; link <= 10_000; link++) window.setCommon(link);
    const open = window.open(aKey(1), true);
    expect(window.isLinkKnown(open, 1)).toBe(true);
    window.setCommon(10_001);
    expect([1, 10_000, 10_001].map((link) => window.isLinkKnown(open, link))).toEqual([false, false, true]);
  });
});
