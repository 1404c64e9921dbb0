import { isDeepStrictEqual } from 'node:util';
import { GrowingAction, type SpanKey } from '@spanledger/metering';
import { actionText, type HeldLeaf } from './action.ts';
import type { Leaf } from './charging.ts';
import type { HeldAction, NamedAction } from './store.ts';
import { isSameCharge, type StoredCharge, type StoredRating } from './stored-rating.ts';

/** An action that an app has named, whole: all its calls, whatever traces they are in. */
export class OpenAction {
  readonly key: NamedAction;
  /** False: the ledger may hold calls of it that are not here yet. */
  isLoaded: boolean;
  readonly leaves = new Map<SpanKey, NamedLeaf>();
  /** What each of them bears. */
  readonly calls = new GrowingAction();
  /** What is due for calls for which something else, or nothing, is posted. */
  readonly #due = new Map<SpanKey, StoredCharge>();

  constructor(key: NamedAction, isLoaded: boolean) {
    this.key = key;
    this.isLoaded = isLoaded;
  }

  set(leaf: NamedLeaf): void {
    const { key } = leaf.leaf;
    const before = this.leaves.get(key)?.leaf ?? null;
    this.leaves.set(key, leaf);
    // A call that is decided or posted anew mostly counts for the action what it counted before.
    if (!isDeepStrictEqual(before, leaf.leaf)) this.calls.change(before, leaf.leaf);
  }

  /** What is posted for a call is not what was found here: all that follows is compared again. */
  rerated(leaf: NamedLeaf): void {
    const { key } = leaf.leaf;
    this.calls.change(this.leaves.get(key)?.leaf ?? null, leaf.leaf);
    this.leaves.set(key, leaf);
    this.#due.delete(key);
  }

  remove(key: SpanKey): void {
    const before = this.leaves.get(key);
    if (before === undefined) return;
    this.calls.change(before.leaf, null);
    this.leaves.delete(key);
    this.#due.delete(key);
  }

  setDue(key: SpanKey, charge: StoredCharge): void {
    const posted = this.leaves.get(key)?.posted ?? null;
    if (posted !== null && isSameCharge(posted, charge)) this.#due.delete(key);
    else this.#due.set(key, charge);
  }

  /** Null: nothing but what is posted. */
  dueFor(key: SpanKey): StoredCharge | null {
    return this.#due.get(key) ?? null;
  }

  posted(leaf: NamedLeaf): void {
    this.set(leaf);
    this.#due.delete(leaf.leaf.key);
  }
}

export interface NamedLeaf extends Leaf {
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * The named actions in memory: those of the open batch and the most recent of the settled ones. The calls of an action
 * without a name are all in one trace, which the trace window has.
 */
export class ActionWindow {
  readonly #maxLeaves: number;
  /** The least recently touched first. */
  readonly #actions = new Map<string, OpenAction>();
  #leaves = 0;

  constructor({ maxLeaves }: { readonly maxLeaves: number }) {
    this.#maxLeaves = maxLeaves;
  }

  /** @param mayBeHeld asked only for an action that is not in memory */
  open(key: NamedAction, mayBeHeld: () => boolean): OpenAction {
    const text = actionText(key);
    let action = this.#actions.get(text);
    if (action === undefined) action = new OpenAction(key, !mayBeHeld());
    else this.#actions.delete(text);
    this.#actions.set(text, action);
    return action;
  }

  find(key: NamedAction): OpenAction | null {
    return this.#actions.get(actionText(key)) ?? null;
  }

  /** What the ledger holds of it; what is here already is newer. */
  load(action: OpenAction, held: readonly HeldAction[]): void {
    action.isLoaded = true;
    for (const { traceId, spanId, leaf, rating } of held) {
      if (action.leaves.has(leaf.leaf.key)) continue;
      this.set(action, { traceId, spanId, leaf: leaf.leaf, posted: rating });
    }
  }

  set(action: OpenAction, leaf: NamedLeaf): void {
    const before = action.leaves.size;
    action.set(leaf);
    this.#leaves += action.leaves.size - before;
  }

  /** A call of an action was rated again; of actions that are not in memory nothing need be known. */
  rerated({ action: key, leaf }: HeldLeaf, rating: StoredRating): void {
    const action = this.#actions.get(actionText(key));
    const before = action?.leaves.get(leaf.key);
    if (action !== undefined && before !== undefined) {
      action.rerated({ ...before, leaf, posted: rating });
    }
  }

  remove(action: OpenAction, key: SpanKey): void {
    const before = action.leaves.size;
    action.remove(key);
    this.#leaves += action.leaves.size - before;
  }

  /** Lets the least recently touched actions go until there is room again. Only between two batches. */
  shrink(): void {
    for (const [text, action] of this.#actions) {
      if (this.#leaves <= this.#maxLeaves) return;
      this.#actions.delete(text);
      this.#leaves -= action.leaves.size;
    }
  }
}
