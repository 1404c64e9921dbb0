import { describe, expect, it } from 'vitest';
import { aSpan, NOON_MICROS, SETTLED } from '../test/builders.ts';
import { agent, chat, type Given, observed } from '../test/traces.ts';
import { decide } from './decide.ts';
import type { Span } from './span.ts';
import { linkedGroups } from './trace/linked.ts';

const FEW = 1_000;
const MANY = 10_000;
/** What grows with the square of the number of spans takes ten times as long for many as for as many in groups of few. */
const MAX_GROWTH = 6;

const id = (index: number) => (index + 1).toString(16).padStart(16, '0');
const span = (index: number, parent: string | null, attributes: Given, more: Partial<Span> = {}): Span => ({
  ...aSpan({
    spanId: id(index),
    parentSpanId: parent,
    startTimeMicros: NOON_MICROS + index * 1_000,
    endTimeMicros: NOON_MICROS + index * 1_000 + 5_000_000,
    attributes,
  }),
  ...more,
});
const labelled = { 'spanledger.customer.id': 'acme' };
const many = (count: number, make: (index: number) => Span) =>
  Array.from({ length: count }, (_, index) => make(index));
const counts = (index: number) => chat(100 + index, 10);
const response = (id: string) => ({ 'gen_ai.response.id': id });
const untold = { 'gen_ai.provider.name': 'openai', 'gen_ai.usage.input_tokens': 50 };

/** Bodies that a sender can write down in a few megabytes, each the worst for another part of a decision. */
const SHAPES: Record<string, (count: number) => readonly Span[]> = {
  'calls that lost their parent': (count) =>
    many(count, (index) => span(index, 'f'.repeat(16), counts(index))),
  'calls and labelled containers that lost their parents': (count) =>
    many(count, (index) =>
      span(index, 'f'.repeat(16), index % 2 === 0 ? counts(index) : { ...agent(5, 5), ...labelled }),
    ),
  'labelled tools of many services that lost their parents': (count) =>
    many(count, (index) => {
      const service = new Map([['service.name', `codex-${index >> 1}`]]);
      const attributes = index % 2 === 0 ? counts(index) : { ...agent(5, 5), ...labelled };
      return span(index, 'f'.repeat(16), attributes, { resource: service });
    }),
  'calls under one root': (count) =>
    many(count, (index) => (index === 0 ? span(0, null, agent(9, 9)) : span(index, id(0), counts(index)))),
  'a chain of calls, each around the next': (count) =>
    many(count, (index) =>
      span(index, index === 0 ? null : id(index - 1), { ...counts(index), ...labelled }),
    ),
  'a chain of agents and calls in turn': (count) =>
    many(count, (index) =>
      span(index, index === 0 ? null : id(index - 1), {
        ...(index % 2 === 0 ? agent(5, 5) : counts(index)),
        ...labelled,
      }),
    ),
  'calls at the end of a chain of plain spans': (count) =>
    many(count, (index) => {
      const parent = index === 0 ? null : id(Math.min(index - 1, count >> 1));
      return span(index, parent, index < count >> 1 ? {} : counts(index));
    }),
  'calls with one response id, side by side': (count) =>
    many(count, (index) => span(index, null, { ...chat(100, 10), ...response('chatcmpl-constant') })),
  'calls with one response id, in a chain': (count) =>
    many(count, (index) =>
      span(index, index === 0 ? null : id(index - 1), { ...chat(100, 10), ...response('chatcmpl-constant') }),
    ),
  'equal calls of two instrumentations': (count) =>
    many(count, (index) => span(index, null, chat(100, 10), { scopeName: `scope ${index % 2}` })),
  'candidates without a leaf, beside calls that lost their parents': (count) =>
    many(count, (index) =>
      index % 2 === 0
        ? span(index, null, { ...untold, ...labelled })
        : span(index, 'f'.repeat(16), counts(index)),
    ),
  'containers without a leaf': (count) => many(count, (index) => span(index, null, agent(5, 5))),
};

/** Some machines count CPU time by ticks of ten milliseconds. */
const ENOUGH_MICROS = 100_000;

/**
 * How much longer the many take than as many in groups of few, in CPU time of this thread: other work on the same cores
 * has its own.
 */
function growth<Input>(run: (input: Input) => void, few: Input, all: Input): number {
  let inGroups = 0;
  let atOnce = 0;
  while (inGroups < ENOUGH_MICROS) {
    inGroups += cpuMicros(() => {
      for (let group = 0; group < MANY / FEW; group++) run(few);
    });
    atOnce += cpuMicros(() => run(all));
  }
  return atOnce / inGroups;
}

function cpuMicros(run: () => void): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}

describe('ten times as many spans', () => {
  it.each(Object.entries(SHAPES))('take about ten times as long to decide: %s', (_name, shape) => {
    const [few, all] = [observed(shape(FEW)), observed(shape(MANY))];
    expect(decide(all, SETTLED).length).toBeGreaterThan(MANY / 3);
    expect(growth((spans) => decide(spans, SETTLED), few, all)).toBeLessThan(MAX_GROWTH);
  });

  it('take about ten times as long to group, when each shares an id with the next trace', () => {
    const traces = (count: number) =>
      observed(
        many(count, (index) =>
          span(
            index,
            null,
            { ...counts(index), ...response(`chatcmpl-${index >> 1}-of-many`) },
            {
              traceId: ((index + 1) >> 1).toString(16).padStart(32, '0'),
            },
          ),
        ),
      );
    const [few, all] = [traces(FEW), traces(MANY)];
    expect(linkedGroups(all)).toHaveLength(1);
    expect(growth(linkedGroups, few, all)).toBeLessThan(MAX_GROWTH);
  });
});
