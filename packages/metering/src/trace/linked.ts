import type { Observation } from '../observation.ts';

/** Shorter ids are counters or constants of test servers, not identities. */
const MIN_ID_CHARACTERS = 8;

/**
 * A call is seen by a handful of traces: the app's, a gateway's, a broadcast's. What more of them share is a constant
 * (of a test server, of some gateways), and taking it for an identity would join all traces into one.
 */
export const MAX_TRACES_OF_A_LINK = 16;

/** The provider's id of the response, where it can be an identity. */
export function responseLink({ responseId }: Observation): string | null {
  return responseId !== null && responseId.length >= MIN_ID_CHARACTERS ? responseId : null;
}

/** The same for the id of the request. */
export function requestLink({ requestId }: Observation): string | null {
  return requestId !== null && requestId.length >= MIN_ID_CHARACTERS ? requestId : null;
}

/** For emitters that know neither id: question and answer, within one service. */
export function answerLink({ answer, service }: Observation): string | null {
  return answer === null ? null : `${service ?? ''}:${answer}`;
}

/**
 * The names under which another span may tell of the same call, in this trace or another: the id of the response,
 * the id of the request, and for emitters that know neither, a fingerprint of question and answer. Spans with a
 * common name need not be one call; `decide` looks at their times too.
 */
export function linkKeys(observation: Observation): readonly string[] {
  if (observation.kind !== 'call' && observation.kind !== 'candidate') return [];
  const response = responseLink(observation);
  const request = requestLink(observation);
  const answer = answerLink(observation);
  const keys: string[] = [];
  if (response !== null) keys.push(`response:${response}`);
  if (request !== null) keys.push(`request:${request}`);
  if (answer !== null) keys.push(`answer:${answer}`);
  return keys;
}

/**
 * Which observations must be decided together: those of one trace, and of all traces that link keys join, directly or
 * through a third; a key of more than `MAX_TRACES_OF_A_LINK` traces joins none. The groups, and the observations in
 * them, come in the order in which they were given.
 */
export function linkedGroups(observations: Iterable<Observation>): readonly (readonly Observation[])[] {
  const places = new Map<string, number>();
  const tracesByKey = new Map<string, Set<number>>();
  const all = [...observations];
  for (const observation of all) {
    const trace = placeOf(observation.traceId, places);
    for (const key of linkKeys(observation)) {
      const traces = tracesByKey.get(key);
      if (traces === undefined) tracesByKey.set(key, new Set([trace]));
      else traces.add(trace);
    }
  }

  const joined = new DisjointSets(places.size);
  for (const traces of tracesByKey.values()) {
    if (traces.size > MAX_TRACES_OF_A_LINK) continue;
    const [first = 0, ...others] = traces;
    for (const other of others) joined.join(first, other);
  }

  const groups = new Map<number, Observation[]>();
  for (const observation of all) {
    const group = joined.find(placeOf(observation.traceId, places));
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [observation]);
    else members.push(observation);
  }
  return [...groups.values()];
}

function placeOf(traceId: string, places: Map<string, number>): number {
  const before = places.get(traceId);
  if (before !== undefined) return before;
  places.set(traceId, places.size);
  return places.size - 1;
}

/** Sets of the numbers from 0 that only ever grow together. */
export class DisjointSets {
  readonly #above: number[] = [];

  /** Each number below `size` in a set of its own. */
  constructor(size: number) {
    for (let item = 0; item < size; item++) this.#above.push(item);
  }

  /** The number that stands for the whole set. */
  find(item: number): number {
    let top = item;
    for (let above = this.#aboveOf(top); above !== top; above = this.#aboveOf(top)) top = above;
    for (let below = item; below !== top; ) {
      const next = this.#aboveOf(below);
      this.#above[below] = top;
      below = next;
    }
    return top;
  }

  join(one: number, other: number): void {
    this.#above[this.find(one)] = this.find(other);
  }

  #aboveOf(item: number): number {
    return this.#above[item] ?? item;
  }
}
