import { describe, expect, it } from 'vitest';
import { aChat, aSpan } from '../../test/builders.ts';
import type { Observation } from '../observation.ts';
import { observe } from '../observe.ts';
import type { Span } from '../span.ts';
import { linkedGroups, linkKeys, MAX_TRACES_OF_A_LINK } from './linked.ts';

function observation(span: Span): Observation {
  const observed = observe(span);
  if (observed === null) throw new Error('a span of this test is nothing');
  return observed;
}

const inTrace = (digit: string, responseId?: string) =>
  observation(
    aChat(responseId === undefined ? {} : { 'gen_ai.response.id': responseId }, {
      traceId: digit.repeat(32),
    }),
  );

describe('observations that must be decided together', () => {
  it('are those of one trace, and of traces that a response joins, also through a third', () => {
    const all = [inTrace('1', 'chatcmpl-aaaa'), inTrace('2', 'chatcmpl-bbbb'), inTrace('3')];
    const bridge = [
      inTrace('4', 'chatcmpl-aaaa'),
      { ...inTrace('4', 'chatcmpl-bbbb'), spanId: 'f'.repeat(16) },
    ];
    const traces = linkedGroups([...all, ...bridge]).map((group) =>
      [...new Set(group.map(({ traceId }) => traceId.slice(0, 1)))].join(''),
    );
    expect(traces).toEqual(['124', '3']);
  });

  it('are not joined by what is too short to be an identity', () => {
    expect(linkedGroups([inTrace('1', '42'), inTrace('2', '42')])).toHaveLength(2);
  });

  it('are joined by an id that a few traces share, but not by one of a test server that gives it to all', () => {
    const traces = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        ...inTrace('1', 'chatcmpl-constant'),
        traceId: (index + 1).toString(16).padStart(32, '0'),
      }));
    const few = traces(MAX_TRACES_OF_A_LINK);
    expect(linkedGroups(few)).toEqual([few]);
    // A trace counts once, however many of its spans have the id.
    expect(linkedGroups([...few, ...few.map((one) => ({ ...one, spanId: 'f'.repeat(16) }))])).toHaveLength(1);
    expect(linkedGroups(traces(MAX_TRACES_OF_A_LINK + 1))).toHaveLength(MAX_TRACES_OF_A_LINK + 1);
  });

  it('are still joined by another id when one of theirs is a constant', () => {
    const constant = Array.from({ length: MAX_TRACES_OF_A_LINK + 1 }, (_, index) => ({
      ...inTrace('1', 'chatcmpl-constant'),
      traceId: (index + 1).toString(16).padStart(32, '0'),
      requestId: index < 2 ? 'req_of_these_two' : null,
    }));
    expect(linkedGroups(constant).map((group) => group.length)).toEqual([
      2,
      ...constant.slice(2).map(() => 1),
    ]);
  });

  it('are not joined by a container that repeats the id of a response', () => {
    const chain = observation(
      aSpan({ attributes: { 'langsmith.span.kind': 'chain', 'gen_ai.response.id': 'chatcmpl-aaaa' } }),
    );
    expect(linkKeys(chain)).toEqual([]);
  });

  it('know a response by the id inside the answer, and a question with its answer by a fingerprint', () => {
    const openInference = (output: string) =>
      observation(
        aSpan({
          resource: { 'service.name': 'shop' },
          attributes: {
            'openinference.span.kind': 'LLM',
            'output.value': output,
            'llm.input_messages.0.message.content': 'Where is it?',
            'llm.output_messages.0.message.content': 'On its way.',
          },
        }),
      );
    const plain = openInference('On its way.');
    expect(linkKeys(plain)).toEqual([expect.stringMatching(/^answer:shop:[0-9a-f]{16}$/)]);
    const body = openInference('{"id":"resp_1234abcd","output":[{"id":"msg_5678efgh"}]}');
    expect(linkKeys(body)[0]).toBe('response:resp_1234abcd');
    const message = openInference('{"generations":[[{"message":{"kwargs":{"id":"chatcmpl-1234abcd"}}}]]}');
    expect(linkKeys(message)[0]).toBe('response:chatcmpl-1234abcd');
    // What a model merely quotes is escaped inside its answer.
    expect(openInference('{"text":"\\"id\\":\\"chatcmpl-1234abcd\\""}').responseId).toBeNull();
  });

  it('leave no text behind, and are not joined by what was blanked out', () => {
    const redacted = observation(
      aSpan({
        attributes: {
          'openinference.span.kind': 'LLM',
          'llm.input_messages.0.message.content': 'Where is it?',
          'llm.output_messages.0.message.content': '__REDACTED__',
        },
      }),
    );
    expect(redacted.answer).toBeNull();
    expect(JSON.stringify(redacted)).not.toContain('Where is it?');
  });
});
