import { describe, expect, it } from 'vitest';
import { aPosting } from '../store/testing/postings.ts';
import { actionOf, leafOf } from './action.ts';
import { ActionWindow, type NamedLeaf, type OpenAction } from './action-window.ts';
import type { HeldAction, NamedAction } from './store.ts';

const TRACE = 'a'.repeat(32);

function hex(number: number): string {
  return number.toString(16).padStart(16, '0');
}

function aKey(actionId: string): NamedAction {
  return { tenant: 'default', customer: 'cus_acme', actionId, traceId: null, feature: null };
}

function aLeaf(span: number, credits = 5_000_000n): NamedLeaf {
  const { usage, rating } = aPosting({ spanId: hex(span), actionId: 'act_1' }, { credits });
  return { traceId: TRACE, spanId: hex(span), leaf: leafOf(usage, rating.cost), posted: rating };
}

function held(span: number, credits?: bigint): HeldAction {
  const { usage } = aPosting({ spanId: hex(span), actionId: 'act_1' });
  const found = actionOf(usage, 'default');
  if (found.kind === 'none') throw new Error('the usage of this test is part of an action');
  const { leaf, posted } = aLeaf(span, credits);
  if (posted === null) throw new Error('it is posted');
  return { traceId: TRACE, spanId: hex(span), leaf: { action: found.action, leaf }, rating: posted };
}

function creditsIn({ leaves }: OpenAction): (bigint | null | undefined)[] {
  return [...leaves.values()].map(({ posted }) => posted?.credits);
}

describe('the window of actions', () => {
  it('asks the store once whether it holds any of an action', () => {
    const window = new ActionWindow({ maxLeaves: 9 });
    let asked = 0;
    const mayBeHeld = () => {
      asked++;
      return true;
    };
    const action = window.open(aKey('act_1'), mayBeHeld);
    expect(action.isLoaded).toBe(false);
    expect(window.open(aKey('act_1'), mayBeHeld)).toBe(action);
    expect(asked).toBe(1);
    expect(window.open(aKey('act_2'), () => false).isLoaded).toBe(true);
    expect(window.find(aKey('act_3'))).toBeNull();
  });

  it('adds what the store holds to what is here, and what is here is newer', () => {
    const window = new ActionWindow({ maxLeaves: 9 });
    const action = window.open(aKey('act_1'), () => true);
    window.set(action, aLeaf(1, 9_000_000n));
    window.load(action, [held(1, 1_000_000n), held(2, 2_000_000n)]);
    expect(action.isLoaded).toBe(true);
    expect(creditsIn(action)).toEqual([9_000_000n, 2_000_000n]);
  });

  it('lets the least recently touched actions go, whole, until there is room again', () => {
    const window = new ActionWindow({ maxLeaves: 3 });
    for (const id of ['act_1', 'act_2', 'act_3']) {
      const action = window.open(aKey(id), () => false);
      window.set(action, aLeaf(1));
      window.set(action, aLeaf(2));
      // The same call again takes no more room.
      window.set(action, aLeaf(2));
    }
    window.open(aKey('act_1'), () => false);
    window.shrink();
    expect(['act_1', 'act_2', 'act_3'].map((id) => window.find(aKey(id)) !== null)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('counts what has left an action no more', () => {
    const window = new ActionWindow({ maxLeaves: 1 });
    const action = window.open(aKey('act_1'), () => false);
    window.set(action, aLeaf(1));
    window.set(action, aLeaf(2));
    window.remove(action, aLeaf(2).leaf.key);
    window.remove(action, aLeaf(2).leaf.key);
    window.shrink();
    expect(window.find(aKey('act_1'))).toBe(action);
  });

  it('learns what a call was rated again to, but of none that it does not have', () => {
    const window = new ActionWindow({ maxLeaves: 9 });
    const action = window.open(aKey('act_1'), () => false);
    window.set(action, aLeaf(1));
    for (const span of [1, 2]) window.rerated(held(span).leaf, held(span, 8_000_000n).rating);
    expect(creditsIn(action)).toEqual([8_000_000n]);
    window.rerated({ ...held(1).leaf, action: aKey('act_9') }, held(1).rating);
    expect(window.find(aKey('act_9'))).toBeNull();
  });
});
