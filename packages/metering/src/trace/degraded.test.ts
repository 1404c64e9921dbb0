import { describe, expect, it } from 'vitest';
import type { TreeSpan } from '../../test/builders.ts';
import { chat, type Given, recordOf, tree } from '../../test/traces.ts';

const MARK: Given = { 'spanledger.action.degraded': true };

function call(labels: Given = {}): TreeSpan {
  return { id: 'x', attributes: chat(5, 1, labels) };
}

function isDegraded(...spans: readonly TreeSpan[]): boolean {
  return recordOf('x', ...spans.map((span) => tree(span))).isDegraded;
}

describe('a call of a degraded action', () => {
  it('says so itself, or a span around it does', () => {
    expect(isDegraded(call(MARK))).toBe(true);
    expect(isDegraded({ id: 'request', attributes: MARK, below: [{ id: 'job', below: [call()] }] })).toBe(
      true,
    );
    expect(isDegraded(call())).toBe(false);
  });

  it.each([
    [true, true],
    ['true', true],
    [' True\n', true],
    [false, false],
    ['yes', false],
    [1, false],
    ['', false],
  ])('is one that says true and nothing else: %j', (value, expected) => {
    expect(isDegraded(call({ 'spanledger.action.degraded': value }))).toBe(expected);
  });

  it('is not one that says the opposite of what is around it', () => {
    const own = call({ 'spanledger.action.degraded': false });
    expect(isDegraded({ id: 'request', attributes: MARK, below: [own] })).toBe(false);
  });

  it('is not one that a mark of its process is on: a process is no action', () => {
    const resource = new Map([['spanledger.action.degraded', true]]);
    const marked = tree(call()).map((span) => ({ ...span, resource }));
    expect(recordOf('x', marked).isDegraded).toBe(false);
  });

  describe('is not one that was begun amid a degraded action as another', () => {
    const outer: Given = {
      ...MARK,
      'spanledger.customer.id': 'acme',
      'spanledger.feature.name': 'agent',
    };
    const named: Given = { ...outer, 'spanledger.action.id': 'outer' };

    it.each<[string, Given, Given, boolean]>([
      ['of the same trace', outer, {}, true],
      ['of the same feature', outer, { 'spanledger.feature.name': 'agent' }, true],
      ['of another feature', outer, { 'spanledger.feature.name': 'search' }, false],
      ['of another customer', outer, { 'spanledger.customer.id': 'globex' }, false],
      ['of another feature in one named action', named, { 'spanledger.feature.name': 'search' }, true],
      ['with another name', named, { 'spanledger.action.id': 'inner' }, false],
      ['with a name, where the mark tells none', MARK, { 'spanledger.action.id': 'inner' }, true],
    ])('%s', (_which, around, labels, expected) => {
      expect(isDegraded({ id: 'request', attributes: around, below: [call(labels)] })).toBe(expected);
      const between: TreeSpan = { id: 'step', attributes: labels, below: [call()] };
      expect(isDegraded({ id: 'request', attributes: around, below: [between] })).toBe(expected);
      // What the mark's own action is may stand above the mark.
      const { 'spanledger.action.degraded': mark = true, ...who } = around;
      const marked: TreeSpan = {
        id: 'marked',
        attributes: { 'spanledger.action.degraded': mark },
        below: [call(labels)],
      };
      expect(isDegraded({ id: 'request', attributes: who, below: [marked] })).toBe(expected);
    });
  });
});
