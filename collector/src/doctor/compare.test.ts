import { describe, expect, it } from 'vitest';
import { chat, type Given, recordsOf, tree } from '../../../packages/metering/test/traces.ts';
import { type ComparedLabel, compare } from './compare.ts';
import type { ExpectedTotals, ServedCall } from './corpus.ts';

/** A billed record for each of the given calls, each in a trace of its own. */
function recordsOfCalls(...calls: readonly Given[]) {
  return calls.flatMap((attributes, index) =>
    recordsOf(tree({ id: 'call', attributes }, 'abcdef'.charAt(index))),
  );
}

const acme = (input: number, output: number, more: Given = {}) =>
  chat(input, output, { 'spanledger.customer.id': 'acme', ...more });

function aServedCall(input: number, output: number, more: Partial<ServedCall> = {}): ServedCall {
  return {
    n: 1,
    provider: 'openai',
    response_model: 'gpt-4o',
    billable: true,
    usage_missing: false,
    span_missing: false,
    attainable_from_spans: { input_total: input, output_total: output, reasoning: null },
    expected_label: { customer: 'acme', feature: 'support-chat', user: 'u_1' },
    labels_found: { customer: 'on a usage span', feature: 'nowhere', user: 'nowhere' },
    ...more,
  };
}

function differences(
  given: readonly Given[],
  calls: readonly ServedCall[],
  labels?: readonly ComparedLabel[],
): readonly string[] {
  return compare(recordsOfCalls(...given), { kind: 'calls', calls }, labels).differences;
}

describe('records compared with the calls that were served', () => {
  it('are as served when each call has its record, in any order', () => {
    const served = [aServedCall(1, 2), aServedCall(3, 4, { n: 2 })];
    expect(compare(recordsOfCalls(acme(3, 4), acme(1, 2)), { kind: 'calls', calls: served })).toEqual({
      calls: { expected: 2, found: 2 },
      tokens: {
        input: { expected: 4, found: 4 },
        cacheRead: { expected: 0, found: 0 },
        cacheWrite: { expected: 0, found: 0 },
        output: { expected: 6, found: 6 },
        reasoning: { expected: 0, found: 0 },
      },
      customers: { expected: 1, found: 1 },
      differences: [],
    });
  });

  it('differ by a count, said with the call and the span', () => {
    expect(differences([acme(1, 3)], [aServedCall(1, 2)])).toEqual([
      expect.stringMatching(
        /^call 1 \(openai gpt-4o, acme\): output 2 was expected, 3 came \(span [0-9a-f]{16}\)$/,
      ),
    ]);
  });

  it('differ by a customer that a span bears', () => {
    const [said] = differences([chat(1, 2)], [aServedCall(1, 2)]);
    expect(said).toContain('customer acme was expected, none came');
    const [other] = differences([acme(1, 2, { 'spanledger.customer.id': 'globex' })], [aServedCall(1, 2)]);
    expect(other).toContain('customer acme was expected, globex came');
  });

  it('need no customer where no span bears it', () => {
    const nowhere = { customer: 'nowhere', feature: 'nowhere', user: 'nowhere' };
    expect(differences([chat(1, 2)], [aServedCall(1, 2, { labels_found: nowhere })])).toEqual([]);
  });

  it('are compared by more labels when asked', () => {
    const call = aServedCall(1, 2, { labels_found: { customer: 'x', feature: 'x', user: 'x' } });
    expect(differences([acme(1, 2)], [call])).toEqual([]);
    expect(differences([acme(1, 2)], [call], ['customer', 'feature', 'user'])).toEqual([
      expect.stringContaining(
        'feature support-chat was expected, none came; user u_1 was expected, none came',
      ),
    ]);
  });

  it('differ by a call without a record, and by a record without a call', () => {
    expect(differences([], [aServedCall(1, 2)])).toEqual([
      'call 1 (openai gpt-4o, acme): one billed record was expected, none came',
    ]);
    expect(differences([acme(1, 2)], [])).toEqual([
      expect.stringMatching(
        /^no call was served for the billed span [0-9a-f]{16}: gpt-4o, 1 in, 2 out, acme; /,
      ),
    ]);
  });

  it('bill a call once: a second record of it is one too many', () => {
    expect(differences([acme(1, 2), acme(1, 2)], [aServedCall(1, 2)])).toHaveLength(1);
  });

  it('show usage that no span has as missing, and as nothing else', () => {
    const missing = aServedCall(1, 2, { usage_missing: true });
    expect(differences([acme(1, 2)], [missing])).toEqual([
      expect.stringContaining('usage that is missing was expected, reported usage came with 1 in and 2 out'),
    ]);
    const withoutCounts = { ...acme(0, 0) };
    delete withoutCounts['gen_ai.usage.input_tokens'];
    delete withoutCounts['gen_ai.usage.output_tokens'];
    expect(differences([withoutCounts], [missing])).toEqual([]);
    expect(differences([withoutCounts], [aServedCall(1, 2)])).toEqual([
      expect.stringContaining('1 in and 2 out were expected, missing usage came'),
    ]);
  });

  it('need none for a call that was not billed, or that left no span', () => {
    const calls = [aServedCall(1, 2, { billable: false }), aServedCall(1, 2, { span_missing: true })];
    expect(differences([], calls)).toEqual([]);
  });

  it('are compared with what was served where nobody looked what the spans can tell', () => {
    const call: ServedCall = { billable: true, usage: { input_total: 1, output_total: 2 } };
    expect(differences([chat(1, 2)], [call])).toEqual([]);
    expect(differences([chat(1, 9)], [call])).toEqual([
      expect.stringMatching(/^call 1: output 2 was expected, 9 came/),
    ]);
  });

  it('name the record that bears the id of the call as the one that differs', () => {
    const given = [acme(9, 2, { 'gen_ai.response.id': 'resp_12345678' }), acme(1, 7)];
    const [said] = differences(given, [aServedCall(1, 2, { response_id: 'resp_12345678' })]);
    expect(said).toContain('input 1 was expected, 9 came');
  });
});

describe('records compared with sums', () => {
  const against = (given: readonly Given[], totals: ExpectedTotals) =>
    compare(recordsOfCalls(...given), { kind: 'totals', totals }).differences;

  it('are as served when all sums are', () => {
    const totals: ExpectedTotals = {
      billable_calls: 2,
      totals: { input_total: 4, output_total: 6 },
      by_customer: { acme: { calls: 2 } },
    };
    expect(against([acme(1, 2), acme(3, 4)], totals)).toEqual([]);
  });

  it('differ by calls, tokens and customers', () => {
    const totals: ExpectedTotals = {
      billable_calls: 2,
      attainable_totals: { input_total: 4, output_total: 6 },
      by_customer: { acme: { calls: 1 }, globex: { calls: 1 } },
    };
    expect(against([acme(1, 6)], totals)).toEqual([
      '2 billed records were expected, 1 came',
      'input of 4 was expected in all, 1 came',
      'customer globex with 1 calls was expected, 0 came',
    ]);
  });

  it('may lack what belongs to calls whose usage is missing, but never have more', () => {
    const totals: ExpectedTotals = { calls_usage_missing: 1, attainable_totals: { input_total: 4 } };
    expect(against([acme(3, 4)], totals)).toEqual([]);
    expect(against([acme(5, 4)], totals)).toEqual(['input of at most 4 was expected in all, 5 came']);
  });

  it('are not compared by a class that was served and that the spans do not tell', () => {
    const totals = { input_total: 900, output_total: 4 };
    const told = { input_total: 0, output_total: 4 };
    expect(against([acme(3, 4)], { totals, attainable_totals: told })).toEqual([]);
  });
});
