import type { JournalPosition } from '../journal/index.ts';
import {
  type BatchCounts,
  type Damage,
  type DueTrace,
  type HeldTrace,
  type KeptSpan,
  type LedgerStore,
  type LinkedTrace,
  type LinkQuery,
  type Posting,
  type Quarantined,
  type Rejection,
  ranTogether,
  type TraceKey,
} from '../ledger/store.ts';

/** The in-memory twin of the DuckDB store: the same contract, for tests of what lies above it. */
export class MemoryStore implements LedgerStore {
  position: JournalPosition | null = null;
  readonly rejections: Rejection[] = [];
  readonly quarantined: Quarantined[] = [];
  readonly damages: Damage[] = [];
  readonly counts: BatchCounts[] = [];
  readonly #due = new Map<string, DueTrace>();
  readonly #traces = new Set<string>();
  readonly #links = new Set<number>();
  /** With those of the open batch at the end. */
  #spans: KeptSpan[] = [];
  #postings: Posting[] = [];
  #committed = { spans: 0, postings: 0 };
  #batch: (() => void)[] = [];

  get spans(): readonly KeptSpan[] {
    return this.#spans.slice(0, this.#committed.spans);
  }

  /** All that were committed; those that took the place of others come later. */
  get postings(): readonly Posting[] {
    return this.#postings.slice(0, this.#committed.postings);
  }

  /** What the ledger says now: the last posting for each span, in the order of the first. */
  get current(): readonly Posting[] {
    return lastOfEach(this.postings);
  }

  keep(span: KeptSpan): void {
    this.#spans.push(span);
  }

  post(posting: Posting): void {
    this.#postings.push(posting);
  }

  setDue({ tenant, traceId }: TraceKey, dueAtMicros: number | null): void {
    const key = keyOf({ tenant, traceId });
    this.#batch.push(() => {
      if (dueAtMicros === null) this.#due.delete(key);
      else this.#due.set(key, { tenant, traceId, dueAtMicros });
    });
  }

  reject(rejection: Rejection): void {
    this.#batch.push(() => this.rejections.push(rejection));
  }

  quarantine(span: Quarantined): void {
    this.#batch.push(() => this.quarantined.push(span));
  }

  damage(range: Damage): void {
    this.#batch.push(() => this.damages.push(range));
  }

  async commit(position: JournalPosition, counts: BatchCounts, _nowMillis: number): Promise<void> {
    for (const add of this.#batch) add();
    this.#batch = [];
    this.#committed = { spans: this.#spans.length, postings: this.#postings.length };
    this.counts.push(counts);
    this.position = position;
  }

  /** What a crash leaves: the committed part. */
  crash(): void {
    this.#batch = [];
    this.#spans = [...this.spans];
    this.#postings = [...this.postings];
    this.#traces.clear();
    this.#links.clear();
    for (const { tenant, kept, links } of this.spans) {
      this.#traces.add(keyOf({ tenant, traceId: kept.traceId }));
      for (const link of links) this.#links.add(link);
    }
  }

  mayHoldTrace(trace: TraceKey): boolean {
    const key = keyOf(trace);
    if (this.#traces.has(key)) return true;
    this.#traces.add(key);
    return false;
  }

  mayHoldLink(link: number): boolean {
    if (this.#links.has(link)) return true;
    this.#links.add(link);
    return false;
  }

  async loadTraces(traces: readonly TraceKey[]): Promise<readonly HeldTrace[]> {
    return traces.flatMap(({ tenant, traceId }) => {
      const spans = this.#spans.filter((span) => span.tenant === tenant && span.kept.traceId === traceId);
      const records = lastOfEach(this.#postings)
        .filter((posting) => posting.tenant === tenant && posting.metered.usage.traceId === traceId)
        .map(({ metered: { usage, transfer }, digest, replaces }) => ({
          spanId: usage.spanId,
          revision: (replaces?.revision ?? 0) + 1,
          eventTimeMicros: usage.eventTimeMicros,
          digest,
          booked: transfer === null ? null : { customer: transfer.customer, amount: transfer.amount },
        }));
      return spans.length + records.length === 0 ? [] : [{ tenant, traceId, spans, records }];
    });
  }

  async findLinked(queries: readonly LinkQuery[]): Promise<readonly LinkedTrace[]> {
    const found = new Map<string, LinkedTrace>();
    for (const { tenant, link, ...time } of queries) {
      for (const span of this.#spans) {
        if (span.tenant !== tenant || !span.links.includes(link) || !ranTogether(span.kept, time)) continue;
        const { traceId } = span.kept;
        found.set(`${link} ${keyOf({ tenant, traceId })}`, { tenant, traceId, link });
      }
    }
    return [...found.values()];
  }

  async loadDue(): Promise<readonly DueTrace[]> {
    return [...this.#due.values()];
  }
}

function lastOfEach(postings: readonly Posting[]): readonly Posting[] {
  const last = new Map<string, Posting>();
  for (const posting of postings) {
    const { traceId, spanId } = posting.metered.usage;
    last.set(`${keyOf({ tenant: posting.tenant, traceId })}/${spanId}`, posting);
  }
  return [...last.values()];
}

function keyOf({ tenant, traceId }: TraceKey): string {
  return JSON.stringify([tenant, traceId]);
}
