import { completeness, keyOf, type Observation } from '../observation.ts';
import type { SpanKey } from '../usage.ts';

/** An observation in its place in the tree of its trace. */
export interface Node {
  readonly key: SpanKey;
  readonly observation: Observation;
  /** Its own among the nodes of the forest: what is found out about nodes is kept in arrays with these places. */
  readonly index: number;
  readonly parent: Node | null;
  readonly children: readonly Node[];
  /** It names a parent that is not there: never sent, not here yet, or in another system. */
  readonly isOrphan: boolean;
  /** Steps to its top; deeper is closer to the provider. */
  readonly depth: number;
  /** The uppermost span that can be reached. */
  readonly top: Node;
}

const NO_CHILDREN: readonly GrowingNode[] = [];

/** A node while its tree grows; afterwards nobody changes it. */
class GrowingNode implements Node {
  /** The best of the copies that came. */
  observation: Observation;
  index = 0;
  parent: GrowingNode | null = null;
  isOrphan = false;
  depth = 0;
  top: GrowingNode = this;
  #children: GrowingNode[] | null = null;

  constructor(observation: Observation) {
    this.observation = observation;
  }

  /** Put together when it is asked for: most nodes never are. */
  get key(): SpanKey {
    return keyOf(this.observation);
  }

  get children(): readonly GrowingNode[] {
    return this.#children ?? NO_CHILDREN;
  }

  adopt(child: GrowingNode): void {
    child.parent = this;
    if (this.#children === null) this.#children = [child];
    else this.#children.push(child);
  }

  /** Its parent forgets it, too. */
  cutOff(): void {
    if (this.parent !== null) this.parent.#forget(this);
    this.parent = null;
    this.isOrphan = true;
  }

  #forget(child: GrowingNode): void {
    this.#children?.splice(this.#children.indexOf(child), 1);
  }
}

/** The trees of some traces, in an order that does not depend on how the spans arrived. */
export interface Forest {
  /** Every node, parents before their children. */
  readonly nodes: readonly Node[];
}

export function grow(observations: Iterable<Observation>): Forest {
  const all = [...observations];
  const [first] = all;
  if (first !== undefined && all.length === 1) return { nodes: [alone(first)] };
  const nameOf = namingOf(all);
  const byName = new Map<string, GrowingNode>();
  for (const observation of all) {
    const name = nameOf(observation);
    const node = byName.get(name);
    if (node === undefined) byName.set(name, new GrowingNode(observation));
    else if (isBetter(observation, node.observation)) node.observation = observation;
  }
  const nodes = [...byName.values()].sort(inOrder);
  for (const node of nodes) attach(node, byName, nameOf);
  let ordered = fromTheTops(nodes);
  if (ordered.length < nodes.length) {
    cutCycles(nodes);
    ordered = fromTheTops(nodes);
  }
  return { nodes: ordered };
}

/** Most traces are one call; there is nothing to look up in them. */
function alone(observation: Observation): Node {
  const node = new GrowingNode(observation);
  node.isOrphan = observation.parentSpanId !== null;
  return node;
}

/**
 * Which of two copies of one span counts: the more complete; of those, the one with the later end, then the one that
 * says more.
 */
function isBetter(one: Observation, other: Observation): boolean {
  if (one === other) return false;
  const difference =
    completeness(one) - completeness(other) ||
    one.endTimeMicros - other.endTimeMicros ||
    (one.usage?.detail ?? -1) - (other.usage?.detail ?? -1);
  return difference === 0 ? JSON.stringify(one) > JSON.stringify(other) : difference > 0;
}

/** By start, then by key: a total order, and the one in which people read a trace. */
function inOrder(one: Node, other: Node): number {
  return one.observation.startTimeMicros - other.observation.startTimeMicros || byKey(one, other);
}

interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** Within one trace, which is nearly always, the id of a span names it, without a key that must be put together. */
function namingOf(all: readonly Observation[]): (ids: SpanIds) => string {
  const traceId = all[0]?.traceId;
  const isOneTrace = all.every((observation) => observation.traceId === traceId);
  return isOneTrace ? ({ spanId }) => spanId : keyOf;
}

function attach(
  node: GrowingNode,
  byName: ReadonlyMap<string, GrowingNode>,
  nameOf: (ids: SpanIds) => string,
): void {
  const { traceId, parentSpanId } = node.observation;
  if (parentSpanId === null) return;
  const parent = byName.get(nameOf({ traceId, spanId: parentSpanId }));
  if (parent === undefined || parent === node) node.isOrphan = true;
  else parent.adopt(node);
}

/** Spans that are each other's parents are no tree. The first of them, in order, is taken as one without a parent. */
function cutCycles(nodes: readonly GrowingNode[]): void {
  const settled = new Set<GrowingNode>();
  for (const start of nodes) {
    const path = new Set<GrowingNode>();
    let node: GrowingNode | null = start;
    while (node !== null && !settled.has(node)) {
      if (path.has(node)) {
        node.cutOff();
        break;
      }
      path.add(node);
      node = node.parent;
    }
    for (const seen of path) settled.add(seen);
  }
}

/** The nodes that can be reached from a top; in a cycle there is none. */
function fromTheTops(nodes: readonly GrowingNode[]): readonly GrowingNode[] {
  const ordered = nodes.filter(({ parent }) => parent === null);
  for (let index = 0; index < ordered.length; index++) {
    const node = ordered[index];
    if (node === undefined) break;
    node.index = index;
    for (const child of node.children) {
      child.depth = node.depth + 1;
      child.top = node.top;
      ordered.push(child);
    }
  }
  return ordered;
}

/** Which of two comes first where nothing else tells them apart. */
export function byKey(one: Node, other: Node): number {
  const [mine, theirs] = [one.observation, other.observation];
  return compare(mine.traceId, theirs.traceId) || compare(mine.spanId, theirs.spanId);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
