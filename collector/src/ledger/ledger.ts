import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Book, meter } from '@spanledger/metering';
import {
  comparePositions,
  type JournalItem,
  type JournalPosition,
  type JournalReader,
  type JournalRecord,
} from '../journal/index.ts';
import { inflate, readTraces, type ScanLimits, type WantedAttributes } from '../otlp/index.ts';
import type { CommitOutcome, LedgerStore } from './store.ts';

export interface LedgerLimits {
  readonly scan: ScanLimits;
  readonly maxInflatedBytes: number;
  /**
   * Rows of a commit under load: exactly one row group of DuckDB. A full row group is compressed into the file at
   * once and skips the write-ahead log.
   */
  readonly commitRows: number;
  /** Under load, a commit is not later than this after the one before. */
  readonly commitEveryMs: number;
  /** With nothing left to read, commits are at least this far apart; a row is readable well within a second. */
  readonly idleCommitMs: number;
  /** Commits that take long are further apart, to spend most of the time on metering; but never more than this. */
  readonly idleCommitMaxMs: number;
  /** Journal bytes read at a time. */
  readonly readBytes: number;
}

export const LEDGER_LIMITS = {
  commitRows: 122_880,
  commitEveryMs: 5000,
  idleCommitMs: 100,
  idleCommitMaxMs: 600,
  readBytes: 8 * 1024 * 1024,
} as const;

/** Conventions C16: an event further ahead of its arrival than this is not believed. */
const FUTURE_TOLERANCE_MICROS = 5 * 60 * 1_000_000;

export interface LedgerParts {
  readonly journal: Pick<JournalReader, 'read'>;
  readonly store: LedgerStore;
  readonly book: Book;
  readonly bookVersion: string;
  readonly wanted: WantedAttributes;
  readonly limits: LedgerLimits;
  readonly nowMillis: () => number;
  /** Called after each commit, with what became durable. */
  readonly onCommit: (committed: Committed) => void;
  /** Called for everything that a person should look at; never silent. */
  readonly onTrouble: (trouble: Trouble) => void;
}

export interface Committed extends CommitOutcome {
  readonly position: JournalPosition;
  readonly bodies: number;
  readonly spans: number;
  readonly durationMs: number;
}

export interface Trouble {
  readonly kind: 'journal_damage' | 'undecodable_body' | 'assertion_failed';
  readonly detail: string;
  readonly cause?: unknown;
}

/**
 * Follows the journal and turns it into the ledger: read, meter, post, commit. It knows no clock but the one it is
 * given and no process; `advance` is the only thing that happens to it from outside.
 */
export class Ledger {
  private readonly parts: LedgerParts;
  private durableEnd: JournalPosition;
  private readUpTo: JournalPosition | null;
  private counts = { bodies: 0, spans: 0, notModelCalls: 0 };
  private committing: Promise<void> = Promise.resolve();
  /** Where the newest commit ends, finished or not. */
  private inCommit: JournalPosition | null = null;
  private lastCommitStartMillis = 0;
  private lastCommitMillis = 0;
  private lastCommitDurationMs = 0;
  private wake = Promise.withResolvers<void>();
  private draining = false;

  constructor(parts: LedgerParts) {
    this.parts = parts;
    this.readUpTo = parts.store.position;
    this.durableEnd = parts.store.position ?? { segment: 0, offset: 0 };
  }

  /** The journal is on disk up to here; nothing past it is read. */
  advance(durableEnd: JournalPosition): void {
    if (comparePositions(durableEnd, this.durableEnd) <= 0) return;
    this.durableEnd = durableEnd;
    this.wake.resolve();
  }

  /** Posts everything up to the durable end, then `run` returns. */
  drain(): void {
    this.draining = true;
    this.wake.resolve();
  }

  /** Runs until drained. Rejects when the store fails: then the process must end, and a new one replays. */
  async run(): Promise<void> {
    for (;;) {
      const isBehind = await this.readSome();
      if (this.isCommitDue(isBehind)) {
        await this.committing;
        this.committing = this.commit();
        // With more to read, the engine writes this batch while the next one is metered.
        if (isBehind) this.committing.catch(() => {});
        else await this.committing;
      } else if (isBehind) await nextTurn();
      else if (this.draining) return await this.committing;
      else {
        await this.committing;
        await this.waitForNews();
      }
    }
  }

  /** Reads and posts a few megabytes of the journal; true when there may be more. */
  private async readSome(): Promise<boolean> {
    if (this.readUpTo !== null && comparePositions(this.readUpTo, this.durableEnd) >= 0) return false;
    const { items, next } = await this.parts.journal.read(
      this.readUpTo,
      this.durableEnd,
      this.parts.limits.readBytes,
    );
    for (const item of items) {
      this.postItem(item);
      // Metering is CPU work; queries and health checks of this process get their turn in between.
      await nextTurn();
    }
    const moved = this.readUpTo === null || comparePositions(next, this.readUpTo) > 0;
    this.readUpTo = next;
    return moved;
  }

  private postItem(item: JournalItem): void {
    if (item.kind === 'corrupt') {
      this.parts.store.damage({ position: item.from, bytes: item.bytes, reason: item.reason });
      this.parts.onTrouble({
        kind: 'journal_damage',
        detail: `${item.bytes} bytes of segment ${item.from.segment} at ${item.from.offset}: ${item.reason}`,
      });
      return;
    }
    this.counts.bodies++;
    this.counts.spans += item.spans;
    switch (item.signal) {
      case 'traces':
        this.postTraces(item);
        return;
      case 'logs':
        // The receiver takes no logs yet, so none can be in the journal.
        throw new Error('a logs record in the journal');
    }
  }

  private postTraces(record: JournalRecord): void {
    const { store, limits, wanted, book, bookVersion } = this.parts;
    const { tenant, receivedAtMillis } = record;
    const read = this.decode(record, limits, wanted);
    if (read === null) return;
    for (const span of read.rejected) store.reject({ tenant, receivedAtMillis, span });
    for (const span of read.spans) {
      const { traceId, spanId } = span;
      try {
        const metered = meter(span, book);
        if (metered === null) {
          this.counts.notModelCalls++;
        } else if (span.endTimeMicros > receivedAtMillis * 1000 + FUTURE_TOLERANCE_MICROS) {
          const content = JSON.stringify(metered.usage);
          store.quarantine({ tenant, receivedAtMillis, traceId, spanId, reason: 'event_in_future', content });
        } else {
          store.post({ tenant, receivedAtMillis, metered, bookVersion, rulesVersion: book.rules.version });
        }
      } catch (cause) {
        // An impossible state in the core: this span is kept aside, the others go on.
        const content = JSON.stringify({ name: span.name, error: String(cause) });
        store.quarantine({ tenant, receivedAtMillis, traceId, spanId, reason: 'assertion_failed', content });
        this.parts.onTrouble({ kind: 'assertion_failed', detail: `span ${traceId}/${spanId}`, cause });
      }
    }
  }

  /** The receiver has decoded the body once; should it fail now all the same, it is reported and kept as damage. */
  private decode(record: JournalRecord, limits: LedgerLimits, wanted: WantedAttributes) {
    try {
      const body = inflate(record.body, record.bodyEncoding, limits.maxInflatedBytes);
      return readTraces(body, record.bodyType, wanted, limits.scan);
    } catch (cause) {
      const { position } = record;
      const reason = `the body does not decode: ${cause instanceof Error ? cause.message : String(cause)}`;
      this.parts.store.damage({ position, bytes: record.body.byteLength, reason });
      this.parts.onTrouble({
        kind: 'undecodable_body',
        detail: `segment ${position.segment} at ${position.offset}`,
        cause,
      });
      return null;
    }
  }

  private isCommitDue(isBehind: boolean): boolean {
    const { store, limits, nowMillis } = this.parts;
    if (!this.hasUncommitted()) return false;
    if (isBehind) {
      const sinceStartMs = nowMillis() - this.lastCommitStartMillis;
      return store.pending >= limits.commitRows || sinceStartMs >= limits.commitEveryMs;
    }
    return this.draining || nowMillis() - this.lastCommitMillis >= this.idlePauseMs();
  }

  /** Four times as long as the last commit took, so that commits use at most a fifth of the time. */
  private idlePauseMs(): number {
    const { idleCommitMs, idleCommitMaxMs } = this.parts.limits;
    return Math.min(Math.max(idleCommitMs, 4 * this.lastCommitDurationMs), idleCommitMaxMs);
  }

  /** Something was read that neither a finished nor a running commit covers. */
  private hasUncommitted(): boolean {
    const covered = this.inCommit ?? this.parts.store.position;
    return this.readUpTo !== null && (covered === null || comparePositions(this.readUpTo, covered) > 0);
  }

  /** Everything up to its first pause belongs to this batch; what is posted after that belongs to the next. */
  private async commit(): Promise<void> {
    const { store, nowMillis, onCommit } = this.parts;
    const position = this.readUpTo;
    if (position === null) return;
    const started = nowMillis();
    const counts = this.counts;
    this.counts = { bodies: 0, spans: 0, notModelCalls: 0 };
    this.inCommit = position;
    this.lastCommitStartMillis = started;
    const outcome = await store.commit(position, counts, started);
    this.lastCommitMillis = nowMillis();
    this.lastCommitDurationMs = this.lastCommitMillis - started;
    const { bodies, spans } = counts;
    onCommit({ ...outcome, position, bodies, spans, durationMs: this.lastCommitDurationMs });
  }

  /** Until the journal grows, or a batch that is too young to commit has come of age. */
  private async waitForNews(): Promise<void> {
    const dueInMs = this.lastCommitMillis + this.idlePauseMs() - this.parts.nowMillis();
    const timer = this.hasUncommitted()
      ? setTimeout(() => this.wake.resolve(), Math.max(1, dueInMs))
      : undefined;
    await this.wake.promise;
    clearTimeout(timer);
    this.wake = Promise.withResolvers<void>();
  }
}
