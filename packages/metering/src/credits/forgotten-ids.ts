import { Hash53 } from '../hash.ts';

/** A power of two; eight bytes for each of the first ids. */
const SLOTS_AT_FIRST = 16;

/**
 * Ids that are not kept any more, by 32 bits of their hash: four to eight bytes each, where a customer may have 100,000
 * holds a day. It may take a new id for one of them (of a million, once in four thousand times), never the other way
 * round: who is told that an id may be among them looks where all of them are kept.
 */
export class ForgottenIds {
  /** 0: free. The place of a mark is told by the mark, so that they can be moved when more room is needed. */
  #marks = new Uint32Array(0);
  #count = 0;

  add(id: string): void {
    if (2 * (this.#count + 1) > this.#marks.length) this.#grow();
    if (put(this.#marks, markOf(id))) this.#count++;
  }

  /** False: it certainly is not among them. */
  mayHave(id: string): boolean {
    const mark = markOf(id);
    return this.#marks.length > 0 && this.#marks[slotOf(this.#marks, mark)] === mark;
  }

  #grow(): void {
    const marks = new Uint32Array(Math.max(SLOTS_AT_FIRST, 2 * this.#marks.length));
    for (const mark of this.#marks) if (mark !== 0) put(marks, mark);
    this.#marks = marks;
  }
}

/** False: it is there. */
function put(marks: Uint32Array, mark: number): boolean {
  const slot = slotOf(marks, mark);
  if (marks[slot] === mark) return false;
  marks[slot] = mark;
  return true;
}

/** Where the mark is, or would be: half of the slots are free, so the next free one is near. */
function slotOf(marks: Uint32Array, mark: number): number {
  const last = marks.length - 1;
  let slot = mark & last;
  while (marks[slot] !== 0 && marks[slot] !== mark) slot = (slot + 1) & last;
  return slot;
}

function markOf(id: string): number {
  return new Hash53().text(id).finish() >>> 0 || 1;
}
