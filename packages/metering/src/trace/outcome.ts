import type { CallStatus } from '../usage.ts';
import type { Attribution } from './attribution.ts';
import type { Node } from './forest.ts';

/** The outermost gen-ai span of an action on the way up from a span. */
interface Outermost {
  readonly attribution: Pick<Attribution, 'actionId' | 'customer' | 'feature'>;
  readonly status: CallStatus;
}

/**
 * How the attempt ended that a call was made in. An agent that gave up has failed although some of its calls succeeded,
 * and one that recovered has not although some of them failed; so the outermost gen-ai span of the action tells. Nodes
 * are asked about parents first, as a forest has them.
 */
export class Outcomes {
  /** By the index of the node; a plain span is only a way to what is above it. */
  readonly #outermost: (Outermost | null)[] = [];

  passThrough(node: Node): void {
    this.#outermost[node.index] = this.#above(node);
  }

  of(node: Node, attribution: Attribution): CallStatus {
    const above = this.#above(node);
    const outermost =
      above !== null && isOneAction(above.attribution, attribution)
        ? above
        : { attribution, status: node.observation.status };
    this.#outermost[node.index] = outermost;
    return outermost.status;
  }

  #above({ parent }: Node): Outermost | null {
    return parent === null ? null : (this.#outermost[parent.index] ?? null);
  }
}

/** A span around the call may know less of who it works for than the call itself. */
function isOneAction(around: Outermost['attribution'], call: Outermost['attribution']): boolean {
  return (
    around.actionId === call.actionId &&
    (around.customer === null || around.customer === call.customer) &&
    (around.feature === null || around.feature === call.feature)
  );
}
