import {
  comparePositions,
  JOURNAL_START,
  type JournalItem,
  type JournalPosition,
} from '../../journal/index.ts';
import { encodeTraces, type TracesRequest } from '../../otlp/testing/bodies.ts';

/** Every item of the journal in memory takes this many bytes of its one segment. */
export const ITEM_BYTES = 100;

/** 2026-11-22T12:00:00Z. */
export const NOON = Date.UTC(2026, 10, 22, 12);

export interface ArrivedBody {
  readonly body: Uint8Array;
  readonly spans?: number;
  readonly tenant?: string;
  readonly receivedAtMillis?: number;
  readonly bodyType?: 'protobuf' | 'json';
}

/** A journal of one segment that is only read: the ledger's port, with a note of what was asked of it. */
export class MemoryJournal {
  readonly items: JournalItem[] = [];
  readonly limits: JournalPosition[] = [];
  /** Called after each read, before the ledger sees what was read. */
  onRead: () => void = () => {};

  get end(): JournalPosition {
    return at(this.items.length);
  }

  /** Up to the item with this number, counted from 0. */
  endOf(item: number): JournalPosition {
    return at(item + 1);
  }

  add({
    body,
    spans = 1,
    tenant = 'default',
    receivedAtMillis = NOON,
    bodyType = 'protobuf',
  }: ArrivedBody): this {
    this.items.push({
      kind: 'record',
      position: this.end,
      next: at(this.items.length + 1),
      receivedAtMillis,
      tenant,
      signal: 'traces',
      bodyType,
      bodyEncoding: 'identity',
      spans,
      body,
    });
    return this;
  }

  addRequest(request: TracesRequest, rest: Omit<ArrivedBody, 'body'> = {}): this {
    const spans = (request.resourceSpans ?? [])
      .flatMap(({ scopeSpans }) => scopeSpans ?? [])
      .reduce((sum, scope) => sum + (scope.spans?.length ?? 0), 0);
    return this.add({ body: encodeTraces(request), spans, ...rest });
  }

  addDamage(reason: string): this {
    const to = at(this.items.length + 1);
    this.items.push({ kind: 'corrupt', from: this.end, to, bytes: ITEM_BYTES, reason });
    return this;
  }

  async read(from: JournalPosition | null, limit: JournalPosition, maxBytes: number) {
    this.limits.push(limit);
    const items: JournalItem[] = [];
    let next = from ?? JOURNAL_START;
    for (const item of this.items.slice(next.offset / ITEM_BYTES)) {
      const end = item.kind === 'record' ? item.next : item.to;
      if (comparePositions(end, limit) > 0 || items.length * ITEM_BYTES >= maxBytes) break;
      items.push(item);
      next = end;
    }
    this.onRead();
    return { items, next };
  }
}

function at(item: number): JournalPosition {
  return { segment: 1, offset: item * ITEM_BYTES };
}
