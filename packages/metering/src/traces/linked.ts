import type { Observation } from './observation.ts';

/** Shorter ids are counters or constants of test servers, not identities. */
const MIN_ID_CHARACTERS = 8;

/**
 * The names under which another span may tell of the same call, in this trace or another: the id of the response,
 * the id of the request, and for emitters that know neither, a fingerprint of question and answer. Spans with a
 * common name need not be one call; `decide` looks at their times too.
 */
export function linkKeys(observation: Observation): readonly string[] {
  const { kind, responseId, requestId, answer, service } = observation;
  if (kind !== 'call' && kind !== 'candidate') return [];
  const keys: string[] = [];
  if (responseId !== null && responseId.length >= MIN_ID_CHARACTERS) keys.push(`response:${responseId}`);
  if (requestId !== null && requestId.length >= MIN_ID_CHARACTERS) keys.push(`request:${requestId}`);
  if (answer !== null) keys.push(`answer:${service ?? ''}:${answer}`);
  return keys;
}

/**
 * Which observations must be decided together: those of one trace, and of all traces that link keys join, directly or
 * through a third. The groups, and the observations in them, come in the order in which they were given.
 */
export function linkedGroups(observations: Iterable<Observation>): readonly (readonly Observation[])[] {
  const all = [...observations];
  const traces = new DisjointSets<string>();
  for (const observation of all) {
    traces.add(`trace:${observation.traceId}`);
    for (const key of linkKeys(observation)) traces.join(`trace:${observation.traceId}`, key);
  }
  const groups = new Map<string, Observation[]>();
  for (const observation of all) {
    const group = traces.find(`trace:${observation.traceId}`);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [observation]);
    else members.push(observation);
  }
  return [...groups.values()];
}

/** Sets that only ever grow together. */
export class DisjointSets<Item> {
  readonly #above = new Map<Item, Item>();

  add(item: Item): void {
    if (!this.#above.has(item)) this.#above.set(item, item);
  }

  /** The item that stands for the whole set. */
  find(item: Item): Item {
    let top = item;
    for (let above = this.#above.get(top); above !== undefined && above !== top; above = this.#above.get(top))
      top = above;
    let below = item;
    while (below !== top) {
      const next = this.#above.get(below) ?? top;
      this.#above.set(below, top);
      below = next;
    }
    return top;
  }

  join(one: Item, other: Item): void {
    this.add(one);
    this.add(other);
    this.#above.set(this.find(one), this.find(other));
  }
}
