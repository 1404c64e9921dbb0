import assert from 'node:assert/strict';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { SpanledgerError } from '../errors.ts';
import type { JournalPosition } from '../journal/index.ts';
import type {
  BatchCounts,
  CommitOutcome,
  Damage,
  LedgerStore,
  Posting,
  Quarantined,
  Rejection,
} from '../ledger/store.ts';
import { TableWriter } from './columns.ts';
import { IdentityFilter, type IdentityWords, identityWords, tenantSeed } from './identity.ts';
import {
  COMPARED_COLUMNS,
  FACT_COLUMNS,
  quarantineLayout,
  rejectionLayout,
  suspectLayout,
  transferLayout,
  usageLayout,
} from './layout.ts';
import { openDatabase, type StoreOptions } from './open.ts';
import { Words } from './words.ts';

/**
 * The ledger in DuckDB. One connection writes; its rows, the journal position and the counters of a batch become
 * visible together or not at all. After a failed commit the store is unusable: the process ends, and the next one
 * replays the journal from the position that the file holds.
 */
export class DuckDbStore implements LedgerStore {
  readonly instance: DuckDBInstance;
  private readonly writer: DuckDBConnection;
  private readonly usage: TableWriter<Posting>;
  private readonly transfers: TableWriter<Posting>;
  private readonly rejections: TableWriter<Rejection>;
  private readonly quarantined: TableWriter<Quarantined>;
  private readonly identities: IdentityFilter;
  private readonly words: Words;
  private readonly tenantSeeds = new Map<string, number>();

  private committedPosition: JournalPosition | null;
  private posted = 0;
  private rejected = 0;
  private quarantinedOutright = 0;
  private suspects: Posting[] = [];
  /** While a commit runs: the additions to the next batch, which the connection cannot take yet. */
  private late: (() => void)[] | null = null;
  private damages: Damage[] = [];

  private constructor(parts: {
    instance: DuckDBInstance;
    writer: DuckDBConnection;
    usage: TableWriter<Posting>;
    transfers: TableWriter<Posting>;
    rejections: TableWriter<Rejection>;
    quarantined: TableWriter<Quarantined>;
    identities: IdentityFilter;
    words: Words;
    position: JournalPosition | null;
  }) {
    this.instance = parts.instance;
    this.writer = parts.writer;
    this.usage = parts.usage;
    this.transfers = parts.transfers;
    this.rejections = parts.rejections;
    this.quarantined = parts.quarantined;
    this.identities = parts.identities;
    this.words = parts.words;
    this.committedPosition = parts.position;
  }

  /** Opens or creates the ledger file; see {@link openDatabase} for the errors. */
  static async open(options: StoreOptions & { readonly create: boolean }): Promise<DuckDbStore> {
    const instance = await openDatabase(options);
    const writer = await instance.connect();
    await writer.run('BEGIN TRANSACTION');
    const identities = new IdentityFilter({ maxIdentities: options.maxIdentities });
    const words = await loadWords(writer);
    await loadIdentities(instance, identities, words);
    return new DuckDbStore({
      instance,
      writer,
      usage: await TableWriter.open(writer, usageLayout(words)),
      transfers: await TableWriter.open(writer, transferLayout(words)),
      rejections: await TableWriter.open(writer, rejectionLayout()),
      quarantined: await TableWriter.open(writer, quarantineLayout()),
      identities,
      words,
      position: await readPosition(writer),
    });
  }

  get position(): JournalPosition | null {
    return this.committedPosition;
  }

  get pending(): number {
    return this.late?.length ?? this.posted + this.suspects.length;
  }

  post(posting: Posting): void {
    if (this.late !== null) {
      this.late.push(() => this.post(posting));
      return;
    }
    const { traceId, spanId, eventTimeMicros } = posting.metered.usage;
    const seed = this.seedOf(posting.tenant);
    if (this.identities.addIfNew(seed, identityWords(traceId, spanId), eventTimeMicros)) {
      this.append(posting);
    } else {
      this.suspects.push(posting);
    }
  }

  reject(rejection: Rejection): void {
    if (this.late !== null) {
      this.late.push(() => this.reject(rejection));
      return;
    }
    this.rejections.append(rejection);
    this.rejected++;
  }

  quarantine(span: Quarantined): void {
    if (this.late !== null) {
      this.late.push(() => this.quarantine(span));
      return;
    }
    this.quarantined.append(span);
    this.quarantinedOutright++;
  }

  damage(range: Damage): void {
    if (this.late !== null) {
      this.late.push(() => this.damage(range));
      return;
    }
    this.damages.push(range);
  }

  async commit(position: JournalPosition, counts: BatchCounts, nowMillis: number): Promise<CommitOutcome> {
    assert(this.late === null, 'one commit runs at a time');
    const late: (() => void)[] = [];
    this.late = late;
    try {
      const { duplicates, conflicts } = await this.settleSuspects();
      const outcome = { posted: this.posted, duplicates, conflicts };
      for (const writer of [this.usage, this.transfers, this.rejections, this.quarantined]) writer.flush();
      await this.writeNewWords();
      await this.writeDamages(nowMillis);
      await this.writePosition(position);
      await this.writeCounts(counts, outcome, nowMillis);
      await this.writer.run('COMMIT');
      // The next batch's transaction is open before its first row: a flush outside of one would be visible at once.
      await this.writer.run('BEGIN TRANSACTION');
      this.committedPosition = position;
      this.posted = this.rejected = this.quarantinedOutright = 0;
      this.suspects = [];
      this.damages = [];
      this.late = null;
      for (const add of late) add();
      return outcome;
    } catch (error) {
      throw new SpanledgerError(
        'SL_STORE_COMMIT_FAILED',
        `The ledger file could not take a batch: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Folds the write-ahead log into the file and closes it. */
  async close(): Promise<void> {
    await this.writer.run('ROLLBACK');
    await this.writer.run('CHECKPOINT');
    this.writer.closeSync();
    this.instance.closeSync();
  }

  private append(posting: Posting): void {
    this.usage.append(posting);
    if (posting.metered.transfer !== null) this.transfers.append(posting);
    this.posted++;
  }

  /**
   * Decides the postings whose identity may be known. The database has the last word: first it is asked about the
   * event times of the suspects (a true copy shares its original's, and zone maps make that cheap however large the
   * ledger is), then, for what that did not find, about everything.
   */
  private async settleSuspects(): Promise<{ duplicates: number; conflicts: number }> {
    const settled = { duplicates: 0, conflicts: 0 };
    while (this.suspects.length > 0) {
      this.usage.flush();
      const suspects = this.suspects;
      const known = await this.findKnown(suspects);
      this.suspects = [];
      const firsts = new Set<string>();
      for (const [ordinal, suspect] of suspects.entries()) {
        const isEqual = known.get(ordinal);
        if (isEqual === true) settled.duplicates++;
        else if (isEqual === false) {
          settled.conflicts++;
          this.quarantined.append(conflictingCopy(suspect));
        } else {
          const { traceId, spanId } = suspect.metered.usage;
          const identity = JSON.stringify([suspect.tenant, traceId, spanId]);
          // Unknown after all. Its own copies in this batch are decided in the next round, against it.
          if (firsts.has(identity)) this.suspects.push(suspect);
          else {
            firsts.add(identity);
            this.append(suspect);
          }
        }
      }
    }
    return settled;
  }

  /** For each suspect that the ledger knows: whether its content is equal. */
  private async findKnown(suspects: readonly Posting[]): Promise<Map<number, boolean>> {
    await this.writer.run(
      `CREATE TEMP TABLE suspect AS SELECT 0::BIGINT AS ordinal, ${FACT_COLUMNS.join(', ')} FROM ledger.usage_record LIMIT 0`,
    );
    const writer = await TableWriter.open(this.writer, suspectLayout(this.words));
    for (const [ordinal, posting] of suspects.entries()) writer.append({ ordinal, posting });
    writer.flush();
    writer.close();

    const known = new Map<number, boolean>();
    const lookUp = async (where: string) => {
      const rows = await this.writer.runAndReadAll(
        `SELECT s.ordinal, ${COMPARED_COLUMNS.map((c) => `u.${c} IS NOT DISTINCT FROM s.${c}`).join(' AND ')}
         FROM temp.suspect s
         JOIN ledger.usage_record u
           ON u.span_id = s.span_id AND u.trace_id = s.trace_id AND u.tenant = s.tenant
         WHERE ${where}`,
      );
      for (const [ordinal, isEqual] of rows.getRows()) known.set(Number(ordinal), isEqual === true);
    };
    const [from, to] = eventTimeRange(suspects);
    await lookUp(`u.event_time BETWEEN make_timestamptz(${from}) AND make_timestamptz(${to})`);
    if (known.size < suspects.length) {
      await this.writer.run(
        `DELETE FROM temp.suspect WHERE ordinal IN (${[...known.keys()].join(', ') || 'NULL'})`,
      );
      await lookUp('true');
    }
    await this.writer.run('DROP TABLE temp.suspect');
    return known;
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

  private async writeCounts(counts: BatchCounts, outcome: CommitOutcome, nowMillis: number): Promise<void> {
    const damagedBytes = this.damages.reduce((sum, range) => sum + range.bytes, 0);
    await this.writer.run(
      `INSERT INTO ledger.ingest_hour
       SELECT date_trunc('hour', make_timestamptz($1::BIGINT * 1000)), $2::BIGINT, $3::BIGINT, $4::BIGINT, $5::BIGINT, $6::BIGINT,
         $7::BIGINT, $8::BIGINT, $9::BIGINT, 1, make_timestamptz($1::BIGINT * 1000)
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
         last_commit_at = excluded.last_commit_at`,
      [
        nowMillis,
        counts.bodies,
        counts.spans,
        outcome.posted,
        counts.notModelCalls,
        outcome.duplicates,
        outcome.conflicts + this.quarantinedOutright,
        this.rejected,
        damagedBytes,
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

function conflictingCopy({ tenant, receivedAtMillis, metered: { usage } }: Posting): Quarantined {
  const { traceId, spanId } = usage;
  return {
    tenant,
    receivedAtMillis,
    traceId,
    spanId,
    reason: 'conflicting_copy',
    content: JSON.stringify(usage),
  };
}

function eventTimeRange(postings: readonly Posting[]): [number, number] {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { metered } of postings) {
    from = Math.min(from, metered.usage.eventTimeMicros);
    to = Math.max(to, metered.usage.eventTimeMicros);
  }
  return [from, to];
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

/** Fills the identity filter from the file: raw columns, because a value at a time would take minutes at 50 M rows. */
async function loadIdentities(
  instance: DuckDBInstance,
  identities: IdentityFilter,
  words: Words,
): Promise<void> {
  const connection = await instance.connect();
  const tenants = await connection.runAndReadAll('SELECT DISTINCT tenant FROM ledger.usage_record');
  for (const [code] of tenants.getRows()) {
    const seed = tenantSeed(words.wordOf(Number(code)));
    const result = await connection.stream(
      'SELECT trace_id, span_id, epoch_us(event_time) FROM ledger.usage_record WHERE tenant = $1',
      [Number(code)],
    );
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      const words = (column: number, width: number) =>
        new DataView(
          duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, column), chunk.rowCount * width)
            .buffer,
        );
      const traceIds = words(0, 16);
      const spanIds = words(1, 8);
      const eventTimes = words(2, 8);
      for (let row = 0; row < chunk.rowCount; row++) {
        const identity: IdentityWords = [
          traceIds.getInt32(row * 16 + 12, true),
          traceIds.getInt32(row * 16 + 8, true),
          traceIds.getInt32(row * 16 + 4, true),
          traceIds.getInt32(row * 16, true),
          spanIds.getInt32(row * 8 + 4, true),
          spanIds.getInt32(row * 8, true),
        ];
        identities.addIfNew(seed, identity, Number(eventTimes.getBigInt64(row * 8, true)));
      }
    }
  }
  connection.closeSync();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
