import { comparePositions, JOURNAL_START, type JournalItem, type JournalPosition } from '../journal/index.ts';

/** Positions count bodies: nobody looks for them on a disk. */
const ITEM_BYTES = 1;
const SEGMENT = 1;

/** The journal of a simulation: bodies in memory, as they have arrived. */
export class BodyFeed {
  readonly #items: (JournalItem & { readonly kind: 'record' })[] = [];

  get end(): JournalPosition {
    return positionOf(this.#items.length);
  }

  add(body: Uint8Array, spans: number, receivedAtMillis: number): void {
    this.#items.push({
      kind: 'record',
      position: this.end,
      next: positionOf(this.#items.length + 1),
      receivedAtMillis,
      tenant: 'default',
      signal: 'traces',
      bodyType: 'json',
      bodyEncoding: 'identity',
      spans,
      body,
    });
  }

  async read(
    from: JournalPosition | null,
    limit: JournalPosition,
  ): Promise<{ items: JournalItem[]; next: JournalPosition }> {
    const first = from ?? JOURNAL_START;
    const items = this.#items
      .slice(first.segment < SEGMENT ? 0 : first.offset / ITEM_BYTES)
      .filter(({ next }) => comparePositions(next, limit) <= 0);
    return { items, next: items.at(-1)?.next ?? first };
  }
}

function positionOf(item: number): JournalPosition {
  return { segment: SEGMENT, offset: item * ITEM_BYTES };
}
