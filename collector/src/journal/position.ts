/**
 * A place in the journal. `segment` is the segment's id: the epoch milliseconds of its creation, raised by one where
 * needed so that ids strictly increase. A journal folder that was deleted therefore starts again above every position
 * that a ledger has committed. `offset` counts bytes from the start of the segment file.
 */
export interface JournalPosition {
  readonly segment: number;
  readonly offset: number;
}

/** Before every record there is or was. Read from here, the journal makes no claim about what earlier segments held. */
export const JOURNAL_START: JournalPosition = { segment: 0, offset: 0 };

/** Negative when `a` comes before `b`, 0 when they are the same place, positive when `a` comes after. */
export function comparePositions(a: JournalPosition, b: JournalPosition): number {
  return a.segment - b.segment || a.offset - b.offset;
}
