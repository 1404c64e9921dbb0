import type { UsageRecord } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { aUsage } from '../store/testing/postings.ts';
import { actionLink, actionOf, actionText, isSameAction, leafOf } from './action.ts';

function keyOf(changes: Partial<UsageRecord> = {}, tenant = 'default') {
  const found = actionOf(aUsage(changes), tenant);
  if (found.kind === 'none') throw new Error('the usage of this test is part of an action');
  return found.action;
}

const OTHER_TRACE = 'b'.repeat(32);

describe('a usage', () => {
  it.each<[string, string, Partial<UsageRecord>]>([
    ['it only repeats others', 'not_billed', { billingRole: 'container' }],
    ['it waits', 'not_billed', { billingRole: 'pending' }],
    ['it is internal', 'internal', { usageClass: 'internal' }],
    ['it is a test', 'internal', { usageClass: 'test' }],
    ['it is a demonstration', 'internal', { usageClass: 'demo' }],
    ['it is of an administrator', 'internal', { usageClass: 'admin' }],
    ['nobody is known to pay', 'unattributed', { customer: null }],
    ['only its cost was imported', 'cost_only', { isCostOnly: true }],
  ])('is part of no action where %s', (_when, reason, changes) => {
    expect(actionOf(aUsage(changes), 'default')).toEqual({ kind: 'none', reason });
  });

  it('is part of one for customers and for those on trial', () => {
    expect(keyOf({ usageClass: 'trial' })).toEqual(keyOf({ usageClass: 'customer' }));
  });

  it('belongs with the calls of its feature in its trace, where the app names no action', () => {
    const one = keyOf();
    expect(isSameAction(one, keyOf({ spanId: 'b'.repeat(16) }))).toBe(true);
    const strangers = [
      keyOf({ feature: 'search' }),
      keyOf({ feature: null }),
      keyOf({ customer: 'cus_globex' }),
      keyOf({ traceId: OTHER_TRACE, actionId: OTHER_TRACE }),
      keyOf({}, 'other'),
    ];
    for (const other of strangers) {
      expect(isSameAction(one, other)).toBe(false);
      expect(actionText(one)).not.toBe(actionText(other));
    }
    expect(actionLink(one), 'the trace window has all of it').toBeNull();
  });

  it('belongs with all calls of the action that the app names, in any trace and of any feature', () => {
    const one = keyOf({ actionId: 'act_1' });
    const other = keyOf({ actionId: 'act_1', traceId: OTHER_TRACE, feature: 'search' });
    expect(isSameAction(one, other)).toBe(true);
    expect(actionText(one)).toBe(actionText(other));
    expect(actionLink(one)).toBe(actionLink(other));
    const strangers = [
      keyOf({ actionId: 'act_2' }),
      keyOf({ actionId: 'act_1', customer: 'cus_globex' }),
      keyOf({ actionId: 'act_1' }, 'other'),
    ];
    for (const stranger of strangers) expect(isSameAction(one, stranger)).toBe(false);
  });
});

describe('what an action depends on in a call', () => {
  it('are its counts, but not where they contradict each other', () => {
    expect(leafOf(aUsage(), 7n)).toMatchObject({ cost: 7n, tokens: { uncachedInput: 700 } });
    expect(leafOf(aUsage({ usageStatus: 'invalid' }), null)).toMatchObject({ cost: null, tokens: null });
  });
});
