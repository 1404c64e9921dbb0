import {
  type AttributionSettings,
  type Book,
  type CreditRules,
  type Observation,
  type ObserveSettings,
  observe,
  observeLog,
  type Plans,
} from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import {
  comparePositions,
  type JournalItem,
  type JournalPosition,
  type JournalReader,
  type JournalRecord,
} from '../journal/index.ts';
import { inflate, readLogs, readTraces, type ScanLimits, type WantedAttributes } from '../otlp/index.ts';
import type { BookedAlert } from './account-store.ts';
import { Accounts, MAX_OPEN_ACCOUNTS } from './accounts.ts';
import { ActionWindow } from './action-window.ts';
import { ALERTS_TOLD_AGAIN_MS, Alerts } from './alerts.ts';
import { type CommandJournal, Commands } from './commands.ts';
import { factOf, factText } from './fact-text.ts';
import { MarginWatch } from './margin-watch.ts';
import type { RatingBook } from './rate-again.ts';
import { RERATE_SLICE_ROWS, type RerateRequest, Rerates } from './rerate.ts';
import type { RerateJob } from './rerate-store.ts';
import { type Settled, settle } from './settle.ts';
import type { BatchCounts, Damage, LedgerStore, Quarantined, Rejection } from './store.ts';
import { Sweep } from './sweep.ts';
import { TraceWindow } from './trace-window.ts';
import { Turns } from './turns.ts';

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
  /** Under load, what belongs together is decided after so many spans: later ones wait as objects meanwhile. */
  readonly settleSpans: number;
  /** And not later than this after the last time: a check knows only of what is decided. */
  readonly settleEveryMs: number;
  /** Spans of open traces that are kept in memory; older traces are read back from the store when they grow. */
  readonly openSpans: number;
  /** Accounts that are kept open; others are opened from the store when they are needed. */
  readonly openAccounts: number;
  /** Calls rated again between two batches. */
  readonly rerateRows: number;
  /** How long after its end a container waits for calls below it, before it bills itself. */
  readonly graceMs: number;
}

export const LEDGER_LIMITS = {
  commitRows: 122_880,
  commitEveryMs: 5000,
  idleCommitMs: 100,
  idleCommitMaxMs: 600,
  readBytes: 8 * 1024 * 1024,
  settleSpans: 8192,
  settleEveryMs: 200,
  openSpans: 300_000,
  openAccounts: MAX_OPEN_ACCOUNTS,
  rerateRows: RERATE_SLICE_ROWS,
  graceMs: 60_000,
} as const;

/**
 * An event as old as this comes from a clock that was never set, or from milliseconds that stand where nanoseconds
 * belong. Every month since then would become a period of the customer.
 */
const LONG_AGO_MICROS = 10 * 366 * 24 * 3_600_000_000;

/** Conventions C16: an event further ahead of its arrival than this is not believed. */
const FUTURE_TOLERANCE_MICROS = 5 * 60 * 1_000_000;

export interface LedgerParts {
  readonly journal: Pick<JournalReader, 'read'>;
  readonly store: LedgerStore;
  /** What the ledger begins with; see `useBook`. */
  readonly book: Book;
  readonly bookVersion: string;
  /** Credit rules of earlier configurations by their version, for usage that was charged by them. */
  readonly pastRules: ReadonlyMap<string, CreditRules>;
  readonly plans: Plans;
  readonly commands: CommandJournal;
  readonly wanted: WantedAttributes;
  readonly wantedOfLogs: WantedAttributes;
  /** Which names are labels for what. */
  readonly observing: ObserveSettings;
  /** What else decides who pays. */
  readonly attribution: AttributionSettings;
  readonly limits: LedgerLimits;
  readonly nowMillis: () => number;
  /** Names jobs; never the same twice. */
  readonly newId: () => string;
  /** Called after each commit, with what became durable. */
  readonly onCommit: (committed: Committed) => void;
  /** Called after each slice of a job, with how far it is. */
  readonly onRerated: (job: RerateJob) => void;
  /** Called with the alerts that have become durable; when the ledger is opened, with those of the last day again. */
  readonly onAlerts: (alerts: readonly BookedAlert[]) => void;
  /** Called for everything that a person should look at; never silent. */
  readonly onTrouble: (trouble: Trouble) => void;
}

export interface Committed extends Settled {
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

const NO_COUNTS: BatchCounts = {
  bodies: 0,
  spans: 0,
  notModelCalls: 0,
  posted: 0,
  corrected: 0,
  duplicates: 0,
  conflicts: 0,
};

/** What was read since the last settling, beside the spans: those wait in the window. */
interface OpenBatch {
  bodies: number;
  spans: number;
  notModelCalls: number;
  /** Spans that wait in the window. */
  arrivals: number;
  readonly rejections: Rejection[];
  readonly quarantined: Quarantined[];
  readonly damages: Damage[];
}

function emptyBatch(): OpenBatch {
  return {
    bodies: 0,
    spans: 0,
    notModelCalls: 0,
    arrivals: 0,
    rejections: [],
    quarantined: [],
    damages: [],
  };
}

/**
 * Follows the journal and turns it into the ledger: read, observe, settle what belongs together, commit. It knows no
 * clock but the one it is given and no process; `advance` is the only thing that happens to it from outside.
 */
export class Ledger {
  private readonly parts: LedgerParts;
  private readonly window: TraceWindow;
  private readonly actions: ActionWindow;
  readonly accounts: Accounts;
  readonly commands: Commands;
  readonly alerts: Alerts;
  readonly margins: MarginWatch;
  private readonly rerates: Rerates;
  private readonly sweep: Sweep;
  private readonly turns = new Turns();
  private book: Book;
  private bookInUse: RatingBook;
  private readonly knownRules: Map<string, CreditRules>;
  private durableEnd: JournalPosition;
  private readUpTo: JournalPosition | null;
  /** Read and not settled. */
  private batch = emptyBatch();
  /** Settled and not committed. */
  private counts = NO_COUNTS;
  private waitsForCommit = false;
  private committing: Promise<void> = Promise.resolve();
  /** Where the newest commit ends, finished or not. */
  private inCommit: JournalPosition | null = null;
  private lastSettleMillis = 0;
  private lastCommitStartMillis = 0;
  private lastCommitMillis = 0;
  private lastCommitDurationMs = 0;
  private wake = Promise.withResolvers<void>();
  /** It is known which accounts there are: what is asked of them before waits. */
  private readonly ready = Promise.withResolvers<void>();
  /** Something was booked that no span has brought. */
  private isChanged = false;
  /** Wait for what is booked to be in the file. */
  private nextCommit = Promise.withResolvers<void>();
  /** Wait for a moment in which nothing is being posted. */
  private exclusives: Exclusive[] = [];
  private draining = false;
  private hasEnded = false;

  constructor(parts: LedgerParts) {
    this.parts = parts;
    this.window = new TraceWindow({ maxSpans: parts.limits.openSpans });
    this.actions = new ActionWindow({ maxLeaves: parts.limits.openSpans });
    const onChange = () => this.noteChange();
    this.accounts = new Accounts({
      store: parts.store,
      plans: parts.plans,
      onBooked: onChange,
      maxOpen: parts.limits.openAccounts,
    });
    this.alerts = new Alerts({ accounts: this.accounts });
    this.margins = new MarginWatch({ accounts: this.accounts, alerts: this.alerts });
    this.sweep = new Sweep({
      accounts: this.accounts,
      alerts: this.alerts,
      onEnd: () => this.wake.resolve(),
    });
    this.commands = new Commands({
      accounts: this.accounts,
      store: parts.store,
      journal: parts.commands,
      nowMillis: parts.nowMillis,
      newId: parts.newId,
      factText,
      factOf,
      whenCommitted: () => this.whenCommitted(),
      exclusively: (work) => this.exclusively(work),
      onChange,
      onTrouble: (detail) => parts.onTrouble({ kind: 'journal_damage', detail }),
    });
    this.rerates = new Rerates({
      store: parts.store,
      window: this.window,
      actions: this.actions,
      accounts: this.accounts,
      newId: parts.newId,
      sliceRows: parts.limits.rerateRows,
      onStep: parts.onRerated,
    });
    this.knownRules = new Map(parts.pastRules);
    this.book = parts.book;
    this.bookInUse = this.inUse(parts.book, parts.bookVersion);
    this.readUpTo = parts.store.position;
    this.durableEnd = parts.store.position ?? { segment: 0, offset: 0 };
  }

  /** The journal is on disk up to here; nothing past it is read. */
  advance(durableEnd: JournalPosition): void {
    if (comparePositions(durableEnd, this.durableEnd) <= 0) return;
    this.durableEnd = durableEnd;
    this.wake.resolve();
  }

  /** From now on usage is rated by this book, and what had no price under the last one is tried again. */
  useBook(book: Book, version: string): void {
    this.book = book;
    this.bookInUse = this.inUse(book, version);
    this.wake.resolve();
  }

  /**
   * Rates usage of the past again while the journal is followed; resolves as soon as the job is durable.
   *
   * @throws {SpanledgerError} SL_RERATE_BUSY
   */
  rerate(request: RerateRequest): Promise<RerateJob> {
    const asked = this.rerates.request(request);
    this.wake.resolve();
    return asked;
  }

  /** What usage is rated by at this moment. */
  get currentBook(): RatingBook {
    return this.bookInUse;
  }

  private inUse({ catalogue, rules }: Book, version: string): RatingBook {
    this.knownRules.set(rules.version, rules);
    return {
      catalogue,
      rules,
      version,
      rulesOf: (of) => this.knownRules.get(of) ?? null,
      supposedRules: null,
      terms: this.accounts,
    };
  }

  /** Resolves when accounts can be asked and told something. */
  get whenReady(): Promise<void> {
    return this.ready.promise;
  }

  /**
   * Resolves when everything that was done to accounts before this call is in the file.
   *
   * @throws {SpanledgerError} SL_LEDGER_UNAVAILABLE when this process has made its last commit
   */
  async whenCommitted(): Promise<void> {
    if (this.isChanged && this.hasEnded) throw isStopping();
    await (this.isChanged ? this.nextCommit.promise : this.committing);
  }

  private noteChange(): void {
    if (this.isChanged) return;
    this.isChanged = true;
    this.wake.resolve();
  }

  /** Runs `work` between two batches: nothing is being posted meanwhile. */
  private exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.hasEnded) return Promise.reject(isStopping());
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.exclusives.push({ run: () => work().then(resolve, reject), refuse: reject });
    this.wake.resolve();
    return promise;
  }

  /** Posts everything up to the durable end, then `run` returns. */
  drain(): void {
    this.draining = true;
    this.wake.resolve();
  }

  /** What is in memory of open traces. */
  get openTraces(): { readonly traces: number; readonly spans: number } {
    return { traces: this.window.traces, spans: this.window.spans };
  }

  /** Runs until drained. Rejects when the store fails: then the process must end, and a new one replays. */
  async run(): Promise<void> {
    try {
      await this.follow();
    } finally {
      this.end();
    }
  }

  /** Nothing is posted or committed from now on: whoever waits for it is told, and so is whoever comes later. */
  private end(): void {
    this.hasEnded = true;
    this.rerates.refuseRequests();
    for (const { refuse } of this.exclusives.splice(0)) refuse(isStopping());
    // There need not be anybody who waits.
    this.nextCommit.promise.catch(() => {});
    this.nextCommit.reject(isStopping());
    this.ready.promise.catch(() => {});
    this.ready.reject(isStopping());
  }

  private async follow(): Promise<void> {
    for (const due of await this.parts.store.loadDue()) this.window.setDue(due, due.dueAtMicros);
    await this.rerates.load();
    await this.accounts.load();
    await this.commands.load();
    this.parts.onAlerts(await this.parts.store.loadAlerts(this.parts.nowMillis() - ALERTS_TOLD_AGAIN_MS));
    this.ready.resolve();
    for (;;) {
      for (const { run } of this.exclusives.splice(0)) await run();
      this.sweep.begin(this.parts.nowMillis());
      const isBehind = await this.readSome();
      if (this.isCommitDue(isBehind)) {
        await this.committing;
        this.lastCommitStartMillis = this.parts.nowMillis();
        await this.settleArrivals();
        this.committing = this.commit();
        const isRerating = this.isRerating();
        // With more to read, the engine writes this batch while the next one is observed.
        if (isBehind && !isRerating) this.committing.catch(() => {});
        else await this.committing;
        if (isRerating) await this.rerateSome();
      } else if (isBehind && this.isSettlingDue()) await this.settleArrivals();
      else if (isBehind) await this.turns.end();
      else {
        if (this.draining) await this.sweep.end();
        await this.committing;
        // What came while that was awaited is done, too.
        if (this.draining && this.isAsked()) continue;
        if (this.draining) return;
        if (this.isRerating() && !this.waitsForCommit) await this.rerateSome();
        else await this.waitForNews();
      }
    }
  }

  /** Something was booked or is to be done that no commit covers. */
  private isAsked(): boolean {
    return this.isChanged || this.exclusives.length > 0;
  }

  private isRerating(): boolean {
    return !this.draining && this.rerates.hasWork(this.bookInUse);
  }

  /** Between two batches: nothing that is settled waits for its commit. */
  private async rerateSome(): Promise<void> {
    await this.rerates.runSlice(this.bookInUse, this.parts.nowMillis());
  }

  /** Reads and observes a few megabytes of the journal; true when there may be more. */
  private async readSome(): Promise<boolean> {
    if (this.readUpTo !== null && comparePositions(this.readUpTo, this.durableEnd) >= 0) return false;
    const { items, next } = await this.parts.journal.read(
      this.readUpTo,
      this.durableEnd,
      this.parts.limits.readBytes,
    );
    for (const item of items) {
      await this.readItem(item);
      // Observing is CPU work; queries and health checks of this process get their turn in between.
      if (this.turns.isOver) await this.turns.end();
    }
    const moved = this.readUpTo === null || comparePositions(next, this.readUpTo) > 0;
    this.readUpTo = next;
    return moved;
  }

  private async readItem(item: JournalItem): Promise<void> {
    if (item.kind === 'corrupt') {
      this.batch.damages.push({ position: item.from, bytes: item.bytes, reason: item.reason });
      this.parts.onTrouble({
        kind: 'journal_damage',
        detail: `${item.bytes} bytes of segment ${item.from.segment} at ${item.from.offset}: ${item.reason}`,
      });
      return;
    }
    this.batch.bodies++;
    this.batch.spans += item.spans;
    switch (item.signal) {
      case 'traces':
        await this.readTraces(item);
        return;
      case 'logs':
        this.readLogs(item);
        return;
      case 'commands':
        throw new Error('commands have a journal of their own');
    }
  }

  private async readTraces(record: JournalRecord): Promise<void> {
    const { scan } = this.parts.limits;
    const read = this.decode(record, (body) => readTraces(body, record.bodyType, this.parts.wanted, scan));
    if (read === null) return;
    const { tenant, receivedAtMillis } = record;
    for (const span of read.rejected) this.batch.rejections.push({ tenant, receivedAtMillis, span });
    for (const span of read.spans) {
      this.observe(record, span, () => observe(span, this.parts.observing));
      if (this.turns.isOver) await this.turns.end();
    }
  }

  /** Log events of the tools that bill by them are observed like spans; all others say nothing here. */
  private readLogs(record: JournalRecord): void {
    const { wantedOfLogs, observing, limits } = this.parts;
    const read = this.decode(record, (body) => readLogs(body, record.bodyType, wantedOfLogs, limits.scan));
    if (read === null) return;
    const receivedAtMicros = record.receivedAtMillis * 1000;
    for (const event of read.records) {
      const shown = { traceId: event.traceId ?? '', spanId: event.spanId ?? '', name: event.eventName ?? '' };
      this.observe(record, shown, () => observeLog(event, observing, receivedAtMicros));
    }
  }

  private observe(
    { tenant, receivedAtMillis }: JournalRecord,
    { traceId, spanId, name }: { readonly traceId: string; readonly spanId: string; readonly name: string },
    read: () => Observation | null,
  ): void {
    try {
      this.arrive(tenant, receivedAtMillis, read());
    } catch (cause) {
      // An impossible state in the core: this one is kept aside, the others go on.
      const content = JSON.stringify({ name, error: String(cause) });
      const reason = 'assertion_failed';
      this.batch.quarantined.push({ tenant, receivedAtMillis, traceId, spanId, reason, content });
      this.reportAssertion({ traceId, spanId }, cause);
    }
  }

  /** An observation waits in its trace for the next settling. */
  private arrive(tenant: string, receivedAtMillis: number, observation: Observation | null): void {
    if (observation === null || observation.kind === 'plain') this.batch.notModelCalls++;
    if (observation === null) return;
    const { traceId, spanId, endTimeMicros } = observation;
    const aheadMicros = endTimeMicros - receivedAtMillis * 1000;
    if (aheadMicros > FUTURE_TOLERANCE_MICROS || aheadMicros < -LONG_AGO_MICROS) {
      if (observation.kind === 'plain') return;
      const content = JSON.stringify(observation);
      const reason = aheadMicros > 0 ? 'event_in_future' : 'event_long_ago';
      this.batch.quarantined.push({ tenant, receivedAtMillis, traceId, spanId, reason, content });
      return;
    }
    const key = { tenant, traceId };
    const trace =
      this.window.find(key) ??
      this.window.open(key, !this.parts.store.mayHoldTrace(key, observation.endTimeMicros));
    trace.arrivals.push({ observation, receivedAtMillis });
    this.window.touch(trace);
    this.batch.arrivals++;
  }

  /** The receiver has decoded the body once; should it fail now all the same, it is reported and kept as damage. */
  private decode<Read>(record: JournalRecord, read: (body: Uint8Array) => Read): Read | null {
    try {
      return read(inflate(record.body, record.bodyEncoding, this.parts.limits.maxInflatedBytes));
    } catch (cause) {
      const { position } = record;
      const reason = `the body does not decode: ${cause instanceof Error ? cause.message : String(cause)}`;
      this.batch.damages.push({ position, bytes: record.body.byteLength, reason });
      this.parts.onTrouble({
        kind: 'undecodable_body',
        detail: `segment ${position.segment} at ${position.offset}`,
        cause,
      });
      return null;
    }
  }

  private reportAssertion({ traceId, spanId }: { traceId: string; spanId: string }, cause: unknown): void {
    this.parts.onTrouble({ kind: 'assertion_failed', detail: `span ${traceId}/${spanId}`, cause });
  }

  private isCommitDue(isBehind: boolean): boolean {
    const { limits, nowMillis } = this.parts;
    const now = nowMillis();
    const { nextDueMicros } = this.window;
    const hasWaited = nextDueMicros !== null && nextDueMicros <= now * 1000;
    if (!this.hasUncommitted() && !hasWaited && !this.isChanged) return false;
    if (isBehind) {
      return (
        this.counts.spans + this.batch.spans >= limits.commitRows ||
        this.accounts.isCrowded ||
        now - this.lastCommitStartMillis >= limits.commitEveryMs
      );
    }
    return this.draining || now - this.lastCommitMillis >= this.idlePauseMs();
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

  /** Often enough that what waits stays small. */
  private isSettlingDue(): boolean {
    const { settleSpans, settleEveryMs } = this.parts.limits;
    const { arrivals } = this.batch;
    if (arrivals >= settleSpans) return true;
    return arrivals > 0 && this.parts.nowMillis() - this.lastSettleMillis >= settleEveryMs;
  }

  /** Decides what belongs together, and hands everything that was read to the store. */
  private async settleArrivals(): Promise<void> {
    const { store, attribution, limits, nowMillis } = this.parts;
    const { batch, counts, book } = this;
    this.lastSettleMillis = nowMillis();
    this.batch = emptyBatch();
    this.waitsForCommit = true;
    for (const rejection of batch.rejections) store.reject(rejection);
    for (const span of batch.quarantined) store.quarantine(span);
    for (const range of batch.damages) store.damage(range);
    const settled = await settle({
      window: this.window,
      actions: this.actions,
      accounts: this.accounts,
      store,
      book,
      rulesOf: this.bookInUse.rulesOf,
      bookVersion: this.bookInUse.version,
      attribution,
      deadline: { nowMicros: nowMillis() * 1000, graceMicros: limits.graceMs * 1000 },
      onAssertion: (span, cause) => this.reportAssertion(span, cause),
    });
    const used = [...this.accounts.takeUsed()];
    const keys = used.map(({ key }) => key);
    await this.accounts.during(keys, () => {
      const nowMicros = nowMillis() * 1000;
      for (const { key, fromMicros } of used) {
        this.alerts.check(key, nowMicros, { usedFromMicros: fromMicros });
      }
    });
    this.counts = {
      bodies: counts.bodies + batch.bodies,
      spans: counts.spans + batch.spans,
      notModelCalls: counts.notModelCalls + batch.notModelCalls,
      posted: counts.posted + settled.posted,
      corrected: counts.corrected + settled.corrected,
      duplicates: counts.duplicates + settled.duplicates,
      conflicts: counts.conflicts + settled.conflicts,
    };
  }

  /** Makes durable what is settled. What is read while it runs belongs to the next batch. */
  private async commit(): Promise<void> {
    const { store, nowMillis, onCommit } = this.parts;
    const { counts, readUpTo: position } = this;
    const alerts = this.alerts.takeBooked();
    this.counts = NO_COUNTS;
    this.waitsForCommit = false;
    this.isChanged = false;
    const { resolve: tellWaiting } = this.nextCommit;
    this.nextCommit = Promise.withResolvers();
    this.inCommit = position;
    await store.commit(position, counts, this.lastCommitStartMillis);
    tellWaiting();
    this.lastCommitMillis = nowMillis();
    this.lastCommitDurationMs = this.lastCommitMillis - this.lastCommitStartMillis;
    const { notModelCalls: _, ...committed } = counts;
    if (position !== null) onCommit({ ...committed, position, durationMs: this.lastCommitDurationMs });
    if (alerts.length > 0) this.parts.onAlerts(alerts);
    await this.parts.commands.committed();
  }

  /** Until the journal grows, a batch that is too young to commit has come of age, or a trace has waited enough. */
  private async waitForNews(): Promise<void> {
    const { nextDueMicros } = this.window;
    const isWaiting = this.hasUncommitted() || this.isChanged;
    const commitAtMillis = Math.max(
      this.lastCommitMillis + this.idlePauseMs(),
      isWaiting ? 0 : nextDueMicros === null ? Number.POSITIVE_INFINITY : nextDueMicros / 1000,
    );
    const wakeAtMillis = Math.min(commitAtMillis, this.sweep.nextMillis);
    const timer = setTimeout(() => this.wake.resolve(), waitFor(wakeAtMillis - this.parts.nowMillis()));
    await this.wake.promise;
    clearTimeout(timer);
    this.wake = Promise.withResolvers<void>();
  }
}

/** What runs while nothing is being posted; or is refused, where that moment never comes. */
interface Exclusive {
  readonly run: () => Promise<void>;
  readonly refuse: (error: SpanledgerError) => void;
}

function isStopping(): SpanledgerError {
  return new SpanledgerError(
    'SL_LEDGER_UNAVAILABLE',
    'The service is stopping. Ask again when it has started.',
  );
}

/** Timers of Node hold 31 bits; whoever waits longer looks again in between. */
function waitFor(ms: number): number {
  return Math.min(Math.max(1, Math.ceil(ms)), 0x7fff_ffff);
}
