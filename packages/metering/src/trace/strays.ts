import type { Node } from './forest.ts';

/** The tops of trees that lost the span above them. */
export interface Strays {
  /**
   * Whether the missing parent of one of them may be a span below this node: in its trace, and running at the same
   * time. Better to miss the usage of a container than to double it.
   */
  mayBeBelow(node: Node): boolean;
}

export const NO_STRAYS: Strays = { mayBeBelow: () => false };

/**
 * Any number of containers may ask for any number of strays, so the strays of a trace are put in order when the first
 * asks; mostly nobody does.
 */
export function straysAmong(tops: ReadonlySet<Node>): Strays {
  let inTrace: ReadonlyMap<string, readonly StartedStray[]> | null = null;
  return {
    mayBeBelow({ observation: { traceId, startTimeMicros, endTimeMicros }, top }) {
      inTrace ??= byTraceAndStart(tops);
      const strays = inTrace.get(traceId) ?? [];
      const last = strays[startedBy(strays, endTimeMicros) - 1];
      // Its own top cannot be missing above it.
      const latest = last?.endsLast === top ? last.endsNext : last?.endsLast;
      return latest != null && startTimeMicros <= latest.observation.endTimeMicros;
    },
  };
}

function byTraceAndStart(tops: ReadonlySet<Node>): ReadonlyMap<string, readonly StartedStray[]> {
  const byTrace = new Map<string, Node[]>();
  for (const top of tops) {
    const { traceId } = top.observation;
    const before = byTrace.get(traceId);
    if (before === undefined) byTrace.set(traceId, [top]);
    else before.push(top);
  }
  return new Map([...byTrace].map(([traceId, strays]) => [traceId, inOrderOfStart(strays)]));
}

/** A stray, and which of all that started until then end last: two, so that one of them can be left out. */
interface StartedStray {
  readonly startTimeMicros: number;
  readonly endsLast: Node;
  readonly endsNext: Node | null;
}

function inOrderOfStart(strays: Node[]): readonly StartedStray[] {
  const started: StartedStray[] = [];
  let endsLast: Node | null = null;
  let endsNext: Node | null = null;
  for (const stray of strays.sort(byStart)) {
    if (endsLast === null || endOf(stray) > endOf(endsLast)) {
      endsNext = endsLast;
      endsLast = stray;
    } else if (endsNext === null || endOf(stray) > endOf(endsNext)) {
      endsNext = stray;
    }
    started.push({ startTimeMicros: stray.observation.startTimeMicros, endsLast, endsNext });
  }
  return started;
}

/** How many of them started at this time or before. */
function startedBy(strays: readonly StartedStray[], timeMicros: number): number {
  let low = 0;
  let high = strays.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((strays[middle]?.startTimeMicros ?? 0) <= timeMicros) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byStart(one: Node, other: Node): number {
  return one.observation.startTimeMicros - other.observation.startTimeMicros;
}

function endOf(node: Node): number {
  return node.observation.endTimeMicros;
}
