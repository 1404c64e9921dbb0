import { bears, type LabelField } from '../labels.ts';
import { isDeveloperTool } from '../observation.ts';
import { byKey, type Forest, type Node } from './forest.ts';
import { DisjointSets } from './linked.ts';

/** Of a node, the labelled span of its trace that ran when it began; see `Bearers.inTime`. */
export type Running = (node: Node, field: LabelField) => Node | null;

/** Spans of which some answer the others, in one trace, or of one service in it. */
interface Circle {
  readonly asking: Node[];
  readonly bearers: Node[];
  /** Made when a field is first asked for: by the index of who asks. */
  readonly answers: { [Field in LabelField]?: ReadonlyMap<number, Node> };
}

/**
 * Asked only where the way up is broken, so nothing is made before; then it is made for all spans of a trace at once.
 * A developer's tool answers the spans of its own service only.
 */
export function running(forest: Forest): Running {
  let circles: ReadonlyMap<string, Circle> | null = null;
  const answer = (name: string, node: Node, field: LabelField): Node | null => {
    circles ??= circlesIn(forest);
    const circle = circles.get(name);
    if (circle === undefined) return null;
    circle.answers[field] ??= shortestRunning(
      circle.asking,
      circle.bearers.filter(({ observation }) => observation.labels[field] !== undefined),
    );
    return circle.answers[field].get(node.index) ?? null;
  };
  return (node, field) => {
    // Alone in the world, as a call often is whose parent is on its way.
    if (forest.nodes.length === 1) return null;
    const one = answer(node.observation.traceId, node, field);
    const other = answer(toolsAround(node), node, field);
    if (one === null || other === null) return one ?? other;
    return byDuration(one, other) < 0 ? one : other;
  };
}

/** Only those in which somebody bears labels for others. */
function circlesIn({ nodes }: Forest): ReadonlyMap<string, Circle> {
  const circles = new Map<string, Circle>();
  for (const node of nodes) {
    const { observation } = node;
    if (observation.kind === 'call' || !bears(observation.labels)) continue;
    const name = isDeveloperTool(observation) ? toolsAround(node) : observation.traceId;
    const circle = circles.get(name) ?? { asking: [], bearers: [], answers: {} };
    circle.bearers.push(node);
    circles.set(name, circle);
  }
  if (circles.size === 0) return circles;
  for (const node of nodes) {
    circles.get(node.observation.traceId)?.asking.push(node);
    circles.get(toolsAround(node))?.asking.push(node);
  }
  return circles;
}

/** The name of the circle of a service in one trace; a span without one is of another than any that has a name. */
function toolsAround({ observation: { traceId, service } }: Node): string {
  return service === null ? `${traceId}/` : `${traceId}/=${service}`;
}

/**
 * The shortest bearers take first all who began while they ran; whoever has been taken is stepped over from then on,
 * so everyone is looked at about once, however many bearers there are.
 */
function shortestRunning(asking: readonly Node[], bearers: readonly Node[]): ReadonlyMap<number, Node> {
  const taken = new Map<number, Node>();
  if (bearers.length === 0) return taken;
  const inOrder = [...asking].sort((one, other) => startOf(one) - startOf(other));
  const free = new DisjointSets(inOrder.length + 1);
  for (const bearer of [...bearers].sort(byDuration)) {
    const { startTimeMicros, endTimeMicros } = bearer.observation;
    for (let next = free.find(firstFrom(inOrder, startTimeMicros)); ; next = free.find(next)) {
      const node = inOrder[next];
      if (node === undefined || startOf(node) > endTimeMicros) break;
      taken.set(node.index, bearer);
      free.join(next, next + 1);
    }
  }
  return taken;
}

/** The place of the first that began at this time or later. */
function firstFrom(inOrder: readonly Node[], timeMicros: number): number {
  let low = 0;
  let high = inOrder.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const node = inOrder[middle];
    if (node !== undefined && startOf(node) < timeMicros) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byDuration(one: Node, other: Node): number {
  return durationOf(one) - durationOf(other) || byKey(one, other);
}

function startOf({ observation }: Node): number {
  return observation.startTimeMicros;
}

function durationOf({ observation }: Node): number {
  return observation.endTimeMicros - observation.startTimeMicros;
}
