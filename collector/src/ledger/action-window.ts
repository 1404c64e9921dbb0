import type { SpanKey } from '@spanledger/metering';
import { actionText, type HeldLeaf } from './action.ts';
import type { Leaf } from './charging.ts';
import type { HeldAction, NamedAction } from './store.ts';
import type { StoredRating } from './stored-rating.ts';

/** An action that an app has named, whole: all its calls, whatever traces they are in. */
export class OpenAction {
  readonly key: NamedAction;
  /** False: the ledger may hold calls of it that are not here yet. */
  isLoaded: boolean;
  readonly leaves = new Map<SpanKey, NamedLeaf>();

  constructor(key: NamedAction, isLoaded: boolean) {
    this.key = key;
    this.isLoaded = isLoaded;
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
    action.leaves.set(leaf.leaf.key, leaf);
    this.#leaves += action.leaves.size - before;
  }

  /** A call of an action was rated again; of actions that are not in memory nothing need be known. */
  rerated({ action: key, leaf }: HeldLeaf, rating: StoredRating): void {
    const action = this.#actions.get(actionText(key));
    const before = action?.leaves.get(leaf.key);
    if (action !== undefined && before !== undefined) {
      action.leaves.set(leaf.key, { ...before, leaf, posted: rating });
    }
  }

  remove(action: OpenAction, key: SpanKey): void {
    if (action.leaves.delete(key)) this.#leaves--;
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
