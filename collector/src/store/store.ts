import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { type AccountFact, MAX_TRACES_OF_A_LINK, type UsageSum } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import type { JournalPosition } from '../journal/index.ts';
import type {
  AccountDue,
  AccountKey,
  AccountPosting,
  AnsweredCommand,
  BookedAlert,
  CustomerProfile,
  HeldAccount,
  ProfilePosting,
} from '../ledger/account-store.ts';
import type { RatedUsageReader } from '../ledger/rated-usage.ts';
import type { RerateJob, RerateStep, Rerating } from '../ledger/rerate-store.ts';
import {
  type BatchCounts,
  type Booking,
  type Damage,
  type DueTrace,
  type HeldAction,
  type HeldTrace,
  type KeptSpan,
  type LedgerStore,
  LINK_WINDOW_MICROS,
  type LinkedTrace,
  type LinkQuery,
  type NamedAction,
  type Posting,
  type Quarantined,
  type Rejection,
  type TraceKey,
} from '../ledger/store.ts';
import {
  loadAccountDues,
  loadAccounts,
  loadAlerts,
  loadCommandNumber,
  loadCommands,
  loadFactsOf,
  loadHoldOf,
  loadProfiles,
  loadUsageOf,
  writeAccountDues,
  writeCommands,
  writeProfiles,
} from './accounts.ts';
import { TableWriter } from './columns.ts';
import { heldLeafOf, readHeldTraces } from './held.ts';
import { IdentityFilter, linkWords, tenantSeed, traceWords } from './identity.ts';
import { withKeys } from './key-table.ts';
import {
  type FactRow,
  factLayout,
  linkLayout,
  quarantineLayout,
  type ReplacedRow,
  rejectionLayout,
  replacedLayout,
  reratedLayout,
  type ShapeRow,
  shapeLayout,
  spanLayout,
  type TraceRow,
  type TransferRow,
  traceLayout,
  transferLayout,
  usageLayout,
} from './layout.ts';
import { openDatabase, type StoreOptions } from './open.ts';
import { RecordReader, UsageReader } from './rated-usage.ts';
import { jobOf, selectJobs, supersedeRatings, tallyLayout, tallyRows, writeJob } from './rerate.ts';
import { RollupFolds } from './rollup-folds.ts';
import { ROLLUPS } from './rollups.ts';
import { Shapes } from './shapes.ts';
import { Words } from './words.ts';

/**
 * The ledger in DuckDB. One connection writes; its rows, the journal position and the counters of a batch become
 * visible together or not at all. After a failed commit the store is unusable: the process ends, and the next one
 * replays the journal from the position that the file holds.
 */
export class DuckDbStore implements LedgerStore {
  readonly instance: DuckDBInstance;
  readonly ratedUsage: RatedUsageReader;
  readonly folds: RollupFolds;
  private readonly writer: DuckDBConnection;
  private readonly tables: Tables;
  private readonly traces: IdentityFilter;
  private readonly links: IdentityFilter;
  private readonly actions: IdentityFilter;
  private readonly records: RecordReader;
  private readonly words: Words;
  private readonly shapes: Shapes;
  private readonly tenantSeeds = new Map<string, number>();

  private committedPosition: JournalPosition | null;
  private rejected = 0;
  private quarantinedOutright = 0;
  /** Rows of the open batch that rollups sum up. */
  private summedRows = 0;
  private replaced: (ReplacedRow & { readonly eventTimeMicros: number })[] = [];
  private due = new Map<string, TraceRow>();
  private damages: Damage[] = [];
  private accountDues = new Map<string, AccountDue>();
  private profiles: ProfilePosting[] = [];
  private commands: AnsweredCommand[] = [];
  private nextEntry: number;
  private readonly batches: Batches;
  private committedCommand: number;
  private lastCommand: number;
  /** While a commit runs: what is added to the next batch, which the connection cannot take yet. */
  private late: (() => void)[] | null = null;
  private committing: Promise<void> = Promise.resolve();

  private constructor(parts: {
    instance: DuckDBInstance;
    writer: DuckDBConnection;
    tables: Tables;
    traces: IdentityFilter;
    links: IdentityFilter;
    actions: IdentityFilter;
    words: Words;
    shapes: Shapes;
    position: JournalPosition | null;
    commandNumber: number;
    nextEntry: number;
    batches: Batches;
    folds: RollupFolds;
  }) {
    this.instance = parts.instance;
    this.writer = parts.writer;
    this.tables = parts.tables;
    this.traces = parts.traces;
    this.links = parts.links;
    this.actions = parts.actions;
    this.records = new RecordReader(parts.writer, parts.words);
    this.words = parts.words;
    this.ratedUsage = new UsageReader(parts.writer, parts.words);
    this.shapes = parts.shapes;
    this.committedPosition = parts.position;
    this.committedCommand = this.lastCommand = parts.commandNumber;
    this.nextEntry = parts.nextEntry;
    this.batches = parts.batches;
    this.folds = parts.folds;
  }

  /** Opens or creates the ledger file; see {@link openDatabase} for the errors. */
  static async open(options: StoreOptions & { readonly create: boolean }): Promise<DuckDbStore> {
    const instance = await openDatabase(options);
    const writer = await instance.connect();
    await writer.run('BEGIN TRANSACTION');
    const { maxIdentities } = options;
    const words = await loadWords(writer);
    const shapes = new Shapes(await nextShape(writer));
    const batches = await loadBatches(writer);
    const filters = {
      traces: new IdentityFilter({ maxIdentities }),
      links: new IdentityFilter({ maxIdentities }),
      actions: new IdentityFilter({ maxIdentities }),
    };
    await loadFilters(instance, filters, words);
    const folds = new RollupFolds(instance, ROLLUPS, options.onFoldFailed ?? rethrow);
    folds.begin();
    return new DuckDbStore({
      instance,
      writer,
      ...filters,
      words,
      shapes,
      tables: {
        spans: await TableWriter.open(writer, spanLayout(words, shapes)),
        shapes: await TableWriter.open(writer, shapeLayout()),
        usage: await TableWriter.open(
          writer,
          usageLayout(words, () => batches.open),
        ),
        transfers: await TableWriter.open(writer, transferLayout(words)),
        facts: await TableWriter.open(writer, factLayout(words)),
        rejections: await TableWriter.open(writer, rejectionLayout()),
        quarantined: await TableWriter.open(writer, quarantineLayout()),
      },
      position: await readPosition(writer),
      commandNumber: await loadCommandNumber(writer),
      nextEntry: await nextEntry(writer),
      batches,
      folds,
    });
  }

  get position(): JournalPosition | null {
    return this.committedPosition;
  }

  keep(span: KeptSpan): void {
    if (this.late === null) this.tables.spans.append(span);
    else this.late.push(() => this.keep(span));
  }

  post(posting: Posting): void {
    if (this.late !== null) {
      this.late.push(() => this.post(posting));
      return;
    }
    const { tenant, bookings, replaces, usage, rating, recordedAtMillis } = posting;
    const { traceId, spanId } = usage;
    this.tables.usage.append(posting);
    this.summedRows += replaces === null ? 1 : ROWS_OF_CORRECTION;
    if (bookings.length > 0) {
      const revision = (replaces?.revision ?? 0) + 1;
      const { rulesVersion } = rating;
      this.bookUsage(tenant, bookings, recordedAtMillis, { traceId, spanId, revision, rulesVersion });
    }
    if (replaces !== null) this.replaced.push({ tenant, traceId, spanId, ...replaces });
  }

  private bookUsage(
    tenant: string,
    bookings: readonly Booking[],
    recordedAtMillis: number,
    usage: TransferRow['usage'],
  ): void {
    for (const { customer, movement } of bookings) {
      this.transfer({ tenant, customer, movement, recordedAtMillis, usage, fact: null });
    }
  }

  book(posting: AccountPosting): void {
    if (this.late !== null) {
      this.late.push(() => this.book(posting));
      return;
    }
    const { tenant, customer, facts, movements, recordedAtMillis } = posting;
    for (const fact of facts) this.tables.facts.append({ tenant, customer, fact });
    const [only] = facts;
    const fact = facts.length === 1 && only !== undefined ? only.id : null;
    for (const movement of movements) {
      this.transfer({ tenant, customer, movement, recordedAtMillis, usage: null, fact });
    }
  }

  private transfer(row: Omit<TransferRow, 'entry'>): void {
    this.tables.transfers.append({ ...row, entry: this.nextEntry++ });
    this.summedRows += LEGS;
  }

  get openBatch(): number {
    return this.batches.open;
  }

  get committedBatch(): number {
    return this.batches.committed;
  }

  setAccountDue(due: AccountDue): void {
    const { tenant, customer } = due;
    if (this.late === null) this.accountDues.set(`${tenant}\u0000${customer}`, due);
    else this.late.push(() => this.setAccountDue(due));
  }

  setProfile(posting: ProfilePosting): void {
    if (this.late === null) this.profiles.push(posting);
    else this.late.push(() => this.setProfile(posting));
  }

  noteCommand(command: AnsweredCommand): void {
    if (this.late === null) this.commands.push(command);
    else this.late.push(() => this.noteCommand(command));
  }

  setCommandNumber(number: number): void {
    if (this.late === null) this.lastCommand = number;
    else this.late.push(() => this.setCommandNumber(number));
  }

  get commandNumber(): number {
    return this.committedCommand;
  }

  async loadAccountDues(): Promise<readonly AccountDue[]> {
    return await loadAccountDues(this.writer, this.words);
  }

  async loadAccounts(accounts: readonly AccountKey[]): Promise<readonly HeldAccount[]> {
    // Beside the writer: whoever needs an account does not wait for the commit that runs.
    const reader = await this.instance.connect();
    try {
      return await loadAccounts(reader, this.words, accounts);
    } finally {
      reader.closeSync();
    }
  }

  async loadAlerts(sinceMillis: number): Promise<readonly BookedAlert[]> {
    return await loadAlerts(this.writer, this.words, sinceMillis);
  }

  async loadFacts(account: AccountKey): Promise<readonly AccountFact[]> {
    await this.committing;
    await this.flush();
    return await loadFactsOf(this.writer, this.words, account);
  }

  async loadHold(account: AccountKey, hold: string): Promise<readonly AccountFact[]> {
    await this.committing;
    await this.flush();
    return await loadHoldOf(this.writer, this.words, account, hold);
  }

  async loadUsage(account: AccountKey): Promise<readonly UsageSum[]> {
    await this.committing;
    await this.flush();
    return await loadUsageOf(this.writer, this.words, account);
  }

  async loadProfiles(): Promise<readonly (AccountKey & { readonly profile: CustomerProfile })[]> {
    return await loadProfiles(this.writer, this.words);
  }

  async loadCommands(sinceMillis: number): Promise<readonly AnsweredCommand[]> {
    return await loadCommands(this.writer, this.words, sinceMillis);
  }

  setDue(trace: TraceKey, dueAtMicros: number | null): void {
    const { tenant, traceId } = trace;
    if (this.late === null) this.due.set(`${tenant}/${traceId}`, { tenant, traceId, dueAtMicros });
    else this.late.push(() => this.setDue({ tenant, traceId }, dueAtMicros));
  }

  reject(rejection: Rejection): void {
    if (this.late !== null) {
      this.late.push(() => this.reject(rejection));
      return;
    }
    this.tables.rejections.append(rejection);
    this.rejected++;
  }

  quarantine(span: Quarantined): void {
    if (this.late !== null) {
      this.late.push(() => this.quarantine(span));
      return;
    }
    this.tables.quarantined.append(span);
    this.quarantinedOutright++;
  }

  damage(range: Damage): void {
    if (this.late === null) this.damages.push(range);
    else this.late.push(() => this.damage(range));
  }

  async commit(position: JournalPosition | null, counts: BatchCounts, nowMillis: number): Promise<void> {
    assert(this.late === null, 'one commit runs at a time');
    this.committing = this.write(position, counts, nowMillis);
    // Whoever waits for it only to read must not report the failure a second time.
    this.committing.catch(() => {});
    await this.committing;
  }

  private async write(
    position: JournalPosition | null,
    counts: BatchCounts,
    nowMillis: number,
  ): Promise<void> {
    const { late, batch } = this.beginBatch();
    try {
      await this.flush();
      await this.moveReplaced(batch, nowMillis);
      await this.writeDue();
      await this.writeDamages(nowMillis);
      await this.writeCommandsDone();
      if (position !== null) await this.writePosition(position);
      await this.writeCounts(counts, nowMillis);
      // Last: the statements before may have made some.
      await this.writeNewWords();
      await this.writer.run('COMMIT');
      // The next batch's transaction is open before its first row: a flush outside of one would be visible at once.
      await this.writer.run('BEGIN TRANSACTION');
      this.batches.committed = batch;
      this.committedPosition = position ?? this.committedPosition;
      this.noteSummedRows();
      this.rejected = this.quarantinedOutright = 0;
      this.replaced = [];
      this.due = new Map();
      this.damages = [];
      this.forgetCommandsDone();
      this.late = null;
      for (const add of late) add();
    } catch (error) {
      throw new SpanledgerError(
        'SL_STORE_COMMIT_FAILED',
        `The ledger file could not take a batch: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** What is added from now on belongs to the next batch. */
  private beginBatch(): { readonly late: (() => void)[]; readonly batch: number } {
    const late: (() => void)[] = [];
    this.late = late;
    return { late, batch: this.batches.open++ };
  }

  mayHoldTrace({ tenant, traceId }: TraceKey, eventTimeMicros: number): boolean {
    return !this.traces.addIfNew(this.seedOf(tenant), traceWords(traceId), eventTimeMicros);
  }

  mayHoldLink(link: number, eventTimeMicros: number): boolean {
    return !this.links.addIfNew(0, linkWords(link), eventTimeMicros);
  }

  mayHoldAction(link: number, eventTimeMicros: number): boolean {
    return !this.actions.addIfNew(0, linkWords(link), eventTimeMicros);
  }

  async loadActions(actions: readonly NamedAction[]): Promise<readonly HeldAction[]> {
    await this.committing;
    await this.flush();
    return (await this.records.ofActions(actions)).flatMap(({ traceId, spanId, usage, rating, tenant }) => {
      const leaf = heldLeafOf(usage, rating.cost, tenant);
      return leaf === null ? [] : [{ traceId, spanId, leaf, rating }];
    });
  }

  async loadTraces(traces: readonly TraceKey[]): Promise<readonly HeldTrace[]> {
    await this.committing;
    await this.flush();
    const keys = traces.map(({ tenant, traceId }) => ({ tenant, traceId, dueAtMicros: null }));
    return await withKeys(this.writer, traceLayout(this.words), keys, () => readHeldTraces(this.records));
  }

  async findLinked(queries: readonly LinkQuery[]): Promise<readonly LinkedTrace[]> {
    if (queries.length === 0) return [];
    await this.committing;
    await this.flush();
    return await withKeys(this.writer, linkLayout(this.words), queries, async () => {
      const from = earliest(queries.map(({ startTimeMicros }) => startTimeMicros));
      const to = latest(queries.map(({ endTimeMicros }) => endTimeMicros));
      const side = (column: string) =>
        `SELECT DISTINCT q.link, q.tenant, s.trace_id
         FROM temp.link q JOIN ledger.span s ON s.${column} = q.link AND s.tenant = q.tenant
         WHERE s.event_time >= q.start_time - to_microseconds(${LINK_WINDOW_MICROS})
           AND s.event_time - to_microseconds(s.duration_us) <= q.end_time + to_microseconds(${LINK_WINDOW_MICROS})
           AND s.event_time BETWEEN make_timestamptz(${from - LINK_WINDOW_MICROS})
           AND make_timestamptz(${to + LINK_WINDOW_MICROS + LONGEST_CALL_MICROS})`;
      const rows = await this.writer.runAndReadAll(
        `SELECT link, tenant, ledger.hex_of(trace_id)
         FROM (${['link_1', 'link_2', 'link_3'].map(side).join(' UNION ')})
         QUALIFY row_number() OVER (PARTITION BY link, tenant) <= ${MAX_LINKED_TRACES}`,
      );
      return rows.getRows().map(([link, tenant, traceId]) => ({
        link: Number(link),
        tenant: this.words.wordOf(Number(tenant)),
        traceId: String(traceId),
      }));
    });
  }

  async loadDue(): Promise<readonly DueTrace[]> {
    const rows = await this.writer.runAndReadAll(
      `SELECT tenant, ledger.hex_of(trace_id), epoch_us(due_at) FROM ledger.trace_due`,
    );
    return rows.getRows().map(([tenant, traceId, dueAtMicros]) => ({
      tenant: this.words.wordOf(Number(tenant)),
      traceId: String(traceId),
      dueAtMicros: Number(dueAtMicros),
    }));
  }

  /** Reads beside the writer, each page as it is committed then. */
  async openReader(): Promise<UsageReader> {
    return new UsageReader(await this.instance.connect(), this.words);
  }

  async loadOpenJobs(): Promise<readonly RerateJob[]> {
    return (await this.writer.runAndReadAll(selectJobs("state = 'open'"))).getRows().map(jobOf);
  }

  async lastTriedBook(): Promise<string | null> {
    const rows = await this.writer.runAndReadAll(
      `SELECT book_version FROM ledger.rerate_job WHERE reason = 'new_book' ORDER BY requested_at DESC, rowid DESC LIMIT 1`,
    );
    const version = rows.getRows()[0]?.[0];
    return version === undefined ? null : String(version);
  }

  async rerate(step: RerateStep): Promise<void> {
    assert(this.late === null, 'no commit runs');
    this.committing = this.writeRerating(step);
    this.committing.catch(() => {});
    await this.committing;
  }

  private async writeRerating({ jobs, reratings, tally, nowMillis }: RerateStep): Promise<void> {
    const { late, batch } = this.beginBatch();
    try {
      if (reratings.length > 0) await this.writeReratings(reratings, batch, nowMillis);
      for (const job of jobs) await writeJob(this.writer, job);
      const [job] = jobs;
      if (tally !== null && job !== undefined) {
        const table = await TableWriter.open(this.writer, tallyLayout());
        for (const row of tallyRows(job.id, tally)) table.append(row);
        table.flush();
        table.close();
      }
      // What was done to accounts since the last commit is committed with it.
      await this.flush();
      await this.writeCommandsDone();
      await this.writeNewWords();
      await this.writer.run('COMMIT');
      await this.writer.run('BEGIN TRANSACTION');
      this.batches.committed = batch;
      this.noteSummedRows();
      this.forgetCommandsDone();
      this.late = null;
      for (const add of late) add();
    } catch (error) {
      throw new SpanledgerError(
        'SL_STORE_COMMIT_FAILED',
        `The ledger file could not take new ratings: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  private async writeReratings(
    reratings: readonly Rerating[],
    batch: number,
    nowMillis: number,
  ): Promise<void> {
    const rows = reratings.map(({ rated, rating }) => ({ row: rated.row, rating }));
    await withKeys(this.writer, reratedLayout(this.words), rows, () =>
      supersedeRatings(this.writer, reratings, batch, nowMillis),
    );
    this.summedRows += reratings.length * ROWS_OF_CORRECTION;
    for (const { rated, rating, bookings } of reratings) {
      const { tenant, traceId, spanId, revision } = rated;
      const { rulesVersion } = rating;
      this.bookUsage(tenant, bookings, nowMillis, { traceId, spanId, revision: revision + 1, rulesVersion });
    }
  }

  private noteSummedRows(): void {
    this.folds.note(this.summedRows);
    this.summedRows = 0;
  }

  /** What commands have done besides facts and movements: it is committed with those, or they would be done again. */
  private async writeCommandsDone(): Promise<void> {
    await writeAccountDues(this.writer, this.words, [...this.accountDues.values()]);
    await writeProfiles(this.writer, this.words, this.profiles);
    await writeCommands(this.writer, this.words, this.commands);
    if (this.lastCommand !== this.committedCommand) {
      await this.writer.run('UPDATE ledger.command_position SET command = $1::BIGINT', [this.lastCommand]);
    }
  }

  private forgetCommandsDone(): void {
    this.accountDues = new Map();
    this.profiles = [];
    this.commands = [];
    this.committedCommand = this.lastCommand;
  }

  /** Folds the write-ahead log into the file and closes it. */
  async close(): Promise<void> {
    await this.folds.close();
    await this.writer.run('ROLLBACK');
    await this.writer.run('CHECKPOINT');
    this.writer.closeSync();
    this.instance.closeSync();
  }

  /** Hands everything added so far to the transaction, where this connection sees it. */
  private async flush(): Promise<void> {
    for (const shape of this.shapes.takeNew()) this.tables.shapes.append(shape);
    for (const table of Object.values(this.tables)) {
      // Handing over a wide table takes milliseconds, however few its rows: whoever waits comes in between.
      if (table.flush()) await nextTurn();
    }
  }

  /**
   * Records whose place others take leave the current ones and stay in a table of their own. They are found by the
   * time of their events, which zone maps make cheap however large the ledger is.
   */
  private async moveReplaced(batch: number, nowMillis: number): Promise<void> {
    const { replaced } = this;
    if (replaced.length === 0) return;
    const times = replaced.map(({ eventTimeMicros }) => eventTimeMicros);
    await withKeys(this.writer, replacedLayout(this.words), replaced, async () => {
      const isReplaced = `u.span_id = r.span_id AND u.trace_id = r.trace_id AND u.tenant = r.tenant
        AND u.revision = r.revision
        AND u.event_time BETWEEN make_timestamptz(${earliest(times)}) AND make_timestamptz(${latest(times)})`;
      await this.writer.run(
        `INSERT INTO ledger.superseded_usage BY NAME
         SELECT u.*, make_timestamptz($1::BIGINT * 1000) AS superseded_at, $2::BIGINT AS superseded_in
         FROM ledger.usage_record u JOIN temp.replaced r ON ${isReplaced}`,
        [nowMillis, batch],
      );
      await this.writer.run(`DELETE FROM ledger.usage_record u USING temp.replaced r WHERE ${isReplaced}`);
    });
  }

  private async writeDue(): Promise<void> {
    if (this.due.size === 0) return;
    await withKeys(this.writer, traceLayout(this.words), [...this.due.values()], async () => {
      await this.writer.run(
        'DELETE FROM ledger.trace_due d USING temp.trace t WHERE d.trace_id = t.trace_id AND d.tenant = t.tenant',
      );
      await this.writer.run('INSERT INTO ledger.trace_due FROM temp.trace WHERE due_at IS NOT NULL');
    });
  }

  private async writeNewWords(): Promise<void> {
    for (const { code, word } of this.words.takeNew()) {
      await this.writer.run('INSERT INTO ledger.word SELECT $1::INTEGER, $2', [code, word]);
    }
  }

  private async writeDamages(nowMillis: number): Promise<void> {
    for (const { position, bytes, reason } of this.damages) {
      await this.writer.run(
        'INSERT INTO ledger.journal_damage SELECT make_timestamptz($1::BIGINT * 1000), $2::BIGINT, $3::BIGINT, $4::BIGINT, $5',
        [nowMillis, position.segment, position.offset, bytes, reason],
      );
    }
  }

  private async writePosition(position: JournalPosition): Promise<void> {
    const statement =
      this.committedPosition === null
        ? 'INSERT INTO ledger.journal_position SELECT $1::BIGINT, $2::BIGINT'
        : 'UPDATE ledger.journal_position SET segment = $1::BIGINT, "offset" = $2::BIGINT';
    await this.writer.run(statement, [position.segment, position.offset]);
  }

  private async writeCounts(counts: BatchCounts, nowMillis: number): Promise<void> {
    const damagedBytes = this.damages.reduce((sum, range) => sum + range.bytes, 0);
    await this.writer.run(
      `INSERT INTO ledger.ingest_hour
       SELECT date_trunc('hour', make_timestamptz($1::BIGINT * 1000)), $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT,
         $7::BIGINT, $8::BIGINT, $9::BIGINT, 1, make_timestamptz($1::BIGINT * 1000), $10::BIGINT
       ON CONFLICT (hour) DO UPDATE SET
         bodies = bodies + excluded.bodies,
         spans = spans + excluded.spans,
         usage_records = usage_records + excluded.usage_records,
         not_model_calls = not_model_calls + excluded.not_model_calls,
         duplicates = duplicates + excluded.duplicates,
         quarantined = quarantined + excluded.quarantined,
         rejected = rejected + excluded.rejected,
         damaged_bytes = damaged_bytes + excluded.damaged_bytes,
         commits = commits + excluded.commits,
         last_commit_at = excluded.last_commit_at,
         corrections = corrections + excluded.corrections`,
      [
        nowMillis,
        counts.bodies,
        counts.spans,
        counts.posted,
        counts.notModelCalls,
        counts.duplicates,
        this.quarantinedOutright,
        this.rejected,
        damagedBytes,
        counts.corrected,
      ],
    );
  }

  private seedOf(tenant: string): number {
    let seed = this.tenantSeeds.get(tenant);
    if (seed === undefined) {
      seed = tenantSeed(tenant);
      this.tenantSeeds.set(tenant, seed);
    }
    return seed;
  }
}

/** Numbers of commits, counted on by the next process. */
interface Batches {
  open: number;
  committed: number;
}

/** The new record, and twice the old one: as it was written, and as it was taken back. */
const ROWS_OF_CORRECTION = 3;

/** Rows of a transfer: both legs. */
const LEGS = 2;

interface Tables {
  readonly spans: TableWriter<KeptSpan>;
  readonly shapes: TableWriter<ShapeRow>;
  readonly usage: TableWriter<Posting>;
  readonly transfers: TableWriter<TransferRow>;
  readonly facts: TableWriter<FactRow>;
  readonly rejections: TableWriter<Rejection>;
  readonly quarantined: TableWriter<Quarantined>;
}

/** One more than are taken for one call, so that the ledger sees that a link is common. */
const MAX_LINKED_TRACES = MAX_TRACES_OF_A_LINK + 1;

/** Calls that take longer are found only by those that ended at about their time. */
const LONGEST_CALL_MICROS = 2 * 3600 * 1_000_000;

/** Not `Math.min(...)`: there may be more of them than a call takes arguments. */
function earliest(micros: readonly number[]): number {
  return micros.reduce((first, each) => Math.min(first, each), Number.MAX_SAFE_INTEGER);
}

function latest(micros: readonly number[]): number {
  return micros.reduce((last, each) => Math.max(last, each), Number.MIN_SAFE_INTEGER);
}

async function readPosition(connection: DuckDBConnection): Promise<JournalPosition | null> {
  const rows = (
    await connection.runAndReadAll('SELECT segment, "offset" FROM ledger.journal_position')
  ).getRows();
  const row = rows[0];
  return row === undefined ? null : { segment: Number(row[0]), offset: Number(row[1]) };
}

async function loadWords(connection: DuckDBConnection): Promise<Words> {
  const rows = await connection.runAndReadAll('SELECT word FROM ledger.word ORDER BY code');
  return new Words(rows.getRows().map(([word]) => String(word)));
}

async function nextEntry(connection: DuckDBConnection): Promise<number> {
  const rows = await connection.runAndReadAll(
    'SELECT coalesce(max(entry), 0) + 1 FROM ledger.credit_transfer',
  );
  return Number(rows.getRows()[0]?.[0] ?? 1);
}

/** The numbers of commits that wrote no usage may be had again: nothing bears them. */
async function loadBatches(connection: DuckDBConnection): Promise<Batches> {
  const rows = await connection.runAndReadAll(
    `SELECT greatest(
       0,
       (SELECT max(written_in) FROM ledger.usage_record),
       (SELECT max(superseded_in) FROM ledger.superseded_usage)
     )`,
  );
  const committed = Number(rows.getRows()[0]?.[0]);
  return { open: committed + 1, committed };
}

async function nextShape(connection: DuckDBConnection): Promise<number> {
  const rows = await connection.runAndReadAll('SELECT coalesce(max(code), 0) + 1 FROM ledger.span_shape');
  return Number(rows.getRows()[0]?.[0] ?? 1);
}

interface Filters {
  readonly traces: IdentityFilter;
  readonly links: IdentityFilter;
  readonly actions: IdentityFilter;
}

/** Fills the filters from the file: raw columns, because a value at a time would take minutes at 50 M rows. */
async function loadFilters(instance: DuckDBInstance, filters: Filters, words: Words): Promise<void> {
  const connection = await instance.connect();
  // Records without a digest are older than the spans: the ledger kept none then.
  const known = `SELECT tenant, trace_id, event_time, link_1, link_2, link_3 FROM ledger.span
    UNION ALL SELECT tenant, trace_id, event_time, NULL, NULL, NULL FROM ledger.usage_record WHERE digest = 0`;
  const tenants = await connection.runAndReadAll(`SELECT DISTINCT tenant FROM (${known})`);
  for (const [code] of tenants.getRows()) {
    const seed = tenantSeed(words.wordOf(Number(code)));
    const result = await connection.stream(
      `SELECT trace_id, epoch_us(event_time), coalesce(link_1, 0), coalesce(link_2, 0), coalesce(link_3, 0)
       FROM (${known}) WHERE tenant = $1`,
      [Number(code)],
    );
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      const column = (index: number, width: number) =>
        new DataView(
          duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, index), chunk.rowCount * width)
            .buffer,
        );
      const traceIds = column(0, 16);
      const eventTimes = column(1, 8);
      const links = [column(2, 8), column(3, 8), column(4, 8)];
      for (let row = 0; row < chunk.rowCount; row++) {
        const eventTimeMicros = Number(eventTimes.getBigInt64(row * 8, true));
        const at = row * 16;
        const trace = [12, 8, 4, 0].map((offset) => traceIds.getInt32(at + offset, true));
        filters.traces.addIfNew(seed, trace, eventTimeMicros);
        for (const link of links) {
          const low = link.getInt32(row * 8, true);
          const high = link.getInt32(row * 8 + 4, true);
          if (low !== 0 || high !== 0) filters.links.addIfNew(0, [high, low], eventTimeMicros);
        }
      }
    }
  }
  const named = await connection.stream(
    'SELECT action_link, epoch_us(event_time) FROM ledger.usage_record WHERE action_link IS NOT NULL',
  );
  for (;;) {
    const chunk = await named.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const column = (index: number) =>
      new DataView(
        duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, index), chunk.rowCount * 8).buffer,
      );
    const links = column(0);
    const eventTimes = column(1);
    for (let at = 0; at < chunk.rowCount * 8; at += 8) {
      const words = [links.getInt32(at + 4, true), links.getInt32(at, true)];
      filters.actions.addIfNew(0, words, Number(eventTimes.getBigInt64(at, true)));
    }
  }
  connection.closeSync();
}

function rethrow(error: unknown): never {
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
