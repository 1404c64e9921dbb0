import { decide, type Observation } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { NOON_MICROS, SETTLED, spanIdOf } from '../../../packages/metering/test/builders.ts';
import { agent, chat, observed, shortId, tree } from '../../../packages/metering/test/traces.ts';
import { aRow } from './testing/rows.ts';
import { type TraceReport, traceReport } from './trace.ts';
import { type UsageRow, usageRowsOf } from './usage-row.ts';

const TRACE = 'a'.repeat(32);
const acme = { 'spanledger.customer.id': 'acme' };
const cached = { 'gen_ai.usage.cache_read.input_tokens': 40 };

/** A request that runs an agent with two calls, and looks something up. */
const observations: readonly Observation[] = observed(
  tree({
    id: 'http',
    name: 'POST /chat',
    startTimeMicros: NOON_MICROS - 5_000_000,
    endTimeMicros: NOON_MICROS,
    below: [
      {
        id: 'agent',
        name: 'invoke_agent',
        attributes: { ...agent(300, 30), ...acme },
        below: [
          { id: 'two', name: 'chat 2', attributes: chat(200, 20), startTimeMicros: NOON_MICROS - 2_000_000 },
          {
            id: 'one',
            name: 'chat 1',
            attributes: chat(100, 10, cached),
            startTimeMicros: NOON_MICROS - 4_000_000,
          },
        ],
      },
      { id: 'sql', name: 'SELECT', startTimeMicros: NOON_MICROS - 1_000_000 },
    ],
  }),
);

function rowsOf(given: readonly Observation[], amounts: Partial<UsageRow> = {}): UsageRow[] {
  return decide(given, SETTLED).map(({ usage }) =>
    aRow(usage, usage.billingRole === 'billed' ? amounts : {}),
  );
}

function reported(given: readonly Observation[], rows: readonly UsageRow[], traceId = TRACE): TraceReport {
  const report = traceReport(given, rows, traceId);
  if (report === null) throw new Error('no report');
  return report;
}

const outline = ({ spans }: TraceReport) => spans.map(({ span_id, depth }) => [shortId(span_id), depth]);

describe('the report of a trace', () => {
  it('lists parents before children and siblings by their start, however they came', () => {
    const expected = [
      ['http', 0],
      ['agent', 1],
      ['one', 2],
      ['two', 2],
      ['sql', 1],
    ];
    expect(outline(reported(observations, rowsOf(observations)))).toEqual(expected);
    expect(outline(reported(observations.toReversed(), rowsOf(observations).toReversed()))).toEqual(expected);
  });

  it('takes roles, tokens, money and customers from the ledger, and plain spans from the observations', () => {
    const rows = rowsOf(observations, {
      cost_usd: '0.000450000000000',
      price_status: 'priced',
      credits: '1.500000',
      customer: 'as posted',
    });
    const { spans } = reported(observations, rows);
    expect(spans.find(({ span_id }) => span_id === spanIdOf('one'))).toEqual({
      trace_id: TRACE,
      span_id: spanIdOf('one'),
      parent_span_id: spanIdOf('agent'),
      depth: 2,
      name: 'chat 1',
      service: null,
      kind_of_span: 'call',
      operation: 'chat',
      model: 'gpt-4o',
      provider: 'openai',
      dialect: 'opentelemetry',
      billing_role: 'billed',
      role_reason: 'chat is a model call',
      superseded_by: null,
      usage_status: 'reported',
      uncached_input_tokens: 60,
      cache_read_tokens: 40,
      cache_write_tokens: 0,
      output_tokens: 10,
      reasoning_tokens: 0,
      cost_usd: '0.000450000000000',
      price_status: 'priced',
      credits: '1.500000',
      customer: 'as posted',
      customer_source: expect.stringMatching(/^ancestor:/),
      feature: null,
      feature_source: null,
      user_id: null,
      usage_class: 'customer',
      status: 'ok',
      started_at: '2026-01-15T11:59:56.000000Z',
      ended_at: '2026-01-15T12:00:00.000000Z',
      duration_ms: 4000,
    });
    expect(spans[0]).toMatchObject({
      name: 'POST /chat',
      kind_of_span: 'plain',
      billing_role: null,
      customer: null,
      output_tokens: null,
    });
  });

  it('adds up what is billed, exactly, and nothing that repeats it', () => {
    const rows = rowsOf(observations, { cost_usd: '0.100000000000001', credits: '0.100001' });
    expect(reported(observations, rows).totals).toEqual({
      billed_calls: 2,
      input_tokens: 300,
      output_tokens: 30,
      cost_usd: '0.200000000000002',
      credits: '0.200002',
      unpriced_calls: 0,
      calls_without_usage: 0,
    });
  });

  it('never shows what is not known as zero', () => {
    const unknown = {
      cost_usd: null,
      uncached_input_tokens: null,
      cache_read_tokens: null,
      cache_write_tokens: null,
      output_tokens: null,
    };
    expect(reported(observations, rowsOf(observations, unknown)).totals).toEqual({
      billed_calls: 2,
      input_tokens: null,
      output_tokens: null,
      cost_usd: null,
      credits: null,
      unpriced_calls: 2,
      calls_without_usage: 2,
    });
  });

  it('has the traces that tell of the same calls behind its own', () => {
    const id = { 'gen_ai.response.id': 'resp_12345678' };
    const both = observed([
      ...tree({ id: 'other', attributes: chat(1, 2, id), startTimeMicros: NOON_MICROS - 9_000_000 }, 'b'),
      ...tree({ id: 'own', attributes: chat(1, 2, id) }, 'a'),
    ]);
    const report = reported(both, rowsOf(both));
    expect(report.linked_traces).toEqual(['b'.repeat(32)]);
    expect(outline(report)).toEqual([
      ['own', 0],
      ['other', 0],
    ]);
    expect(report.totals.billed_calls).toBe(1);
    const superseded = report.spans.find(({ billing_role }) => billing_role === 'duplicate');
    const billed = report.spans.find(({ billing_role }) => billing_role === 'billed');
    expect(superseded?.superseded_by).toBe(`${billed?.trace_id}${billed?.span_id}`);
  });

  it('is there for rows of which no observation is kept', () => {
    const rows = rowsOf(observations, { event_time: '2026-01-15T12:00:00.000042Z' });
    const report = reported([], rows);
    expect(outline(report)).toEqual([
      ['agent', 0],
      ['one', 1],
      ['two', 1],
    ]);
    expect(report.spans[1]).toMatchObject({
      name: null,
      kind_of_span: null,
      billing_role: 'billed',
      started_at: '2026-01-15T11:59:56.000042Z',
      ended_at: '2026-01-15T12:00:00.000042Z',
    });
  });

  it('shows a span that came twice once, as it was last', () => {
    const [first] = observed(tree({ id: 'call', attributes: chat(1, 2), name: 'starts' }));
    const [last] = observed(
      tree({ id: 'call', attributes: chat(1, 2), name: 'ends', endTimeMicros: NOON_MICROS + 1 }),
    );
    if (first === undefined || last === undefined) throw new Error('no observation');
    for (const given of [
      [first, last],
      [last, first],
    ]) {
      expect(reported(given, []).spans.map(({ name }) => name)).toEqual(['ends']);
    }
  });

  it('lists every span once, also those whose parents are missing or go in a circle', () => {
    const link = (id: string, parent: string) => observed(tree({ id, parentSpanId: spanIdOf(parent) }));
    const given = ['ab', 'ba', 'cc', 'dx', 'ed', 'fa'].flatMap(([id = '', parent = '']) => link(id, parent));
    expect(outline(reported(given, [])).toSorted()).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 0],
      ['d', 0],
      ['e', 1],
      ['f', 1],
    ]);
  });

  it('is null for a trace of which nothing is known', () => {
    expect(traceReport(observations, rowsOf(observations), 'c'.repeat(32))).toBeNull();
    expect(traceReport([], [], TRACE)).toBeNull();
  });
});

describe('rows of the view', () => {
  it('are read by the names of their columns, in any order', () => {
    const [row] = rowsOf(observations);
    const entries = Object.entries(row ?? {}).toReversed();
    const answer = { columns: entries.map(([name]) => ({ name })), rows: [entries.map(([, cell]) => cell)] };
    expect(usageRowsOf(answer)).toEqual([row]);
  });

  it('must have every column', () => {
    expect(() => usageRowsOf({ columns: [{ name: 'trace_id' }], rows: [[TRACE]] })).toThrow();
  });
});
