import { keyOf, type Observation } from './observation.ts';
import type { SpanKey } from './usage.ts';

/** An observation in its place in the tree of its trace. */
export interface Node {
  readonly key: SpanKey;
  readonly observation: Observation;
  readonly parent: Node | null;
  readonly children: readonly Node[];
  /** It names a parent that is not there: never sent, not here yet, or in another system. */
  readonly isOrphan: boolean;
  /** Steps to its top; deeper is closer to the provider. */
  readonly depth: number;
  /** The uppermost span that can be reached. */
  readonly top: Node;
}

/** A node while its tree grows; afterwards nobody changes it. */
class GrowingNode implements Node {
  readonly key: SpanKey;
  readonly observation: Observation;
  parent: GrowingNode | null = null;
  readonly children: GrowingNode[] = [];
  isOrphan = false;
  depth = 0;
  top: GrowingNode = this;

  constructor(observation: Observation) {
    this.key = keyOf(observation);
    this.observation = observation;
  }
}

/** The trees of some traces, in an order that does not depend on how the spans arrived. */
export interface Forest {
  /** Every node, parents before their children. */
  readonly nodes: readonly Node[];
  readonly byKey: ReadonlyMap<SpanKey, Node>;
}

export function grow(observations: Iterable<Observation>): Forest {
  const nodes = distinct(observations).map((observation) => new GrowingNode(observation));
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  for (const node of nodes) attach(node, byKey);
  cutCycles(nodes);
  return { nodes: fromTheTops(nodes), byKey };
}

/**
 * One observation for each span. A span that comes twice with other content (some tools send it when it starts and
 * when it ends) counts as it was last: the later end, then the one that says more.
 */
function distinct(observations: Iterable<Observation>): Observation[] {
  const latest = new Map<SpanKey, Observation>();
  for (const observation of observations) {
    const key = keyOf(observation);
    const before = latest.get(key);
    if (before === undefined || (before !== observation && isLater(observation, before)))
      latest.set(key, observation);
  }
  return [...latest.values()].sort(inOrder);
}

function isLater(one: Observation, other: Observation): boolean {
  if (one.endTimeMicros !== other.endTimeMicros) return one.endTimeMicros > other.endTimeMicros;
  const detail = (one.usage?.detail ?? -1) - (other.usage?.detail ?? -1);
  return detail === 0 ? JSON.stringify(one) > JSON.stringify(other) : detail > 0;
}

/** By start, then by key: a total order, and the one in which people read a trace. */
function inOrder(one: Observation, other: Observation): number {
  return one.startTimeMicros - other.startTimeMicros || (keyOf(one) < keyOf(other) ? -1 : 1);
}

function attach(node: GrowingNode, byKey: ReadonlyMap<SpanKey, GrowingNode>): void {
  const { traceId, parentSpanId } = node.observation;
  if (parentSpanId === null) return;
  const parent = byKey.get(keyOf({ traceId, spanId: parentSpanId }));
  if (parent === undefined || parent === node) {
    node.isOrphan = true;
    return;
  }
  node.parent = parent;
  parent.children.push(node);
}

/** Spans that are each other's parents are no tree. The first of them, in order, is taken as one without a parent. */
function cutCycles(nodes: readonly GrowingNode[]): void {
  const settled = new Set<GrowingNode>();
  for (const start of nodes) {
    const path = new Set<GrowingNode>();
    let node: GrowingNode | null = start;
    while (node !== null && !settled.has(node)) {
      if (path.has(node)) {
        cut(node);
        break;
      }
      path.add(node);
      node = node.parent;
    }
    for (const seen of path) settled.add(seen);
  }
}

function cut(node: GrowingNode): void {
  const siblings = node.parent?.children ?? [];
  siblings.splice(siblings.indexOf(node), 1);
  node.parent = null;
  node.isOrphan = true;
}

function fromTheTops(nodes: readonly GrowingNode[]): GrowingNode[] {
  const ordered = nodes.filter(({ parent }) => parent === null);
  for (const node of ordered) {
    for (const child of node.children) {
      child.depth = node.depth + 1;
      child.top = node.top;
      ordered.push(child);
    }
  }
  return ordered;
}

/** The spans around one, nearest first. */
export function* ancestors(node: Node): Generator<Node> {
  for (let above = node.parent; above !== null; above = above.parent) yield above;
}

/** Which of two comes first where nothing else tells them apart. */
export function byKey(one: Node, other: Node): number {
  return one.key < other.key ? -1 : one.key > other.key ? 1 : 0;
}
