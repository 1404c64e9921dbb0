import { billedModel } from '@spanledger/metering';
import type { JournalPosition } from '../journal/index.ts';
import type { RatedUsage, RatedUsageReader, UsageSelection } from '../ledger/rated-usage.ts';
import type { RerateJob, RerateStep, RerateTally } from '../ledger/rerate-store.ts';
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
import { storedRating } from '../ledger/stored-rating.ts';

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

  readonly jobs = new Map<string, RerateJob>();
  readonly tallies: { readonly job: string; readonly tally: RerateTally }[] = [];

  readonly ratedUsage: RatedUsageReader = {
    count: async (selection) => this.#selected(selection).length,
    page: async (selection, maxRows) => {
      const usages = this.#selected(selection);
      const end = usages[maxRows]?.usage.eventTimeMicros;
      if (end === undefined) return { usages, nextMicros: null };
      const nextMicros = Math.max(end, selection.fromMicros + 1);
      return { usages: usages.filter(({ usage }) => usage.eventTimeMicros < nextMicros), nextMicros };
    },
  };

  #selected({ fromMicros, toMicros, model, scope }: UsageSelection): readonly RatedUsage[] {
    return this.current
      .map((posting) => ({
        row: this.#postings.indexOf(posting),
        tenant: posting.tenant,
        traceId: posting.metered.usage.traceId,
        spanId: posting.metered.usage.spanId,
        revision: (posting.replaces?.revision ?? 0) + 1,
        usage: posting.metered.usage,
        rating: storedRating(posting.metered, posting),
      }))
      .filter(
        ({ usage, rating }) =>
          usage.billingRole === 'billed' &&
          usage.eventTimeMicros >= fromMicros &&
          usage.eventTimeMicros < toMicros &&
          (model === null || billedModel(usage) === model) &&
          (scope === 'all' || rating.priceStatus === 'partial' || rating.priceStatus.startsWith('unpriced:')),
      )
      .sort((one, other) => one.usage.eventTimeMicros - other.usage.eventTimeMicros);
  }

  async loadOpenJobs(): Promise<readonly RerateJob[]> {
    return [...this.jobs.values()].filter(({ state }) => state === 'open');
  }

  async lastTriedBook(): Promise<string | null> {
    return [...this.jobs.values()].findLast(({ reason }) => reason === 'new_book')?.bookVersion ?? null;
  }

  async rerate({ jobs, reratings, tally, nowMillis }: RerateStep): Promise<void> {
    for (const { rated, metered, rating, transfers } of reratings) {
      const posting = this.#postings[rated.row];
      if (posting === undefined) throw new Error('a rating for a record that is not there');
      const { bookVersion, rulesVersion } = rating;
      const { usage } = posting.metered;
      this.#postings.push({
        ...posting,
        bookVersion,
        rulesVersion,
        metered: { ...metered, usage },
        transfers,
        recordedAtMillis: nowMillis,
        replaces: { revision: rated.revision, eventTimeMicros: usage.eventTimeMicros },
      });
    }
    this.#committed = { ...this.#committed, postings: this.#postings.length };
    for (const job of jobs) this.jobs.set(job.id, job);
    const [job] = jobs;
    if (tally !== null && job !== undefined) this.tallies.push({ job: job.id, tally });
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
