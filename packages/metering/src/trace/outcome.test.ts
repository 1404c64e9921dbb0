import { describe, expect, it } from 'vitest';
import type { TreeSpan } from '../../test/builders.ts';
import { chat, recordOf, tree } from '../../test/traces.ts';

const ERROR = 2;
const AGENT = { 'gen_ai.operation.name': 'invoke_agent' };
const call = (id: string, parts: Partial<TreeSpan> = {}): TreeSpan => ({
  id,
  attributes: chat(5, 1),
  ...parts,
});

describe('the outcome of a call', () => {
  it('is its own status where nothing of its action is around it', () => {
    const spans = tree({ id: 'request', statusCode: ERROR, below: [call('x')] });
    expect(recordOf('x', spans)).toMatchObject({ status: 'ok', outcome: 'ok' });
  });

  it('is that of the agent that it was made for, through plain spans', () => {
    const spans = tree({
      id: 'agent',
      attributes: AGENT,
      statusCode: ERROR,
      below: [{ id: 'http', below: [call('x')] }],
    });
    expect(recordOf('x', spans)).toMatchObject({ status: 'ok', outcome: 'error' });
  });

  it('is good when the agent recovered from its failure', () => {
    const spans = tree({
      id: 'agent',
      attributes: AGENT,
      below: [call('x', { statusCode: ERROR }), call('y')],
    });
    expect(recordOf('x', spans)).toMatchObject({ status: 'error', outcome: 'ok' });
  });

  it('is not that of a workflow around several actions', () => {
    const action = (id: string): TreeSpan => ({
      id: `agent-${id}`,
      attributes: { ...AGENT, 'spanledger.action.id': id },
      below: [call(id)],
    });
    const spans = tree({
      id: 'flow',
      attributes: { 'gen_ai.operation.name': 'invoke_workflow' },
      statusCode: ERROR,
      below: [action('a'), action('b')],
    });
    expect(recordOf('a', spans)).toMatchObject({ actionId: 'a', outcome: 'ok' });
  });
});

describe('usage of the past', () => {
  it('says with which batch it came, and whether it burns credits', () => {
    const mode = (value: string) =>
      recordOf(
        'x',
        tree({
          id: 'root',
          attributes: { 'spanledger.import.batch': 'march', 'spanledger.import.mode': value },
          below: [call('x')],
        }),
      );
    expect(mode('cost_only')).toMatchObject({ importBatch: 'march', isCostOnly: true });
    expect(mode('charge')).toMatchObject({ importBatch: 'march', isCostOnly: false });
    expect(recordOf('x', tree(call('x')))).toMatchObject({ importBatch: null, isCostOnly: false });
  });
});
