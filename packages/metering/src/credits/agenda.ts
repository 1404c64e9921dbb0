/**
 * Instants at which something is to be done or looked at, ascending. A boundary begins a step of the account whatever
 * is found then, so that the same facts make the same steps; at the others there may be nothing to do any more.
 */
export class Agenda {
  readonly #instants: number[] = [];
  readonly #boundaries = new Set<number>();

  add(atMicros: number, isBoundary: boolean): void {
    if (isBoundary) this.#boundaries.add(atMicros);
    const instants = this.#instants;
    let index = instants.length;
    while (index > 0 && (instants[index - 1] ?? 0) > atMicros) index--;
    if (index === 0 || instants[index - 1] !== atMicros) instants.splice(index, 0, atMicros);
  }

  /** Infinity: nothing. */
  get nextMicros(): number {
    return this.#instants[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the next instant off; returns whether it is a boundary. */
  take(): boolean {
    const atMicros = this.#instants.shift();
    return atMicros !== undefined && this.#boundaries.delete(atMicros);
  }

  copy(): Agenda {
    const copy = new Agenda();
    for (const instant of this.#instants) copy.add(instant, this.#boundaries.has(instant));
    return copy;
  }
}
