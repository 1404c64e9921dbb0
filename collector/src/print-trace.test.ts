import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { decide } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { NOON_MICROS, SETTLED } from '../../packages/metering/test/builders.ts';
import { agent, chat, type Given, observed, tree } from '../../packages/metering/test/traces.ts';
import { aRow } from './api/testing/rows.ts';
import { type TraceReport, traceReport } from './api/trace.ts';
import type { UsageRow } from './api/usage-row.ts';
import { printTrace } from './print-trace.ts';
import { painter, widthOf } from './terminal.ts';

const acme: Given = { 'spanledger.customer.id': 'acme', 'spanledger.feature.name': 'support-chat' };
const seen: Given = { 'gen_ai.response.id': 'resp_12345678' };

/** A request with an agent that calls a model twice; the second call is seen by another trace too. */
const SPANS = [
  ...tree({
    id: 'http',
    name: 'POST /chat',
    resource: { 'service.name': 'support-api' },
    startTimeMicros: NOON_MICROS - 9_000_000,
    endTimeMicros: NOON_MICROS,
    below: [
      { id: 'auth', name: 'check session', below: [{ id: 'sql', name: 'SELECT sessions' }] },
      { id: 'log', name: 'write log' },
      {
        id: 'agent',
        name: 'invoke_agent Support',
        attributes: { ...agent(1500, 450), ...acme },
        below: [
          {
            id: 'one',
            name: 'chat gpt-4o',
            attributes: chat(1200, 300, {
              'gen_ai.usage.cache_read.input_tokens': 800,
              'gen_ai.usage.reasoning.output_tokens': 100,
            }),
            below: [{ id: 'post', name: 'POST' }],
          },
          { id: 'two', name: 'chat again', attributes: chat(300, 150, seen) },
        ],
      },
    ],
  }),
  ...tree({ id: 'far', name: 'proxied chat', attributes: chat(300, 150, seen) }, 'b'),
];

function aReport(amounts: Partial<UsageRow> = {}, spans = SPANS): TraceReport {
  const observations = observed(spans);
  const priced = { cost_usd: '0.004500000000000', price_status: 'priced', credits: '1.000000', ...amounts };
  const rows = decide(observations, SETTLED).map(({ usage }) =>
    aRow(usage, usage.billingRole === 'billed' ? priced : {}),
  );
  const report = traceReport(observations, rows, 'a'.repeat(32));
  if (report === null) throw new Error('no report');
  return report;
}

function printed(
  report: TraceReport,
  { columns, isWhole = false }: { columns?: number; isWhole?: boolean } = {},
): string {
  const out = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  printTrace(out, report, { paint: painter(out, {}), isWhole });
  return String(out.read());
}

describe('a printed trace', () => {
  it('is a tree with role, amounts, customer and reason of each gen-ai span, and totals', () => {
    expect(printed(aReport()).split('\n')).toEqual([
      `Trace ${'a'.repeat(32)}  8 spans, 2026-01-15 11:59:51 UTC`,
      '└─ POST /chat  support-api',
      '   ├─ invoke_agent Support  container        invoke_agent repeats the usage of its children  in 1,500 out 450  gpt-4o  acme · support-chat',
      '   │  ├─ chat gpt-4o        billed #1        $0.0045  1 credit  acme · support-chat  in 1,200 (cached 800) out 300 (reasoning 100)  gpt-4o  chat is a model call  customer from ancestor:spanledger.customer.id',
      '   │  │  └─ … 1 plain span',
      '   │  └─ chat again         billed #2        $0.0045  1 credit  acme · support-chat  in 300 out 150  gpt-4o  chat is a model call, seen by 1 more span  customer from ancestor:spanledger.customer.id',
      '   └─ … 3 plain spans',
      '',
      `Linked trace ${'b'.repeat(32)}  1 span, 2026-01-15 11:59:58 UTC`,
      '└─ proxied chat             duplicate of #2  the same call, seen in another trace  in 300 out 150  gpt-4o',
      '',
      'Total of 2 traces  2 billed calls  in 1,500 out 450  $0.009  2 credits',
      '',
    ]);
  });

  it('shows every span when all are wanted', () => {
    const text = printed(aReport(), { isWhole: true });
    for (const { name } of aReport().spans) expect(text).toContain(`─ ${name}`);
    expect(text).not.toContain('plain span');
  });

  it('says what is not known instead of leaving it out', () => {
    const text = printed(
      aReport({
        cost_usd: null,
        price_status: 'unpriced:unknown_model',
        credits: null,
        customer: null,
        feature: null,
        uncached_input_tokens: null,
        cache_read_tokens: null,
        cache_write_tokens: null,
        output_tokens: null,
        usage_status: 'missing',
      }),
    );
    expect(text).toMatch(/billed #1 .*no price \(unknown model\) {2}no customer {2}usage missing/);
    expect(text).toMatch(/2 billed calls {2}in \? out \? {2}2 calls without a price, 2 calls without usage/);
  });

  it('never takes a feature for a customer', () => {
    const text = printed(aReport({ customer: null }), { columns: 200 });
    expect(text).toContain('\u001b[33mno customer · support-chat\u001b[39m');
  });

  it('says that nothing is billed where nothing is', () => {
    expect(printed(aReport({}, tree({ id: 'a', attributes: agent(0, 0) })))).toContain(
      'Total  1 billed call',
    );
    expect(printed(aReport({}, tree({ id: 'a', name: 'GET /' })))).toMatch(
      /… 1 plain span\n\nTotal {2}nothing billed\n$/,
    );
  });

  it.each([40, 80, 120])('fits a terminal of %d columns', (columns) => {
    const lines = stripVTControlCharacters(printed(aReport(), { columns })).split('\n');
    for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
    expect(lines.filter((line) => line.endsWith('…')).length).toBeGreaterThan(0);
  });

  it('has colours on a terminal, where they tell the roles apart', () => {
    const text = printed(aReport(), { columns: 200 });
    expect(text).toContain('\u001b[32mbilled #1');
    expect(text).toContain('\u001b[2mcontainer');
    expect(text).toContain('\u001b[2mduplicate of #2');
    expect(printed(aReport())).not.toContain('\u001b');
  });

  it('shows an error and what is pending in their colours', () => {
    const [span] = aReport().spans.filter(({ billing_role }) => billing_role === 'billed');
    if (span === undefined) throw new Error('no span');
    const of = (parts: object) =>
      printed({ ...aReport(), spans: [{ ...span, depth: 0, ...parts }] }, { columns: 200 });
    expect(of({ status: 'error' })).toContain('\u001b[31mbilled #1\u001b[39m  \u001b[31merror\u001b[39m');
    expect(of({ billing_role: 'pending' })).toContain('\u001b[33mpending');
    expect(of({ billing_role: null })).toContain('\u001b[33mundecided');
  });

  it('shows names in control characters instead of obeying them', () => {
    const text = printed(aReport({ customer: 'Eve\u001b[2J\n' }));
    expect(text).toContain('Eve\\u001b[2J\\n · support-chat');
    expect(text).not.toContain('\u001b');
  });
});
